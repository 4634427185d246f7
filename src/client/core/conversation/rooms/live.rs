//! Live arrivals: room messages, marks, direct messages. Also the user's own messages, which were shown when typed.

use super::OwnRooms;
use crate::client::core::conversation::Output;
use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::conversation::people::People;
use crate::client::core::memo::{Memo, Series};
use crate::client::core::news::{News, Place, Said};
use crate::client::core::outbox::OwnMessage;
use crate::link::Publication;
use crate::now::Now;
use crate::protocol::{Chat, Mark, MessageId, NickKey, Private, Timestamp};
use std::time::Instant;

impl OwnRooms {
    /// A message in a room. `own`: the user's nick.
    pub fn hear(&mut self, now: Now, chat: Chat, own: &NickKey, people: &mut People, out: &mut Outputs) {
        let (room, key) = (chat.room.clone(), chat.nick.key().clone());
        let is_elsewhere = room != self.here;
        let state = self.state(&room);
        let (mut late, mut number) = (chat.late, None);
        match &chat.id {
            Some(id) if !state.seen.is_new(&key, id) => return,
            Some(id) => {
                let at = chat.timestamp.as_ref().and_then(Timestamp::at);
                late = state.seen.heard_live(now.instant, &key, id, at, late);
            }
            None => {
                number = state.seen.heard_nameless(&key, chat.timestamp.as_ref(), &chat.text);
                if number.is_none() {
                    return;
                }
            }
        }
        let id = chat.id.map(MessageId::Sent);
        people.spoke(&chat.nick);
        if !people.ignores(&key) {
            state.unread += u64::from(key != *own && is_elsewhere);
            let said = Said::live(now.wall, chat.nick, Place::Room(chat.room), chat.text, chat.timestamp);
            out.tell(News::Said(Said { id: id.clone(), action: chat.action, late, ..said }));
        }
        if let Some(id) = id {
            self.shown(&room, &key, &id, out);
        }
        if let Some(number) = number {
            self.state(&room).catch_up.heard_nameless(number);
        }
    }

    /// A mark of the server. `retained`: from before the join.
    pub fn mark(&mut self, now: Instant, mark: Mark, retained: bool, out: &mut Outputs) {
        let room = mark.room.clone();
        let state = self.state(&room);
        state.seen.look_at_mark(&mark);
        let moved = state.catch_up.mark(now, mark, retained, |key, id| state.seen.has(key, id));
        self.cursor_moved(moved, &room, out);
    }

    /// A direct message. `receipt`: confirms it to its sender once it is shown.
    pub fn hear_direct(
        &mut self,
        now: Now,
        private: Private,
        receipt: Option<Publication>,
        people: &mut People,
        out: &mut Outputs,
    ) {
        let (key, id) = (private.nick.key(), private.id.as_ref());
        let receipt = receipt.map(Output::PublishWhenShown);
        if id.is_some_and(|id| !self.direct.is_new(key, id)) {
            // Its receipt was lost, or has not reached the sender yet.
            return out.extend(receipt);
        }
        let overtaken = id.is_some_and(|id| self.direct.is_late(key, id));
        let memo = id.map(|id| Memo::ShownDirect { series: Series::of_sent(key, id), number: id.seq });
        people.spoke(&private.nick);
        if !people.ignores(key) {
            let said = Said::live(now.wall, private.nick, Place::Direct(private.to), private.text, private.timestamp);
            let id = private.id.map(MessageId::Sent);
            out.tell(News::Said(Said { id, action: private.action, late: private.late || overtaken, ..said }));
        }
        out.extend(memo.map(Output::Remember));
        out.extend(receipt);
    }

    /// The user sends a message, perhaps again under a new id. It was shown when typed, so its copy from the broker or
    /// a page is not.
    pub fn said(&mut self, now: Now, message: &OwnMessage, out: &mut Outputs) {
        self.mark_shown(message);
        match message {
            OwnMessage::Chat(chat) => {
                if let Some(id) = &chat.id {
                    let (key, at) = (chat.nick.key(), chat.timestamp.as_ref().and_then(Timestamp::at));
                    self.state(&chat.room).seen.said(now.instant, key, id, at);
                    self.shown(&chat.room, key, &MessageId::Sent(id.clone()), out);
                }
            }
            OwnMessage::Private(private) if private.to.key() == private.nick.key() => {
                if let Some(id) = &private.id {
                    let series = Series::of_sent(private.nick.key(), id);
                    out.remember(Memo::ShownDirect { series, number: id.seq });
                }
            }
            // It does not come back to us.
            OwnMessage::Private(_) => {}
        }
    }

    /// Notes that one of the user's messages was shown.
    pub fn mark_shown(&mut self, message: &OwnMessage) {
        let Some(id) = message.id() else { return };
        match message {
            OwnMessage::Chat(chat) => {
                self.state(&chat.room).seen.is_new(chat.nick.key(), id);
            }
            OwnMessage::Private(private) if private.to.key() == private.nick.key() => {
                self.direct.is_new(private.nick.key(), id);
            }
            // It goes to somebody else.
            OwnMessage::Private(_) => {}
        }
    }
}
