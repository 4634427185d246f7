//! A connection for the check: a [`Link`] whose answers are waited for, each with a deadline.

use super::core::judge::Trouble;
use crate::link::{Config, Event, Link, Message, Publication, Qos, Subscription, Version};
use crossbeam_channel::{Receiver, unbounded};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// For the broker's answers and for messages to come back.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// For a connection: longer than the link takes to find out why there is none.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// One connection; dropping it closes it. Drop it after a loss, so that its link does not reconnect.
pub struct Peer {
    link: Link,
    events: Receiver<Event>,
    /// Messages that arrived while something else was awaited.
    inbox: VecDeque<Message>,
    next_ticket: u64,
}

/// How a connection began.
#[derive(Debug)]
pub struct Joined {
    pub version: Version,
    pub session_present: bool,
    /// Filters that were not granted.
    pub refused: Vec<String>,
}

impl Peer {
    /// Connects and subscribes.
    pub fn open(config: Config) -> Result<(Peer, Joined), Trouble> {
        // A check is over soon.
        let (sender, events) = unbounded();
        let link = Link::open(config, move |event| drop(sender.send(event)))
            .map_err(|error| Trouble::Lost(format!("no thread for a connection: {error}")))?;
        let mut peer = Peer { link, events, inbox: VecDeque::new(), next_ticket: 0 };
        let until = Instant::now() + CONNECT_PATIENCE;
        loop {
            match peer.next(until)? {
                Some(Event::Connected { session_present, version, refused, .. }) => {
                    return Ok((peer, Joined { version, session_present, refused }));
                }
                Some(_) => {}
                None => return Err(Trouble::Silent(CONNECT_PATIENCE)),
            }
        }
    }

    /// Publishes and waits until the broker has it (QoS 0: until it is sent).
    pub fn publish(&mut self, topic: &str, payload: &[u8], qos: Qos, retain: bool) -> Result<(), Trouble> {
        let wanted = self.send(topic, payload, qos, retain);
        let until = Instant::now() + PATIENCE;
        loop {
            match self.next(until)? {
                Some(Event::Published { ticket }) if ticket == wanted => return Ok(()),
                Some(Event::Rejected { ticket, reason }) if ticket == wanted => return Err(Trouble::Rejected(reason)),
                Some(_) => {}
                None => return Err(Trouble::Silent(PATIENCE)),
            }
        }
    }

    /// Publishes without waiting; returns the ticket.
    pub fn send(&mut self, topic: &str, payload: &[u8], qos: Qos, retain: bool) -> u64 {
        self.next_ticket += 1;
        let ticket = Some(self.next_ticket);
        self.link.publish(Publication { topic: topic.to_owned(), payload: payload.to_vec(), qos, retain, ticket });
        self.next_ticket
    }

    pub fn subscribe(&self, filter: &str, qos: Qos) {
        self.link.subscribe(Subscription::new(filter.to_owned(), qos));
    }

    /// The first message that is wanted, from the inbox or within `patience`.
    pub fn receive(&mut self, patience: Duration, wanted: impl Fn(&Message) -> bool) -> Result<Message, Trouble> {
        let until = Instant::now() + patience;
        let mut looked_at = 0;
        loop {
            while looked_at < self.inbox.len() {
                if wanted(&self.inbox[looked_at])
                    && let Some(message) = self.inbox.remove(looked_at)
                {
                    return Ok(message);
                }
                looked_at += 1;
            }
            match self.next(until)? {
                Some(Event::Refused { filter }) => return Err(Trouble::Refused(filter)),
                Some(_) => {}
                None => return Err(Trouble::Silent(patience)),
            }
        }
    }

    /// Publishes and waits until the message comes back.
    pub fn echo(&mut self, topic: &str, payload: &[u8], qos: Qos) -> Result<Message, Trouble> {
        self.publish(topic, payload, qos, false)?;
        self.receive(PATIENCE, |message| message.topic == topic && message.payload == payload)
    }

    /// Waits and notices a loss.
    pub fn idle(&mut self, time: Duration) -> Result<(), Trouble> {
        let until = Instant::now() + time;
        while self.next(until)?.is_some() {}
        Ok(())
    }

    /// Ends with a DISCONNECT after everything is sent.
    pub fn close(self) {
        self.link.close(None, PATIENCE);
    }

    /// The next event before the deadline; a message also goes into the inbox. `Err` if the connection is gone.
    fn next(&mut self, until: Instant) -> Result<Option<Event>, Trouble> {
        match self.events.recv_deadline(until) {
            Ok(Event::Failed(failure)) => Err(Trouble::Failed(failure)),
            Ok(Event::Lost { reason }) => Err(Trouble::Lost(reason)),
            Ok(Event::Message(message)) => {
                self.inbox.push_back(message.clone());
                Ok(Some(Event::Message(message)))
            }
            Ok(event) => Ok(Some(event)),
            Err(_) => Ok(None),
        }
    }
}
