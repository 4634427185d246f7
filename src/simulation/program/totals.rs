//! The totals of many runs, and their speed.

use crate::simulation::plan::Plan;
use crate::simulation::verdict::{Promise, Violation};
use crate::simulation::{RunOutcome, count, reach};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The most seeds that are listed for a promise.
const NAMED: usize = 10;

/// Of as many plans everything should be reached by one in a hundred.
const ENOUGH: u64 = 500;

#[derive(Debug, Default)]
pub struct Totals {
    plans: u64,
    faults: u64,
    messages: u64,
    events: u64,
    virtual_time: Duration,
    /// How many plans reached something.
    reached: BTreeMap<&'static str, u64>,
    /// Seeds by the promise that they broke.
    broken: BTreeMap<Promise, Vec<u64>>,
}

impl Totals {
    pub fn add(&mut self, seed: u64, plan: &Plan, outcome: &RunOutcome, violations: &[Violation]) {
        self.plans += 1;
        for what in reach::of_run(plan, &outcome.ledger) {
            *self.reached.entry(what).or_default() += 1;
        }
        self.faults += outcome.faults;
        self.messages += outcome.messages;
        self.events += outcome.events;
        self.virtual_time += outcome.virtual_time;
        for violation in violations {
            let seeds = self.broken.entry(violation.promise).or_default();
            if seeds.last() != Some(&seed) {
                seeds.push(seed);
            }
        }
    }

    pub fn is_clean(&self) -> bool {
        self.broken.is_empty()
    }

    /// `calibration`: the speed of the calibration loop, in millions of steps per second.
    pub fn report(&self, real: Duration, calibration: f64) -> String {
        let seconds = real.as_secs_f64().max(1e-9);
        let per_second = |count: u64| count as f64 / seconds;
        let mut report = String::new();
        let mut line = |text: String| _ = writeln!(report, "{text}");
        line(format!(
            "{}, {}, {}, {}, {} in {seconds:.1} s",
            count(self.plans, "plan"),
            count(self.faults, "fault"),
            count(self.messages, "message"),
            count(self.events, "event"),
            virtual_time(self.virtual_time)
        ));
        line(format!(
            "per second: {:.0} faults, {:.0} messages, {:.0} events, {:.0} virtual s; calibration: {calibration:.0} M/s",
            per_second(self.faults),
            per_second(self.messages),
            per_second(self.events),
            self.virtual_time.as_secs_f64() / seconds
        ));
        // Of fewer plans it says nothing.
        if self.plans >= ENOUGH {
            let reached = |what: &&str| self.reached.get(*what).copied().unwrap_or_default();
            for what in reach::ALL.iter().filter(|what| reached(what) * 100 < self.plans) {
                line(format!("hardly tested: {what}, in {}", count(reached(what), "plan")));
            }
        }
        for (promise, seeds) in &self.broken {
            let named: Vec<String> = seeds.iter().take(NAMED).map(u64::to_string).collect();
            line(format!("{promise}: broken by {}: {}", count(seeds.len() as u64, "seed"), named.join(", ")));
        }
        if self.is_clean() {
            line("no promise was broken".to_owned());
        }
        report
    }
}

fn virtual_time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0..60 => format!("{seconds:.1} virtual seconds"),
        60..3_600 => format!("{:.1} virtual minutes", seconds / 60.0),
        _ => format!("{:.1} virtual hours", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_speed() {
        let mut totals = Totals::default();
        let plan = crate::simulation::faults::draw(1);
        let outcome = RunOutcome {
            faults: 50,
            messages: 300,
            events: 9_000,
            virtual_time: Duration::from_secs(1_800),
            ..RunOutcome::default()
        };
        let half_a_second = Duration::from_millis(500);
        let broken = |promise| Violation { promise, number: None, text: String::new() };
        totals.add(1, &plan, &outcome, &[]);
        assert!(totals.is_clean());
        let expected = "\
1 plan, 50 faults, 300 messages, 9000 events, 30.0 virtual minutes in 0.5 s
per second: 100 faults, 600 messages, 18000 events, 3600 virtual s; calibration: 700 M/s
no promise was broken
";
        assert_eq!(totals.report(half_a_second, 700.0), expected);
        totals.add(
            2,
            &plan,
            &outcome,
            &[broken(Promise::InOrder), broken(Promise::InOrder), broken(Promise::NothingLost)],
        );
        totals.add(3, &plan, &outcome, &[broken(Promise::InOrder)]);
        assert!(!totals.is_clean());
        let expected = "\
3 plans, 150 faults, 900 messages, 27000 events, 1.5 virtual hours in 0.5 s
per second: 300 faults, 1800 messages, 54000 events, 10800 virtual s; calibration: 700 M/s
nothing lost: broken by 1 seed: 2
in order: broken by 2 seeds: 2, 3
";
        assert_eq!(totals.report(half_a_second, 700.0), expected);
        assert_eq!(virtual_time(Duration::from_millis(1_500)), "1.5 virtual seconds");
    }
}
