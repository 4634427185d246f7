//! Tasks with fake runners.

use super::*;
use crate::simulation::ledger::{Fact, Party};

fn empty(_: &Plan, _: bool) -> Result<RunOutcome, String> {
    Ok(RunOutcome { hash: 7, ..RunOutcome::default() })
}

/// A client shows an unknown message if the plan has faults.
fn strange(plan: &Plan, _: bool) -> Result<RunOutcome, String> {
    let mut outcome = RunOutcome::default();
    if plan.faults() > 0 {
        let run = outcome.ledger.run_started(Duration::ZERO, Party::Client(0));
        outcome.ledger.note(Duration::ZERO, Fact::ShownStrange { run, text: "boo".to_owned() });
    }
    Ok(outcome)
}

fn panicking(_: &Plan, _: bool) -> Result<RunOutcome, String> {
    panic!("for a test")
}

fn unconnected(_: &Plan, _: bool) -> Result<RunOutcome, String> {
    Err("not connected".to_owned())
}

#[test]
fn a_task_succeeds_if_no_promise_is_broken() {
    assert_eq!(carry_out(Task::Seeds { from: 1, count: 3 }, false, empty), Ok(true));
    assert_eq!(carry_out(Task::Seeds { from: 1, count: 3 }, false, strange), Ok(false));
    assert_eq!(carry_out(Task::Same(1), false, empty), Ok(true));
}

#[test]
fn a_reduction_needs_a_broken_promise() {
    let reduce = |promise, runner: Runner| carry_out(Task::Minimise(Source::Seed(1), promise), false, runner);
    assert_eq!(reduce(None, strange), Ok(true));
    assert_eq!(reduce(None, empty), Err("the plan breaks no promise: there is nothing to reduce".to_owned()));
    let told = "the plan does not break \"in order\": there is nothing to reduce";
    assert_eq!(reduce(Some(Promise::InOrder), strange), Err(told.to_owned()));
}

#[test]
fn a_hunt_stops_at_the_promise_that_it_looks_for() {
    let hunt = |promises: &str, runner: Runner| {
        let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans/missed-server.plan").to_owned();
        carry_out(Task::Hunt(hunt::Prey::parse(60, promises, &[plan]).unwrap()), false, runner)
    };
    assert_eq!(hunt("any", empty), Ok(true));
    assert_eq!(hunt("any", strange), Ok(false));
    assert_eq!(hunt("in order, nothing strange", strange), Ok(false));
    assert_eq!(hunt("in order", strange), Ok(true));
}

#[test]
fn what_cannot_be_done_is_an_error() {
    assert_eq!(carry_out(Task::Same(1), false, unconnected), Err("not connected".to_owned()));
    let missing = carry_out(Task::Plans(vec!["no/such.plan".to_owned()]), false, empty);
    assert!(missing.is_err_and(|error| error.starts_with("no/such.plan: ")));
}

#[test]
fn who_panics_has_fallen() {
    let (_, violations) = execute(&faults::draw(1), false, panicking).unwrap();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].to_string(), "nobody falls: it panicked: for a test");
}
