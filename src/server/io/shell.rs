//! The main thread's loop: waits for events, passes them to the service, and carries out its effects.

use super::door::StoreDoor;
use crate::link::{self, Config, LONGEST_WAIT, Link, Publication, Settings};
use crate::now::Now;
use crate::random::Random;
use crate::server::core::exchange::{ServerExit, ServiceEffect, ServiceEvent};
use crate::server::core::record::{StoreAnswer, StoreTask};
use crate::server::core::service::Service;
use crate::server::store::{Pass, StoreJob};
use crossbeam_channel::{Receiver, Sender, never, select, unbounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The wait if nothing is due.
const LONG: Duration = Duration::from_secs(3600);

/// The sources of events.
pub struct Inboxes {
    pub link: Receiver<(link::Event, Option<Pass>)>,
    pub store: Receiver<StoreAnswer>,
    pub ticks: Receiver<()>,
    pub stop: Receiver<i32>,
    pub door: Arc<StoreDoor>,
}

/// Runs until the service is done. Afterwards the store ends, because it gets no more jobs.
pub fn main_loop(
    mut service: Service,
    link: Link,
    jobs: Sender<StoreJob>,
    inboxes: Inboxes,
    settings: Settings,
    random: Random,
) -> ServerExit {
    // A connection is made or fails at most once a second.
    let (second_events, second_inbox) = unbounded();
    let mut shell = ServerShell {
        inboxes,
        link: Some(link),
        second: None,
        second_events,
        second_inbox,
        has_hung_up: false,
        jobs,
        settings,
        random,
    };
    loop {
        let (event, pass) = shell.next_event(service.next_due());
        let effects = service.handle(Now::read(), event);
        if let Some(exit) = shell.carry_out(effects, pass) {
            return exit;
        }
    }
}

struct ServerShell {
    inboxes: Inboxes,
    /// The connection in use; `None`: it is closed.
    link: Option<Link>,
    /// The connection for the last publications, until it is in use.
    second: Option<Link>,
    second_events: Sender<Result<(), String>>,
    second_inbox: Receiver<Result<(), String>>,
    /// A connection was closed, and the service has not been told.
    has_hung_up: bool,
    jobs: Sender<StoreJob>,
    settings: Settings,
    random: Random,
}

impl ServerShell {
    fn next_event(&mut self, due: Option<Instant>) -> (ServiceEvent, Option<Pass>) {
        if self.has_hung_up {
            // Arrivals on the connection come first.
            if let Ok((event, pass)) = self.inboxes.link.try_recv() {
                return (ServiceEvent::Link(event), pass);
            }
            self.has_hung_up = false;
            return (ServiceEvent::HungUp, None);
        }
        let wait = due.map_or(LONG, |due| due.saturating_duration_since(Instant::now()));
        let inboxes = &self.inboxes;
        // The threads keep their senders until the end. If such a channel closed, stopping would be the only choice.
        let event = select! {
            recv(inboxes.stop) -> _ => ServiceEvent::Stop,
            recv(inboxes.link) -> event => match event {
                Ok((event, pass)) => return (ServiceEvent::Link(event), pass),
                // The link has reported its end, or was closed.
                Err(_) => {
                    self.inboxes.link = never();
                    ServiceEvent::Due
                }
            },
            recv(inboxes.store) -> answer => answer.map_or(ServiceEvent::Stop, ServiceEvent::Store),
            recv(inboxes.ticks) -> tick => tick.map_or(ServiceEvent::Stop, |()| {
                ServiceEvent::Tick { turned_away: inboxes.door.take_refused() }
            }),
            recv(self.second_inbox) -> result => result.map_or(ServiceEvent::Stop, ServiceEvent::Second),
            default(wait) => ServiceEvent::Due,
        };
        (event, None)
    }

    /// `pass`: the weight of the event just handled. It stays with what is stored of it.
    fn carry_out(&mut self, effects: Vec<ServiceEffect>, mut pass: Option<Pass>) -> Option<ServerExit> {
        for effect in effects {
            match effect {
                ServiceEffect::Publish(publication) => {
                    if let Some(link) = &self.link {
                        link.publish(publication);
                    }
                }
                ServiceEffect::Store(task) => {
                    let pass = if matches!(task, StoreTask::Keep(_)) { pass.take() } else { None };
                    // The store receives until this sender is dropped.
                    let _ = self.jobs.send(StoreJob { task, pass });
                }
                ServiceEffect::OpenSecond { client_id, will } => self.open_second(client_id, will),
                ServiceEffect::DropSecond => self.second = None,
                ServiceEffect::HangUp { last, within } => {
                    if let Some(link) = std::mem::replace(&mut self.link, self.second.take()) {
                        link.close(last, within);
                    }
                    self.has_hung_up = true;
                }
                ServiceEffect::Exit(exit) => return Some(exit),
            }
        }
        None
    }

    /// Opens a connection on which nothing arrives.
    fn open_second(&mut self, client_id: String, will: Publication) {
        let config = Config {
            settings: self.settings.clone(),
            client_id,
            persistent: false,
            will: Some(Box::new(move |_| will.clone())),
            subscriptions: Vec::new(),
            patient: false,
            longest_wait: LONGEST_WAIT,
            random: self.random.clone(),
            lookout: None,
        };
        let events = self.second_events.clone();
        let on_event = move |event| match event {
            link::Event::Connected { .. } => drop(events.send(Ok(()))),
            link::Event::Failed(failure) => drop(events.send(Err(failure.what))),
            _ => {}
        };
        match Link::open(config, on_event) {
            Ok(link) => self.second = Some(link),
            Err(error) => drop(self.second_events.send(Err(format!("no thread could be started: {error}")))),
        }
    }
}
