//! Clean stops under load: everything that the broker has acknowledged is in the history, and its sender got a
//! confirmation.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, link_config, settings, wait_until};
use super::{start_server, stored};
use crossbeam_channel::unbounded;
use mqttchat::link::{Event, Link, Publication, Qos};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Each with a session of its own.
const SENDERS: usize = 5;
/// The pause between two messages of a sender: 2,500 per second from all.
const PAUSE: Duration = Duration::from_millis(2);
/// The time between two stops.
const RUN: Duration = Duration::from_millis(1_500);
const STOPS: usize = 3;

/// Publishes at QoS 1 and never retransmits what the broker has acknowledged, until told to stop. Returns the
/// acknowledged numbers.
fn sender(port: u16, number: usize, stop: Arc<AtomicBool>, start: Arc<Barrier>) -> JoinHandle<BTreeSet<u64>> {
    std::thread::spawn(move || {
        let (events, inbox) = unbounded();
        let config = link_config(settings(port), &nick(number), Vec::new());
        let link = Link::open(config, move |event| drop(events.send(event))).expect("a thread");
        let connected = inbox.recv_timeout(PATIENCE);
        assert!(matches!(connected, Ok(Event::Connected { .. })), "{connected:?}");
        start.wait();
        let (mut sent, mut acknowledged, mut due) = (0, BTreeSet::new(), Instant::now());
        while !stop.load(Ordering::Relaxed) {
            sent += 1;
            let text = sent.to_string();
            let payload = json!({"type": "chat", "username": nick(number), "message": text, "session": session(number),
                "seq": sent});
            link.publish(Publication {
                topic: "chat/messages".to_owned(),
                payload: payload.to_string().into_bytes(),
                qos: Qos::AtLeastOnce,
                retain: false,
                ticket: Some(sent),
            });
            due += PAUSE;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        while acknowledged.len() < sent as usize {
            match inbox.recv_timeout(PATIENCE) {
                Ok(Event::Published { ticket }) => drop(acknowledged.insert(ticket)),
                other => panic!("{} of {sent} acknowledged, then {other:?}", acknowledged.len()),
            }
        }
        acknowledged
    })
}

fn nick(number: usize) -> String {
    format!("sender{number}")
}

fn session(number: usize) -> String {
    format!("00000000000{number}")
}

/// The senders and numbers in the history, each once.
fn history(data: &Path) -> BTreeSet<(String, u64)> {
    let mut export = Program::start(&["export", "--data-dir", data.to_str().expect("a UTF-8 path")]);
    assert_eq!(export.exit_code(PATIENCE), 0);
    let mut numbers = BTreeSet::new();
    for line in export.lines(Stream::Out) {
        let value: Value = serde_json::from_str(&line).expect("JSON");
        let (nick, seq) = (value["username"].as_str().expect("a nick"), value["seq"].as_u64().expect("a number"));
        assert!(numbers.insert((nick.to_owned(), seq)), "{seq} of {nick} is there twice");
    }
    numbers
}

/// The senders and numbers that were confirmed.
fn told(watcher: &mut Subscriber) -> BTreeSet<(String, u64)> {
    let of_one =
        |number| stored::told(watcher, &nick(number), &session(number)).into_iter().map(move |n| (nick(number), n));
    (0..SENDERS).flat_map(of_one).collect()
}

/// Repeatedly stops the server that `start` starts, while everybody talks. Calls `look` after each stop with the
/// contents of the history.
fn stop_under_load(
    broker: &Broker,
    start: impl Fn(&Path) -> Program,
    mut look: impl FnMut(&mut Program, &BTreeSet<(String, u64)>),
) {
    let data = TempDir::new();
    let mut server = start(data.path());
    let (ends, together) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(SENDERS + 1)));
    let senders: Vec<_> =
        (0..SENDERS).map(|number| sender(broker.port(), number, ends.clone(), together.clone())).collect();
    together.wait();
    for _ in 0..STOPS {
        std::thread::sleep(RUN);
        server.signal(libc::SIGTERM);
        assert_eq!(server.exit_code(PATIENCE), 0);
        look(&mut server, &history(data.path()));
        server = start(data.path());
    }
    ends.store(true, Ordering::Relaxed);
    let numbers = |sender: JoinHandle<BTreeSet<u64>>| sender.join().expect("no panic");
    let of_one = |(number, sender)| numbers(sender).into_iter().map(move |seq| (nick(number), seq));
    let acknowledged: BTreeSet<(String, u64)> = senders.into_iter().enumerate().flat_map(of_one).collect();
    let mut lost = acknowledged.len();
    let deadline = Instant::now() + PATIENCE;
    while lost > 0 && Instant::now() < deadline {
        lost = acknowledged.difference(&history(data.path())).count();
    }
    assert_eq!(lost, 0, "of {}", acknowledged.len());
}

/// Lets this many connections through to the broker and then no more; returns its port.
fn narrow_door(broker: u16, connections: usize) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for near in listener.incoming().take(connections) {
            let near = near.expect("a connection");
            let far = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).expect("the broker is there");
            let clone = |stream: &TcpStream| stream.try_clone().expect("a second handle");
            for (mut from, mut to) in [(clone(&near), clone(&far)), (far, near)] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    port
}

#[test]
fn a_clean_stop_loses_nothing_that_was_acknowledged_and_tells_what_is_stored() {
    let log = TempDir::new();
    let broker = Broker::builder().line("max_queued_messages 0").log(&log.join("log")).start();
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let start = |data: &Path| start_server(&broker, data, &[]);
    stop_under_load(&broker, start, |_, there| {
        assert!(!there.is_empty());
        wait_until(PATIENCE, "everybody is told", || told(&mut watcher).is_superset(there));
        assert_eq!(told(&mut watcher).difference(there).next(), None, "told, and not there");
    });
}

#[test]
fn without_a_second_connection_for_the_last_words_nothing_is_lost_either() {
    let log = TempDir::new();
    let broker = Broker::builder().line("max_queued_messages 0").log(&log.join("log")).start();
    let start = |data: &Path| {
        // One to look for another server, and its own.
        let address = format!("127.0.0.1:{}", narrow_door(broker.port(), 2));
        let mut server = Program::start(&["server", &address, "--data-dir", data.to_str().expect("a UTF-8 path")]);
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        server
    };
    stop_under_load(&broker, start, |server, there| {
        assert!(!there.is_empty());
        server.wait_for_line(Stream::Err, "no second connection", PATIENCE);
    });
}
