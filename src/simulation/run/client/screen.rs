//! A client's output: what is told waits here until it is printed, and what follows the printing waits with it.

use super::{ClientNode, ClientProcess};
use crate::client::core::memo::Memo;
use crate::client::io::door::DoorLimits;
use crate::client::io::keeper::KeeperOrder;
use crate::simulation::ledger::Fact;
use crate::simulation::plan::CrashPoint;
use crate::simulation::run::happening::{Happening, OfRun};
use crate::simulation::run::stage::Stage;
use crate::simulation::world::{MS, Micros};
use std::collections::VecDeque;

pub struct Screen {
    waiting: VecDeque<Shown>,
    /// As many may wait.
    backlog: usize,
    /// What it takes from being told to being printed, at most.
    pace: Micros,
    is_scheduled: bool,
}

pub enum Shown {
    /// News, with the facts that are true once it is printed.
    News(Vec<Fact>),
    Order(KeeperOrder),
}

fn is_message(fact: &Fact) -> bool {
    matches!(fact, Fact::Shown { .. })
}

impl Screen {
    pub fn new(backlog: usize, pace: Micros) -> Screen {
        Screen { waiting: VecDeque::new(), backlog, pace, is_scheduled: false }
    }

    pub fn has_room(&self) -> bool {
        self.waiting.len() < self.backlog
    }

    /// News that nobody has taken.
    pub fn unread(&self) -> usize {
        self.waiting.len()
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl ClientNode {
    /// Nobody reads its output until then.
    pub fn block_screen(&mut self, until: Micros) {
        self.blocked_until = self.blocked_until.max(until);
    }

    pub fn unblock_screen(&mut self) {
        self.blocked_until = 0;
    }

    pub fn is_blocked(&self, now: Micros) -> bool {
        now < self.blocked_until
    }

    pub(super) fn show(&mut self, shown: Shown, stage: &mut Stage) {
        let node = self.machine.node;
        let Some(ClientProcess { run, screen, ending, unread, .. }) = &mut self.process else { return };
        match shown {
            // What was told to a program is shown; it takes it later.
            Shown::News(facts) if unread.is_some() => {
                if facts.iter().any(is_message) && self.machine.trap.reach(CrashPoint::BeforePrint) {
                    return;
                }
                facts.into_iter().for_each(|fact| stage.note(fact));
                screen.waiting.push_back(Shown::News(Vec::new()));
            }
            shown => screen.waiting.push_back(shown),
        }
        if ending.is_some() {
            return self.print(stage);
        }
        if !std::mem::replace(&mut screen.is_scheduled, true) {
            let (now, delay) = (stage.now(), stage.rng.range(0, screen.pace));
            let delay = delay.max(self.blocked_until.saturating_sub(now));
            stage.after(delay, Happening::Of(node, *run, OfRun::Print));
        }
    }

    /// Somebody reads again.
    pub fn print_now(&mut self, stage: &mut Stage) {
        self.print(stage);
        self.go_on(stage);
    }

    /// Prints what waits.
    pub(super) fn print(&mut self, stage: &mut Stage) {
        let now = stage.now();
        loop {
            let Some(process) = &mut self.process else { return };
            if now < self.blocked_until {
                process.screen.is_scheduled = true;
                let (node, run) = (self.machine.node, process.run);
                return stage.after(self.blocked_until - now, Happening::Of(node, run, OfRun::Print));
            }
            process.screen.is_scheduled = false;
            match process.screen.waiting.pop_front() {
                None => return,
                Some(Shown::News(facts)) => {
                    if facts.iter().any(is_message) && self.machine.trap.reach(CrashPoint::BeforePrint) {
                        return;
                    }
                    facts.into_iter().for_each(|fact| stage.note(fact));
                }
                Some(Shown::Order(order)) => {
                    let is_shown = |memo: &Memo| matches!(memo, Memo::Shown { .. });
                    let shows = matches!(&order, KeeperOrder::Keep(memos) if memos.iter().any(is_shown));
                    if shows && self.machine.trap.reach(CrashPoint::BeforeRemember) {
                        return;
                    }
                    self.keep(order, stage);
                }
            }
        }
    }

    /// How much may wait before it.
    pub(super) fn draw_limits(stage: &mut Stage) -> DoorLimits {
        let messages = *stage.rng.pick(&[8_192, 8_192, 8_192, 8]) * 1_024;
        // A page of each room fits.
        DoorLimits { messages, everything: messages + 512 * 1_024 }
    }

    /// What a screen of this client is like.
    pub(super) fn draw_screen(stage: &mut Stage) -> Screen {
        let backlog = *stage.rng.pick(&[4_096, 4_096, 50]);
        Screen::new(backlog, *stage.rng.pick(&[50, 1_000, 5 * MS]))
    }
}
