//! What happened in a run, as facts in order: what each client took, told and showed, how each run ended, what each server
//! committed; and the state at the end. The run fills the ledger, the verdict reads it; the ledger judges nothing. Times
//! count from the beginning of the run. A participant is its position in the plan's cast.

mod traffic;

pub use traffic::Traffic;

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::time::Duration;

/// The nick of a stranger who says something of its own, and what it says. No promise is about it.
pub const STRANGER: &str = "zoe";
pub const STRANGE_TEXT: &str = "hello from outside";

/// A message's number in the run. A sender's later messages have higher ones.
pub type Number = usize;
/// A program's run from start to end, counted over all programs.
pub type RunNumber = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    Broker,
    /// Of [`super::plan::Plan::servers`].
    Server(usize),
    /// Of [`super::plan::Plan::clients`].
    Client(usize),
}

/// All that the verdict judges.
#[derive(Debug, Default)]
pub struct Ledger {
    pub messages: Vec<MessageRecord>,
    pub runs: Vec<RunRecord>,
    /// In the order in which they happened, also at equal times.
    pub facts: Vec<(Duration, Fact)>,
    pub traffic: Traffic,
    /// Of [`super::reach::ALL`].
    pub reached: BTreeSet<&'static str>,
    pub end: EndState,
}

/// A message that a client was told to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// Of [`super::plan::Plan::clients`].
    pub from: usize,
    pub run: RunNumber,
    pub to: Addressed,
    pub given: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressed {
    Room(String),
    /// A direct message to a client, under the nick that it had then.
    Client {
        client: usize,
        nick: String,
    },
}

/// A run of a program, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    pub party: Party,
    pub started: Duration,
    pub ended: Option<(Duration, RunEnd)>,
    /// While it was frozen, its output blocked, or its memory file not writable.
    pub stops: Vec<(Duration, Option<Duration>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// `kill -9`.
    Crashed,
    /// A power loss: what was not fsynced is gone.
    PowerLost,
    /// A clean end on request.
    Quit,
    /// The client ended because its nick is in use.
    NickInUse,
    /// The client ended because it found no broker at its start.
    NoBroker,
    /// The server ended because there is another one.
    Rival,
    /// It ended by itself for any other reason.
    Fell(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The sender's outbox holds it. Before that, it is lost if the client dies.
    Taken { number: Number },
    /// It was published again: by its sender, or by the server if it is a direct message.
    SentAgain { number: Number },
    /// A run of its sender learned that the broker has it.
    Acknowledged { run: RunNumber, number: Number },
    /// A run of its sender gave news about it.
    Told { run: RunNumber, number: Number, news: SenderNews },
    /// It was printed, by a receiver or by its sender.
    Shown { run: RunNumber, number: Number, how: Showing },
    /// A run printed a message that no client was told to send.
    ShownStrange { run: RunNumber, text: String },
    /// It has a cursor in the room: from now on it must not miss anything there.
    InRoom { run: RunNumber, room: String },
    /// It left the room on request.
    LeftRoom { run: RunNumber, room: String },
    /// It reported a gap in the room.
    Gap { run: RunNumber, room: String },
    /// A connection began.
    Connected { run: RunNumber },
    /// A server's connection was lost.
    Lost { run: RunNumber },
    /// It received what a server says on chat/server.
    ServerSeen { run: RunNumber },
    /// It told that a server is there, or has gone. A connection begins without one.
    ServerTold { run: RunNumber, is_there: bool },
    /// A server answered that its nick is in use.
    NickRefused { run: RunNumber },
    /// Its nick from now on.
    Nick { run: RunNumber, nick: String },
    /// It could not write to its memory what it had shown.
    NotRemembered { run: RunNumber },
    /// Arrivals were dropped, because it was behind with them.
    Dropped { run: RunNumber },
    /// From now on its outbox on disk cannot be written, or can be again.
    OutboxFails { run: RunNumber, fails: bool },
    /// The wall clock was set.
    ClockSet { party: Party, by_s: i64 },
    /// A server's connection took it in, and the broker was told so.
    Arrived { server: usize, number: Number },
    /// A server committed it to its history, with fsync unless it has `--memory`.
    Synced { server: usize, number: Number },
    /// A server committed the receipt for it, as above. From then on it does not wait there.
    ReceiptKept { server: usize, number: Number },
    /// A server published `stored` for it.
    StoredSaid { server: usize, number: Number },
    /// A server removed it by retention or `--max-size`.
    Removed { server: usize, number: Number },
    /// A step of the plan was carried out.
    Step { what: String },
}

/// News that a sender gives about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SenderNews {
    Stored,
    Delivered,
    Waiting,
    /// The server refused it.
    Refused,
}

/// How a message was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Showing {
    pub late: bool,
    /// In answer to `/history` or a search, so that it may have been shown before.
    pub asked: bool,
    /// Not itself: a terminal showed the number of the messages that it left out in a burst.
    pub counted: bool,
}

/// The state at the end of the run.
#[derive(Debug, Default)]
pub struct EndState {
    /// When it was: later than the plan says if something was still under way; 0: when the plan says.
    pub at: Duration,
    /// The runs that have not ended.
    pub running: Vec<RunNumber>,
    pub histories: Vec<HistoryRecord>,
    /// The nicks that each server and client believes present.
    pub rosters: Vec<(Party, Vec<String>)>,
    /// The number of messages in the outbox of each running client.
    pub unsettled: Vec<(usize, usize)>,
    pub sizes: Vec<StateSize>,
}

/// A room's history with a server, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRecord {
    pub server: usize,
    pub room: String,
    pub entries: Vec<HistoryEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub pos: u64,
    pub nick: String,
    pub text: String,
    pub late: bool,
}

/// The largest size of a piece of state, and the bound that follows from what it represents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSize {
    pub party: Party,
    pub what: &'static str,
    pub size: usize,
    pub bound: usize,
}

impl Ledger {
    pub fn note(&mut self, at: Duration, fact: Fact) {
        self.facts.push((at, fact));
    }

    /// The text of a message: its number as a word that a search can find, and `filler` more characters.
    pub fn text(number: Number, filler: usize) -> String {
        let mut text = format!("m{number}");
        if filler > 0 {
            text.push(' ');
            text.extend(std::iter::repeat_n('x', filler));
        }
        text
    }

    /// The number of the message with this text, if there is one.
    pub fn number(&self, text: &str) -> Option<Number> {
        let word = text.split(' ').next()?;
        let number = word.strip_prefix('m')?.parse().ok()?;
        (number < self.messages.len()).then_some(number)
    }

    /// A client is told to send a message.
    pub fn give(&mut self, at: Duration, from: usize, run: RunNumber, to: Addressed) -> Number {
        self.messages.push(MessageRecord { from, run, to, given: at });
        self.messages.len() - 1
    }

    /// How many direct messages the client was given that it did not report as delivered.
    pub fn direct_messages_without_news(&self, client: usize) -> usize {
        let is_direct =
            |message: &&MessageRecord| message.from == client && matches!(message.to, Addressed::Client { .. });
        let is_news = |(_, fact): &&(Duration, Fact)| match fact {
            Fact::Told { number, news: SenderNews::Delivered, .. } => self.messages[*number].from == client,
            _ => false,
        };
        let (given, told) = (self.messages.iter().filter(is_direct), self.facts.iter().filter(is_news));
        given.count().saturating_sub(told.count())
    }

    /// The direct messages that are on a server's disk and wait for a receipt.
    pub fn undelivered(&self) -> Vec<&MessageRecord> {
        let (mut stored, mut received) = (BTreeSet::new(), BTreeSet::new());
        for (_, fact) in &self.facts {
            match fact {
                Fact::Synced { number, .. } => _ = stored.insert(*number),
                Fact::ReceiptKept { number, .. } => _ = received.insert(*number),
                _ => {}
            }
        }
        let waiting = stored.difference(&received).map(|number| &self.messages[*number]);
        waiting.filter(|message| matches!(message.to, Addressed::Client { .. })).collect()
    }

    pub fn run_started(&mut self, at: Duration, party: Party) -> RunNumber {
        self.runs.push(RunRecord { party, started: at, ended: None, stops: Vec::new() });
        self.runs.len() - 1
    }

    pub fn run_ended(&mut self, at: Duration, run: RunNumber, end: RunEnd) {
        self.run_goes_on(at, run);
        self.runs[run].ended = Some((at, end));
    }

    /// Changes nothing if it stands still already.
    pub fn run_stands_still(&mut self, at: Duration, run: RunNumber) {
        let stops = &mut self.runs[run].stops;
        if stops.last().is_none_or(|(_, end)| end.is_some()) {
            stops.push((at, None));
        }
    }

    pub fn run_goes_on(&mut self, at: Duration, run: RunNumber) {
        if let Some((_, end @ None)) = self.runs[run].stops.last_mut() {
            *end = Some(at);
        }
    }

    /// The facts that name a message, for a person to read.
    pub fn story(&self, number: Number) -> String {
        let Some(message) = self.messages.get(number) else { return format!("m{number} was never given\n") };
        let mut story = format!(
            "m{number}: client {} in run {} to {:?}, given at {:.3} s\n",
            message.from,
            message.run,
            message.to,
            message.given.as_secs_f64()
        );
        for (at, fact) in self.facts.iter().filter(|(_, fact)| fact.number() == Some(number)) {
            story += &format!("    {:>9.3} {fact:?}\n", at.as_secs_f64());
        }
        for history in &self.end.histories {
            for entry in history.entries.iter().filter(|entry| self.number(&entry.text) == Some(number)) {
                story += &format!("    at the end with server {} in {}: {entry:?}\n", history.server, history.room);
            }
        }
        story
    }
}

impl RunRecord {
    /// How long it ran between `from` and `to`, without the time for which it stood still.
    pub fn ran(&self, from: Duration, to: Duration) -> Duration {
        let stood = self.stops.iter().map(|(begin, end)| {
            let (begin, end) = ((*begin).max(from), end.unwrap_or(to).min(to));
            end.saturating_sub(begin)
        });
        to.saturating_sub(from).saturating_sub(stood.sum())
    }
}

impl Fact {
    /// The message that it is about.
    pub fn number(&self) -> Option<Number> {
        match self {
            Fact::Taken { number }
            | Fact::SentAgain { number }
            | Fact::Acknowledged { number, .. }
            | Fact::Told { number, .. }
            | Fact::Shown { number, .. }
            | Fact::Arrived { number, .. }
            | Fact::Synced { number, .. }
            | Fact::ReceiptKept { number, .. }
            | Fact::StoredSaid { number, .. }
            | Fact::Removed { number, .. } => Some(*number),
            _ => None,
        }
    }
}

impl Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Broker => f.pad("broker"),
            Party::Server(number) => f.pad(&format!("server {number}")),
            Party::Client(number) => f.pad(&format!("client {number}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_text_names_its_message() {
        let mut ledger = Ledger::default();
        let run = ledger.run_started(seconds(0), Party::Client(0));
        let number = ledger.give(seconds(1), 0, run, Addressed::Room("lobby".to_owned()));
        for filler in [0, 3_000] {
            assert_eq!(ledger.number(&Ledger::text(number, filler)), Some(number));
        }
        assert_eq!(ledger.number("m1"), None, "nobody was given that one");
        assert_eq!(ledger.number("hello"), None);
    }

    #[test]
    fn what_stands_still_does_not_run() {
        let mut ledger = Ledger::default();
        let run = ledger.run_started(seconds(0), Party::Client(0));
        ledger.run_stands_still(seconds(2), run);
        ledger.run_stands_still(seconds(3), run);
        ledger.run_goes_on(seconds(4), run);
        ledger.run_goes_on(seconds(5), run);
        ledger.run_stands_still(seconds(6), run);
        let ran = |ledger: &Ledger, from, to| ledger.runs[run].ran(seconds(from), seconds(to));
        assert_eq!(ran(&ledger, 0, 2), seconds(2));
        assert_eq!(ran(&ledger, 1, 5), seconds(2));
        assert_eq!(ran(&ledger, 3, 9), seconds(2));
        ledger.run_ended(seconds(7), run, RunEnd::Crashed);
        assert_eq!(ledger.runs[run].stops, [(seconds(2), Some(seconds(4))), (seconds(6), Some(seconds(7)))]);
        assert_eq!(ledger.runs[run].ended, Some((seconds(7), RunEnd::Crashed)));
    }

    #[test]
    fn the_story_of_a_message_is_all_that_names_it() {
        let mut ledger = Ledger::default();
        let run = ledger.run_started(seconds(0), Party::Client(0));
        for _ in 0..2 {
            ledger.give(seconds(1), 0, run, Addressed::Room("lobby".to_owned()));
        }
        ledger.note(seconds(2), Fact::Taken { number: 0 });
        ledger.note(seconds(2), Fact::Taken { number: 1 });
        let entry = HistoryEntry { pos: 1, nick: "ann".to_owned(), text: Ledger::text(1, 0), late: false };
        ledger.end.histories.push(HistoryRecord { server: 0, room: "lobby".to_owned(), entries: vec![entry] });
        let story = ledger.story(1);
        assert_eq!(story.matches("Taken").count(), 1, "{story}");
        assert!(story.contains("at the end with server 0 in lobby"), "{story}");
        assert_eq!(ledger.story(2), "m2 was never given\n");
    }
}
