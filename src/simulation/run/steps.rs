//! The steps of a plan: what people do, and faults.

use super::Run;
use super::happening::{CrashSeries, Happening, OfRun, Startup};
use super::node::Node;
use super::strangers;
use crate::client::core::command::{Command, PageRequest};
use crate::protocol::{Nick, RoomName, SearchRequest};
use crate::simulation::ledger::{Addressed, Fact};
use crate::simulation::network::Endpoint;
use crate::simulation::plan::{BROKER, ClientKind, Crash, Direction, DiskTrouble, Knowing, Ms, SaidTo, What};
use crate::simulation::reach;
use crate::simulation::world::{MS, Micros, NodeId};
use chrono::TimeDelta;

impl Run<'_> {
    pub(super) fn step(&mut self, number: usize) {
        let step = &self.plan.steps[number];
        let what = step.what.clone();
        if self.stage.world.trace.is_printed() {
            self.stage.note(Fact::Step { what: what.to_string() });
            self.stage.trace("plan", &what);
        }
        let faults = what.faults() as u64;
        let is_server = what.names().first().is_some_and(|name| self.plan.server(name).is_some());
        let reached = reach::of_step(&what, is_server);
        if self.carry_out(what) {
            self.faults += faults;
            self.stage.ledger.reached.extend(reached);
        }
    }

    /// Whether it did something.
    fn carry_out(&mut self, what: What) -> bool {
        match what {
            What::Save => {
                self.stage.outside.broker().save();
                return true;
            }
            What::BrokerCrash { keeps, back } => {
                let now = self.stage.now();
                if !self.stage.outside.broker().is_up() {
                    return false;
                }
                self.stage.outside.crash_broker(now, keeps, &mut self.stage.world.trace);
                self.stage.after(back * MS, Happening::BrokerBack);
                return true;
            }
            What::Freeze { who, time } if who == BROKER => {
                let until = self.until(time);
                self.stage.outside.freeze_broker(until);
                return true;
            }
            What::Stray(stray) => {
                strangers::publish(stray, &mut self.strangers, &mut self.stage);
                return true;
            }
            What::Say { who, to, count } => return self.say(&who, &to, count),
            _ => {}
        }
        let Some(id) = what.names().first().and_then(|name| self.find(name)) else { return false };
        if let What::Start { rooms, .. } = what {
            let is_away = self.nodes[id.0].run().is_none();
            self.start(id, Startup { rooms, crashes: None });
            return is_away;
        }
        // What a machine suffers needs no program.
        let suffers = matches!(what, What::Clock { .. } | What::Disk { .. } | What::Block { .. } | What::Delay { .. });
        if self.nodes[id.0].run().is_none() && !suffers {
            return false;
        }
        self.done_to(id, what);
        self.settle(id);
        true
    }

    fn done_to(&mut self, id: NodeId, what: What) {
        match what {
            What::Quit { back, .. } => self.quit(id, back),
            What::Nick { nick, .. } => {
                if let Ok(nick) = Nick::parse(&nick) {
                    self.order(id, Command::Nick(nick));
                }
            }
            What::Join { room, .. } => self.with_room(id, &room, Command::Join),
            What::Part { room, .. } => {
                self.with_room(id, &room, |room| Command::Part(Some(room)));
                self.note_left(id, room);
            }
            What::Page { room, .. } => self.with_room(id, &room, |room| {
                Command::History(PageRequest { room: Some(room), ..PageRequest::default() })
            }),
            What::Search { word, .. } => {
                let search = SearchRequest { text: word, ..SearchRequest::default() };
                self.order(id, Command::Search(Some(search)));
            }
            What::Crash(crash) => self.crash(id, &crash),
            What::Freeze { time, .. } => self.freeze(id, time),
            What::Clock { by_s, .. } => {
                self.stage.world.move_clock(id, TimeDelta::seconds(by_s));
                let party = self.nodes[id.0].machine().party;
                self.stage.note(Fact::ClockSet { party, by_s });
            }
            What::Disk { trouble, time, .. } => self.disk(id, trouble, time),
            What::Screen { time, .. } => {
                let until = self.until(time);
                if let Node::Client(client) = &mut self.nodes[id.0] {
                    client.block_screen(until);
                    client.note_standing(&mut self.stage);
                    self.stage.after(time * MS, Happening::GoesOn(id));
                }
            }
            other => self.on_the_way(id, &other),
        }
    }

    /// Faults of the network and the broker that concern a node.
    fn on_the_way(&mut self, id: NodeId, what: &What) {
        let now = self.stage.now();
        let soon = now + self.stage.rng.range(0, 5 * MS);
        let outside = &mut self.stage.outside;
        match what {
            What::Cut { .. } => outside.network().sever(id, Some(now), Some(soon)),
            What::Block { direction, time, .. } => {
                let until = now + time * MS;
                if *direction != Direction::Out {
                    outside.network().block(id, Endpoint::Node, until);
                }
                if *direction != Direction::In {
                    outside.network().block(id, Endpoint::Broker, until);
                }
            }
            What::HalfOpen { known_to: Knowing::Broker, .. } => outside.network().sever(id, None, Some(soon)),
            What::HalfOpen { known_to: Knowing::Program, .. } => outside.network().sever(id, Some(soon), None),
            What::Delay { by, time, .. } => outside.network().slow(id, by * MS, now + time * MS),
            What::Lose { percent, time, .. } => outside.broker().lose(id, u64::from(*percent), now + time * MS),
            What::Will { late, .. } => outside.broker().delay_next_will(id, late.map(|late| late * MS)),
            What::Takeover { .. } => {
                if let Some(client_id) = self.nodes[id.0].client_id() {
                    strangers::take_over(client_id, &mut self.strangers, &mut self.stage);
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, who: &str, to: &SaidTo, count: u32) -> bool {
        let Some(id) = self.find(who).filter(|id| self.nodes[id.0].run().is_some()) else { return false };
        let to = match to {
            SaidTo::Room(room) => Addressed::Room(room.clone()),
            SaidTo::Client(name) => {
                let Some(client) = self.plan.clients.iter().position(|client| client.name == *name) else {
                    return false;
                };
                Addressed::Client { client, nick: self.nick_of(client) }
            }
        };
        for _ in 0..count {
            let filler = if self.stage.rng.chance(3) { self.stage.rng.range(100, 3_000) as usize } else { 0 };
            match &mut self.nodes[id.0] {
                Node::Client(client) => client.say(to.clone(), filler, &mut self.stage),
                Node::Original(original) => original.say(to.clone(), filler, &mut self.stage),
                Node::Server(_) => {}
            }
        }
        self.settle(id);
        true
    }

    fn nick_of(&mut self, client: usize) -> String {
        match &self.nodes[self.plan.servers.len() + client] {
            Node::Client(node) => node.nick.clone(),
            _ => self.plan.clients[client].nick.clone(),
        }
    }

    fn order(&mut self, id: NodeId, command: Command) {
        if let Node::Client(client) = &mut self.nodes[id.0]
            && client.traits.kind != ClientKind::Sender
        {
            client.order(command, &mut self.stage);
        }
    }

    fn with_room(&mut self, id: NodeId, room: &str, command: impl FnOnce(RoomName) -> Command) {
        if let Ok(room) = RoomName::parse(room) {
            self.order(id, command(room));
        }
    }

    fn note_left(&mut self, id: NodeId, room: String) {
        if let Node::Client(client) = &mut self.nodes[id.0] {
            client.note_left(room, &mut self.stage);
        }
    }

    pub(super) fn quit(&mut self, id: NodeId, back: Option<Ms>) {
        self.backs[id.0] = back;
        if let Some(run) = self.nodes[id.0].run() {
            self.stage.after(0, Happening::Of(id, run, OfRun::Quit));
        }
    }

    fn crash(&mut self, id: NodeId, crash: &Crash) {
        let startup = Startup {
            rooms: crash.rooms.clone(),
            crashes: crash.back.filter(|_| crash.times > 1).map(|back_ms| CrashSeries {
                left: crash.times - 1,
                up_ms: crash.up,
                back_ms,
                power: crash.power,
            }),
        };
        self.crashes[id.0] = Some((crash.back, startup));
        match crash.point {
            Some(point) => self.nodes[id.0].machine().trap.arm(point, crash.power),
            None => self.kill(id, crash.power),
        }
    }

    fn freeze(&mut self, id: NodeId, time: Ms) {
        let until = self.until(time);
        let at = self.stage.at();
        let machine = self.nodes[id.0].machine();
        machine.freeze(until, &mut self.stage.rng);
        let (frozen, behind) = (machine.frozen_until(), machine.behind_until());
        self.stage.outside.network().freeze(id, frozen);
        if let Some(run) = self.nodes[id.0].run() {
            self.stage.ledger.run_stands_still(at, run);
        }
        self.stage.world.schedule(behind, Happening::GoesOn(id));
    }

    fn disk(&mut self, id: NodeId, trouble: DiskTrouble, time: Ms) {
        let until = self.until(time);
        match trouble {
            DiskTrouble::Full => {
                self.full_until[id.0] = self.full_until[id.0].max(until);
                self.nodes[id.0].machine().disk.set_room(Some(0));
            }
            DiskTrouble::Slow => self.nodes[id.0].machine().slow(until),
        }
        if let Node::Client(client) = &mut self.nodes[id.0] {
            client.note_standing(&mut self.stage);
        }
        self.stage.after(time * MS, Happening::GoesOn(id));
    }

    fn until(&self, time: Ms) -> Micros {
        self.stage.now() + time * MS
    }
}
