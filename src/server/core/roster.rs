//! Pure: who is present, in which sessions and rooms, when they were last heard, and when they leave.
//!
//! ```text
//!                 join, heartbeat                       leave ─► gone
//!   absent ───────────────────────────► present ──────┤
//!                                        │    ▲        silence of one timeout ─► timed out
//!                                   will │    │ join, or heartbeat of a later connection
//!                                        ▼    │
//!                                       doubted ── 1.5 s ─► gone
//! ```

#[cfg(test)]
mod tests;

use crate::protocol::limits::WILL_DELAY;
use crate::protocol::{Action, Nick, NickKey, NoticeKind, Presence, RoomName, Session};
use crate::server::core::record::{KeptSeat, SeatChange};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One presence of a person: a run of our client, or an original client, which names no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub session: Option<Session>,
    /// The number of the last connection heard from; 0 if it is unknown.
    pub conn: u32,
    pub rooms: Vec<RoomName>,
    pub heard: Instant,
    /// When its will is believed, if one arrived.
    doubted_until: Option<Instant>,
}

#[derive(Debug)]
struct Person {
    nick: Nick,
    seats: Vec<Seat>,
}

/// What a join or a heartbeat did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceOutcome {
    /// The person was absent before.
    New,
    /// A later connection of a present session, another session next to it, or one that replaces a doubted session.
    Back,
    /// The same session was already present on this connection.
    Known,
    /// Another session holds the nick.
    NickInUse,
}

#[derive(Debug)]
pub struct Roster {
    people: BTreeMap<NickKey, Person>,
    timeout: Duration,
    /// People whose seats differ from those in the database.
    changed: BTreeSet<NickKey>,
}

impl Roster {
    /// `timeout`: how long somebody may be silent.
    pub fn new(timeout: Duration) -> Roster {
        Roster { people: BTreeMap::new(), timeout, changed: BTreeSet::new() }
    }

    /// Restores the presences of the database. Everybody counts as just heard from, which gives them a grace of one
    /// timeout.
    pub fn restore(&mut self, kept: Vec<KeptSeat>, now: Instant) {
        for KeptSeat { nick, session, conn, rooms } in kept {
            let person = self.people.entry(nick.key().clone()).or_insert(Person { nick, seats: Vec::new() });
            person.seats.push(Seat { session, conn, rooms, heard: now, doubted_until: None });
        }
    }

    /// Handles a join or a heartbeat. The heartbeat of an absent person counts as a join. An open chat has one session
    /// per nick. A presence without a session cannot get that error, and is kept next to it.
    pub fn arrive(&mut self, presence: &Presence, now: Instant) -> PresenceOutcome {
        let seat = || Seat {
            session: presence.session.clone(),
            conn: presence.conn,
            rooms: presence.rooms.clone(),
            heard: now,
            doubted_until: None,
        };
        let key = presence.nick.key();
        let Some(person) = self.people.get_mut(key) else {
            self.people.insert(key.clone(), Person { nick: presence.nick.clone(), seats: vec![seat()] });
            self.changed.insert(key.clone());
            return PresenceOutcome::New;
        };
        if let Some(known) = person.seats.iter_mut().find(|seat| seat.session == presence.session) {
            let conn = presence.conn_or(known.conn);
            // Late messages of an earlier connection change nothing.
            if conn < known.conn {
                return PresenceOutcome::Known;
            }
            known.heard = now;
            let joins = presence.action == Action::Join;
            // A will follows everything else of its connection, except for messages still under way. So only a later
            // connection, or a new join of a run that does not count its connections, shows that the run goes on.
            if conn > known.conn || joins {
                known.doubted_until = None;
            }
            if conn > known.conn || (joins && presence.rooms != known.rooms) {
                self.changed.insert(key.clone());
            }
            // Another spelling is the same person.
            if joins && presence.nick != person.nick {
                person.nick.clone_from(&presence.nick);
                self.changed.insert(key.clone());
            }
            let arrival = if conn > known.conn { PresenceOutcome::Back } else { PresenceOutcome::Known };
            known.conn = conn;
            if joins {
                known.rooms.clone_from(&presence.rooms);
            }
            return arrival;
        }
        if presence.session.is_some() {
            if person.seats.iter().any(|seat| seat.doubted_until.is_none()) {
                return PresenceOutcome::NickInUse;
            }
            person.seats.clear();
        }
        person.seats.push(seat());
        self.changed.insert(key.clone());
        PresenceOutcome::Back
    }

    /// Handles a leave, which ends only its own session. True if nobody is left under that nick.
    pub fn leave(&mut self, presence: &Presence) -> bool {
        let key = presence.nick.key();
        let Some(person) = self.people.get_mut(key) else { return false };
        let before = person.seats.len();
        person.seats.retain(|seat| seat.session != presence.session || presence.conn_or(seat.conn) < seat.conn);
        if person.seats.len() < before {
            self.changed.insert(key.clone());
        }
        let is_gone = person.seats.is_empty();
        if is_gone {
            self.people.remove(key);
        }
        is_gone
    }

    /// Handles a will. It is believed 1.5 s later, unless a later connection of its session is heard from before. The
    /// will of an earlier connection means nothing.
    pub fn doubt(&mut self, presence: &Presence, now: Instant) {
        if let Some(person) = self.people.get_mut(presence.nick.key())
            && let Some(seat) = person.seats.iter_mut().find(|seat| seat.session == presence.session)
            && presence.conn_or(seat.conn) >= seat.conn
        {
            seat.doubted_until.get_or_insert(now + WILL_DELAY);
        }
    }

    /// Removes people whose will is believed now, or who were silent for too long.
    pub fn sweep(&mut self, now: Instant) -> Vec<(NoticeKind, Nick)> {
        let timeout = self.timeout;
        let mut gone = Vec::new();
        let changed = &mut self.changed;
        self.people.retain(|key, person| {
            let mut last = NoticeKind::Leave;
            person.seats.retain(|seat| {
                let timed_out = now.saturating_duration_since(seat.heard) >= timeout;
                let willed = seat.doubted_until.is_some_and(|until| until <= now);
                if timed_out || willed {
                    changed.insert(key.clone());
                    last = if willed { NoticeKind::Leave } else { NoticeKind::Timeout };
                }
                !(timed_out || willed)
            });
            if person.seats.is_empty() {
                gone.push((last, person.nick.clone()));
            }
            !person.seats.is_empty()
        });
        gone
    }

    /// After an outage of the server, everybody counts as just heard from, and wills are forgotten.
    pub fn grace(&mut self, now: Instant) {
        for seat in self.people.values_mut().flat_map(|person| &mut person.seats) {
            seat.heard = now;
            seat.doubted_until = None;
        }
    }

    /// How many people are present.
    pub fn online(&self) -> usize {
        self.people.len()
    }

    /// Everybody present, by key.
    pub fn nicks(&self) -> impl Iterator<Item = &Nick> {
        self.people.values().map(|person| &person.nick)
    }

    /// The nick as it was typed, and the sessions; `None` if nobody is present under it.
    pub fn seats(&self, key: &NickKey) -> Option<(&Nick, &[Seat])> {
        self.people.get(key).map(|person| (&person.nick, person.seats.as_slice()))
    }

    /// How many people are in each room. The lobby, where everybody is, is left out.
    pub fn members(&self) -> BTreeMap<RoomName, u64> {
        let mut members = BTreeMap::new();
        for person in self.people.values() {
            let mut rooms: Vec<&RoomName> = person.seats.iter().flat_map(|seat| &seat.rooms).collect();
            rooms.sort();
            rooms.dedup();
            for room in rooms {
                *members.entry(room.clone()).or_default() += 1;
            }
        }
        members
    }

    /// The presences that changed since the last call, for the database.
    pub fn take_changes(&mut self) -> Vec<SeatChange> {
        let change = |key: NickKey| {
            let seats = self.people.get(&key).map_or(Vec::new(), Person::kept);
            SeatChange { key, seats }
        };
        std::mem::take(&mut self.changed).into_iter().map(change).collect()
    }
}

impl Person {
    fn kept(&self) -> Vec<KeptSeat> {
        let kept = |seat: &Seat| KeptSeat {
            nick: self.nick.clone(),
            session: seat.session.clone(),
            conn: seat.conn,
            rooms: seat.rooms.clone(),
        };
        self.seats.iter().map(kept).collect()
    }
}
