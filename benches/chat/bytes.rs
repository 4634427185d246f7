//! Bytes on the wire per message, over TCP and over WebSocket, counted by a proxy between clients and broker: all
//! traffic of the sender and of each receiver, including acknowledgements, without TCP/IP headers.

use super::support::{Broker, PATIENCE, Program, Stream, TempDir};
use mqttchat::random::Random;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const MESSAGES: u64 = 200;
const TEXT: &str = "Hello everyone, how is it going?";

pub fn print() {
    println!("bytes on the wire per chat message of {} characters (QoS 0, 1, 2)", TEXT.len());
    for (name, websocket) in [("TCP", false), ("WebSocket", true)] {
        let figures: Vec<(f64, f64)> = (0..3).map(|qos| measure(qos, websocket)).collect();
        let column =
            |pick: fn(&(f64, f64)) -> f64| figures.iter().map(|f| format!("{:6.0}", pick(f))).collect::<String>();
        println!("  {name:9}  sender {}   each receiver {}", column(|f| f.0), column(|f| f.1));
    }
    println!("  of which the JSON payload is {}", payload_bytes());
}

/// Bytes per message on the sender's and on a receiver's connection.
fn measure(qos: u8, websocket: bool) -> (f64, f64) {
    let (broker, data) = (Broker::builder().websockets().start(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let qos = qos.to_string();
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir, "-q", &qos]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let to = if websocket { broker.websocket_port() } else { broker.port() };
    let (sender_proxy, receiver_proxy) = (Proxy::start(to), Proxy::start(to));
    let url =
        |port: u16| if websocket { format!("ws://127.0.0.1:{port}/mqtt") } else { format!("mqtt://127.0.0.1:{port}") };
    let member = |nick: &str, proxy: &Proxy| {
        Program::start(&[
            "client",
            "-L",
            &url(proxy.port),
            "--nick",
            nick,
            "--json",
            "--listen",
            "--no-history",
            "-q",
            &qos,
        ])
    };
    let mut receiver = member("receiver", &receiver_proxy);
    receiver.wait_for_line(Stream::Out, "online_users", PATIENCE);
    let mut sender = member("sender", &sender_proxy);
    sender.wait_for_line(Stream::Out, "online_users", PATIENCE);
    let mut one = |text: &str| {
        let reference = format!("{text}#");
        sender.send_line(&format!(r#"{{"message":"{text}","ref":"{reference}"}}"#));
        receiver.wait_for_line(Stream::Out, text, PATIENCE);
        receiver.skip_lines_so_far();
        sender.wait_for_line_where(Stream::Out, "that it is sent", PATIENCE, |line| {
            line.contains(r#""event":"sent""#) && line.contains(&reference)
        });
        sender.skip_lines_so_far();
    };
    // The first one follows the traffic of joining.
    one("first");
    let before = (sender_proxy.bytes(), receiver_proxy.bytes());
    for _ in 0..MESSAGES {
        one(TEXT);
    }
    let per_message = |now: u64, before: u64| (now - before) as f64 / MESSAGES as f64;
    (per_message(sender_proxy.bytes(), before.0), per_message(receiver_proxy.bytes(), before.1))
}

fn payload_bytes() -> usize {
    use mqttchat::protocol::{Chat, Nick, RoomName, SentId, Timestamp};
    let chat = Chat {
        nick: Nick::parse("sender").expect("a nick"),
        text: TEXT.to_owned(),
        timestamp: Timestamp::parse("2026-11-22T20:30:00.123+01:00"),
        id: SentId::new(Random::of_the_system().session(), 100),
        to: RoomName::lobby(),
        action: false,
        late: false,
    };
    chat.to_json().len()
}

/// Forwards one connection and counts the bytes in both directions.
struct Proxy {
    port: u16,
    bytes: Arc<AtomicU64>,
}

impl Proxy {
    fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = bytes.clone();
        std::thread::spawn(move || {
            let (client, _) = listener.accept().expect("a client");
            let broker = TcpStream::connect(("127.0.0.1", to)).expect("the broker");
            let halves = [(&client, &broker), (&broker, &client)];
            let pumps = halves.map(|(from, to)| {
                let (from, to) = (from.try_clone().expect("a descriptor"), to.try_clone().expect("a descriptor"));
                let counter = counter.clone();
                std::thread::spawn(move || pump(from, to, &counter))
            });
            for pump in pumps {
                let _ = pump.join();
            }
        });
        Proxy { port, bytes }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, counter: &AtomicU64) {
    let _ = to.set_nodelay(true);
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        counter.fetch_add(length as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
