//! Watching and feeding a broker with Mosquitto's own clients.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::broker::Broker;
use super::output::{Output, Stream};
use super::wait::{PATIENCE, wait_for_exit, wait_until};

/// How mosquitto_sub prints a message: QoS, retain, payload in hex, topic.
const FORMAT: &str = "%q %r %x %t";

/// A message as a subscriber got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    /// 0, 1 or 2: the publisher's, since the subscription asks for 2.
    pub qos: u8,
    /// Held by the broker from before the subscription.
    pub retain: bool,
    pub payload: Vec<u8>,
}

impl Message {
    /// The payload as text, bad UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    fn parse(line: &str) -> Message {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next().expect("the four parts of FORMAT");
        Message {
            qos: next().parse().expect("a QoS"),
            retain: next() == "1",
            payload: from_hex(next()),
            topic: next().to_owned(),
        }
    }
}

/// A mosquitto_sub, ended on drop.
#[derive(Debug)]
pub struct Subscriber {
    process: Child,
    output: Output,
}

impl Subscriber {
    /// Subscribes with MQTT 3.1.1 at QoS 2 and waits for the broker's answer: what is published
    /// after this returns will arrive.
    #[track_caller]
    pub fn start(broker: &Broker, filters: &[&str]) -> Subscriber {
        Subscriber::start_with(broker, filters, &["-V", "311", "-q", "2"])
    }

    /// As `start`, with these arguments of mosquitto_sub in place of version and QoS.
    #[track_caller]
    pub fn start_with(broker: &Broker, filters: &[&str], arguments: &[&str]) -> Subscriber {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("watcher-{}-{number}", std::process::id());
        let mut command = client("mosquitto_sub", broker);
        command.args(["-i", &id, "-F", FORMAT]).args(arguments);
        for filter in filters {
            command.args(["-t", filter]);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub is installed");
        let subscriber = Subscriber { output: Output::of(&mut process), process };
        // The broker's log tells, since mosquitto_sub itself keeps such news in its buffer.
        let answer = format!("Sending SUBACK to {id}\n");
        wait_until(PATIENCE, "mosquitto_sub's SUBACK", || broker.log().contains(&answer));
        subscriber
    }

    /// The first message that `wanted` holds for, given topic and payload, come already or yet to
    /// come.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, wanted: impl FnMut(&str, &[u8]) -> bool) -> Message {
        self.wait_within(PATIENCE, what, wanted)
    }

    /// As `wait_for`, with a deadline of its own.
    #[track_caller]
    pub fn wait_within(
        &mut self,
        deadline: Duration,
        what: &str,
        mut wanted: impl FnMut(&str, &[u8]) -> bool,
    ) -> Message {
        let matches = |line: &str| {
            let message = Message::parse(line);
            wanted(&message.topic, &message.payload)
        };
        let line = self.output.wait_for(Stream::Out, what, deadline, matches);
        Message::parse(&line)
    }

    /// From now on waiting looks only at messages that are not here yet.
    pub fn skip_messages_so_far(&mut self) {
        self.output.skip_so_far();
    }

    /// All messages so far, in order.
    pub fn messages(&mut self) -> Vec<Message> {
        let lines = self.output.lines(Stream::Out);
        lines.iter().map(|line| Message::parse(line)).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // Already ended is as good; nothing else can fail for a child of our own.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            self.output.finish();
            eprintln!("---- mosquitto_sub ----\n{}", self.output.text());
        }
    }
}

/// Publishes once, with MQTT 3.1.1, any bytes of any length; returns when mosquitto_pub is done: at
/// QoS 1 and 2 the broker has the message then. An empty retained payload clears a topic.
#[track_caller]
pub fn publish(broker: &Broker, topic: &str, payload: impl AsRef<[u8]>, qos: u8, retain: bool) {
    let payload = payload.as_ref();
    let mut command = client("mosquitto_pub", broker);
    command.args(["-V", "311", "-t", topic, "-q", &qos.to_string()]);
    // Through the standard input, since an argument can neither be large nor hold a zero byte.
    command.arg(if payload.is_empty() { "-n" } else { "-s" });
    if retain {
        command.arg("-r");
    }
    let mut process = command.stdin(Stdio::piped()).spawn().expect("mosquitto_pub is installed");
    let mut input = process.stdin.take().expect("stdin is piped");
    input.write_all(payload).expect("mosquitto_pub reads");
    drop(input);
    let status = wait_for_exit(&mut process, "mosquitto_pub", PATIENCE);
    assert!(status.success(), "mosquitto_pub -t {topic}: {status}");
}

/// Publishes each line at QoS 1 over one connection.
#[track_caller]
pub fn publish_lines(broker: &Broker, topic: &str, lines: &str) {
    let mut command = client("mosquitto_pub", broker);
    command.args(["-V", "311", "-t", topic, "-q", "1", "-l"]);
    let mut process = command.stdin(Stdio::piped()).spawn().expect("mosquitto_pub is installed");
    let mut input = process.stdin.take().expect("stdin is piped");
    input.write_all(lines.as_bytes()).expect("mosquitto_pub reads");
    drop(input);
    let status = wait_for_exit(&mut process, "mosquitto_pub", PATIENCE);
    assert!(status.success(), "mosquitto_pub -t {topic}: {status}");
}

/// One of Mosquitto's clients, directed to the broker's plain listener and logged in.
fn client(program: &str, broker: &Broker) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &broker.port().to_string()]);
    if let Some((user, password)) = broker.first_user() {
        command.args(["-u", user, "-P", password]);
    }
    command
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hex digit") as u8;
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
