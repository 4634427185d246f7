//! Search, with a client's requests.

use super::support::{Broker, Subscriber, TempDir};
use super::{FIRST_RUN, ask, chat, say, start_server, texts};
use serde_json::{Value, json};

#[test]
fn words_phrases_and_filters_find_messages_over_rooms() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    say(&broker, "chat/messages", chat("alice", "the pump is leaking"));
    say(&broker, "chat/rooms/dev/bob", chat("Bob", "pumping is fine"));
    let mut last = chat("alice", "leaking again, the PUMP");
    last["session"] = FIRST_RUN.into();
    last["seq"] = 1.into();
    say(&broker, "chat/messages", last);

    let mut token = 0;
    let mut find = |fields: Value| {
        token += 1;
        ask(&broker, &mut watcher, "search", &format!("s{token}"), fields)
    };
    let both = find(json!({"text": "pump leaking"}));
    assert_eq!((&both["type"], &both["complete"]), (&json!("search_result"), &json!(true)));
    assert_eq!(texts(&both), ["leaking again, the PUMP", "the pump is leaking"], "the newest first");
    let newest = &both["messages"][0];
    assert_eq!((&newest["type"], &newest["room"]), (&json!("chat"), &json!("lobby")));
    assert_eq!(newest["id"], format!("{FIRST_RUN}-1"));
    assert_eq!(texts(&find(json!({"text": "\"the pump\""}))).len(), 2);
    assert_eq!(texts(&find(json!({"text": "pump*"}))).len(), 3);
    assert_eq!(texts(&find(json!({"text": "pump* from:BOB"}))), ["pumping is fine"]);
    assert_eq!(texts(&find(json!({"text": "pump*", "room": "dev"}))), ["pumping is fine"]);
    assert_eq!(texts(&find(json!({"text": "room:dev"}))), ["pumping is fine"]);
    assert_eq!(texts(&find(json!({"text": "pump before:2020-01-01T00:00:00Z"}))), [""; 0]);
    assert_eq!(texts(&find(json!({"text": "pump after:2020-01-01T00:00:00Z"}))).len(), 2);
    assert_eq!(texts(&find(json!({"text": "NOT pump OR x"}))), [""; 0], "words, no operators");

    let first = find(json!({"text": "pump*", "limit": 2}));
    assert_eq!((texts(&first).len(), &first["complete"]), (2, &json!(false)));
    let rest = find(json!({"text": "pump*", "limit": 2, "before": first["next"]}));
    assert_eq!((texts(&rest), &rest["complete"]), (vec!["the pump is leaking"], &json!(true)));
}

#[test]
fn an_invalid_search_is_an_error() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    for (token, text, told) in [("s1", "\"open", "no closing"), ("s2", "p*", "too short"), ("s3", "?!", "no letter")] {
        let error = ask(&broker, &mut watcher, "search", token, json!({"text": text}));
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("bad_request")));
        assert!(error["message"].as_str().is_some_and(|message| message.contains(told)), "{error}");
    }
    let error = ask(&broker, &mut watcher, "search", "s4", json!({}));
    assert_eq!(error["code"], "bad_request");
}
