//! What goes out, when it is retransmitted, and what its sender is told.

mod senders;
mod taken;

use super::*;
use crate::client::core::command::Target;
use crate::client::core::news::Obstacle;
use crate::client::core::outbox::OwnMessage;
use crate::link::{Publication, Qos};
use crate::protocol::Place;
use serde_json::Value;

const OFFLINE: &str =
    r#"{"type":"server","status":"offline","instance":"one","started":"2026-11-22T19:00:00Z","version":"1"}"#;
const EARLIER: &str = "aaaaaaaaaaaa";

/// In a chat with a server.
fn stored_chat(change: impl FnOnce(&mut Config)) -> Stage {
    let mut stage = Stage::new(change);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.out.clear();
    stage
}

/// Alone with a broker.
fn bare(change: impl FnOnce(&mut Config)) -> Stage {
    let mut stage = Stage::new(change);
    stage.connect(1);
    stage.after(1_000);
    stage.out.clear();
    stage
}

fn say(text: &str) -> Command {
    Command::Say { text: text.to_owned(), to: Target::Here, action: false }
}

fn id(seq: u64) -> MessageId {
    MessageId::parse(&format!("{SESSION}-{seq}")).unwrap()
}

impl Stage {
    fn stored(&mut self, session: &str, ranges: &str) {
        let payload = format!(r#"{{"type":"stored","session":"{session}","seq":{ranges}}}"#);
        self.arrives("chat/private/alice/server", &payload);
    }

    /// Checks the texts and topics of the messages that went out; forgets the outputs.
    #[track_caller]
    fn check_messages(&mut self, expected: &[(&str, &str)]) {
        let messages = self.out.iter().filter_map(|out| match out {
            Output::Publish(Publication { qos: Qos::ExactlyOnce, topic, payload, .. }) => {
                let payload: Value = serde_json::from_slice(payload).unwrap();
                Some((topic.clone(), payload["message"].as_str().unwrap().to_owned()))
            }
            _ => None,
        });
        let messages: Vec<_> = messages.collect();
        let messages: Vec<_> = messages.iter().map(|(topic, text)| (topic.as_str(), text.as_str())).collect();
        assert_eq!(messages, expected);
        self.out.clear();
    }

    /// Checks the news about delays; forgets the outputs.
    #[track_caller]
    fn check_delays(&mut self, expected: &[News]) {
        let delays = self.out.drain(..).filter_map(|out| match out {
            Output::Tell(news @ (News::Delayed(_) | News::AllArrived { .. }), _) => Some(news),
            _ => None,
        });
        assert_eq!(delays.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_message_is_sent_and_then_stored() {
    let mut stage = stored_chat(|_| {});
    stage.input(Input::Command(say("hi"), Some(7.into())));
    stage.out.clear();
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.out, [Output::Tell(News::Sent(id(1)), Some(7.into()))]);
    assert_eq!(stage.conversation.unsettled(), 1);
    stage.out.clear();
    stage.stored(SESSION, "[[1,1]]");
    assert_eq!(stage.out, [Output::Tell(News::Stored(id(1)), Some(7.into()))]);
    assert_eq!(stage.conversation.unsettled(), 0);
    stage.out.clear();
    stage.stored(SESSION, "[[1,1]]");
    assert_eq!(stage.out, []);
}

#[test]
fn stored_before_the_acknowledgement_tells_both() {
    let mut stage = stored_chat(|_| {});
    stage.types("hi");
    stage.out.clear();
    stage.stored(SESSION, "[[1,1]]");
    let (sent, stored) = (News::Sent(id(1)), News::Stored(id(1)));
    assert_eq!(stage.out, [Output::Tell(sent, None), Output::Tell(stored, None)]);
    stage.out.clear();
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.out, []);
}

#[test]
fn without_a_server_the_acknowledgement_settles_messages() {
    let mut stage = bare(|_| {});
    stage.types("hi");
    stage.out.clear();
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.out, [Output::Tell(News::Sent(id(1)), None)]);
    assert_eq!(stage.conversation.unsettled(), 0);
}

#[test]
fn a_sender_waits_for_a_server_that_an_earlier_run_saw() {
    let mut stage = bare(|config| config.remembered.server_seen = true);
    stage.types("hi");
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    assert_eq!(stage.conversation.unsettled(), 1);
    stage.arrives("chat/server", ONLINE);
    assert_eq!(stage.conversation.unsettled(), 1);
    stage.stored(SESSION, "[[1,1]]");
    assert_eq!(stage.conversation.unsettled(), 0);
}

#[test]
fn every_server_is_remembered_once_and_expected_to_confirm() {
    for durable in ["", r#","durable":true"#, r#","durable":false"#] {
        let word = OFFLINE.replace(r#","version""#, &format!(r#"{durable},"version""#));
        let mut stage = bare(|_| {});
        stage.arrives("chat/server", &word);
        assert!(stage.out.contains(&Output::Remember(Memo::ServerSeen)), "{word}");
        stage.types("hi");
        stage.input(Input::Link(Event::Published { ticket: 1 }));
        assert_eq!(stage.conversation.unsettled(), 1, "{word}");
        stage.out.clear();
        stage.arrives("chat/server", ONLINE);
        assert!(!stage.out.contains(&Output::Remember(Memo::ServerSeen)));
    }
}

/// Its history is gone, and so may be what it had not confirmed.
#[test]
fn a_new_server_gets_what_the_previous_one_did_not_confirm() {
    let mut stage = stored_chat(|_| {});
    ["stored", "heard"].iter().for_each(|text| stage.types(text));
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.input(Input::Link(Event::Published { ticket: 2 }));
    stage.stored(SESSION, "[[1,1]]");
    stage.out.clear();
    stage.arrives("chat/server", &ONLINE.replace("one", "two"));
    stage.after(1_000);
    stage.check_messages(&[("chat/messages/alice", "heard")]);
}

#[test]
fn a_lost_connection_retransmits_unstored_messages() {
    let mut stage = stored_chat(|_| {});
    for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
        stage.types(text);
        stage.input(Input::Link(Event::Published { ticket: number }));
    }
    stage.stored(SESSION, "[[2,2]]");
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.types("four");
    stage.arrives("chat/server", ONLINE);
    stage.out.clear();
    stage.connect(2);
    stage.check_messages(&[
        ("chat/messages/alice", "one"),
        ("chat/messages/alice", "three"),
        ("chat/messages", "four"),
    ]);
}

/// A restarted broker may keep retained messages but lose the server's session: the server appears online, and receives
/// nothing until it reconnects, which it announces.
#[test]
fn messages_sent_before_the_welcome_are_retransmitted_unless_stored() {
    let mut stage = stored_chat(|_| {});
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.types("heard");
    stage.types("unheard");
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.input(Input::Link(Event::Published { ticket: 2 }));
    stage.out.clear();
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.stored(SESSION, "[[1,1]]");
    stage.check_messages(&[]);
    stage.after(1_000);
    stage.check_messages(&[("chat/messages/alice", "unheard")]);
}

#[test]
fn no_faster_than_the_server_takes_them() {
    let mut stage = Stage::new(|_| {});
    stage.arrives("chat/server", &ONLINE.replace(r#""version""#, r#""rate":2,"version""#));
    stage.connect(1);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.out.clear();
    ["a", "b", "c"].iter().for_each(|text| stage.types(text));
    stage.check_messages(&[("chat/messages", "a"), ("chat/messages", "b")]);
    stage.after(999);
    stage.check_messages(&[]);
    stage.after(1);
    stage.check_messages(&[("chat/messages", "c")]);
}

#[test]
fn an_error_settles_what_it_names() {
    let mut stage = stored_chat(|_| {});
    stage.input(Input::Command(say("bad"), Some("r".into())));
    stage.types("good");
    stage.out.clear();
    let error = |session: &str| {
        format!(r#"{{"type":"error","code":"bad_message","message":"no","session":"{session}","of":"{session}-1"}}"#)
    };
    stage.arrives("chat/private/alice/server", &error(EARLIER));
    assert_eq!((stage.conversation.unsettled(), stage.out.len()), (2, 0), "of another client with our nick");
    stage.arrives("chat/private/alice/server", &error(SESSION));
    assert_eq!(stage.conversation.unsettled(), 1);
    assert!(matches!(&stage.out[..], [Output::Tell(News::Refused(_), Some(r))] if r == "r"));
}

#[test]
fn a_stored_message_does_not_go_out_under_another_nick() {
    let mut stage = stored_chat(|config| config.on_terminal = true);
    stage.types("stored");
    stage.types("not");
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    let refusal = format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":"{SESSION}"}}"#);
    stage.arrives("chat/private/alice/server", &refusal);
    stage.out.clear();
    stage.stored(SESSION, "[[1,1]]");
    stage.types("Bob");
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.out.clear();
    stage.arrives("chat/private/bob/server", WELCOME);
    stage.check_messages(&[("chat/messages/bob", "not")]);
}

#[test]
fn a_rejection_settles() {
    let mut stage = stored_chat(|config| config.keeps_outbox = true);
    stage.types("hi");
    stage.out.clear();
    stage.input(Input::Link(Event::Rejected { ticket: 1, reason: "not authorized".to_owned() }));
    assert_eq!(stage.out[0], Output::Settled(SentId { session: Session::parse(SESSION).unwrap(), seq: 1 }));
    stage.check_told(&["the broker does not take the message: not authorized"]);
    assert_eq!(stage.conversation.unsettled(), 0);
}

#[test]
fn a_delay_is_told_once_and_so_is_its_end() {
    let mut stage = stored_chat(|_| {});
    stage.types("quick");
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.after(999);
    stage.stored(SESSION, "[[1,1]]");
    stage.check_delays(&[]);
    stage.types("slow");
    stage.after(1_000);
    stage.check_delays(&[News::Delayed(Obstacle::Silence)]);
    stage.types("slow too");
    stage.after(2_000);
    stage.stored(SESSION, "[[2,2]]");
    stage.check_delays(&[]);
    stage.stored(SESSION, "[[3,3]]");
    stage.check_delays(&[News::AllArrived { stored: true, others_failed: false }]);

    stage.types("away");
    stage.arrives("chat/server", OFFLINE);
    stage.after(1_000);
    stage.check_delays(&[News::Delayed(Obstacle::Server)]);
    stage.stored(SESSION, "[[4,4]]");
    stage.check_delays(&[News::AllArrived { stored: true, others_failed: false }]);

    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.types("offline");
    stage.after(1_000);
    stage.check_delays(&[News::Delayed(Obstacle::Connection)]);
}

#[test]
fn an_outbox_is_kept_from_before_the_first_publication_to_the_end() {
    let mut stage = stored_chat(|config| config.keeps_outbox = true);
    stage.input(Input::Command(say("hi"), Some(7.into())));
    let queued = stage.out.iter().position(|out| matches!(out, Output::Queued(_))).unwrap();
    let published = stage.out.iter().position(|out| matches!(out, Output::Publish(_))).unwrap();
    assert!(queued < published);
    let Output::Queued(kept) = &stage.out[queued] else { panic!() };
    assert_eq!((kept.message.id.as_ref().unwrap().seq, &kept.reference), (1, &Some(7.into())));
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.out.clear();
    stage.stored(SESSION, "[[1,1]]");
    assert!(matches!(&stage.out[0], Output::Settled(id) if id.seq == 1), "{:?}", stage.out);
}

#[test]
fn an_earlier_runs_outbox_goes_out_late_and_is_settled_by_its_own_session() {
    let left = OwnMessage {
        nick: Nick::parse("alice").unwrap(),
        text: "left".to_owned(),
        timestamp: None,
        id: SentId::new(Session::parse(EARLIER).unwrap(), 7),
        to: Place::Room(RoomName::lobby()),
        action: false,
        late: false,
    };
    let mut stage = Stage::new(|config| {
        config.remembered.outbox = vec![Kept { message: left, reference: Some(1.into()) }];
        config.keeps_outbox = true;
    });
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.out.clear();
    stage.arrives("chat/private/alice/server", WELCOME);
    let sent = stage.payload("chat/messages/alice");
    assert_eq!((&sent["session"], &sent["seq"], &sent["late"]), (&EARLIER.into(), &7.into(), &true.into()));
    // The earlier run has shown it.
    stage.out.clear();
    stage.arrives("chat/messages/alice", &sent.to_string());
    assert_eq!(stage.out, []);
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.stored(EARLIER, "[[1,9]]");
    let id = MessageId::parse(&format!("{EARLIER}-7")).unwrap();
    assert!(stage.out.contains(&Output::Tell(News::Stored(id), Some(1.into()))));
    assert_eq!(stage.conversation.unsettled(), 0);
}
