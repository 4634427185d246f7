//! The link thread: owns the paho client and everything that is under way on it. paho's callbacks and tokens ring
//! it through the channel that its orders come by, and so does the thread that does `aside` what may block. `attempt` is
//! the way to a connection, `under_way` what is sent on it.

mod aside;
mod attempt;
mod under_way;

use super::backoff::Backoff;
use super::{Config, Event, Publication, Qos, Subscription};
use super::{paho, retired, topic};
use crate::random::Random;
use aside::{Finding, Job};
use attempt::first_version;
use crossbeam_channel::{Receiver, Sender};
use paho_mqtt as mqtt;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use under_way::Operation;

/// How long a DISCONNECT may take. The link thread waits for it, its owner does not.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the owner of the link wants.
pub enum Order {
    Publish(Publication),
    Subscribe(String, Qos),
    Unsubscribe(String),
    Close { last: Option<Publication>, within: Duration },
}

/// Everything that wakes the link thread.
pub enum Signal {
    Order(Order),
    /// A token of this operation can be asked for its result.
    Completed(u64),
    /// The connection of this generation is gone.
    Down {
        generation: u64,
        reason: String,
    },
    /// What was to be done aside is done.
    Found(Finding),
}

enum State {
    Waiting {
        until: Instant,
    },
    /// The gate is being asked.
    AtTheGate,
    Connecting,
    /// The attempt has failed with this error of paho's; why is being looked for. `may_fall_back`: an older version may do.
    Explaining {
        error: String,
        may_fall_back: bool,
    },
    Subscribing {
        until: Instant,
    },
    Up,
    /// Settling what is under way before the DISCONNECT.
    Closing {
        until: Instant,
    },
    /// Closed while connecting: what comes of it is disconnected.
    Abandoned,
    Ended,
}

pub struct Worker {
    config: Config,
    on_event: Arc<dyn Fn(Event) + Send + Sync>,
    signals: Sender<Signal>,
    inbox: Receiver<Signal>,
    state: State,
    client: Option<mqtt::AsyncClient>,
    /// Counts clients, so that a callback of an earlier one is not taken for one of the present one.
    generation: u64,
    /// The generation whose messages are passed on, for the callbacks; 0: none.
    heard: Arc<AtomicU64>,
    version: u32,
    /// Connections made so far.
    conn: u32,
    session_present: bool,
    /// Since when the connection is up.
    up_since: Option<Instant>,
    backoff: Backoff,
    random: Random,
    operations: HashMap<u64, Operation>,
    next_operation: u64,
    /// Publications under way, by the numbers of their operations, and since when: oldest first.
    publishing: BTreeMap<u64, Instant>,
    queue: VecDeque<Publication>,
    has_gate: bool,
    jobs: Sender<Job>,
    /// Dropped when nothing is left that whoever closed the link should wait for.
    farewell: Option<Sender<()>>,
}

impl Worker {
    pub fn start(
        mut config: Config,
        on_event: Box<dyn Fn(Event) + Send + Sync>,
        signals: Sender<Signal>,
        inbox: Receiver<Signal>,
        farewell: Sender<()>,
    ) -> io::Result<Worker> {
        let gate = config.gate.take();
        let has_gate = gate.is_some();
        let jobs = aside::start(config.settings.clone(), gate, signals.clone())?;
        config.subscriptions.retain(|known| is_fit(&known.filter, topic::fault_of_filter(&known.filter)));
        let version = first_version(config.settings.version);
        Ok(Worker {
            backoff: Backoff::new(config.longest_wait),
            random: Random::of_the_system(),
            config,
            on_event: Arc::from(on_event),
            signals,
            inbox,
            state: State::Waiting { until: Instant::now() },
            client: None,
            generation: 0,
            heard: Arc::default(),
            version,
            conn: 0,
            session_present: false,
            up_since: None,
            operations: HashMap::new(),
            next_operation: 0,
            publishing: BTreeMap::new(),
            queue: VecDeque::new(),
            has_gate,
            jobs,
            farewell: Some(farewell),
        })
    }

    pub fn run(mut self) {
        while !matches!(self.state, State::Ended) {
            let signal = match self.deadline() {
                Some(until) => self.inbox.recv_deadline(until).ok(),
                // The worker holds a sender itself, so the channel never closes.
                None => self.inbox.recv().ok(),
            };
            match signal {
                Some(Signal::Order(order)) => self.obey(order),
                Some(Signal::Completed(operation)) => self.completed(operation),
                Some(Signal::Down { generation, reason }) if generation == self.generation => self.lost(reason),
                Some(Signal::Down { .. }) => {}
                Some(Signal::Found(finding)) => self.found(finding),
                None => self.time_is_up(),
            }
            self.publish_queued();
            self.disconnect_when_settled();
        }
        drop(self.farewell.take());
        if let Some(client) = self.client.take() {
            retired::keep(client);
        }
        self.emit(Event::Ended);
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } | State::Subscribing { until } | State::Closing { until } => Some(until),
            State::Up => self.next_given_up(),
            _ => None,
        }
    }

    fn time_is_up(&mut self) {
        match self.state {
            State::Waiting { .. } => self.attempt(),
            State::Subscribing { .. } => self.give_up("the broker does not answer SUBSCRIBE"),
            State::Up => self.give_places_back(),
            State::Closing { .. } => self.disconnect(),
            _ => {}
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Publish(publication) => match self.state {
                _ if !self.may_be_published(&publication) => {}
                // Messages of a kept session arrive before it is up, and with them what they are answered with.
                State::Connecting | State::Subscribing { .. } | State::Up => self.queue.push_back(publication),
                _ => {}
            },
            Order::Subscribe(filter, _) if !is_fit(&filter, topic::fault_of_filter(&filter)) => {
                self.emit(Event::Refused { filter });
            }
            Order::Subscribe(filter, qos) => {
                if self.takes_subscriptions()
                    && let Some(client) = &self.client
                {
                    let token = client.subscribe(filter.as_str(), paho::qos(qos));
                    self.watch(Operation::Subscribe(token, filter.clone()));
                }
                self.config.subscriptions.retain(|known| known.filter != filter);
                self.config.subscriptions.push(Subscription::new(filter, qos));
            }
            Order::Unsubscribe(filter) => {
                if self.takes_subscriptions()
                    && let Some(client) = &self.client
                {
                    let token = client.unsubscribe(filter.as_str());
                    self.watch(Operation::Unsubscribe(token));
                }
                self.config.subscriptions.retain(|known| known.filter != filter);
            }
            Order::Close { last, within } => {
                match self.state {
                    State::Up => {}
                    // Connected, so that only a DISCONNECT keeps the will from being sent.
                    State::Subscribing { .. } => return self.disconnect(),
                    // paho does not let an attempt be taken back. There is nothing to say, so nobody waits.
                    State::Connecting => {
                        drop(self.farewell.take());
                        self.state = State::Abandoned;
                        return;
                    }
                    _ => {
                        self.state = State::Ended;
                        return;
                    }
                }
                self.queue.extend(last.filter(|last| self.may_be_published(last)));
                self.state = State::Closing { until: Instant::now() + within };
            }
        }
    }

    fn may_be_published(&self, publication: &Publication) -> bool {
        let fault = topic::fault_of_name(&publication.topic);
        if let (Some(fault), Some(ticket)) = (fault, publication.ticket) {
            self.emit(Event::Rejected { ticket, reason: format!("not a topic: {fault}") });
        }
        is_fit(&publication.topic, fault)
    }

    /// While subscribing too: the request that is under way does not name what is ordered now.
    fn takes_subscriptions(&self) -> bool {
        matches!(self.state, State::Subscribing { .. } | State::Up)
    }

    /// The connection is there and of no use: it ends, and nothing that still comes by it is heard.
    fn give_up(&mut self, reason: &str) {
        self.heard.store(0, Ordering::Relaxed);
        if let Some(client) = &self.client {
            // Whether it arrives does not matter.
            drop(client.disconnect(None));
        }
        self.lost(reason.to_owned());
    }

    fn lost(&mut self, reason: String) {
        match self.state {
            State::Up | State::Subscribing { .. } => {
                if let Some(since) = self.up_since.take() {
                    self.backoff.connection_lasted(since.elapsed());
                }
                self.forget_operations();
                self.emit(Event::Lost { reason });
                self.wait();
            }
            State::Closing { .. } => self.state = State::Ended,
            // While connecting the token tells; in the other states there is no connection.
            _ => {}
        }
    }

    fn wait(&mut self) {
        let delay = self.backoff.next(&mut self.random);
        self.state = State::Waiting { until: Instant::now() + delay };
        self.emit(Event::Waiting { delay });
    }

    // ---- ending ----

    fn disconnect_when_settled(&mut self) {
        if matches!(self.state, State::Closing { .. }) && self.publishing.is_empty() && self.queue.is_empty() {
            self.disconnect();
        }
    }

    fn disconnect(&mut self) {
        if let Some(client) = &self.client {
            // What was under way is settled, or its time is up: no time-out of paho's, which would be polled once a second.
            // Whether the broker saw the DISCONNECT cannot be known either way.
            let _ = client.disconnect(None).wait_for(DISCONNECT_TIMEOUT);
        }
        self.state = State::Ended;
    }

    fn emit(&self, event: Event) {
        (self.on_event)(event);
    }
}

/// Says why not.
fn is_fit(topic: &str, fault: Option<&str>) -> bool {
    if let Some(fault) = fault {
        log::warn!("{topic:?} is not a topic, and does not go to the broker: {fault}");
    }
    fault.is_none()
}
