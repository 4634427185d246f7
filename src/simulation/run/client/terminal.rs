//! The person at a terminal: is shown messages, or their number if there are more than anybody can read.

use super::ClientNode;
use super::screen::Shown;
use crate::client::core::conversation::Conversation;
use crate::client::core::news::News;
use crate::client::core::session::Mode;
use crate::client::io::keeper::KeeperOrder;
use crate::client::ui::reading::{PrintStep, Reading};
use crate::client::ui::view::{Reader, View};
use crate::now::Now;
use crate::options::Bell;
use crate::simulation::ledger::{Fact, Showing};
use crate::simulation::run::stage::Stage;
use std::time::Instant;

const COLUMNS: usize = 80;

pub struct Terminal {
    reading: Reading<KeeperOrder>,
    view: View,
    /// What the person knows once the messages that were left out are counted.
    left_out: Vec<Fact>,
}

impl Terminal {
    pub fn new(conversation: &Conversation) -> Terminal {
        let reader = Reader::of(conversation, COLUMNS);
        let view = View { mode: Mode::Chat, color: false, quiet: false, zone: |at| at, reader };
        Terminal { reading: Reading::new(Bell::Never, None), view, left_out: Vec::new() }
    }

    pub fn due(&self) -> Option<Instant> {
        self.reading.due()
    }
}

fn once_counted(fact: Fact) -> Fact {
    match fact {
        Fact::Shown { run, number, how } => Fact::Shown { run, number, how: Showing { counted: true, ..how } },
        other => other,
    }
}

impl ClientNode {
    /// `facts`: what is true once the news is shown.
    pub(super) fn tell(&mut self, news: &News, facts: Vec<Fact>, stage: &mut Stage) {
        let hear = |terminal: &mut Terminal, now| terminal.reading.hear(now, news, &terminal.view);
        let Some(steps) = self.with_terminal(stage, hear) else { return self.show(Shown::News(facts), stage) };
        let is_left_out = matches!(news, News::Said(_)) && !steps.iter().any(|step| matches!(step, PrintStep::Line(_)));
        if let Some(terminal) = self.terminal().filter(|_| is_left_out) {
            terminal.left_out.extend(facts.into_iter().map(once_counted));
            return self.print_steps(steps, Vec::new(), stage);
        }
        self.print_steps(steps, facts, stage);
    }

    /// Carries this out once what was told before is printed, or counted.
    pub(super) fn keep_in_turn(&mut self, order: KeeperOrder, stage: &mut Stage) {
        if self.terminal().is_none() {
            return self.show(Shown::Order(order), stage);
        }
        let then = |terminal: &mut Terminal, now| terminal.reading.then(now, &terminal.view, order);
        let steps = self.with_terminal(stage, then).unwrap_or_default();
        self.print_steps(steps, Vec::new(), stage);
    }

    pub(super) fn tick_terminal(&mut self, stage: &mut Stage) {
        let tick = |terminal: &mut Terminal, now| terminal.reading.tick(now, &terminal.view);
        let steps = self.with_terminal(stage, tick).unwrap_or_default();
        self.print_steps(steps, Vec::new(), stage);
    }

    pub(super) fn finish_terminal(&mut self, stage: &mut Stage) {
        let finish = |terminal: &mut Terminal, now| terminal.reading.finish(now, &terminal.view);
        let steps = self.with_terminal(stage, finish).unwrap_or_default();
        self.print_steps(steps, Vec::new(), stage);
    }

    fn terminal(&mut self) -> Option<&mut Terminal> {
        self.process.as_mut()?.terminal.as_mut()
    }

    fn with_terminal(
        &mut self,
        stage: &Stage,
        step: impl FnOnce(&mut Terminal, Now) -> Vec<PrintStep<KeeperOrder>>,
    ) -> Option<Vec<PrintStep<KeeperOrder>>> {
        let now = stage.moment(self.machine.node);
        let process = self.process.as_mut()?;
        let terminal = process.terminal.as_mut()?;
        terminal.view.reader = Reader::of(process.session.conversation(), COLUMNS);
        Some(step(terminal, now))
    }

    /// `facts`: what is true once the lines are printed. They may count what was left out before.
    fn print_steps(&mut self, steps: Vec<PrintStep<KeeperOrder>>, facts: Vec<Fact>, stage: &mut Stage) {
        let counted = match self.terminal() {
            Some(terminal) if terminal.reading.has_counted_all() => std::mem::take(&mut terminal.left_out),
            _ => Vec::new(),
        };
        for facts in [counted, facts] {
            if !facts.is_empty() {
                self.show(Shown::News(facts), stage);
            }
        }
        for step in steps {
            if let PrintStep::Then(order) = step {
                self.show(Shown::Order(order), stage);
            }
        }
    }
}
