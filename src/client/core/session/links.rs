//! The links of a session, one after the other. Numbers them and their connections.

use super::Opening;
use crate::client::core::conversation::Conversation;
use crate::link::{Event, Failure, Qos, Subscription, WillOf};
use crate::random::Random;

#[derive(Debug)]
pub struct Links {
    /// The quality of service of messages.
    qos: Qos,
    /// `None`: each link has an identifier of its own.
    client_id: Option<String>,
    random: Random,
    /// The number of the current or last link. A replaced link may still report events.
    number: u32,
    is_open: bool,
    was_connected: bool,
    /// Connections of all links, because they share one session: before the current link, and including it.
    before: u32,
    connections: u32,
    /// Why the first connection failed.
    failure: Option<Failure>,
}

impl Links {
    pub fn new(qos: Qos, client_id: Option<String>, random: Random) -> Links {
        Links {
            qos,
            client_id,
            random,
            number: 0,
            is_open: false,
            was_connected: false,
            before: 0,
            connections: 0,
            failure: None,
        }
    }

    /// A failure of the very first connection ends the run; later ones are retried.
    pub fn open(&mut self, conversation: &Conversation) -> Opening {
        self.number += 1;
        self.is_open = true;
        self.before = self.connections;
        let before = self.before;
        let will = conversation.will().map(|will| Box::new(move |conn| will(before + conn)) as WillOf);
        let subscriptions = conversation.subscriptions().into_iter().map(|filter| self.subscription(filter)).collect();
        // It is never published, because another client with the same identifier would disconnect this one.
        let client_id = self.client_id.clone().unwrap_or_else(|| self.random.client_id());
        Opening { number: self.number, client_id, will, subscriptions, patient: self.was_connected }
    }

    pub fn let_go(&mut self) {
        if std::mem::take(&mut self.is_open) {
            // The link may have connected again without reporting it yet.
            self.connections += 1;
        }
        self.number += 1;
    }

    /// Whether this is the number of the current link.
    pub fn is_current(&self, number: u32) -> bool {
        number == self.number
    }

    /// Looks at an event of the current link; `None`: it does not concern the conversation.
    pub fn look(&mut self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::Connected { conn, .. } => {
                self.was_connected = true;
                *conn += self.before;
                self.connections = *conn;
            }
            // Once the settings have worked, advice about them does not help.
            Event::Failed(failure) if !self.was_connected => {
                self.failure = Some(failure.clone());
                return None;
            }
            _ => {}
        }
        Some(event)
    }

    /// Why the first connection failed, if it was reported.
    pub fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Replies arrive at QoS 1, whatever messages use.
    pub fn subscription(&self, filter: String) -> Subscription {
        Subscription::new(filter, self.qos.max(Qos::AtLeastOnce))
    }
}
