//! The simulation: the plans that were kept, and new seeds. A seed that breaks a promise is repeated by
//! `make simulate SEED=…`, and `simulate minimise` (see CONTRIBUTING.md) makes a plan for `tests/plans` of it.

use mqttchat::simulation::plan::Plan;
use mqttchat::simulation::{faults, plan::text, run_plan, violations};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

const NEW_SEEDS: u64 = 100;

#[test]
fn kept_plans_break_no_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let files = fs::read_dir(folder).expect("the folder of plans").map(|entry| entry.expect("a file").path());
    let mut broken = Vec::new();
    for file in files {
        let plan = text::parse(&fs::read_to_string(&file).expect("a text")).expect("a plan");
        broken.extend(broken_by(&file.display().to_string(), &plan));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn new_seeds_break_no_promise() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let first = now.as_millis() as u64 % 1_000_000_000;
    let next = AtomicU64::new(first);
    // Each takes the next seed as soon as it is through with one.
    let work = || {
        let mut broken = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + NEW_SEEDS {
                return broken;
            }
            broken.extend(broken_by(&format!("seed {seed}"), &faults::draw(seed)));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let broken: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a panic is a violation")).collect()
    });
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 2, 3] {
        let hash = || run_plan(&faults::draw(seed), false).expect("a run").hash;
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_an_error() {
    let argument = OsStr::from_bytes(b"a\xff");
    let output = Command::new(env!("CARGO_BIN_EXE_simulate")).args([OsStr::new("plan"), argument]).output();
    let output = output.expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), errors.as_ref()),
        (Some(1), "simulate: a\u{fffd}: No such file or directory (os error 2)\n")
    );
}

/// The violations, with the name of the plan before each.
fn broken_by(name: &str, plan: &Plan) -> Vec<String> {
    let violations = violations(plan).expect("a run");
    violations.iter().map(|violation| format!("{name}: {violation}")).collect()
}
