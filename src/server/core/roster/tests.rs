//! The roster, with a clock that the tests move.

use super::*;
use crate::now::an_instant;

const TIMEOUT: Duration = Duration::from_secs(60);

struct Clock(Instant);

impl Clock {
    fn pass(&mut self, seconds: f64) -> Instant {
        self.0 += Duration::from_secs_f64(seconds);
        self.0
    }
}

fn start() -> (Roster, Clock) {
    (Roster::new(TIMEOUT), Clock(an_instant()))
}

/// A presence of `nick` in the run named by `session` (0: an original client), on its connection `conn`.
fn of(nick: &str, session: u8, conn: u32) -> Presence {
    Presence {
        action: Action::Join,
        nick: Nick::parse(nick).unwrap(),
        timestamp: None,
        session: (session > 0).then(|| Session::from_random([session; 12])),
        conn,
        will: false,
        rooms: Vec::new(),
    }
}

fn heartbeat(nick: &str, session: u8, conn: u32) -> Presence {
    Presence { action: Action::Heartbeat, ..of(nick, session, conn) }
}

fn gone(roster: &mut Roster, now: Instant) -> Vec<(NoticeKind, String)> {
    roster.sweep(now).into_iter().map(|(kind, nick)| (kind, nick.to_string())).collect()
}

#[test]
fn silence_of_one_timeout_ends_a_presence() {
    let (mut roster, mut clock) = start();
    assert_eq!(roster.arrive(&of("Alice", 1, 1), clock.0), PresenceOutcome::New);
    assert_eq!(roster.arrive(&of("bob", 0, 0), clock.0), PresenceOutcome::New);
    assert_eq!(roster.arrive(&of("bob", 0, 0), clock.pass(30.0)), PresenceOutcome::Known);
    assert_eq!(gone(&mut roster, clock.pass(29.9)), []);
    assert_eq!(gone(&mut roster, clock.pass(0.1)), [(NoticeKind::Timeout, "Alice".to_owned())]);
    assert_eq!(gone(&mut roster, clock.pass(30.0)), [(NoticeKind::Timeout, "bob".to_owned())]);
    assert_eq!(roster.online(), 0);
}

#[test]
fn another_spelling_of_a_nick_is_listed() {
    let (mut roster, clock) = start();
    roster.arrive(&of("alice", 1, 1), clock.0);
    let names = |roster: &Roster| roster.nicks().map(Nick::to_string).collect::<Vec<_>>();
    assert_eq!(roster.arrive(&heartbeat("ALICE", 1, 2), clock.0), PresenceOutcome::Back);
    assert_eq!(names(&roster), ["alice"], "which may come late");
    assert_eq!(roster.arrive(&of("ALICE", 1, 3), clock.0), PresenceOutcome::Back);
    assert_eq!(names(&roster), ["ALICE"]);
}

#[test]
fn a_will_is_believed_after_a_second_and_a_half() {
    let (mut roster, mut clock) = start();
    roster.arrive(&of("alice", 1, 1), clock.0);
    roster.doubt(&of("alice", 1, 1), clock.0);
    assert_eq!(gone(&mut roster, clock.pass(1.4)), []);
    assert_eq!(gone(&mut roster, clock.pass(0.1)), [(NoticeKind::Leave, "alice".to_owned())]);
}

#[test]
fn a_short_drop_is_no_leave_whichever_comes_first() {
    for will_first in [true, false] {
        let (mut roster, mut clock) = start();
        roster.arrive(&of("alice", 1, 1), clock.0);
        if will_first {
            roster.doubt(&of("alice", 1, 1), clock.0);
        }
        assert_eq!(roster.arrive(&of("alice", 1, 2), clock.pass(1.0)), PresenceOutcome::Back);
        if !will_first {
            roster.doubt(&of("alice", 1, 1), clock.0);
        }
        assert_eq!(gone(&mut roster, clock.pass(5.0)), [], "will first: {will_first}");
    }
}

#[test]
fn a_late_heartbeat_does_not_cancel_a_will() {
    let (mut roster, mut clock) = start();
    roster.arrive(&of("alice", 1, 1), clock.0);
    roster.doubt(&of("alice", 1, 1), clock.0);
    roster.arrive(&heartbeat("alice", 1, 1), clock.0);
    assert_eq!(gone(&mut roster, clock.pass(2.0)).len(), 1);
}

#[test]
fn late_messages_of_an_earlier_connection_change_nothing() {
    let (mut roster, mut clock) = start();
    let room = RoomName::parse("dev").unwrap();
    roster.arrive(&Presence { rooms: vec![room.clone()], ..of("alice", 1, 2) }, clock.0);
    roster.arrive(&of("alice", 1, 1), clock.pass(30.0));
    assert_eq!(roster.members().get(&room), Some(&1));
    assert_eq!(gone(&mut roster, clock.pass(30.0)).len(), 1, "nor is it a sign of life");
}

#[test]
fn a_heartbeat_does_not_change_rooms() {
    let (mut roster, clock) = start();
    let room = RoomName::parse("dev").unwrap();
    roster.arrive(&Presence { rooms: vec![room.clone()], ..of("alice", 1, 1) }, clock.0);
    roster.arrive(&heartbeat("alice", 1, 1), clock.0);
    assert_eq!(roster.members().get(&room), Some(&1));
    roster.arrive(&of("alice", 1, 1), clock.0);
    assert_eq!(roster.members().get(&room), None, "a join replaces them");
}

#[test]
fn a_run_without_connection_numbers_returns_with_its_next_join() {
    let (mut roster, mut clock) = start();
    roster.arrive(&of("alice", 1, 0), clock.0);
    roster.doubt(&of("alice", 1, 0), clock.0);
    roster.arrive(&of("alice", 1, 0), clock.pass(1.0));
    assert_eq!(gone(&mut roster, clock.pass(2.0)), []);
}

#[test]
fn a_quick_restart_is_no_leave_and_no_join() {
    let (mut roster, mut clock) = start();
    roster.arrive(&of("alice", 1, 1), clock.0);
    roster.doubt(&of("alice", 1, 1), clock.0);
    assert_eq!(roster.arrive(&of("Alice", 2, 1), clock.pass(0.5)), PresenceOutcome::Back);
    assert_eq!(gone(&mut roster, clock.pass(5.0)), []);
    roster.doubt(&of("alice", 1, 1), clock.0);
    assert!(!roster.leave(&of("alice", 1, 1)));
    assert_eq!(gone(&mut roster, clock.pass(5.0)), []);
}

#[test]
fn one_session_per_nick() {
    let (mut roster, clock) = start();
    roster.arrive(&of("alice", 1, 1), clock.0);
    assert_eq!(roster.arrive(&of("ALICE", 2, 1), clock.0), PresenceOutcome::NickInUse);
    assert_eq!(roster.arrive(&of("alice", 0, 0), clock.0), PresenceOutcome::Back);
    roster.arrive(&of("bob", 0, 0), clock.0);
    assert_eq!(roster.arrive(&of("bob", 3, 1), clock.0), PresenceOutcome::NickInUse);
}

#[test]
fn a_leave_ends_only_its_own_session() {
    let (mut roster, clock) = start();
    roster.arrive(&of("alice", 1, 2), clock.0);
    roster.arrive(&of("alice", 0, 0), clock.0);
    assert!(!roster.leave(&of("alice", 2, 1)));
    assert!(!roster.leave(&of("alice", 1, 1)), "an earlier connection of the run");
    assert!(!roster.leave(&of("alice", 0, 0)), "the session-less presence goes, the other stays");
    assert!(roster.leave(&of("alice", 1, 2)));
    assert!(!roster.leave(&of("alice", 1, 2)));
}

#[test]
fn an_outage_of_the_server_makes_nobody_leave() {
    let (mut roster, mut clock) = start();
    roster.arrive(&of("alice", 1, 1), clock.0);
    roster.doubt(&of("alice", 1, 1), clock.0);
    roster.grace(clock.pass(600.0));
    assert_eq!(gone(&mut roster, clock.pass(59.0)), []);
    assert_eq!(gone(&mut roster, clock.pass(1.0)), [(NoticeKind::Timeout, "alice".to_owned())]);
}

#[test]
fn stored_presences_come_back() {
    let (mut roster, clock) = start();
    let mut presence = of("Alice", 1, 3);
    presence.rooms = vec![RoomName::parse("dev").unwrap()];
    roster.arrive(&presence, clock.0);
    roster.arrive(&of("bob", 0, 0), clock.0);
    let changes = roster.take_changes();
    assert_eq!(changes.len(), 2);
    assert_eq!(roster.take_changes(), []);
    let mut again = Roster::new(TIMEOUT);
    again.restore(changes.into_iter().flat_map(|change| change.seats).collect(), clock.0);
    assert_eq!(again.members(), roster.members());
    assert_eq!(again.nicks().collect::<Vec<_>>(), roster.nicks().collect::<Vec<_>>());
    assert_eq!(again.arrive(&presence, clock.0), PresenceOutcome::Known);
    assert_eq!(again.take_changes(), []);
    assert!(roster.leave(&of("bob", 0, 0)));
    let left = SeatChange { key: Nick::parse("bob").unwrap().key().clone(), seats: Vec::new() };
    assert_eq!(roster.take_changes(), [left]);
}

#[test]
fn an_absent_conn_counts_as_the_present_one() {
    let now = an_instant();
    let joined = || {
        let mut roster = Roster::new(TIMEOUT);
        roster.arrive(&of("alice", 1, 3), now);
        roster
    };
    // A join changes the rooms, a heartbeat counts as a sign of life, a will is believed, a leave counts.
    let rooms = vec![RoomName::parse("dev").unwrap()];
    let mut roster = joined();
    assert_eq!(roster.arrive(&Presence { rooms: rooms.clone(), ..of("alice", 1, 0) }, now), PresenceOutcome::Known);
    assert_eq!(roster.members().get(&rooms[0]), Some(&1));
    let later = now + TIMEOUT / 2;
    assert_eq!(roster.arrive(&heartbeat("alice", 1, 0), later), PresenceOutcome::Known);
    assert_eq!(gone(&mut roster, now + TIMEOUT), []);
    roster.doubt(&of("alice", 1, 0), later);
    assert_eq!(gone(&mut roster, later + WILL_DELAY), [(NoticeKind::Leave, "alice".to_owned())]);
    assert!(joined().leave(&of("alice", 1, 0)));
    // It stays connection 3. Late messages of earlier connections change nothing.
    roster = joined();
    roster.arrive(&of("alice", 1, 0), now);
    assert!(!roster.leave(&of("alice", 1, 2)));
}
