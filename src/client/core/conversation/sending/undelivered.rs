//! The user's direct messages without a receipt.

use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::news::News;
use crate::client::core::outbox::{Kept, OwnMessage};
use crate::protocol::{MessageId, NickKey, Place, Receipt, SentId};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The most remembered messages. Receipts for older ones are not told.
const REMEMBERED: usize = 10_000;

/// The user's direct messages without a receipt.
#[derive(Debug, Default)]
pub struct Undelivered {
    messages: HashMap<SentId, Direct>,
    /// By [`Direct::number`], oldest first.
    order: BTreeMap<u64, SentId>,
}

#[derive(Debug)]
struct Direct {
    number: u64,
    to: NickKey,
    /// The program's `ref` for the message.
    reference: Option<Value>,
    told_waiting: bool,
}

impl Undelivered {
    /// A message was taken. Room messages are ignored.
    pub fn sent(&mut self, kept: &Kept) {
        let OwnMessage { id: Some(id), to: Place::Direct(to), .. } = &kept.message else { return };
        let (to, reference) = (to.key().clone(), kept.reference.clone());
        self.remove(id);
        let number = self.order.last_key_value().map_or(0, |(last, _)| last + 1);
        self.messages.insert(id.clone(), Direct { number, to, reference, told_waiting: false });
        self.order.insert(number, id.clone());
        if self.order.len() > REMEMBERED
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.messages.remove(&oldest);
        }
    }

    /// The message goes out under a new id.
    pub fn forget(&mut self, id: &SentId) {
        self.remove(id);
    }

    fn remove(&mut self, id: &SentId) -> Option<Direct> {
        let direct = self.messages.remove(id)?;
        self.order.remove(&direct.number);
        Some(direct)
    }

    /// A receipt: the message was shown. Only the addressee's counts.
    pub fn delivered(&mut self, receipt: &Receipt, out: &mut Outputs) {
        let (MessageId::Sent(id), by) = (&receipt.of.id, receipt.nick.key()) else { return };
        if self.messages.get(id).is_none_or(|direct| direct.to != *by) {
            return;
        }
        let Some(Direct { reference, told_waiting, .. }) = self.remove(id) else { return };
        out.reply(News::Delivered(receipt.of.id.clone()), reference);
        // If the user was told that messages wait, the end of that is told once for all of them.
        if told_waiting && out.is_on_terminal() && self.waiting_for(by) == 0 {
            out.answer(format!("{} has received what was waiting", receipt.nick));
        }
    }

    /// How many messages the server keeps for this addressee.
    pub fn waiting_for(&self, key: &NickKey) -> usize {
        self.messages.values().filter(|direct| direct.told_waiting && direct.to == *key).count()
    }

    /// No receipts arrive under the old nick, so absences will be told again.
    pub fn renamed(&mut self) {
        self.messages.values_mut().for_each(|direct| direct.told_waiting = false);
    }

    /// The server keeps the message for its addressee. Returns the message's reference if this is news.
    pub fn waiting(&mut self, id: &MessageId) -> Option<Option<Value>> {
        let MessageId::Sent(id) = id else { return None };
        let direct = self.messages.get_mut(id)?;
        let is_news = !std::mem::replace(&mut direct.told_waiting, true);
        is_news.then(|| direct.reference.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nick, ReceiptOf, Session};

    fn key(nick: &str) -> NickKey {
        Nick::parse(nick).unwrap().key().clone()
    }

    fn id(seq: u64) -> SentId {
        SentId { session: Session::from_random([7; 12]), seq }
    }

    /// Alice's message with this number to Bob, with the `ref` 7.
    fn direct(seq: u64) -> Kept {
        let (nick, to) = (Nick::parse("alice").unwrap(), Place::Direct(Nick::parse("bob").unwrap()));
        let (text, timestamp) = ("psst".to_owned(), None);
        let message = OwnMessage { nick, to, text, timestamp, id: Some(id(seq)), action: false, late: false };
        Kept { message, reference: Some(7.into()) }
    }

    /// Whether a receipt of this nick is news.
    fn is_delivered(undelivered: &mut Undelivered, seq: u64, by: &str) -> bool {
        let nick = Nick::parse(by).unwrap();
        let of = ReceiptOf { nick: Nick::parse("alice").unwrap(), id: MessageId::Sent(id(seq)) };
        let mut out = Outputs::new(false);
        undelivered.delivered(&Receipt { nick, of, timestamp: None }, &mut out);
        !out.take().is_empty()
    }

    #[test]
    fn each_is_told_once_and_by_its_addressee() {
        let mut undelivered = Undelivered::default();
        undelivered.sent(&direct(1));
        let first = MessageId::Sent(id(1));
        assert_eq!(undelivered.waiting(&first), Some(Some(7.into())));
        assert_eq!(undelivered.waiting(&first), None);
        assert!(!is_delivered(&mut undelivered, 1, "eve"));
        assert!(!is_delivered(&mut undelivered, 2, "bob"));
        assert_eq!(undelivered.waiting_for(&key("bob")), 1);
        assert!(is_delivered(&mut undelivered, 1, "bob"));
        assert_eq!(undelivered.waiting_for(&key("bob")), 0);
        assert!(!is_delivered(&mut undelivered, 1, "bob"));
        assert_eq!(undelivered.waiting(&first), None);
    }

    #[test]
    fn delivered_ones_are_forgotten() {
        let mut undelivered = Undelivered::default();
        (1..=3).for_each(|seq| undelivered.sent(&direct(seq)));
        for (seq, left) in [(2, 2), (1, 1), (3, 0)] {
            assert!(is_delivered(&mut undelivered, seq, "bob"));
            assert_eq!((undelivered.messages.len(), undelivered.order.len()), (left, left));
        }
    }

    #[test]
    fn one_that_is_never_delivered_is_remembered_beyond_many_that_are() {
        let mut undelivered = Undelivered::default();
        undelivered.sent(&direct(1));
        for seq in 2..=REMEMBERED as u64 + 1 {
            undelivered.sent(&direct(seq));
            assert!(is_delivered(&mut undelivered, seq, "bob"));
        }
        assert!(is_delivered(&mut undelivered, 1, "bob"));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut undelivered = Undelivered::default();
        (1..=REMEMBERED as u64 + 1).for_each(|seq| undelivered.sent(&direct(seq)));
        assert_eq!((undelivered.messages.len(), undelivered.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!is_delivered(&mut undelivered, 1, "bob"));
    }
}
