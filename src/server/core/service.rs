//! Pure: what the server's main thread does. The chat decides what is said and kept. Around it, the service limits what
//! is under way to the store, logs what becomes of the connection, and ends the run (`leaving.rs`).

mod contact;
mod leaving;
#[cfg(test)]
mod tests;

use super::chat::{Input, Output, ServerChat};
use super::record::{SeatChange, StoreAnswer, StoreTask};
use crate::link::{Event as LinkEvent, Publication, Qos, Subscription};
use crate::now::Now;
use crate::protocol::{NickKey, Topic, Topics};
use crate::random::Random;
use contact::Contact;
use leaving::CleanStop;
use log::{debug, warn};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The most questions under way to the store, not counting searches. Whoever asks and gets no answer asks again.
const QUESTIONS: usize = 1_000;
/// The most searches under way to the store. The reader drops most of them at once.
const SEARCHES: usize = 100;

/// Everything that the main thread waits for.
#[derive(Debug)]
pub enum ServiceEvent {
    /// From the connection to the broker.
    Link(LinkEvent),
    /// The second connection, for the last words, is up, or it failed, and why.
    Second(Result<(), String>),
    /// [`Effect::HangUp`] is carried out, and everything that arrived on the connection was handled.
    HungUp,
    Store(StoreAnswer),
    /// Twice a second. So many messages were turned away at the door since the last tick.
    Tick {
        turned_away: u64,
    },
    /// It is [`Service::next_due`].
    Due,
    /// A signal asks the server to stop. A second one asks it to stop at once.
    Stop,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// On the connection in use; without one it is dropped.
    Publish(Publication),
    Store(StoreTask),
    /// Open a second connection without subscriptions, and say with [`ServiceEvent::Second`] what becomes of it.
    OpenSecond {
        client_id: String,
        will: Publication,
    },
    /// Give up the second connection.
    DropSecond,
    /// Close the connection in use, with these last words, and wait for so long at most. If a second one is up, it is
    /// in use from now on. Handle all that arrived on the closed one, then [`ServiceEvent::HungUp`].
    HangUp {
        last: Option<Publication>,
        within: Duration,
    },
    /// The run is over. Nothing follows.
    Exit(Exit),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A signal ended it.
    Stopped,
    /// Another server serves the chat.
    AnotherServer,
    /// The link gave up; the exit code for its last failure.
    LinkEnded { code: u8 },
}

pub struct Service {
    chat: ServerChat,
    random: Random,
    contact: Contact,
    /// `None`: it serves.
    leaving: Option<CleanStop>,
    /// Questions, and searches, that the store has not answered.
    questions: usize,
    searches: usize,
    /// Presences to be kept, the latest of each person. The store gets more when it is done with those before, so that
    /// what waits for a stalled disk stays bounded.
    seats: BTreeMap<NickKey, SeatChange>,
    /// Some of them are new: those that the store dropped wait for company.
    seats_are_due: bool,
    seats_are_under_way: bool,
    /// What the event that is handled leads to, in order.
    effects: Vec<Effect>,
}

impl Service {
    pub fn new(chat: ServerChat, random: Random) -> Service {
        Service {
            chat,
            random,
            contact: Contact::default(),
            leaving: None,
            questions: 0,
            searches: 0,
            seats: BTreeMap::new(),
            seats_are_due: false,
            seats_are_under_way: false,
            effects: Vec::new(),
        }
    }

    pub fn handle(&mut self, now: Now, event: ServiceEvent) -> Vec<Effect> {
        match event {
            ServiceEvent::Link(event) => self.link(now, event),
            ServiceEvent::Store(answer) => self.answered(now, answer),
            ServiceEvent::Tick { turned_away } if self.leaving.is_none() => {
                if turned_away > 0 {
                    self.chat(now, Input::TurnedAway(turned_away));
                }
                self.chat(now, Input::Tick);
            }
            ServiceEvent::Tick { .. } => {}
            ServiceEvent::Due => self.chat(now, Input::Due),
            ServiceEvent::Second(result) => self.second(result),
            ServiceEvent::HungUp => self.hung_up(),
            ServiceEvent::Stop => self.stop(now),
        }
        self.leave_in_time(now);
        if self.seats_are_due && !self.seats_are_under_way {
            self.give_seats();
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`ServiceEvent::Due`] is due, if nothing else happens.
    pub fn next_due(&self) -> Option<Instant> {
        let leaving = self.leaving.as_ref().and_then(CleanStop::next_due);
        [self.chat.next_due(), leaving].into_iter().flatten().min()
    }

    fn chat(&mut self, now: Now, input: Input) {
        for output in self.chat.handle(now, input) {
            match output {
                Output::Publish(publication) => self.effects.push(Effect::Publish(publication)),
                Output::Keep(keep) => self.effects.push(Effect::Store(StoreTask::Keep(keep))),
                Output::Seats(changes) => {
                    self.seats_are_due = true;
                    self.seats.extend(changes.into_iter().map(|change| (change.key.clone(), change)));
                }
                Output::Ask(question) => {
                    let (count, limit) = self.under_way(question.is_search());
                    if *count < limit {
                        *count += 1;
                        self.effects.push(Effect::Store(StoreTask::Ask(question)));
                    } else {
                        debug!("a question was not asked: too many wait");
                    }
                }
            }
        }
    }

    /// How many questions are under way, and may be.
    fn under_way(&mut self, is_search: bool) -> (&mut usize, usize) {
        if is_search { (&mut self.searches, SEARCHES) } else { (&mut self.questions, QUESTIONS) }
    }

    fn link(&mut self, now: Now, event: LinkEvent) {
        match event {
            LinkEvent::Message(message) => {
                let (topic, payload) = (&message.topic, &message.payload);
                let input =
                    if message.retained { Input::Retained { topic } } else { Input::Message { topic, payload } };
                self.chat(now, input);
            }
            // The connection does not matter any more.
            _ if self.leaving.is_some() => {}
            LinkEvent::Connected { session_present, version, refused, .. } => {
                self.contact.connected(session_present, version, &refused);
                self.chat(now, Input::Connected);
            }
            LinkEvent::Lost { reason } => {
                warn!("connection lost: {reason}");
                self.chat(now, Input::Lost);
            }
            LinkEvent::Failed(failure) => self.contact.failed(failure),
            LinkEvent::Barred { why } => self.contact.barred(why),
            LinkEvent::Waiting { delay } => self.contact.waiting(delay),
            LinkEvent::Ended => {
                let exit = self.contact.ended();
                self.leave(now, exit);
            }
            other => debug!("{other:?}"),
        }
    }

    fn answered(&mut self, now: Now, answer: StoreAnswer) {
        match answer {
            StoreAnswer::Settled => return self.settled(now),
            StoreAnswer::SeatsDone { dropped } => {
                self.seats_are_under_way = false;
                // They are tried again together with the next change.
                for change in dropped {
                    self.seats.entry(change.key.clone()).or_insert(change);
                }
                return;
            }
            StoreAnswer::Page { .. } | StoreAnswer::Rooms { .. } | StoreAnswer::Waiting { .. } => self.questions -= 1,
            StoreAnswer::Found { .. } => self.searches -= 1,
            StoreAnswer::Unanswered { is_search } => {
                *self.under_way(is_search).0 -= 1;
                return;
            }
            StoreAnswer::Committed { .. } | StoreAnswer::RoomsForgotten(_) => {}
        }
        self.chat(now, Input::Store(answer));
    }

    fn give_seats(&mut self) {
        self.seats_are_due = false;
        let seats: Vec<SeatChange> = std::mem::take(&mut self.seats).into_values().collect();
        if !seats.is_empty() {
            self.seats_are_under_way = true;
            self.effects.push(Effect::Store(StoreTask::Seats(seats)));
        }
    }
}

/// What the server subscribes to. `qos`: the highest quality of service for what is said in rooms.
pub fn subscriptions(topics: &Topics, qos: Qos) -> Vec<Subscription> {
    vec![
        Subscription::new(topics.all_messages(), qos),
        Subscription::new(topics.all_rooms(), qos),
        // The server's own words to clients have topics of the same form.
        Subscription { no_local: true, ..Subscription::new(topics.all_private(), Qos::AtLeastOnce) },
        // Queued heartbeats would push messages out of the queue of a server that is away.
        Subscription::new(topics.all_presence(), Qos::AtMostOnce),
        Subscription::new(topics.all_requests(), Qos::AtLeastOnce),
        // An earlier server's will may say that this one is offline.
        Subscription::new(topics.name(&Topic::Server), Qos::AtLeastOnce),
    ]
}
