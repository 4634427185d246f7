//! The end of a client's run: the last lines, what was shown, and the last word, as in the shell.

use super::{ClientNode, ClientProcess, Come};
use crate::client::core::ending::TimeToLeave;
use crate::client::core::session::{ClientExit, Mode};
use crate::simulation::ledger::{RunEnd, StateSize};
use crate::simulation::run::happening::{Happening, OfRun};
use crate::simulation::run::machine::Channel;
use crate::simulation::run::stage::Stage;
use crate::simulation::world::Micros;
use std::time::{Duration, Instant};

/// Bytes of a session that has come to rest, as text: a few rooms, people and ranges of numbers. The largest of 120 plans took
/// 51 KB; the identifiers of 1,000 messages would take more than twice as much.
const SESSION: usize = 128 * 1_024;
/// And of each message that is not settled: behind two servers, some may stay so.
const UNSETTLED: usize = 1_024;
/// And of each of its direct messages without news: its addressee may have taken another nick, and so may it itself.
const UNDELIVERED: usize = 256;

pub struct Closing {
    pub end: RunEnd,
    time: TimeToLeave,
    kept_by: Instant,
    /// The last word is on its way.
    is_said: bool,
}

impl ClientNode {
    pub(super) fn begin_to_end(&mut self, exit: ClientExit, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let end = match exit {
            ClientExit::NickInUse => RunEnd::NickInUse,
            ClientExit::NotConnected(_) => RunEnd::NoBroker,
            _ if process.is_without_nick() => RunEnd::NickInUse,
            _ if process.quits => RunEnd::Quit,
            other => RunEnd::Fell(format!("{other:?}")),
        };
        let (now, at) = (stage.now(), stage.at());
        let (node, run) = (self.machine.node, process.run);
        let instant = stage.moment(node).instant;
        let time = TimeToLeave::new(instant, instant, process.session.mode() == Mode::Chat);
        let kept_by = time.kept_by(instant);
        process.ending = Some(Closing { end, time, kept_by, is_said: false });
        stage.after(micros(kept_by - instant), Happening::Of(node, run, OfRun::EndBy));
        // A screen that nobody reads loses the last lines, and nothing more is remembered.
        if self.blocked_until > now {
            stage.ledger.run_stands_still(at, run);
            if let Some(process) = &mut self.process {
                process.screen.clear();
                process.files.close();
            }
        } else {
            self.finish_terminal(stage);
            self.print(stage);
        }
    }

    /// What was shown is remembered; then the last word.
    pub(super) fn close(&mut self, stage: &mut Stage) {
        let now = stage.moment(self.machine.node).instant;
        while let Some(process) = &mut self.process
            && let Some(come) = process.inbox.take_from(Channel::Own)
        {
            if let Come::Event(event) = come {
                self.handle(event, stage);
            }
        }
        if self.machine.trap.has_sprung() {
            return;
        }
        let Some(process) = &mut self.process else { return };
        let Some(closing) = &mut process.ending else { return };
        if closing.is_said {
            if process.uplink.is_silent() {
                process.ended = process.ending.take().map(|closing| closing.end);
            }
            return;
        }
        if process.session.is_keeping() && process.files.is_open() && now < closing.kept_by {
            return;
        }
        closing.is_said = true;
        let leave = process.session.leave(stage.world.moment(self.machine.node));
        let (node, run) = (self.machine.node, process.run);
        let within = closing.time.for_leave(now);
        process.uplink.close(leave, within, stage);
        stage.after(micros(within), Happening::Of(node, run, OfRun::Gone));
        if process.uplink.is_silent() {
            process.ended = process.ending.take().map(|closing| closing.end);
        }
    }

    /// So many messages are not settled.
    pub fn unsettled(&self) -> usize {
        self.process.as_ref().map_or(0, |process| process.session.unsent())
    }

    /// Pages that fill holes have not arrived.
    pub fn awaits_pages(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.session.conversation().awaits_pages())
    }

    /// So many messages are not settled at the end.
    pub fn account(&self, stage: &mut Stage) {
        if let Some(process) = &self.process {
            stage.ledger.end.unsettled.push((self.index, process.session.unsent()));
            let size = format!("{:?}", process.session).len();
            let (party, what) = (self.machine.party, "the session, as text,");
            let undelivered = stage.ledger.direct_messages_without_news(self.index);
            let bound = SESSION + UNSETTLED * process.session.unsent() + UNDELIVERED * undelivered;
            stage.ledger.end.sizes.push(StateSize { party, what, size, bound });
        }
    }
}

fn micros(time: Duration) -> Micros {
    time.as_micros() as Micros
}

impl ClientProcess {
    /// Its nick is in use, so it asks for another one. Answers to the old one tell it nothing more.
    pub(super) fn ended_by_nick(&mut self) {
        self.quits = false;
        self.ends_asked.clear();
        self.files.nick_is_taken = true;
    }

    fn is_without_nick(&self) -> bool {
        self.files.nick_is_taken
    }
}
