//! Under which nick one is there: asked for where one is in use, changed by `/nick`, and said once it holds.
//!
//! ```text
//!   /nick ──► leaving: what is under way gets RENAME_WAIT to be stored ──► connecting under the new nick ──► there
//!                                                                                  ▲                          │
//!                                                    another line: a nick ◄── in use ──── join refused ◄──────┘
//! ```

use super::outputs::Outputs;
use crate::protocol::{Nick, NickKey, RoomName, Session};
use std::time::{Duration, Instant};

/// How long what went out under one nick may take to be stored before the next one is taken.
const RENAME_WAIT: Duration = Duration::from_secs(5);

/// What is still to be said about who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    /// For somebody who has just come.
    Welcome,
    /// The nick is another one.
    Renamed,
    Said,
}

pub struct Naming {
    nick: Nick,
    /// Of this run.
    session: Session,
    /// The nick is in use: the next line is another one.
    is_choosing: bool,
    /// `/nick` waits until then for what is under way.
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

    /// Whether `/nick` waits for what is under way.
    pub fn is_changing(&self) -> bool {
        self.changing.is_some()
    }

    /// A line at the question for another nick.
    pub fn choose(&self, name: &str, out: &mut Outputs) -> Option<Nick> {
        if name.is_empty() {
            return None;
        }
        let error = |error| out.error(format!("not a nick: {error}; choose letters, digits, - and _"), None);
        Nick::choose(name).map_err(error).ok()
    }

    /// `/nick`. `is_delayed`: what is under way takes longer than usual, on a connection that is up.
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

    /// The other nick, as soon as nothing is under way that would come a second time under it. `under_way`: so many messages.
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

    /// When [`Naming::take_change`] waits no longer.
    pub fn due(&self) -> Option<Instant> {
        self.changing.as_ref().map(|(_, until)| *until)
    }

    pub fn is_now(&mut self, nick: Nick) {
        self.nick = nick;
        self.is_choosing = false;
        if self.greeting == Greeting::Said {
            self.greeting = Greeting::Renamed;
        }
    }

    /// One is let in, or nobody is there who could refuse. `here`: the room that is talked in.
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

    /// Somebody else has the nick: another one is asked for. `timeout`: seconds until the server forgets who is silent.
    pub fn ask(&mut self, timeout: Option<u64>, out: &mut Outputs) {
        self.is_choosing = true;
        let free = match timeout {
            // Who had one has left it in good order.
            _ if self.greeting == Greeting::Renamed => " (the one you had is free)".to_owned(),
            Some(seconds) => format!(" (your own is free within {seconds} s)"),
            None => String::new(),
        };
        out.error(format!("the nick {} is in use: which other one will you take?{free}", self.nick), None);
    }

    /// What stands before the line that is typed.
    pub fn prompt(&self, here: &RoomName) -> String {
        match self.is_choosing {
            true => "another nick: ".to_owned(),
            false => format!("#{here}> "),
        }
    }
}
