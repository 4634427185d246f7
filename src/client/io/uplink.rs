//! The link as a conversation needs it: opened with its will and subscriptions, opened anew under another nick; its
//! events in a conversation's words. The shell owns it, and so does a [`super::member::Member`]'s thread.

use super::door::{Door, Entry};
use crate::client::core::conversation::{Conversation, Input, Kind, Publication, Up};
use crate::gauge::Held;
use crate::link::{self, Config, Event, Failure, Farewell, LONGEST_WAIT, Link, Qos, Subscription, Version, WillOf};
use crate::options::Connection;
use crate::protocol::Topics;
use crate::random;
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long the last word may take where it is followed by another connection, which waits for it.
const FAREWELL: Duration = Duration::from_millis(500);

pub struct Uplink {
    link: Option<Link>,
    /// Of a link that was let go, for the next one.
    farewell: Option<Farewell>,
    /// Counts the links.
    number: u32,
    sender: Sender<Numbered>,
    events: Receiver<Numbered>,
    door: Arc<Door>,
    /// Of chat messages.
    qos: Qos,
    connected_once: bool,
    /// Connections of this run, over all links: the session is the same under another nick.
    connections: u32,
    /// Why the first connection failed.
    failure: Option<Failure>,
}

/// What an event means for a conversation.
pub enum Heard {
    Input(Input),
    Nothing,
    /// The link gave up, for this reason where it told one.
    Ended(Option<Failure>),
}

/// Something that came by a link with this number: one that was replaced may still have something to say.
pub struct Numbered(u32, Come);

enum Come {
    /// A message has a part of what may wait.
    Event(Event, Option<Held>),
    /// From here on, messages were dropped.
    Dropped,
}

impl Uplink {
    pub fn new(qos: Qos, root: &str) -> Uplink {
        let (sender, events) = crossbeam_channel::unbounded();
        Uplink {
            link: None,
            farewell: None,
            number: 0,
            sender,
            events,
            door: Arc::new(Door::new(Topics::new(root))),
            qos,
            connected_once: false,
            connections: 0,
            failure: None,
        }
    }

    /// Starts to connect as the conversation's nick; a link that there was is closed. A first connection that fails
    /// ends it; later ones are tried again.
    pub fn open(&mut self, connection: &Connection, conversation: &Conversation) -> io::Result<()> {
        self.link = None;
        self.number += 1;
        let (events, number, before) = (self.sender.clone(), self.number, self.connections);
        let door = self.door.clone();
        let will = conversation.will().map(|will| {
            let will = move |conn| {
                let (topic, payload) = will(before + conn);
                last_word(topic, payload)
            };
            Box::new(will) as WillOf
        });
        let subscription = |filter| Subscription::new(filter, self.subscription_qos());
        let config = Config {
            settings: connection.settings.clone(),
            // Never told to anybody, so that nobody can throw us off by taking it.
            client_id: connection.client_id.clone().unwrap_or_else(|| format!("mqttchat-{}", random::word())),
            persistent: false,
            will,
            subscriptions: conversation.subscriptions().into_iter().map(subscription).collect(),
            patient: self.connected_once,
            longest_wait: LONGEST_WAIT,
            lookout: None,
        };
        // The receiving end lives as long as the shell; after its end nobody wants to know.
        // After the farewell: else the server hears who comes before who leaves, or believes in a will.
        let link = Link::open_after(self.farewell.take(), config, move |mut event| {
            if let Event::Connected { conn, .. } = &mut event {
                *conn += before;
            }
            let come = match &event {
                Event::Message(message) => match door.enter(message) {
                    Entry::Passes(held) => Come::Event(event, Some(held)),
                    Entry::FirstDropped => Come::Dropped,
                    Entry::Dropped => return,
                },
                _ => Come::Event(event, None),
            };
            drop(events.send(Numbered(number, come)));
        });
        self.link = Some(link?);
        Ok(())
    }

    /// Closes the link with this last word, until another one is opened. Nobody waits for it but that one.
    pub fn let_go(&mut self, leave: Option<Publication>) {
        if let Some(link) = self.link.take() {
            self.farewell = Some(link.let_go(leave.map(|leave| last_word(leave.topic, leave.payload)), FAREWELL));
            // It may have made one that nobody heard of.
            self.connections += 1;
        }
        self.number += 1;
    }

    pub fn events(&self) -> &Receiver<Numbered> {
        &self.events
    }

    /// Translates an event. One of a link that was replaced means nothing any more.
    pub fn hear(&mut self, Numbered(number, come): Numbered) -> Heard {
        let dropped = if let Come::Dropped = come { self.door.open() } else { 0 };
        if number != self.number {
            return Heard::Nothing;
        }
        let Come::Event(event, _waited) = come else { return Heard::Input(Input::Missed(dropped)) };
        Heard::Input(match event {
            Event::Connected { version, conn, refused, tls, .. } => {
                self.connected_once = true;
                self.connections = conn;
                let version = if version == Version::V5 { "MQTT 5" } else { "MQTT 3.1.1" };
                Input::Connected(Up { conn, version, tls, refused })
            }
            Event::Message(message) => {
                Input::Arrived { topic: message.topic, payload: message.payload, retained: message.retained }
            }
            Event::Published { ticket } => Input::Published(ticket),
            Event::Rejected { ticket, reason } => Input::Rejected { ticket, reason },
            Event::Refused { filter } => Input::Refused(filter),
            // What to do about the settings helps nobody whose settings did.
            Event::Failed(failure) if self.connected_once => Input::Failed(failure.what),
            Event::Failed(failure) => {
                self.failure = Some(failure);
                return Heard::Nothing;
            }
            Event::Lost { reason } => Input::Lost { reason },
            Event::Waiting { delay } => Input::Waiting(delay),
            // A client has no lookout.
            Event::Barred { .. } => return Heard::Nothing,
            Event::Ended => return Heard::Ended(self.failure.take()),
        })
    }

    pub fn publish(&self, publication: Publication) {
        let Publication { topic, payload, kind, ticket } = publication;
        let qos = match kind {
            Kind::Message => self.qos,
            Kind::Control => Qos::AtLeastOnce,
        };
        if let Some(link) = &self.link {
            link.publish(link::Publication { topic, payload, qos, retain: false, ticket });
        }
    }

    pub fn subscribe(&self, filter: String) {
        if let Some(link) = &self.link {
            link.subscribe(filter, self.subscription_qos());
        }
    }

    pub fn unsubscribe(&self, filter: String) {
        if let Some(link) = &self.link {
            link.unsubscribe(filter);
        }
    }

    /// Disconnects cleanly, with this last word, which may take so long.
    pub fn close(self, leave: Option<Publication>, within: Duration) {
        if let Some(link) = self.link {
            link.close(leave.map(|leave| last_word(leave.topic, leave.payload)), within);
        }
    }

    /// Replies come at QoS 1 whatever messages do.
    fn subscription_qos(&self) -> Qos {
        self.qos.max(Qos::AtLeastOnce)
    }
}

fn last_word(topic: String, payload: Vec<u8>) -> link::Publication {
    link::Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None }
}
