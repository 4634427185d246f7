//! Connections and chat servers that come and go: one line each, and none twice.

use crate::alice;
use crate::support::{Broker, PATIENCE, Program, Pty, Stream};

fn count(pty: &mut Pty, part: &str) -> usize {
    pty.screen().iter().filter(|line| line.contains(part)).count()
}

#[test]
fn a_broker_that_goes_and_comes_is_told_in_a_few_lines() {
    let mut broker = Broker::start();
    let mut alice = alice(&broker);
    assert_eq!(count(&mut alice, &format!("-- connecting to {}", broker.address())), 1);
    broker.stop();
    alice.wait_for_screen("the loss", |lines| lines.iter().any(|line| line.starts_with("-- connection lost")));
    alice.wait_for_screen("the failure", |lines| lines.iter().any(|line| line.starts_with("-- connection refused")));
    alice.press("typed meanwhile\r/ping\r/users\r/rooms\r");
    alice.wait_for_line("!! not connected: there is nothing to measure");
    alice.wait_for_line("-- not connected: /users goes out as soon as there is a connection");
    alice.wait_for_line("-- > #lobby");
    alice.wait_for_line("-- not sent yet: it will be sent when there is a connection");
    broker.start_again();
    alice.wait_for_line("-- connected again");
    alice.wait_for_line("-- all your messages are sent now");
    assert_eq!(count(&mut alice, "connection lost"), 1);
    assert_eq!(count(&mut alice, "trying again in"), 1);
    assert_eq!(count(&mut alice, "connection refused"), 1);
}

#[test]
fn the_first_chat_server_is_not_told_to_answer_again() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    alice.wait_for_line("-- no chat server is answering: history and the user list are unavailable");
    alice.press("/who\r");
    alice.wait_for_line("-- no chat server is answering: /users waits for one");
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    alice.wait_for_line("-- a chat server answers now");
    alice.wait_for_line("-- the answer to your /users:");
    alice.wait_for_line("-- 1 online: alice");
    assert_eq!(count(&mut alice, "online:"), 1);
    server.signal(libc::SIGTERM);
    alice.wait_for_screen("that it is gone", |lines| {
        lines.iter().filter(|line| line.starts_with("-- no chat server is answering: history")).count() == 2
    });
    let _server = Program::start(&["server", &broker.address(), "--memory"]);
    alice.wait_for_line("-- the chat server answers again");
}

#[test]
fn quitting_tells_what_it_waits_for() {
    let mut broker = Broker::start();
    for again in ["/quit\r", "\x04"] {
        let mut alice = alice(&broker);
        broker.stop();
        alice.wait_for_screen("the loss", |lines| lines.iter().any(|line| line.starts_with("-- connection lost")));
        alice.press("into the void\r/quit\r");
        alice.wait_for_line("-- 1 message is not through yet: waiting 5 s at most; /quit again leaves at once");
        alice.press(again);
        assert_eq!(alice.exit_code(), 1);
        alice.wait_for_line("mqttchat: 1 message is unconfirmed");
        broker.start_again();
    }
}

#[test]
fn an_interrupt_tells_what_is_unconfirmed() {
    let mut broker = Broker::start();
    for (signal, code) in [(None, 130), (Some(libc::SIGTERM), 143)] {
        let mut alice = alice(&broker);
        broker.stop();
        alice.wait_for_screen("the loss", |lines| lines.iter().any(|line| line.starts_with("-- connection lost")));
        alice.press("into the void\r");
        alice.wait_for_line("-- not sent yet: it will be sent when there is a connection");
        match signal {
            Some(signal) => alice.signal(signal),
            None => alice.press("\x03\x03"),
        }
        assert_eq!(alice.exit_code(), code);
        alice.wait_for_line("mqttchat: 1 message is unconfirmed");
        broker.start_again();
    }
}
