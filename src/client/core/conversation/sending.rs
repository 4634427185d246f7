//! What goes out and what becomes of it: the outbox between the user, the broker and the chat's server.

use super::{Conversation, Join, Kind, Output, PING_TICKET, Publication, Role};
use crate::client::core::memo::Memo;
use crate::client::core::news::{News, Obstacle};
use crate::client::core::outbox::{GivenUp, Message, Progress, Renewed};
use crate::now::Now;
use crate::protocol::{ErrorCode, ErrorReply, MessageId, ServerInfo, Stored};
use std::time::{Duration, Instant};

/// How long a message may take before that is worth a word.
const QUIET: Duration = Duration::from_secs(1);
/// Characters of a message by which its sender knows it again.
const BEGIN: usize = 40;
/// Messages a second that a sender publishes before it knows how many the server takes: that takes a moment, and most
/// senders have only one.
const BEFORE_A_WORD: u64 = 10;

/// What has become of messages since it was told that they take longer than usual.
#[derive(Debug, Default)]
pub struct Delay {
    has_arrived: bool,
    has_failed: bool,
}

impl Conversation {
    /// Publishes the messages that wait, where they may go out.
    pub(super) fn flush(&mut self, now: Now) {
        if !self.may_go_out() {
            return;
        }
        for outgoing in self.outbox.take(now.instant, self.rate_now()) {
            self.out.push(Output::Publish(Publication {
                topic: self.config.topics.name(&outgoing.topic),
                payload: outgoing.payload,
                kind: Kind::Message,
                ticket: Some(outgoing.ticket),
            }));
        }
    }

    pub(super) fn may_go_out(&self) -> bool {
        self.connection_is_up && self.may_send && self.renaming.is_none()
    }

    /// How many messages a second may go out.
    pub(super) fn rate_now(&self) -> Option<u64> {
        self.undecided_until.map_or(self.rate, |_| Some(BEFORE_A_WORD))
    }

    /// Time has passed: what was unanswered for too long goes again, and who waits is told.
    pub(super) fn look_at_the_outbox(&mut self, now: Now) {
        if self.connection_is_up {
            self.outbox.expire(now.instant, self.server.is_some());
        }
        self.flush(now);
        self.tell_of_delay(now);
    }

    /// Who only sends waits no longer for the word of a server that may not be there. Without a connection it has none to
    /// wait for: the next one begins anew.
    pub(super) fn decide(&mut self, now: Now) {
        if self.undecided_until.is_some_and(|until| now.instant >= until) {
            self.undecided_until = None;
            self.settle_acknowledged();
            self.look_for_an_original(now);
            self.flush(now);
        }
    }

    pub(super) fn settle_acknowledged(&mut self) {
        if self.acknowledgement_is_the_end() {
            for progress in self.outbox.acknowledged_is_settled() {
                self.progressed(&progress);
            }
        }
    }

    /// Whether nobody will say more of a message than that the broker has it: no server that says `stored` was ever
    /// here, or an original one is in its place. Who only sends, and has just come, does not know that yet.
    fn acknowledgement_is_the_end(&self) -> bool {
        let is_told = self.connection_is_up && self.undecided_until.is_none();
        let none_was_here = !self.config.remembered.server_seen && (self.config.role == Role::Member || is_told);
        self.is_original || none_was_here
    }

    /// Whether messages wait for a chat server that is away: the broker has them, or could have them, and that is not all.
    pub fn awaits_a_server(&self) -> bool {
        self.connection_is_up && self.server.is_none() && !self.acknowledgement_is_the_end()
    }

    /// Whether what waits will wait a while longer.
    pub fn is_delayed(&self) -> bool {
        !self.connection_is_up || self.delay.is_some()
    }

    /// Who says anything on chat/server says `stored` too, now or when it is back: that is waited for.
    pub(super) fn server_confirms(&mut self, now: Now, info: &ServerInfo) {
        self.rate = info.rate;
        if !std::mem::replace(&mut self.config.remembered.server_seen, true) {
            self.out.remember(Memo::ServerSeen);
        }
        // Who only sends has heard what there is, and need not wait for it.
        self.undecided_until = None;
        self.flush(now);
    }

    pub(super) fn published(&mut self, now: Now, ticket: u64) {
        if ticket == PING_TICKET {
            self.requests.ping_published(now.instant, &mut self.out);
        } else if let Some(progress) = self.outbox.acknowledge(now.instant, ticket, self.acknowledgement_is_the_end()) {
            self.progressed(&progress);
            self.flush(now);
        }
    }

    pub(super) fn rejected(&mut self, now: Now, ticket: u64, reason: &str) {
        if ticket == PING_TICKET {
            return self.requests.ping_rejected();
        }
        if let Some(progress) = self.outbox.reject(ticket) {
            self.failed_for_good(&progress);
            self.out.error(format!("the broker does not take the message: {reason}"), progress.reference);
            self.flush(now);
        }
    }

    pub(super) fn given_up(&mut self, given_up: &GivenUp) {
        let begin: String = given_up.message.text().chars().take(BEGIN).collect();
        self.failed_for_good(&given_up.progress);
        let text = format!("not sent: the broker ends the connection each time it gets {begin:?}");
        self.out.error(text, given_up.progress.reference.clone());
    }

    /// The server has these messages in its history.
    pub(super) fn stored(&mut self, now: Now, stored: &Stored) {
        for progress in self.outbox.stored(&stored.session, &stored.seq) {
            self.progressed(&progress);
            self.out.tell(News::Stored { id: MessageId::Sent(progress.id), reference: progress.reference });
        }
        self.flush(now);
        self.tell_of_delay(now);
    }

    /// Whether an error says that another message has the id of one that waits here: it goes out under a new one.
    pub(super) fn is_sent_under_another_id(&mut self, now: Now, error: &ErrorReply) -> bool {
        let (ErrorCode::IdTaken, Some(MessageId::Sent(id))) = (error.code, &error.of) else { return false };
        // Another client's with our nick; or it went out twice before the first answer.
        if !self.outbox.has(id) {
            return true;
        }
        let Some(Renewed { kept, old_id }) = self.outbox.renew(now.instant, id, || self.random.session()) else {
            return false;
        };
        if let (Message::Private(private), Some(id)) = (&kept.message, kept.message.id()) {
            self.undelivered.forget(&old_id);
            self.undelivered.sent(id.clone(), private.to.key().clone(), kept.reference.clone());
        }
        self.shown_to_oneself(now, &kept.message);
        if self.config.keeps_outbox {
            // In this order: a death between the two loses nothing.
            self.out.push(Output::Queued(kept));
            self.out.push(Output::Settled(old_id));
        }
        self.flush(now);
        true
    }

    /// Whether an error is about a message that waits here, perhaps of an earlier run: then it waits no more.
    pub(super) fn is_refused_for_good(&mut self, now: Now, error: &ErrorReply) -> bool {
        let Some(MessageId::Sent(id)) = &error.of else { return false };
        let Some(progress) = self.outbox.refuse(id) else { return false };
        self.failed_for_good(&progress);
        self.out.tell(News::Refused { error: error.clone(), reference: progress.reference });
        self.flush(now);
        true
    }

    fn progressed(&mut self, progress: &Progress) {
        if progress.is_newly_sent {
            let id = MessageId::Sent(progress.id.clone());
            self.out.tell(News::Sent { id, reference: progress.reference.clone() });
        }
        if let Some(delay) = self.delay.as_mut().filter(|_| progress.is_settled) {
            delay.has_arrived = true;
        }
        self.settled(progress);
    }

    /// It was told why.
    fn failed_for_good(&mut self, progress: &Progress) {
        if let Some(delay) = &mut self.delay {
            delay.has_failed = true;
        }
        self.settled(progress);
    }

    fn settled(&mut self, progress: &Progress) {
        if progress.is_settled && self.config.keeps_outbox {
            self.out.push(Output::Settled(progress.id.clone()));
        }
    }

    /// A message that takes longer than usual is worth a word, and so is the end of that.
    fn tell_of_delay(&mut self, now: Now) {
        if !self.tells_of_delay() {
            return;
        }
        match (self.outbox.oldest(), self.delay.take()) {
            // Where none of them arrived, there is nothing good to tell.
            (None, Some(Delay { has_arrived: true, has_failed })) => {
                let stored = !self.acknowledgement_is_the_end();
                self.out.tell(News::AllArrived { stored, others_failed: has_failed });
            }
            (None, _) => {}
            (Some(since), None) if now.instant.saturating_duration_since(since) >= QUIET => {
                self.delay = Some(Delay::default());
                self.out.tell(News::Delayed(self.obstacle()));
            }
            (Some(_), delay) => self.delay = delay,
        }
    }

    fn tells_of_delay(&self) -> bool {
        self.config.role != Role::Sender && !self.choosing_nick
    }

    /// When there is something to tell of a delay.
    pub(super) fn delay_due(&self, now: Instant) -> Option<Instant> {
        match (self.outbox.oldest(), &self.delay) {
            _ if !self.tells_of_delay() => None,
            (Some(since), None) => Some(since + QUIET),
            // That it is over.
            (None, Some(_)) => Some(now),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    fn obstacle(&self) -> Obstacle {
        match (self.connection_is_up, self.join, &self.server) {
            (false, ..) => Obstacle::Connection,
            _ if self.acknowledgement_is_the_end() => Obstacle::Broker,
            (_, Join::Asked | Join::Welcomed, None) => Obstacle::Server,
            _ => Obstacle::Silence,
        }
    }
}
