//! Direct messages: those to us, each confirmed to its sender, and those of ours, of which we wait to hear that.

use super::{Conversation, Output, Role};
use crate::client::core::memo::{Memo, Series};
use crate::client::core::news::{News, Place, Said};
use crate::now::Now;
use crate::protocol::{MessageId, Nick, NickKey, Private, Receipt, SentId, Waiting};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};

/// Messages that it remembers; what becomes of older ones is not told any more.
const REMEMBERED: usize = 10_000;

impl Conversation {
    pub(super) fn heard_private(&mut self, now: Now, private: Private) {
        if self.config.role == Role::Sender {
            // It shows nothing; the member that does confirms it.
            return;
        }
        let (key, id) = (private.nick.key(), private.id.as_ref());
        let receipt = id.map(|id| {
            Output::PublishWhenShown(self.author().receipt(now, private.nick.clone(), MessageId::Sent(id.clone())))
        });
        let heard = id.map(|id| self.rooms.hear_direct(key, id));
        if heard == Some(None) {
            // Its receipt did not arrive, or its sender has not heard of it yet.
            self.out.extend(receipt);
            return;
        }
        let overtaken = heard.flatten().unwrap_or(false);
        let memo = id.map(|id| Memo::ShownDirect { series: Series::of_sent(key, id), number: id.seq });
        self.people.spoke(&private.nick);
        if self.people.ignores(key) {
            self.out.extend(memo.map(Output::Remember));
            self.out.extend(receipt);
            return;
        }
        let said = Said::live(now.wall, private.nick, Place::Direct(private.to), private.text, private.timestamp);
        let id = private.id.map(MessageId::Sent);
        self.out.tell(News::Said(Said { id, action: private.action, late: private.late || overtaken, ..said }));
        self.out.extend(memo.map(Output::Remember));
        self.out.extend(receipt);
    }

    /// At a terminal it is told that a message may reach nobody, where no server will say more of it.
    pub(super) fn doubt(&mut self, to: &Nick) {
        self.doubt_of_original(to);
        if self.out.is_on_terminal() && self.connection_is_up && self.told_silence && self.is_stranger(to) {
            self.out.answer(format!(
                "nobody called {to} was seen here{}; without a chat server only who is connected gets it",
                self.people.suggestion(to)
            ));
        }
    }

    /// The server keeps a direct message of ours.
    pub(super) fn addressee_is_away(&mut self, waiting: Waiting, reference: Option<Value>) {
        let Waiting { of: id, to } = waiting;
        // That somebody is away is told with the first message.
        if self.out.is_on_terminal() && self.undelivered.waiting_for(to.key()) > 1 {
            return;
        }
        match self.out.is_on_terminal() && self.is_stranger(&to) {
            // Who mistyped a nick would wait for ever.
            true => self.out.answer(format!(
                "nobody called {to} was seen here{}; the message waits until somebody comes with that nick",
                self.people.suggestion(&to)
            )),
            false => self.out.tell(News::Waiting { id, to, reference }),
        }
    }

    fn is_stranger(&self, nick: &Nick) -> bool {
        nick.key() != self.nick.key() && !self.people.has_met(nick.key())
    }

    /// A direct message was shown to its addressee.
    pub(super) fn delivered(&mut self, receipt: &Receipt) {
        let of = &receipt.of;
        let by = receipt.nick.key();
        if of.nick.key() == self.nick.key()
            && let Some(Arrival { reference, is_awaited }) = self.undelivered.delivered(&of.id, by)
        {
            self.out.tell(News::Delivered { id: of.id.clone(), reference });
            // Who was told that it waits is told the end of that, once for all of them.
            if is_awaited && self.out.is_on_terminal() && self.undelivered.waiting_for(by) == 0 {
                self.out.answer(format!("{} has received what was waiting", receipt.nick));
            }
        }
    }
}

/// Direct messages of ours whose addressees have not said that they were shown.
#[derive(Debug, Default)]
pub struct Undelivered {
    messages: HashMap<SentId, Direct>,
    /// The oldest first, delivered ones among them.
    order: VecDeque<SentId>,
}

/// A direct message of ours was shown.
#[derive(Debug, PartialEq)]
pub struct Arrival {
    /// What the program that gave the message called it.
    pub reference: Option<Value>,
    /// It was told that it waits.
    pub is_awaited: bool,
}

#[derive(Debug)]
struct Direct {
    to: NickKey,
    /// What the program that gave the message called it.
    reference: Option<Value>,
    told_waiting: bool,
}

impl Undelivered {
    pub fn sent(&mut self, id: SentId, to: NickKey, reference: Option<Value>) {
        self.messages.insert(id.clone(), Direct { to, reference, told_waiting: false });
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
    }

    /// It goes out under another id.
    pub fn forget(&mut self, id: &SentId) {
        self.messages.remove(id);
    }

    /// A receipt says so; only the addressee's counts. `None`: this is no news.
    pub fn delivered(&mut self, id: &MessageId, by: &NickKey) -> Option<Arrival> {
        let MessageId::Sent(id) = id else { return None };
        self.messages.get(id).filter(|direct| direct.to == *by)?;
        let Direct { reference, told_waiting, .. } = self.messages.remove(id)?;
        Some(Arrival { reference, is_awaited: told_waiting })
    }

    /// How many messages wait for this one, as the server has said.
    pub fn waiting_for(&self, key: &NickKey) -> usize {
        self.messages.values().filter(|direct| direct.told_waiting && direct.to == *key).count()
    }

    /// Under another nick nobody hears that what waits has arrived: who is away is told anew.
    pub fn renamed(&mut self) {
        self.messages.values_mut().for_each(|direct| direct.told_waiting = false);
    }

    /// The server says that it waits for its addressee. The message's reference, where this is news.
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
    use crate::protocol::{Nick, Session};

    fn key(nick: &str) -> NickKey {
        Nick::parse(nick).unwrap().key().clone()
    }

    fn id(seq: u64) -> SentId {
        SentId { session: Session::from_random([7; 12]), seq }
    }

    #[test]
    fn each_is_told_once_and_by_its_addressee() {
        let mut undelivered = Undelivered::default();
        undelivered.sent(id(1), key("bob"), Some(7.into()));
        let (first, second) = (MessageId::Sent(id(1)), MessageId::Sent(id(2)));
        assert_eq!(undelivered.waiting(&first), Some(Some(7.into())));
        assert_eq!(undelivered.waiting(&first), None);
        assert_eq!(undelivered.delivered(&first, &key("eve")), None);
        assert_eq!(undelivered.delivered(&second, &key("bob")), None);
        assert_eq!(undelivered.waiting_for(&key("bob")), 1);
        let arrival = Arrival { reference: Some(7.into()), is_awaited: true };
        assert_eq!(undelivered.delivered(&first, &key("bob")), Some(arrival));
        assert_eq!(undelivered.waiting_for(&key("bob")), 0);
        assert_eq!(undelivered.delivered(&first, &key("bob")), None);
        assert_eq!(undelivered.waiting(&first), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut undelivered = Undelivered::default();
        (1..=REMEMBERED as u64 + 1).for_each(|seq| undelivered.sent(id(seq), key("bob"), None));
        assert_eq!((undelivered.messages.len(), undelivered.order.len()), (REMEMBERED, REMEMBERED));
        assert_eq!(undelivered.delivered(&MessageId::Sent(id(1)), &key("bob")), None);
    }
}
