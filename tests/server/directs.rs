//! Waiting direct messages: stored, reported as waiting, delivered when their addressee joins, and gone with the
//! receipt.

use super::support::{Broker, PATIENCE, Subscriber, TempDir, wait_until};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, await_notice, original, ours, say, start_server};
use serde_json::{Value, json};
use std::time::Duration;

const TO_ALICE: &str = "chat/private/alice/server";
const TO_BOB: &str = "chat/private/bob/server";
/// Longer than the server waits before it retransmits a message.
const AGAIN: Duration = Duration::from_secs(40);

fn private(seq: u64, late: bool) -> Value {
    let mut message = json!({"type": "private", "username": "Alice", "to": "Bob", "message": format!("psst {seq}"),
        "timestamp": "2026-11-22T20:30:00.123+01:00", "session": FIRST_RUN, "seq": seq});
    if late {
        message["late"] = true.into();
    }
    message
}

fn send(broker: &Broker, seq: u64) {
    say(broker, "chat/private/bob/alice", private(seq, false));
}

fn receipt(broker: &Broker, from: &str, seq: u64) {
    let of = json!({"username": "Alice", "id": format!("{FIRST_RUN}-{seq}")});
    let receipt = json!({"type": "receipt", "username": from, "of": of});
    say(broker, &format!("chat/private/alice/{}", from.to_lowercase()), receipt);
}

/// Everything that arrived on this topic.
fn on(watcher: &mut Subscriber, topic: &str) -> Vec<Value> {
    let messages = watcher.messages().into_iter().filter(|message| message.topic == topic);
    messages.map(|message| serde_json::from_slice(&message.payload).expect("JSON")).collect()
}

fn watch(broker: &Broker) -> Subscriber {
    Subscriber::start(broker, &["chat/private/#"])
}

#[track_caller]
fn await_stored(watcher: &mut Subscriber, seq: u64) {
    let holds = |range: &Value| range[0].as_u64() <= Some(seq) && Some(seq) <= range[1].as_u64();
    await_json(watcher, "stored", TO_ALICE, |v| {
        v["type"] == "stored" && v["seq"].as_array().is_some_and(|ranges| ranges.iter().any(holds))
    });
}

#[track_caller]
fn await_waiting(watcher: &mut Subscriber, seq: u64) {
    let of = format!("{FIRST_RUN}-{seq}");
    let told = await_json(watcher, "waiting", TO_ALICE, |v| v["type"] == "waiting" && v["of"] == of);
    assert_eq!(told, json!({"type": "waiting", "of": of, "to": "Bob"}));
}

#[track_caller]
fn await_delivery(watcher: &mut Subscriber, seq: u64) {
    let text = format!("psst {seq}");
    let message = await_json(watcher, "the message", TO_BOB, |v| v["message"] == text);
    assert_eq!(message, private(seq, true));
}

/// The direct messages that the server has sent to Bob so far, without repetitions: it retransmits if no receipt
/// arrives in time, and a busy host is slow.
fn delivered(watcher: &mut Subscriber) -> Vec<String> {
    let to_bob = watcher.messages().into_iter().filter(|message| message.topic == TO_BOB);
    let values = to_bob.map(|message| serde_json::from_slice::<Value>(&message.payload).expect("JSON"));
    let mut texts: Vec<String> = Vec::new();
    for value in values.filter(|v| v["type"] == "private") {
        let text = value["message"].as_str().expect("a text");
        if texts.iter().all(|known| known != text) {
            texts.push(text.to_owned());
        }
    }
    texts
}

/// Bob joins and is served: all waiting messages arrive before the answer to a later join's request.
#[track_caller]
fn join_and_see(broker: &Broker, conn: u32) -> Vec<String> {
    let mut watcher = watch(broker);
    ours(broker, "join", "Bob", SECOND_RUN, conn);
    await_json(&mut watcher, "a welcome", TO_BOB, |v| v["type"] == "welcome");
    // The database gets this question after the one about waiting messages.
    let request = json!({"requester": "Bob", "session": SECOND_RUN, "request": "after"});
    say(broker, "chat/request/history/bob", request);
    await_json(&mut watcher, "a page", TO_BOB, |v| v["request"] == "after");
    delivered(&mut watcher)
}

#[test]
fn it_waits_for_its_addressee_and_is_gone_with_the_receipt() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = watch(&broker);
    for seq in 1..=3 {
        send(&broker, seq);
        await_stored(&mut watcher, seq);
        await_waiting(&mut watcher, seq);
    }
    // Nothing is lost with the server.
    server.kill();
    let mut server = start_server(&broker, data.path(), &[]);
    ours(&broker, "join", "Bob", SECOND_RUN, 1);
    for seq in 1..=3 {
        await_delivery(&mut watcher, seq);
    }
    assert_eq!(delivered(&mut watcher), ["psst 1", "psst 2", "psst 3"]);
    // One receipt is from somebody else.
    receipt(&broker, "Bob", 1);
    receipt(&broker, "Mallory", 2);
    receipt(&broker, "Bob", 3);
    assert_eq!(join_and_see(&broker, 2), ["psst 2"]);
    receipt(&broker, "Bob", 2);
    assert_eq!(join_and_see(&broker, 3), [""; 0]);

    // Its sender got no confirmation, and retransmits it.
    watcher.skip_messages_so_far();
    say(&broker, "chat/private/bob/alice", private(2, true));
    await_stored(&mut watcher, 2);
    assert_eq!(join_and_see(&broker, 4), [""; 0]);
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
}

#[test]
fn a_present_addressee_without_a_receipt_gets_it_again() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    ours(&broker, "join", "Bob", SECOND_RUN, 1);
    let mut watcher = watch(&broker);
    send(&broker, 1);
    send(&broker, 2);
    await_stored(&mut watcher, 2);
    receipt(&broker, "Bob", 2);
    let text = "psst 1";
    watcher.wait_within(AGAIN, "the message again", |topic, payload| {
        topic == TO_BOB && serde_json::from_slice::<Value>(payload).is_ok_and(|v| v["message"] == text)
    });
    assert_eq!(delivered(&mut watcher), ["psst 1"]);
    let waiting = |message: &super::support::Message| String::from_utf8_lossy(&message.payload).contains("waiting");
    assert!(!watcher.messages().iter().any(waiting), "Bob was there");
}

#[test]
fn a_message_waits_if_its_addressee_leaves_without_a_receipt() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = watch(&broker);
    ours(&broker, "join", "Bob", SECOND_RUN, 1);
    send(&broker, 1);
    await_stored(&mut watcher, 1);
    ours(&broker, "leave", "Bob", SECOND_RUN, 1);
    await_waiting(&mut watcher, 1);
    assert_eq!(join_and_see(&broker, 2), ["psst 1"]);
}

#[test]
fn messages_under_way_arrive_despite_a_restart() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = watch(&broker);
    ours(&broker, "join", "Bob", SECOND_RUN, 1);
    await_json(&mut watcher, "a welcome", TO_BOB, |v| v["type"] == "welcome");
    send(&broker, 1);
    await_stored(&mut watcher, 1);
    server.kill();
    let _server = start_server(&broker, data.path(), &[]);
    await_delivery(&mut watcher, 1);
}

#[test]
fn an_original_client_gets_it_as_a_history_of_one() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = watch(&broker);
    send(&broker, 1);
    await_waiting(&mut watcher, 1);
    original(&broker, "join", "BOB");
    send(&broker, 2);
    for seq in [1, 2] {
        let text = format!("(direct) psst {seq}");
        let is_it = |v: &Value| v["type"] == "history" && v["messages"][0]["message"] == text;
        let page = await_json(&mut watcher, "a history", "chat/private/BOB", is_it);
        let timestamp = "2026-11-22T20:30:00.123+01:00";
        assert_eq!(
            page["messages"],
            json!([{"type": "chat", "username": "Alice", "message": text, "timestamp": timestamp}])
        );
    }
    // An original client sends no receipts. But it was alive if it is heard from a while later.
    let is_receipt = |value: &Value| value["type"] == "receipt";
    assert!(!on(&mut watcher, TO_ALICE).iter().any(is_receipt));
    wait_until(PATIENCE, "a receipt for each", || {
        original(&broker, "heartbeat", "BOB");
        on(&mut watcher, TO_ALICE).iter().filter(|value| is_receipt(value)).count() == 2
    });
    let receipts: Vec<Value> = on(&mut watcher, TO_ALICE).into_iter().filter(is_receipt).collect();
    for (receipt, seq) in receipts.iter().zip([1, 2]) {
        let of = json!({"username": "Alice", "id": format!("{FIRST_RUN}-{seq}")});
        assert_eq!((&receipt["username"], &receipt["of"]), (&json!("Bob"), &of));
    }
    original(&broker, "leave", "BOB");
    assert_eq!(join_and_see(&broker, 1), [""; 0], "that counted as delivered");
}

#[test]
fn a_dead_original_client_has_received_nothing() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &["--timeout", "2"]);
    let mut watcher = watch(&broker);
    original(&broker, "join", "Bob");
    send(&broker, 1);
    await_json(&mut watcher, "a history", "chat/private/Bob", |v| v["type"] == "history");
    // It is never heard from again.
    await_waiting(&mut watcher, 1);
    assert_eq!(join_and_see(&broker, 1), ["psst 1"]);
    let receipts = on(&mut watcher, TO_ALICE).into_iter().filter(|value| value["type"] == "receipt");
    assert_eq!(receipts.count(), 0);
}

#[test]
fn a_receipt_that_overtakes_its_message_settles_it() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let (mut watcher, mut notices) = (watch(&broker), Subscriber::start(&broker, &["chat/system"]));
    ours(&broker, "join", "Bob", SECOND_RUN, 1);
    // He got them from Alice herself. The server receives the first only when she retransmits it.
    receipt(&broker, "Bob", 1);
    receipt(&broker, "Mallory", 2);
    ours(&broker, "leave", "Bob", SECOND_RUN, 1);
    // The receipts came before that.
    await_notice(&mut notices, "user_leave", "Bob");
    // They are not only in memory.
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    let _server = start_server(&broker, data.path(), &[]);
    for seq in [1, 2] {
        send(&broker, seq);
        await_stored(&mut watcher, seq);
    }
    await_waiting(&mut watcher, 2);
    let first = format!("{FIRST_RUN}-1");
    assert!(!on(&mut watcher, TO_ALICE).iter().any(|value| value["type"] == "waiting" && value["of"] == first));
    assert_eq!(join_and_see(&broker, 2), ["psst 2"]);
}

#[test]
fn receipts_let_more_follow_in_order() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = watch(&broker);
    for seq in 1..=40 {
        send(&broker, seq);
    }
    // A message stored after Bob's join counts as sent to him by Alice herself.
    await_waiting(&mut watcher, 40);
    ours(&broker, "join", "Bob", SECOND_RUN, 1);
    await_delivery(&mut watcher, 8);
    ask(&broker, &mut watcher, "ping", "p1", json!({}));
    assert_eq!(delivered(&mut watcher).len(), 8, "no more without a receipt");
    for seq in 1..=40 {
        await_delivery(&mut watcher, seq);
        receipt(&broker, "Bob", seq);
    }
    let expected: Vec<String> = (1..=40).map(|seq| format!("psst {seq}")).collect();
    assert_eq!(delivered(&mut watcher), expected);
}

#[test]
fn a_server_ignores_its_own_messages() {
    let (broker, data) = (Broker::start(), TempDir::new());
    // Only MQTT 5 can leave out a client's own publications.
    let _server = start_server(&broker, data.path(), &["-V", "311"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#", "chat/stats"]);
    send(&broker, 1);
    await_waiting(&mut watcher, 1);
    assert_eq!(join_and_see(&broker, 1), ["psst 1"]);
    receipt(&broker, "Bob", 1);
    assert_eq!(join_and_see(&broker, 2), [""; 0]);
    let stats = await_json(&mut watcher, "the counters", "chat/stats", |v| v["directs_total"] == 1);
    assert_eq!((&stats["invalid_total"], &stats["messages_total"]), (&json!(0), &json!(0)));
}
