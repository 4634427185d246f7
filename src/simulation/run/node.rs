//! A participant of any kind, for what is the same with all of them.

use super::client::ClientNode;
use super::happening::OfRun;
use super::machine::NodeMachine;
use super::original::OriginalNode;
use super::server::ServerNode;
use super::stage::Stage;
use crate::simulation::ledger::{RunEnd, RunNumber};
use crate::simulation::network::{ConnId, Parcel};
use crate::simulation::world::Micros;

pub enum Node {
    Server(Box<ServerNode>),
    Client(Box<ClientNode>),
    Original(Box<OriginalNode>),
}

/// Does the same with each kind.
macro_rules! each {
    ($self:ident, $node:ident => $what:expr) => {
        match $self {
            Node::Server($node) => $what,
            Node::Client($node) => $what,
            Node::Original($node) => $what,
        }
    };
}

impl Node {
    pub fn client(&self) -> Option<&ClientNode> {
        match self {
            Node::Client(node) => Some(node),
            _ => None,
        }
    }

    pub fn machine(&mut self) -> &mut NodeMachine {
        each!(self, node => &mut node.machine)
    }

    pub fn run(&self) -> Option<RunNumber> {
        each!(self, node => node.process.as_ref().map(|process| process.run))
    }

    /// The client identifier of its connection.
    pub fn client_id(&self) -> Option<String> {
        match self {
            Node::Server(node) => node.process.as_ref().map(|process| process.client_id.clone()),
            Node::Client(node) => node.process.as_ref().map(|process| process.uplink.client_id.clone()),
            Node::Original(node) => node.process.as_ref().map(|process| process.client_id.clone()),
        }
    }

    /// # Errors
    /// Its files cannot be used now.
    pub fn start(&mut self, stage: &mut Stage) -> Result<(), String> {
        let started = match self {
            Node::Server(node) => node.start(stage),
            Node::Client(node) => node.start(stage),
            Node::Original(node) => {
                node.start(stage);
                Ok(())
            }
        };
        if started.is_err() {
            self.machine().disk.kill();
        }
        started
    }

    pub fn kill(&mut self, power: bool, stage: &mut Stage) {
        each!(self, node => node.kill(power, stage));
    }

    /// Whether it has ended by itself, and how.
    pub fn bury(&mut self, stage: &mut Stage) -> Option<RunEnd> {
        each!(self, node => node.bury(stage))
    }

    pub fn received(&mut self, conn: ConnId, parcel: &Parcel, stage: &mut Stage) {
        each!(self, node => node.received(conn, parcel, stage));
    }

    pub fn due(&self, stage: &Stage) -> Option<Micros> {
        match self {
            Node::Server(node) => node.due(stage),
            Node::Client(node) => node.due(stage),
            Node::Original(node) => node.due(),
        }
    }

    pub fn turn(&mut self, stage: &mut Stage) {
        each!(self, node => node.turn(stage));
    }

    pub fn happened(&mut self, what: OfRun, stage: &mut Stage) {
        each!(self, node => node.happened(what, stage));
    }

    /// It may have stood still until now.
    pub fn goes_on(&mut self, stage: &mut Stage) {
        match self {
            Node::Server(node) => {
                let (now, at) = (stage.now(), stage.at());
                if let Some(process) = &node.process
                    && !node.machine.is_frozen(now)
                {
                    stage.ledger.run_goes_on(at, process.run);
                }
                node.go_on(stage);
            }
            Node::Client(node) => {
                node.note_standing(stage);
                node.go_on(stage);
            }
            Node::Original(node) => {
                let (now, at) = (stage.now(), stage.at());
                if let Some(process) = &node.process
                    && !node.machine.is_frozen(now)
                {
                    stage.ledger.run_goes_on(at, process.run);
                }
            }
        }
    }
}
