//! Live arrivals: room messages, marks, direct messages. Also the user's own messages, which were shown when typed.

use super::OwnRooms;
use crate::client::core::conversation::Output;
use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::conversation::people::People;
use crate::client::core::memo::{Memo, Series};
use crate::client::core::news::{News, Said};
use crate::client::core::outbox::OwnMessage;
use crate::link::Publication;
use crate::now::Now;
use crate::protocol::{Chat, Mark, MessageId, NickKey, Place, Private, Timestamp};
use std::time::Instant;

impl OwnRooms {
    /// A message in a room. `own`: the user's nick.
    pub fn hear(&mut self, now: Now, chat: Chat, own: &NickKey, people: &mut People, out: &mut Outputs) {
        let (room, key) = (chat.to.clone(), chat.nick.key().clone());
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
        let id = chat.id.clone().map(MessageId::Sent);
        people.spoke(&chat.nick);
        if !people.ignores(&key) {
            state.unread += u64::from(key != *own && is_elsewhere);
            out.tell(News::Said(Said { late, ..Said::live(now.wall, chat) }));
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
        let late = private.late || id.is_some_and(|id| self.direct.is_late(key, id));
        let memo = id.map(|id| Memo::Shown { room: None, series: Series::of_sent(key, id), number: id.seq });
        people.spoke(&private.nick);
        if !people.ignores(key) {
            out.tell(News::Said(Said { late, ..Said::live(now.wall, private) }));
        }
        out.extend(memo.map(Output::Remember));
        out.extend(receipt);
    }

    /// The user sends a message, perhaps again under a new id. It was shown when typed, so its copy from the broker or
    /// a page is not.
    pub fn said(&mut self, now: Now, message: &OwnMessage, out: &mut Outputs) {
        self.mark_shown(message);
        let (Some(id), key) = (&message.id, message.nick.key()) else { return };
        match &message.to {
            Place::Room(room) => {
                let at = message.timestamp.as_ref().and_then(Timestamp::at);
                self.state(room).seen.newest.said(now.instant, key, id, at);
                self.shown(room, key, &MessageId::Sent(id.clone()), out);
            }
            Place::Direct(to) if to.key() == key => {
                out.remember(Memo::Shown { room: None, series: Series::of_sent(key, id), number: id.seq });
            }
            // It does not come back to us.
            Place::Direct(_) => {}
        }
    }

    /// Notes that one of the user's messages was shown.
    pub fn mark_shown(&mut self, message: &OwnMessage) {
        let (Some(id), key) = (&message.id, message.nick.key()) else { return };
        let seen = match &message.to {
            Place::Room(room) => &mut self.state(room).seen,
            Place::Direct(to) if to.key() == key => &mut self.direct,
            // It goes to somebody else.
            Place::Direct(_) => return,
        };
        seen.is_new(key, id);
    }
}
