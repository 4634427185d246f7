//! The link of a session, opened and replaced at the session's command. Arrivals pass the door and carry the number of
//! their link. The shell owns it, or the thread of a [`Member`](crate::client::member::Member).

use super::door::{Admitted, Door, DoorLimits};
use crate::client::core::session::{LinkOrder, Opening, SessionEvent};
use crate::link::{Farewell, Link, Publication, Settings};
use crate::options::Connection;
use crate::protocol::Topics;
use crate::random::Random;
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub struct Uplink {
    settings: Settings,
    random: Random,
    link: Option<Link>,
    /// The farewell of the previous link, which the next one waits for.
    farewell: Option<Farewell>,
    sender: Sender<Numbered>,
    events: Receiver<Numbered>,
    door: Arc<Door>,
}

/// An arrival, with the number of its link.
pub struct Numbered(u32, Admitted);

impl Uplink {
    pub fn new(connection: &Connection, random: Random) -> Uplink {
        // The door bounds messages. Of other events there are a few per connection and one per publication under way.
        let (sender, events) = crossbeam_channel::unbounded();
        Uplink {
            settings: connection.settings.clone(),
            random,
            link: None,
            farewell: None,
            sender,
            events,
            door: Arc::new(Door::new(Topics::new(&connection.topic_root), DoorLimits::default())),
        }
    }

    /// Carries out an order. Returns what the session must know.
    pub fn carry_out(&mut self, order: LinkOrder) -> Option<SessionEvent> {
        match (order, &self.link) {
            (LinkOrder::Open(opening), _) => {
                return self.open(opening).err().map(|error| SessionEvent::NoLink(error.to_string()));
            }
            // Only the next link waits for the leave message.
            (LinkOrder::LetGo(leave), _) => {
                if let Some(link) = self.link.take() {
                    self.farewell = Some(link.let_go(leave, Opening::FAREWELL));
                }
            }
            (LinkOrder::Publish(publication), Some(link)) => link.publish(publication),
            (LinkOrder::Subscribe(subscription), Some(link)) => link.subscribe(subscription),
            (LinkOrder::Unsubscribe(filter), Some(link)) => link.unsubscribe(filter),
            (_, None) => {}
        }
        None
    }

    /// Starts to connect. Closes the previous link.
    fn open(&mut self, opening: Opening) -> io::Result<()> {
        self.link = None;
        let (events, door, number) = (self.sender.clone(), self.door.clone(), opening.number);
        let config = opening.config(self.settings.clone(), self.random.clone());
        // The driver keeps the receiver; after its end nobody needs events. The link opens after the farewell:
        // otherwise the server might see the join before the leave, or believe the will.
        let link = Link::open_after(self.farewell.take(), config, move |event| {
            if let Some(admitted) = door.admit(event) {
                drop(events.send(Numbered(number, admitted)));
            }
        });
        self.link = Some(link?);
        Ok(())
    }

    pub fn events(&self) -> &Receiver<Numbered> {
        &self.events
    }

    /// Takes an arrival and frees its share of the door's bound.
    pub fn take(&self, Numbered(number, admitted): Numbered) -> SessionEvent {
        match admitted {
            Admitted::Event(event, _waited) => SessionEvent::Link { number, event },
            Admitted::Dropped => SessionEvent::Missed { number, count: self.door.open() },
        }
    }

    /// Disconnects cleanly within this time, after this leave message.
    pub fn close(self, leave: Option<Publication>, within: Duration) {
        if let Some(link) = self.link {
            link.close(leave, within);
        }
    }
}
