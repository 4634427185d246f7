//! The messages under way to one addressee, and which of them are lost.

use super::pace::DirectPace;
use super::{DirectStep, LOST, Seating, UNDER_WAY, WaitingDirect};
use crate::protocol::{Nick, NickKey, Private, SentId};
use std::collections::BTreeMap;
use std::time::Instant;

#[derive(Debug, Default)]
pub struct Addressee {
    pub pace: DirectPace,
    pub asked: Option<Asked>,
    /// By row, which is the order of arrival.
    pub under_way: BTreeMap<i64, UnderWay>,
    /// Everything in the database up to this row was looked at.
    pub seen: i64,
    /// There may be more above it.
    pub more: bool,
    /// By row: messages that were live before their addressee joined again, and that were not fetched since. Their
    /// senders do not know that they wait.
    pub were_live: BTreeMap<i64, UnderWay>,
}

#[derive(Debug)]
pub struct Asked {
    pub at: Instant,
    pub after: i64,
    /// The last row under way at the time of the question.
    pub last: i64,
    /// Rows whose receipts arrived since.
    pub received: Vec<i64>,
    /// A message was stored since for which there was no room.
    pub more: bool,
}

#[derive(Debug)]
pub struct UnderWay {
    pub sender: Nick,
    pub id: SentId,
    pub to: Nick,
    pub way: Way,
    /// When it was sent this way.
    pub since: Instant,
    /// How often it was sent from here.
    pub times: u32,
    /// Its sender's client sent it to a present addressee, and its sender does not know that it may wait.
    pub live: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the sender's client to the addressee's.
    Live,
    /// From the server; the number counts its transmissions to this addressee.
    Sent(u64),
    /// From the server to an original client.
    Flat,
    /// It did not arrive. It is retransmitted when there is room, but not before `again`.
    Lost { again: Instant },
}

impl Addressee {
    pub fn ask(&mut self, to: &NickKey, after: i64, now: Instant) -> DirectStep {
        let last = self.under_way.last_key_value().map_or(0, |(row, _)| *row);
        self.asked = Some(Asked { at: now, after, last, received: Vec::new(), more: false });
        DirectStep::Ask { to: to.clone(), after }
    }

    /// Asks for messages to send if there is room: first for lost ones.
    pub fn ask_for_more(&mut self, to: &NickKey, now: Instant) -> Option<DirectStep> {
        if self.asked.is_some() || !self.pace.has_room(self.sent()) {
            return None;
        }
        let is_due = |message: &UnderWay| matches!(message.way, Way::Lost { again } if again <= now);
        let lost = self.under_way.iter().find(|(_, message)| is_due(message)).map(|(row, _)| row - 1);
        let more = (self.more && self.under_way.len() <= UNDER_WAY / 2).then_some(self.seen);
        lost.or(more).map(|after| self.ask(to, after, now))
    }

    /// How many of those under way the server sent in sequence.
    pub fn sent(&self) -> usize {
        self.under_way.values().filter(|message| matches!(message.way, Way::Sent(_))).count()
    }

    /// Whether one more may be sent. Receipts of an original client come only with its heartbeats, so they limit
    /// nothing.
    pub fn has_place(&self, seating: Seating) -> bool {
        seating == Seating::Original || self.pace.room(self.sent()) > 0
    }

    /// Sends the message of this row if it is its turn.
    pub fn send(&mut self, row: i64, private: Private, seating: Seating, now: Instant) -> Option<DirectStep> {
        let has_place = self.has_place(seating);
        let message = self.under_way.get_mut(&row)?;
        if seating == Seating::Original {
            if message.way == Way::Flat {
                return None;
            }
            (message.way, message.since) = (Way::Flat, now);
            return Some(DirectStep::Flatten(private));
        }
        if !has_place || !matches!(message.way, Way::Lost { again } if again <= now) {
            return None;
        }
        (message.way, message.since) = (Way::Sent(self.pace.send()), now);
        message.times += 1;
        Some(DirectStep::Deliver(Private { late: true, ..private }))
    }

    pub fn take(&mut self, row: i64) -> Option<UnderWay> {
        if let Some(asked) = &mut self.asked {
            asked.received.push(row);
        }
        self.were_live.remove(&row);
        self.under_way.remove(&row)
    }

    /// A receipt arrived. Brokers keep the order of one publisher, so everything sent before this message and without a
    /// receipt was dropped.
    pub fn arrived(&mut self, arrived: &UnderWay, now: Instant) {
        let was_sent_once = arrived.times == 1 && matches!(arrived.way, Way::Sent(_));
        self.pace.received(was_sent_once.then(|| now.saturating_duration_since(arrived.since)));
        for message in self.under_way.values_mut() {
            let was_dropped = match (message.way, arrived.way) {
                (Way::Sent(number), Way::Sent(later)) if number < later => {
                    self.pace.dropped(number);
                    true
                }
                (Way::Live, Way::Live) => {
                    let (id, later) = (&message.id, &arrived.id);
                    message.sender == arrived.sender && id.session == later.session && id.seq < later.seq
                }
                _ => false,
            };
            if was_dropped {
                let again = message.since + DirectPace::before_again(message.times);
                message.way = Way::Lost { again: again.max(now) };
            }
        }
    }

    /// Counts messages as lost whose receipt takes too long.
    pub fn lose_late_ones(&mut self, now: Instant) {
        let mut is_silent = false;
        for message in self.under_way.values_mut() {
            if matches!(message.way, Way::Live | Way::Sent(_)) && now >= message.since + self.pace.wait() {
                message.way = Way::Lost { again: now };
                is_silent = true;
            }
        }
        if is_silent {
            self.pace.silent(now);
        }
    }

    /// Forgets messages that the answer should contain but does not: they were received, or retention removed them.
    pub fn forget_missing(&mut self, asked: &Asked, found: &[WaitingDirect], all: bool) {
        let end = match found.last() {
            Some(last) if !all => asked.last.min(last.row),
            _ => asked.last,
        };
        let missing =
            |row: &i64, end| *row > asked.after && *row <= end && !found.iter().any(|direct| direct.row == *row);
        self.under_way.retain(|row, _| !missing(row, end));
        // All of them were stored before the question.
        let end = found.last().filter(|_| !all).map_or(i64::MAX, |last| last.row);
        self.were_live.retain(|row, _| !missing(row, end));
    }

    /// When there is something to do by time alone; `None`: never.
    pub fn next(&self) -> Option<Instant> {
        if let Some(asked) = &self.asked {
            return Some(asked.at + LOST);
        }
        let due = |message: &UnderWay| match message.way {
            Way::Live | Way::Sent(_) => Some(message.since + self.pace.wait()),
            Way::Lost { again } => Some(again),
            Way::Flat => None,
        };
        self.under_way.values().filter_map(due).min()
    }
}

impl UnderWay {
    pub fn new(private: &Private, id: SentId, way: Way, now: Instant) -> UnderWay {
        let (sender, to) = (private.nick.clone(), private.to.clone());
        UnderWay { sender, id, to, way, since: now, times: 0, live: false }
    }
}

impl Asked {
    pub fn is_lost(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= LOST
    }
}
