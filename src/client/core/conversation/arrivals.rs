//! What arrives from others: messages, notices, marks.

use super::Conversation;
use crate::now::Now;
use crate::protocol::{Chat, FromServer, Invalid, Private, Receipt, RoomName, Topic};

impl Conversation {
    pub(super) fn arrived(&mut self, now: Now, topic: &str, payload: &[u8], retained: bool) {
        let Some(parsed) = self.config.topics.parse(topic) else { return };
        let may_be_retained = matches!(parsed, Topic::Marks { .. } | Topic::Users | Topic::Server);
        // Any other retained message would be shown at every start. An empty payload only clears a retained one.
        if retained && !may_be_retained || payload.is_empty() {
            return;
        }
        if let Err(invalid) = self.receive(now, parsed, payload, retained)
            && self.config.verbose
        {
            self.out.warn(topic, invalid);
        }
    }

    fn receive(&mut self, now: Now, topic: Topic, payload: &[u8], retained: bool) -> Result<(), Invalid> {
        if self.naming.is_choosing() && topic != Topic::Server {
            // The nick is in use, and the prompt for another one stays the last line. Messages arrive again in the page
            // for the new nick. But confirmations for the old nick still count: a stored message must not go out again
            // under the new one.
            if let Topic::PrivateServer { to } = topic
                && to == *self.naming.key()
                && let FromServer::Stored(stored) = FromServer::parse(payload)?
            {
                self.sending.stored(&stored, &mut self.out);
            }
            return Ok(());
        }
        match topic {
            Topic::Messages { sender } => {
                let Some(chat) = Chat::parse(payload, RoomName::lobby())? else { return Ok(()) };
                must(sender.is_none_or(|sender| sender == *chat.nick.key()))?;
                self.rooms.hear(now, chat, self.naming.key(), &mut self.people, &mut self.out);
            }
            Topic::Room { room, sender } if self.rooms.joined().contains(&room) => {
                let Some(chat) = Chat::parse(payload, room)? else { return Ok(()) };
                must(sender == *chat.nick.key())?;
                self.rooms.hear(now, chat, self.naming.key(), &mut self.people, &mut self.out);
            }
            Topic::Private { to, sender } if to == *self.naming.key() => {
                if let Some(private) = Private::parse(payload)? {
                    must(*private.nick.key() == sender && *private.to.key() == to)?;
                    self.heard_private(now, private);
                } else if let Some(receipt) = Receipt::parse(payload)? {
                    must(*receipt.nick.key() == sender)?;
                    self.sending.delivered(&receipt, self.naming.key(), &mut self.out);
                }
            }
            Topic::Marks { room } if self.rooms.is_in(&room) => {
                if let FromServer::Mark(mark) = FromServer::parse(payload)? {
                    must(mark.room == room)?;
                    if !retained {
                        self.lookout.is_shown(&mut self.out);
                    }
                    self.rooms.mark(now.instant, mark, retained, &mut self.out);
                }
            }
            Topic::PrivateServer { to } if to == *self.naming.key() => {
                let reply = FromServer::parse(payload)?;
                self.lookout.is_shown(&mut self.out);
                self.replied(now, reply);
            }
            Topic::PrivateFlat { to } if to.key() == self.naming.key() => {
                let reply = FromServer::parse(payload)?;
                self.lookout.is_heard(&mut self.out);
                self.replied(now, reply);
            }
            Topic::System => {
                if let FromServer::Notice(notice) = FromServer::parse(payload)? {
                    self.lookout.is_heard(&mut self.out);
                    self.people.noticed(notice, self.naming.nick(), &mut self.out);
                }
            }
            Topic::Users => {
                if let FromServer::OnlineUsers(list) = FromServer::parse(payload)? {
                    // A retained list does not prove that the server is alive.
                    if !retained {
                        self.lookout.is_heard(&mut self.out);
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
}

/// If a topic names people, the payload must name the same ones.
fn must(same: bool) -> Result<(), Invalid> {
    if same { Ok(()) } else { Err(Invalid::WrongSender) }
}
