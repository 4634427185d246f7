//! Looks for a run that breaks certain promises, and stops at the first.

use super::{Runner, execute, read};
use crate::simulation::plan::Plan;
use crate::simulation::verdict::{Promise, Violation};
use crate::simulation::{count, faults};
use std::time::{Duration, Instant};

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prey {
    pub seconds: u64,
    /// Empty: any.
    pub promises: Vec<Promise>,
    /// Without files, the seeds from 1 are run.
    pub files: Vec<String>,
}

impl Prey {
    /// `promises`: `any`, or names with commas between them.
    pub fn parse(seconds: u64, promises: &str, files: &[String]) -> Result<Prey, String> {
        let named = |name: &str| Promise::parse(name).ok_or_else(|| format!("unknown promise {name:?}"));
        let promises = match promises {
            "any" => Vec::new(),
            names => names.split(", ").map(named).collect::<Result<_, _>>()?,
        };
        Ok(Prey { seconds, promises, files: files.to_vec() })
    }

    fn matches(&self, violation: &Violation) -> bool {
        self.promises.is_empty() || self.promises.contains(&violation.promise)
    }
}

/// Prints where it was found, if it was; returns whether it was not.
pub fn hunt(prey: &Prey, runner: Runner) -> Result<bool, String> {
    let begun = Instant::now();
    let mut runs = 0;
    let mut look = |name: &str, plan: &Plan| -> Result<bool, String> {
        let (_, violations) = execute(plan, false, runner)?;
        runs += 1;
        let found = violations.iter().find(|violation| prey.matches(violation));
        if let Some(violation) = found {
            println!("{:.1} s, {name}: {violation}", begun.elapsed().as_secs_f64());
        } else if !violations.is_empty() {
            println!("not asked for, {name}: {}", violations[0]);
        }
        Ok(found.is_some())
    };
    for file in &prey.files {
        let name = file.rsplit('/').next().unwrap_or(file);
        if look(name, &read(file)?)? {
            return Ok(false);
        }
    }
    let is_over = || !prey.files.is_empty() || begun.elapsed() >= Duration::from_secs(prey.seconds);
    // Always the same seeds: whether a bug is found is no matter of luck.
    for seed in (1..).take_while(|_| !is_over()) {
        if look(&format!("seed {seed}"), &faults::draw(seed))? {
            return Ok(false);
        }
    }
    println!("not found in {} and {:.1} s", count(runs, "run"), begun.elapsed().as_secs_f64());
    Ok(true)
}
