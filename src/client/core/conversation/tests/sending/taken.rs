//! A message whose id another message already has.

use super::*;

#[test]
fn a_message_whose_id_is_taken_is_sent_under_a_new_one() {
    let mut stage = stored_chat(|config| config.keeps_outbox = true);
    stage.input(Input::Command(say("hi"), Some("r".into())));
    stage.input(Input::Link(Event::Published { ticket: 1 }));
    stage.out.clear();
    let taken =
        |id: &str| format!(r#"{{"type":"error","code":"id_taken","message":"no","session":"{SESSION}","of":"{id}"}}"#);
    stage.arrives("chat/private/alice/server", &taken(&format!("{EARLIER}-1")));
    assert_eq!(stage.out, [], "of another client with our nick");
    stage.arrives("chat/private/alice/server", &taken(&format!("{SESSION}-1")));
    let queued = |out: &Output| matches!(out, Output::Queued(kept) if kept.message.id.as_ref().unwrap().to_string() == "000000000003-1");
    let settled = |out: &Output| matches!(out, Output::Settled(id) if id.seq == 1 && id.session.as_str() == SESSION);
    assert!(stage.out.iter().position(queued).unwrap() < stage.out.iter().position(settled).unwrap());
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Tell(..))), "{:?}", stage.out);
    stage.check_messages(&[("chat/messages/alice", "hi")]);
    // Its echo, and its entry in a page, are not shown, like those of the first.
    let echo = r#"{"type":"chat","username":"Alice","message":"hi","session":"000000000003","seq":1,"late":true}"#;
    stage.arrives("chat/messages/alice", echo);
    assert_eq!(stage.out, []);
    stage.stored("000000000003", "[[1,1]]");
    let new_id = MessageId::parse("000000000003-1").unwrap();
    let told = News::Stored(new_id);
    assert!(stage.out.contains(&Output::Tell(told, Some("r".into()))), "{:?}", stage.out);
    assert_eq!(stage.conversation.unsettled(), 0);
    stage.out.clear();
    // The next message has an id of the new session.
    stage.types("next");
    let published = |out: &Output| matches!(out, Output::Publish(p) if String::from_utf8_lossy(&p.payload).contains(r#""session":"000000000003","seq":2"#));
    assert!(stage.out.iter().any(published), "{:?}", stage.out);
}

#[test]
fn a_direct_message_with_a_new_id_is_delivered_under_it() {
    let mut stage = stored_chat(|_| {});
    stage.types("/msg bob psst");
    stage.arrives(
        "chat/private/alice/server",
        &format!(r#"{{"type":"error","code":"id_taken","message":"no","session":"{SESSION}","of":"{SESSION}-1"}}"#),
    );
    stage.check_messages(&[("chat/private/bob/alice", "psst"), ("chat/private/bob/alice", "psst")]);
    let receipt =
        |id: &str| format!(r#"{{"type":"receipt","username":"bob","of":{{"username":"Alice","id":"{id}"}}}}"#);
    stage.arrives("chat/private/alice/bob", &receipt(&format!("{SESSION}-1")));
    assert_eq!(stage.out, []);
    stage.arrives("chat/private/alice/bob", &receipt("000000000003-1"));
    assert!(matches!(&stage.out[..], [Output::Tell(News::Delivered(_), _)]), "{:?}", stage.out);
}
