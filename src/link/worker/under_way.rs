//! What is under way on a connection: the tokens of paho's operations, and the window of publications. Each token rings
//! the link thread when it completes; no thread waits for one.

use super::{Signal, State, Worker};
use crate::link::{Event, paho};
use crossbeam_channel::Sender;
use paho_mqtt as mqtt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Publications under way at a time; what is above waits in the worker's queue.
const WINDOW: usize = 1_000;
/// How long a publication may keep its place in the window without an answer. On a connection that works the broker
/// acknowledges, or the connection breaks; but paho may give one up without a word, and so may a broker. Its sender waits
/// as long before it gives the message again.
const UNANSWERED: Duration = Duration::from_secs(30);

/// What a token tells of when it completes.
pub(super) enum Operation {
    Connect(mqtt::Token),
    /// All filters after a connect, in the order of the request.
    SubscribeAll(mqtt::Token, Vec<String>),
    Subscribe(mqtt::Token, String),
    Unsubscribe(mqtt::Token),
    Publish(mqtt::DeliveryToken, Option<u64>),
}

impl Worker {
    /// Called once per signal: were it called with each completion, those that are complete at once (at QoS 0) would
    /// have it call itself as often as the queue is long.
    pub(super) fn publish_queued(&mut self) {
        if !matches!(self.state, State::Up | State::Closing { .. }) {
            return;
        }
        while self.publishing.len() < WINDOW
            && let Some(client) = &self.client
            && let Some(publication) = self.queue.pop_front()
        {
            match client.try_publish(paho::message(&publication)) {
                Ok(token) => {
                    self.publishing.insert(self.next_operation, Instant::now());
                    self.watch(Operation::Publish(token, publication.ticket));
                }
                // Whoever needs it published still has it and gives it again; a broken connection is told by Down.
                Err(error) => log::debug!("not published to {}: {error}", publication.topic),
            }
        }
    }

    /// Polls the operation's token for the first time; a later completion rings.
    pub(super) fn watch(&mut self, operation: Operation) {
        let number = self.next_operation;
        self.next_operation += 1;
        self.operations.insert(number, operation);
        self.completed(number);
    }

    pub(super) fn completed(&mut self, number: u64) {
        let Some(operation) = self.operations.get_mut(&number) else { return };
        let waker = Waker::from(Arc::new(Bell { operation: number, signals: self.signals.clone() }));
        let mut context = Context::from_waker(&waker);
        match operation {
            Operation::Connect(token) => {
                if let Poll::Ready(result) = Pin::new(token).poll(&mut context) {
                    self.operations.remove(&number);
                    self.connected(result);
                }
            }
            Operation::SubscribeAll(token, filters) => {
                if let Poll::Ready(result) = Pin::new(token).poll(&mut context) {
                    let refused = refused_filters(result, filters);
                    self.operations.remove(&number);
                    match refused {
                        Some(refused) => self.up(refused),
                        None => self.give_up("the broker did not answer SUBSCRIBE"),
                    }
                }
            }
            Operation::Subscribe(token, filter) => {
                if let Poll::Ready(result) = Pin::new(token).poll(&mut context) {
                    let refused = refused_filters(result, std::slice::from_ref(filter));
                    self.operations.remove(&number);
                    for filter in refused.unwrap_or_default() {
                        self.emit(Event::Refused { filter });
                    }
                }
            }
            Operation::Unsubscribe(token) => {
                if Pin::new(token).poll(&mut context).is_ready() {
                    self.operations.remove(&number);
                }
            }
            Operation::Publish(token, ticket) => {
                let ticket = *ticket;
                if let Poll::Ready(result) = Pin::new(token).poll(&mut context) {
                    self.operations.remove(&number);
                    self.publishing.remove(&number);
                    self.published(ticket, result);
                }
            }
        }
    }

    fn published(&self, ticket: Option<u64>, result: mqtt::Result<()>) {
        match (result, ticket) {
            (Ok(()), Some(ticket)) => self.emit(Event::Published { ticket }),
            // A reason code is the broker's answer; any other error leaves open whether it has the message.
            (Err(mqtt::Error::ReasonCode(code, _)), Some(ticket)) => {
                self.emit(Event::Rejected { ticket, reason: code.to_string() });
            }
            _ => {}
        }
    }

    /// When [`Worker::give_places_back`] has something to do.
    pub(super) fn next_given_up(&self) -> Option<Instant> {
        self.publishing.first_key_value().map(|(_, since)| *since + UNANSWERED)
    }

    /// Lets others take the places of publications that nobody will answer any more.
    pub(super) fn give_places_back(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.publishing.first_entry()
            && now.saturating_duration_since(*first.get()) >= UNANSWERED
        {
            log::debug!("a publication was not answered within {} s", UNANSWERED.as_secs());
            let (number, _) = first.remove_entry();
            self.operations.remove(&number);
        }
    }

    pub(super) fn forget_operations(&mut self) {
        self.operations.clear();
        self.queue.clear();
        self.publishing.clear();
    }
}

/// Rings the link thread when a token completes.
struct Bell {
    operation: u64,
    signals: Sender<Signal>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.signals.send(Signal::Completed(self.operation));
    }
}

/// The filters that a SUBACK did not grant; `None` where there was no SUBACK.
fn refused_filters(result: mqtt::Result<mqtt::ServerResponse>, filters: &[String]) -> Option<Vec<String>> {
    /// Codes above are refusals, in 3.1.1 and in 5.
    const HIGHEST_QOS: i32 = 2;
    let codes = match result {
        Ok(response) => response
            .subscribe_many_response()
            .or_else(|| response.subscribe_response().map(|code| vec![code]))
            .unwrap_or_default(),
        // Of a single filter paho makes the refusal an error: of MQTT 5 with its reason, of 3.1.1 without.
        Err(mqtt::Error::ReasonCode(..) | mqtt::Error::Failure) => return Some(filters.to_vec()),
        Err(_) => return None,
    };
    Some(filters.iter().zip(codes).filter(|(_, code)| *code > HIGHEST_QOS).map(|(filter, _)| filter.clone()).collect())
}
