//! Everything that runs in a round: the broker, the server and the members behind their proxies, the feeders, and the
//! ledger. The main thread owns and drives it.

use crate::account::End;
use crate::actor::{Actor, excuse};
use crate::cast::{KEEP_ALIVE, Member, Who};
use crate::feeder::Feeder;
use crate::ledger::{Ledger, Record};
use crate::process::Program;
use crate::proxy::Proxy;
use crate::schedule::Fault;
use crate::support::{Broker, wait_until};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// The time between two turns.
const TURN: Duration = Duration::from_millis(20);
/// The interval between two messages of each sender.
const EVERY: Duration = Duration::from_millis(100);
/// How long a program may take to end when asked.
const END_WITHIN: Duration = Duration::from_secs(40);

pub struct Stage {
    pub ledger: Ledger,
    pub broker: Broker,
    /// Members that ended by themselves, as they may, by reason.
    pub excused: BTreeMap<String, usize>,
    begun: Instant,
    folder: PathBuf,
    // Before the feeders: killing a sender frees a feeder that its full pipe blocks.
    actors: BTreeMap<Who, Actor>,
    feeders: BTreeMap<Member, Feeder>,
    /// The inputs of the receivers, held open.
    inputs: BTreeMap<Member, ChildStdin>,
    records: Receiver<Record>,
    broker_starts_at: Option<Duration>,
    broker_forgets: bool,
    broker_stopped_until: Option<Duration>,
}

impl Stage {
    /// Starts everything, and waits until all are in the chat. Logs and homes are in `folder`.
    #[track_caller]
    pub fn set(seed: u64, folder: &Path) -> Stage {
        let begun = Instant::now();
        let (telling, records) = mpsc::channel();
        let broker = Broker::builder()
            .persistence()
            // Saved often: after a kill, the saved state is only a little old.
            .line("autosave_interval 1")
            .line("max_queued_messages 10")
            .log(&folder.join("mosquitto.log"))
            .start();
        let mut stage = Stage {
            ledger: Ledger::default(),
            excused: BTreeMap::new(),
            begun,
            folder: folder.to_owned(),
            actors: BTreeMap::new(),
            feeders: BTreeMap::new(),
            inputs: BTreeMap::new(),
            records,
            broker_starts_at: None,
            broker_forgets: false,
            broker_stopped_until: None,
            broker,
        };
        stage.add(Who::Server, &telling);
        for member in Member::ALL {
            stage.add(Who::Member(member), &telling);
        }
        let everybody: Vec<Who> = stage.actors.keys().copied().collect();
        everybody.into_iter().for_each(|who| stage.start(who));
        stage.turn_until("everybody is in the chat", Duration::from_secs(30), |stage| {
            Member::ALL.iter().all(|member| stage.ledger.is_in(*member))
        });
        for sender in Member::SENDERS {
            stage.feeders.insert(sender, Feeder::start(seed, sender, EVERY, begun, telling.clone()));
            if let Some(input) = stage.inputs.remove(&sender) {
                let run = stage.ledger.account.runs_of(sender).last().expect("it runs").0;
                stage.feeders[&sender].feeds(run, input);
            }
        }
        stage
    }

    fn add(&mut self, who: Who, telling: &Sender<Record>) {
        let proxy = Proxy::start(self.broker.port());
        let address = format!("127.0.0.1:{}", proxy.port());
        let keep_alive = KEEP_ALIVE.as_secs().to_string();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (name, mut arguments, files) = match who {
            Who::Broker => unreachable!("the broker is no actor"),
            Who::Server => {
                let data = self.data_dir();
                let path = data.display().to_string();
                let arguments = words(&["server", &address, "--data-dir", &path, "--timeout", "4"]);
                ("server", arguments, Some(data.join("chat.db")))
            }
            Who::Member(member) => {
                let nick = member.nick();
                let mut arguments = words(&["client", &address, "--json", "--nick", nick]);
                member.rooms().iter().for_each(|room| arguments.extend(words(&["--room", room])));
                match member.is_sender() {
                    true => {
                        let file = self.folder.join(format!("{nick}.outbox")).display().to_string();
                        arguments.extend(words(&["--outbox", &file]));
                    }
                    false => arguments.push("--listen".to_owned()),
                }
                (nick, arguments, None)
            }
        };
        arguments.extend(words(&["--keepalive", &keep_alive]));
        let program = Program::new(&self.folder, name, arguments, self.begun);
        let program = if who == Who::Server { program } else { program.telling(telling.clone()) };
        self.actors.insert(who, Actor::new(who, program, proxy, files));
    }

    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn start(&mut self, who: Who) {
        let now = self.now();
        let Some(actor) = self.actors.get_mut(&who) else { return };
        let (run, input) = actor.start(now, &mut self.ledger);
        if let Who::Member(member) = who {
            match self.feeders.get(&member) {
                Some(feeder) => feeder.feeds(run, input),
                None => drop(self.inputs.insert(member, input)),
            }
        }
    }

    /// Does what is due, and waits a moment for reports of the threads.
    pub fn turn(&mut self) {
        self.listen();
        let now = self.now();
        self.see_to_the_broker(now);
        let mut to_start = Vec::new();
        let mut fallen = Vec::new();
        for (who, actor) in &mut self.actors {
            fallen.extend(actor.fell(now).map(|(run, status)| (*who, run, status)));
            if actor.recover(now, &mut self.ledger) {
                to_start.push(*who);
            }
        }
        for (who, run, status) in fallen {
            // Its earlier output goes into the account first.
            self.take_records();
            let connected = self.ledger.account.runs[run].connected;
            let reason = excuse(who, status, connected).unwrap_or_else(|what| {
                self.ledger.is_wrong(format!("{what} (run {run})"));
                what
            });
            *self.excused.entry(reason.clone()).or_default() += 1;
            self.ledger.run_ended(run, now, End::ByItself(reason));
        }
        to_start.into_iter().for_each(|who| self.start(who));
    }

    fn listen(&mut self) {
        match self.records.recv_timeout(TURN) {
            Ok(record) => {
                self.ledger.record(record);
                self.take_records();
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn take_records(&mut self) {
        while let Ok(record) = self.records.try_recv() {
            self.ledger.record(record);
        }
    }

    #[track_caller]
    pub fn turn_until(&mut self, what: &str, deadline: Duration, mut condition: impl FnMut(&mut Stage) -> bool) {
        wait_until(deadline, what, || {
            self.turn();
            condition(self)
        });
    }

    // ---- faults ----

    /// False if there is nothing for the fault to hit.
    pub fn suffer(&mut self, fault: &Fault) -> bool {
        let now = self.now();
        let broker_runs = self.broker_starts_at.is_none();
        match (fault.who(), fault) {
            (Who::Broker, _) if !broker_runs => false,
            (_, Fault::KillBroker { pause, forgets }) => {
                self.broker.kill();
                self.broker_starts_at = Some(now + *pause);
                (self.broker_forgets, self.broker_stopped_until) = (*forgets, None);
                true
            }
            (Who::Broker, Fault::Stop { time, .. }) => {
                self.broker.pause();
                self.broker_stopped_until = self.broker_stopped_until.max(Some(now + *time));
                true
            }
            (_, Fault::Cut { .. } | Fault::HalfClose { .. }) if !broker_runs => false,
            (who, fault) => {
                let Some(actor) = self.actors.get_mut(&who) else { return false };
                actor.suffer(fault, now, &mut self.ledger)
            }
        }
    }

    fn see_to_the_broker(&mut self, now: Duration) {
        if self.broker_starts_at.take_if(|at| *at <= now).is_some() {
            if self.broker_forgets {
                self.broker.forget();
            }
            self.broker.start_again();
        }
        if self.broker_stopped_until.take_if(|until| *until <= now).is_some() {
            self.broker.resume();
        }
        assert!(!self.broker.has_fallen(), "mosquitto has ended by itself");
    }

    /// Ends every fault, and restarts whatever is dead.
    pub fn recover_at_once(&mut self) {
        let now = self.now();
        for until in [&mut self.broker_starts_at, &mut self.broker_stopped_until].into_iter().flatten() {
            *until = now;
        }
        self.actors.values_mut().for_each(|actor| actor.recover_at_once(now));
        self.turn();
    }

    // ---- the end ----

    /// Stops the messages. The inputs stay open.
    pub fn stop_feeding(&mut self) {
        for (sender, feeder) in std::mem::take(&mut self.feeders) {
            self.inputs.extend(feeder.stop().map(|input| (sender, input)));
        }
    }

    /// Ends everybody properly, the server last, and reads their last output.
    #[track_caller]
    pub fn end(&mut self) {
        let mut actors: Vec<Actor> = std::mem::take(&mut self.actors).into_values().collect();
        // Senders first, because they wait until their outboxes are settled.
        actors.sort_by_key(|actor| match actor.who {
            Who::Member(member) => (!member.is_sender(), member),
            _ => (true, Member::Tom),
        });
        for actor in &mut actors {
            let input = match actor.who {
                Who::Member(member) => self.inputs.remove(&member),
                _ => None,
            };
            let now = self.begun.elapsed();
            actor.end(input, now, &mut self.ledger, END_WITHIN);
        }
        self.turn_until("all output is read", Duration::from_secs(10), |stage| stage.ledger.is_complete());
    }

    /// The server's data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("server").join("data")
    }

    /// The folder of logs and homes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
