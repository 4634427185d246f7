//! Direct messages: each is kept until its receipt arrives, and sent to an addressee who missed it.

use super::invalid::agree;
use super::{Output, ServerChat, replies, shown};
use crate::now::Now;
use crate::protocol::{
    Entry, Invalid, MessageId, Nick, NickKey, Private, Receipt, ReceiptOf, SentId, Timestamp, Topic, Waiting,
};
use crate::server::core::direct::{DirectStep, Seating, UNDER_WAY};
use crate::server::core::record::{ArrivedDirect, Keep, StoreQuestion, WaitingDirect};
use log::info;

impl ServerChat {
    /// Handles a direct message or a receipt, which have the same topic. Returns the kind, for the log, and whether it
    /// is valid.
    pub(super) fn private(
        &mut self,
        now: Now,
        payload: &[u8],
        to: &NickKey,
        sender: &NickKey,
        outputs: &mut Vec<Output>,
    ) -> (&'static str, Result<(), Invalid>) {
        match Private::parse(payload) {
            Ok(Some(private)) => ("private", self.direct_message(now, private, to, sender, outputs)),
            Ok(None) => ("receipt", self.receipt(now, payload, to, sender, outputs)),
            Err(invalid) => ("private", Err(invalid)),
        }
    }

    fn direct_message(
        &mut self,
        now: Now,
        private: Private,
        to: &NickKey,
        sender: &NickKey,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Invalid> {
        agree(Some(sender), &private.nick)?;
        if private.to.key() != to {
            return Err(Invalid::WrongAddressee);
        }
        self.stats.directs_total += 1;
        // Without an id nobody could confirm it: it only reaches whoever is present.
        let Some(id) = &private.id else { return Ok(()) };
        let length = private.text.chars().count();
        info!("direct nick={} to={} id={id} length={length}", shown(&private.nick), shown(&private.to));
        let timestamp = private.timestamp.clone().unwrap_or_else(|| Timestamp::new(now.wall));
        let arrived = ArrivedDirect { private, timestamp, received: now.wall.timestamp_millis() };
        outputs.push(Output::Keep(Keep::Direct(arrived)));
        Ok(())
    }

    /// A receipt counts only if the message's addressee sent it. The database checks that.
    fn receipt(
        &mut self,
        now: Now,
        payload: &[u8],
        to: &NickKey,
        sender: &NickKey,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Invalid> {
        let Some(receipt) = Receipt::parse(payload)? else { return Ok(()) };
        agree(Some(sender), &receipt.nick)?;
        if receipt.of.nick.key() != to {
            return Err(Invalid::WrongAddressee);
        }
        let MessageId::Sent(id) = receipt.of.id else { return Ok(()) };
        let steps = self.directs.received(sender, to, &id, now.instant);
        self.take_steps(now, steps, outputs);
        let at = now.wall.timestamp_millis();
        outputs.push(Output::Keep(Keep::Delivered { to: sender.clone(), sender: to.clone(), id, at }));
        Ok(())
    }

    /// A direct message that waits for its receipt is in the database. While the broker is away, nobody can be told or
    /// served.
    pub(super) fn stored_direct(&mut self, now: Now, direct: WaitingDirect, outputs: &mut Vec<Output>) {
        if !self.connected {
            self.unserved.push(direct);
            return;
        }
        let seating = self.seating(direct.private.to.key());
        let steps = self.directs.stored(direct, seating, now.instant);
        self.take_steps(now, steps, outputs);
    }

    /// People who were present in an earlier run may wait for messages that it had under way, and they need not join
    /// again.
    pub(super) fn resume_directs(&mut self, now: Now, outputs: &mut Vec<Output>) {
        let keys: Vec<NickKey> = self.roster.nicks().map(|nick| nick.key().clone()).collect();
        for key in keys {
            let steps = self.directs.joined(&key, now.instant);
            self.take_steps(now, steps, outputs);
        }
    }

    pub(super) fn waiting(
        &mut self,
        now: Now,
        to: &NickKey,
        after: i64,
        found: Vec<WaitingDirect>,
        outputs: &mut Vec<Output>,
    ) {
        // The question is asked again after the connection is back.
        if !self.connected {
            return;
        }
        let seating = self.seating(to);
        let steps = self.directs.found(to, after, found, seating, now.instant);
        self.take_steps(now, steps, outputs);
    }

    pub(super) fn take_steps(&self, now: Now, steps: Vec<DirectStep>, outputs: &mut Vec<Output>) {
        for step in steps {
            match step {
                DirectStep::Ask { to, after } => {
                    outputs.push(Output::Ask(StoreQuestion::Waiting { to, after, limit: UNDER_WAY }));
                }
                DirectStep::Deliver(private) => self.to_client(private.to.key(), private.to_json(), outputs),
                DirectStep::Flatten(private) => self.flatten(now, private, outputs),
                DirectStep::Delivered { sender, id, to } => self.delivered(now, (sender, id, to), outputs),
                DirectStep::Waits { sender, id, to } => {
                    let waiting = Waiting { of: MessageId::Sent(id), to };
                    self.to_client(&sender, waiting.to_json(), outputs);
                }
            }
        }
    }

    /// An original client shows only histories and lists of what is sent to it alone.
    fn flatten(&self, now: Now, private: Private, outputs: &mut Vec<Output>) {
        // The nick as its owner typed it: the client subscribes to that.
        let to = self.roster.seats(private.to.key()).map_or(&private.to, |(nick, _)| nick);
        let topic = Topic::PrivateFlat { to: to.clone() };
        let entry = Entry {
            nick: private.nick,
            text: format!("(direct) {}", private.text),
            timestamp: private.timestamp,
            action: private.action,
            late: false,
            id: None,
            pos: None,
            received: None,
        };
        let page = replies::for_originals(vec![entry], Timestamp::new(now.wall));
        outputs.push(Output::Publish(self.publication(&topic, page.to_json(), false)));
    }

    /// An original client sends no receipts, so the server sends this one in its name.
    fn delivered(&self, now: Now, (sender, id, to): (Nick, SentId, Nick), outputs: &mut Vec<Output>) {
        let (key, to_key) = (sender.key().clone(), to.key().clone());
        let of = ReceiptOf { nick: sender, id: MessageId::Sent(id.clone()) };
        let receipt = Receipt { nick: to, of, timestamp: Some(Timestamp::new(now.wall)) };
        self.to_client(&key, receipt.to_json(), outputs);
        let at = now.wall.timestamp_millis();
        outputs.push(Output::Keep(Keep::Delivered { to: to_key, sender: key, id, at }));
    }

    /// An original client was heard. After a join it is on a new connection, on which it has received nothing yet.
    pub(super) fn original_is_there(&mut self, now: Now, key: &NickKey, joined: bool, outputs: &mut Vec<Output>) {
        if self.seating(key) == Seating::Original {
            let steps = match joined {
                true => self.directs.joined(key, now.instant),
                false => self.directs.heard_original(key, now.instant),
            };
            self.take_steps(now, steps, outputs);
        }
    }

    fn seating(&self, key: &NickKey) -> Seating {
        match self.roster.seats(key) {
            None => Seating::Away,
            Some((_, seats)) if seats.iter().any(|seat| seat.session.is_some()) => Seating::Ours,
            Some(_) => Seating::Original,
        }
    }
}
