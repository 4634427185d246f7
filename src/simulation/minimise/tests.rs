//! Plans that are said to fail for a known reason: what is left is that reason.

use super::*;
use crate::simulation::broker::manners::Manners;
use crate::simulation::faults;
use crate::simulation::plan::Crash;
use crate::simulation::plan::text::parse;
use Promise::{InOrder, NothingLost};

fn violation(promise: Promise) -> Vec<Violation> {
    vec![Violation { promise, number: None, text: "so the test says".to_owned() }]
}

/// Breaks a promise if `fails` says so.
fn breaks(fails: impl Fn(&Plan) -> bool) -> impl FnMut(&Plan) -> Vec<Violation> {
    move |plan| if fails(plan) { violation(NothingLost) } else { Vec::new() }
}

fn messages(plan: &Plan) -> u32 {
    let count = |step: &PlanStep| match step.what {
        What::Say { count, .. } => count,
        _ => 0,
    };
    plan.steps.iter().map(count).sum()
}

fn crashes(plan: &Plan, name: &str) -> bool {
    plan.steps.iter().any(|step| matches!(&step.what, What::Crash(Crash { who, .. }) if who == name))
}

/// A drawn plan that crashes the server and freezes somebody.
fn rich_plan() -> Plan {
    let is_rich = |plan: &Plan| {
        let freezes = plan.steps.iter().any(|step| matches!(step.what, What::Freeze { .. }));
        crashes(plan, "main") && freezes && plan.clients.len() > 3 && plan.steps.len() > 200
    };
    (0..).map(faults::draw).find(is_rich).unwrap()
}

#[test]
fn only_the_steps_that_matter_are_left() {
    let plan = rich_plan();
    let needs_both = |plan: &Plan| {
        let crash = plan.steps.iter().position(|step| matches!(&step.what, What::Crash(crash) if crash.who == "main"));
        let freeze = plan.steps.iter().position(|step| matches!(step.what, What::Freeze { .. }));
        crash.is_some() && freeze.is_some()
    };
    let minimised = minimise(&plan, NothingLost, 2_000, breaks(needs_both));
    let left = &minimised.plan;
    assert_eq!(left.events(), 2, "{left}");
    assert!(left.clients.len() <= 1, "only who is frozen may be left: {left}");
    assert_eq!(left.broker, Manners::good());
    assert_eq!(left.heal, left.steps[1].at + 1_000);
    assert_eq!(left.end - left.heal, plan.end - plan.heal, "the quiet phase is as long as before");
    assert_eq!(parse(&left.to_string()).as_ref(), Ok(left));
    assert!(minimised.runs < 2_000);
    assert_eq!(minimised.violations, violation(NothingLost));
}

#[test]
fn messages_that_matter_by_their_number_become_a_burst() {
    let plan = rich_plan();
    let enough = messages(&plan) / 10;
    let minimised = minimise(&plan, NothingLost, 5_000, breaks(|plan| messages(plan) >= enough));
    assert!(minimised.plan.events() < 30, "{}", minimised.plan);
    assert!((enough..=2 * enough).contains(&messages(&minimised.plan)));
}

#[test]
fn times_and_counts_are_halved_as_long_as_they_matter_not() {
    let text = "seed 1\nserver main\nclient ann\nat 30000 freeze ann for=8000\nat 30000 say ann lobby times=200\n\
                at 31000 crash main at=before-tell back=20000 times=4 up=50\nat 90000 heal\nat 200000 end\n";
    let long_freeze = |plan: &Plan| {
        crashes(plan, "main")
            && messages(plan) > 40
            && plan.steps.iter().any(|step| matches!(step.what, What::Freeze { time, .. } if time > 3_000))
    };
    let minimised = minimise(&parse(text).unwrap(), NothingLost, 500, breaks(long_freeze));
    let expected = "seed 1\nbroker\nnetwork\nserver main\nclient ann\nat 12000 freeze ann for=4000\n\
                    at 12000 say ann lobby times=50\nat 13000 crash main back=78\nat 14000 heal\nat 124000 end\n";
    assert_eq!(minimised.plan.to_string(), expected);
}

#[test]
fn another_violation_does_not_count() {
    let plan = rich_plan();
    let run = |plan: &Plan| violation(if crashes(plan, "main") { NothingLost } else { InOrder });
    let minimised = minimise(&plan, NothingLost, 2_000, run);
    assert_eq!(minimised.plan.events(), 1);
    assert!(crashes(&minimised.plan, "main"));
}

#[test]
fn a_plan_that_keeps_its_promises_stays_as_it_is() {
    let plan = rich_plan();
    let minimised = minimise(&plan, NothingLost, 100, |_| violation(InOrder));
    assert_eq!((minimised.runs, minimised.violations.len()), (1, 0));
    assert_eq!(minimised.plan, plan);
}

#[test]
fn the_number_of_runs_is_bounded() {
    let plan = rich_plan();
    let mut runs = 0;
    let minimised = minimise(&plan, NothingLost, 5, |_| {
        runs += 1;
        violation(NothingLost)
    });
    assert_eq!((minimised.runs, runs), (5, 5));
    assert!(minimised.plan.events() < plan.events());
}

#[test]
fn a_description_says_what_was_found() {
    let minimised = minimise(&rich_plan(), NothingLost, 2_000, breaks(|plan| crashes(plan, "main")));
    let lines = describe(&minimised);
    assert_eq!(lines[0], "Found: nothing lost: so the test says");
    assert!(lines[1].starts_with("1 event, 0 messages, 1 fault; reduced in "), "{}", lines[1]);
}
