//! The shell's loop: what wakes the main thread goes to the conversation, and what that puts out is carried out.

mod lines;
mod outputs;

use super::setup::ToKeep;
use super::start::{self, Mode};
use super::{FAILURE, SIGNAL, TIME_OUT};
use crate::client::core::command::{Command, Names};
use crate::client::core::conversation::{Conversation, Input};
use crate::client::core::ending::{End, Ending, messages_are};
use crate::client::core::news::News;
use crate::client::io::heartbeat::Heartbeat;
use crate::client::io::input::{Ask, Question};
use crate::client::io::keeper::{Keeper, Shown};
use crate::client::io::memory::OutboxFile;
use crate::client::io::screen::Screen;
use crate::client::io::uplink::{Heard, Numbered, Uplink};
use crate::client::ui::reading::Reading;
use crate::client::ui::typing::Typed;
use crate::client::ui::view::View;
use crate::link::Failure;
use crate::now::Now;
use crate::options::ClientOptions;
use crate::protocol::Nick;
use crate::signals;
use crate::terminal::Terminal;
use crossbeam_channel::{Receiver, Sender, never, select};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Commands of a program that may wait for room in the outbox; behind them questions and quitting are still heard. Past
/// that nothing is read.
const LOOK_AHEAD: usize = 64;
/// How often it is looked whether a screen that was full takes more.
const FULL: Duration = Duration::from_millis(50);
/// Between two offers of names to complete with: as fast as anybody types them.
const NAMES: Duration = Duration::from_millis(200);
/// Between two ticks: were something due for ever, that would not keep a processor busy.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long the end of a run takes, where nothing answers: last lines, what was shown, and the last word to the chat.
const END: Duration = Duration::from_millis(900);
/// Of it, how long a terminal may take for the last lines before it is put back.
const LAST_LINES: Duration = Duration::from_millis(400);
/// And how long another reader may, which loses what it does not take. That is no matter of the network: it counts apart.
const LAST_LINES_FOR_A_PROGRAM: Duration = Duration::from_secs(2);
/// Of it, what is left for the last word however long the rest took: on a connection that works that is enough.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Everything that wakes the main thread.
enum Event {
    Link(Numbered),
    Typed(Typed),
    Tick,
    Signal(i32),
    Shown(Shown),
    /// Nobody reads standard output any more.
    OutputClosed,
}

/// All that a running client has. `client::start` makes it.
pub struct Shell {
    pub(super) options: ClientOptions,
    pub(super) mode: Mode,
    pub(super) conversation: Conversation,
    pub(super) view: View,
    /// At a terminal.
    pub(super) reading: Reading,
    /// `--to`.
    pub(super) addressee: Option<Nick>,
    pub(super) uplink: Uplink,
    pub(super) ending: Ending,
    /// Something that a sender was given was not sent.
    pub(super) went_wrong: bool,
    pub(super) screen: Screen,
    pub(super) heartbeat: Heartbeat,
    pub(super) keeper: Keeper,
    /// `-C` has counted all that it wants, and more has come: that is neither told nor remembered.
    pub(super) has_heard_enough: bool,
    /// In JSON mode: what waits for room in the outbox, with its `ref`.
    pub(super) held: VecDeque<(Command, Option<Value>)>,
    /// `--outbox`.
    pub(super) outbox_file: Option<OutboxFile>,
    /// It was told that the outbox cannot be written.
    pub(super) told_of_outbox: bool,
    pub(super) terminal: Option<Terminal>,
    /// What a first start was told, until it has led to a broker.
    pub(super) to_keep: Option<ToKeep>,
    pub(super) typed: Receiver<Typed>,
    pub(super) signals: Receiver<i32>,
    pub(super) output_closed: Receiver<()>,
    /// On a terminal: asks for a line.
    pub(super) prompts: Sender<Ask>,
    /// Lines typed before, which the line editor does not have yet.
    pub(super) earlier: Option<Vec<String>>,
    /// On a terminal: takes the place of a prompt that is there already.
    pub(super) question: Question,
    /// What can be completed: the newest replaces one that was not fetched.
    pub(super) names: (Sender<Names>, Receiver<Names>),
    pub(super) names_offered: Instant,
    /// Who wrote the direct message that was printed last; one that was not taken yet is replaced.
    pub(super) correspondents: (Sender<Nick>, Receiver<Nick>),
    /// The last turn's time, and when the last tick was.
    pub(super) now: Instant,
    pub(super) ticked: Instant,
}

impl Shell {
    /// Runs to the end, and returns the exit code.
    pub fn run(mut self) -> u8 {
        let code = match self.begin() {
            Ok(()) => self.turn_until_the_end(),
            Err(code) => code,
        };
        self.end();
        code
    }

    fn begin(&mut self) -> Result<(), u8> {
        let now = Now::read();
        let connection = &self.options.connection;
        let host = &connection.settings.address.host;
        if let Some(warning) = start::public_broker_warning(host, &connection.topic_root) {
            self.tell(now, &News::Hint(warning))?;
        }
        let earlier = self.conversation.unsettled();
        if earlier > 0 {
            self.tell(now, &News::Hint(format!("{} still in the outbox", messages_are(earlier))))?;
        }
        if self.mode == Mode::Chat {
            self.tell(now, &News::Connecting { broker: self.conversation.broker().to_owned() })?;
        }
        self.connect()?;
        if let Some(text) = self.options.message.take() {
            self.say(now, text)?;
            self.typed(now, Typed::End)?;
            self.look_for_the_end(now)?;
        }
        self.prompt();
        Ok(())
    }

    fn turn_until_the_end(&mut self) -> u8 {
        loop {
            let event = self.next_event();
            let now = Now::read();
            self.now = now.instant;
            let turned = self.turn(now, event).and_then(|()| self.say_what_was_held(now));
            self.offer_names();
            if let Err(code) = turned.and_then(|()| self.look_for_the_end(now)) {
                return code;
            }
        }
    }

    fn next_event(&mut self) -> Event {
        let (no_news, no_line) = (never(), never());
        let can_print = self.screen.has_room();
        let can_take_a_line = match self.mode {
            // It says that the outbox is full.
            Mode::Chat => true,
            Mode::Json => self.held.len() < LOOK_AHEAD,
            Mode::Listen | Mode::Sender => !self.conversation.is_busy(),
        };
        let news = if can_print { self.uplink.events() } else { &no_news };
        // Between two lines nothing is printed on a terminal: there the next one is always taken.
        let typed = if (can_print || self.mode == Mode::Chat) && can_take_a_line { &self.typed } else { &no_line };
        let full = if can_print { None } else { Some(self.now + FULL) };
        let due = self.due().into_iter().chain(full).min();
        if let Some(due) = due {
            self.heartbeat.wake_at(due.max(self.ticked + SHORTEST));
        }
        // None of these channels closes while the shell lives, but that of an input that has come to its end.
        select! {
            recv(news) -> event => event.map_or(Event::Tick, Event::Link),
            recv(typed) -> typed => Event::Typed(typed.unwrap_or(Typed::End)),
            recv(self.heartbeat.ticks()) -> _ => Event::Tick,
            recv(self.signals) -> signal => signal.map_or(Event::Tick, Event::Signal),
            recv(self.keeper.shown()) -> shown => shown.map_or(Event::Tick, Event::Shown),
            recv(self.output_closed) -> _ => Event::OutputClosed,
        }
    }

    /// When time alone leads to something; until then nothing wakes this thread but what happens.
    fn due(&self) -> Option<Instant> {
        let unsent = self.conversation.unsettled() + self.held.len();
        let names = self.wants_to_offer_names().then(|| self.names_offered + NAMES);
        let parts = [
            self.conversation.due(self.now),
            self.ending.due(unsent, self.conversation.has_questions()),
            self.keeper.due(),
            self.reading.due(),
            names,
        ];
        parts.into_iter().flatten().min()
    }

    /// Here and below, `Err`: the run ends with this exit code.
    fn turn(&mut self, now: Now, event: Event) -> Result<(), u8> {
        match event {
            Event::Link(event) => self.link_says(now, event),
            Event::Typed(typed) => {
                self.typed(now, typed)?;
                // At the end no further line is read: the terminal is about to be put back.
                self.look_for_the_end(now)?;
                self.prompt();
                Ok(())
            }
            Event::Tick => {
                self.ticked = now.instant;
                self.heartbeat.ticked();
                self.read_on(now);
                self.handle(now, Input::Tick)
            }
            Event::Signal(signal) => Err(self.interrupted(signal)),
            Event::Shown(Shown { publications, remembered, problem }) => {
                publications.into_iter().for_each(|publication| self.uplink.publish(publication));
                if let Some(text) = problem {
                    self.tell(now, &News::Error { text, reference: None })?;
                }
                if let Some(mut remembered) = remembered
                    && self.keeper.is_the_awaited()
                {
                    self.earlier = Some(std::mem::take(&mut remembered.typed));
                    self.conversation.recall(remembered);
                    self.connect()?;
                }
                Ok(())
            }
            Event::OutputClosed => Err(0),
        }
    }

    fn link_says(&mut self, now: Now, event: Numbered) -> Result<(), u8> {
        match self.uplink.hear(event) {
            Heard::Input(input) => self.handle(now, input),
            Heard::Nothing => Ok(()),
            Heard::Ended(failure) => {
                let code = failure.as_ref().map_or(FAILURE, Failure::exit_code);
                self.complain(failure.map_or("the connection has ended".to_owned(), |failure| failure.to_string()));
                Err(code)
            }
        }
    }

    fn look_for_the_end(&mut self, now: Now) -> Result<(), u8> {
        let unsent = self.conversation.unsettled() + self.held.len();
        match self.ending.look(now.instant, unsent, self.conversation.has_questions()) {
            None => Ok(()),
            Some(End::Done) if self.mode == Mode::Sender && self.went_wrong => Err(FAILURE),
            Some(End::Done) => Err(0),
            Some(End::TimeIsUp) => Err(TIME_OUT),
            Some(End::Unsent(count)) if self.outbox_keeps_all() => {
                self.tell(now, &News::Hint(format!("{} in the outbox, for the next run", messages_are(count))))?;
                Err(0)
            }
            Some(End::Unsent(count)) => {
                self.complain(format!("{} unconfirmed", messages_are(count)));
                Err(FAILURE)
            }
            Some(End::Unconfirmed(count, time)) => {
                let why = if self.conversation.awaits_a_server() { ": no chat server is answering" } else { "" };
                let kept = self.kept();
                self.complain(format!("{} unconfirmed after {} s{why}{kept}", messages_are(count), time.as_secs()));
                Err(TIME_OUT)
            }
        }
    }

    /// Ends at once, but not without saying what is not known to have arrived. Returns the exit code.
    pub(super) fn interrupted(&mut self, signal: i32) -> u8 {
        let unsent = self.conversation.unsettled() + self.held.len();
        if unsent > 0 {
            self.complain(format!("{} unconfirmed{}", messages_are(unsent), self.kept()));
        }
        SIGNAL + signal as u8
    }

    /// What becomes of unconfirmed messages, as the end of a line about them.
    fn kept(&self) -> &'static str {
        if self.outbox_keeps_all() { "; the outbox keeps what is unconfirmed for the next run" } else { "" }
    }

    fn outbox_keeps_all(&self) -> bool {
        self.outbox_file.is_some() && !self.told_of_outbox
    }

    /// Connects, or connects anew under another nick.
    fn connect(&mut self) -> Result<(), u8> {
        let opened = self.uplink.open(&self.options.connection, &self.conversation);
        opened.map_err(|error| {
            self.complain(format!("cannot start the link: {error}"));
            FAILURE
        })
    }

    /// Lets the user type the next line.
    fn prompt(&mut self) {
        if self.mode == Mode::Chat {
            let ask = Ask { prompt: self.conversation.prompt(), earlier: self.earlier.take() };
            // The input thread takes one a line, and one line is answered at a time.
            let _ = self.prompts.try_send(ask);
        }
    }

    fn wants_to_offer_names(&self) -> bool {
        self.mode == Mode::Chat && self.conversation.has_new_names()
    }

    /// Not with each message of a burst.
    fn offer_names(&mut self) {
        if self.wants_to_offer_names()
            && self.now.saturating_duration_since(self.names_offered) >= NAMES
            && let Some(names) = self.conversation.new_names()
        {
            self.names_offered = self.now;
            let _ = self.names.1.try_recv();
            let _ = self.names.0.try_send(names);
        }
    }

    /// Prints what is still to be printed, puts the terminal back and leaves the chat.
    fn end(mut self) {
        signals::end_at_the_next();
        let now = Now::read();
        let last = self.reading.finish(now, &self.view);
        last.into_iter().for_each(|line| self.screen.print(line));
        self.keeper.give(&self.screen);
        let is_on_terminal = self.mode == Mode::Chat;
        self.screen.finish(if is_on_terminal { LAST_LINES } else { LAST_LINES_FOR_A_PROGRAM });
        drop(self.terminal);
        let until = if is_on_terminal { now.instant } else { Instant::now() } + END;
        let left = |until: Instant| until.saturating_duration_since(Instant::now()).max(LAST_WORD);
        for publication in self.keeper.finish(left(until - LAST_WORD)) {
            self.uplink.publish(publication);
        }
        self.uplink.close(self.conversation.leave(Now::read()), left(until));
        self.heartbeat.stop();
    }
}
