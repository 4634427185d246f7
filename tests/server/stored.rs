//! Confirmations to senders: exactly what is stored, whatever happened in between.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, wait_until};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, chat, say, start_server, texts};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A message with an id.
fn numbered(nick: &str, session: &str, seq: u64) -> Value {
    let mut message = chat(nick, &seq.to_string());
    message["session"] = session.into();
    message["seq"] = seq.into();
    message
}

fn send(broker: &Broker, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        say(broker, "chat/messages", numbered("alice", FIRST_RUN, seq));
    }
}

/// Like a client without a confirmation.
fn send_again(broker: &Broker, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        let mut message = numbered("alice", FIRST_RUN, seq);
        message["late"] = true.into();
        say(broker, "chat/messages/alice", message);
    }
}

/// The numbers that were confirmed to the nick.
pub fn told(watcher: &mut Subscriber, key: &str, session: &str) -> BTreeSet<u64> {
    let topic = format!("chat/private/{key}/server");
    let mut told = BTreeSet::new();
    for message in watcher.messages().into_iter().filter(|message| message.topic == topic) {
        let payload: Value = serde_json::from_slice(&message.payload).expect("JSON");
        if payload["type"] == "stored" && payload["session"] == session {
            for range in payload["seq"].as_array().expect("ranges") {
                told.extend(range[0].as_u64().expect("a number")..=range[1].as_u64().expect("a number"));
            }
        }
    }
    told
}

#[track_caller]
fn await_stored(watcher: &mut Subscriber, seqs: impl IntoIterator<Item = u64>) {
    let wanted: BTreeSet<u64> = seqs.into_iter().collect();
    wait_until(PATIENCE, &format!("{wanted:?} are stored"), || told(watcher, "alice", FIRST_RUN).is_superset(&wanted));
}

/// A watcher that has received nothing yet.
fn watcher(broker: &Broker) -> Subscriber {
    Subscriber::start(broker, &["chat/private/#"])
}

#[test]
fn exactly_what_arrived_is_told_in_each_session() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = watcher(&broker);
    send(&broker, [1]);
    await_stored(&mut watcher, [1]);
    send(&broker, [2, 3, 5]);
    // Two rooms and a direct message count in one session. Another session or another nick is another sender.
    let mut to_dev = numbered("alice", FIRST_RUN, 8);
    to_dev["room"] = "dev".into();
    say(&broker, "chat/rooms/dev/alice", to_dev);
    let direct = json!({"type": "private", "username": "alice", "to": "bob", "message": "psst", "session": FIRST_RUN,
        "seq": 9});
    say(&broker, "chat/private/bob/alice", direct);
    say(&broker, "chat/messages", numbered("alice", SECOND_RUN, 4));
    say(&broker, "chat/messages", numbered("Bob", FIRST_RUN, 6));
    say(&broker, "chat/messages", chat("carol", "an original's"));
    await_stored(&mut watcher, [1, 2, 3, 5, 8, 9]);
    wait_until(PATIENCE, "the others are told", || {
        told(&mut watcher, "alice", SECOND_RUN).contains(&4) && told(&mut watcher, "bob", FIRST_RUN).contains(&6)
    });
    assert_eq!(told(&mut watcher, "alice", FIRST_RUN), BTreeSet::from([1, 2, 3, 5, 8, 9]));
    assert_eq!(told(&mut watcher, "carol", FIRST_RUN), BTreeSet::new());
}

#[test]
fn a_retransmission_is_confirmed_again_and_stored_once() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    send(&broker, 1..=3);
    send_again(&broker, 2..=4);
    await_stored(&mut watcher_after(&broker, || send_again(&broker, 1..=3)), 1..=3);
    let page = ask(&broker, &mut watcher(&broker), "history", "h1", json!({}));
    assert_eq!(texts(&page), ["1", "2", "3", "4"]);
}

/// A watcher from before `what` was done, but not earlier.
fn watcher_after(broker: &Broker, what: impl FnOnce()) -> Subscriber {
    let watcher = watcher(broker);
    what();
    watcher
}

#[test]
fn a_killed_server_confirms_after_its_restart() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut before = watcher(&broker);
    send(&broker, 1..=3);
    await_stored(&mut before, 1..=3);
    server.kill();
    // The broker keeps these for the server.
    send(&broker, 4..=5);
    let mut after = watcher(&broker);
    let _server = start_server(&broker, data.path(), &[]);
    await_stored(&mut after, 4..=5);
    send_again(&broker, 1..=5);
    await_stored(&mut after, 1..=5);
    assert_eq!(texts(&ask(&broker, &mut after, "history", "h1", json!({}))), ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_fresh_database_takes_an_earlier_runs_outbox() {
    let broker = Broker::start();
    for run in 0..2 {
        let data = TempDir::new();
        let mut server = start_server(&broker, data.path(), &[]);
        let mut watcher = watcher_after(&broker, || send_again(&broker, 7..=9));
        await_stored(&mut watcher, 7..=9);
        let page = ask(&broker, &mut watcher, "history", &format!("h{run}"), json!({}));
        assert_eq!(texts(&page), ["7", "8", "9"]);
        server.signal(libc::SIGTERM);
        assert_eq!(server.exit_code(PATIENCE), 0);
    }
}

#[test]
fn a_broker_that_forgot_everything_makes_no_difference() {
    let (mut broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    send(&broker, 1..=3);
    await_stored(&mut watcher_after(&broker, || send_again(&broker, [3])), [3]);
    broker.kill();
    server.wait_for_line(Stream::Err, "connection lost", PATIENCE);
    server.skip_lines_so_far();
    broker.start_again();
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut watcher = watcher_after(&broker, || send_again(&broker, 2..=4));
    await_stored(&mut watcher, 2..=4);
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), ["1", "2", "3", "4"]);
}

#[test]
fn confirmations_do_not_need_a_disk() {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#", "chat/server"]);
    let info = await_json(&mut watcher, "what the server is", "chat/server", |v| v["status"] == "online");
    assert_eq!(info["durable"], false);
    send(&broker, 1..=3);
    await_stored(&mut watcher, 1..=3);
    send_again(&broker, 2..=4);
    await_stored(&mut watcher, [4]);
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), ["1", "2", "3", "4"]);
}

#[test]
fn a_server_with_a_database_says_that_it_is_durable() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/server"]);
    await_json(&mut watcher, "what the server is", "chat/server", |v| v["durable"] == true);
}

#[test]
fn an_invalid_message_is_settled_by_an_error_and_others_are_stored() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = watcher(&broker);
    send(&broker, [1]);
    let mut long = numbered("alice", FIRST_RUN, 2);
    long["message"] = "x".repeat(4_001).into();
    say(&broker, "chat/messages", long);
    let mut direct = json!({"type": "private", "username": "alice", "message": "to nobody", "session": FIRST_RUN});
    direct["seq"] = 3.into();
    say(&broker, "chat/private/bob/alice", direct);
    send(&broker, [4]);
    for seq in [2, 3] {
        let of = format!("{FIRST_RUN}-{seq}");
        await_json(&mut watcher, "an error", "chat/private/alice/server", |v| v["type"] == "error" && v["of"] == of);
    }
    await_stored(&mut watcher, [1, 4]);
    assert_eq!(told(&mut watcher, "alice", FIRST_RUN), BTreeSet::from([1, 4]));
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), ["1", "4"]);
}

#[test]
fn another_message_with_the_same_id_is_settled_by_an_error_and_can_be_sent_under_another() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = watcher(&broker);
    send(&broker, [1]);
    await_stored(&mut watcher, [1]);
    let mut other = numbered("alice", FIRST_RUN, 1);
    other["message"] = "another".into();
    let mut direct = other.clone();
    (direct["type"], direct["to"]) = ("private".into(), "bob".into());
    let told = |watcher: &mut Subscriber| {
        let of = format!("{FIRST_RUN}-1");
        let is_told = |v: &Value| v["code"] == "id_taken" && v["of"] == of && v["session"] == FIRST_RUN;
        await_json(watcher, "an error", "chat/private/alice/server", is_told);
        watcher.skip_messages_so_far();
    };
    say(&broker, "chat/messages", other.clone());
    told(&mut watcher);
    say(&broker, "chat/rooms/dev/alice", other.clone());
    told(&mut watcher);
    say(&broker, "chat/private/bob/alice", direct);
    told(&mut watcher);
    server.wait_for_line(Stream::Err, &format!("another message of alice has the id {FIRST_RUN}-1"), PATIENCE);
    (other["session"], other["late"]) = (SECOND_RUN.into(), true.into());
    say(&broker, "chat/messages/alice", other);
    wait_until(PATIENCE, "it is stored", || self::told(&mut watcher, "alice", SECOND_RUN).contains(&1));
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), ["1", "another"]);
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h2", json!({"room": "dev"}))), [""; 0]);
}
