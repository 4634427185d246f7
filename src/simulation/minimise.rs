//! Reduces a plan that breaks a promise to a small one that still breaks the same promise. Each candidate is run; one that
//! breaks only another promise is rejected.

mod simpler;
#[cfg(test)]
mod tests;

use super::count;
use super::plan::{Plan, PlanStep, What};
use super::verdict::{Promise, Violation};

/// The longest time over which messages are merged into a burst, in milliseconds.
const MERGED_WITHIN: u64 = 10_000;

/// The result of a reduction.
#[derive(Debug)]
pub struct Minimised {
    pub plan: Plan,
    /// Of the reduced plan; empty if the original plan did not break the promise.
    pub violations: Vec<Violation>,
    /// The number of plans that were run.
    pub runs: usize,
}

/// Reduces `plan` as long as it breaks `promise`, with at most `most_runs` runs.
pub fn minimise(
    plan: &Plan,
    promise: Promise,
    most_runs: usize,
    run: impl FnMut(&Plan) -> Vec<Violation>,
) -> Minimised {
    let mut reduction =
        Reduction { plan: plan.clone(), violations: Vec::new(), promise, left: most_runs, runs: 0, run };
    if reduction.attempt(plan.clone()) {
        while reduction.pass() {}
    }
    Minimised { plan: reduction.plan, violations: reduction.violations, runs: reduction.runs }
}

/// The smallest plan so far, and how to run a smaller one.
struct Reduction<R> {
    plan: Plan,
    violations: Vec<Violation>,
    promise: Promise,
    left: usize,
    runs: usize,
    run: R,
}

impl<R: FnMut(&Plan) -> Vec<Violation>> Reduction<R> {
    /// Runs a candidate and adopts it if it breaks the promise.
    fn attempt(&mut self, candidate: Plan) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.runs += 1;
        let violations = (self.run)(&candidate);
        let breaks = violations.iter().any(|violation| violation.promise == self.promise);
        if breaks {
            self.plan = candidate;
            self.violations = violations;
        }
        breaks
    }

    /// Tries every kind of reduction once; returns whether the plan changed.
    fn pass(&mut self) -> bool {
        let before = self.plan.clone();
        self.drop_steps();
        self.drop_cast();
        self.merge_messages();
        self.simplify();
        self.plan != before
    }

    /// Removes steps: first halves, then ever smaller parts, at last single ones.
    fn drop_steps(&mut self) {
        let mut size = self.plan.steps.len().div_ceil(2);
        while size >= 1 {
            // From the end, because what follows the violation is never needed.
            let mut end = self.plan.steps.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut less = self.plan.clone();
                less.steps.drain(start..end);
                self.attempt(less);
                end = start;
            }
            if size == 1 {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    /// Removes clients and rivals together with their steps.
    fn drop_cast(&mut self) {
        for name in self.plan.clients.iter().map(|client| client.name.clone()).collect::<Vec<_>>() {
            let mut less = self.plan.clone();
            less.clients.retain(|client| client.name != name);
            less.steps.retain(|step| !step.what.concerns(&name));
            self.attempt(less);
        }
        for name in self.plan.servers.iter().skip(1).map(|server| server.name.clone()).collect::<Vec<_>>() {
            let mut less = self.plan.clone();
            less.servers.retain(|server| server.name != name);
            less.steps.retain(|step| !step.what.concerns(&name));
            self.attempt(less);
        }
    }

    /// Merges messages of one sender to one target into a burst, which is one line to read instead of dozens.
    fn merge_messages(&mut self) {
        let mut at = 0;
        while at < self.plan.steps.len() {
            if let Some(merged) = merged(&self.plan, at) {
                self.attempt(merged);
            }
            at += 1;
        }
    }

    /// Simplifies broker, cast, times and counts, one by one.
    fn simplify(&mut self) {
        for simpler in simpler::of_the_whole(&self.plan) {
            if let Some(candidate) = simpler(&self.plan) {
                self.attempt(candidate);
            }
        }
        for at in 0..self.plan.steps.len() {
            for simpler in simpler::OF_A_STEP {
                // Halve again as long as it succeeds.
                while let Some(what) = simpler(&self.plan.steps[at].what) {
                    let mut candidate = self.plan.clone();
                    candidate.steps[at].what = what;
                    if !self.attempt(candidate) {
                        break;
                    }
                }
            }
        }
    }
}

/// The plan with the message at `at` and the similar ones that follow as one burst.
fn merged(plan: &Plan, at: usize) -> Option<Plan> {
    let first = &plan.steps[at];
    let like_it = |step: &PlanStep| match (&first.what, &step.what) {
        (What::Say { who, to, .. }, What::Say { who: by, to: other, .. }) => {
            who == by && to == other && (first.at..=first.at + MERGED_WITHIN).contains(&step.at)
        }
        _ => false,
    };
    let count_of = |step: &PlanStep| match &step.what {
        What::Say { count, .. } => *count,
        _ => 0,
    };
    let later = &plan.steps[at + 1..];
    let total = count_of(first) + later.iter().filter(|step| like_it(step)).map(count_of).sum::<u32>();
    if total == count_of(first) {
        return None;
    }
    let mut merged = plan.clone();
    let mut place = 0;
    merged.steps.retain(|step| {
        place += 1;
        place <= at + 1 || !like_it(step)
    });
    if let What::Say { count, .. } = &mut merged.steps[at].what {
        *count = total;
    }
    Some(merged)
}

/// Comment lines for a plan that is kept.
pub fn describe(minimised: &Minimised) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for violation in minimised.violations.iter().take(3) {
        lines.push(format!("Found: {violation}"));
    }
    let messages: u32 = minimised
        .plan
        .steps
        .iter()
        .map(|step| match &step.what {
            What::Say { count, .. } => *count,
            _ => 0,
        })
        .sum();
    lines.push(format!(
        "{}, {}, {}; reduced in {}.",
        count(minimised.plan.events() as u64, "event"),
        count(messages.into(), "message"),
        count(minimised.plan.faults() as u64, "fault"),
        count(minimised.runs as u64, "run")
    ));
    lines
}
