//! A server's process: the real service, store and database, with a link of its own. It stands where the threads of
//! `server::io` stand, and decides nothing.

mod history;
mod links;
mod store;

use super::happening::{Happening, OfRun};
use super::machine::{Channel, Inbox, NodeMachine};
use super::stage::{LinkTerms, Stage};
use crate::link::{Event, Qos, Version};
use crate::protocol::Status;
use crate::server::client_id;
use crate::server::core::chat::{Config as ChatConfig, ServerChat};
use crate::server::core::exchange::{ServerExit, ServiceEffect, ServiceEvent};
use crate::server::core::record::{Keep, Retention, StoreTask};
use crate::server::core::rival::Rivals;
use crate::server::core::service::{self, Service};
use crate::server::io::door::StoreDoor;
use crate::server::store::sqlite::Database;
use crate::server::store::{Pass, Store, StoreJob, StoreSettings};
use crate::simulation::ledger::{Fact, RunEnd, RunNumber};
use crate::simulation::network::{ConnId, Parcel};
use crate::simulation::plan::{CrashPoint, ServerTraits};
use crate::simulation::tether::Tether;
use crate::simulation::world::{MS, Micros};
use std::collections::BTreeMap;
use std::time::Duration;
use store::StoreThreads;

pub const FILE: &str = "/chat.db";
const TICK: Micros = 500 * MS;
/// Between two turns for time's sake: what is due for ever is found, and does not stop the run.
const SHORTEST: Micros = 100;

pub struct ServerNode {
    pub index: usize,
    pub machine: NodeMachine,
    traits: ServerTraits,
    pub process: Option<ServerProcess>,
    /// Where messages that retention may remove were stored.
    places: BTreeMap<usize, (String, u64)>,
}

pub struct ServerProcess {
    pub run: RunNumber,
    index: usize,
    service: Service,
    store: StoreThreads,
    door: StoreDoor,
    inbox: Inbox<(ServiceEvent, Option<Pass>)>,
    pub client_id: String,
    /// The connection in use.
    link: Option<Tether>,
    /// The one for the last words, until it is in use.
    second: Option<Tether>,
    /// One that is being closed; the main thread waits for it until then.
    hanging: Option<(Tether, Micros)>,
    /// Connections that nobody waits for.
    dropped: Vec<Tether>,
    turned: Micros,
    is_connected: bool,
    pub ended: Option<RunEnd>,
}

impl ServerNode {
    pub fn new(index: usize, machine: NodeMachine, traits: ServerTraits) -> ServerNode {
        ServerNode { index, machine, traits, process: None, places: BTreeMap::new() }
    }

    /// Starts it.
    ///
    /// # Errors
    /// Its database cannot be used now.
    pub fn start(&mut self, stage: &mut Stage) -> Result<(), String> {
        let now = stage.moment(self.machine.node);
        self.machine.disk.set_wall(now.wall.timestamp_millis());
        let random = stage.stream().random();
        let stored = stage.stream().random();
        let database = match self.traits.memory {
            true => {
                // The history before has ended; retention has not removed it.
                self.places.clear();
                Database::in_memory(stored)
            }
            false => {
                let sql = self.machine.disk.open(FILE);
                sql.map_err(Into::into).and_then(|sql| Database::over(sql, stored))
            }
        };
        let database = database.map_err(|error| error.to_string())?;
        let secret = database.secret().map_err(|error| error.to_string())?;
        let earlier = database.earlier_run().map_err(|error| error.to_string())?;
        let config = ChatConfig {
            topics: stage.topics.clone(),
            timeout: Duration::from_secs(self.traits.timeout_s.into()),
            history_limit: 50,
            instance: random.word(),
            durable: !self.traits.memory,
        };
        let chat = ServerChat::new(config, earlier, now);
        let limit = |value: u32| (value > 0).then(|| u64::from(value));
        let retention = Retention {
            age: limit(self.traits.retention_s).map(Duration::from_secs),
            size: limit(self.traits.max_size_kb).map(|kb| kb * 1_024),
        };
        let reader = match self.traits.memory {
            true => None,
            false => Some(history::reader(&self.machine.disk)?),
        };
        let settings =
            StoreSettings { retention, search_time: Duration::from_secs(3_600), has_reader: reader.is_some() };
        let store = StoreThreads::new(Store::new(database, settings, now.instant), reader);
        let client_id = client_id(stage.topics.root(), &secret);
        let will = chat.server_info(Status::Offline);
        let terms = LinkTerms {
            client_id: client_id.clone(),
            persistent: !self.traits.memory,
            will: Some(Box::new(move |_| will.clone())),
            subscriptions: service::subscriptions(&stage.topics, Qos::AtLeastOnce),
            patient: true,
            longest_wait: crate::server::LONGEST_WAIT,
            version: Version::Auto,
            lookout: Some(Box::new(Rivals::new(stage.topics.clone(), chat.instance().to_owned()))),
        };
        let run = stage.ledger.run_started(stage.at(), self.machine.party);
        let link = links::open(self.machine.node, terms, stage);
        self.process = Some(ServerProcess {
            run,
            index: self.index,
            service: Service::new(chat, random),
            store,
            door: StoreDoor::new(stage.topics.clone()),
            inbox: Inbox::new(),
            client_id,
            link: Some(link),
            second: None,
            hanging: None,
            dropped: Vec::new(),
            turned: 0,
            is_connected: false,
            ended: None,
        });
        stage.after(TICK, Happening::Of(self.machine.node, run, OfRun::Tick));
        Ok(())
    }

    /// Its process is gone in the middle of whatever it did.
    pub fn kill(&mut self, power: bool, stage: &mut Stage) {
        let Some(process) = self.process.take() else { return };
        let now = stage.now();
        let mut rng = stage.stream();
        if power {
            let learns = rng.chance(50).then(|| now + rng.range(0, 3_000) * MS);
            stage.outside.network().sever(self.machine.node, None, learns);
        }
        let ServerProcess { run, link, second, hanging, dropped, .. } = process;
        let links = link.into_iter().chain(second).chain(hanging.map(|(link, _)| link)).chain(dropped);
        links.for_each(|link| link.kill(now, &mut stage.outside));
        match power {
            true => self.machine.disk.power_loss(&mut rng),
            false => self.machine.disk.kill(),
        }
        self.machine.thaw();
        stage.outside.network().freeze(self.machine.node, 0);
        let end = if power { RunEnd::PowerLost } else { RunEnd::Crashed };
        let at = stage.at();
        stage.ledger.run_ended(at, run, end);
    }

    /// It has ended by itself: its files are closed in order.
    pub fn bury(&mut self, stage: &mut Stage) -> Option<RunEnd> {
        let end = self.process.as_ref()?.ended.clone()?;
        let ServerProcess { run, link, second, hanging, dropped, store, .. } = self.process.take()?;
        let now = stage.now();
        let links = link.into_iter().chain(second).chain(hanging.map(|(link, _)| link)).chain(dropped);
        links.for_each(|link| link.kill(now, &mut stage.outside));
        drop(store);
        self.machine.disk.kill();
        let at = stage.at();
        stage.ledger.run_ended(at, run, end.clone());
        Some(end)
    }

    // ---- what happens ----

    pub fn received(&mut self, conn: ConnId, parcel: &Parcel, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let now = stage.now();
        let link = process.link.as_mut().map(|link| link.received(now, conn, parcel.clone(), &mut stage.outside));
        let closing = process.hanging.as_mut().map(|(link, _)| link);
        let closing = closing.map(|link| link.received(now, conn, parcel.clone(), &mut stage.outside));
        let second = process.second.as_mut().map(|link| link.received(now, conn, parcel.clone(), &mut stage.outside));
        for old in &mut process.dropped {
            old.received(now, conn, parcel.clone(), &mut stage.outside);
        }
        process.heard(link.into_iter().chain(closing).flatten(), stage);
        process.second_says(second.into_iter().flatten());
        self.go_on(stage);
    }

    /// Whether it has the chat, or shares it with another one.
    pub fn serves(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.is_connected)
    }

    /// When [`ServerNode::turn`] has something to do.
    pub fn due(&self, stage: &Stage) -> Option<Micros> {
        let process = self.process.as_ref()?;
        let micros = |instant| stage.world.timeline.micros(instant);
        let links = process.links().filter_map(Tether::due).chain(process.hanging.as_ref().map(|(_, until)| *until));
        let links = links.min().map(|due| due.max(self.machine.frozen_until()));
        let service = process.service.next_due().filter(|_| process.hanging.is_none());
        let service = service.map(|due| micros(due).max(self.machine.behind_until()));
        let store = process.store.due().map(|due| micros(due).max(self.machine.frozen_until()));
        let due = [links, service, store].into_iter().flatten().min();
        due.map(|due| due.max(process.turned + SHORTEST))
    }

    pub fn turn(&mut self, stage: &mut Stage) {
        let now = stage.now();
        let Some(process) = &mut self.process else { return };
        if self.machine.is_frozen(now) {
            return;
        }
        process.turned = now;
        stage.woken(self.machine.party);
        let link = process.link.as_mut().map(|link| link.turn(now, &mut stage.outside));
        let closing = process.hanging.as_mut().map(|(link, _)| link.turn(now, &mut stage.outside));
        let second = process.second.as_mut().map(|link| link.turn(now, &mut stage.outside));
        for old in &mut process.dropped {
            old.turn(now, &mut stage.outside);
        }
        process.dropped.retain(|link| !link.has_ended());
        process.heard(link.into_iter().chain(closing).flatten(), stage);
        process.second_says(second.into_iter().flatten());
        let timeline = stage.world.timeline;
        let is_due = |instant| timeline.micros(instant) <= now;
        if process.store.due().is_some_and(is_due) {
            self.store_turn(stage);
        }
        let Some(process) = &mut self.process else { return };
        if process.service.next_due().is_some_and(is_due) && process.hanging.is_none() {
            process.inbox.put(Channel::Own, (ServiceEvent::Due, None));
        }
        self.go_on(stage);
    }

    pub fn happened(&mut self, what: OfRun, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        match what {
            OfRun::Tick => {
                stage.after(TICK, Happening::Of(self.machine.node, process.run, OfRun::Tick));
                let turned_away = process.door.take_refused();
                process.inbox.put(Channel::User, (ServiceEvent::Tick { turned_away }, None));
            }
            OfRun::StoreTurn => self.store_turn(stage),
            OfRun::StoreDone(outputs) => self.store_done(outputs, stage),
            OfRun::ReaderDone(answer) => {
                process.inbox.put(Channel::Own, (ServiceEvent::Store(answer), None));
                self.read_on(stage);
            }
            OfRun::Quit => process.inbox.put(Channel::User, (ServiceEvent::Stop, None)),
            _ => {}
        }
        self.go_on(stage);
    }

    /// The main thread handles what waits, unless it stands still.
    pub fn go_on(&mut self, stage: &mut Stage) {
        let now = stage.now();
        loop {
            let Some(process) = &mut self.process else { return };
            if self.machine.is_stuck(now) || process.ended.is_some() {
                return;
            }
            let next = match &process.hanging {
                Some((link, until)) if !link.has_ended() && now < *until => return,
                // What arrived on the connection comes first.
                Some(_) => match process.inbox.take_from(Channel::Link) {
                    Some(next) => next,
                    None => {
                        process.dropped.extend(process.hanging.take().map(|(link, _)| link));
                        (ServiceEvent::HungUp, None)
                    }
                },
                None => match process.inbox.take(&mut stage.rng, |_| true) {
                    Some(next) => next,
                    None => return,
                },
            };
            self.handle(next, stage);
        }
    }

    fn handle(&mut self, (event, mut pass): (ServiceEvent, Option<Pass>), stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let now = stage.moment(self.machine.node);
        match &event {
            ServiceEvent::Link(Event::Connected { .. }) => {
                process.is_connected = true;
                stage.note(Fact::Connected { run: process.run });
            }
            ServiceEvent::Link(Event::Lost { .. }) => {
                process.is_connected = false;
                stage.note(Fact::Lost { run: process.run });
            }
            _ => {}
        }
        for effect in process.service.handle(now, event) {
            let Some(process) = &mut self.process else { return };
            match effect {
                ServiceEffect::Publish(publication) => process.publish(publication, stage),
                ServiceEffect::Store(task) => {
                    let is_message = matches!(task, StoreTask::Keep(Keep::Message(_)));
                    if is_message && self.machine.trap.reach(CrashPoint::BeforeKeep) {
                        return;
                    }
                    let pass = if matches!(task, StoreTask::Keep(_)) { pass.take() } else { None };
                    self.give(StoreJob { task, pass }, stage);
                }
                ServiceEffect::OpenSecond { client_id, will } => {
                    process.open_second(self.machine.node, client_id, will, stage)
                }
                ServiceEffect::DropSecond => {
                    let dropped = process.second.take();
                    process.drop_link(dropped, stage);
                }
                ServiceEffect::HangUp { last, within } => process.hang_up(last, within, stage),
                ServiceEffect::Exit(exit) => {
                    process.ended = Some(match exit {
                        ServerExit::Stopped => RunEnd::Quit,
                        ServerExit::AnotherServer => RunEnd::Rival,
                        ServerExit::LinkEnded { code } => RunEnd::Fell(format!("its link ended with code {code}")),
                    });
                    self.finish_store(stage);
                    return;
                }
            }
        }
    }
}
