//! A link's machine on the simulated network, as `link::paho` is one on a real network: it carries out what the machine
//! says and tells it what became of it. It decides nothing.

use super::mqtt::{MqttClient, MqttEvent, MqttOutput};
use super::network::{ConnId, Parcel};
use super::outside::Outside;
use super::packet::{Connect, Publish};
use super::world::{Micros, NodeId, Timeline};
use crate::link::machine::{Attempt, Input, Machine, NotConnected, Output, Settlement};
use crate::link::{Config, Event, Failure, FailureKind, Publication, Version};
use std::collections::VecDeque;

pub struct Tether {
    node: NodeId,
    timeline: Timeline,
    machine: Machine,
    keep_alive_seconds: u16,
    strands: Vec<Strand>,
    /// The latest attempt.
    generation: u64,
    /// The generation whose messages are passed on; 0: none.
    heard: u64,
    /// Inputs that came of carrying something out.
    ready: VecDeque<Input>,
    events: Vec<Event>,
}

/// A connection that goes on.
struct Strand {
    conn: ConnId,
    generation: u64,
    purpose: Purpose,
    client: MqttClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Link,
    Look,
    /// To find out why an attempt failed.
    Walk,
}

impl Tether {
    /// A link of `node` that begins to connect at `first_attempt`.
    pub fn new(node: NodeId, timeline: Timeline, config: Config, first_attempt: Micros) -> Tether {
        let keep_alive_seconds = u16::try_from(config.settings.keep_alive.as_secs()).unwrap_or(u16::MAX);
        Tether {
            node,
            timeline,
            machine: Machine::new(config, timeline.instant(first_attempt)),
            keep_alive_seconds,
            strands: Vec::new(),
            generation: 0,
            heard: 0,
            ready: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// The link has ended: nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.machine.has_ended()
    }

    /// What the owner wants; what it is told at once.
    pub fn handle(&mut self, now: Micros, input: Input, outside: &mut Outside) -> Vec<Event> {
        self.ready.push_back(input);
        self.go_on(now, outside)
    }

    /// Something has arrived on a connection of the node's.
    pub fn received(&mut self, now: Micros, conn: ConnId, parcel: Parcel, outside: &mut Outside) -> Vec<Event> {
        self.with_client(now, conn, outside, |client| client.received(now, parcel));
        self.go_on(now, outside)
    }

    /// When [`Tether::turn`] has something to do.
    pub fn due(&self) -> Option<Micros> {
        let machine = self.machine.due().map(|due| self.timeline.micros(due));
        self.strands.iter().filter_map(|strand| strand.client.due()).chain(machine).min()
    }

    /// Does what is due.
    pub fn turn(&mut self, now: Micros, outside: &mut Outside) -> Vec<Event> {
        let is_due = |strand: &&Strand| strand.client.due().is_some_and(|due| due <= now);
        let due: Vec<ConnId> = self.strands.iter().filter(is_due).map(|strand| strand.conn).collect();
        for conn in due {
            self.with_client(now, conn, outside, |client| client.turn(now));
        }
        if self.machine.due().is_some_and(|due| self.timeline.micros(due) <= now) {
            self.ready.push_back(Input::Tick);
        }
        self.go_on(now, outside)
    }

    /// The node's process is gone: its system closes the connections.
    pub fn kill(self, now: Micros, outside: &mut Outside) {
        self.strands.iter().for_each(|strand| outside.close(now, strand.conn));
    }

    // ---- the machine's outputs ----

    fn go_on(&mut self, now: Micros, outside: &mut Outside) -> Vec<Event> {
        while let Some(input) = self.ready.pop_front() {
            for output in self.machine.handle(self.timeline.instant(now), input) {
                self.carry_out(now, output, outside);
            }
        }
        std::mem::take(&mut self.events)
    }

    fn carry_out(&mut self, now: Micros, output: Output, outside: &mut Outside) {
        let latest = self.generation;
        match output {
            Output::Connect(attempt) => self.connect(now, attempt, outside),
            Output::Explain { generation } => self.walk(now, generation, outside),
            Output::Subscribe { operation, subscriptions } => {
                self.with(now, latest, outside, |client| client.subscribe(now, operation, subscriptions));
            }
            Output::Unsubscribe { filter } => {
                self.with(now, latest, outside, |client| client.unsubscribe(now, filter));
            }
            Output::Publish { operation, publication } => {
                self.with(now, latest, outside, |client| client.publish(now, operation, &publication));
            }
            Output::Forget { operation } => self.with(now, latest, outside, |client| {
                client.forget(operation);
                Vec::new()
            }),
            Output::Disconnect { generation } => {
                self.with(now, generation, outside, |client| client.disconnect(now));
                self.ready.push_back(Input::Disconnected { generation });
            }
            Output::GiveUp { generation } => {
                if self.heard == generation {
                    self.heard = 0;
                }
                self.with(now, generation, outside, |client| client.disconnect(now));
            }
            // Nobody waits for a link here.
            Output::LetGo => {}
            Output::Emit(event) => self.events.push(event),
        }
    }

    fn connect(&mut self, now: Micros, attempt: Attempt, outside: &mut Outside) {
        let Attempt { generation, version, client_id, persistent, will, is_look } = attempt;
        // The library frees the client of an earlier attempt.
        let earlier: Vec<ConnId> = self.of_links().map(|strand| strand.conn).collect();
        for conn in earlier {
            self.with_client(now, conn, outside, MqttClient::close);
        }
        (self.generation, self.heard) = (generation, generation);
        let connect = Connect {
            client_id: client_id.into(),
            version,
            clean: !persistent,
            is_kept: persistent,
            keep_alive_seconds: self.keep_alive_seconds,
            will: will
                .map(|Publication { topic, payload, qos, retain, .. }| Publish::new(&topic, &payload, qos, retain)),
        };
        self.open(now, generation, if is_look { Purpose::Look } else { Purpose::Link }, connect, outside);
    }

    fn walk(&mut self, now: Micros, generation: u64, outside: &mut Outside) {
        let connect = Connect {
            client_id: format!("walk-{}-{generation}", self.node).into(),
            version: Version::V311,
            clean: true,
            is_kept: false,
            keep_alive_seconds: 0,
            will: None,
        };
        self.open(now, generation, Purpose::Walk, connect, outside);
    }

    fn open(&mut self, now: Micros, generation: u64, purpose: Purpose, connect: Connect, outside: &mut Outside) {
        let conn = outside.open(self.node);
        let (client, packet) = MqttClient::new(now, connect);
        outside.send(now, conn, packet);
        self.strands.push(Strand { conn, generation, purpose, client });
    }

    fn of_links(&self) -> impl Iterator<Item = &Strand> {
        self.strands.iter().filter(|strand| strand.purpose != Purpose::Walk)
    }

    // ---- the connections ----

    /// Lets the connection of a generation do something.
    fn with(
        &mut self,
        now: Micros,
        generation: u64,
        outside: &mut Outside,
        action: impl FnOnce(&mut MqttClient) -> Vec<MqttOutput>,
    ) {
        let conn = self.of_links().find(|strand| strand.generation == generation).map(|strand| strand.conn);
        if let Some(conn) = conn {
            self.with_client(now, conn, outside, action);
        }
    }

    fn with_client(
        &mut self,
        now: Micros,
        conn: ConnId,
        outside: &mut Outside,
        action: impl FnOnce(&mut MqttClient) -> Vec<MqttOutput>,
    ) {
        let Some(strand) = self.strands.iter_mut().find(|strand| strand.conn == conn) else { return };
        let (generation, purpose) = (strand.generation, strand.purpose);
        for output in action(&mut strand.client) {
            match output {
                MqttOutput::Send(packet) => outside.send(now, conn, packet),
                MqttOutput::Close => self.close(now, conn, outside),
                MqttOutput::Tell(event) => match purpose {
                    Purpose::Walk => self.walked(now, conn, generation, &event, outside),
                    _ => self.tell(generation, purpose, event),
                },
            }
        }
    }

    fn tell(&mut self, generation: u64, purpose: Purpose, event: MqttEvent) {
        let settled = |operation, outcome| Input::Settled { operation, outcome };
        let input = match event {
            MqttEvent::Connected { session_present } => Input::Connected { generation, session_present, tls: None },
            MqttEvent::Refused { code } => Input::NotConnected { generation, why: NotConnected::Refused(code) },
            MqttEvent::Unanswered { silent } => {
                let error = if silent { "the connection ended" } else { "no answer in time" };
                let why = NotConnected::Failed { error: error.to_owned(), silent };
                Input::NotConnected { generation, why }
            }
            MqttEvent::Subscribed { operation, granted } => Input::Subscribed { operation, granted: Some(granted) },
            MqttEvent::Published { operation } => settled(operation, Settlement::Published),
            MqttEvent::Rejected { operation, code } => {
                settled(operation, Settlement::Rejected { reason: format!("code {code}") })
            }
            MqttEvent::Down { reason } => Input::Down { generation, reason },
            MqttEvent::Message(_) if self.heard != generation => return,
            MqttEvent::Message(message) if purpose == Purpose::Look => Input::Message { generation, message },
            MqttEvent::Message(message) => return self.events.push(Event::Message(message)),
        };
        self.ready.push_back(input);
    }

    /// Any answer to the CONNECT of a walk will do.
    fn walked(&mut self, now: Micros, conn: ConnId, generation: u64, event: &MqttEvent, outside: &mut Outside) {
        let failed = |kind, what: &str| Err(Failure::new(kind, what, "try again later"));
        let walked = match event {
            MqttEvent::Unanswered { silent: true } => failed(FailureKind::Refused, "nothing listens"),
            MqttEvent::Unanswered { silent: false } => failed(FailureKind::Unreachable, "no answer"),
            _ => Ok(()),
        };
        self.ready.push_back(Input::Explained { generation, walked });
        if let MqttEvent::Connected { .. } = event {
            // It has found out what it wanted.
            self.close(now, conn, outside);
        }
    }

    fn close(&mut self, now: Micros, conn: ConnId, outside: &mut Outside) {
        outside.close(now, conn);
        self.strands.retain(|strand| strand.conn != conn);
    }
}

#[cfg(test)]
mod tests;
