//! A run of a plan: the cast on its machines, one loop that takes what happens next, and the account at the end.

mod client;
mod happening;
mod heal;
mod machine;
mod node;
mod original;
mod server;
mod stage;
mod steps;
mod strangers;
mod wire;

use super::RunOutcome;
use super::broker::ModelBroker;
use super::ledger::{Addressed, MessageRecord, Party, RunEnd, RunNumber};
use super::network::Network;
use super::outside::Outside;
use super::plan::{ClientKind, Ms, Plan, ServerTraits};
use super::reach;
use super::trace::Trace;
use super::verdict;
use super::world::{MS, Micros, NodeId, S, World};
use client::ClientNode;
use happening::{CrashSeries, Happening, OfRun, Startup};
use machine::NodeMachine;
use node::Node;
use original::OriginalNode;
use server::ServerNode;
use stage::Stage;
use strangers::Strangers;

/// Bytes that may be under way in one direction of a connection.
const BUFFER: usize = 128 * 1_024;
/// After this time somebody tries again to start a program that ended, or did not start.
const AGAIN: Micros = 3 * S;
/// The same for a server that found another one (`contrib/mqttchat.service`).
const AGAIN_AFTER_RIVAL: Micros = 10 * S;
/// The longest such wait: it doubles each time.
const LONGEST_AGAIN: Micros = 48 * S;
/// A run that is not settled at its end goes on for such times, and so long at most.
const LATE: Micros = 70 * S;
const MOST_LATE: Micros = 7_200 * S;
/// Nobody needs as many events: time stands still.
const MOST_EVENTS: u64 = 50_000_000;

struct Run<'a> {
    plan: &'a Plan,
    stage: Stage,
    /// Servers, then clients: by [`NodeId`].
    nodes: Vec<Node>,
    strangers: Strangers,
    /// When each node has something to do.
    dues: Vec<Micros>,
    /// When a node that quits starts again.
    backs: Vec<Option<Ms>>,
    /// When a node that crashes starts again, and how.
    crashes: Vec<Option<(Option<Ms>, Startup)>>,
    /// What happened to a run while it stood still.
    held: Vec<Vec<(RunNumber, OfRun)>>,
    full_until: Vec<Micros>,
    /// The next wait of somebody whose nick is in use.
    pauses: Vec<Micros>,
    /// Whose program should run: a person wants that, or a fault ended it.
    wanted: Vec<bool>,
    is_healed: bool,
    faults: u64,
    events: u64,
}

/// Carries a plan out.
///
/// # Errors
/// If a server's history cannot be read at the end.
pub fn run(plan: &Plan, trace: bool) -> Result<RunOutcome, String> {
    let mut run = Run::new(plan, trace);
    run.go(plan.end * MS)?;
    run.go_on_until_settled()?;
    run.account()
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, trace: bool) -> Run<'a> {
        let mut world = World::new(plan.seed, Trace::new(trace));
        let network = Network::new(plan.latency, BUFFER, world.rng(1));
        let outside = Outside::new(network, ModelBroker::new(plan.broker.clone(), world.rng(2)));
        for (number, step) in plan.steps.iter().enumerate() {
            world.schedule(step.at * MS, Happening::Step(number));
        }
        world.schedule(plan.heal * MS, Happening::Heal);
        let mut rng = world.rng(4);
        let timeout = plan.servers.iter().map(|server| server.timeout_s).min().unwrap_or(60);
        let mut nodes = Vec::new();
        let mut wanted = Vec::new();
        for (index, traits) in plan.servers.iter().enumerate() {
            let machine = NodeMachine::new(NodeId(nodes.len()), Party::Server(index), &mut rng);
            wanted.push(traits.starts);
            nodes.push(Node::Server(Box::new(ServerNode::new(index, machine, traits.clone()))));
        }
        for (index, traits) in plan.clients.iter().enumerate() {
            let machine = NodeMachine::new(NodeId(nodes.len()), Party::Client(index), &mut rng);
            wanted.push(traits.starts);
            nodes.push(match traits.kind {
                ClientKind::Original => {
                    Node::Original(Box::new(OriginalNode::new(index, machine, traits.clone(), timeout)))
                }
                _ => Node::Client(Box::new(ClientNode::new(index, machine, traits.clone()))),
            });
        }
        for (number, starts) in wanted.iter().enumerate() {
            if *starts {
                world.schedule(rng.range(0, 2 * S), Happening::Start(NodeId(number), Startup::default()));
            }
        }
        let count = nodes.len();
        Run {
            plan,
            stage: Stage::new(plan, world, outside),
            nodes,
            strangers: Strangers::new(NodeId(count)),
            dues: vec![Micros::MAX; count],
            backs: vec![None; count],
            crashes: vec![None; count],
            held: (0..count).map(|_| Vec::new()).collect(),
            full_until: vec![0; count],
            pauses: vec![AGAIN; count],
            wanted,
            is_healed: false,
            faults: 0,
            events: 0,
        }
    }

    // ---- the loop ----

    fn go(&mut self, end: Micros) -> Result<(), String> {
        loop {
            let outside = self.stage.outside.due().unwrap_or(Micros::MAX);
            let agenda = self.stage.world.due().unwrap_or(Micros::MAX);
            let strangers = self.strangers.due().unwrap_or(Micros::MAX);
            let nodes = self.dues.iter().copied().min().unwrap_or(Micros::MAX);
            let now = outside.min(agenda).min(strangers).min(nodes).max(self.stage.now());
            if now >= end {
                let _ = self.stage.world.next_until(end);
                return Ok(());
            }
            self.events += 1;
            if self.events > MOST_EVENTS {
                return Err(format!("time stands still at {now}"));
            }
            if outside <= now {
                self.stage.world.be(now);
                self.deliver(now);
            } else if agenda <= now {
                if let Some(happening) = self.stage.world.next_until(now) {
                    self.happens(happening);
                }
            } else if nodes <= now {
                self.stage.world.be(now);
                if let Some(number) = self.dues.iter().position(|due| *due <= now) {
                    self.nodes[number].turn(&mut self.stage);
                    self.settle(NodeId(number));
                }
            } else {
                self.stage.world.be(now);
                self.strangers.turn(&mut self.stage);
            }
        }
    }

    /// Behind a short queue it takes a minute for each ten messages until a burst is through, and a small window on a slow
    /// network lets only a few messages per second pass, to the server and to an addressee: that is slow, but not wrong.
    fn go_on_until_settled(&mut self) -> Result<(), String> {
        // Nobody settles anything if the only server was stopped. Of two, somebody starts one again.
        if self.plan.servers.len() == 1 && !self.wanted[0] {
            return Ok(());
        }
        let mut is_late = false;
        let last = self.stage.now() + MOST_LATE;
        while self.is_unsettled() && self.stage.now() < last {
            is_late = true;
            self.go(self.stage.now() + LATE)?;
        }
        if is_late {
            self.go(self.stage.now() + LATE)?;
        }
        while !self.is_quiet() && self.stage.now() < last {
            self.go(self.stage.now() + LATE)?;
        }
        Ok(())
    }

    fn is_unsettled(&self) -> bool {
        let clients = || self.nodes.iter().filter_map(Node::client);
        let takes_its_time = || self.is_slow() && (self.has_undelivered() || clients().any(ClientNode::awaits_pages));
        !self.plan.servers.is_empty() && (clients().any(|client| client.unsettled() > 0) || takes_its_time())
    }

    /// Whether fewer than a hundred messages per second pass through the broker's window to one of its clients.
    fn is_slow(&self) -> bool {
        (self.plan.broker.window as u64) * S / (2 * self.plan.latency.most).max(1) < 100
    }

    /// Whether the only server, which keeps everything, has direct messages for somebody present.
    fn has_undelivered(&self) -> bool {
        let keeps_all = |server: &ServerTraits| !server.memory && server.retention_s == 0 && server.max_size_kb == 0;
        let is_called = |node: &Node, nick: &str| match node {
            Node::Client(node) => {
                node.process.is_some() && node.traits.kind.listens() && node.nick.eq_ignore_ascii_case(nick)
            }
            _ => false,
        };
        let is_present = |message: &MessageRecord| {
            let Addressed::Client { client, nick } = &message.to else { return false };
            let all = (0..self.nodes.len()).filter(|number| is_called(&self.nodes[*number], nick));
            all.eq([self.plan.servers.len() + client])
        };
        matches!(&self.plan.servers[..], [server] if keeps_all(server))
            && self.stage.ledger.undelivered().into_iter().any(is_present)
    }

    fn is_quiet(&self) -> bool {
        verdict::is_quiet(self.plan, &self.stage.ledger.traffic, self.stage.at())
    }

    fn deliver(&mut self, now: Micros) {
        while let Some(incoming) = self.stage.outside.turn(now, &mut self.stage.world.trace) {
            self.events += 1;
            if incoming.node == self.strangers.node() {
                self.strangers.received(incoming.conn, &incoming.parcel, &mut self.stage);
            } else {
                self.nodes[incoming.node.0].received(incoming.conn, &incoming.parcel, &mut self.stage);
                self.settle(incoming.node);
            }
        }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Step(number) => self.step(number),
            Happening::Heal => self.heal(),
            Happening::Start(id, startup) => self.start(id, startup),
            Happening::GoesOn(id) => self.goes_on(id),
            Happening::CrashAgain(id, startup) => self.crash_again(id, startup),
            Happening::BrokerBack => {
                let now = self.stage.now();
                if !self.stage.outside.broker().is_up() {
                    self.stage.outside.restart_broker(now);
                }
            }
            Happening::Look => self.look(),
            Happening::StrangersLeave => self.strangers.leave(&mut self.stage),
            Happening::Of(id, run, what) => {
                if self.nodes[id.0].run() == Some(run) {
                    self.of_run(id, run, what);
                }
            }
        }
    }

    /// What a process does by itself waits while the process stands still.
    fn of_run(&mut self, id: NodeId, run: RunNumber, what: OfRun) {
        let now = self.stage.now();
        if self.nodes[id.0].machine().is_frozen(now) {
            return self.held[id.0].push((run, what));
        }
        self.nodes[id.0].happened(what, &mut self.stage);
        self.settle(id);
    }

    /// What follows from what a node just did: it may have died, and has something to do at another time.
    fn settle(&mut self, id: NodeId) {
        if let Some(doom) = self.nodes[id.0].machine().trap.take() {
            self.stage.ledger.reached.insert(reach::of_point(doom.point));
            self.kill(id, doom.power);
        }
        if let Some(end) = self.nodes[id.0].bury(&mut self.stage) {
            self.has_ended(id, &end);
        }
        self.dues[id.0] = self.nodes[id.0].due(&self.stage).unwrap_or(Micros::MAX);
    }

    // ---- programs start and end ----

    fn start(&mut self, id: NodeId, startup: Startup) {
        self.wanted[id.0] = true;
        let node = &mut self.nodes[id.0];
        if node.run().is_some() {
            return;
        }
        if let Node::Client(client) = node
            && !startup.rooms.is_empty()
        {
            client.rooms.clone_from(&startup.rooms);
        }
        if let Err(why) = node.start(&mut self.stage) {
            self.stage.trace(id, format_args!("does not start: {why}"));
            return self.stage.after(AGAIN, Happening::Start(id, startup));
        }
        if let Some(CrashSeries { up_ms, .. }) = startup.crashes {
            self.stage.after(up_ms * MS, Happening::CrashAgain(id, startup));
        }
        self.settle(id);
    }

    fn kill(&mut self, id: NodeId, power: bool) {
        self.nodes[id.0].machine().trap.disarm();
        self.nodes[id.0].kill(power, &mut self.stage);
        self.backs[id.0] = None;
        let (back, startup) = self.crashes[id.0].take().unwrap_or_default();
        let back = if self.is_healed { Some(back.unwrap_or(1_000)) } else { back };
        if let Some(back) = back {
            self.stage.after(back * MS, Happening::Start(id, startup));
        }
        self.dues[id.0] = Micros::MAX;
    }

    fn crash_again(&mut self, id: NodeId, startup: Startup) {
        let Some(series) = startup.crashes.filter(|_| !self.is_healed && self.nodes[id.0].run().is_some()) else {
            return;
        };
        self.stage.ledger.reached.insert("a crash in a series");
        let left = series.left - 1;
        let crashes = (left > 0).then_some(CrashSeries { left, ..series });
        self.crashes[id.0] = Some((Some(series.back_ms), Startup { crashes, ..startup }));
        self.kill(id, series.power);
    }

    fn has_ended(&mut self, id: NodeId, end: &RunEnd) {
        self.stage.trace(id, format_args!("has ended: {end:?}"));
        if *end != RunEnd::NickInUse {
            self.pauses[id.0] = AGAIN;
        }
        match (end, self.backs[id.0].take()) {
            (RunEnd::Quit, Some(back)) => self.stage.after(back * MS, Happening::Start(id, Startup::default())),
            // A service manager starts it again. With two servers, somebody wants only one.
            (RunEnd::Rival, None) if self.plan.servers.len() == 1 => {
                self.stage.after(AGAIN_AFTER_RIVAL, Happening::Start(id, Startup::default()));
            }
            (RunEnd::Quit | RunEnd::Rival, None) => self.wanted[id.0] = false,
            // Whoever uses it tries again.
            (RunEnd::NickInUse, _) => {
                let pause = self.pauses[id.0];
                self.pauses[id.0] = (2 * pause).min(LONGEST_AGAIN);
                self.stage.after(pause, Happening::Start(id, Startup::default()));
            }
            _ => self.stage.after(AGAIN, Happening::Start(id, Startup::default())),
        }
    }

    fn goes_on(&mut self, id: NodeId) {
        let now = self.stage.now();
        if self.full_until[id.0] <= now {
            self.nodes[id.0].machine().disk.set_room(None);
        }
        self.nodes[id.0].goes_on(&mut self.stage);
        self.settle(id);
        self.release(id);
    }

    /// What happened to the run while it stood still follows.
    fn release(&mut self, id: NodeId) {
        if !self.nodes[id.0].machine().is_frozen(self.stage.now()) {
            for (run, what) in std::mem::take(&mut self.held[id.0]) {
                self.happens(Happening::Of(id, run, what));
            }
        }
    }

    fn find(&self, name: &str) -> Option<NodeId> {
        let server = self.plan.servers.iter().position(|server| server.name == name);
        let client = || self.plan.clients.iter().position(|client| client.name == name);
        server.or_else(|| client().map(|client| self.plan.servers.len() + client)).map(NodeId)
    }

    // ---- the end ----

    fn account(mut self) -> Result<RunOutcome, String> {
        for node in &mut self.nodes {
            self.stage.ledger.end.running.extend(node.run());
            match node {
                Node::Server(server) => server.account(&mut self.stage)?,
                Node::Client(client) => client.account(&mut self.stage),
                Node::Original(_) => {}
            }
        }
        self.stage.ledger.end.at = self.stage.at();
        self.stage.ledger.reached.extend(self.stage.outside.broker().reached());
        let messages = self.stage.ledger.messages.len() as u64;
        Ok(RunOutcome {
            hash: self.stage.world.trace.hash(),
            faults: self.faults,
            messages,
            events: self.events,
            virtual_time: self.stage.at(),
            ledger: self.stage.ledger,
        })
    }
}
