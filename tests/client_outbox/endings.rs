//! Ends with unsettled messages: quitting, the end of a count, members of other programs.

use crate::stand_in::{Answer, StandIn};
use crate::support::{Broker, PATIENCE, Stream, publish, wait_until};
use crate::{count, event, json};
use mqttchat::client::member::Member;
use mqttchat::client::news::News;
use mqttchat::options;

const FROM_BOB: &str = r#"{"type":"chat","username":"bob","message":"yes"}"#;

#[test]
fn quitting_counts_even_if_the_input_closes() {
    let broker = Broker::start();
    let _server = StandIn::start(&broker, Answer::Silence);
    let mut alice = json(&broker, &[]);
    alice.send_line(r#"{"message":"hi"}"#);
    alice.send_line(r#"{"command":"quit"}"#);
    alice.close_stdin();
    assert_eq!(alice.exit_code(PATIENCE), 1);
    assert_eq!(alice.lines(Stream::Err), ["mqttchat: 1 message is unconfirmed"]);
}

#[test]
fn a_program_with_a_full_outbox_can_still_send_requests() {
    /// More than the outbox accepts from a program before it makes it wait.
    const MESSAGES: usize = 2_020;
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Silence);
    let mut alice = json(&broker, &[]);
    let say = |number: usize| format!(r#"{{"message":"{number}","ref":{number}}}"#);
    (1..=MESSAGES).for_each(|number| alice.send_line(&say(number)));
    alice.send_line(r#"{"command":"ping","ref":"p"}"#);
    event(&mut alice, "pong", "broker");
    assert_eq!(count(&mut alice, "chat"), 2_000, "the rest waits outside");
    server.answer(Answer::Store);
    wait_until(PATIENCE, "all are stored", || count(&mut alice, "stored") == MESSAGES);
    let shown = alice.lines(Stream::Out).into_iter().filter(|line| line.starts_with(r#"{"event":"chat""#));
    let expected = (1..=MESSAGES).map(|number| format!(r#""ref":{number}}}"#));
    assert!(shown.zip(expected).all(|(line, end)| line.ends_with(&end)), "in order");

    server.answer(Answer::Silence);
    (1..=MESSAGES).for_each(|number| alice.send_line(&say(number)));
    alice.send_line(r#"{"command":"quit"}"#);
    assert_eq!(alice.exit_code(PATIENCE), 1);
    assert_eq!(alice.lines(Stream::Err), [format!("mqttchat: {MESSAGES} messages are unconfirmed")]);
}

#[test]
fn the_end_of_a_count_waits_for_ones_own_messages() {
    let broker = Broker::start();
    let _server = StandIn::start(&broker, Answer::Silence);
    for code in [1, 0] {
        let mut alice = json(&broker, &["--listen", "-C", "1"]);
        alice.send_line(r#"{"message":"anybody there?"}"#);
        event(&mut alice, "sent", "");
        publish(&broker, "chat/messages", FROM_BOB, 1, false);
        event(&mut alice, "chat", "yes");
        publish(&broker, "chat/messages", FROM_BOB.replace("yes", "too late"), 1, false);
        // A server that has just come gets the messages again soon.
        let _another = (code == 0).then(|| StandIn::start(&broker, Answer::Store));
        assert_eq!(alice.exit_code(PATIENCE), code);
        assert_eq!(count(&mut alice, "stored"), 1 - code as usize);
        assert_eq!(count(&mut alice, "chat"), 2);
        let told = alice.lines(Stream::Err);
        assert_eq!(
            told.iter().filter(|line| line.contains("1 message is unconfirmed")).count(),
            code as usize,
            "{told:?}"
        );
    }
}

#[test]
fn a_member_that_leaves_too_early_learns_what_is_unsent() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Silence);
    let arguments = [broker.address().into()];
    let member = Member::join(options::of_a_member("robot", &arguments).unwrap()).unwrap();
    member.say(&mqttchat::protocol::RoomName::lobby(), "hi");
    server.wait_for("the message", |heard| heard.text() == "hi");
    let news = member.news().clone();
    member.leave();
    let last = news.iter().last();
    assert!(matches!(&last, Some(News::Error(text)) if text == "1 message is unconfirmed"), "{last:?}");
}
