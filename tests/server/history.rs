//! History: backlog and pages.

use super::support::{Broker, Subscriber, TempDir, publish};
use super::{FIRST_RUN, ask, chat, say, start_server, texts};
use serde_json::{Value, json};

fn numbered(n: u32) -> Value {
    json!({"type": "chat", "username": "alice", "message": n.to_string(), "session": FIRST_RUN, "seq": n})
}

#[test]
fn a_late_joiner_gets_the_last_ones_and_pages_to_the_others() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &["--history-limit", "5"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    for n in 1..=12 {
        say(&broker, "chat/messages", numbered(n));
    }
    let newest = ask(&broker, &mut watcher, "history", "h1", json!({}));
    assert_eq!(texts(&newest), ["8", "9", "10", "11", "12"]);
    assert_eq!((&newest["room"], &newest["from"], &newest["to"]), (&json!("lobby"), &json!(7), &json!(12)));
    assert_eq!((&newest["complete"], &newest["gap"]), (&json!(false), &json!(false)));
    let last = &newest["messages"][4];
    assert_eq!((&last["id"], &last["pos"]), (&json!(format!("{FIRST_RUN}-12")), &json!(12)));
    assert!(last["received"].is_string() && last["timestamp"].is_string());

    let epoch = newest["epoch"].as_str().expect("an epoch");
    let older = ask(&broker, &mut watcher, "history", "h2", json!({"before": format!("{epoch}:7"), "limit": 100}));
    assert_eq!((texts(&older), &older["complete"]), (vec!["1", "2", "3", "4", "5", "6", "7"], &json!(true)));
    let newer = ask(&broker, &mut watcher, "history", "h3", json!({"after": format!("{epoch}:10")}));
    assert_eq!((texts(&newer), &newer["complete"]), (vec!["11", "12"], &json!(true)));
    let foreign = ask(&broker, &mut watcher, "history", "h4", json!({"after": "000000000000:3"}));
    assert_eq!((texts(&foreign).len(), &foreign["gap"]), (5, &json!(true)));
}

#[test]
fn a_repeated_message_is_stored_once() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    say(&broker, "chat/messages", numbered(1));
    // Retransmitted: on the topic with the sender's level, which originals do not read.
    say(&broker, "chat/messages/alice", numbered(1));
    // The same id from somebody else is another message; so are two equal ones without an id.
    say(
        &broker,
        "chat/messages",
        json!({"type": "chat", "username": "bob", "message": "b", "session": FIRST_RUN, "seq": 1}),
    );
    say(&broker, "chat/messages", chat("carol", "twice"));
    say(&broker, "chat/messages", chat("carol", "twice"));
    let page = ask(&broker, &mut watcher, "history", "h1", json!({}));
    assert_eq!(texts(&page), ["1", "b", "twice", "twice"]);
}

#[test]
fn rooms_have_histories_of_their_own() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &["-q", "2"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    publish(&broker, "chat/rooms/dev/alice", chat("alice", "to dev").to_string(), 2, false);
    publish(&broker, "chat/messages", chat("alice", "to all").to_string(), 0, false);
    let dev = ask(&broker, &mut watcher, "history", "h1", json!({"room": "dev"}));
    let lobby = ask(&broker, &mut watcher, "history", "h2", json!({}));
    let empty = ask(&broker, &mut watcher, "history", "h3", json!({"room": "nobody-was-here"}));
    assert_eq!((texts(&dev), texts(&lobby), texts(&empty)), (vec!["to dev"], vec!["to all"], vec![]));
}
