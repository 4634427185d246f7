//! Chat messages per second through the server into its history, compared with a bare paho subscriber that only parses.
//!
//! Publisher, broker and consumer share the machine. The consumers alternate, so a slowdown of the machine affects
//! both. A run is timed from the first publication until the last message has arrived.

use super::publisher::Publisher;
use super::spread;
use super::support::{Broker, PATIENCE, Program, TempDir};
use crossbeam_channel::unbounded;
use mqttchat::link::Qos;
use mqttchat::protocol::{Chat, RoomName};
use paho_mqtt as mqtt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const BARE_SUBSCRIBER: &str = "bare-subscriber";
const ROUNDS: usize = 5;
const MESSAGES: u64 = 50_000;
const DEADLINE: Duration = Duration::from_secs(120);

pub fn print() {
    println!(
        "ingest: {MESSAGES} chat messages a run, {ROUNDS} runs each, in turn; messages/s (minimum, median, maximum)"
    );
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        let mut bare = Vec::new();
        let mut server = Vec::new();
        for _ in 0..ROUNDS {
            bare.push(through_bare_subscriber(MESSAGES, qos));
            server.push(through_server(MESSAGES, qos));
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

/// A broker that queues without limit: by default Mosquitto acknowledges and drops beyond 1,000.
fn broker() -> Broker {
    Broker::builder().line("max_queued_messages 0").line("max_inflight_messages 0").start()
}

fn through_server(count: u64, qos: Qos) -> f64 {
    let (broker, data) = (broker(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let qos_flag = (qos as u8).to_string();
    // Quiet: this process would read and discard a log line per message.
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir, "-q", &qos_flag, "--quiet"]);
    let mut publisher = Publisher::connect(&broker, "publisher");
    while publisher.stored() != Some(0) {}
    let started = Instant::now();
    publisher.publish(count, qos);
    // A reply follows the commit of everything before it. At QoS 0 the broker may have dropped some messages; then the
    // final count is what arrived.
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
    let mut publisher = Publisher::connect(&broker, "publisher");
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

/// Waits for a line `word number` and returns the number.
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

/// The other side of [`through_bare_subscriber`], a process of its own: only parses and counts.
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
