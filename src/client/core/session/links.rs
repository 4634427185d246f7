//! The links of a session, one after the other: their numbers, their connections, and their events in a conversation's
//! words.

use super::Opening;
use crate::client::core::conversation::{Conversation, Input, Up};
use crate::link::{Event, Failure, Publication, Qos, Subscription, Version, WillOf};

pub struct Links {
    /// Of chat messages.
    qos: Qos,
    /// Of the present or last link. One that was replaced may still have something to say.
    number: u32,
    is_open: bool,
    was_connected: bool,
    /// Connections over all links, since the session's name is the same on all: of those before the present link, and
    /// with it.
    before: u32,
    connections: u32,
    /// Why the first connection failed.
    failure: Option<Failure>,
}

impl Links {
    pub fn new(qos: Qos) -> Links {
        Links { qos, number: 0, is_open: false, was_connected: false, before: 0, connections: 0, failure: None }
    }

    /// A first connection that fails is the end; later ones are tried again.
    pub fn open(&mut self, conversation: &Conversation) -> Opening {
        self.number += 1;
        self.is_open = true;
        self.before = self.connections;
        let before = self.before;
        let will = conversation.will().map(|will| {
            let will = move |conn| {
                let (topic, payload) = will(before + conn);
                Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None }
            };
            Box::new(will) as WillOf
        });
        let subscriptions = conversation.subscriptions().into_iter().map(|filter| self.subscription(filter)).collect();
        Opening { number: self.number, will, subscriptions, patient: self.was_connected }
    }

    pub fn let_go(&mut self) {
        if std::mem::take(&mut self.is_open) {
            // It may have made one that nobody heard of.
            self.connections += 1;
        }
        self.number += 1;
    }

    /// Whether this is the number of the link that there is.
    pub fn is_current(&self, number: u32) -> bool {
        number == self.number
    }

    /// What an event of the present link means for a conversation; `None`: nothing.
    pub fn input(&mut self, event: Event) -> Option<Input> {
        Some(match event {
            Event::Connected { version, conn, refused, tls, .. } => {
                self.was_connected = true;
                self.connections = self.before + conn;
                let version = if version == Version::V5 { "MQTT 5" } else { "MQTT 3.1.1" };
                Input::Connected(Up { conn: self.connections, version, tls, refused })
            }
            Event::Message(message) => {
                Input::Arrived { topic: message.topic, payload: message.payload, retained: message.retained }
            }
            Event::Published { ticket } => Input::Published(ticket),
            Event::Rejected { ticket, reason } => Input::Rejected { ticket, reason },
            Event::Refused { filter } => Input::Refused(filter),
            // What to do about the settings helps nobody whose settings did.
            Event::Failed(failure) if self.was_connected => Input::Failed(failure.what),
            Event::Failed(failure) => {
                self.failure = Some(failure);
                return None;
            }
            Event::Lost { reason } => Input::Lost { reason },
            Event::Waiting { delay } => Input::Waiting(delay),
            // A client has no lookout; the session hears the end.
            Event::Barred { .. } | Event::Ended => return None,
        })
    }

    /// Why the first connection failed, where that was told.
    pub fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Replies come at QoS 1 whatever messages do.
    pub fn subscription(&self, filter: String) -> Subscription {
        Subscription::new(filter, self.qos.max(Qos::AtLeastOnce))
    }
}
