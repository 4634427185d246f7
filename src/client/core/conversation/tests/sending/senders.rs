//! Senders, and what they wait for.

use super::*;

fn sender() -> Stage {
    let mut stage = Stage::new(|config| config.role = Role::Sender);
    stage.types("hi");
    stage
}

#[test]
fn a_sender_only_sends() {
    let mut stage = sender();
    assert_eq!(stage.conversation.subscriptions(), ["chat/server", "chat/private/alice/server"]);
    assert!(stage.conversation.will().is_none());
    stage.connect(1);
    stage.after(10_000);
    stage.check_published(&["chat/messages"]);
    assert!(stage.conversation.leave(stage.now).is_none());
}

#[test]
fn a_sender_waits_for_a_server_that_is_there() {
    let mut stage = sender();
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.after(60_000);
    assert_eq!(stage.conversation.unsettled(), 1);
    // The server went, and will be back.
    stage.arrives("chat/server", OFFLINE);
    stage.after(60_000);
    assert_eq!(stage.conversation.unsettled(), 1);
    stage.stored(SESSION, "[[1,1]]");
    assert_eq!(stage.conversation.unsettled(), 0);
    stage.check_published(&["chat/messages", "chat/messages/alice"]);
}

#[test]
fn without_a_server_the_broker_settles_a_senders_messages() {
    let mut stage = sender();
    stage.connect(1);
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.after(999);
    assert_eq!(stage.conversation.unsettled(), 1, "chat/server may still come");
    stage.after(1);
    assert_eq!(stage.conversation.unsettled(), 0);
}

#[test]
fn a_sender_waits_for_a_server_that_was_once_there() {
    let mut away = sender();
    away.arrives("chat/server", OFFLINE);
    assert!(away.out.contains(&Output::Remember(Memo::ServerSeen)), "for the next run");
    let remembered = Stage::new(|config| {
        config.role = Role::Sender;
        config.remembered.server_seen = true;
    });
    for mut stage in [away, remembered] {
        if stage.conversation.unsettled() == 0 {
            stage.types("hi");
        }
        stage.connect(1);
        stage.input(Input::Link(Event::Published { ticket: 1 }));
        stage.after(60_000);
        assert_eq!(stage.conversation.unsettled(), 1);
        assert!(stage.conversation.awaits_a_server());
        stage.arrives("chat/server", ONLINE);
        assert!(!stage.conversation.awaits_a_server());
        stage.stored(SESSION, "[[1,1]]");
        assert_eq!(stage.conversation.unsettled(), 0);
    }
}

#[test]
fn a_sender_takes_nothing_for_sent_while_it_is_not_connected() {
    let mut stage = sender();
    stage.connect(1);
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.after(500);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.after(60_000);
    assert_eq!(stage.conversation.unsettled(), 1, "that broker may have lost it with the connection");
    // The second starts over with the next connection, and only what that broker has acknowledged counts.
    stage.out.clear();
    stage.connect(2);
    stage.check_messages(&[("chat/messages/alice", "hi")]);
    stage.after(1_000);
    assert_eq!(stage.conversation.unsettled(), 1);
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.conversation.unsettled(), 0);
}
