//! The account of a round, as plain values: what was given, what each run printed, what is stored. The ledger fills it,
//! and the verdict reads it. All times are since the beginning of the round.

use crate::cast::{Member, Target};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A message's number in the round, which is also its `ref`.
pub type Number = u64;

/// A run of a process, counted over all processes.
pub type RunNumber = usize;

#[derive(Debug, Default)]
pub struct Account {
    pub messages: BTreeMap<Number, Message>,
    /// The number of the message with this text.
    pub texts: HashMap<String, Number>,
    pub runs: Vec<Run>,
    /// The rooms' history at the end, by room, in the order of its positions.
    pub history: BTreeMap<String, Vec<Kept>>,
    /// Errors that were noticed at once.
    pub wrong: Vec<String>,
}

/// A line given to a sender.
#[derive(Debug, Clone)]
pub struct Message {
    pub sender: Member,
    pub run: RunNumber,
    pub target: Target,
    pub text: String,
    pub given: Duration,
    /// The first event of its sender that named it. Without one it may have died in the pipe of a killed sender.
    pub taken: Option<Duration>,
    pub id: Option<String>,
    pub sent: Option<Duration>,
    /// When the sender was told that it is stored, each time.
    pub stored: Vec<Duration>,
    pub delivered: Option<Duration>,
}

/// A run of a member or of the server.
#[derive(Debug, Clone)]
pub struct Run {
    /// `None`: the server.
    pub member: Option<Member>,
    pub started: Duration,
    pub ended: Option<(Duration, End)>,
    /// The times while it was stopped: from, to.
    pub stops: Vec<(Duration, Option<Duration>)>,
    /// It reported its connection.
    pub connected: bool,
    /// It got the user list, which answers a request after its join.
    pub is_in: bool,
    pub prints: Vec<Print>,
    /// What it was told about messages, with their ids, in order.
    pub told: Vec<(Duration, Told, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By the harness.
    Killed,
    /// By itself, as it may: no connection at first, or the nick still in use.
    ByItself(String),
    /// At the end of the round.
    Asked,
}

/// What a sender is told about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Stored,
    Delivered,
}

/// A message of somebody else that a member printed.
#[derive(Debug, Clone)]
pub struct Print {
    pub at: Duration,
    pub number: Number,
    pub late: bool,
    /// From a page.
    pub paged: bool,
}

/// A message of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub nick: String,
    pub text: String,
    pub id: String,
    pub pos: u64,
    pub late: bool,
}

impl Run {
    /// How long it ran from `from` to `to`, without the times while it was stopped.
    pub fn ran(&self, from: Duration, to: Duration) -> Duration {
        let stood: Duration = self
            .stops
            .iter()
            .map(|(begin, end)| {
                let (begin, end) = ((*begin).max(from), end.unwrap_or(to).min(to));
                end.saturating_sub(begin)
            })
            .sum();
        to.saturating_sub(from).saturating_sub(stood)
    }

    pub fn was_killed(&self) -> Option<Duration> {
        match &self.ended {
            Some((at, End::Killed)) => Some(*at),
            _ => None,
        }
    }
}

impl Account {
    /// The runs of a member, in order.
    pub fn runs_of(&self, member: Member) -> impl Iterator<Item = (RunNumber, &Run)> {
        self.runs.iter().enumerate().filter(move |(_, run)| run.member == Some(member))
    }

    /// Whether a run of that member was killed after that time.
    pub fn was_killed_after(&self, member: Member, time: Duration) -> bool {
        self.runs_of(member).any(|(_, run)| run.was_killed().is_some_and(|at| at >= time))
    }

    /// When each member first printed each message.
    pub fn seen(&self) -> HashMap<(Number, Member), Duration> {
        let mut seen = HashMap::new();
        for run in &self.runs {
            for print in &run.prints {
                if let Some(member) = run.member {
                    let first = seen.entry((print.number, member)).or_insert(print.at);
                    *first = (*first).min(print.at);
                }
            }
        }
        seen
    }

    /// The messages of the history, by number.
    pub fn kept(&self) -> BTreeMap<Number, Vec<(&str, &Kept)>> {
        let mut kept: BTreeMap<Number, Vec<(&str, &Kept)>> = BTreeMap::new();
        for (room, messages) in &self.history {
            for message in messages {
                if let Some(number) = self.texts.get(&message.text) {
                    kept.entry(*number).or_default().push((room, message));
                }
            }
        }
        kept
    }

    /// Who must have it: everybody concerned except its sender.
    pub fn audience(&self, message: &Message) -> impl Iterator<Item = Member> {
        let (sender, target) = (message.sender, message.target);
        Member::ALL.into_iter().filter(move |member| *member != sender && target.concerns(*member))
    }

    /// Everything known about a message, for a person to read.
    pub fn story(&self, number: Number) -> String {
        let Some(message) = self.messages.get(&number) else { return format!("{number}: never given\n") };
        let seconds = |time: &Duration| format!("{:.3}", time.as_secs_f64());
        let maybe = |time: &Option<Duration>| time.as_ref().map_or("never".to_owned(), seconds);
        let stored: Vec<String> = message.stored.iter().map(seconds).collect();
        let mut story = format!(
            "{number}: {} to {}, id {}, given at {} to run {}, taken {}, sent {}, stored [{}], delivered {}\n",
            message.sender,
            message.target,
            message.id.as_deref().unwrap_or("unknown"),
            seconds(&message.given),
            message.run,
            maybe(&message.taken),
            maybe(&message.sent),
            stored.join(", "),
            maybe(&message.delivered),
        );
        for (room, messages) in &self.history {
            for kept in messages.iter().filter(|kept| kept.text == message.text) {
                let late = if kept.late { ", late" } else { "" };
                story += &format!("    in the history of #{room} at {}, id {}{late}\n", kept.pos, kept.id);
            }
        }
        for (run_number, run) in self.runs.iter().enumerate() {
            for print in run.prints.iter().filter(|print| print.number == number) {
                let member = run.member.map_or("server", Member::nick);
                let late = if print.late { ", late" } else { "" };
                let from = if print.paged { ", from a page" } else { "" };
                let end = match &run.ended {
                    Some((at, end)) => format!("{end:?} at {}", seconds(at)),
                    None => "runs".to_owned(),
                };
                story += &format!(
                    "    printed by {member} at {}{late}{from} (run {run_number}, {} to: {end})\n",
                    seconds(&print.at),
                    seconds(&run.started)
                );
            }
        }
        story
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_stopped_program_does_not_run() {
        let mut run = Run {
            member: Some(Member::Rex),
            started: seconds(0),
            ended: None,
            stops: vec![(seconds(2), Some(seconds(4))), (seconds(6), None)],
            connected: true,
            is_in: true,
            prints: Vec::new(),
            told: Vec::new(),
        };
        assert_eq!(run.ran(seconds(0), seconds(2)), seconds(2));
        assert_eq!(run.ran(seconds(1), seconds(5)), seconds(2));
        assert_eq!(run.ran(seconds(3), seconds(9)), seconds(2));
        run.ended = Some((seconds(9), End::Killed));
        assert_eq!(run.was_killed(), Some(seconds(9)));
    }
}
