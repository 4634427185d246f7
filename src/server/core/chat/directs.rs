//! Direct messages: each is kept until its receipt arrives, and retransmitted to an addressee who missed it.

use super::invalid::agree;
use super::{ServerChat, replies, shown};
use crate::protocol::{
    ChatMessage, Invalid, MessageId, Nick, NickKey, Place, Private, Receipt, ReceiptOf, SentId, Topic, Waiting,
};
use crate::server::core::direct::{DirectStep, Seating, UNDER_WAY};
use crate::server::core::record::{Keep, StoreQuestion, WaitingDirect};
use log::info;

impl ServerChat {
    /// Handles a direct message or a receipt, which have the same topic. Returns the kind, for the log, and whether it
    /// is valid.
    pub(super) fn private(
        &mut self,
        payload: &[u8],
        to: &NickKey,
        sender: &NickKey,
    ) -> (&'static str, Result<(), Invalid>) {
        match ChatMessage::<Place>::parse(payload, None) {
            Ok(Some(message)) => ("private", self.direct_message(message, to, sender)),
            Ok(None) => ("receipt", self.receipt(payload, to, sender)),
            Err(invalid) => ("private", Err(invalid)),
        }
    }

    fn direct_message(&mut self, message: ChatMessage<Place>, to: &NickKey, sender: &NickKey) -> Result<(), Invalid> {
        agree(Some(sender), &message.nick)?;
        let addressee = match &message.to {
            Place::Direct(addressee) if addressee.key() == to => addressee,
            _ => return Err(Invalid::WrongAddressee),
        };
        self.stats.directs_total += 1;
        // Without an id there is no receipt, so the message only reaches a present addressee.
        let Some(id) = &message.id else { return Ok(()) };
        let length = message.text.chars().count();
        info!("direct nick={} to={} id={id} length={length}", shown(&message.nick), shown(addressee));
        self.keep_message(message);
        Ok(())
    }

    /// A receipt counts only if the message's addressee sent it. The database checks that.
    fn receipt(&mut self, payload: &[u8], to: &NickKey, sender: &NickKey) -> Result<(), Invalid> {
        let Some(receipt) = Receipt::parse(payload)? else { return Ok(()) };
        agree(Some(sender), &receipt.nick)?;
        if receipt.of.nick.key() != to {
            return Err(Invalid::WrongAddressee);
        }
        let MessageId::Sent(id) = receipt.of.id else { return Ok(()) };
        let steps = self.directs.received(sender, to, &id, self.now.instant);
        self.take_steps(steps);
        let at = self.now.wall.timestamp_millis();
        self.keep(Keep::Delivered { to: sender.clone(), sender: to.clone(), id, at });
        Ok(())
    }

    /// A direct message without a receipt is in the database. While the broker is away, nobody can be notified or
    /// served.
    pub(super) fn stored_direct(&mut self, direct: WaitingDirect) {
        if !self.connected {
            self.unserved.push(direct);
            return;
        }
        let seating = self.seating(direct.private.to.key());
        let steps = self.directs.stored(direct, seating, self.now.instant);
        self.take_steps(steps);
    }

    /// Messages may have been under way to people who were present in an earlier run, and they need not join again.
    pub(super) fn resume_directs(&mut self) {
        let keys: Vec<NickKey> = self.roster.nicks().map(|nick| nick.key().clone()).collect();
        for key in keys {
            let steps = self.directs.joined(&key, self.now.instant);
            self.take_steps(steps);
        }
    }

    pub(super) fn waiting(&mut self, to: &NickKey, after: i64, found: Vec<WaitingDirect>) {
        // The question is repeated once the connection is back.
        if !self.connected {
            return;
        }
        let seating = self.seating(to);
        let steps = self.directs.found(to, after, found, seating, self.now.instant);
        self.take_steps(steps);
    }

    pub(super) fn take_steps(&mut self, steps: Vec<DirectStep>) {
        for step in steps {
            match step {
                DirectStep::Ask { to, after } => {
                    self.ask(StoreQuestion::Waiting { to, after, limit: UNDER_WAY });
                }
                DirectStep::Deliver(private) => self.tell_client(private.to.key(), private.to_json()),
                DirectStep::Flatten(private) => self.flatten(private),
                DirectStep::Delivered { sender, id, to } => self.delivered(sender, id, to),
                DirectStep::Waits { sender, id, to } => {
                    let waiting = Waiting { of: MessageId::Sent(id), to };
                    self.tell_client(&sender, waiting.to_json());
                }
            }
        }
    }

    /// An original client only shows histories and lists among private messages.
    fn flatten(&mut self, private: Private) {
        // The nick as its owner typed it: the client subscribes to that.
        let to = self.roster.seats(private.to.key()).map_or(&private.to, |(nick, _)| nick);
        let topic = Topic::PrivateFlat { to: to.clone() };
        let text = format!("(direct) {}", private.text);
        let page = replies::one_for_originals(private.nick, text, private.timestamp, self.timestamp());
        self.publish(&topic, page.to_json(), false);
    }

    /// An original client sends no receipts, so the server sends this one in its name.
    fn delivered(&mut self, sender: Nick, id: SentId, to: Nick) {
        let (key, to_key) = (sender.key().clone(), to.key().clone());
        let of = ReceiptOf { nick: sender, id: MessageId::Sent(id.clone()) };
        let receipt = Receipt { nick: to, of, timestamp: Some(self.timestamp()) };
        self.tell_client(&key, receipt.to_json());
        let at = self.now.wall.timestamp_millis();
        self.keep(Keep::Delivered { to: to_key, sender: key, id, at });
    }

    /// An original client was heard from. After a join it is on a new connection, on which it has received nothing yet.
    pub(super) fn original_is_there(&mut self, key: &NickKey, joined: bool) {
        if self.seating(key) == Seating::Original {
            let steps = match joined {
                true => self.directs.joined(key, self.now.instant),
                false => self.directs.heard_original(key, self.now.instant),
            };
            self.take_steps(steps);
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
