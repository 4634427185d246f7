//! Programs that stood still: what waits for them at the broker comes late, or is dropped.

use super::*;
use support::Subscriber;

/// Waits until so many requests for pages have been made in all.
#[track_caller]
fn wait_for_requests(requests: &mut Subscriber, count: usize) {
    support::wait_until(PATIENCE, &format!("{count} requests"), || requests.messages().len() >= count);
}

#[test]
fn a_reply_to_an_earlier_run_is_not_taken_for_ones_own() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &["--room", "one", "--room", "two"]);
    for room in ["lobby", "one", "two"] {
        say(&mut bob, json!({"message": format!("said in {room}"), "room": room}));
    }
    let mut requests = Subscriber::start(&chat.broker, &["chat/request/history/alice"]);
    chat.server.signal(libc::SIGSTOP);
    let mut earlier = chat.client("alice", &["--json", "--room", "one", "--room", "two"]);
    wait_for_requests(&mut requests, 3);
    earlier.kill();
    let mut alice = chat.client("alice", &["--json", "--room", "two", "--room", "one"]);
    wait_for_requests(&mut requests, 6);
    chat.server.signal(libc::SIGCONT);

    for room in ["lobby", "one", "two"] {
        event_with(&mut alice, "history", &format!(r#""room":"{room}""#));
    }
    let mut told = events(&mut alice, "chat");
    told.sort_by_key(|chat| chat["room"].to_string());
    let told: Vec<_> = told.iter().map(|chat| (chat["room"].as_str(), chat["message"].as_str())).collect();
    let expected = [("lobby", "said in lobby"), ("one", "said in one"), ("two", "said in two")];
    assert_eq!(told, expected.map(|(room, text)| (Some(room), Some(text))));
}
