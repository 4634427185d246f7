//! Builds publications: presence, the will, requests, receipts.

use super::PING_TICKET;
use super::requests::OpenRequest;
use crate::link::{Publication, Qos};
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{
    MessageId, Nick, Presence, Receipt, ReceiptOf, Request, RequestKind, RoomName, Session, Timestamp, Topic, Topics,
};

/// The publishing client.
pub struct Author<'a> {
    pub topics: &'a Topics,
    pub nick: &'a Nick,
    pub session: &'a Session,
    /// The number of the connection.
    pub conn: u32,
    /// Rooms besides the lobby.
    pub rooms: &'a [RoomName],
    /// A server of this project is there. An original one subscribes to other topics.
    pub server_is_known: bool,
}

impl Author<'_> {
    pub fn presence(&self, now: Now, action: Action) -> Publication {
        let rooms = if action == Action::Leave { Vec::new() } else { self.rooms.to_vec() };
        let presence =
            Presence { timestamp: Some(Timestamp::new(now.wall)), conn: self.conn, rooms, ..self.says(action) };
        let sender = self.server_is_known.then(|| self.nick.key().clone());
        self.control(&Topic::Presence { sender }, presence.to_json())
    }

    /// The will: its topic, and its payload for the number of the connection.
    pub fn will(&self, is_flat: bool) -> impl Fn(u32) -> Publication + Send + use<> {
        let sender = (!is_flat).then(|| self.nick.key().clone());
        let publication = self.control(&Topic::Presence { sender }, Vec::new());
        let will = Presence { will: true, ..self.says(Action::Leave) };
        move |conn| Publication { payload: Presence { conn, ..will.clone() }.to_json(), ..publication.clone() }
    }

    fn says(&self, action: Action) -> Presence {
        let (nick, session) = (self.nick.clone(), Some(self.session.clone()));
        Presence { action, nick, timestamp: None, session, conn: 0, will: false, rooms: Vec::new() }
    }

    pub fn request(&self, now: Now, open: &OpenRequest) -> Publication {
        let what = open.inquiry.kind;
        let request = Request {
            requester: self.nick.clone(),
            timestamp: Some(Timestamp::new(now.wall)),
            session: Some(self.session.clone()),
            token: Some(open.token.clone()),
            history: open.inquiry.history.clone(),
            search: open.inquiry.search.clone(),
        };
        let sender = self.server_is_known.then(|| self.nick.key().clone());
        // The broker's acknowledgement of a ping measures the broker's round trip.
        let ticket = (what == RequestKind::Ping).then_some(PING_TICKET);
        Publication { ticket, ..self.control(&Topic::Request { what, sender }, request.to_json(what)) }
    }

    /// The receipt for a direct message that was shown.
    pub fn receipt(&self, now: Now, sender: Nick, id: MessageId) -> Publication {
        let topic = Topic::Private { to: sender.key().clone(), sender: self.nick.key().clone() };
        let receipt = Receipt {
            nick: self.nick.clone(),
            of: ReceiptOf { nick: sender, id },
            timestamp: Some(Timestamp::new(now.wall)),
        };
        self.control(&topic, receipt.to_json())
    }

    fn control(&self, topic: &Topic, payload: Vec<u8>) -> Publication {
        Publication { topic: self.topics.name(topic), payload, qos: Qos::AtLeastOnce, retain: false, ticket: None }
    }
}
