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
mod tests {
    use super::*;
    use crate::client::core::conversation::Output;
    use crate::client::core::conversation::tests::deadlines::pass;
    use crate::client::core::news::News;

    fn nick(name: &str) -> Nick {
        Nick::parse(name).unwrap()
    }

    /// Alice at a terminal.
    struct Stage {
        naming: Naming,
        now: Instant,
        is_connected: bool,
        under_way: usize,
        out: Outputs,
    }

    impl Stage {
        fn new(under_way: usize) -> Stage {
            let session = Session::from_random([7; 12]);
            let (naming, out) = (Naming::new(nick("Alice"), session), Outputs::new(true));
            Stage { naming, now: Instant::now(), is_connected: true, under_way, out }
        }

        fn change(&mut self, to: &str) {
            self.naming.change(self.now, nick(to), false, &mut self.out);
        }

        /// Checks which nicks are taken while time passes, and after how many milliseconds.
        #[track_caller]
        fn check_taken(&mut self, milliseconds: u64, expected: &[(u64, &str)]) {
            let Stage { naming, now, is_connected, under_way, out } = self;
            let taken = pass(now, milliseconds, |now| {
                let taken = naming.take_change(now, *is_connected, || *under_way, out);
                taken.iter().for_each(|nick| naming.is_now(nick.clone()));
                (taken.into_iter().map(|nick| nick.to_string()).collect(), naming.due())
            });
            let taken: Vec<_> = taken.iter().map(|(after, nick)| (*after, nick.as_str())).collect();
            assert_eq!(taken, expected);
        }

        #[track_caller]
        fn check_told(&mut self, expected: &[&str]) {
            let told = self.out.take().into_iter().map(|output| match output {
                Output::Tell(News::Hint(text) | News::Answer(text) | News::Error(text), _) => text,
                other => panic!("{other:?}"),
            });
            assert_eq!(told.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_change_waits_for_messages_under_way_for_5_s() {
        let mut stage = Stage::new(0);
        stage.change("bob");
        assert!(stage.naming.is_changing());
        stage.check_taken(0, &[(0, "bob")]);
        assert!(!stage.naming.is_changing());
        stage.under_way = 2;
        stage.change("carl");
        stage.check_taken(4_999, &[]);
        stage.under_way = 0;
        stage.check_taken(0, &[(0, "carl")]);
        stage.check_told(&[]);
        stage.under_way = 2;
        stage.change("dora");
        stage.check_taken(60_000, &[(5_000, "dora")]);
        stage.check_told(&["2 messages not confirmed as carl: sent again as dora"]);
    }

    #[test]
    fn without_a_connection_it_waits_for_nothing() {
        let mut stage = Stage::new(1);
        stage.change("bob");
        stage.check_taken(1_000, &[]);
        stage.is_connected = false;
        stage.check_taken(0, &[(0, "bob")]);
        stage.check_told(&[
            "1 message not confirmed as Alice: sent again as bob",
            "you will be bob as soon as there is a connection",
        ]);
    }

    #[test]
    fn the_last_wish_counts() {
        let mut stage = Stage::new(1);
        stage.change("Alice");
        stage.check_told(&["you are Alice already"]);
        stage.change("bob");
        stage.check_taken(3_000, &[]);
        stage.change("carl");
        stage.check_taken(4_000, &[]);
        stage.change("Alice");
        stage.check_told(&["you stay Alice"]);
        stage.check_taken(60_000, &[]);
        // Another spelling is another nick to show.
        stage.under_way = 0;
        stage.change("ALICE");
        stage.check_taken(0, &[(0, "ALICE")]);
    }

    #[test]
    fn a_nick_that_was_chosen_meanwhile_replaces_what_waits() {
        let mut stage = Stage::new(1);
        stage.change("bob");
        // Another server has come, and does not let Alice in.
        stage.naming.ask(None, &mut stage.out);
        let chosen = stage.naming.choose("carl", &mut stage.out).unwrap();
        stage.naming.is_now(chosen);
        stage.check_taken(60_000, &[]);
        assert_eq!((stage.naming.nick().as_str(), stage.naming.is_choosing()), ("carl", false));
    }

    #[test]
    fn the_question_for_another_nick_stays_until_there_is_one() {
        let (mut stage, lobby) = (Stage::new(0), RoomName::lobby());
        assert_eq!(stage.naming.prompt(&lobby), "#lobby> ");
        stage.naming.ask(Some(60), &mut stage.out);
        stage.check_told(&["the nick Alice is in use: which other one will you take? (your own is free within 60 s)"]);
        for (typed, told) in
            [("", &[][..]), ("a b", &["not a nick: a name cannot contain a blank; choose letters, digits, - and _"])]
        {
            assert_eq!(stage.naming.choose(typed, &mut stage.out), None);
            stage.check_told(told);
            assert_eq!(stage.naming.prompt(&lobby), "another nick: ");
        }
        assert_eq!(stage.naming.choose("Bob", &mut stage.out), Some(nick("Bob")));
        assert!(stage.naming.is_choosing(), "not known as that yet");
        stage.naming.is_now(nick("Bob"));
        assert_eq!(stage.naming.prompt(&lobby), "#lobby> ");
    }

    #[test]
    fn each_nick_is_greeted_once() {
        let (mut stage, lobby) = (Stage::new(0), RoomName::lobby());
        for _ in 0..2 {
            stage.naming.greet(&lobby, &mut stage.out);
        }
        stage.check_told(&["you are Alice and talk in #lobby; /help lists the commands"]);
        stage.naming.is_now(nick("bob"));
        stage.naming.ask(Some(60), &mut stage.out);
        stage.check_told(&["the nick bob is in use: which other one will you take? (the one you had is free)"]);
        stage.naming.is_now(nick("carl"));
        for _ in 0..2 {
            stage.naming.greet(&lobby, &mut stage.out);
        }
        stage.check_told(&["you are carl now"]);
        let (mut naming, mut out) = (Naming::new(nick("Alice"), Session::from_random([7; 12])), Outputs::new(false));
        naming.greet(&lobby, &mut out);
        assert_eq!(out.take(), [], "a program knows");
    }

    #[test]
    fn a_change_that_takes_long_is_announced() {
        let mut stage = Stage::new(1);
        stage.naming.change(stage.now, nick("bob"), true, &mut stage.out);
        stage.check_told(&["you will be bob once what you said as Alice is stored, or in 5 s"]);
    }
}
