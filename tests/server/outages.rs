//! No outage of the server or the broker loses history or makes anybody leave.

use super::support::{Broker, PATIENCE, Stream, Subscriber, TempDir};
use super::{FIRST_RUN, ask, await_json, await_notice, chat, notices, original, ours, say, start_server, texts};
use serde_json::json;

#[test]
fn a_server_killed_and_started_again_knows_everything() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system", "chat/private/#", "chat/server"]);
    ours(&broker, "join", "Alice", FIRST_RUN, 1);
    original(&broker, "join", "bob");
    say(&broker, "chat/messages", chat("bob", "before"));
    let before = ask(&broker, &mut watcher, "history", "h1", json!({}));
    server.kill();
    await_json(&mut watcher, "the server's will", "chat/server", |v| v["status"] == "offline");
    // Publications of others at QoS 1 wait in the server's session meanwhile.
    say(&broker, "chat/messages", chat("bob", "meanwhile"));

    let _server = start_server(&broker, data.path(), &[]);
    let after = ask(&broker, &mut watcher, "history", "h2", json!({}));
    assert_eq!(texts(&after), ["before", "meanwhile"]);
    assert_eq!(after["epoch"], before["epoch"]);
    let users = ask(&broker, &mut watcher, "users", "u1", json!({}));
    assert_eq!(users["users"], json!(["Alice", "bob"]));
    ours(&broker, "heartbeat", "Alice", FIRST_RUN, 1);
    original(&broker, "leave", "bob");
    await_notice(&mut watcher, "user_leave", "bob");
    assert_eq!(notices(&mut watcher), ["user_join Alice", "user_join bob", "user_leave bob"]);
}

#[test]
fn everything_is_published_again_to_a_broker_that_forgot_it() {
    let (mut broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    ours(&broker, "join", "Alice", FIRST_RUN, 1);
    server.wait_for_line(Stream::Err, "joined nick=Alice", PATIENCE);
    broker.kill();
    server.wait_for_line(Stream::Err, "connection lost", PATIENCE);
    server.skip_lines_so_far();
    broker.start_again();
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);

    let mut watcher = Subscriber::start(&broker, &["chat/#"]);
    let retained = await_json(&mut watcher, "what the server is", "chat/server", |v| v["status"] == "online");
    assert_eq!(retained["heartbeat_seconds"], 30);
    await_json(&mut watcher, "the list", "chat/users", |v| v["users"] == json!(["Alice"]));
    ours(&broker, "join", "Alice", FIRST_RUN, 2);
    original(&broker, "join", "bob");
    await_notice(&mut watcher, "user_join", "bob");
    assert_eq!(notices(&mut watcher), ["user_join bob"]);
}

#[test]
fn a_server_waits_for_its_broker() {
    let (mut broker, data) = (Broker::start(), TempDir::new());
    broker.stop();
    let mut server = super::spawn_server(&broker, data.path(), &[]);
    let told = server.wait_for_line(Stream::Err, "cannot connect", PATIENCE);
    assert!(told.contains("; "), "{told}");
    server.skip_lines_so_far();
    let again = server.wait_for_line(Stream::Err, "cannot connect", PATIENCE);
    assert!(!again.contains("; "), "what to do is said once: {again}");
    broker.start_again();
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
}
