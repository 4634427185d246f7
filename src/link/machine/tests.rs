//! The machine without a driver: its outputs for each input, phase by phase.

mod closing;
mod connecting;
mod looking;
mod up;

use super::window::{QUEUE_BYTES, UNANSWERED, WINDOW};
use super::*;
use crate::link::{Address, Failure, FailureKind, LONGEST_WAIT, Message, Qos, Settings, Transport};
use crate::now::an_instant;
use crate::random::Random;

const SECOND: Duration = Duration::from_secs(1);

/// A machine and its clock.
struct Bench {
    machine: Machine,
    now: Instant,
}

fn config(version: Version) -> Config {
    let address = Address { transport: Transport::Tcp, host: "broker".to_owned(), port: 1883, path: String::new() };
    let keep_alive = Duration::from_secs(30);
    Config {
        settings: Settings { address, tls: None, username: None, password: None, keep_alive, version },
        client_id: "id".to_owned(),
        persistent: true,
        will: Some(Box::new(|conn| publication(&format!("will {conn}"), None))),
        subscriptions: vec![Subscription::new("a".to_owned(), Qos::AtLeastOnce)],
        patient: true,
        longest_wait: LONGEST_WAIT,
        random: Random::new(|bytes| bytes.fill(0)),
        lookout: None,
    }
}

fn publication(topic: &str, ticket: Option<u64>) -> Publication {
    Publication { topic: topic.to_owned(), payload: Vec::new(), qos: Qos::AtLeastOnce, retain: false, ticket }
}

impl Bench {
    /// A machine with the shortest back-off.
    fn new(config: Config) -> Bench {
        let now = an_instant();
        Bench { machine: Machine::new(config, now), now }
    }

    /// A machine whose first attempt is under way.
    fn connecting(config: Config) -> Bench {
        let mut bench = Bench::new(config);
        bench.tick();
        bench
    }

    /// A machine whose first connection is up.
    fn up(config: Config) -> Bench {
        let mut bench = Bench::connecting(config);
        let outputs = bench.let_in();
        assert!(matches!(outputs[..], [Output::Emit(Event::Connected { .. })]), "{outputs:?}");
        bench
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        self.machine.handle(self.now, input)
    }

    fn tick(&mut self) -> Vec<Output> {
        self.handle(Input::Tick)
    }

    /// Its outputs at the next deadline.
    #[track_caller]
    fn when_due(&mut self) -> Vec<Output> {
        self.now = self.machine.due().expect("something is due");
        self.tick()
    }

    /// The time until the next deadline.
    #[track_caller]
    fn due_in(&self) -> Duration {
        self.machine.due().expect("something is due") - self.now
    }

    fn connected(&mut self, generation: u64) -> Vec<Output> {
        self.handle(Input::Connected { generation, session_present: false, tls: None })
    }

    /// The current attempt succeeds, and all filters are granted.
    #[track_caller]
    fn let_in(&mut self) -> Vec<Output> {
        let outputs = self.connected(self.machine.generation);
        let [Output::Subscribe { operation, subscriptions }] = &outputs[..] else { panic!("{outputs:?}") };
        self.handle(Input::Subscribed { operation: *operation, granted: Some(vec![true; subscriptions.len()]) })
    }

    fn not_connected(&mut self, why: NotConnected) -> Vec<Output> {
        self.handle(Input::NotConnected { generation: self.machine.generation, why })
    }

    fn down(&mut self) -> Vec<Output> {
        self.handle(Input::Down { generation: self.machine.generation, reason: "cut".to_owned() })
    }

    fn publish(&mut self, topic: &str, ticket: Option<u64>) -> Vec<Output> {
        self.handle(Input::Publish(publication(topic, ticket)))
    }

    fn settled(&mut self, operation: u64, outcome: Settlement) -> Vec<Output> {
        self.handle(Input::Settled { operation, outcome })
    }
}

/// The attempt in these outputs.
#[track_caller]
fn attempt(outputs: &[Output]) -> &Attempt {
    match outputs {
        [.., Output::Connect(attempt)] => attempt,
        other => panic!("no attempt: {other:?}"),
    }
}

/// The topics and operations of publications.
fn published(outputs: &[Output]) -> Vec<(&str, u64)> {
    let published = outputs.iter().filter_map(|output| match output {
        Output::Publish { operation, publication } => Some((publication.topic.as_str(), *operation)),
        _ => None,
    });
    published.collect()
}

/// The outputs at the end of each link.
fn ended() -> Vec<Output> {
    vec![Output::LetGo, Output::Emit(Event::Ended)]
}

/// The outputs after this failure or loss, if the back-off is this long.
fn then_waiting(event: Event, delay: Duration) -> Vec<Output> {
    vec![Output::Emit(event), Output::Emit(Event::Waiting { delay })]
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "it failed", "mend it")
}

fn lost() -> Event {
    Event::Lost { reason: "cut".to_owned() }
}
