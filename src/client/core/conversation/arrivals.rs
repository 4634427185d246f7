//! What others send: messages, notices, marks.

use super::Conversation;
use crate::client::core::news::{News, Place, Said};
use crate::now::Now;
use crate::protocol::{
    Chat, FromServer, Invalid, MessageId, NickKey, Private, Receipt, RoomName, SentId, Timestamp, Topic,
};

/// Topics that are told of at most: anybody can invent them.
const WARNINGS: usize = 1_000;

impl Conversation {
    pub(super) fn arrived(&mut self, now: Now, topic: &str, payload: &[u8], retained: bool) {
        let Some(parsed) = self.config.topics.parse(topic) else { return };
        let may_be_retained = matches!(parsed, Topic::Marks { .. } | Topic::Users | Topic::Server);
        // Anything else that is retained would be shown at every start, and an empty payload only clears what was.
        if retained && !may_be_retained || payload.is_empty() {
            return;
        }
        if let Err(invalid) = self.receive(now, parsed, payload, retained)
            && self.config.verbose
            && self.warned.len() < WARNINGS
            && self.warned.insert(topic.to_owned())
        {
            self.out.hint(format!("ignored on {topic}: {invalid}"));
        }
    }

    fn receive(&mut self, now: Now, topic: Topic, payload: &[u8], retained: bool) -> Result<(), Invalid> {
        if self.choosing_nick && topic != Topic::Server {
            // Nobody is let in yet: the question for another nick stays the last line, and its page comes with that nick.
            // But what is stored under the one before must not go out again under another.
            if let Topic::PrivateServer { to } = topic
                && to == *self.nick.key()
                && let FromServer::Stored(stored) = FromServer::parse(payload)?
            {
                self.stored(now, &stored);
            }
            return Ok(());
        }
        match topic {
            Topic::Messages { sender } => {
                let Some(chat) = Chat::parse(payload, RoomName::lobby())? else { return Ok(()) };
                must(sender.is_none_or(|sender| sender == *chat.nick.key()))?;
                self.heard_chat(now, chat);
            }
            Topic::Room { room, sender } if self.rooms.contains(&room) => {
                let Some(chat) = Chat::parse(payload, room)? else { return Ok(()) };
                must(sender == *chat.nick.key())?;
                self.heard_chat(now, chat);
            }
            Topic::Private { to, sender } if to == *self.nick.key() => {
                if let Some(private) = Private::parse(payload)? {
                    must(*private.nick.key() == sender && *private.to.key() == to)?;
                    self.heard_private(now, private);
                } else if let Some(receipt) = Receipt::parse(payload)? {
                    must(*receipt.nick.key() == sender)?;
                    self.delivered(&receipt);
                }
            }
            Topic::Marks { room } if self.is_in(&room) => {
                if let FromServer::Mark(mark) = FromServer::parse(payload)? {
                    must(mark.room == room)?;
                    if !retained {
                        self.server_shows();
                    }
                    let seen = self.seen.entry(room.clone()).or_default();
                    seen.look_at_mark(&mark);
                    let is_seen = |key: &NickKey, id: &SentId| seen.has(key, id);
                    let moved = self.cursors.mark(now.instant, mark, retained, is_seen);
                    self.cursor_moved(moved, &room);
                    self.look_for_holes(now);
                }
            }
            Topic::PrivateServer { to } if to == *self.nick.key() => {
                let reply = FromServer::parse(payload)?;
                self.server_shows();
                self.replied(now, reply);
            }
            Topic::PrivateFlat { to } if to.key() == self.nick.key() => {
                let reply = FromServer::parse(payload)?;
                self.server_is_heard();
                self.replied(now, reply);
            }
            Topic::System => {
                if let FromServer::Notice(notice) = FromServer::parse(payload)? {
                    self.server_is_heard();
                    self.people.noticed(notice, &self.nick, &mut self.out);
                }
            }
            Topic::Users => {
                if let FromServer::OnlineUsers(list) = FromServer::parse(payload)? {
                    // A retained list proves no living server.
                    if !retained {
                        self.server_is_heard();
                    }
                    self.people.seen(&list.users);
                }
            }
            Topic::Server => {
                if let FromServer::Server(info) = FromServer::parse(payload)? {
                    self.server_says(now, info);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn heard_chat(&mut self, now: Now, chat: Chat) {
        let (room, key) = (chat.room.clone(), chat.nick.key().clone());
        let seen = self.seen.entry(room.clone()).or_default();
        let (mut late, mut number) = (chat.late, None);
        match &chat.id {
            Some(id) if !seen.is_new(&key, id) => return,
            Some(id) => {
                late = seen.heard_live(now.instant, &key, id, chat.timestamp.as_ref().and_then(Timestamp::at), late)
            }
            None => {
                number = seen.heard_nameless(&key, chat.timestamp.as_ref(), &chat.text);
                if number.is_none() {
                    return;
                }
            }
        }
        let id = chat.id.map(MessageId::Sent);
        self.people.spoke(&chat.nick);
        if !self.people.ignores(&key) {
            if key != *self.nick.key() {
                self.count_unread(&room);
            }
            let said = Said::live(now.wall, chat.nick, Place::Room(chat.room), chat.text, chat.timestamp);
            self.out.tell(News::Said(Said { id: id.clone(), action: chat.action, late, ..said }));
        }
        if let Some(id) = id {
            self.shown(&room, &key, id);
        }
        if let Some(number) = number {
            self.cursors.heard_nameless(&room, number);
        }
    }
}

/// Where a topic names people, they are those that the payload names.
fn must(same: bool) -> Result<(), Invalid> {
    if same { Ok(()) } else { Err(Invalid::WrongSender) }
}
