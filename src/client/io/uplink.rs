//! The link of a session, opened and replaced as the session says. What comes by it goes through the door, with the number
//! of its link. The shell owns it, and so does a [`Member`](crate::client::member::Member)'s thread.

use super::door::{Door, Fate};
use crate::client::core::session::{Opening, SessionEvent};
use crate::gauge::Held;
use crate::link::{Config, Event, Farewell, LONGEST_WAIT, Link, Publication, Settings, Subscription};
use crate::options::Connection;
use crate::protocol::Topics;
use crate::random::Random;
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long the last word may take where it is followed by another connection, which waits for it.
const FAREWELL: Duration = Duration::from_millis(500);

pub struct Uplink {
    settings: Settings,
    /// `--id`.
    client_id: Option<String>,
    link: Option<Link>,
    /// Of a link that was let go, for the next one.
    farewell: Option<Farewell>,
    sender: Sender<Numbered>,
    events: Receiver<Numbered>,
    door: Arc<Door>,
}

/// Something that came by the link of this number.
pub struct Numbered(u32, Come);

enum Come {
    /// A message has a part of what may wait.
    Event(Event, Option<Held>),
    /// From here on, messages were dropped.
    Dropped,
}

impl Uplink {
    pub fn new(connection: &Connection) -> Uplink {
        let (sender, events) = crossbeam_channel::unbounded();
        Uplink {
            settings: connection.settings.clone(),
            client_id: connection.client_id.clone(),
            link: None,
            farewell: None,
            sender,
            events,
            door: Arc::new(Door::new(Topics::new(&connection.topic_root))),
        }
    }

    /// Starts to connect; a link that there was is closed.
    pub fn open(&mut self, opening: Opening) -> io::Result<()> {
        self.link = None;
        let (events, door, number) = (self.sender.clone(), self.door.clone(), opening.number);
        let config = Config {
            settings: self.settings.clone(),
            // Never told to anybody, so that nobody can throw us off by taking it.
            client_id: self.client_id.clone().unwrap_or_else(|| format!("mqttchat-{}", Random::of_the_system().word())),
            persistent: false,
            will: opening.will,
            subscriptions: opening.subscriptions,
            patient: opening.patient,
            longest_wait: LONGEST_WAIT,
            lookout: None,
        };
        // The receiving end lives as long as the driver; after its end nobody wants to know.
        // After the farewell: else the server hears who comes before who leaves, or believes in a will.
        let link = Link::open_after(self.farewell.take(), config, move |event| {
            let come = match &event {
                Event::Message(message) => match door.enter(message) {
                    Fate::Passes(held) => Come::Event(event, Some(held)),
                    Fate::FirstDropped => Come::Dropped,
                    Fate::Dropped => return,
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
            self.farewell = Some(link.let_go(leave, FAREWELL));
        }
    }

    pub fn events(&self) -> &Receiver<Numbered> {
        &self.events
    }

    /// Takes what has come from what may wait.
    pub fn take(&self, Numbered(number, come): Numbered) -> SessionEvent {
        match come {
            Come::Event(event, _waited) => SessionEvent::Link { number, event },
            Come::Dropped => SessionEvent::Missed { number, count: self.door.open() },
        }
    }

    pub fn publish(&self, publication: Publication) {
        if let Some(link) = &self.link {
            link.publish(publication);
        }
    }

    pub fn subscribe(&self, Subscription { filter, qos, .. }: Subscription) {
        if let Some(link) = &self.link {
            link.subscribe(filter, qos);
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
            link.close(leave, within);
        }
    }
}
