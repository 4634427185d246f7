//! The link thread: owns the paho client and everything that is under way on it. paho's callbacks and tokens ring
//! it through the channel that its orders come by.

mod under_way;

use super::backoff::Backoff;
use super::{BROKE, Config, Event, Failure, Gate, Publication, Qos, Subscription, Version};
use super::{paho, probe, retired, tls_in_use};
use crossbeam_channel::{Receiver, Sender};
use openssl::rand::rand_bytes;
use paho_mqtt as mqtt;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use under_way::Operation;

/// How long the broker may take to answer a SUBSCRIBE.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a DISCONNECT may take.
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
}

enum State {
    Waiting {
        until: Instant,
    },
    Connecting,
    Subscribing {
        until: Instant,
    },
    Up,
    /// Settling what is under way before the DISCONNECT.
    Closing {
        until: Instant,
    },
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
    version: u32,
    /// Connections made so far.
    conn: u32,
    session_present: bool,
    /// Since when the connection is up.
    up_since: Option<Instant>,
    backoff: Backoff,
    operations: HashMap<u64, Operation>,
    next_operation: u64,
    publishing: usize,
    queue: VecDeque<Publication>,
}

impl Worker {
    pub fn new(
        config: Config,
        on_event: Box<dyn Fn(Event) + Send + Sync>,
        signals: Sender<Signal>,
        inbox: Receiver<Signal>,
    ) -> Worker {
        let version = first_version(config.settings.version);
        Worker {
            backoff: Backoff::new(config.longest_wait),
            config,
            on_event: Arc::from(on_event),
            signals,
            inbox,
            state: State::Waiting { until: Instant::now() },
            client: None,
            generation: 0,
            version,
            conn: 0,
            session_present: false,
            up_since: None,
            operations: HashMap::new(),
            next_operation: 0,
            publishing: 0,
            queue: VecDeque::new(),
        }
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
                None => self.time_is_up(),
            }
            self.publish_queued();
            self.disconnect_when_settled();
        }
        if let Some(client) = self.client.take() {
            retired::keep(client);
        }
        self.emit(Event::Ended);
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } | State::Subscribing { until } | State::Closing { until } => Some(until),
            State::Connecting | State::Up | State::Ended => None,
        }
    }

    fn time_is_up(&mut self) {
        match self.state {
            State::Waiting { .. } => self.attempt(),
            State::Subscribing { .. } => self.lost("the broker does not answer SUBSCRIBE".to_owned()),
            State::Closing { .. } => self.disconnect(),
            State::Connecting | State::Up | State::Ended => {}
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Publish(publication) => match self.state {
                // Messages of a kept session arrive before it is up, and with them what they are answered with.
                State::Connecting | State::Subscribing { .. } | State::Up => self.queue.push_back(publication),
                State::Waiting { .. } | State::Closing { .. } | State::Ended => {}
            },
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
                    _ => {
                        self.state = State::Ended;
                        return;
                    }
                }
                self.queue.extend(last);
                self.state = State::Closing { until: Instant::now() + within };
            }
        }
    }

    /// While subscribing too: the request that is under way does not name what is ordered now.
    fn takes_subscriptions(&self) -> bool {
        matches!(self.state, State::Subscribing { .. } | State::Up)
    }

    // ---- connecting ----

    fn attempt(&mut self) {
        match self.config.gate.as_mut().map_or(Gate::Open, |gate| gate()) {
            Gate::Open => self.connect(),
            Gate::Barred(why) => {
                self.emit(Event::Barred { why });
                self.end_or_wait(self.conn == 0);
            }
            Gate::Unknown(failure) => self.failed(failure),
        }
    }

    fn connect(&mut self) {
        self.generation += 1;
        let options = match paho::connect_options(&self.config, self.version, self.conn + 1) {
            Ok(options) => options,
            Err(failure) => return self.failed(failure),
        };
        let client = match paho::create(&self.config, self.version) {
            Ok(client) => client,
            Err(error) => return self.failed(probe::explain(&self.config.settings, &error.to_string())),
        };
        self.set_callbacks(&client);
        let token = client.connect(options);
        self.forget_operations();
        if let Some(before) = self.client.replace(client) {
            retired::keep(before);
        }
        retired::free_rested();
        self.state = State::Connecting;
        self.watch(Operation::Connect(token));
    }

    fn set_callbacks(&self, client: &mqtt::AsyncClient) {
        let on_event = self.on_event.clone();
        client.set_message_callback(move |_, message| {
            // Without a message it is paho's way to say that the stream ends; that comes as Down.
            if let Some(message) = message {
                on_event(paho::arrived(&message));
            }
        });
        let generation = self.generation;
        let signals = self.signals.clone();
        client.set_connection_lost_callback(move |_| {
            let reason = BROKE.to_owned();
            let _ = signals.send(Signal::Down { generation, reason });
        });
        let signals = self.signals.clone();
        client.set_disconnected_callback(move |_, _, code| {
            let reason = format!("ended by the broker: {code}");
            let _ = signals.send(Signal::Down { generation, reason });
        });
    }

    fn connected(&mut self, result: mqtt::Result<mqtt::ServerResponse>) {
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.refused(error),
        };
        self.conn += 1;
        let session_present = response.connect_response().is_some_and(|connect| connect.session_present);
        self.session_present = session_present;
        match &self.client {
            Some(client) if !self.config.subscriptions.is_empty() => {
                // Again even where the session is there: the set of filters may have changed since it was made.
                let token = paho::subscribe(client, &self.config.subscriptions, self.version);
                let filters = self.config.subscriptions.iter().map(|known| known.filter.clone()).collect();
                self.state = State::Subscribing { until: Instant::now() + SUBSCRIBE_TIMEOUT };
                self.watch(Operation::SubscribeAll(token, filters));
            }
            _ => self.up(Vec::new()),
        }
    }

    fn up(&mut self, refused: Vec<String>) {
        self.state = State::Up;
        self.up_since = Some(Instant::now());
        self.publish_queued();
        let version = if self.version >= mqtt::MQTT_VERSION_5 { Version::V5 } else { Version::V311 };
        // The SUBSCRIBE, or CONNECT, was the last thing written, if not for another connection of this process.
        let tls = self.config.settings.tls.as_ref().and_then(|_| tls_in_use());
        let (session_present, conn) = (self.session_present, self.conn);
        self.emit(Event::Connected { session_present, version, conn, refused, tls });
    }

    /// The attempt failed at or after the TCP connection; an older version may do.
    fn refused(&mut self, error: mqtt::Error) {
        let may_fall_back = self.config.settings.version == Version::Auto && self.version >= mqtt::MQTT_VERSION_5;
        if may_fall_back && paho::wants_older_version(&error) {
            return self.fall_back();
        }
        let failure = match paho::connack(&error) {
            Some(code) => Failure::connack(code),
            None => match probe::walk(&self.config.settings) {
                Err(failure) => failure,
                // The walk speaks 3.1.1: some brokers wait for ever in a CONNECT of 5, which they read as one of 3.1.1.
                Ok(()) if may_fall_back => return self.fall_back(),
                Ok(()) => probe::unexplained(&self.config.settings, &error.to_string()),
            },
        };
        self.version = first_version(self.config.settings.version);
        self.failed(failure);
    }

    fn fall_back(&mut self) {
        self.version = mqtt::MQTT_VERSION_3_1_1;
        self.connect();
    }

    fn failed(&mut self, failure: Failure) {
        let hopeless = self.conn == 0 && (failure.is_lasting() || !self.config.patient);
        self.emit(Event::Failed(failure));
        self.end_or_wait(hopeless);
    }

    fn end_or_wait(&mut self, ends: bool) {
        match ends {
            true => self.state = State::Ended,
            false => self.wait(),
        }
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
            State::Connecting | State::Waiting { .. } | State::Ended => {}
        }
    }

    fn wait(&mut self) {
        let mut random = [0; 4];
        // Without randomness the waits are only less spread.
        let _ = rand_bytes(&mut random);
        let delay = self.backoff.next(u32::from_ne_bytes(random));
        self.state = State::Waiting { until: Instant::now() + delay };
        self.emit(Event::Waiting { delay });
    }

    // ---- ending ----

    fn disconnect_when_settled(&mut self) {
        if matches!(self.state, State::Closing { .. }) && self.publishing == 0 && self.queue.is_empty() {
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

fn first_version(version: Version) -> u32 {
    match version {
        Version::Auto | Version::V5 => mqtt::MQTT_VERSION_5,
        Version::V311 => mqtt::MQTT_VERSION_3_1_1,
    }
}
