//! Pure: the decisions of the server's main thread. The chat decides what is published and stored. Around it, the
//! service limits the tasks under way to the store, logs events of the connection, and ends the run (`leaving.rs`).

mod contact;
mod leaving;
#[cfg(test)]
mod tests;

use super::chat::ServerChat;
use super::exchange::{ServiceEffect, ServiceEvent};
use super::record::{SeatChange, StoreAnswer, StoreTask};
use crate::link::{Event as LinkEvent, Qos, Subscription};
use crate::now::Now;
use crate::protocol::{NickKey, Topic, Topics};
use crate::random::Random;
use contact::Contact;
use leaving::CleanStop;
use log::{debug, warn};
use std::collections::BTreeMap;
use std::time::Instant;

/// The most questions under way to the store, without searches. A requester without an answer asks again.
const QUESTIONS: usize = 1_000;
/// The most searches under way to the store. The reader drops most of them at once.
const SEARCHES: usize = 100;

#[derive(Debug)]
pub struct Service {
    chat: ServerChat,
    random: Random,
    contact: Contact,
    /// `None`: it serves.
    leaving: Option<CleanStop>,
    /// Questions, and searches, without an answer of the store.
    questions: usize,
    searches: usize,
    /// Presences to store, the latest of each person. The store gets more when it is done with the previous ones, which
    /// bounds what waits for a stalled disk.
    seats: BTreeMap<NickKey, SeatChange>,
    /// Some of them are new. Those that the store dropped wait for new ones.
    seats_are_due: bool,
    seats_are_under_way: bool,
    /// The effects of the current event, in order.
    effects: Vec<ServiceEffect>,
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

    pub fn handle(&mut self, now: Now, event: ServiceEvent) -> Vec<ServiceEffect> {
        match event {
            ServiceEvent::Link(event) => self.link(now, event),
            ServiceEvent::Store(answer) => self.answered(now, answer),
            ServiceEvent::Tick { .. } if self.leaving.is_some() => {}
            ServiceEvent::Tick { .. } | ServiceEvent::Due => self.chat(now, event),
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

    /// The next deadline: [`ServiceEvent::Due`] is due then.
    pub fn next_due(&self) -> Option<Instant> {
        let leaving = self.leaving.as_ref().and_then(CleanStop::next_due);
        [self.chat.next_due(), leaving].into_iter().flatten().min()
    }

    fn chat(&mut self, now: Now, event: ServiceEvent) {
        for effect in self.chat.handle(now, event) {
            match effect {
                ServiceEffect::Store(StoreTask::Seats(changes)) => {
                    self.seats_are_due = true;
                    self.seats.extend(changes.into_iter().map(|change| (change.key.clone(), change)));
                }
                ServiceEffect::Store(StoreTask::Ask(question)) => {
                    let (count, limit) = self.under_way(question.is_search());
                    if *count < limit {
                        *count += 1;
                        self.effects.push(ServiceEffect::Store(StoreTask::Ask(question)));
                    } else {
                        debug!("a question was not asked: too many wait");
                    }
                }
                effect => self.effects.push(effect),
            }
        }
    }

    /// The questions under way, and their limit.
    fn under_way(&mut self, is_search: bool) -> (&mut usize, usize) {
        if is_search { (&mut self.searches, SEARCHES) } else { (&mut self.questions, QUESTIONS) }
    }

    fn link(&mut self, now: Now, event: LinkEvent) {
        match &event {
            LinkEvent::Message(_) => {}
            // The connection no longer matters.
            _ if self.leaving.is_some() => return,
            LinkEvent::Connected { session_present, version, refused, .. } => {
                self.contact.connected(*session_present, *version, refused);
            }
            LinkEvent::Lost { reason } => warn!("connection lost: {reason}"),
            LinkEvent::Failed(failure) => return self.contact.failed(failure),
            LinkEvent::Barred { why } => return self.contact.barred(why),
            LinkEvent::Waiting { delay } => return self.contact.waiting(*delay),
            LinkEvent::Ended => {
                let exit = self.contact.ended();
                return self.leave(now, exit);
            }
            other => return debug!("{other:?}"),
        }
        self.chat(now, ServiceEvent::Link(event));
    }

    fn answered(&mut self, now: Now, answer: StoreAnswer) {
        match answer {
            StoreAnswer::Settled => return self.settled(now),
            StoreAnswer::SeatsDone { dropped } => {
                self.seats_are_under_way = false;
                // They are retried together with the next change.
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
        self.chat(now, ServiceEvent::Store(answer));
    }

    fn give_seats(&mut self) {
        self.seats_are_due = false;
        let seats: Vec<SeatChange> = std::mem::take(&mut self.seats).into_values().collect();
        if !seats.is_empty() {
            self.seats_are_under_way = true;
            self.effects.push(ServiceEffect::Store(StoreTask::Seats(seats)));
        }
    }
}

/// The server's subscriptions. `qos`: the highest quality of service for room messages.
pub fn subscriptions(topics: &Topics, qos: Qos) -> Vec<Subscription> {
    vec![
        Subscription::new(topics.all_messages(), qos),
        Subscription::new(topics.all_rooms(), qos),
        // The server publishes to clients on topics of the same form.
        Subscription { no_local: true, ..Subscription::new(topics.all_private(), Qos::AtLeastOnce) },
        // Queued heartbeats would displace messages in the queue of an absent server.
        Subscription::new(topics.all_presence(), Qos::AtMostOnce),
        Subscription::new(topics.all_requests(), Qos::AtLeastOnce),
        // An earlier server's will may say that this one is offline.
        Subscription::new(topics.name(&Topic::Server), Qos::AtLeastOnce),
    ]
}
