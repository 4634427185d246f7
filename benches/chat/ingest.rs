//! Chat messages per second through the server into its history, beside a bare paho subscriber that only parses.
//!
//! Publisher, broker and consumer share the machine. The consumers take turns, so that a machine that slows down slows
//! both. A run is timed from the first message published to the answer that the last one is there.

use super::spread;
use super::support::{Broker, PATIENCE, Program, TempDir};
use crossbeam_channel::{Receiver, unbounded};
use mqttchat::link::{
    Address, Config, Event, LONGEST_WAIT, Link, Publication, Qos, Settings, Subscription, Transport, Version,
};
use mqttchat::protocol::{
    Chat, FromServer, Nick, Request, RequestKind, RoomName, SentId, Session, Timestamp, Topic, Topics,
};
use paho_mqtt as mqtt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const BARE_SUBSCRIBER: &str = "bare-subscriber";
const ROUNDS: usize = 5;
/// The publisher's window: what a client of ours has under way at most.
const WINDOW: u64 = 1_000;
const DEADLINE: Duration = Duration::from_secs(120);

pub fn print() {
    let count = std::env::var("BENCH_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    println!("ingest: {count} chat messages a run, {ROUNDS} runs each, in turn; messages/s (minimum, median, maximum)");
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        let mut bare = Vec::new();
        let mut server = Vec::new();
        for _ in 0..ROUNDS {
            bare.push(through_bare_subscriber(count, qos));
            server.push(through_server(count, qos));
        }
        let ratios = server.iter().zip(&bare).map(|(server, bare)| server / bare).collect();
        let (low, median, high) = spread(bare);
        println!("  QoS {}  bare subscriber {low:8.0} {median:8.0} {high:8.0}", qos as u8);
        let (low, median, high) = spread(server);
        println!("         server          {low:8.0} {median:8.0} {high:8.0}");
        let (low, median, high) = spread(ratios);
        println!("         ratio           {low:8.2} {median:8.2} {high:8.2}");
    }
}

/// A broker that queues without limit: by default Mosquitto acknowledges and drops past 1,000.
fn broker() -> Broker {
    Broker::builder().line("max_queued_messages 0").line("max_inflight_messages 0").start()
}

fn through_server(count: u64, qos: Qos) -> f64 {
    let (broker, data) = (broker(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let qos_flag = (qos as u8).to_string();
    // Quiet: a log line per message would be read and thrown away by this process.
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir, "-q", &qos_flag, "--quiet"]);
    let publisher = Publisher::connect(&broker);
    while publisher.stored() != Some(0) {}
    let started = Instant::now();
    publisher.publish(count, qos);
    // A reply comes after what was before it is committed. At QoS 0 the broker may have dropped some: then the count
    // that no longer grows is what arrived.
    let (mut stored, mut unchanged) = (0, 0);
    while stored < count && unchanged < 20 && started.elapsed() < DEADLINE {
        let now = publisher.stored().unwrap_or(stored);
        unchanged = if now == stored { unchanged + 1 } else { 0 };
        stored = now;
    }
    let rate = rate(stored, count, started);
    server.signal(libc::SIGTERM);
    server.exit_code(PATIENCE);
    rate
}

fn through_bare_subscriber(count: u64, qos: Qos) -> f64 {
    let broker = broker();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([BARE_SUBSCRIBER, &broker.port().to_string(), &count.to_string(), &(qos as u8).to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts again");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    expect_word(&mut said, &mut child, "ready");
    let publisher = Publisher::connect(&broker);
    let started = Instant::now();
    publisher.publish(count, qos);
    let arrived = expect_word(&mut said, &mut child, "done");
    let rate = rate(arrived, count, started);
    child.wait().expect("it ends");
    rate
}

fn rate(arrived: u64, count: u64, started: Instant) -> f64 {
    if arrived < count {
        println!("  ({} of {count} messages did not arrive)", count - arrived);
    }
    arrived as f64 / started.elapsed().as_secs_f64()
}

/// Waits for a line `word number`; returns the number.
fn expect_word(said: &mut impl BufRead, child: &mut Child, word: &str) -> u64 {
    let mut line = String::new();
    said.read_line(&mut line).expect("its output");
    match line.trim_end().split_once(' ') {
        Some((said, number)) if said == word => number.parse().expect("a number"),
        _ => {
            let _ = child.kill();
            panic!("the bare subscriber said {line:?} instead of {word}");
        }
    }
}

/// The other side of [`through_bare_subscriber`], a process of its own: parses and counts, nothing else.
pub fn bare_subscriber(port: &str, count: &str, qos: &str) {
    let count: u64 = count.parse().expect("a number");
    let options = mqtt::CreateOptionsBuilder::new()
        .server_uri(format!("tcp://127.0.0.1:{port}"))
        .client_id("bare")
        .persistence(mqtt::PersistenceType::None)
        .finalize();
    let client = mqtt::AsyncClient::new(options).expect("a client");
    let (sender, done) = unbounded();
    let mut seen = 0;
    client.set_message_callback(move |_, message| {
        let Some(message) = message else { return };
        if matches!(Chat::parse(message.payload(), RoomName::lobby()), Ok(Some(_))) {
            seen += 1;
            let _ = sender.send(seen);
        }
    });
    client.connect(mqtt::ConnectOptionsBuilder::new_v5().finalize()).wait_for(PATIENCE).expect("a connection");
    client.subscribe("chat/messages/#", qos.parse::<i32>().expect("a QoS")).wait_for(PATIENCE).expect("a subscription");
    println!("ready 0");
    let mut arrived = 0;
    while arrived < count {
        match done.recv_timeout(Duration::from_secs(3)) {
            Ok(seen) => arrived = seen,
            Err(_) if arrived > 0 => break,
            Err(_) => {}
        }
    }
    println!("done {arrived}");
}

struct Publisher {
    link: Link,
    events: Receiver<Event>,
    topics: Topics,
    nick: Nick,
    session: Session,
}

impl Publisher {
    fn connect(broker: &Broker) -> Publisher {
        let topics = Topics::new("chat");
        let nick = Nick::parse("publisher").expect("a nick");
        let (sender, events) = unbounded();
        let config = Config {
            settings: settings(broker.port()),
            client_id: "publisher".to_owned(),
            persistent: false,
            will: None,
            subscriptions: vec![Subscription::new(topics.private_to(nick.key()), Qos::AtLeastOnce)],
            patient: false,
            longest_wait: LONGEST_WAIT,
            gate: None,
        };
        let link = Link::open(config, move |event| drop(sender.send(event))).expect("a thread");
        let connected = events.recv_timeout(PATIENCE);
        assert!(matches!(connected, Ok(Event::Connected { .. })), "{connected:?}");
        Publisher { link, events, topics, nick, session: mqttchat::random::session() }
    }

    /// Messages of about 110 bytes, as many under way as a client of ours has at most.
    fn publish(&self, count: u64, qos: Qos) {
        let timestamp = Timestamp::parse("2026-11-22T20:30:00.123+01:00");
        let mut unsettled = 0;
        for seq in 1..=count {
            let chat = Chat {
                nick: self.nick.clone(),
                text: format!("message {seq}"),
                timestamp: timestamp.clone(),
                id: SentId::new(self.session.clone(), seq),
                room: RoomName::lobby(),
                action: false,
                late: false,
            };
            self.link.publish(Publication {
                topic: self.topics.name(&Topic::Messages { sender: None }),
                payload: chat.to_json(),
                qos,
                retain: false,
                ticket: Some(seq),
            });
            unsettled += 1;
            while unsettled >= WINDOW {
                match self.events.recv_timeout(DEADLINE).expect("an acknowledgement") {
                    Event::Published { .. } => unsettled -= 1,
                    // What is stored.
                    Event::Message(_) => {}
                    event => println!("  ({event:?})"),
                }
            }
        }
    }

    /// How many messages of the lobby the server has committed; `None` where it does not answer.
    fn stored(&self) -> Option<u64> {
        let request = Request {
            requester: self.nick.clone(),
            timestamp: None,
            session: Some(self.session.clone()),
            token: None,
            history: Default::default(),
            search: Default::default(),
        };
        self.link.publish(Publication {
            topic: self.topics.name(&Topic::Request { what: RequestKind::Rooms, sender: None }),
            payload: request.to_json(RequestKind::Rooms),
            qos: Qos::AtLeastOnce,
            retain: false,
            ticket: None,
        });
        let deadline = Instant::now() + Duration::from_secs(2);
        while let Ok(event) = self.events.recv_deadline(deadline) {
            if let Event::Message(message) = event
                && let Ok(FromServer::Rooms(rooms)) = FromServer::parse(&message.payload)
            {
                return Some(rooms.rooms.iter().find(|room| room.name.is_lobby()).map_or(0, |room| room.messages));
            }
        }
        None
    }
}

/// A plain connection to a broker on this machine.
fn settings(port: u16) -> Settings {
    Settings {
        address: Address { transport: Transport::Tcp, host: "127.0.0.1".to_owned(), port, path: String::new() },
        tls: None,
        username: None,
        password: None,
        keep_alive: Duration::from_secs(30),
        version: Version::Auto,
    }
}
