//! Pure: the violations of a round. Each promise is one function, which finds every message that breaks it.

#[cfg(test)]
mod tests;

use crate::account::{Account, Kept, Message, Number, Print, Run, RunNumber};
use crate::cast::{Member, Target};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Messages printed in the last second of a killed receiver may be printed again.
pub const LAST_SECOND: Duration = Duration::from_secs(1);
/// How much later than a simultaneous line of another process the harness may read a line.
const READING: Duration = Duration::from_secs(1);

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    /// The message concerned, if there is one.
    pub number: Option<Number>,
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// Messages that senders were told are stored are in the history; those that outboxes took get there.
    NothingLost,
    /// Once.
    NothingDoubled,
    /// Everybody concerned has it.
    EverybodyHasIt,
    /// Once per run; again only after a kill, if it was printed in the last second.
    ShownOnce,
    /// In the order given to the sender, except for messages marked late.
    InOrder,
    /// Only retransmitted or overtaken messages are marked late.
    LateWithReason,
    /// Nobody has messages for others, and nothing is changed on the way.
    NothingStrange,
    /// The sender is told about everything that is stored.
    SenderIsTold,
    /// No program ends by itself, or prints anything but events.
    NobodyFalls,
}

/// All violations.
pub fn violations(account: &Account) -> Vec<Violation> {
    let mut judge = Judge { account, kept: account.kept(), seen: account.seen(), found: Vec::new() };
    judge.nothing_is_lost();
    judge.nothing_is_doubled();
    judge.everybody_has_it();
    judge.shown_once();
    judge.in_order();
    judge.late_with_reason();
    judge.nothing_strange();
    judge.senders_are_told();
    let fallen = account.wrong.iter().cloned();
    judge.found.extend(fallen.map(|what| Violation { promise: Promise::NobodyFalls, number: None, what }));
    judge.found
}

/// Messages that are not yet where they must be: not everybody has seen them, their sender was not told, or, if a kill
/// excuses that, they were not in the history when it was last read.
pub fn outstanding(account: &Account) -> Vec<Number> {
    let (kept, seen) = (account.kept(), account.seen());
    let is_outstanding = |(number, message): &(&Number, &Message)| {
        let is_kept = kept.contains_key(number) || matches!(message.target, Target::Direct(_));
        let is_told = !message.stored.is_empty() || (is_kept && !must_be_told(account, message));
        let exists = message.taken.is_some() || kept.contains_key(number);
        exists && !(is_told && account.audience(message).all(|member| seen.contains_key(&(**number, member))))
    };
    account.messages.iter().filter(is_outstanding).map(|(number, _)| *number).collect()
}

/// A sender that was killed after it took a message may have recorded that it is stored without living to report it.
fn must_be_told(account: &Account, message: &Message) -> bool {
    message.taken.is_some_and(|taken| !account.was_killed_after(message.sender, taken))
}

struct Judge<'a> {
    account: &'a Account,
    kept: BTreeMap<Number, Vec<(&'a str, &'a Kept)>>,
    seen: HashMap<(Number, Member), Duration>,
    found: Vec<Violation>,
}

impl Judge<'_> {
    fn add(&mut self, promise: Promise, number: Number, what: String) {
        self.found.push(Violation { promise, number: Some(number), what });
    }

    fn nothing_is_lost(&mut self) {
        for (number, message) in &self.account.messages {
            let is_there = match message.target {
                Target::Room(_) => self.kept.contains_key(number),
                // Stored only until it is delivered.
                Target::Direct(to) => self.seen.contains_key(&(*number, to)),
            };
            if is_there {
                continue;
            }
            if !message.stored.is_empty() {
                self.add(Promise::NothingLost, *number, "its sender was told that it is stored, and it is not".into());
            } else if message.taken.is_some() {
                self.add(Promise::NothingLost, *number, "its sender took it, and it came nowhere".into());
            }
        }
        let ids: HashSet<&str> = self.account.messages.values().filter_map(|message| message.id.as_deref()).collect();
        for run in &self.account.runs {
            for (_, told, id) in run.told.iter().filter(|(_, _, id)| !ids.contains(id.as_str())) {
                let what = format!("{:?} was told {told:?} of {id}, which is nobody's", run.member);
                self.found.push(Violation { promise: Promise::NothingLost, number: None, what });
            }
        }
    }

    fn nothing_is_doubled(&mut self) {
        let doubled = self.kept.iter().filter(|(_, places)| places.len() > 1);
        let doubled: Vec<_> = doubled.map(|(number, places)| (*number, places.len())).collect();
        for (number, count) in doubled {
            self.add(Promise::NothingDoubled, number, format!("it is {count} times in history"));
        }
    }

    fn everybody_has_it(&mut self) {
        for (number, message) in &self.account.messages {
            let exists = match message.target {
                Target::Room(_) => self.kept.contains_key(number),
                Target::Direct(_) => message.taken.is_some(),
            };
            let missing = self.account.audience(message).filter(|member| !self.seen.contains_key(&(*number, *member)));
            for member in missing.filter(|_| exists).collect::<Vec<_>>() {
                self.add(Promise::EverybodyHasIt, *number, format!("{member} never saw it"));
            }
            if let (Some(delivered), Target::Direct(to)) = (message.delivered, message.target)
                && self.seen.get(&(*number, to)).is_none_or(|seen| *seen > delivered + READING)
            {
                self.add(Promise::EverybodyHasIt, *number, format!("delivered was told before {to} saw it"));
            }
        }
    }

    fn shown_once(&mut self) {
        for member in Member::ALL {
            let mut shown: HashMap<Number, (RunNumber, &Run, &Print)> = HashMap::new();
            for (run_number, run) in self.account.runs_of(member) {
                for print in &run.prints {
                    let Some((before, its_run, first)) = shown.insert(print.number, (run_number, run, print)) else {
                        continue;
                    };
                    if before == run_number {
                        let what = format!("run {run_number} of {member} showed it twice");
                        self.add(Promise::ShownOnce, print.number, what);
                        continue;
                    }
                    let may_repeat =
                        its_run.was_killed().is_some_and(|killed| its_run.ran(first.at, killed) <= LAST_SECOND);
                    if !may_repeat {
                        let what = format!("{member} was shown it in run {before} and again in run {run_number}");
                        self.add(Promise::ShownOnce, print.number, what);
                    }
                }
            }
        }
    }

    fn in_order(&mut self) {
        for (number, run) in self.account.runs.iter().enumerate() {
            let Some(member) = run.member else { continue };
            let prints = run.prints.iter().filter(|print| !print.late).map(|print| print.number);
            self.increasing(prints, &format!("run {number} of {member} showed it"));
        }
        for (room, messages) in &self.account.history {
            let numbers = messages.iter().filter(|kept| !kept.late);
            let numbers = numbers.filter_map(|kept| self.account.texts.get(&kept.text).copied());
            self.increasing(numbers, &format!("the history of #{room} has it"));
        }
    }

    /// Otherwise the mark would excuse everything. It is unknown which copy of a message arrived live.
    fn late_with_reason(&mut self) {
        for member in Member::ALL {
            let mut newest: HashMap<(Member, Target), Number> = HashMap::new();
            for (run, print) in self.account.runs_of(member).flat_map(|(number, run)| {
                let prints = run.prints.iter();
                prints.map(move |print| (number, print))
            }) {
                let Some(message) = self.account.messages.get(&print.number) else { continue };
                let newest = newest.entry((message.sender, message.target)).or_insert(print.number);
                let places = self.kept.get(&print.number).map_or(&[][..], Vec::as_slice);
                let sent_again = places.iter().any(|(_, kept)| kept.late);
                if print.late && print.paged && !sent_again && *newest <= print.number {
                    let what = format!("run {run} of {member} marked it late without a reason");
                    self.add(Promise::LateWithReason, print.number, what);
                }
                *newest = print.number.max(*newest);
            }
        }
    }

    /// Per sender and target, numbers grow in the order in which they were given.
    fn increasing(&mut self, numbers: impl Iterator<Item = Number>, who: &str) {
        let mut last: HashMap<(Member, Target), Number> = HashMap::new();
        for number in numbers {
            let Some(message) = self.account.messages.get(&number) else { continue };
            let newest = last.entry((message.sender, message.target)).or_insert(number);
            if *newest > number {
                let what = format!("{who} after {newest}, and it is not marked late");
                self.add(Promise::InOrder, number, what);
            }
            *newest = number.max(*newest);
        }
    }

    fn nothing_strange(&mut self) {
        for (number, run) in self.account.runs.iter().enumerate() {
            let Some(member) = run.member else { continue };
            for print in &run.prints {
                let Some(message) = self.account.messages.get(&print.number) else { continue };
                if !message.target.concerns(member) {
                    let what = format!("run {number} of {member} showed it, which is not for it");
                    self.add(Promise::NothingStrange, print.number, what);
                }
            }
        }
        for (room, messages) in &self.account.history {
            for kept in messages {
                let number = self.account.texts.get(&kept.text).copied();
                let message = number.and_then(|number| self.account.messages.get(&number));
                let what = match message {
                    None => format!("the history of #{room} holds a text that nobody was given: {kept:?}"),
                    Some(message) if message.sender.nick() != kept.nick => format!("{} in history", kept.nick),
                    Some(Message { id: Some(id), .. }) if *id != kept.id => format!("{} in history", kept.id),
                    Some(Message { target: Target::Room(meant), .. }) if meant == room => continue,
                    Some(_) => format!("in the history of #{room}"),
                };
                self.found.push(Violation { promise: Promise::NothingStrange, number, what });
            }
            let grows = messages.windows(2).all(|pair| pair[0].pos < pair[1].pos);
            if !grows {
                let what = format!("the positions of #{room} do not grow");
                self.found.push(Violation { promise: Promise::NothingStrange, number: None, what });
            }
        }
    }

    fn senders_are_told(&mut self) {
        for (number, message) in &self.account.messages {
            if message.stored.is_empty() && must_be_told(self.account, message) {
                self.add(Promise::SenderIsTold, *number, "its sender was never told that it is stored".to_owned());
            }
        }
        for run in &self.account.runs {
            let mut heard = HashSet::new();
            for (_, told, id) in run.told.iter().filter(|(_, told, id)| !heard.insert((*told as u8, id))) {
                let what = format!("a run of {:?} was told {told:?} of {id} twice", run.member);
                self.found.push(Violation { promise: Promise::SenderIsTold, number: None, what });
            }
        }
    }
}
