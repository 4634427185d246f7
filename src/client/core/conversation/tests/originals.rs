//! Chats with an original server.

use super::*;

const USERS: &str = r#"{"type":"online_users","users":["Alice","py"],"count":2}"#;

fn stage(nick: &str, role: Role, server_seen: bool) -> Stage {
    let mut stage = Stage::new(|config| {
        (config.nick, config.role, config.on_terminal) = (Nick::parse(nick).unwrap(), role, true);
        config.remembered.server_seen = server_seen;
    });
    stage.connect(1);
    stage
}

/// An original server that has answered. The client has connected again with another will.
fn met(nick: &str) -> Stage {
    let mut stage = stage(nick, Role::Member, false);
    stage.after(1_000);
    stage.arrives(&format!("chat/private/{nick}"), USERS);
    assert_eq!(stage.out.last(), Some(&Output::Reconnect));
    stage.connect(2);
    stage.after(1_000);
    stage.out.clear();
    stage
}

fn will_topic(stage: &Stage) -> String {
    stage.conversation.will().expect("a member's")(1).topic
}

#[test]
fn the_will_goes_where_that_server_listens() {
    let mut stage = stage("Alice", Role::Member, false);
    stage.after(1_000);
    assert_eq!(will_topic(&stage), "chat/presence/alice");
    stage.types("hello");
    stage.arrives("chat/private/Alice", USERS);
    assert!(!stage.out.contains(&Output::Reconnect), "a message is under way");
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.out.last(), Some(&Output::Reconnect));
    assert_eq!(will_topic(&stage), "chat/presence");
    stage.out.clear();
    stage.connect(2);
    stage.after(1_000);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Tell(News::Connected { .. }, _))), "nobody need know");
    stage.check_published(&["chat/presence", "chat/request/users", "chat/request/history"]);
    stage.arrives("chat/private/Alice", USERS);
    assert!(!stage.out.contains(&Output::Reconnect), "once");
    // A server of ours replaces it.
    stage.arrives("chat/server", ONLINE);
    assert_eq!(will_topic(&stage), "chat/presence/alice");
}

#[test]
fn missing_features_are_told_at_once() {
    let mut stage = met("Alice");
    stage.arrives("chat/private/Alice", USERS);
    stage.out.clear();
    for command in ["/search pump", "/search pump"] {
        stage.types(command);
        stage.check_told(&["not asked: the chat server here is an original one, which has no search"]);
    }
    stage.types("/rooms");
    let none = "the chat server here is an original one, which has no rooms: who else is in one is not known";
    stage.check_told(&["> #lobby", none]);
    stage.types("/msg py psst");
    let lost = "the chat server here is an original one, which keeps no direct messages: py gets it only if here now, and \
                not with an original client; nobody is told if it does not arrive";
    stage.check_told(&[lost, ">psst"]);
    stage.types("/msg py psst");
    stage.check_told(&[">psst"]);
    stage.after(60_000);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Tell(News::Error(_), _))), "{:?}", stage.out);
}

#[test]
fn requests_from_before_an_original_was_known_are_refused_too() {
    let mut stage = stage("alice", Role::Member, false);
    stage.after(1_000);
    stage.out.clear();
    stage.types("/search pump");
    stage.check_told(&[]);
    stage.arrives("chat/private/alice", USERS);
    let told = stage.out.iter().filter(|out| matches!(out, Output::Tell(News::Error(_), _)));
    assert_eq!(told.count(), 1);
}

#[test]
fn with_an_original_server_the_broker_settles_messages_again() {
    let mut stage = stage("alice", Role::Member, true);
    stage.after(1_000);
    stage.types("hello");
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.conversation.unsettled(), 1);
    stage.arrives("chat/private/alice", USERS);
    assert_eq!(stage.conversation.unsettled(), 0);
    // A notice proves nothing: anybody can publish one.
    let mut stage = self::stage("alice", Role::Member, true);
    stage.after(1_000);
    stage.types("hello");
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.arrives("chat/system", r#"{"type":"user_join","username":"py","message":"x"}"#);
    stage.after(60_000);
    assert_eq!(stage.conversation.unsettled(), 1);
}

#[test]
fn a_sender_asks_for_an_original_server() {
    let offline = ONLINE.replace("online", "offline");
    for says in [None, Some(offline.as_str())] {
        let mut stage = stage("Ci", Role::Sender, true);
        stage.types("done");
        says.into_iter().for_each(|says| stage.arrives("chat/server", says));
        stage.after(1_000);
        assert!(stage.out.contains(&Output::Subscribe("chat/private/Ci".to_owned())));
        assert_eq!(stage.payload("chat/request/users")["requester"], "Ci");
        stage.input(Input::Link(Event::Published { ticket: 1 }));
        assert_eq!(stage.conversation.unsettled(), 1);
        stage.arrives("chat/private/Ci", USERS);
        assert_eq!(stage.conversation.unsettled(), 0);
    }
    // A sender that never heard of a server does not wait anyway.
    let mut stage = stage("ci", Role::Sender, false);
    stage.after(1_000);
    stage.check_published(&[]);
}
