//! The fate of messages: confirmations for senders, marks for rooms.

use super::ServerChat;
use crate::protocol::text::visible;
use crate::protocol::{ErrorCode, ErrorReply, MessageId, RoomName, Topic};
use crate::server::core::record::{Committed, Refused, StoreRefusal};

/// The most forgotten rooms whose marks wait for the broker. The marks of further ones stay retained and cost it some
/// memory.
const FORGOTTEN: usize = 10_000;

impl ServerChat {
    pub(super) fn committed(&mut self, committed: Committed) {
        for (key, id) in committed.stored {
            self.acks.add(key, id);
        }
        for progress in committed.progress {
            self.marks.add(progress.room, progress.from, progress.to, progress.ids, self.now.instant);
        }
        self.directs.kept(&committed.delivered);
        // A sender learns first that a message is stored, then that it waits.
        self.tell_what_is_stored();
        for direct in committed.direct {
            self.stored_direct(direct);
        }
        for refused in committed.refused {
            self.refuse(refused);
        }
    }

    /// While the broker is away, errors cannot be published. The sender retransmits the message, and gets the error
    /// then.
    fn refuse(&mut self, refused: Refused) {
        let Refused { sender, id, why } = refused;
        let (code, message) = match why {
            StoreRefusal::NoRoom { to } => {
                self.warnings.once("waiting message", None, || {
                    "waiting direct messages fill their share of --max-size: senders are told that further ones are not kept"
                        .to_owned()
                });
                (ErrorCode::Full, format!("no room for more waiting direct messages: this one is not kept for {to}"))
            }
            StoreRefusal::IdTaken => {
                self.warnings.once("id", Some(sender.clone()), || {
                    format!("not stored: another message of {} has the id {id}", visible(sender.as_str()))
                });
                (ErrorCode::IdTaken, "another message has this id".to_owned())
            }
            // The store has logged it, with the reason.
            StoreRefusal::Unwritable => {
                (ErrorCode::NotStored, "the server's history cannot take this message".to_owned())
            }
        };
        let (session, of) = (Some(id.session.clone()), Some(MessageId::Sent(id)));
        let error = ErrorReply { code, message, session, request: None, of };
        if self.connected {
            self.tell_client(&sender, error.to_json());
        }
    }

    pub(super) fn tell_what_is_stored(&mut self) {
        if !self.connected {
            return;
        }
        for (key, stored) in self.acks.due(self.now.instant) {
            self.tell_client(&key, stored.to_json());
        }
        for (room, mark) in self.marks.due(self.now.instant) {
            self.publish(&Topic::Marks { room }, mark, true);
        }
    }

    /// Clears the retained marks of forgotten rooms, if there is a connection.
    pub(super) fn rooms_forgotten(&mut self, rooms: Vec<RoomName>) {
        rooms.iter().for_each(|room| self.marks.forget(room));
        self.forgotten.extend(rooms);
        if self.connected {
            for room in std::mem::take(&mut self.forgotten) {
                self.publish(&Topic::Marks { room }, Vec::new(), true);
            }
        }
        self.forgotten.truncate(FORGOTTEN);
    }
}
