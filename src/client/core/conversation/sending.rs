//! Sends messages and tracks them: the outbox between the user, the broker and the chat server.

mod undelivered;

use super::Output;
use super::outputs::Outputs;
use super::people::People;
use super::typed::in_words;
use crate::client::core::news::{News, Obstacle};
use crate::client::core::outbox::{Kept, Outbox, OwnMessage, Progress};
use crate::link::{Publication, Qos};
use crate::now::Now;
use crate::protocol::{ErrorCode, ErrorReply, MessageId, Nick, NickKey, Receipt, Session, Stored, Topics, Waiting};
use crate::random::Random;
use std::time::{Duration, Instant};
use undelivered::Undelivered;

/// How long a message may take before the user is told of a delay.
const QUIET: Duration = Duration::from_secs(1);
/// How many characters of a message identify it to its sender.
const BEGIN: usize = 40;

#[derive(Debug)]
pub struct Sending {
    /// The quality of service of messages.
    qos: Qos,
    outbox: Outbox,
    /// The outbox outlives the run: each message that is taken or settled is reported.
    is_kept: bool,
    undelivered: Undelivered,
    /// The user was told that messages take longer than usual.
    delay: Option<Delay>,
    /// When a message in the outbox is retransmitted.
    again_at: Option<Instant>,
    /// When the pace allows the next message.
    turn_at: Option<Instant>,
    /// When to tell of a delay.
    delay_at: Option<Instant>,
}

/// What happened to messages since the user was told of a delay.
#[derive(Debug, Default)]
struct Delay {
    has_arrived: bool,
    has_failed: bool,
}

/// The path between messages and the chat server.
#[derive(Debug, Clone, Copy)]
pub struct Passage {
    pub is_connected: bool,
    /// Messages may go out.
    pub is_open: bool,
    pub server_is_there: bool,
    /// The limit in messages per second.
    pub rate: Option<u64>,
    /// The broker's acknowledgement settles a message.
    pub ends_at_broker: bool,
    /// Why messages take longer than usual; `None`: that is not told.
    pub obstacle: Option<Obstacle>,
}

/// What became of the message that the server refuses.
#[derive(Debug, PartialEq, Eq)]
pub enum RefusedMessage {
    /// It is about something else.
    NotOurs,
    /// The message has left the outbox, and the refusal is told now; or its id belongs to another client.
    Settled,
    /// Another message has its id, so the message goes out under a new one.
    Renewed(OwnMessage),
}

impl Sending {
    /// `earlier`: messages that earlier runs did not settle. `is_kept`: the outbox outlives the run.
    pub fn new(qos: Qos, session: Session, earlier: Vec<Kept>, is_kept: bool) -> Sending {
        let mut undelivered = Undelivered::default();
        earlier.iter().for_each(|kept| undelivered.sent(kept));
        let outbox = Outbox::new(session, earlier);
        Sending { qos, outbox, is_kept, undelivered, delay: None, again_at: None, turn_at: None, delay_at: None }
    }

    /// The unsettled messages.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether the user was told of a delay.
    pub fn is_delayed(&self) -> bool {
        self.delay.is_some()
    }

    /// Takes a message. `None`: the outbox is full, which is told.
    pub fn take(&mut self, now: Instant, message: OwnMessage, out: &mut Outputs) -> Option<OwnMessage> {
        let Some(kept) = self.outbox.push(now, message, out.reference()) else {
            let waiting = self.outbox.len();
            out.error(format!("not sent: {waiting} messages wait to be stored already"));
            return None;
        };
        self.undelivered.sent(&kept);
        if self.is_kept {
            out.push(Output::Queued(kept.clone()));
        }
        Some(kept.message)
    }

    /// Publishes the waiting messages, if they may go out.
    pub fn flush(&mut self, now: Instant, passage: &Passage, topics: &Topics, out: &mut Outputs) {
        if !passage.is_open {
            return;
        }
        for outgoing in self.outbox.take(now, passage.rate) {
            let (topic, ticket) = (topics.name(&outgoing.topic), Some(outgoing.ticket));
            out.publish(Publication { topic, payload: outgoing.payload, qos: self.qos, retain: false, ticket });
        }
    }

    /// Handles deadlines: retransmits unanswered messages, and tells of delays.
    pub fn look(&mut self, now: Instant, passage: &Passage, topics: &Topics, out: &mut Outputs) {
        if passage.is_connected {
            self.outbox.expire(now, passage.server_is_there);
        }
        self.flush(now, passage, topics, out);
        self.again_at = self.outbox.next_expiry(passage.server_is_there).filter(|_| passage.is_connected);
        self.turn_at = if passage.is_open { self.outbox.next_turn(now, passage.rate) } else { None };
        self.delay_at = self.tell_of_delay(now, passage, out);
    }

    /// When [`Sending::look`] has work.
    pub fn due(&self) -> Option<Instant> {
        [self.again_at, self.turn_at, self.delay_at].into_iter().flatten().min()
    }

    /// Tells when messages take longer than usual, and when that is over. Returns when to look again.
    fn tell_of_delay(&mut self, now: Instant, passage: &Passage, out: &mut Outputs) -> Option<Instant> {
        let obstacle = passage.obstacle?;
        match (self.outbox.oldest(), self.delay.take()) {
            // If none of them arrived, there is no good news to tell.
            (None, Some(Delay { has_arrived: true, has_failed })) => {
                out.tell(News::AllArrived { stored: !passage.ends_at_broker, others_failed: has_failed });
            }
            (None, _) => {}
            (Some(since), None) if now.saturating_duration_since(since) < QUIET => return Some(since + QUIET),
            (Some(_), None) => {
                self.delay = Some(Delay::default());
                out.tell(News::Delayed(obstacle));
            }
            (Some(_), delay) => self.delay = delay,
        }
        None
    }

    /// A chat server came, perhaps after messages were sent.
    pub fn server_came(&mut self, now: Instant) {
        self.outbox.server_came(now);
    }

    /// The broker has acknowledged a message.
    pub fn published(&mut self, now: Instant, ticket: u64, passage: &Passage, out: &mut Outputs) {
        if let Some(progress) = self.outbox.acknowledge(now, ticket, passage.ends_at_broker) {
            self.progressed(&progress, out);
        }
    }

    /// Settles acknowledged messages if no server will confirm them any longer.
    pub fn settle_acknowledged(&mut self, passage: &Passage, out: &mut Outputs) {
        if passage.ends_at_broker {
            for progress in self.outbox.acknowledged_is_settled() {
                self.progressed(&progress, out);
            }
        }
    }

    /// The broker will never take this message.
    pub fn rejected(&mut self, ticket: u64, reason: &str, out: &mut Outputs) {
        if let Some(progress) = self.outbox.reject(ticket) {
            self.failed(&progress, out);
            let text = format!("the broker does not take the message: {reason}");
            out.reply(News::Error(text), progress.reference);
        }
    }

    /// The connection is lost.
    pub fn lost(&mut self, now: Instant, out: &mut Outputs) {
        if let Some((message, progress)) = self.outbox.lost(now) {
            let begin: String = message.text.chars().take(BEGIN).collect();
            self.failed(&progress, out);
            let text = format!("not sent: the broker ends the connection each time it gets {begin:?}");
            out.reply(News::Error(text), progress.reference);
        }
    }

    /// Nothing goes out until the next connection.
    pub fn pause(&mut self) {
        (self.again_at, self.turn_at) = (None, None);
    }

    /// The user goes on under another nick, on a new connection.
    pub fn renamed(&mut self, nick: &Nick) {
        self.outbox.rename(nick);
        self.undelivered.renamed();
    }

    /// The server has stored these messages.
    pub fn stored(&mut self, stored: &Stored, out: &mut Outputs) {
        for progress in self.outbox.stored(&stored.session, &stored.seq) {
            self.progressed(&progress, out);
            out.reply(News::Stored(MessageId::Sent(progress.id)), progress.reference);
        }
    }

    /// The server refuses something, perhaps a message in the outbox. `random` provides the session of a new id.
    pub fn refused(&mut self, now: Instant, error: &ErrorReply, random: &Random, out: &mut Outputs) -> RefusedMessage {
        let Some(MessageId::Sent(id)) = &error.of else { return RefusedMessage::NotOurs };
        if error.code == ErrorCode::IdTaken {
            // It is about a message of another client with our nick, or this one went out twice before the first answer.
            if !self.outbox.has(id) {
                return RefusedMessage::Settled;
            }
            if let Some(kept) = self.outbox.renew(now, id, || random.session()) {
                self.undelivered.forget(id);
                self.undelivered.sent(&kept);
                let message = kept.message.clone();
                if self.is_kept {
                    // In this order, a crash between the two loses nothing.
                    out.push(Output::Queued(kept));
                    out.push(Output::Settled(id.clone()));
                }
                return RefusedMessage::Renewed(message);
            }
        }
        let Some(progress) = self.outbox.refuse(id) else { return RefusedMessage::NotOurs };
        self.failed(&progress, out);
        out.reply(News::Refused(error.clone()), progress.reference);
        RefusedMessage::Settled
    }

    /// The server keeps a direct message until its addressee comes. `own`: the user's nick.
    pub fn waits(&mut self, waiting: Waiting, own: &NickKey, people: &People, out: &mut Outputs) {
        let Waiting { of: id, to } = waiting;
        let Some(reference) = self.undelivered.waiting(&id) else { return };
        // The first message told that the addressee is away.
        if out.is_on_terminal() && self.undelivered.waiting_for(to.key()) > 1 {
            return;
        }
        match people.stranger(&to, own).filter(|_| out.is_on_terminal()) {
            // A message to a misspelled nick would wait forever.
            Some(nobody) => out.answer(format!("{nobody}; the message waits until somebody comes with that nick")),
            None => out.reply(News::Waiting { id, to }, reference),
        }
    }

    /// A direct message was shown to its addressee. `own`: the user's nick.
    pub fn delivered(&mut self, receipt: &Receipt, own: &NickKey, out: &mut Outputs) {
        if receipt.of.nick.key() == own {
            self.undelivered.delivered(receipt, out);
        }
    }

    fn progressed(&mut self, progress: &Progress, out: &mut Outputs) {
        if progress.is_newly_sent {
            let id = MessageId::Sent(progress.id.clone());
            out.reply(News::Sent(id), progress.reference.clone());
        }
        if let Some(delay) = self.delay.as_mut().filter(|_| progress.is_settled) {
            delay.has_arrived = true;
        }
        self.settled(progress, out);
    }

    /// A message failed, which was told with its reason.
    fn failed(&mut self, progress: &Progress, out: &mut Outputs) {
        if let Some(delay) = &mut self.delay {
            delay.has_failed = true;
        }
        self.settled(progress, out);
    }

    fn settled(&self, progress: &Progress, out: &mut Outputs) {
        if progress.is_settled && self.is_kept {
            out.push(Output::Settled(progress.id.clone()));
        }
    }

    /// A line of `/status`.
    pub fn status(&self, now: Now) -> String {
        let (all, sent) = (self.outbox.len(), self.outbox.acknowledged());
        let kept = if self.is_kept { "; kept in a file until then" } else { "" };
        let age = self.outbox.oldest().map(|since| in_words(now.instant.saturating_duration_since(since)));
        let age = age.map_or(String::new(), |age| format!(", the oldest for {age}"));
        match (all, all - sent) {
            (0, _) => "empty: nothing waits to be sent or stored".to_owned(),
            (_, 0) => format!("{all} not stored yet{age}{kept}"),
            (_, unsent) if unsent == all => format!("{all} not sent yet{age}{kept}"),
            (_, unsent) => format!("{unsent} not sent yet, {sent} not stored yet{age}{kept}"),
        }
    }
}

#[cfg(test)]
mod tests;
