//! The server against a real broker. mosquitto_pub and mosquitto_sub play the original clients, and ours if only the
//! wire matters.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod directs;
mod disk;
mod history;
mod loaded;
mod marks;
mod originals;
mod outages;
mod presence;
mod retained;
mod retention;
mod rivals;
mod search;
mod stopping;
mod stored;
mod unwritable;

use serde_json::{Value, json};
use std::path::Path;
use support::{Broker, PATIENCE, Program, Stream, Subscriber, publish};

/// Sessions of two runs of our client.
const FIRST_RUN: &str = "k3v9x2m1q8f0";
const SECOND_RUN: &str = "z0z0z0z0z0z0";

/// A server that is connected to the broker.
fn start_server(broker: &Broker, data_dir: &Path, arguments: &[&str]) -> Program {
    let mut server = spawn_server(broker, data_dir, arguments);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    server
}

fn spawn_server(broker: &Broker, data_dir: &Path, arguments: &[&str]) -> Program {
    let address = broker.address();
    let data_dir = data_dir.to_str().expect("a UTF-8 path");
    let mut all = vec!["server", &address, "--data-dir", data_dir];
    all.extend(arguments);
    Program::start(&all)
}

/// Publishes a JSON payload at QoS 1.
fn say(broker: &Broker, topic: &str, payload: Value) {
    publish(broker, topic, payload.to_string(), 1, false);
}

/// A presence of an original client.
fn original(broker: &Broker, action: &str, nick: &str) {
    say(
        broker,
        "chat/presence",
        json!({"action": action, "username": nick, "timestamp": "2026-11-22T19:11:34.506051"}),
    );
}

/// A presence of our client, on this connection of a run.
fn ours(broker: &Broker, action: &str, nick: &str, session: &str, conn: u32) {
    let payload = json!({"action": action, "username": nick, "session": session, "conn": conn});
    say(broker, &format!("chat/presence/{}", nick.to_lowercase()), payload);
}

fn will(broker: &Broker, nick: &str, session: &str, conn: u32) {
    let payload = json!({"action": "leave", "will": true, "username": nick, "session": session, "conn": conn});
    say(broker, &format!("chat/presence/{nick}"), payload);
}

/// Waits for the payload on `topic` for which `wanted` holds.
#[track_caller]
fn await_json(subscriber: &mut Subscriber, what: &str, topic: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let read = |payload: &[u8]| serde_json::from_slice::<Value>(payload).unwrap_or(Value::Null);
    let message = subscriber.wait_for(what, |name, payload| name == topic && wanted(&read(payload)));
    read(&message.payload)
}

#[track_caller]
fn await_notice(subscriber: &mut Subscriber, kind: &str, nick: &str) -> Value {
    await_json(subscriber, &format!("{kind} of {nick}"), "chat/system", |v| v["type"] == kind && v["username"] == nick)
}

/// The notices so far, as `kind nick`.
fn notices(subscriber: &mut Subscriber) -> Vec<String> {
    let messages = subscriber.messages().into_iter().filter(|message| message.topic == "chat/system");
    let values = messages.map(|message| serde_json::from_slice::<Value>(&message.payload).expect("JSON"));
    let text = |value: &Value, field: &str| value[field].as_str().expect("a string").to_owned();
    values.map(|value| format!("{} {}", text(&value, "type"), text(&value, "username"))).collect()
}

/// Sends a request like a client of ours and waits for the answer; use each `token` once.
#[track_caller]
fn ask(broker: &Broker, subscriber: &mut Subscriber, what: &str, token: &str, mut fields: Value) -> Value {
    fields["requester"] = "asker".into();
    fields["session"] = SECOND_RUN.into();
    fields["request"] = token.into();
    say(broker, &format!("chat/request/{what}/asker"), fields);
    await_json(subscriber, &format!("the answer to {what}"), "chat/private/asker/server", |v| v["request"] == token)
}

/// The texts of a page.
fn texts(page: &Value) -> Vec<&str> {
    page["messages"].as_array().expect("messages").iter().map(|m| m["message"].as_str().expect("a text")).collect()
}

fn chat(nick: &str, text: &str) -> Value {
    json!({"type": "chat", "username": nick, "message": text, "timestamp": "2026-11-22T19:11:37.269207"})
}
