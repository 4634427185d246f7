//! The program `simulate`: runs plans from seeds or files, prints their violations, and reduces plans that have some.

mod arguments;
mod hunt;
#[cfg(test)]
mod tests;
mod totals;

use super::faults;
use super::minimise::{describe, minimise};
use super::plan::Plan;
use super::plan::text::parse;
use super::verdict::{Promise, Violation, judge};
use super::{RunOutcome, count, rng::Rng};
use crate::random::Random;
use arguments::{Source, Task};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use totals::Totals;

/// Carries a plan out.
pub type Runner = fn(&Plan, bool) -> Result<RunOutcome, String>;

/// The most runs of a reduction.
const MOST_RUNS: usize = 3_000;
/// How many violations of a run are printed.
const TOLD: usize = 5;
/// Steps of the calibration loop.
const CALIBRATION: u64 = 20_000_000;

const USAGE: &str = "\
usage: simulate                       new seeds, for MINUTES (1), or the one seed SEED
       simulate seeds FROM COUNT      these seeds
       simulate plan FILE...          plans that were kept
       simulate minimise SEED|FILE [PROMISE]
                                      print a small plan that breaks the same promise
       simulate same SEED             run it twice: both must be equal
       simulate show SEED             print its plan
       simulate prove [NAME...]       put each bug of tests/mutants in, and find it
       simulate hunt SECONDS PROMISES [FILE...]
                                      look in these plans, or else in the seeds from 1, for the first that
                                      breaks one of these promises; 'any' is all, 'shown once, in order' two
TRACE=1 prints everything that happens, to standard output; violations go to standard error.";

/// Does what the arguments and the environment ask for.
pub fn run(runner: Runner) -> ExitCode {
    // `args` panics at an argument that is not UTF-8.
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let task = match arguments::task(&arguments, environment) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("simulate: {error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let trace = environment("TRACE").is_some_and(|value| value != "0");
    match carry_out(task, trace, runner) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("simulate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether the task succeeded: all promises were kept, or a plan was reduced.
fn carry_out(task: Task, trace: bool, runner: Runner) -> Result<bool, String> {
    match task {
        Task::New { minutes } => {
            let mut rng = Rng::new(u64::from(Random::of_the_system().number()));
            let (begun, time) = (Instant::now(), Duration::from_secs(minutes.saturating_mul(60)));
            // Short seeds are easier to type.
            let seeds = std::iter::from_fn(|| (begun.elapsed() < time).then(|| rng.below(1_000_000_000)));
            all(seeds, trace, runner)
        }
        Task::Seeds { from, count } => all(from..from.saturating_add(count), trace, runner),
        Task::Plans(files) => {
            let mut kept = true;
            for file in files {
                let (_, violations) = execute(&read(&file)?, trace, runner)?;
                tell(&file, &violations);
                kept &= violations.is_empty();
            }
            Ok(kept)
        }
        Task::Minimise(source, promise) => reduce(&plan_of(&source)?, promise, runner),
        Task::Same(seed) => {
            let plan = faults::draw(seed);
            let (first, second) = (execute(&plan, trace, runner)?.0, execute(&plan, false, runner)?.0);
            println!("{:016x} {:016x}", first.hash, second.hash);
            Ok(first.hash == second.hash)
        }
        Task::Show(seed) => {
            print!("{}", faults::draw(seed));
            Ok(true)
        }
        Task::Hunt(prey) => hunt::hunt(&prey, runner),
        Task::Prove(names) => super::proof::prove(&names),
    }
}

fn all(seeds: impl Iterator<Item = u64>, trace: bool, runner: Runner) -> Result<bool, String> {
    let begun = Instant::now();
    let mut totals = Totals::default();
    for seed in seeds {
        let plan = faults::draw(seed);
        let (outcome, violations) = execute(&plan, trace, runner)?;
        if !violations.is_empty() {
            tell(&format!("seed {seed}"), &violations);
            let program = std::env::args_os().next().unwrap_or_default();
            eprintln!("    to reduce it: {} minimise {seed}", program.display());
        }
        totals.add(seed, &plan, &outcome, &violations);
    }
    // Whoever looks at the beginning of a trace has stopped reading.
    let _ = io::stdout().write_all(totals.report(begun.elapsed(), calibrate()).as_bytes());
    Ok(totals.is_clean())
}

/// Carries a plan out and judges it. A panic is a violation.
pub fn execute(plan: &Plan, trace: bool, runner: Runner) -> Result<(RunOutcome, Vec<Violation>), String> {
    match catch_unwind(AssertUnwindSafe(|| runner(plan, trace))) {
        Ok(Ok(outcome)) => {
            let violations = judge(plan, &outcome.ledger);
            Ok((outcome, violations))
        }
        Ok(Err(error)) => Err(error),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
            let text = format!("it panicked: {text}");
            Ok((RunOutcome::default(), vec![Violation { promise: Promise::NobodyFalls, number: None, text }]))
        }
    }
}

fn reduce(plan: &Plan, promise: Option<Promise>, runner: Runner) -> Result<bool, String> {
    let (_, violations) = execute(plan, false, runner)?;
    let is_meant = |violation: &&Violation| promise.is_none_or(|promise| violation.promise == promise);
    let Some(first) = violations.iter().find(is_meant) else {
        let broken = promise
            .map_or("breaks no promise".to_owned(), |promise| format!("does not break {:?}", promise.to_string()));
        return Err(format!("the plan {broken}: there is nothing to reduce"));
    };
    tell("before", &violations);
    let run = |plan: &Plan| execute(plan, false, runner).map_or(Vec::new(), |(_, violations)| violations);
    let minimised = minimise(plan, first.promise, MOST_RUNS, run);
    let notes = describe(&minimised).into_iter().chain(plan.notes.iter().cloned()).collect();
    let reduced = Plan { notes, ..minimised.plan };
    // Whoever looks at the beginning of it has stopped reading.
    let _ = io::stdout().write_all(reduced.to_string().as_bytes());
    Ok(true)
}

fn plan_of(source: &Source) -> Result<Plan, String> {
    match source {
        Source::Seed(seed) => Ok(faults::draw(*seed)),
        Source::File(file) => read(file),
    }
}

fn read(file: &str) -> Result<Plan, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    parse(&text).map_err(|error| format!("{file}: {error}"))
}

/// Prints to standard error; standard output is for traces, reduced plans and figures.
fn tell(what: &str, violations: &[Violation]) {
    eprintln!("{what}: {}", count(violations.len() as u64, "violation"));
    for violation in violations.iter().take(TOLD) {
        eprintln!("    {violation}");
    }
}

/// Millions of steps per second of a loop that needs only the processor: machines are compared by it.
fn calibrate() -> f64 {
    let begun = Instant::now();
    let mut rng = Rng::new(1);
    let sum = (0..CALIBRATION).fold(0, |sum: u64, _| sum ^ rng.draw());
    std::hint::black_box(sum);
    CALIBRATION as f64 / 1e6 / begun.elapsed().as_secs_f64()
}
