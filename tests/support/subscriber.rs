//! Watches and feeds a broker with Mosquitto's own clients.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::broker::Broker;
use super::output::{Output, Stream};
use super::wait::{PATIENCE, wait_for_exit, wait_until};

/// The output format of mosquitto_sub: QoS, retain, payload in hex, topic.
const FORMAT: &str = "%q %r %x %t";

/// A message as a subscriber received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    /// 0, 1 or 2: the publisher's, because the subscription asks for 2.
    pub qos: u8,
    /// The broker held it before the subscription.
    pub retain: bool,
    pub payload: Vec<u8>,
}

impl Message {
    /// The payload as text, with invalid UTF-8 replaced.
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
    /// Subscribes with MQTT 3.1.1 at QoS 2 and waits for the broker's answer: later publications will arrive.
    #[track_caller]
    pub fn start(broker: &Broker, filters: &[&str]) -> Subscriber {
        Subscriber::start_with(broker, filters, &["-V", "311", "-q", "2"])
    }

    /// Like `start`, with these arguments of mosquitto_sub instead of version and QoS.
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
        // The broker's log shows it, because mosquitto_sub buffers its own.
        let answer = format!("Sending SUBACK to {id}\n");
        wait_until(PATIENCE, "mosquitto_sub's SUBACK", || broker.log().contains(&answer));
        subscriber
    }

    /// The first message for which `wanted` holds, given topic and payload, past or future.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, wanted: impl FnMut(&str, &[u8]) -> bool) -> Message {
        self.wait_within(PATIENCE, what, wanted)
    }

    /// Like `wait_for`, with a deadline of its own.
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

    /// From now on, waiting only considers messages that have not arrived yet.
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
        // It may have ended already. Nothing else can fail for our own child.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            self.output.finish();
            eprintln!("---- mosquitto_sub ----\n{}", self.output.text());
        }
    }
}

/// Publishes once, with MQTT 3.1.1, any bytes of any length. Returns when mosquitto_pub is done: at QoS 1 and 2 the
/// broker has the message then. An empty retained payload clears a topic.
#[track_caller]
pub fn publish(broker: &Broker, topic: &str, payload: impl AsRef<[u8]>, qos: u8, retain: bool) {
    let payload = payload.as_ref();
    let mut command = client("mosquitto_pub", broker);
    command.args(["-V", "311", "-t", topic, "-q", &qos.to_string()]);
    // Through the standard input, because an argument can neither be large nor contain a zero byte.
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

/// One of Mosquitto's clients, for the broker's plain listener and logged in.
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
