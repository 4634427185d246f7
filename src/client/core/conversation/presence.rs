//! What one hears, and what one says of oneself: subscriptions, join, heartbeat, leave and the will.

use super::{Conversation, Role};
use crate::link::Publication;
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{RoomName, Topic};

impl Conversation {
    /// What to subscribe to with every connection.
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

    /// What the broker is to publish when the connection of this number breaks; `None` for a sender. It is fixed before it
    /// is known which server there is: where that is found to be an original one, another connection is made.
    pub fn will(&self) -> Option<impl Fn(u32) -> (String, Vec<u8>) + Send + use<>> {
        (self.config.role == Role::Member).then(|| self.author().will(self.lookout.is_original()))
    }

    /// The last word before a clean end; `None` where nobody knows that we are here.
    pub fn leave(&self, now: Now) -> Option<Publication> {
        self.joining.is_joined().then(|| self.author().presence(now, Action::Leave))
    }
}
