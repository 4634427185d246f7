//! A client's process: the real session with its files, a screen, and a link of its own. It stands where the shell of
//! `client::app`, or a member's thread, stands, and decides nothing.

mod ending;
mod facts;
mod files;
mod screen;
mod start;
mod terminal;
mod uplink;

use super::happening::{Happening, OfRun};
use super::machine::{Channel, Inbox, NodeMachine};
use super::stage::Stage;
use crate::client::core::command::{Command, Target};
use crate::client::core::news::News;
use crate::client::core::session::{ClientSession, LinkOrder, Mode, SessionEffect, SessionEvent};
use crate::client::core::unread::Unread;
use crate::client::io::door::{Admitted, Door};
use crate::client::io::keeper::KeeperOrder;
use crate::link::Event;
use crate::protocol::{Nick, RoomName};
use crate::simulation::ledger::{Addressed, Fact, Number, RunEnd, RunNumber};
use crate::simulation::network::{ConnId, Parcel};
use crate::simulation::plan::{ClientTraits, CrashPoint};
use crate::simulation::world::{MS, Micros};
use ending::Closing;
use files::ClientFiles;
use screen::Screen;
use std::collections::BTreeMap;
use terminal::Terminal;
use uplink::Uplink;

/// Between two ticks, as in the shell.
const SHORTEST: Micros = 10 * MS;
pub struct ClientNode {
    pub index: usize,
    pub machine: NodeMachine,
    pub traits: ClientTraits,
    pub process: Option<ClientProcess>,
    /// It takes this nick when it starts.
    pub nick: String,
    /// The rooms of its next start.
    pub rooms: Vec<String>,
    /// Nobody reads its output until then.
    blocked_until: Micros,
}

pub struct ClientProcess {
    pub run: RunNumber,
    session: ClientSession,
    pub uplink: Uplink,
    files: ClientFiles,
    screen: Screen,
    /// Of a program's member.
    unread: Option<Unread>,
    terminal: Option<Terminal>,
    door: Door,
    inbox: Inbox<Come>,
    ticked: Micros,
    has_seen_server: bool,
    /// The message whose texts are being handed in, to see whether the outbox takes it.
    giving: Option<Number>,
    outbox_failed: bool,
    /// It was asked to end.
    quits: bool,
    ending: Option<Closing>,
    pub ended: Option<RunEnd>,
    /// The open questions for the end of rooms.
    ends_asked: BTreeMap<String, String>,
}

/// What waits for the main thread.
enum Come {
    Link(u32, Admitted),
    Event(SessionEvent),
    Say(Number, Command),
}

impl ClientNode {
    pub fn new(index: usize, machine: NodeMachine, traits: ClientTraits) -> ClientNode {
        let (nick, rooms) = (traits.nick.clone(), traits.rooms.clone());
        ClientNode { index, machine, traits, process: None, nick, rooms, blocked_until: 0 }
    }

    // ---- death ----

    pub fn kill(&mut self, power: bool, stage: &mut Stage) {
        let Some(process) = self.process.take() else { return };
        let now = stage.now();
        let mut rng = stage.stream();
        if power {
            let learns = rng.chance(50).then(|| now + rng.range(0, 3_000) * MS);
            stage.outside.network().sever(self.machine.node, None, learns);
        }
        process.uplink.kill(now, &mut stage.outside);
        match power {
            true => self.machine.disk.power_loss(&mut rng),
            false => self.machine.disk.kill(),
        }
        self.machine.run_ended(process.run, if power { RunEnd::PowerLost } else { RunEnd::Crashed }, stage);
    }

    /// It has ended by itself: its files are closed in order.
    pub fn bury(&mut self, stage: &mut Stage) -> Option<RunEnd> {
        let end = self.process.as_ref()?.ended.clone()?;
        let ClientProcess { run, uplink, files, .. } = self.process.take()?;
        uplink.kill(stage.now(), &mut stage.outside);
        drop(files);
        self.machine.disk.kill();
        self.machine.run_ended(run, end.clone(), stage);
        Some(end)
    }

    // ---- what happens ----

    pub fn received(&mut self, conn: ConnId, parcel: &Parcel, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        process.uplink.received(conn, parcel, stage);
        self.heard();
        self.go_on(stage);
    }

    /// What has come by the links goes through the door into the inbox, as in the connection's callback.
    fn heard(&mut self) {
        let Some(process) = &mut self.process else { return };
        for (number, event) in process.uplink.take_events() {
            if let Some(admitted) = process.door.admit(event) {
                process.inbox.put(Channel::Link, Come::Link(number, admitted));
            }
        }
    }

    /// When [`ClientNode::turn`] has something to do.
    pub fn due(&self, stage: &Stage) -> Option<Micros> {
        let process = self.process.as_ref()?;
        let links = process.uplink.due().map(|due| due.max(self.machine.frozen_until()));
        let terminal = process.terminal.as_ref().and_then(Terminal::due);
        let session = process.session.due().into_iter().chain(terminal).min().filter(|_| process.ending.is_none());
        let session = session.map(|due| {
            stage.world.timeline.micros(due).max(process.ticked + SHORTEST).max(self.machine.behind_until())
        });
        links.into_iter().chain(session).min()
    }

    pub fn turn(&mut self, stage: &mut Stage) {
        let now = stage.now();
        let Some(process) = &mut self.process else { return };
        if self.machine.is_frozen(now) {
            return;
        }
        stage.woken(self.machine.party);
        process.uplink.turn(stage);
        let terminal = process.terminal.as_ref().and_then(Terminal::due);
        let mut dues = process.session.due().into_iter().chain(terminal);
        let is_due = dues.any(|due| stage.world.timeline.micros(due) <= now);
        if is_due && now >= process.ticked + SHORTEST && !self.machine.is_behind(now) && process.ending.is_none() {
            process.ticked = now;
            process.inbox.put(Channel::Own, Come::Event(SessionEvent::Tick));
            self.tick_terminal(stage);
        }
        self.heard();
        self.go_on(stage);
    }

    pub fn happened(&mut self, what: OfRun, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        match what {
            OfRun::Print => self.print(stage),
            OfRun::Report(event) => {
                let shows = process.files.reported();
                if shows && self.machine.trap.reach(CrashPoint::BeforeReceipt) {
                    return;
                }
                self.note_standing(stage);
                self.put(Channel::Own, Come::Event(event));
            }
            OfRun::Quit => self.quit(),
            OfRun::EndBy => process.files.close(),
            OfRun::Gone => process.ended = process.ending.take().map(|closing| closing.end),
            _ => {}
        }
        self.heard();
        self.go_on(stage);
    }

    fn put(&mut self, channel: Channel, come: Come) {
        if let Some(process) = &mut self.process {
            process.inbox.put(channel, come);
        }
    }

    /// Whoever uses it ends it.
    fn quit(&mut self) {
        let Some(process) = &mut self.process else { return };
        process.quits = true;
        let event = match process.session.mode() {
            Mode::Embedded => SessionEvent::Ordered(Command::Quit, None),
            Mode::Sender => SessionEvent::InputEnded,
            _ => SessionEvent::Quit,
        };
        process.inbox.put(Channel::User, Come::Event(event));
    }

    /// A user's command.
    pub fn order(&mut self, command: Command, stage: &mut Stage) {
        self.put(Channel::User, Come::Event(SessionEvent::Ordered(command, None)));
        self.go_on(stage);
    }

    pub fn say(&mut self, to: Addressed, filler: usize, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let target = match &to {
            Addressed::Room(room) => RoomName::parse(room).ok().map(Target::Room),
            Addressed::Client { nick, .. } => Nick::parse(nick).ok().map(Target::Nick),
        };
        let Some(target) = target else { return };
        let at = stage.at();
        let number = stage.ledger.give(at, self.index, process.run, to);
        let text = crate::simulation::ledger::Ledger::text(number, filler);
        process.inbox.put(Channel::User, Come::Say(number, Command::Say { text, to: target, action: false }));
        self.go_on(stage);
    }

    /// The main thread handles what waits, as far as it can.
    pub fn go_on(&mut self, stage: &mut Stage) {
        let now = stage.now();
        loop {
            let Some(process) = &mut self.process else { return };
            if self.machine.is_stuck(now) || process.ended.is_some() {
                return;
            }
            if process.ending.is_some() {
                return self.close(stage);
            }
            if let Some(event) = process.unread.as_mut().and_then(|unread| unread.look(process.screen.unread())) {
                self.handle(event, stage);
                continue;
            }
            let can_print = process.screen.has_room();
            let takes_input = (can_print || process.session.mode() == Mode::Chat) && process.session.takes_input();
            let is_open = |channel| match channel {
                Channel::Link => can_print,
                Channel::Own => true,
                Channel::User => takes_input,
            };
            match process.inbox.take(&mut stage.rng, is_open) {
                Some(come) => self.come(come, stage),
                None => return,
            }
        }
    }

    fn come(&mut self, come: Come, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        match come {
            Come::Event(event) => self.handle(event, stage),
            Come::Link(number, Admitted::Dropped) => {
                stage.ledger.reached.insert("a client that dropped arrivals");
                stage.note(Fact::Dropped { run: process.run });
                let count = process.door.open();
                self.handle(SessionEvent::Missed { number, count }, stage);
            }
            Come::Link(number, Admitted::Event(event, _held)) => {
                if matches!(event, Event::Connected { .. }) {
                    stage.note(Fact::Connected { run: process.run });
                }
                let is_of_server = facts::is_of_server(&event, stage);
                let room = process.learns_end(&event);
                let event = SessionEvent::Link { number, event };
                if process.unread.as_mut().is_none_or(|unread| unread.admits(&event)) {
                    if is_of_server && !std::mem::replace(&mut process.has_seen_server, true) {
                        stage.note(Fact::ServerSeen { run: process.run });
                    }
                    self.handle(event, stage);
                    self.note_room(room, stage);
                }
            }
            Come::Say(number, command) => {
                let before = process.session.unsent();
                process.giving = Some(number);
                let event = SessionEvent::Ordered(command, None);
                if let Some(unread) = &mut process.unread {
                    unread.admits(&event);
                }
                self.handle(event, stage);
                let Some(process) = &mut self.process else { return };
                let was_taken = process.session.unsent() > before && !self.machine.trap.has_sprung();
                // With an outbox on disk that is said where it is written.
                if process.giving.take().is_some() && was_taken && !self.traits.outbox {
                    stage.note(Fact::Taken { number });
                }
            }
        }
    }

    fn handle(&mut self, event: SessionEvent, stage: &mut Stage) {
        let now = stage.moment(self.machine.node);
        let Some(process) = &mut self.process else { return };
        let effects = process.session.handle(now, event);
        let asked = facts::is_asked(&effects);
        for effect in effects {
            if self.machine.trap.has_sprung() {
                break;
            }
            if let Some(event) = self.carry_out(effect, asked, stage) {
                self.handle(event, stage);
            }
        }
    }

    /// What the session is to know of it at once.
    fn carry_out(&mut self, effect: SessionEffect, asked: bool, stage: &mut Stage) -> Option<SessionEvent> {
        let party = self.machine.party;
        let process = self.process.as_mut()?;
        match effect {
            SessionEffect::Link(order) => {
                if let LinkOrder::Publish(publication) = &order {
                    process.note_question(publication);
                    if process.uplink.is_open() {
                        stage.client_publishes(process.run, publication);
                    }
                }
                process.uplink.carry_out(order, stage);
            }
            SessionEffect::Tell(news, _) => {
                if matches!(news, News::Found(_)) {
                    stage.ledger.reached.insert("a search that was answered");
                }
                facts::at_once(process.run, &news, stage).into_iter().for_each(|fact| stage.note(fact));
                if let Some(unread) = &mut process.unread
                    && !unread.takes(&news)
                {
                    return None;
                }
                let facts = facts::of_news(process.run, &news, asked, stage);
                self.tell(&news, facts, stage);
            }
            SessionEffect::Complain(text) => stage.trace(party, text),
            // Somebody at a terminal who does not want another nick leaves.
            SessionEffect::AskForNick(true) => {
                stage.after(2_000 * MS, Happening::Of(self.machine.node, process.run, OfRun::Quit));
                process.ended_by_nick();
            }
            SessionEffect::Keep(memos) if process.unread.is_some() => {
                return Some(KeeperOrder::Keep(memos).carry_out(None));
            }
            SessionEffect::Become(key) if process.unread.is_some() => {
                return Some(KeeperOrder::Become(key).carry_out(None));
            }
            SessionEffect::Keep(memos) => self.keep_in_turn(KeeperOrder::Keep(memos), stage),
            SessionEffect::Become(key) => self.keep_in_turn(KeeperOrder::Become(key), stage),
            SessionEffect::Outbox(change) => return self.change_outbox(&change, stage),
            SessionEffect::End(exit) => self.begin_to_end(exit, stage),
            SessionEffect::Clear
            | SessionEffect::AskForNick(false)
            | SessionEffect::Prompt(_)
            | SessionEffect::Complete(_) => {}
        }
        self.note_nick(stage);
        self.heard();
        None
    }
}
