//! Pure: every decision of a run of the client. It owns the conversation and what the shell and a
//! [`Member`](crate::client::member::Member) have in common: the order of effects, what waits until it is shown, the
//! outbox on disk, the links, and when and how the run ends.
//!
//! A driver passes in [`SessionEvent`]s and carries out the [`SessionEffect`]s in order. It passes
//! [`SessionEvent::Tick`] at [`ClientSession::due`].
//!
//! ```text
//!   Start ─► running ── input ended, /quit, -C, -W, a signal, no link ──► End ─► keeping ─► leave
//!            │     ▲                                                              what was shown
//!  another   ▼     │ Became
//!  nick:  LetGo, Become, OpenLink
//! ```

mod exchange;
mod keeping;
mod links;
mod retry;
mod telling;
#[cfg(test)]
mod tests;
mod typist;

pub use super::ending::ClientExit;
pub use exchange::{
    LinkOrder, Mode, Opening, OutboxChange, Prompt, SessionConfig, SessionEffect, SessionEvent, Uncommitted,
};

use super::command::{Command, Target};
use super::conversation::{Conversation, Input, Output, Role};
use super::ending::Ending;
use super::memo::{Memo, Remembered};
use super::news::News;
use crate::link::{Event as LinkEvent, Publication};
use crate::now::Now;
use crate::protocol::Nick;
use crate::random::Random;
use keeping::{Keeping, Reported};
use links::Links;
use retry::Retry;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Instant;
use typist::Typist;

/// The most commands of a program that wait for room in the outbox. Requests and quitting behind them still get
/// through. Beyond that, no input is read.
const LOOK_AHEAD: usize = 64;

#[derive(Debug)]
pub struct ClientSession {
    mode: Mode,
    addressee: Option<Nick>,
    outlives_input: bool,
    conversation: Conversation,
    links: Links,
    keeping: Keeping,
    /// There is an outbox on disk.
    keeps_outbox: bool,
    /// Of the outbox on disk.
    outbox_retry: Retry,
    ending: Ending,
    /// Commands of a JSON program that wait for room in the outbox, with their `ref`.
    held: VecDeque<(Command, Option<Value>)>,
    typist: Typist,
    out: Vec<SessionEffect>,
}

impl ClientSession {
    /// `random` provides tokens and names that nobody can guess.
    pub fn new(config: SessionConfig, random: Random, now: Instant) -> ClientSession {
        let SessionConfig { mode, client_id, addressee, wait, count, outlives_input, has_memory, mut conversation } =
            config;
        let typed = std::mem::take(&mut conversation.remembered.typed);
        let is_sender = conversation.role == Role::Sender;
        ClientSession {
            mode,
            addressee,
            outlives_input,
            links: Links::new(conversation.qos, client_id, random.clone()),
            keeps_outbox: conversation.keeps_outbox,
            outbox_retry: Retry::new(),
            conversation: Conversation::new(conversation, random),
            keeping: Keeping::new(now, has_memory),
            ending: Ending::new(now, is_sender, wait, count),
            held: VecDeque::new(),
            typist: Typist::new(now, typed),
            out: Vec::new(),
        }
    }

    /// Handles an event and returns the effects, in order.
    pub fn handle(&mut self, now: Now, event: SessionEvent) -> Vec<SessionEffect> {
        let was_over = self.ending.exit().is_some();
        if was_over {
            self.heard_after_the_end(now, event);
        } else {
            let is_typed = matches!(event, SessionEvent::Typed(_) | SessionEvent::Texts(_) | SessionEvent::Quit);
            let asks = is_typed || matches!(event, SessionEvent::Start);
            self.heard(now, event);
            self.order_what_was_held(now);
            self.look_for_the_end(now);
            // Once the run has ended, no further line is read: the terminal is about to be restored.
            if self.mode == Mode::Chat && self.ending.exit().is_none() {
                self.typist.look(now.instant, &mut self.conversation, asks, &mut self.out);
            }
        }
        if self.outbox_retry.due().is_some_and(|due| now.instant >= due) {
            self.outbox_retry.begins(true);
            self.out.push(SessionEffect::Outbox(OutboxChange::Retry));
        }
        self.out.extend(self.keeping.give(now.instant));
        if !was_over && let Some(exit) = self.ending.exit() {
            self.out.push(SessionEffect::End(exit));
        }
        std::mem::take(&mut self.out)
    }

    /// The next deadline; `None`: there is none.
    pub fn due(&self) -> Option<Instant> {
        let parts = [
            self.conversation.due(),
            self.ending.due(self.unsent(), self.conversation.has_questions()),
            self.keeping.due(),
            self.outbox_retry.due(),
            self.typist.due(&self.conversation).filter(|_| self.mode == Mode::Chat),
        ];
        parts.into_iter().flatten().min()
    }

    /// Whether more input may be handed in. The driver must leave the rest where it comes from.
    pub fn takes_input(&self) -> bool {
        match self.mode {
            // These are told that the outbox is full.
            Mode::Chat | Mode::Embedded => true,
            Mode::Json => self.held.len() < LOOK_AHEAD,
            Mode::Listen | Mode::Sender => !self.conversation.is_busy(),
        }
    }

    /// Whether shown messages are still to be remembered. This may continue after the end.
    pub fn is_keeping(&self) -> bool {
        self.keeping.is_busy()
    }

    /// The leave message, to publish before the link is closed; `None` if nobody knows about this client.
    pub fn leave(&self, now: Now) -> Option<Publication> {
        self.conversation.leave(now).filter(|_| self.links.is_open())
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Unsettled messages.
    pub fn unsent(&self) -> usize {
        self.conversation.unsettled() + self.held.len()
    }

    fn heard(&mut self, now: Now, event: SessionEvent) {
        match event {
            SessionEvent::Start => self.start(now),
            SessionEvent::Link { number, event } if self.links.is_current(number) => self.link_says(now, event),
            SessionEvent::Missed { number, count } if self.links.is_current(number) => {
                self.converse(now, Input::Missed(count));
            }
            // From a link that was replaced.
            SessionEvent::Link { .. } | SessionEvent::Missed { .. } => {}
            SessionEvent::NoLink(why) => self.fail(format!("cannot start the link: {why}"), ClientExit::Failed),
            SessionEvent::Full => self.converse(now, Input::Full),
            SessionEvent::HasRoom { dropped } => self.converse(now, Input::Missed(dropped)),
            SessionEvent::Typed(line) => self.converse(now, Input::Typed(line)),
            SessionEvent::Texts(texts) => texts.into_iter().for_each(|text| self.say(now, text)),
            SessionEvent::Ordered(command, reference) => self.ordered(now, command, reference),
            SessionEvent::Noticed(news, reference) => self.reply(now, news, reference),
            SessionEvent::Recallable(line) => self.keeping.remember(Memo::Typed(line)),
            SessionEvent::InputEnded if self.outlives_input => {}
            SessionEvent::InputEnded => self.ending.input_ended(now.instant),
            SessionEvent::Quit => self.quit(now),
            SessionEvent::Signal(signal) => self.interrupted(signal),
            SessionEvent::OutputClosed { has_failed } => self.output_closed(has_failed),
            SessionEvent::Committed(result) => {
                let reported = self.keeping.committed(now.instant, result);
                self.reported(now, reported);
            }
            SessionEvent::Became(result) => {
                let reported = self.keeping.became(result);
                self.reported(now, reported);
            }
            SessionEvent::OutboxWritten => self.outbox_retry.succeeded(),
            SessionEvent::OutboxFailed(why) => self.outbox_failed(now, &why),
            SessionEvent::OutboxRenamed => self.outbox_renamed(now),
            SessionEvent::Tick => self.converse(now, Input::Tick),
        }
    }

    /// After the end, shown messages are still remembered and receipts published.
    fn heard_after_the_end(&mut self, now: Now, event: SessionEvent) {
        let Reported { publications, .. } = match event {
            SessionEvent::Committed(result) => self.keeping.committed(now.instant, result),
            SessionEvent::Became(result) => self.keeping.became(result),
            _ => return,
        };
        publications.into_iter().for_each(|publication| self.publish(publication));
    }

    fn link_says(&mut self, now: Now, event: LinkEvent) {
        if let LinkEvent::Ended = event {
            let failure = self.links.failure();
            let exit = failure.as_ref().map_or(ClientExit::Failed, |failure| ClientExit::NotConnected(failure.kind));
            let why = failure.map_or("the connection has ended".to_owned(), |failure| failure.to_string());
            self.fail(why, exit);
        } else if let Some(event) = self.links.look(event) {
            self.converse(now, Input::Link(event));
        }
    }

    /// Handles a program's command.
    fn ordered(&mut self, now: Now, command: Command, reference: Option<Value>) {
        let waits = self.mode == Mode::Json && command.keeps_its_turn();
        if waits && (!self.held.is_empty() || self.conversation.is_busy()) {
            return self.held.push_back((command, reference));
        }
        self.converse(now, Input::Command(command, reference));
    }

    /// Executes held commands while the outbox is not busy. If the run ends soon, it executes all of them.
    fn order_what_was_held(&mut self, now: Now) {
        while (!self.conversation.is_busy() || self.ending.is_near())
            && let Some((command, reference)) = self.held.pop_front()
        {
            self.converse(now, Input::Command(command, reference));
        }
    }

    /// Sends a text literally.
    fn say(&mut self, now: Now, text: String) {
        if self.conversation.unsettled() == 0 {
            self.ending.gets_on(now.instant);
        }
        let to = self.addressee.clone().map_or(Target::Here, Target::Nick);
        self.converse(now, Input::Command(Command::Say { text, to, action: false }, None));
    }

    fn converse(&mut self, now: Now, input: Input) {
        let mut settled = Vec::new();
        let outputs = self.conversation.handle(now, input);
        // This comes before the prompt is redrawn.
        self.out.extend(self.typist.ask_for_a_nick(self.conversation.asks_for_a_nick()));
        for output in outputs {
            match output {
                Output::Settled(id) => settled.push(id),
                output => self.carry_out(now, output),
            }
        }
        if self.keeps_outbox && !settled.is_empty() {
            self.out.push(SessionEffect::Outbox(OutboxChange::Remove(settled)));
        }
    }

    fn carry_out(&mut self, now: Now, output: Output) {
        match output {
            Output::Publish(publication) => self.publish(publication),
            Output::PublishWhenShown(_) if self.ending.has_heard_enough() => {}
            Output::PublishWhenShown(publication) => self.keeping.publish_when_shown(publication),
            Output::Subscribe(filter) => self.order(LinkOrder::Subscribe(self.links.subscription(filter))),
            Output::Unsubscribe(filter) => self.order(LinkOrder::Unsubscribe(filter)),
            Output::Tell(news, reference) => self.reply(now, news, reference),
            Output::Remember(memo) if self.ending.has_heard_enough() && memo != Memo::ServerSeen => {}
            Output::Remember(memo) => {
                if memo == Memo::ServerSeen && self.keeps_outbox {
                    self.out.push(SessionEffect::Outbox(OutboxChange::NoteServer));
                }
                self.keeping.remember(memo);
            }
            Output::Queued(kept) => self.out.push(SessionEffect::Outbox(OutboxChange::Add(kept))),
            // The caller collects these.
            Output::Settled(_) => {}
            Output::Clear => self.out.push(SessionEffect::Clear),
            Output::Renamed(leave) => {
                let leave = leave.filter(|_| self.links.is_open());
                self.let_go(leave);
                if self.keeps_outbox {
                    self.out.push(SessionEffect::Outbox(OutboxChange::Rename(self.conversation.nick().clone())));
                }
                // It connects under the new nick once it knows what earlier runs have shown.
                let remembered = self.keeping.become_another(self.conversation.nick().key().clone());
                remembered.into_iter().for_each(|remembered| self.recall(remembered));
            }
            Output::Reconnect => {
                self.let_go(None);
                self.open_link();
            }
            Output::Quit => self.quit(now),
            Output::NickInUse => self.nick_in_use(),
        }
    }

    fn publish(&mut self, publication: Publication) {
        if self.links.is_open() {
            self.order(LinkOrder::Publish(publication));
        }
    }

    fn order(&mut self, order: LinkOrder) {
        self.out.push(SessionEffect::Link(order));
    }

    fn let_go(&mut self, leave: Option<Publication>) {
        self.links.let_go();
        self.order(LinkOrder::LetGo(leave));
    }

    fn open_link(&mut self) {
        let opening = self.links.open(&self.conversation);
        self.order(LinkOrder::Open(opening));
    }

    fn reported(&mut self, now: Now, reported: Reported) {
        reported.publications.into_iter().for_each(|publication| self.publish(publication));
        if let Some(text) = reported.problem {
            self.tell(now, News::Error(text));
        }
        reported.remembered.into_iter().for_each(|remembered| self.recall(remembered));
    }

    /// Goes on under another nick, with what earlier runs under it left.
    fn recall(&mut self, mut remembered: Remembered) {
        self.typist.recall(std::mem::take(&mut remembered.typed));
        self.conversation.recall(remembered);
        self.open_link();
    }
}
