//! The user's nick: asked for if it is in use, changed by `/nick`, and told once it holds.
//!
//! ```text
//!   /nick ──► leaving: messages under way get RENAME_WAIT to be stored ──► connecting under the new nick ──► there
//!                                                                                  ▲                          │
//!                                                    another line: a nick ◄── in use ──── join refused ◄──────┘
//! ```

use super::outputs::Outputs;
use crate::client::core::command::own_nick;
use crate::protocol::{Nick, NickKey, RoomName, Session};
use std::time::{Duration, Instant};

/// How long messages sent under one nick may take to be stored before the nick changes.
const RENAME_WAIT: Duration = Duration::from_secs(5);

/// What remains to be told about the user's nick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    /// The user has just come.
    Welcome,
    /// The nick has changed.
    Renamed,
    Said,
}

#[derive(Debug)]
pub struct Naming {
    nick: Nick,
    /// Of this run.
    session: Session,
    /// The nick is in use: the next line is another one.
    is_choosing: bool,
    /// `/nick` waits until then for messages under way.
    changing: Option<(Nick, Instant)>,
    greeting: Greeting,
}

impl Naming {
    pub fn new(nick: Nick, session: Session) -> Naming {
        Naming { nick, session, is_choosing: false, changing: None, greeting: Greeting::Welcome }
    }

    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    pub fn key(&self) -> &NickKey {
        self.nick.key()
    }

    /// Of this run.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the next line is a nick.
    pub fn is_choosing(&self) -> bool {
        self.is_choosing
    }

    /// Whether `/nick` waits for messages under way.
    pub fn is_changing(&self) -> bool {
        self.changing.is_some()
    }

    /// A line typed at the prompt for another nick.
    pub fn choose(&self, name: &str, out: &mut Outputs) -> Option<Nick> {
        if name.is_empty() {
            return None;
        }
        own_nick(name).map_err(|text| out.error(text)).ok()
    }

    /// `/nick`. `is_delayed`: messages take longer than usual although the connection is up.
    pub fn change(&mut self, now: Instant, nick: Nick, is_delayed: bool, out: &mut Outputs) {
        if nick == self.nick {
            return out.answer(match self.changing.take() {
                Some(_) => format!("you stay {nick}"),
                None => format!("you are {nick} already"),
            });
        }
        if is_delayed {
            out.answer(format!("you will be {nick} once what you said as {} is stored, or in 5 s", self.nick));
        }
        self.changing = Some((nick, now + RENAME_WAIT));
    }

    /// The new nick, as soon as no message is under way that would arrive a second time under it. `under_way`: how many
    /// are.
    pub fn take_change(
        &mut self,
        now: Instant,
        is_connected: bool,
        under_way: impl FnOnce() -> usize,
        out: &mut Outputs,
    ) -> Option<Nick> {
        let (_, until) = self.changing.as_ref()?;
        let under_way = under_way();
        if is_connected && now < *until && under_way > 0 {
            return None;
        }
        let (to, _) = self.changing.take()?;
        if under_way > 0 {
            let messages = if under_way == 1 { "message" } else { "messages" };
            out.answer(format!("{under_way} {messages} not confirmed as {}: sent again as {to}", self.nick));
        }
        if !is_connected {
            out.answer(format!("you will be {to} as soon as there is a connection"));
        }
        Some(to)
    }

    /// When [`Naming::take_change`] stops waiting.
    pub fn due(&self) -> Option<Instant> {
        self.changing.as_ref().map(|(_, until)| *until)
    }

    /// The user goes by another nick now, whatever `/nick` waited for.
    pub fn is_now(&mut self, nick: Nick) {
        self.nick = nick;
        (self.is_choosing, self.changing) = (false, None);
        if self.greeting == Greeting::Said {
            self.greeting = Greeting::Renamed;
        }
    }

    /// The nick is let in, or no server is there to refuse it. `here`: the current room.
    pub fn greet(&mut self, here: &RoomName, out: &mut Outputs) {
        if !out.is_on_terminal() {
            return;
        }
        match std::mem::replace(&mut self.greeting, Greeting::Said) {
            Greeting::Welcome => {
                out.hint(format!("you are {} and talk in #{here}; /help lists the commands", self.nick));
            }
            Greeting::Renamed => out.answer(format!("you are {} now", self.nick)),
            Greeting::Said => {}
        }
    }

    /// The nick is in use: asks for another one. `timeout`: the seconds after which the server times out silent
    /// clients.
    pub fn ask(&mut self, timeout: Option<u64>, out: &mut Outputs) {
        self.is_choosing = true;
        let free = match timeout {
            // The user gave up the previous nick properly.
            _ if self.greeting == Greeting::Renamed => " (the one you had is free)".to_owned(),
            Some(seconds) => format!(" (your own is free within {seconds} s)"),
            None => String::new(),
        };
        out.error(format!("the nick {} is in use: which other one will you take?{free}", self.nick));
    }

    /// The prompt.
    pub fn prompt(&self, here: &RoomName) -> String {
        match self.is_choosing {
            true => "another nick: ".to_owned(),
            false => format!("#{here}> "),
        }
    }
}

#[cfg(test)]
mod tests;
