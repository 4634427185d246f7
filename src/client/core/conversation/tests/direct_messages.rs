//! Direct messages: receipts to their senders, and the fate of the user's own.

use super::*;
use crate::client::core::memo::Series;
use crate::protocol::Place;

const PSST: &str =
    r#"{"type":"private","username":"Bob","to":"alice","message":"psst","session":"aaaaaaaaaaaa","seq":7}"#;

fn id(seq: u64) -> String {
    format!("{SESSION}-{seq}")
}

fn receipt(by: &str, seq: u64) -> String {
    format!(r#"{{"type":"receipt","username":"{by}","of":{{"username":"Alice","id":"{}"}}}}"#, id(seq))
}

/// Checks the receipts that went out, and whether their messages were told before.
#[track_caller]
fn check_receipts(stage: &mut Stage, told_first: bool, expected: &[(&str, &str, &str)]) {
    let at = |wanted: fn(&Output) -> bool| stage.out.iter().position(wanted);
    let told = at(|out| matches!(out, Output::Tell(News::Said(_), _)));
    let remembered = at(|out| matches!(out, Output::Remember(Memo::Shown { room: None, .. })));
    let receipt = at(|out| matches!(out, Output::PublishWhenShown(_)));
    assert_eq!(told.is_some() && told < remembered && remembered < receipt, told_first, "{:#?}", stage.out);
    let receipts = stage.out.iter().filter_map(|out| match out {
        Output::PublishWhenShown(publication) => {
            let payload: serde_json::Value = serde_json::from_slice(&publication.payload).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            assert_eq!(payload["type"], "receipt");
            Some((publication.topic.clone(), text(&payload["of"]["username"]), text(&payload["of"]["id"])))
        }
        _ => None,
    });
    let receipts: Vec<_> = receipts.collect();
    let receipts = receipts.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()));
    assert_eq!(receipts.collect::<Vec<_>>(), expected);
    stage.out.clear();
}

#[test]
fn each_is_shown_once_and_confirmed_each_time() {
    let mut stage = Stage::welcomed();
    let expected = [("chat/private/bob/alice", "Bob", "aaaaaaaaaaaa-7")];
    stage.arrives("chat/private/alice/bob", PSST);
    check_receipts(&mut stage, true, &expected);
    stage.arrives("chat/private/alice/bob", PSST);
    check_receipts(&mut stage, false, &expected);
    stage.arrives("chat/private/alice/server", PSST);
    check_receipts(&mut stage, false, &expected);
    stage.arrives("chat/private/alice/server", &PSST.replace(":7}", r#":8,"late":true}"#));
    check_receipts(&mut stage, true, &[("chat/private/bob/alice", "Bob", "aaaaaaaaaaaa-8")]);
    stage.arrives("chat/private/alice/bob", &PSST.replace(r#","seq":7"#, ""));
    check_receipts(&mut stage, false, &[]);
}

#[test]
fn a_sender_sends_no_receipts() {
    let mut stage = Stage::new(|config| config.role = Role::Sender);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.out.clear();
    stage.arrives("chat/private/alice/server", PSST);
    stage.arrives("chat/private/alice/bob", PSST);
    assert_eq!(stage.out, []);
}

#[test]
fn messages_shown_by_an_earlier_run_are_only_confirmed() {
    let mut stage = Stage::new(|config| {
        let (key, session) = (Nick::parse("bob").unwrap().key().clone(), Session::parse("aaaaaaaaaaaa").unwrap());
        config.remembered.shown_direct = vec![(Series::Sent(key, session), [7].into_iter().collect())];
    });
    stage.arrives("chat/private/alice/server", PSST);
    check_receipts(&mut stage, false, &[("chat/private/bob/alice", "Bob", "aaaaaaaaaaaa-7")]);
}

#[test]
fn no_number_of_messages_makes_one_shown_twice() {
    let mut stage = Stage::welcomed();
    let psst = |seq: u64| PSST.replace(":7}", &format!(":{seq}}}"));
    (1..=1_500).for_each(|seq| stage.arrives("chat/private/alice/bob", &psst(seq)));
    stage.out.clear();
    // The user's own messages do not count.
    for number in 1..=1_500 {
        stage.types(&format!("/msg bob {number}"));
        let stored = format!(r#"{{"type":"stored","session":"{SESSION}","seq":[[{number},{number}]]}}"#);
        stage.arrives("chat/private/alice/server", &stored);
    }
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Remember(_))));
    stage.out.clear();
    stage.arrives("chat/private/alice/bob", &psst(1));
    check_receipts(&mut stage, false, &[("chat/private/bob/alice", "Bob", "aaaaaaaaaaaa-1")]);
}

#[test]
fn a_receipt_counts_from_the_addressee_and_once() {
    let mut stage = Stage::welcomed();
    stage.types("/msg bob one");
    stage.types("/msg Carl two");
    stage.out.clear();
    stage.arrives("chat/private/alice/carl", &receipt("carl", 1));
    stage.arrives("chat/private/alice/carl", &receipt("bob", 1));
    stage.arrives("chat/private/alice/bob", &receipt("bob", 9));
    stage.arrives("chat/private/alice/bob", &receipt("bob", 1).replace("Alice", "eve"));
    stage.check_told(&[]);
    stage.arrives("chat/private/alice/bob", &receipt("Bob", 1));
    stage.arrives("chat/private/alice/bob", &receipt("Bob", 1));
    stage.check_told(&[&format!("delivered {}", id(1))]);
    // The server confirms for an addressee that cannot.
    stage.arrives("chat/private/alice/server", &receipt("carl", 2));
    stage.check_told(&[&format!("delivered {}", id(2))]);
}

#[test]
fn an_absent_addressee_is_mentioned_once() {
    let mut stage = Stage::welcomed();
    let say = Command::Say {
        text: "one".to_owned(),
        to: crate::client::core::command::Target::Nick(Nick::parse("Bob").unwrap()),
        action: false,
    };
    stage.input(Input::Command(say, Some(3.into())));
    stage.out.clear();
    let waiting = format!(r#"{{"type":"waiting","of":"{}","to":"Bob"}}"#, id(1));
    stage.arrives("chat/private/alice/server", &waiting);
    let told = stage.out.iter().find_map(|out| match out {
        Output::Tell(News::Waiting { .. }, reference) => Some(reference.clone()),
        _ => None,
    });
    assert_eq!(told, Some(Some(3.into())));
    stage.arrives("chat/private/alice/server", &waiting);
    stage.arrives("chat/private/alice/server", &waiting.replace("-1", "-2"));
    stage.check_told(&[&format!("{} waits for Bob", id(1))]);
    stage.arrives("chat/private/alice/bob", &receipt("bob", 1));
    stage.check_told(&[&format!("delivered {}", id(1))]);
}

#[test]
fn to_oneself() {
    let mut stage = Stage::welcomed();
    stage.types("/msg alice note");
    let sent = stage.payload("chat/private/alice/alice").to_string();
    stage.check_told(&[">note"]);
    stage.arrives("chat/private/alice/alice", &sent);
    check_receipts(&mut stage, false, &[("chat/private/alice/alice", "Alice", &id(1))]);
    stage.arrives("chat/private/alice/alice", &receipt("Alice", 1));
    stage.check_told(&[&format!("delivered {}", id(1))]);
}

#[test]
fn receipts_for_an_earlier_run_still_count() {
    let message = OwnMessage {
        nick: Nick::parse("alice").unwrap(),
        to: Place::Direct(Nick::parse("bob").unwrap()),
        text: "old".to_owned(),
        timestamp: None,
        id: Some(SentId { session: Session::parse("bbbbbbbbbbbb").unwrap(), seq: 5 }),
        action: false,
        late: false,
    };
    let kept = Kept { message, reference: Some("a".into()) };
    let mut stage = Stage::new(|config| config.remembered.outbox = vec![kept]);
    stage.arrives(
        "chat/private/alice/bob",
        r#"{"type":"receipt","username":"bob","of":{"username":"alice","id":"bbbbbbbbbbbb-5"}}"#,
    );
    let delivered = News::Delivered(MessageId::parse("bbbbbbbbbbbb-5").unwrap());
    assert_eq!(stage.out, [Output::Tell(delivered, Some("a".into()))]);
}
