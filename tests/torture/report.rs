//! The report of a round: figures if everything is right, and everything known about what is not.

use crate::account::{Account, Number, Run};
use crate::cast::Member;
use crate::verdict::{Promise, Violation};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::time::Duration;

/// How many messages are described in full.
const STORIES: usize = 20;

/// The figures of a finished round.
pub struct Figures<'a> {
    pub seed: u64,
    pub account: &'a Account,
    pub violations: &'a [Violation],
    pub faults: &'a BTreeMap<String, usize>,
    pub excused: &'a BTreeMap<String, usize>,
    pub took: Duration,
    /// From the end of the last fault until everything was everywhere.
    pub healed: Duration,
    /// Direct messages that the server still keeps: their receipts were lost, or came too late for this round.
    pub waiting: usize,
}

impl Figures<'_> {
    pub fn text(&self) -> String {
        let messages = self.account.messages.values();
        let taken = messages.clone().filter(|message| message.taken.is_some()).count();
        let stored = messages.clone().filter(|message| !message.stored.is_empty()).count();
        let direct = messages.clone().filter(|message| message.delivered.is_some()).count();
        let late = self.account.history.values().flatten().filter(|kept| kept.late).count();
        let broken = |promise| self.violations.iter().filter(|violation| violation.promise == promise).count();
        let doubled = broken(Promise::NothingDoubled) + broken(Promise::ShownOnce);
        let lost = broken(Promise::NothingLost) + broken(Promise::EverybodyHasIt);
        let mut text = String::new();
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        line(format!("seed {}, {:.1} minutes", self.seed, self.took.as_secs_f64() / 60.0));
        line(format!("faults    {}", self.faults.values().sum::<usize>()));
        for (kind, count) in self.faults {
            line(format!("  {count:5} {kind}"));
        }
        line(format!(
            "messages  {} given, {taken} taken, {stored} told stored, {direct} told delivered",
            messages.len()
        ));
        line(format!("lost      {lost}"));
        let (again, oldest) = self.shown_again();
        line(format!(
            "doubled   {doubled}, but {again} shown again after a kill, the oldest from {oldest:.3} s before it"
        ));
        line(format!("disorder  {}, but {late} marked late in history", broken(Promise::InOrder)));
        line(format!("broken    {} promises", self.violations.len()));
        line(format!("runs      {}", self.account.runs.len()));
        for (reason, count) in self.excused {
            line(format!("  {count:5} ended by themselves: {reason}"));
        }
        let stored = self
            .account
            .messages
            .values()
            .filter_map(|message| message.stored.first().map(|stored| stored.saturating_sub(message.given)));
        line(format!("given to told stored: {}", spread(stored.collect())));
        line(format!("given to seen everywhere: {}", spread(self.seen_everywhere())));
        line(format!("{} direct messages still wait for their receipt", self.waiting));
        line(format!("all was well {:.1} s after the last fault", self.healed.as_secs_f64()));
        text
    }

    /// The times from giving a message until everybody concerned has seen it.
    fn seen_everywhere(&self) -> Vec<Duration> {
        let seen = self.account.seen();
        let times = self.account.messages.iter().filter_map(|(number, message)| {
            let mut moments = self.account.audience(message).map(|member| seen.get(&(*number, member)));
            let last = moments.try_fold(Duration::ZERO, |last, moment| moment.map(|moment| last.max(*moment)))?;
            Some(last.saturating_sub(message.given))
        });
        times.collect()
    }

    /// Messages that more than one run of a member showed, and how long before its end the first run did, at most.
    fn shown_again(&self) -> (usize, f64) {
        let (mut count, mut oldest) = (0, Duration::ZERO);
        for member in Member::ALL {
            let mut shown: HashMap<Number, (&Run, Duration)> = HashMap::new();
            for (_, run) in self.account.runs_of(member) {
                for print in &run.prints {
                    if let Some((before, at)) = shown.insert(print.number, (run, print.at)) {
                        count += 1;
                        oldest = oldest.max(before.was_killed().map_or(Duration::ZERO, |end| before.ran(at, end)));
                    }
                }
            }
        }
        (count, oldest.as_secs_f64())
    }

    /// The violations, and the stories of the messages concerned.
    pub fn indictment(&self) -> String {
        let mut text = String::new();
        let mut counts: BTreeMap<Promise, usize> = BTreeMap::new();
        for violation in self.violations {
            *counts.entry(violation.promise).or_default() += 1;
        }
        for (promise, count) in counts {
            let _ = writeln!(text, "{promise:?}: {count}");
        }
        let mut told: BTreeSet<Number> = BTreeSet::new();
        for violation in self.violations {
            let number = violation.number.map_or(String::new(), |number| format!("message {number}: "));
            let _ = writeln!(text, "{:?}: {number}{}", violation.promise, violation.what);
            if let Some(number) = violation.number
                && told.len() < STORIES
                && told.insert(number)
            {
                text += &self.account.story(number);
            }
        }
        text
    }
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let Some(worst) = times.last() else { return "never".to_owned() };
    let of = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64();
    format!("median {:.3} s, 90th {:.1} s, 99th {:.1} s, worst {:.1} s", of(50), of(90), of(99), worst.as_secs_f64())
}
