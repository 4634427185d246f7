//! Tests of the user's nick: questions, changes and greetings.

use super::*;
use crate::client::core::conversation::Output;
use crate::client::core::conversation::tests::deadlines::pass;
use crate::client::core::news::News;
use crate::now::an_instant;

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

/// Alice at a terminal.
struct Stage {
    naming: Naming,
    now: Instant,
    is_connected: bool,
    under_way: usize,
    out: Outputs,
}

impl Stage {
    fn new(under_way: usize) -> Stage {
        let session = Session::from_random([7; 12]);
        let (naming, out) = (Naming::new(nick("Alice"), session), Outputs::new(true));
        Stage { naming, now: an_instant(), is_connected: true, under_way, out }
    }

    fn change(&mut self, to: &str) {
        self.naming.change(self.now, nick(to), false, &mut self.out);
    }

    /// Checks which nicks are taken while time passes, and after how many milliseconds.
    #[track_caller]
    fn check_taken(&mut self, milliseconds: u64, expected: &[(u64, &str)]) {
        let Stage { naming, now, is_connected, under_way, out } = self;
        let taken = pass(now, milliseconds, |now| {
            let taken = naming.take_change(now, *is_connected, || *under_way, out);
            taken.iter().for_each(|nick| naming.is_now(nick.clone()));
            (taken.into_iter().map(|nick| nick.to_string()).collect(), naming.due())
        });
        let taken: Vec<_> = taken.iter().map(|(after, nick)| (*after, nick.as_str())).collect();
        assert_eq!(taken, expected);
    }

    #[track_caller]
    fn check_told(&mut self, expected: &[&str]) {
        let told = self.out.take().into_iter().map(|output| match output {
            Output::Tell(News::Hint(text) | News::Answer(text) | News::Error(text), _) => text,
            other => panic!("{other:?}"),
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_change_waits_for_messages_under_way_for_5_s() {
    let mut stage = Stage::new(0);
    stage.change("bob");
    assert!(stage.naming.is_changing());
    stage.check_taken(0, &[(0, "bob")]);
    assert!(!stage.naming.is_changing());
    stage.under_way = 2;
    stage.change("carl");
    stage.check_taken(4_999, &[]);
    stage.under_way = 0;
    stage.check_taken(0, &[(0, "carl")]);
    stage.check_told(&[]);
    stage.under_way = 2;
    stage.change("dora");
    stage.check_taken(60_000, &[(5_000, "dora")]);
    stage.check_told(&["2 messages not confirmed as carl: sent again as dora"]);
}

#[test]
fn without_a_connection_it_waits_for_nothing() {
    let mut stage = Stage::new(1);
    stage.change("bob");
    stage.check_taken(1_000, &[]);
    stage.is_connected = false;
    stage.check_taken(0, &[(0, "bob")]);
    stage.check_told(&[
        "1 message not confirmed as Alice: sent again as bob",
        "you will be bob as soon as there is a connection",
    ]);
}

#[test]
fn the_last_wish_counts() {
    let mut stage = Stage::new(1);
    stage.change("Alice");
    stage.check_told(&["you are Alice already"]);
    stage.change("bob");
    stage.check_taken(3_000, &[]);
    stage.change("carl");
    stage.check_taken(4_000, &[]);
    stage.change("Alice");
    stage.check_told(&["you stay Alice"]);
    stage.check_taken(60_000, &[]);
    // Another spelling is another nick to show.
    stage.under_way = 0;
    stage.change("ALICE");
    stage.check_taken(0, &[(0, "ALICE")]);
}

#[test]
fn a_nick_that_was_chosen_meanwhile_replaces_what_waits() {
    let mut stage = Stage::new(1);
    stage.change("bob");
    // Another server has come, and does not let Alice in.
    stage.naming.ask(None, &mut stage.out);
    let chosen = stage.naming.choose("carl", &mut stage.out).unwrap();
    stage.naming.is_now(chosen);
    stage.check_taken(60_000, &[]);
    assert_eq!((stage.naming.nick().as_str(), stage.naming.is_choosing()), ("carl", false));
}

#[test]
fn the_question_for_another_nick_stays_until_there_is_one() {
    let (mut stage, lobby) = (Stage::new(0), RoomName::lobby());
    assert_eq!(stage.naming.prompt(&lobby), "#lobby> ");
    stage.naming.ask(Some(60), &mut stage.out);
    stage.check_told(&[
        "the nick Alice is in use: which other one will you take? (if it was you, it is free within 60 s)",
    ]);
    for (typed, told) in
        [("", &[][..]), ("a b", &["not a nick: a name cannot contain a blank; choose letters, digits, - and _"])]
    {
        assert_eq!(stage.naming.choose(typed, &mut stage.out), None);
        stage.check_told(told);
        assert_eq!(stage.naming.prompt(&lobby), "another nick: ");
    }
    assert_eq!(stage.naming.choose("Bob", &mut stage.out), Some(nick("Bob")));
    assert!(stage.naming.is_choosing(), "not known as that yet");
    stage.naming.is_now(nick("Bob"));
    assert_eq!(stage.naming.prompt(&lobby), "#lobby> ");
}

#[test]
fn each_nick_is_greeted_once() {
    let (mut stage, lobby) = (Stage::new(0), RoomName::lobby());
    for _ in 0..2 {
        stage.naming.greet(&lobby, &mut stage.out);
    }
    stage.check_told(&["you are Alice and talk in #lobby; /help lists the commands"]);
    stage.naming.is_now(nick("bob"));
    stage.naming.ask(Some(60), &mut stage.out);
    stage.check_told(&[
        "the nick bob is in use: which other one will you take? (if it was you, it is free within 60 s)",
    ]);
    stage.naming.is_now(nick("carl"));
    for _ in 0..2 {
        stage.naming.greet(&lobby, &mut stage.out);
    }
    stage.check_told(&["you are carl now"]);
    let (mut naming, mut out) = (Naming::new(nick("Alice"), Session::from_random([7; 12])), Outputs::new(false));
    naming.greet(&lobby, &mut out);
    assert_eq!(out.take(), [], "a program knows");
}

/// Checks to which nick the user goes back if the current one is refused.
#[track_caller]
fn check_before(stage: &Stage, expected: Option<&str>) {
    assert_eq!(stage.naming.before().map(Nick::as_str), expected);
}

#[test]
fn a_refused_change_leads_back_to_the_last_nick_that_held() {
    let (mut stage, lobby) = (Stage::new(0), RoomName::lobby());
    stage.naming.is_now(nick("bob"));
    check_before(&stage, None);
    stage.naming.greet(&lobby, &mut stage.out);
    for to in ["carl", "dora"] {
        stage.naming.is_now(nick(to));
        check_before(&stage, Some("bob"));
    }
    // Without a server, nobody refuses it yet.
    stage.naming.greet(&lobby, &mut stage.out);
    check_before(&stage, Some("bob"));
    stage.naming.is_now(nick("BOB"));
    check_before(&stage, None);
    stage.naming.is_now(nick("eve"));
    stage.naming.welcomed();
    check_before(&stage, None);
    // The question leads to a nick that was never the user's.
    stage.naming.ask(None, &mut stage.out);
    stage.naming.is_now(nick("fay"));
    check_before(&stage, None);
}

#[test]
fn given_up_nicks_are_remembered_until_a_welcome() {
    let mut stage = Stage::new(0);
    for to in ["bob", "BOB", "carl", "alice", "bob"] {
        stage.naming.is_now(nick(to));
    }
    let given_up = |naming: &Naming| naming.given_up().iter().map(Nick::to_string).collect::<Vec<_>>();
    assert_eq!(given_up(&stage.naming), ["carl", "alice"]);
    (0..40).for_each(|number| stage.naming.is_now(nick(&format!("n{number}"))));
    assert_eq!(given_up(&stage.naming).len(), GIVEN_UP);
    assert_eq!(given_up(&stage.naming).last().unwrap(), "n38");
    stage.naming.welcomed();
    assert_eq!(given_up(&stage.naming), [""; 0]);
}

#[test]
fn a_change_that_takes_long_is_announced() {
    let mut stage = Stage::new(1);
    stage.naming.change(stage.now, nick("bob"), true, &mut stage.out);
    stage.check_told(&["you will be bob once what you said as Alice is stored, or in 5 s"]);
}
