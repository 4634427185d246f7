//! The text form: what was printed reads back, and what is wrong is told with its line.

use super::text::parse;
use super::*;
use crate::simulation::broker::Recovery;
use crate::simulation::broker::manners::Speaks;
use crate::simulation::faults;
use proptest::prelude::*;

const STAGE: &str = "seed 1\nserver main\nclient ann\nclient bob\n";

#[track_caller]
fn check_step(line: &str, expected: What) {
    let plan = parse(&format!("{STAGE}at 5 {line}\nat 10 heal\nat 20 end\n")).unwrap();
    assert_eq!(plan.steps, [PlanStep { at: 5, what: expected }]);
    assert_eq!(plan.steps[0].to_string(), format!("at 5 {line}"));
}

#[track_caller]
fn check_wrong(text: &str, part: &str) {
    let trouble = parse(text).unwrap_err();
    assert!(trouble.contains(part), "{trouble}");
}

fn who(name: &str) -> Name {
    name.to_owned()
}

#[test]
fn a_plan_that_people_wrote() {
    let text = "\
# Found: nobody asked again.
#
# Twice.
seed 7

broker queue=10 speaks=refuses-5:132 nodes=3 reorders-topics=yes
network least=2000 most=40000 keep-alive=5
server main timeout=20
server other memory=yes starts=no
client ann rooms=red,blue
client bob nick=Ann kind=json memory=no outbox=no history=no
at 20200 crash main at=before-tell back=500
at 20000 freeze bob for=6000
at 30000 heal
at 90000 end
";
    let plan = parse(text).unwrap();
    assert_eq!(plan.notes, ["Found: nobody asked again.", "", "Twice."]);
    assert_eq!((plan.seed, plan.heal, plan.end), (7, 30_000, 90_000));
    assert_eq!((plan.broker.queue, plan.broker.speaks, plan.broker.cluster.nodes), (10, Speaks::Refuses5(132), 3));
    assert_eq!((plan.latency, plan.keep_alive_s), (Latency { least: 2_000, most: 40_000, hiccups: 2 }, 5));
    assert_eq!(plan.server("main").unwrap().timeout_s, 20);
    assert!(plan.server("other").is_some_and(|server| server.memory && !server.starts));
    assert_eq!(plan.client("ann").unwrap().rooms, ["red", "blue"]);
    let bob = plan.client("bob").unwrap();
    assert_eq!((bob.nick.as_str(), bob.kind, bob.memory, bob.history), ("Ann", ClientKind::Json, false, false));
    let times: Vec<Ms> = plan.steps.iter().map(|step| step.at).collect();
    assert_eq!(times, [20_000, 20_200], "the steps are in order");
    assert_eq!(parse(&plan.to_string()).unwrap(), plan);
}

#[test]
fn every_step_has_a_line() {
    let room = || "red".to_owned();
    check_step("say ann red", What::Say { who: who("ann"), to: SaidTo::Room(room()), count: 1 });
    check_step("tell ann bob times=217", What::Say { who: who("ann"), to: SaidTo::Client(who("bob")), count: 217 });
    check_step("nick ann Anna", What::Nick { who: who("ann"), nick: "Anna".to_owned() });
    check_step("join ann red", What::Join { who: who("ann"), room: room() });
    check_step("part ann red", What::Part { who: who("ann"), room: room() });
    check_step("page ann red", What::Page { who: who("ann"), room: room() });
    check_step("search ann word", What::Search { who: who("ann"), word: "word".to_owned() });
    check_step("quit ann", What::Quit { who: who("ann"), back: None });
    check_step("quit main back=300", What::Quit { who: who("main"), back: Some(300) });
    check_step("start ann rooms=red,blue", What::Start { who: who("ann"), rooms: vec![room(), "blue".to_owned()] });
    let crash = Crash { point: Some(CrashPoint::BeforeReceipt), back: None, ..Crash::of("ann") };
    check_step("crash ann at=before-receipt", What::Crash(crash));
    let crash = Crash { power: true, back: Some(40), times: 3, up: 200, rooms: vec![room()], ..Crash::of("ann") };
    check_step("power-loss ann back=40 times=3 up=200 rooms=red", What::Crash(crash));
    check_step("broker-saves", What::Save);
    check_step("broker-crash keeps=saved back=70", What::BrokerCrash { keeps: Recovery::Saved, back: 70 });
    check_step("freeze broker for=6", What::Freeze { who: who(BROKER), time: 6 });
    check_step("clock bob by=-3600", What::Clock { who: who("bob"), by_s: -3600 });
    check_step("disk main slow for=9", What::Disk { who: who("main"), trouble: DiskTrouble::Slow, time: 9 });
    check_step("screen bob for=9", What::Screen { who: who("bob"), time: 9 });
    check_step("cut bob", What::Cut { who: who("bob") });
    check_step("block bob in for=9", What::Block { who: who("bob"), direction: Direction::In, time: 9 });
    check_step("half-open bob known-to=program", What::HalfOpen { who: who("bob"), known_to: Knowing::Program });
    check_step("delay bob for=9 by=400", What::Delay { who: who("bob"), by: 400, time: 9 });
    check_step("lose bob for=9 percent=50", What::Lose { who: who("bob"), percent: 50, time: 9 });
    check_step("will bob", What::Will { who: who("bob"), late: None });
    check_step("will bob late=3000", What::Will { who: who("bob"), late: Some(3_000) });
    check_step("takeover bob", What::Takeover { who: who("bob") });
    check_step("stray wrong-sender", What::Stray(Stray::WrongSender));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    check_wrong("seed 1\nfly\n", "line 2: a line cannot begin with \"fly\"");
    check_wrong("seed x\n", "line 1: \"x\" does not belong there");
    check_wrong("seed 1 2\n", "\"2\" does not belong there");
    check_wrong("seed\n", "something is missing");
    check_wrong("at 5\n", "something is missing");
    check_wrong("at 5 fly ann\n", "no step \"fly\"");
    check_wrong("broker wings=2\n", "\"wings=2\" does not belong there");
    check_wrong("broker queue=many\n", "queue cannot be \"many\"");
    check_wrong("broker queue=1 queue=2\n", "queue is given twice");
    check_wrong("broker speaks=3\n", "speaks cannot be");
    check_wrong(STAGE, "a plan has a line `at MS heal`");
    check_wrong(&format!("{STAGE}at 9 heal\nat 5 end\n"), "a plan has a line `at MS heal`");
    check_wrong(&format!("{STAGE}client ann\nat 5 heal\nat 9 end\n"), "two called \"ann\"");
    check_wrong(&format!("{STAGE}at 1 cut eve\nat 5 heal\nat 9 end\n"), "nobody is called \"eve\"");
}

/// Each was ignored, or made a run panic, take all memory or never end.
#[test]
fn what_no_run_can_carry_out_is_refused() {
    let with = |lines: &str| format!("{STAGE}{lines}\nat 5 heal\nat 9 end\n");
    check_wrong(&format!("{STAGE}at 5 heal\nat 86400001 end\n"), "at most 86400000 milliseconds");
    check_wrong(&with("at 1 say ann lobby times=50000\nat 1 tell bob ann times=50001"), "at most 100000 messages");
    check_wrong(&with("at 1 clock ann by=-9223372036854775808\nat 2 clock bob by=-9"), "in the jumps of its clocks");
    check_wrong(&with("broker nodes=4000000000"), "at most 100 nodes of the broker");
    let clients: String = (0..98).map(|number| format!("client c{number}\n")).collect();
    check_wrong(&with(&clients), "at most 100 participants");
    check_wrong(&with("client eve nick=a/b"), "client eve: nick \"a/b\"");
    check_wrong(&with("client eve rooms=red,b+d"), "client eve: room \"b+d\"");
    check_wrong(&with("at 3 nick ann server"), "at 3: nick \"server\"");
    check_wrong(&with("at 3 say ann a/b"), "at 3: room \"a/b\"");
    check_wrong(&with("at 3 start ann rooms=red,#"), "at 3: room \"#\"");
    assert!(parse(&with("at 1 say ann lobby times=100000\nat 1 clock ann by=3153600000")).is_ok());
}

#[test]
fn each_crash_counts_as_a_fault() {
    let mut plan = parse(&format!("{STAGE}at 5 heal\nat 9 end\n")).unwrap();
    plan.push(1, What::Crash(Crash { times: 4, ..Crash::of("main") }));
    plan.push(1, What::Cut { who: who("ann") });
    plan.push(2, What::Say { who: who("ann"), to: SaidTo::Room("lobby".to_owned()), count: 60 });
    assert_eq!((plan.faults(), plan.events()), (5, 3));
}

/// Each says what it once found.
#[test]
fn all_kept_plans_can_be_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 5, "the plans were found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let plan = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(plan.notes.first().is_some_and(|note| note.starts_with("Found: ")), "{}", file.display());
        assert_eq!(parse(&plan.to_string()), Ok(plan));
    }
}

proptest! {
    #[test]
    fn what_was_printed_reads_back(seed: u64, note in "[a-z]{1,9}( [a-z,.=#]{1,9}){0,4}") {
        let mut plan = faults::draw(seed);
        plan.notes.push(note);
        let text = plan.to_string();
        prop_assert_eq!(parse(&text), Ok(plan), "{}", text);
    }
}
