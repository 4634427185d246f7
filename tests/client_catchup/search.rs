//! Searches, by a program and on a terminal.

use super::*;
use support::Pty;

#[test]
fn a_program_finds_pages_and_is_told_what_cannot_be_found() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &["--room", "dev"]);
    for number in 1..=5 {
        say(&mut bob, json!({"message": format!("pump {number} runs"), "room": "lobby"}));
    }
    say(&mut bob, json!({"message": "the pump in dev", "room": "dev"}));
    let mut alice = chat.json("alice", &[]);
    alice.send_line(r#"{"command":"search","text":"pump* from:bob","limit":4,"ref":"a"}"#);
    let found = event_with(&mut alice, "search_result", r#""ref":"a""#);
    let texts = |found: &Value| -> Vec<String> {
        let messages = found["messages"].as_array().unwrap();
        messages.iter().map(|message| format!("{} {}", message["room"], message["message"]).replace('"', "")).collect()
    };
    assert_eq!(texts(&found), ["dev the pump in dev", "lobby pump 5 runs", "lobby pump 4 runs", "lobby pump 3 runs"]);
    assert_eq!(found["complete"], false);
    let on = json!({"command": "search", "text": "pump* from:bob", "limit": 4, "before": found["next"], "ref": "b"});
    alice.send_line(&on.to_string());
    let found = event_with(&mut alice, "search_result", r#""ref":"b""#);
    assert_eq!(texts(&found), ["lobby pump 2 runs", "lobby pump 1 runs"]);
    assert_eq!((&found["complete"], found.get("next")), (&true.into(), None));

    alice.send_line(r#"{"command":"search","text":"after:2026-11-99 x","ref":"c"}"#);
    let error = event_with(&mut alice, "error", r#""ref":"c""#);
    assert!(error["message"].as_str().unwrap().contains("after:2026-11-99 is not a time"));
    alice.send_line(r#"{"command":"search","text":"before:1999-12-31 pump","ref":"d"}"#);
    let found = event_with(&mut alice, "search_result", r#""ref":"d""#);
    assert_eq!(texts(&found), [] as [String; 0]);
}

#[test]
fn on_a_terminal_older_ones_follow() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &[]);
    for number in 1..=25 {
        say(&mut bob, json!({"message": format!("pump {number}")}));
    }
    let mut alice = Pty::start(&["client", &chat.broker.address(), "--nick", "alice", "--no-history"]);
    alice.wait_for_line("2 online: alice, bob");
    alice.press("/search pump\r");
    alice.wait_for_line("-- … older messages: /search");
    alice.wait_for_line("#lobby bob: pump 6");
    alice.press("/search\r");
    alice.wait_for_line("#lobby bob: pump 1");
    alice.press("/search p*\r");
    alice.wait_for_line(r#"!! "p*" is too short: at least 2 characters come before *"#);
    alice.press("/search nothing\r");
    alice.wait_for_line("-- nothing found");
}
