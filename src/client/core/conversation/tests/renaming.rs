//! `/nick`: when the nick changes, and what happens to unsent messages.

use super::*;
use crate::client::core::command::Target;

fn at_a_terminal() -> Stage {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.out.clear();
    stage
}

#[track_caller]
fn last_word(stage: &mut Stage) -> Option<serde_json::Value> {
    match stage.out.pop() {
        Some(Output::Renamed(leave)) => leave.map(|leave| serde_json::from_slice(&leave.payload).unwrap()),
        other => panic!("not renamed: {other:?}"),
    }
}

#[test]
fn with_nothing_under_way_the_nick_changes_at_once() {
    let mut stage = at_a_terminal();
    stage.types("/nick Bob");
    let leave = last_word(&mut stage).unwrap();
    assert_eq!((&leave["action"], &leave["username"]), (&"leave".into(), &"Alice".into()));
    stage.check_told(&[]);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Tell(News::Connected { .. }, _))));
    assert_eq!(stage.payload("chat/presence/bob")["action"], "join");
    stage.check_told(&[]);
    stage.arrives("chat/private/bob/server", WELCOME);
    stage.check_told(&["you are Bob now"]);
    stage.types("/nick Bob");
    stage.check_told(&["you are Bob already"]);
    // Another spelling is the same person, who does not leave.
    stage.types("/nick BOB");
    assert_eq!(last_word(&mut stage), None);
}

#[test]
fn a_change_of_nick_waits_for_messages_under_way() {
    let mut stage = at_a_terminal();
    stage.types("one");
    stage.types("/nick bob");
    stage.types("two");
    stage.check_published(&["chat/messages"]);
    let stored = format!(r#"{{"type":"stored","session":"{SESSION}","seq":[[1,1]]}}"#);
    stage.arrives("chat/private/alice/server", &stored);
    last_word(&mut stage);
    stage.out.clear();
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/bob/server", WELCOME);
    let two = stage.payload("chat/messages");
    assert_eq!((&two["username"], &two["message"], &two["seq"]), (&"bob".into(), &"two".into(), &2.into()));
}

#[test]
fn but_not_forever() {
    let mut stage = at_a_terminal();
    stage.types("one");
    // The broker has it, and the server is silent for so long that it would be retransmitted.
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.after(1_000);
    stage.types("/nick bob");
    stage.check_told(&[">one", "you will be bob once what you said as Alice is stored, or in 5 s"]);
    stage.after(4_900);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Renamed(_))));
    stage.out.clear();
    stage.after(100);
    last_word(&mut stage);
    stage.check_told(&["1 message not confirmed as Alice: sent again as bob"]);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/bob/server", WELCOME);
    assert_eq!(stage.payload("chat/messages/bob")["seq"], 1);
}

#[test]
fn a_connection_that_breaks_ends_the_wait() {
    let mut stage = at_a_terminal();
    stage.types("one");
    stage.types("/nick bob");
    stage.out.clear();
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    assert_eq!(last_word(&mut stage), None, "there is nobody to tell");
    stage.check_told(&[
        "1 message not confirmed as Alice: sent again as bob",
        "you will be bob as soon as there is a connection",
    ]);
}

#[test]
fn cancelling_a_change_of_nick_keeps_the_old_one() {
    let mut stage = at_a_terminal();
    for line in ["one", "/nick bob", "two", "/nick Alice"] {
        stage.types(line);
    }
    stage.check_told(&[">one", ">two", "you stay Alice"]);
    stage.after(5_000);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Renamed(_))));
    stage.out.clear();
    stage.types("three");
    assert_eq!(stage.payload("chat/messages")["username"], "Alice");
}

#[test]
fn waiting_messages_are_told_again_after_a_change_of_nick() {
    let mut stage = at_a_terminal();
    stage.arrives("chat/messages", r#"{"type":"chat","username":"carl","message":"hi","timestamp":"x"}"#);
    let waits = |seq: u64| format!(r#"{{"type":"waiting","of":"{SESSION}-{seq}","to":"carl"}}"#);
    let stored = |seq: u64| format!(r#"{{"type":"stored","session":"{SESSION}","seq":[[{seq},{seq}]]}}"#);
    for (seq, nick, next) in [(1, "alice", "/nick bob"), (2, "bob", "/nick alice")] {
        stage.types("/msg carl psst");
        stage.out.clear();
        stage.arrives(&format!("chat/private/{nick}/server"), &stored(seq));
        stage.arrives(&format!("chat/private/{nick}/server"), &waits(seq));
        stage.check_told(&[&format!("{SESSION}-{seq} waits for carl")]);
        stage.types(next);
        stage.arrives("chat/server", ONLINE);
        stage.connect(1);
        stage.arrives("chat/private/bob/server", WELCOME);
    }
}

#[test]
fn the_ignore_list_does_not_depend_on_the_nick() {
    let eve = || Remembered { ignored: vec![Nick::parse("eve").unwrap()], ..Remembered::default() };
    let mut stage = Stage::new(|config| (config.on_terminal, config.remembered) = (true, eve()));
    stage.types("/nick bob");
    stage.types("/unignore eve");
    // It was read before that was written.
    stage.conversation.recall(eve());
    stage.out.clear();
    stage.types("/ignore");
    stage.check_told(&["nobody is ignored"]);
}

/// The server refuses this nick.
fn refuses(stage: &mut Stage, key: &str) {
    let refusal = format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":"{SESSION}"}}"#);
    stage.arrives(&format!("chat/private/{key}/server"), &refusal);
}

/// Connects under a new nick, to a broker with a server.
fn connects_anew(stage: &mut Stage, conn: u32) {
    stage.arrives("chat/server", ONLINE);
    stage.connect(conn);
}

#[test]
fn a_refused_nick_leads_back_to_the_old_one() {
    let mut stage = at_a_terminal();
    stage.types("/nick bob");
    stage.types("hi all");
    connects_anew(&mut stage, 2);
    stage.out.clear();
    refuses(&mut stage, "bob");
    assert_eq!(stage.out.pop(), Some(Output::Renamed(None)));
    assert_eq!((stage.conversation.nick().as_str(), stage.conversation.asks_for_a_nick()), ("Alice", false));
    connects_anew(&mut stage, 3);
    assert_eq!(stage.payload("chat/presence/alice")["action"], "join");
    stage.types("still there");
    stage.out.clear();
    stage.arrives("chat/private/alice/server", WELCOME);
    assert_eq!(stage.payload("chat/messages")["username"], "Alice");
    stage.check_told(&["bob is in use; you are still Alice"]);
}

#[test]
fn another_one_is_asked_for_if_the_old_one_is_in_use_by_then() {
    let mut stage = at_a_terminal();
    stage.types("/nick bob");
    connects_anew(&mut stage, 2);
    refuses(&mut stage, "bob");
    connects_anew(&mut stage, 3);
    stage.out.clear();
    refuses(&mut stage, "alice");
    stage.check_told(&["bob is in use, and Alice too by now: which other nick will you take?"]);
    assert_eq!(stage.conversation.prompt(), "another nick: ");
    stage.input(Input::Command(Command::Say { text: "pasted".to_owned(), to: Target::Here, action: false }, None));
    stage.check_told(&["type a nick first, or /quit"]);
    stage.types("");
    stage.check_told(&[]);
    stage.types("/nick Alice");
    last_word(&mut stage);
    connects_anew(&mut stage, 4);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.check_told(&["you are Alice now"]);
    stage.types("/quit");
    assert!(stage.out.contains(&Output::Quit));
}

#[test]
fn a_server_that_comes_later_may_refuse_the_new_nick_too() {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.connect(1);
    stage.after(1_000);
    stage.types("/nick bob");
    stage.connect(2);
    stage.after(1_000);
    stage.out.clear();
    stage.arrives("chat/server", ONLINE);
    stage.after(500);
    refuses(&mut stage, "bob");
    connects_anew(&mut stage, 3);
    stage.out.clear();
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.check_told(&["bob is in use; you are Alice again"]);
}

#[test]
fn a_line_begun_before_the_question_is_no_nick() {
    let mut stage = at_a_terminal();
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    connects_anew(&mut stage, 2);
    refuses(&mut stage, "alice");
    stage.out.clear();
    let line = TypedLine { is_unasked: true, ..TypedLine::parse("ok") };
    stage.input(Input::Typed(line));
    stage.check_told(&["type a nick first, or /quit"]);
    stage.types("ok");
    assert_eq!(last_word(&mut stage), None);
}

#[test]
fn the_old_nick_is_left_once_more_with_the_join() {
    let mut stage = at_a_terminal();
    let offline = r#"{"type":"server","status":"offline","instance":"i","started":"2026-11-22T19:00:00Z"}"#;
    stage.arrives("chat/server", offline);
    stage.types("/nick bob");
    stage.connect(2);
    stage.after(1_000);
    stage.types("/nick carl");
    stage.connect(3);
    stage.after(1_000);
    stage.out.clear();
    stage.arrives("chat/server", ONLINE);
    stage.after(500);
    for (key, nick) in [("alice", "Alice"), ("bob", "bob")] {
        let leave = stage.payload(&format!("chat/presence/{key}"));
        let said = (&leave["action"], &leave["username"], &leave["session"], &leave["conn"]);
        assert_eq!(said, (&"leave".into(), &nick.into(), &SESSION.into(), &3.into()));
    }
    stage.check_published(&[
        "chat/presence/alice",
        "chat/presence/bob",
        "chat/presence/carl",
        "chat/request/users/carl",
        "chat/request/history/carl",
    ]);
    // Without an answer, both are repeated.
    stage.after(5_000);
    let again = stage
        .out
        .iter()
        .filter(|out| matches!(out, Output::Publish(publication) if publication.topic.starts_with("chat/presence/")));
    assert_eq!(again.count(), 3);
    stage.arrives("chat/private/carl/server", WELCOME);
    stage.out.clear();
    stage.arrives("chat/server", &ONLINE.replace("one", "two"));
    stage.after(500);
    stage.check_published(&["chat/presence/carl", "chat/request/users/carl", "chat/request/history/carl"]);
}
