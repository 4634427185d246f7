//! One server at a time: the second finds the first and goes, the first notices nothing.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, wait_until};
use super::{await_json, say, spawn_server, start_server};
use serde_json::json;

#[test]
fn a_second_server_goes_with_75_and_the_first_notices_nothing() {
    let (broker, first_data, second_data) = (Broker::start(), TempDir::new(), TempDir::new());
    let mut first = start_server(&broker, first_data.path(), &[]);
    for data in [&second_data, &first_data] {
        let mut second = spawn_server(&broker, data.path(), &[]);
        assert_eq!(second.exit_code(PATIENCE), 75);
        assert!(second.lines(Stream::Err).iter().any(|line| line.contains("another server serves this chat")));
    }
    let mut other_root = start_server(&broker, second_data.path(), &["--topic-root", "elsewhere"]);
    other_root.signal(libc::SIGTERM);
    assert_eq!(other_root.exit_code(PATIENCE), 0);
    assert!(!first.lines(Stream::Err).iter().any(|line| line.contains("connection lost")));
}

#[test]
fn one_database_is_one_servers_whatever_the_broker() {
    let (broker, other_broker, data) = (Broker::start(), Broker::start(), TempDir::new());
    let mut first = start_server(&broker, data.path(), &[]);
    let mut second = spawn_server(&other_broker, data.path(), &[]);
    assert_eq!(second.exit_code(PATIENCE), 75);
    let log = second.lines(Stream::Err);
    assert!(log.len() == 1 && log[0].contains("chat.db"), "{log:#?}");
    // Killed, it leaves no lock behind.
    first.kill();
    start_server(&other_broker, data.path(), &[]);
}

#[test]
fn of_two_that_start_together_one_serves() {
    for round in 0..3 {
        let (broker, first_data, second_data) = (Broker::start(), TempDir::new(), TempDir::new());
        let mut servers = [&first_data, &second_data].map(|data| spawn_server(&broker, data.path(), &[]));
        let decided =
            |server: &mut Program, text: &str| server.lines(Stream::Err).iter().any(|line| line.contains(text));
        wait_until(PATIENCE, "a decision of both", || {
            servers
                .iter_mut()
                .all(|server| decided(server, "INFO connected") || decided(server, "another server serves"))
        });
        let serving = servers.iter_mut().filter_map(|server| decided(server, "INFO connected").then_some(())).count();
        assert_eq!(serving, 1, "round {round}");
    }
}

#[test]
fn an_original_server_counts_too() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut requests = Subscriber::start(&broker, &["chat/request/users"]);
    let mut server = spawn_server(&broker, data.path(), &[]);
    let request = await_json(&mut requests, "a users request", "chat/request/users", |v| v["requester"].is_string());
    let requester = request["requester"].as_str().expect("a nick");
    say(&broker, &format!("chat/private/{requester}"), json!({"type": "online_users", "users": [], "count": 0}));
    assert_eq!(server.exit_code(PATIENCE), 75);
}

#[test]
fn what_is_retained_proves_nothing() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let stale = json!({"type": "server", "status": "online", "instance": "stale"}).to_string();
    super::publish(&broker, "chat/server", stale, 1, true);
    // As it would come from another server that looks.
    let request = json!({"requester": "probe-aaaaaaaaaaaa", "request": "r1"}).to_string();
    super::publish(&broker, "chat/request/users/probe-aaaaaaaaaaaa", request, 1, true);
    start_server(&broker, data.path(), &[]);
}
