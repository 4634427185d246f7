//! Replies and lists, and the topics that they are published on; tasks for the store.

use super::ServerChat;
use crate::link::{Publication, Qos};
use crate::protocol::history::fitting;
use crate::protocol::limits::{LISTED_ROOMS, LISTED_USERS};
use crate::protocol::{
    Entry, History, Nick, NickKey, OnlineUsers, RoomInfo, RoomName, Rooms, SearchResult, Timestamp, Topic,
};
use crate::server::core::exchange::ServiceEffect;
use crate::server::core::record::{Keep, Page, ReplyTo, StoreQuestion, StoreTask};
use crate::server::core::schedule::Periodic;
use std::collections::BTreeMap;

impl ServerChat {
    pub(super) fn reply_users(&mut self, reply: &ReplyTo) {
        let users = OnlineUsers { request: reply.token.clone(), ..self.online_users() };
        self.reply(reply, users.to_json());
    }

    pub(super) fn reply_page(&mut self, page: Page, reply: &ReplyTo) {
        let timestamp = Some(self.timestamp());
        let (messages, request) = (page.messages, reply.token.clone());
        let history = match reply.session {
            Some(_) => History { messages, timestamp, request, span: Some(page.span) },
            None => for_originals(messages, self.timestamp()),
        };
        self.reply(reply, history.to_json());
    }

    pub(super) fn reply_rooms(&mut self, rooms: Vec<(RoomName, u64)>, reply: &ReplyTo) {
        let mut members = self.roster.members();
        members.insert(RoomName::lobby(), self.roster.online() as u64);
        let mut messages: BTreeMap<RoomName, u64> = rooms.into_iter().collect();
        for room in members.keys() {
            messages.entry(room.clone()).or_default();
        }
        let info = |(name, messages): (RoomName, u64)| {
            let members = members.get(&name).copied().unwrap_or(0);
            RoomInfo { name, members, messages }
        };
        let mut rooms: Vec<RoomInfo> = messages.into_iter().take(LISTED_ROOMS).map(info).collect();
        rooms.truncate(fitting(&rooms));
        let rooms = Rooms { rooms, timestamp: Some(self.timestamp()), request: reply.token.clone() };
        self.reply(reply, rooms.to_json());
    }

    pub(super) fn reply_found(&mut self, found: SearchResult, reply: &ReplyTo) {
        let (timestamp, request) = (Some(self.timestamp()), reply.token.clone());
        let result = SearchResult { timestamp, request, complete: found.next.is_none(), ..found };
        self.reply(reply, result.to_json());
    }

    pub(super) fn publish_users(&mut self) {
        self.schedule.published(Periodic::Users, self.now.instant);
        let users = self.online_users();
        self.publish(&Topic::Users, users.to_json(), true);
    }

    pub(super) fn online_users(&self) -> OnlineUsers {
        let mut users: Vec<Nick> = self.roster.nicks().take(LISTED_USERS).cloned().collect();
        users.truncate(fitting(&users));
        OnlineUsers {
            truncated: users.len() < self.roster.online(),
            users,
            count: Some(self.roster.online() as u64),
            timestamp: Some(self.timestamp()),
            request: None,
        }
    }

    pub(super) fn reply(&mut self, reply: &ReplyTo, payload: Vec<u8>) {
        match reply.session {
            Some(_) => self.tell_client(reply.requester.key(), payload),
            None => {
                let topic = Topic::PrivateFlat { to: reply.requester.clone() };
                self.publish(&topic, payload, false);
            }
        }
    }

    pub(super) fn tell_client(&mut self, key: &NickKey, payload: Vec<u8>) {
        let topic = Topic::PrivateServer { to: key.clone() };
        self.publish(&topic, payload, false);
    }

    pub(super) fn ask(&mut self, question: StoreQuestion) {
        self.out.push(ServiceEffect::Store(StoreTask::Ask(question)));
    }

    pub(super) fn keep(&mut self, keep: Keep) {
        self.out.push(ServiceEffect::Store(StoreTask::Keep(keep)));
    }

    /// With the default quality of service.
    pub(super) fn publish(&mut self, topic: &Topic, payload: Vec<u8>, retain: bool) {
        let publication = self.publication(topic, payload, retain);
        self.out.push(ServiceEffect::Publish(publication));
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp::new(self.now.wall)
    }

    pub(super) fn publication(&self, topic: &Topic, payload: Vec<u8>, retain: bool) -> Publication {
        Publication { topic: self.config.topics.name(topic), payload, qos: Qos::AtLeastOnce, retain, ticket: None }
    }
}

/// A page with the original's four fields per message, all readable for its client. At a timestamp that it cannot read,
/// that client fails and shows nothing more.
pub(super) fn for_originals(messages: Vec<Entry>, now: Timestamp) -> History {
    let for_originals = |entry: Entry| {
        let own = entry.timestamp.as_ref().and_then(Timestamp::for_originals);
        let timestamp = own.or(entry.received).or_else(|| Some(now.clone()));
        Entry { timestamp, late: false, action: false, id: None, pos: None, received: None, ..entry }
    };
    let messages = messages.into_iter().map(for_originals).collect();
    History { messages, timestamp: Some(now), request: None, span: None }
}

/// The same with one message. An original client shows hardly any other private payload.
pub(super) fn one_for_originals(nick: Nick, text: String, timestamp: Option<Timestamp>, now: Timestamp) -> History {
    let entry = Entry { nick, text, timestamp, action: false, late: false, id: None, pos: None, received: None };
    for_originals(vec![entry], now)
}
