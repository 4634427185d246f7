//! Joining: with our server, with an original one, with none; and nicks in use.

use super::*;

#[test]
fn with_a_server_it_joins_at_once_on_topics_of_its_own() {
    let mut stage = Stage::new(|config| config.rooms = vec![RoomName::parse("dev").unwrap()]);
    stage.connect(1);
    stage.check_published(&[]);
    stage.arrives("chat/server", ONLINE);
    let join = stage.payload("chat/presence/alice");
    assert_eq!((&join["action"], &join["conn"], &join["rooms"][0]), (&"join".into(), &1.into(), &"dev".into()));
    let history = "chat/request/history/alice";
    stage.check_published(&["chat/presence/alice", "chat/request/users/alice", history, history]);
}

#[test]
fn without_a_server_it_joins_after_a_second_as_an_original() {
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.after(999);
    stage.check_published(&[]);
    stage.after(1);
    assert!(stage.out.contains(&Output::Subscribe("chat/private/Alice".to_owned())));
    stage.check_published(&["chat/presence", "chat/request/users", "chat/request/history"]);
    stage.after(4_999);
    stage.check_told(&[]);
    stage.after(1);
    stage.check_told(&[NO_SERVER]);
    stage.after(60_000);
    stage.check_told(&[]);
    // A server that comes late is joined with jitter.
    stage.arrives("chat/server", ONLINE);
    stage.check_published(&[]);
    stage.after(300);
    stage.check_published(&["chat/presence/alice", "chat/request/users/alice", "chat/request/history/alice"]);
}

#[test]
fn an_original_server_is_understood() {
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.after(1_000);
    stage.out.clear();
    let page = r#"{"type":"history","messages":[{"type":"chat","username":"bob","message":"old","timestamp":"2026-11-22T19:10:30.031995"}],"timestamp":"x"}"#;
    stage.arrives("chat/private/Alice", page);
    stage.check_told(&["old"]);
    stage.arrives("chat/private/Alice", page);
    stage.check_told(&[]);
    stage.arrives("chat/private/Alice", r#"{"type":"online_users","users":["Alice","bob",null],"count":2}"#);
    assert!(matches!(&stage.out[..], [Output::Tell(News::Users { list, .. }, _)] if list.users.len() == 2));
    stage.out.clear();
    stage.after(10_000);
    stage.check_told(&[]);
    stage.check_published(&[]);
}

#[test]
fn a_reply_without_a_token_is_no_reply_of_our_server() {
    let mut stage = Stage::welcomed();
    stage.arrives(
        "chat/private/alice/server",
        r#"{"type":"history","messages":[{"username":"bob","message":"forged"}]}"#,
    );
    stage.arrives(
        "chat/private/alice/server",
        r#"{"type":"history","messages":[{"username":"bob","message":"x"}],"request":"nonsense"}"#,
    );
    stage.check_told(&[]);
}

#[test]
fn a_reply_that_does_not_fit_its_request_answers_nothing() {
    let mut stage = Stage::new(|_| {});
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    let token = stage.payload("chat/request/history/alice")["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    let list = r#"{"type":"online_users","users":[],"count":0,"request":"TOKEN"}"#;
    stage.arrives("chat/private/alice/server", &list.replace("TOKEN", &token));
    assert_eq!(stage.out, []);
    let page = r#"{"type":"history","messages":[{"username":"bob","message":"old"}],"request":"TOKEN","room":"lobby","epoch":"rkrxc5f0sqnm","from":0,"to":1}"#;
    let page = page.replace("TOKEN", &token);
    stage.arrives("chat/private/alice/server", &page.replace("lobby", "dev"));
    assert_eq!(stage.out, []);
    stage.arrives("chat/private/alice/server", &page);
    stage.check_told(&["old"]);
}

#[test]
fn another_instance_is_joined_again_and_the_same_is_not() {
    let mut stage = Stage::welcomed();
    stage.arrives("chat/server", ONLINE);
    stage.after(400);
    stage.check_published(&[]);
    stage.arrives("chat/server", &ONLINE.replace("one", "two"));
    stage.after(299);
    stage.check_published(&[]);
    stage.after(1);
    stage.check_published(&["chat/presence/alice", "chat/request/users/alice", "chat/request/history/alice"]);
}

#[test]
fn the_end_of_a_server_is_told_once() {
    let mut stage = Stage::welcomed();
    let offline = ONLINE.replace("online", "offline");
    stage.arrives("chat/server", &offline);
    stage.after(4_000);
    stage.arrives("chat/server", &offline);
    stage.check_told(&[]);
    stage.after(1_000);
    stage.check_told(&[NO_SERVER]);
    stage.arrives("chat/server", ONLINE);
    stage.after(300);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.check_told(&["the chat server answers again"]);
}

#[test]
fn own_messages_are_told_once() {
    let mut stage = Stage::welcomed();
    stage.types("hi");
    let echo = String::from_utf8(stage.out.iter().find_map(published).unwrap()).unwrap();
    stage.check_told(&[">hi"]);
    stage.arrives("chat/messages", &echo);
    stage.arrives("chat/messages/alice", &echo);
    stage.check_told(&[]);
    // The same session and number with another nick is another message.
    stage.arrives("chat/messages", &echo.replace("Alice", "bob"));
    stage.check_told(&["hi"]);
    stage.types("/msg alice to me");
    stage.check_told(&[">to me"]);
}

#[test]
fn nothing_is_said_before_the_server_has_let_us_in() {
    let mut stage = Stage::new(|_| {});
    stage.types("early");
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    let join = ["chat/presence/alice", "chat/request/users/alice", "chat/request/history/alice"];
    stage.check_published(&join);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.check_published(&["chat/messages"]);

    // A welcome is not awaited forever.
    let mut stage = Stage::new(|_| {});
    stage.types("early");
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/alice/server", r#"{"type":"online_users","users":[],"request":"000000000001"}"#);
    stage.out.clear();
    stage.after(4_999);
    stage.check_published(&[]);
    stage.after(1);
    stage.check_published(&["chat/messages", "chat/presence/alice", "chat/request/history/alice"]);
}

#[test]
fn a_nick_in_use_counts_only_between_join_and_welcome() {
    let refusal = format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":"{SESSION}"}}"#);
    let mut stage = Stage::welcomed();
    stage.arrives("chat/private/alice/server", &refusal);
    assert_eq!(stage.out, []);

    let mut stage = Stage::new(|_| {});
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/alice/server", &refusal.replace(SESSION, "aaaaaaaaaaaa"));
    assert!(!stage.out.contains(&Output::NickInUse), "another session was meant");
    stage.arrives("chat/private/alice/server", &refusal);
    assert!(stage.out.contains(&Output::NickInUse));
    assert!(stage.conversation.leave(stage.now).is_some(), "a join sent again may have been let in meanwhile");
}

#[test]
fn on_a_terminal_another_nick_is_asked_for() {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.types("hi");
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.out.clear();
    stage.arrives(
        "chat/private/alice/server",
        &format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":"{SESSION}"}}"#),
    );
    stage.check_told(&["the nick Alice is in use: which other one will you take?"]);
    stage.types("no nick");
    stage.check_told(&["not a nick: a name cannot contain a blank; choose letters, digits, - and _"]);
    stage.types("/msg carol hi");
    stage.check_told(&["type a nick first, or /quit"]);
    // Arrivals would push the question away.
    stage.arrives("chat/messages", r#"{"type":"chat","username":"carol","message":"hi all"}"#);
    stage.check_told(&[]);
    stage.types("Bob");
    assert_eq!(stage.out.pop(), Some(Output::Renamed(None)));
    assert!(stage.conversation.subscriptions().contains(&"chat/private/bob/#".to_owned()));
    stage.out.clear();
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/bob/server", WELCOME);
    assert_eq!(stage.payload("chat/messages")["username"], "Bob");
    // Its echo under the new nick was shown under the old one.
    let echo = stage.payload("chat/messages").to_string();
    stage.out.clear();
    stage.arrives("chat/messages", &echo);
    stage.check_told(&[]);
}
