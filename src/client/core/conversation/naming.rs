//! Under which nick one is there: asked for where one is in use, changed by `/nick`, and said once it holds.
//!
//! ```text
//!   /nick ──► leaving: what is under way gets RENAME_WAIT to be stored ──► connecting under the new nick ──► there
//!                                                                                  ▲                          │
//!                                                    another line: a nick ◄── in use ──── join refused ◄──────┘
//! ```

use super::{Conversation, Join, Output, Publication};
use crate::client::core::memo::Remembered;
use crate::now::Now;
use crate::protocol::Nick;
use std::time::{Duration, Instant};

/// How long what went out under one nick may take to be stored before the next one is taken.
const RENAME_WAIT: Duration = Duration::from_secs(5);

/// What is still to be said about who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    /// For somebody who has just come.
    Welcome,
    /// The nick is another one.
    Renamed,
    Said,
}

/// `/nick` waits for what is under way.
#[derive(Debug)]
pub(super) struct Renaming {
    to: Nick,
    pub(super) until: Instant,
}

impl Conversation {
    /// A line at the question for another nick.
    pub(super) fn choose_nick(&mut self, name: &str) {
        match Nick::choose(name) {
            _ if name.is_empty() => {}
            Ok(nick) => self.choose(nick),
            Err(error) => self.out.error(format!("not a nick: {error}; choose letters, digits, - and _"), None),
        }
    }

    pub(super) fn choose(&mut self, nick: Nick) {
        self.become_known_as(nick, None);
    }

    /// `/nick`.
    pub(super) fn take_nick(&mut self, now: Now, nick: Nick) {
        if nick == self.nick {
            if self.renaming.take().is_some() {
                self.flush(now);
                return self.out.answer(format!("you stay {nick}"));
            }
            return self.out.answer(format!("you are {nick} already"));
        }
        if self.is_delayed() && self.connection_is_up {
            self.out.answer(format!("you will be {nick} once what you said as {} is stored, or in 5 s", self.nick));
        }
        self.renaming = Some(Renaming { to: nick, until: now.instant + RENAME_WAIT });
    }

    /// Takes the other nick as soon as nothing is under way that would come a second time under it.
    pub(super) fn look_at_renaming(&mut self, now: Now) {
        let waits =
            |renaming: &Renaming| self.connection_is_up && now.instant < renaming.until && self.outbox.gone_out() > 0;
        if self.renaming.as_ref().is_some_and(waits) {
            return;
        }
        if let Some(Renaming { to, .. }) = self.renaming.take() {
            let unconfirmed = self.outbox.gone_out();
            if unconfirmed > 0 {
                let messages = if unconfirmed == 1 { "message" } else { "messages" };
                self.out.answer(format!("{unconfirmed} {messages} not confirmed as {}: sent again as {to}", self.nick));
            }
            if !self.connection_is_up {
                self.out.answer(format!("you will be {to} as soon as there is a connection"));
            }
            // In another spelling one is the same person, who stays.
            let leave = if to.key() == self.nick.key() { None } else { self.leave(now) };
            self.become_known_as(to, leave);
        }
    }

    fn become_known_as(&mut self, nick: Nick, leave: Option<Publication>) {
        self.people.gone(&self.nick);
        self.outbox.rename(&nick);
        self.undelivered.renamed();
        self.nick = nick;
        // Until the shell knows what earlier runs under this nick left.
        self.recall(Remembered::default());
        self.no_connection();
        self.choosing_nick = false;
        self.connected_before = false;
        self.may_send = false;
        self.will_is_flat = self.is_original;
        self.connects_anew = true;
        if self.greeting == Greeting::Said {
            self.greeting = Greeting::Renamed;
        }
        self.out.push(Output::Renamed { leave });
    }

    /// One is let in, or nobody is there who could refuse.
    pub(super) fn let_in(&mut self) {
        self.may_send = true;
        self.hold_until = None;
        if !self.out.is_on_terminal() {
            return;
        }
        match std::mem::replace(&mut self.greeting, Greeting::Said) {
            Greeting::Welcome => {
                let (nick, here) = (&self.nick, self.rooms.here());
                self.out.hint(format!("you are {nick} and talk in #{here}; /help lists the commands"));
            }
            Greeting::Renamed => self.out.answer(format!("you are {} now", self.nick)),
            Greeting::Said => {}
        }
    }

    pub(super) fn nick_in_use(&mut self) {
        if self.join != Join::Asked {
            return;
        }
        self.join = Join::Away;
        self.may_send = false;
        self.hold_until = None;
        self.requests.pause();
        if !self.out.is_on_terminal() {
            self.out.push(Output::NickInUse);
            return;
        }
        self.choosing_nick = true;
        let free = match self.server.as_ref().and_then(|server| server.timeout_seconds) {
            // Who had one has left it in good order.
            _ if self.greeting == Greeting::Renamed => " (the one you had is free)".to_owned(),
            Some(seconds) => format!(" (your own is free within {seconds} s)"),
            None => String::new(),
        };
        self.out.error(format!("the nick {} is in use: which other one will you take?{free}", self.nick), None);
    }

    /// Whether the next line is a nick.
    pub fn asks_for_a_nick(&self) -> bool {
        self.choosing_nick
    }

    /// What stands before the line that is typed.
    pub fn prompt(&self) -> String {
        match self.choosing_nick {
            true => "another nick: ".to_owned(),
            false => format!("#{}> ", self.rooms.here()),
        }
    }
}
