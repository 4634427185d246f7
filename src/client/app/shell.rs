//! The shell's loop: passes events from all threads to the session, and carries out the session's effects.

pub mod display;
pub mod keyboard;

use crate::client::app::setup::ToKeep;
use crate::client::core::ending::{TimeToLeave, last_lines};
use crate::client::core::news::{News, Place, Said};
use crate::client::core::session::{ClientExit, ClientSession, Mode, SessionEffect, SessionEvent};
use crate::client::io::heartbeat::Heartbeat;
use crate::client::io::keeper::{Keeper, KeeperOrder};
use crate::client::io::memory::OutboxFile;
use crate::client::io::uplink::Uplink;
use crate::client::ui::lines;
use crate::client::ui::typing::Typed;
use crate::logging::tell;
use crate::now::Now;
use crate::options::reason;
use crate::signals;
use crossbeam_channel::{Receiver, never, select};
use display::NewsDisplay;
use keyboard::Keyboard;
use serde_json::Value;
use std::io;
use std::time::{Duration, Instant};

/// How often to check whether a full screen takes more.
const FULL: Duration = Duration::from_millis(50);
/// Minimum tick spacing; stops a stale deadline from spinning the loop.
const SHORTEST: Duration = Duration::from_millis(10);

/// The files of a run: the memory (in its own thread), the outbox on disk, and the option file of a first start.
pub struct ClientFiles {
    pub keeper: Keeper,
    /// `--outbox`.
    pub outbox: Option<OutboxFile>,
    /// The answers of a first start, until a connection succeeds.
    pub to_keep: Option<ToKeep>,
}

impl ClientFiles {
    /// Saves the answers of a first start after the first connection.
    pub fn keep_answers(&mut self) -> Option<SessionEvent> {
        let to_keep = self.to_keep.take()?;
        let path = to_keep.path().display();
        let news = match to_keep.write() {
            Ok(()) => News::Hint(format!("broker and nick are kept in {path}; change them there")),
            Err(why) => News::Error(format!("broker and nick are not kept: {why}")),
        };
        Some(SessionEvent::Noticed(news, None))
    }
}

/// A session and its resources.
pub struct Shell {
    session: ClientSession,
    uplink: Uplink,
    display: NewsDisplay,
    keyboard: Keyboard,
    files: ClientFiles,
    signals: Receiver<i32>,
    heartbeat: Heartbeat,
    /// The time of the last turn, and of the last tick.
    now: Instant,
    ticked: Instant,
    exit: Option<ClientExit>,
}

impl Shell {
    pub fn new(
        session: ClientSession,
        uplink: Uplink,
        display: NewsDisplay,
        keyboard: Keyboard,
        files: ClientFiles,
        signals: Receiver<i32>,
        heartbeat: Heartbeat,
    ) -> Shell {
        let now = Instant::now();
        Shell { session, uplink, display, keyboard, files, signals, heartbeat, now, ticked: now, exit: None }
    }

    /// Handles these events and then runs to the end.
    pub fn run(mut self, first: Vec<SessionEvent>) -> ClientExit {
        let mut events = first;
        loop {
            let now = Now::read();
            self.now = now.instant;
            for event in events {
                if self.exit.is_none() {
                    self.handle(now, event);
                }
            }
            if let Some(exit) = self.exit {
                self.end();
                return exit;
            }
            events = self.next_events();
        }
    }

    fn next_events(&mut self) -> Vec<SessionEvent> {
        let (no_news, no_line) = (never(), never());
        let can_print = self.display.screen.has_room();
        let news = if can_print { self.uplink.events() } else { &no_news };
        // A terminal prints nothing between two lines, so it always takes the next one.
        let takes_input = (can_print || self.session.mode() == Mode::Chat) && self.session.takes_input();
        let typed = if takes_input { self.keyboard.typed() } else { &no_line };
        let full = if can_print { None } else { Some(self.now + FULL) };
        let due = [self.session.due(), self.display.due(), full].into_iter().flatten().min();
        if let Some(due) = due {
            self.heartbeat.wake_at(due.max(self.ticked + SHORTEST));
        }
        // These channels stay open while the shell lives, except for an input that has ended.
        let event = select! {
            recv(news) -> come => come.map(|come| self.uplink.take(come)).ok(),
            recv(typed) -> typed => return self.typed(typed.unwrap_or(Typed::End)),
            recv(self.heartbeat.ticks()) -> _ => self.tick(),
            recv(self.signals) -> signal => signal.map(SessionEvent::Signal).ok(),
            recv(self.files.keeper.reports()) -> report => report.ok(),
            recv(self.display.screen.closed()) -> error => Some(output_closed(error.ok().flatten())),
        };
        event.into_iter().collect()
    }

    fn typed(&mut self, typed: Typed) -> Vec<SessionEvent> {
        if typed == Typed::End && self.session.mode() != Mode::Chat {
            self.keyboard.has_ended();
        }
        lines::events(self.session.mode(), typed)
    }

    fn tick(&mut self) -> Option<SessionEvent> {
        let now = Now::read();
        self.ticked = now.instant;
        self.heartbeat.ticked();
        self.display.read_on(now, &self.session);
        Some(SessionEvent::Tick)
    }

    fn handle(&mut self, now: Now, event: SessionEvent) {
        for effect in self.session.handle(now, event) {
            if let Some(event) = self.carry_out(now, effect) {
                self.handle(now, event);
            }
        }
    }

    /// Carries out an effect. Returns an event that follows at once.
    fn carry_out(&mut self, now: Now, effect: SessionEffect) -> Option<SessionEvent> {
        match effect {
            SessionEffect::Link(order) => return self.uplink.carry_out(order),
            SessionEffect::Tell(news, reference) => return self.tell(now, &news, reference.as_ref()),
            SessionEffect::Complain(text) => self.display.complain(&text),
            SessionEffect::Clear => self.display.screen.clear(),
            SessionEffect::AskForNick(asks) => self.keyboard.ask_for_a_nick(asks),
            SessionEffect::Prompt(prompt) => self.keyboard.prompt(prompt),
            SessionEffect::Complete(names) => self.keyboard.complete(names),
            SessionEffect::Keep(memos) => self.keep(now, KeeperOrder::Keep(memos)),
            SessionEffect::Become(key) => self.keep(now, KeeperOrder::Become(key)),
            SessionEffect::Outbox(change) => return self.files.outbox.as_mut()?.change(&change),
            SessionEffect::End(exit) => self.exit = Some(exit),
        }
        None
    }

    fn keep(&mut self, now: Now, order: KeeperOrder) {
        self.display.then(now, &self.session, self.files.keeper.order(order));
    }

    fn tell(&mut self, now: Now, news: &News, reference: Option<&Value>) -> Option<SessionEvent> {
        self.display.tell(now, news, reference, &self.session);
        // `/reply` answers the sender of the last direct message on the screen.
        if let News::Said(Said { nick, place: Place::Direct(_), own: false, .. }) = news {
            self.display.screen.then(self.keyboard.is_written_to_by(nick.clone()));
        }
        if matches!(news, News::Connected { .. }) { self.files.keep_answers() } else { None }
    }

    /// Prints the rest, restores the terminal and leaves the chat.
    fn end(self) {
        let Shell {
            mut session,
            mut uplink,
            display,
            keyboard,
            files: ClientFiles { mut keeper, outbox, .. },
            heartbeat,
            ..
        } = self;
        signals::end_at_the_next();
        let now = Now::read();
        let is_on_terminal = session.mode() == Mode::Chat;
        let is_printed = display.finish(now, &session, last_lines(is_on_terminal));
        drop(keyboard);
        let time = TimeToLeave::new(now.instant, Instant::now(), is_on_terminal);
        if !is_printed {
            // Whatever is under way may still be printed and committed, but nothing more.
            keeper.close();
        }
        let kept_by = time.kept_by(Instant::now());
        // The disk under the memory may stall, and the outbox may be on another one.
        let finish_outbox = outbox.map(OutboxFile::close);
        while session.is_keeping()
            && let Some(report) = keeper.report_by(kept_by)
        {
            for effect in session.handle(Now::read(), report) {
                match effect {
                    SessionEffect::Link(order) => drop(uplink.carry_out(order)),
                    SessionEffect::Keep(memos) => keeper.order(KeeperOrder::Keep(memos))(),
                    SessionEffect::Become(key) => keeper.order(KeeperOrder::Become(key))(),
                    // Nothing else follows from a report after the end.
                    _ => {}
                }
            }
        }
        keeper.finish(kept_by.saturating_duration_since(Instant::now()));
        if let Some(finish) = finish_outbox {
            finish(kept_by.saturating_duration_since(Instant::now()));
        }
        uplink.close(session.leave(Now::read()), time.for_leave(Instant::now()));
        heartbeat.stop();
    }
}

/// The screen prints nothing any more.
fn output_closed(error: Option<io::Error>) -> SessionEvent {
    if let Some(error) = &error {
        tell(&format!("mqttchat: the output cannot be written: {}", reason(error)));
    }
    SessionEvent::OutputClosed { has_failed: error.is_some() }
}
