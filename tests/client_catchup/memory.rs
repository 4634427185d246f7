//! A server that keeps nothing on disk: while it lives, no confirmed message is missed.

use super::*;

impl Chat {
    #[track_caller]
    fn in_memory() -> Chat {
        let broker = Broker::start();
        let server = Chat::server_in_memory(&broker);
        Chat { broker, server, data: TempDir::new(), homes: TempDir::new() }
    }

    #[track_caller]
    fn server_in_memory(broker: &Broker) -> Program {
        let mut server = Program::start(&["server", &broker.address(), "--memory"]);
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        server
    }
}

#[test]
fn text_typed_during_an_outage_reaches_later_reconnects() {
    let mut chat = Chat::in_memory();
    let mut alice = chat.json("alice", &[]);
    let mut bob = chat.json("bob", &[]);
    say(&mut alice, json!({"message": "before"}));
    event_with(&mut bob, "chat", "before");
    bob.signal(libc::SIGSTOP);
    chat.broker.kill();
    event(&mut alice, "disconnected");
    alice.send_line(r#"{"message":"typed meanwhile","ref":"typed"}"#);
    event_with(&mut alice, "chat", "typed meanwhile");
    chat.broker.start_again();
    event_with(&mut alice, "sent", r#""ref":"typed""#);
    bob.signal(libc::SIGCONT);
    event_with(&mut bob, "chat", "typed meanwhile");
    event_with(&mut alice, "stored", r#""ref":"typed""#);
    assert_eq!(quit(bob), ["before", "typed meanwhile"]);
}

#[test]
fn a_restarted_server_gets_what_was_not_confirmed_and_has_forgotten_the_rest() {
    let mut chat = Chat::in_memory();
    let mut alice = chat.json("alice", &[]);
    say(&mut alice, json!({"message": "stored"}));
    chat.server.kill();
    alice.send_line(r#"{"message":"not yet","ref":"later"}"#);
    event_with(&mut alice, "sent", r#""ref":"later""#);
    chat.server = Chat::server_in_memory(&chat.broker);
    event_with(&mut alice, "stored", r#""ref":"later""#);
    let mut bob = chat.json("bob", &[]);
    event_with(&mut bob, "chat", "not yet");
    assert_eq!(quit(bob), ["not yet"]);
}
