//! The user's nick: asked for if it is in use, changed by `/nick`, and told once it holds.
//!
//! ```text
//!   /nick ──► leaving: messages under way get RENAME_WAIT to be stored ──► connecting under the new nick ──► there
//!                                                                            ▲      ▲                         │
//!                                     refused after /nick: the nick before ──┘      │                    join refused
//!                                                                                   │                         │
//!                                                      another line: a nick ◄── otherwise: in use ◄───────────┘
//! ```

use super::outputs::Outputs;
use crate::client::core::command::own_nick;
use crate::protocol::{Nick, NickKey, RoomName, Session};
use std::time::{Duration, Instant};

/// How long messages sent under one nick may take to be stored before the nick changes.
const RENAME_WAIT: Duration = Duration::from_secs(5);

/// The most nicks given up that are remembered until a server welcomes another one.
const GIVEN_UP: usize = 16;

/// What remains to be told about the user's nick.
#[derive(Debug, PartialEq, Eq)]
enum Greeting {
    /// The user has just come.
    Welcome,
    /// The nick has changed.
    Renamed,
    /// The user has gone back from this refused nick. `was_greeted`: under it.
    Back {
        refused: Nick,
        was_greeted: bool,
    },
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
    /// The nick before `/nick`, until a server welcomes the new one. If it refuses the new one, the user goes back.
    before: Option<Nick>,
    greeting: Greeting,
    /// Nicks that the server may still take for the user's, oldest first.
    given_up: Vec<Nick>,
}

impl Naming {
    pub fn new(nick: Nick, session: Session) -> Naming {
        let (before, greeting, given_up) = (None, Greeting::Welcome, Vec::new());
        Naming { nick, session, is_choosing: false, changing: None, before, greeting, given_up }
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
        let old = std::mem::replace(&mut self.nick, nick);
        let was_refused = std::mem::take(&mut self.is_choosing);
        self.changing = None;
        let held = (self.greeting != Greeting::Welcome && !was_refused).then(|| old.clone());
        self.before = self.before.take().or(held).filter(|before| before.key() != self.nick.key());
        if self.greeting != Greeting::Welcome {
            self.greeting = Greeting::Renamed;
        }
        self.gave_up(old);
    }

    fn gave_up(&mut self, old: Nick) {
        self.given_up.retain(|nick| nick.key() != self.nick.key() && nick.key() != old.key());
        if old.key() != self.nick.key() {
            self.given_up.push(old);
        }
        let excess = self.given_up.len().saturating_sub(GIVEN_UP);
        self.given_up.drain(..excess);
    }

    /// Nicks that the server may still take for the user's: it may not have received that the user left them.
    pub fn given_up(&self) -> &[Nick] {
        &self.given_up
    }

    /// The server welcomes the user, so it has received what went out before the join.
    pub fn welcomed(&mut self) {
        self.before = None;
        self.given_up.clear();
    }

    /// The nick to go back to if this one is refused.
    pub fn before(&self) -> Option<&Nick> {
        self.before.as_ref()
    }

    /// The user has gone back to the nick before, because this one is refused. `was_greeted`: under this one.
    pub fn is_back(&mut self, refused: Nick, was_greeted: bool) {
        self.greeting = Greeting::Back { refused, was_greeted };
    }

    /// Whether the user was told of the current nick.
    pub fn is_greeted(&self) -> bool {
        self.greeting == Greeting::Said
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
            Greeting::Back { refused, was_greeted: true } => {
                out.error(format!("{refused} is in use; you are {} again", self.nick));
            }
            Greeting::Back { refused, .. } => out.error(format!("{refused} is in use; you are still {}", self.nick)),
            Greeting::Said => {}
        }
    }

    /// The nick is in use: asks for another one. `timeout`: the seconds after which the server times out silent
    /// clients.
    pub fn ask(&mut self, timeout: Option<u64>, out: &mut Outputs) {
        self.is_choosing = true;
        let nick = &self.nick;
        let text = match &self.greeting {
            Greeting::Back { refused, .. } => {
                format!("{refused} is in use, and {nick} too by now: which other nick will you take?")
            }
            _ => format!("the nick {nick} is in use: which other one will you take?"),
        };
        let free = timeout.filter(|_| !matches!(self.greeting, Greeting::Back { .. }));
        let free = free.map_or_else(String::new, |seconds| format!(" (if it was you, it is free within {seconds} s)"));
        out.error(format!("{text}{free}"));
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
