//! Sessions, wills, rooms: presence of our clients.

use super::support::{Broker, Subscriber, TempDir};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, await_notice, notices, original, ours, say, start_server, will};
use serde_json::json;

#[test]
fn a_join_is_welcomed_and_a_second_session_is_refused() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system", "chat/private/#"]);
    let to_alice = "chat/private/alice/server";

    ours(&broker, "join", "Alice", FIRST_RUN, 1);
    let welcome = await_json(&mut watcher, "a welcome", to_alice, |v| v["type"] == "welcome");
    assert_eq!((&welcome["session"], &welcome["online_users"]), (&json!(FIRST_RUN), &json!(1)));

    ours(&broker, "join", "alice", SECOND_RUN, 1);
    let error = await_json(&mut watcher, "an error", to_alice, |v| v["type"] == "error");
    assert_eq!((&error["code"], &error["session"]), (&json!("nick_in_use"), &json!(SECOND_RUN)));

    original(&broker, "join", "carol");
    ours(&broker, "join", "Carol", SECOND_RUN, 1);
    await_json(&mut watcher, "an error", "chat/private/carol/server", |v| v["code"] == "nick_in_use");
    assert_eq!(notices(&mut watcher), ["user_join Alice", "user_join carol"]);
}

#[test]
fn a_will_is_a_leave_unless_the_run_is_back() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system"]);
    for nick in ["dropped", "restarted", "killed"] {
        ours(&broker, "join", nick, FIRST_RUN, 1);
    }
    // Back before the will is believed; back before the will even arrives; and gone for good, after the others.
    will(&broker, "dropped", FIRST_RUN, 1);
    ours(&broker, "join", "dropped", FIRST_RUN, 2);
    will(&broker, "dropped", FIRST_RUN, 1);
    will(&broker, "restarted", FIRST_RUN, 1);
    ours(&broker, "join", "restarted", SECOND_RUN, 1);
    will(&broker, "killed", FIRST_RUN, 1);
    await_notice(&mut watcher, "user_leave", "killed");
    assert_eq!(
        notices(&mut watcher),
        ["user_join dropped", "user_join restarted", "user_join killed", "user_leave killed"]
    );
}

#[test]
fn a_leave_or_will_of_an_old_run_does_not_end_the_new_one() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system"]);
    ours(&broker, "join", "alice", FIRST_RUN, 1);
    ours(&broker, "leave", "alice", FIRST_RUN, 1);
    await_notice(&mut watcher, "user_leave", "alice");
    ours(&broker, "join", "alice", SECOND_RUN, 1);
    watcher.skip_messages_so_far();
    ours(&broker, "leave", "alice", FIRST_RUN, 1);
    will(&broker, "alice", FIRST_RUN, 1);
    original(&broker, "leave", "alice");
    // Somebody else's whole life after it: by then Alice's will would have been believed.
    ours(&broker, "join", "fence", FIRST_RUN, 1);
    will(&broker, "fence", FIRST_RUN, 1);
    await_notice(&mut watcher, "user_leave", "fence");
    assert!(!notices(&mut watcher).iter().skip(2).any(|notice| notice.starts_with("user_leave alice")));
}

#[test]
fn rooms_have_members_and_messages() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#", "chat/system"]);
    let presence =
        |rooms| json!({"action": "join", "username": "alice", "session": FIRST_RUN, "conn": 1, "rooms": rooms});
    say(&broker, "chat/presence/alice", presence(json!(["dev", "lobby", 7, "Bad Room"])));
    say(
        &broker,
        "chat/rooms/dev/alice",
        json!({"type": "chat", "username": "alice", "message": "hi dev", "room": "lobby"}),
    );
    let rooms = ask(&broker, &mut watcher, "rooms", "r1", json!({}));
    let lobby = json!({"name": "lobby", "members": 1, "messages": 0});
    assert_eq!(rooms["rooms"], json!([{"name": "dev", "members": 1, "messages": 1}, lobby]));

    // A join from a present session replaces its rooms, without a notice.
    say(&broker, "chat/presence/alice", presence(json!([])));
    let rooms = ask(&broker, &mut watcher, "rooms", "r2", json!({}));
    assert_eq!(rooms["rooms"][0], json!({"name": "dev", "members": 0, "messages": 1}));
    assert_eq!(notices(&mut watcher), ["user_join alice"]);
}

#[test]
fn users_and_ping_are_answered_to_the_requester() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    ours(&broker, "join", "Alice", FIRST_RUN, 1);
    let users = ask(&broker, &mut watcher, "users", "u1", json!({}));
    assert_eq!((&users["users"], &users["count"]), (&json!(["Alice"]), &json!(1)));
    let pong = ask(&broker, &mut watcher, "ping", "p1", json!({}));
    assert_eq!(pong["type"], "pong");
}
