//! The thin driver of a [`Machine`]. With `guard` it is the only part of the program that names the MQTT library. The
//! "link" thread carries out the machine's outputs and reports their results. It decides nothing.
//!
//! paho's callbacks and tokens wake this thread through the channel of the owner's orders, and so does the "probe"
//! thread. Only messages go straight from paho's callback to the owner.

mod pending;
mod words;

use super::machine::{Attempt, Input, Machine, NotConnected, Output, Settlement};
use super::{BROKE, Config, Event, Settings, probe, retired};
use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use paho_mqtt as mqtt;
use pending::{Awaited, Pending};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Everything that wakes the link thread.
pub enum Signal {
    Input(Input),
    /// A token has its result.
    Completed(Awaited),
}

struct Driver {
    machine: Machine,
    settings: Settings,
    on_event: Arc<dyn Fn(Event) + Send + Sync>,
    signals: Sender<Signal>,
    inbox: Receiver<Signal>,
    /// Inputs that outputs have produced.
    ready: VecDeque<Input>,
    /// By generation. Finished ones are retired with the next attempt.
    clients: BTreeMap<u64, mqtt::AsyncClient>,
    generation: u64,
    /// For the callbacks: the generation whose messages are passed on; 0: none.
    heard: Arc<AtomicU64>,
    pending: Pending,
    /// Generations whose failure is to be explained.
    failures: Sender<u64>,
    farewell: Option<Sender<()>>,
    before: Option<Receiver<()>>,
}

/// Starts the "link" thread and its "probe" thread. The first attempt is made when `before` is closed, or at its
/// deadline. Returns what wakes the link thread, and a channel that closes when the owner need not wait any longer.
pub fn start(
    config: Config,
    before: Option<(Receiver<()>, Instant)>,
    on_event: impl Fn(Event) + Send + Sync + 'static,
) -> io::Result<(Sender<Signal>, Receiver<()>)> {
    // The thread takes a signal at once, because it waits for nothing else. What it cannot publish yet is bounded by the
    // machine, and so are the tokens under way.
    let (signals, inbox) = unbounded();
    let (farewell, said) = bounded(0);
    let (before, first_attempt) = before.unzip();
    let settings = config.settings.clone();
    let driver = Driver {
        failures: start_probe(settings.clone(), signals.clone())?,
        machine: Machine::new(config, first_attempt.unwrap_or_else(Instant::now)),
        settings,
        on_event: Arc::new(on_event),
        signals: signals.clone(),
        inbox,
        ready: VecDeque::new(),
        clients: BTreeMap::new(),
        generation: 0,
        heard: Arc::default(),
        pending: Pending::new(signals.clone()),
        farewell: Some(farewell),
        before,
    };
    std::thread::Builder::new().name("link".to_owned()).spawn(move || driver.run())?;
    Ok((signals, said))
}

impl Driver {
    fn run(mut self) {
        while !self.machine.has_ended() {
            let input = self.next_input();
            for output in self.machine.handle(Instant::now(), input) {
                self.carry_out(output);
            }
        }
        self.clients.into_values().for_each(retired::keep);
    }

    fn next_input(&mut self) -> Input {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return input;
            }
            match self.next_signal() {
                Some(Signal::Input(input)) => return input,
                Some(Signal::Completed(awaited)) => self.ready.extend(self.pending.poll(awaited)),
                None => return Input::Tick,
            }
        }
    }

    /// `None`: the machine's deadline has passed.
    fn next_signal(&mut self) -> Option<Signal> {
        let due = self.machine.due();
        match (&self.before, due) {
            (Some(before), Some(due)) => select! {
                recv(self.inbox) -> signal => signal.ok(),
                recv(before) -> _ => {
                    self.before = None;
                    Some(Signal::Input(Input::Begin))
                }
                default(due.saturating_duration_since(Instant::now())) => None,
            },
            (None, Some(due)) => self.inbox.recv_deadline(due).ok(),
            // The driver holds a sender itself, so the channel never closes.
            (_, None) => self.inbox.recv().ok(),
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Connect(attempt) => self.connect(&attempt),
            Output::Explain { generation } => {
                // The thread receives until this end is dropped.
                let _ = self.failures.send(generation);
            }
            Output::Subscribe { operation, subscriptions } => {
                if let Some(client) = self.clients.get(&self.generation) {
                    let token = words::subscribe(client, &subscriptions);
                    self.watch(Awaited::Operation(operation), async move {
                        Input::Subscribed { operation, granted: words::granted(token.await, subscriptions.len()) }
                    });
                }
            }
            Output::Unsubscribe { filter } => {
                if let Some(client) = self.clients.get(&self.generation) {
                    drop(client.unsubscribe(filter));
                }
            }
            Output::Publish { operation, publication } => {
                let Some(client) = self.clients.get(&self.generation) else { return };
                match client.try_publish(words::message(&publication)) {
                    Ok(token) => self.watch(Awaited::Operation(operation), async move {
                        Input::Settled { operation, outcome: words::settlement(token.await) }
                    }),
                    // The owner still has the publication, and a callback reports a broken connection.
                    Err(error) => {
                        log::debug!("not published to {}: {error}", publication.topic);
                        self.ready.push_back(Input::Settled { operation, outcome: Settlement::Unknown });
                    }
                }
            }
            Output::Forget { operation } => self.pending.forget(Awaited::Operation(operation)),
            Output::Disconnect { generation } => {
                if let Some(client) = self.clients.get(&generation) {
                    // No timeout of paho's, which would poll once a second: everything under way is settled.
                    let token = client.disconnect(None);
                    self.watch(Awaited::Connection(generation), async move {
                        let _ = token.await;
                        Input::Disconnected { generation }
                    });
                }
            }
            Output::GiveUp { generation } => {
                let _ = self.heard.compare_exchange(generation, 0, Ordering::Relaxed, Ordering::Relaxed);
                if let Some(client) = self.clients.get(&generation) {
                    // Its arrival does not matter.
                    drop(client.disconnect(None));
                }
            }
            Output::LetGo => drop(self.farewell.take()),
            Output::Emit(event) => (self.on_event)(event),
        }
    }

    fn connect(&mut self, attempt: &Attempt) {
        let generation = attempt.generation;
        self.generation = generation;
        let not_connected = |why| Input::NotConnected { generation, why };
        let options = match words::connect_options(&self.settings, attempt) {
            Ok(options) => options,
            Err(failure) => return self.ready.push_back(not_connected(NotConnected::Unusable(failure))),
        };
        let client = match words::create(&self.settings, attempt) {
            Ok(client) => client,
            Err(error) => return self.ready.push_back(not_connected(words::refusal(&error))),
        };
        self.set_callbacks(&client, attempt);
        let token = client.connect(options);
        self.pending.forget_operations();
        let clients = std::mem::replace(&mut self.clients, BTreeMap::from([(generation, client)]));
        for (generation, client) in clients {
            match self.pending.is_pending(Awaited::Connection(generation)) {
                true => drop(self.clients.insert(generation, client)),
                false => retired::keep(client),
            }
        }
        retired::free_rested();
        let is_tls = self.settings.tls.is_some();
        self.watch(Awaited::Connection(generation), async move { words::connected(generation, token.await, is_tls) });
    }

    fn set_callbacks(&self, client: &mqtt::AsyncClient, attempt: &Attempt) {
        let (generation, is_look) = (attempt.generation, attempt.is_look);
        self.heard.store(generation, Ordering::Relaxed);
        let (on_event, heard, signals) = (self.on_event.clone(), self.heard.clone(), self.signals.clone());
        client.set_message_callback(move |_, message| {
            // Without a message, paho signals the end of the stream. That is reported as Down.
            let Some(message) = message.filter(|_| heard.load(Ordering::Relaxed) == generation) else { return };
            let message = words::arrived(&message);
            match is_look {
                true => drop(signals.send(Signal::Input(Input::Message { generation, message }))),
                false => on_event(Event::Message(message)),
            }
        });
        let signals = self.signals.clone();
        let down = move |reason: String| drop(signals.send(Signal::Input(Input::Down { generation, reason })));
        let broke = down.clone();
        client.set_connection_lost_callback(move |_| broke(BROKE.to_owned()));
        client.set_disconnected_callback(move |_, _, code| down(format!("ended by the broker: {code}")));
    }

    fn watch(&mut self, awaited: Awaited, answer: impl Future<Output = Input> + Send + 'static) {
        self.ready.extend(self.pending.watch(awaited, answer));
    }
}

/// Starts the "probe" thread, which finds out why attempts of these generations failed. That may take long, so the link
/// thread does not do it. The thread ends when the sender is dropped and its probe is done.
fn start_probe(settings: Settings, signals: Sender<Signal>) -> io::Result<Sender<u64>> {
    // At most one per attempt to connect.
    let (failures, inbox) = unbounded();
    let work = move || {
        for failed in &inbox {
            // Only the latest one counts.
            let generation = inbox.try_iter().last().unwrap_or(failed);
            let walked = probe::walk(&settings);
            // If the link has ended meanwhile, the answer is dropped.
            if signals.send(Signal::Input(Input::Explained { generation, walked })).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("probe".to_owned()).spawn(work)?;
    Ok(failures)
}
