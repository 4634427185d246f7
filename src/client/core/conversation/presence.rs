//! The user's presence: subscriptions, join, heartbeat, leave and the will.

use super::{Conversation, Role};
use crate::link::Publication;
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{RoomName, Topic};

impl Conversation {
    /// The topic filters to subscribe to with every connection.
    pub fn subscriptions(&self) -> Vec<String> {
        let topics = &self.config.topics;
        if self.config.role == Role::Sender {
            let to = self.naming.key().clone();
            return vec![topics.name(&Topic::Server), topics.name(&Topic::PrivateServer { to })];
        }
        let mut filters = vec![
            topics.name(&Topic::Server),
            topics.name(&Topic::System),
            topics.name(&Topic::Users),
            topics.all_messages(),
            topics.private_to(self.naming.key()),
            topics.name(&Topic::Marks { room: RoomName::lobby() }),
        ];
        filters.extend(self.rooms.joined().iter().flat_map(|room| self.room_filters(room)));
        filters
    }

    pub(super) fn room_filters(&self, room: &RoomName) -> [String; 2] {
        let topics = &self.config.topics;
        [topics.one_room(room), topics.name(&Topic::Marks { room: room.clone() })]
    }

    /// The will for the connection with this number; `None` for a sender. It is fixed before the client knows the
    /// server. If that turns out to be an original one, the client connects again.
    pub fn will(&self) -> Option<impl Fn(u32) -> Publication + Send + use<>> {
        (self.config.role == Role::Member).then(|| self.author().will(self.lookout.is_original()))
    }

    /// The leave message; `None` if nobody knows about this client.
    pub fn leave(&self, now: Now) -> Option<Publication> {
        self.joining.is_joined().then(|| self.author().presence(now, Action::Leave))
    }
}
