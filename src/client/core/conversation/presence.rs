//! What the client publishes besides messages (its presence, the will, requests, receipts), and the topics that it
//! subscribes to.

use super::requests::Inquiry;
use super::{Conversation, PING_TICKET, Role};
use crate::link::{Publication, Qos};
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{
    MessageId, Nick, NickKey, Presence, Receipt, ReceiptOf, Request, RequestKind, RoomName, Timestamp, Token, Topic,
};

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

    /// The will: its topic, and its payload for the number of the connection; `None` for a sender. It is fixed before
    /// the client knows the server. If that turns out to be an original one, the client connects again.
    pub fn will(&self) -> Option<impl Fn(u32) -> Publication + Send + use<>> {
        let sender = (!self.lookout.is_original()).then(|| self.naming.key().clone());
        let publication = self.control(&Topic::Presence { sender }, Vec::new());
        let will = Presence { will: true, ..self.says(Action::Leave) };
        let will =
            move |conn| Publication { payload: Presence { conn, ..will.clone() }.to_json(), ..publication.clone() };
        (self.config.role == Role::Member).then_some(will)
    }

    /// The leave message; `None` if nobody knows about this client.
    pub fn leave(&self, now: Now) -> Option<Publication> {
        self.joining.may_be_in().then(|| self.presence(now, Action::Leave))
    }

    pub(super) fn say_presence(&mut self, now: Now, action: Action) {
        if action == Action::Join {
            self.leave_old_nicks(now);
        }
        let presence = self.presence(now, action);
        self.out.publish(presence);
    }

    /// Nobody has confirmed that the leave messages under earlier nicks reached the server, which may have been away.
    /// An original server need not know: it would tell everybody once more.
    fn leave_old_nicks(&mut self, now: Now) {
        if !self.lookout.is_known() {
            return;
        }
        for nick in self.naming.given_up() {
            let (timestamp, conn) = (Some(Timestamp::new(now.wall)), self.connection.number());
            let sender = Some(nick.key().clone());
            let leave = Presence { nick: nick.clone(), timestamp, conn, ..self.says(Action::Leave) };
            self.out.publish(self.control(&Topic::Presence { sender }, leave.to_json()));
        }
    }

    fn presence(&self, now: Now, action: Action) -> Publication {
        let rooms = if action == Action::Leave { Vec::new() } else { self.rooms.joined().to_vec() };
        let (timestamp, conn) = (Some(Timestamp::new(now.wall)), self.connection.number());
        let presence = Presence { timestamp, conn, rooms, ..self.says(action) };
        self.control(&Topic::Presence { sender: self.sender() }, presence.to_json())
    }

    fn says(&self, action: Action) -> Presence {
        let (nick, session) = (self.naming.nick().clone(), Some(self.naming.session().clone()));
        Presence { action, nick, timestamp: None, session, conn: 0, will: false, rooms: Vec::new() }
    }

    pub(super) fn request(&self, now: Now, token: Token, inquiry: Inquiry) -> Publication {
        let what = inquiry.kind;
        let request = Request {
            requester: self.naming.nick().clone(),
            timestamp: Some(Timestamp::new(now.wall)),
            session: Some(self.naming.session().clone()),
            token: Some(token),
            history: inquiry.history,
            search: inquiry.search,
        };
        // The broker's acknowledgement of a ping measures the broker's round trip.
        let ticket = (what == RequestKind::Ping).then_some(PING_TICKET);
        let topic = Topic::Request { what, sender: self.sender() };
        Publication { ticket, ..self.control(&topic, request.to_json(what)) }
    }

    /// The receipt for a direct message that was shown.
    pub(super) fn receipt(&self, now: Now, sender: Nick, id: MessageId) -> Publication {
        let topic = Topic::Private { to: sender.key().clone(), sender: self.naming.key().clone() };
        let (nick, timestamp) = (self.naming.nick().clone(), Some(Timestamp::new(now.wall)));
        let receipt = Receipt { nick, of: ReceiptOf { nick: sender, id }, timestamp };
        self.control(&topic, receipt.to_json())
    }

    /// The topic level of the sender. An original server subscribes to topics without it.
    fn sender(&self) -> Option<NickKey> {
        self.lookout.is_known().then(|| self.naming.key().clone())
    }

    fn control(&self, topic: &Topic, payload: Vec<u8>) -> Publication {
        let topic = self.config.topics.name(topic);
        Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None }
    }
}
