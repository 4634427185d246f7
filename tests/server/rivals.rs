//! One server at a time: the second one finds the first and exits, and the first does not notice. Nobody else can end a
//! server that was connected.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, link_config, settings, wait_until};
use super::{ask, await_json, say, spawn_server, start_server};
use crossbeam_channel::{Sender, select, unbounded};
use mqttchat::link::{Event, Link, Publication, Qos, Subscription};
use serde_json::{Value, json};
use std::thread::JoinHandle;

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
fn one_of_two_servers_that_start_together_serves() {
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
fn retained_messages_prove_nothing() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let stale = json!({"type": "server", "status": "online", "instance": "stale"}).to_string();
    super::publish(&broker, "chat/server", stale, 1, true);
    // Like the request of another server that looks.
    let request = json!({"requester": "probe-aaaaaaaaaaaa", "request": "aaaaaaaaaaaa-1"}).to_string();
    super::publish(&broker, "chat/request/users/probe-aaaaaaaaaaaa", request, 1, true);
    start_server(&broker, data.path(), &[]);
}

/// The warning of a running server about another one.
const SEEMS: &str = "another server seems to serve this chat";

/// The nick of a server that would have begun to look before all others.
const OLDER: &str = "probe-000000000000";

/// A forger's publication in response to a users request of a looking server, as topic and payload.
type Forgery = fn(&Value) -> (String, Value);

/// Publishes a forgery for each such request, until it is dropped.
struct Forger {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Forger {
    /// Returns once it receives requests.
    #[track_caller]
    fn start(broker: &Broker, forge: Forgery) -> Forger {
        let (sender, events) = unbounded();
        let requests = Subscription::new("chat/request/users/#".to_owned(), Qos::AtLeastOnce);
        let config = link_config(settings(broker.port()), "forger", vec![requests]);
        let link = Link::open(config, move |event| drop(sender.send(event))).expect("a thread");
        while !matches!(events.recv_timeout(PATIENCE).expect("a connection"), Event::Connected { .. }) {}
        let (stop, stopped) = unbounded();
        let thread = std::thread::spawn(move || {
            loop {
                let event = select! {
                    recv(events) -> event => event,
                    recv(stopped) -> _ => return,
                };
                let Ok(Event::Message(message)) = event else { continue };
                let request: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                let looks = request["requester"].as_str().is_some_and(|nick| nick.starts_with("probe-"));
                if looks && request["requester"] != OLDER {
                    let (topic, payload) = forge(&request);
                    let payload = payload.to_string().into_bytes();
                    link.publish(Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None });
                }
            }
        });
        Forger { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

/// A server's answer.
fn an_answer(request: &Value) -> (String, Value) {
    let to = request["requester"].as_str().expect("a nick");
    let list = json!({"type": "online_users", "users": ["eve"], "count": 1, "request": request["request"]});
    (format!("chat/private/{to}/server"), list)
}

/// Something that does not answer it.
fn no_answer(request: &Value) -> (String, Value) {
    let (topic, mut list) = an_answer(request);
    list["request"] = "r1".into();
    (topic, list)
}

/// A request that looks like an earlier one.
fn an_older_request(_: &Value) -> (String, Value) {
    let request = json!({"requester": OLDER, "session": super::FIRST_RUN, "request": "000000000000-2"});
    (format!("chat/request/users/{OLDER}"), request)
}

/// Restarts the broker while the server is stopped, and makes something happen before the server is back.
#[track_caller]
fn meanwhile<T>(broker: &mut Broker, server: &mut Program, happens: impl FnOnce(&Broker) -> T) -> T {
    server.skip_lines_so_far();
    server.signal(libc::SIGSTOP);
    broker.kill();
    broker.start_again();
    let value = happens(broker);
    server.signal(libc::SIGCONT);
    value
}

/// It warned about another server once, is online again, and answers.
#[track_caller]
fn check_it_serves_again(broker: &Broker, server: &mut Program) {
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let log = server.lines(Stream::Err);
    assert_eq!(log.iter().filter(|line| line.contains(SEEMS)).count(), 1, "{log:#?}");
    let mut watcher = Subscriber::start(broker, &["chat/private/#"]);
    ask(broker, &mut watcher, "ping", "p1", json!({}));
}

#[test]
fn a_forger_cannot_end_a_server_that_was_connected() {
    for forge in [an_answer as Forgery, an_older_request] {
        let (mut broker, data) = (Broker::start(), TempDir::new());
        let mut server = start_server(&broker, data.path(), &[]);
        let forger = meanwhile(&mut broker, &mut server, |broker| Forger::start(broker, forge));
        server.wait_for_line(Stream::Err, SEEMS, PATIENCE);
        // It keeps looking, with a new client identifier each time.
        let looks = |broker: &Broker| broker.log().matches(" as mqttchat-").count();
        let before = looks(&broker);
        wait_until(PATIENCE, "two more looks", || looks(&broker) >= before + 2);
        drop(forger);
        check_it_serves_again(&broker, &mut server);
    }
}

#[test]
fn a_server_that_was_connected_waits_until_another_one_is_gone() {
    let (mut broker, first_data, second_data) = (Broker::start(), TempDir::new(), TempDir::new());
    let mut first = start_server(&broker, first_data.path(), &[]);
    let mut second = meanwhile(&mut broker, &mut first, |broker| start_server(broker, second_data.path(), &[]));
    let told = first.wait_for_line(Stream::Err, SEEMS, PATIENCE);
    assert!(told.contains("it answers requests; chat/server names instance "), "{told}");
    second.signal(libc::SIGTERM);
    assert_eq!(second.exit_code(PATIENCE), 0);
    check_it_serves_again(&broker, &mut first);
}

#[test]
fn a_server_that_waits_for_another_one_to_go_stops_at_a_signal() {
    let (mut broker, first_data, second_data) = (Broker::start(), TempDir::new(), TempDir::new());
    let mut first = start_server(&broker, first_data.path(), &[]);
    let _second = meanwhile(&mut broker, &mut first, |broker| start_server(broker, second_data.path(), &[]));
    first.wait_for_line(Stream::Err, SEEMS, PATIENCE);
    first.signal(libc::SIGTERM);
    assert_eq!(first.exit_code(PATIENCE), 0);
}

/// It was stopped too briefly for the broker to close its connection, so it does not look again.
#[test]
fn a_server_that_stays_connected_warns_about_another_one() {
    let (broker, first_data, second_data) = (Broker::start(), TempDir::new(), TempDir::new());
    let mut first = start_server(&broker, first_data.path(), &[]);
    first.signal(libc::SIGSTOP);
    let _second = start_server(&broker, second_data.path(), &[]);
    first.signal(libc::SIGCONT);
    first.wait_for_line(Stream::Err, "WARN another server came online on chat/server (instance ", PATIENCE);
}

/// The broker delivers what that one said to the session of the first.
#[test]
fn a_server_that_came_and_went_meanwhile_is_no_other_server() {
    let (broker, first_data, second_data) = (Broker::start(), TempDir::new(), TempDir::new());
    for data in [&first_data, &second_data] {
        let mut server = start_server(&broker, data.path(), &[]);
        server.signal(libc::SIGTERM);
        assert_eq!(server.exit_code(PATIENCE), 0);
    }
    let mut first = start_server(&broker, first_data.path(), &[]);
    say(&broker, "chat/messages", json!({"type": "chat", "username": "alice", "message": "what was queued is read"}));
    first.wait_for_line(Stream::Err, "INFO message room=lobby nick=alice", PATIENCE);
    let lines = first.lines(Stream::Err);
    assert!(!lines.iter().any(|line| line.contains("another server")), "{lines:?}");
}

#[test]
fn at_its_start_a_server_goes_before_an_answer_to_its_own_request_only() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let forger = Forger::start(&broker, an_answer);
    assert_eq!(spawn_server(&broker, data.path(), &[]).exit_code(PATIENCE), 75);
    drop(forger);
    let _forger = Forger::start(&broker, no_answer);
    start_server(&broker, data.path(), &[]);
}
