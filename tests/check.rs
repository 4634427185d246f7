//! `mqttchat check` against real brokers, good and deficient ones.

mod support;

use mqttchat::link::{Address, Config, Event, LONGEST_WAIT, Link, Settings, Transport, Version};
use mqttchat::random::Random;
use serde_json::Value;
use std::fs;
use std::sync::mpsc;
use std::time::Duration;
use support::{Broker, Certificates, PATIENCE, Program, Stream, Subscriber, TempDir, publish, wait_until};

/// The output of a check, and its exit code.
struct Checked {
    lines: Vec<String>,
    code: i32,
}

#[track_caller]
fn check(arguments: &[&str]) -> Checked {
    let mut program = Program::start(&[&["check"], arguments].concat());
    let code = program.exit_code(PATIENCE * 2);
    assert_eq!(program.lines(Stream::Err), [""; 0]);
    Checked { lines: program.lines(Stream::Out), code }
}

impl Checked {
    /// The line about `step` with its result, and the advice, if there is one.
    #[track_caller]
    fn line(&self, result: &str, step: &str) -> String {
        let begin = format!("{result}  {step}: ");
        let at = self.lines.iter().position(|line| line.starts_with(&begin));
        let at = at.unwrap_or_else(|| panic!("no {begin:?} in {:#?}", self.lines));
        let advice = self.lines.get(at + 1).filter(|line| line.starts_with(' '));
        format!("{} {}", self.lines[at], advice.map(String::as_str).unwrap_or_default())
    }

    #[track_caller]
    fn has(&self, result: &str, step: &str, words: &[&str]) {
        let line = self.line(result, step);
        for word in words {
            assert!(line.contains(word), "no {word:?} in {line:?}");
        }
    }

    /// Everything passes except the chat server, which nobody started.
    #[track_caller]
    fn is_good(&self) {
        let failed = self.lines.iter().filter(|line| !line.starts_with("pass ") && !line.starts_with(' '));
        let failed: Vec<&str> = failed.map(String::as_str).collect();
        assert!(
            matches!(failed[..], [server, "A chat can run on this broker."] if server.starts_with("warn  chat server: ")),
            "{:#?}",
            self.lines
        );
        self.has("warn", "chat server", &["no answer", "mqttchat server"]);
        assert_eq!(self.code, 0);
    }
}

/// Nothing is retained, and every persistent session was ended with a clean one.
#[track_caller]
fn left_nothing(broker: &Broker) {
    let mut subscriber = Subscriber::start(broker, &["#"]);
    publish(broker, "end", "", 1, false);
    subscriber.wait_for("the end", |topic, _| topic == "end");
    let topics: Vec<String> = subscriber.messages().into_iter().map(|message| message.topic).collect();
    assert_eq!(topics, ["end"]);
    let log = broker.log();
    let connects: Vec<&str> = log.lines().filter(|line| line.contains(" as mqttchat-")).collect();
    let id = |line: &str| line.split(" as ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    for kept in connects.iter().filter(|line| line.contains(", c0,")) {
        let last = connects.iter().rfind(|line| id(line) == id(kept));
        assert!(last.is_some_and(|line| line.contains(", c1,")), "a session stayed: {kept}");
    }
    assert!(connects.iter().any(|line| line.contains(", c0,")), "{log}");
}

#[test]
fn a_good_broker_passes_and_nothing_is_left_there() {
    let broker = Broker::start();
    let checked = check(&[&broker.address()]);
    checked.is_good();
    checked.has("pass", "resolve", &["127.0.0.1"]);
    checked.has("pass", "TCP", &[&broker.address()]);
    checked.has("pass", "login", &["MQTT 5"]);
    checked.has("pass", "round trip", &["minimum", "median", "99th"]);
    let steps = ["QoS 0", "QoS 1", "QoS 2", "retained", "will", "persistent session", "stays connected"];
    for step in steps {
        checked.has("pass", step, &[]);
    }
    assert!(!checked.lines.iter().any(|line| line.contains("TLS")), "{:#?}", checked.lines);
    left_nothing(&broker);
}

#[test]
fn mqtt_3_1_1_too() {
    let broker = Broker::start();
    let checked = check(&[&broker.address(), "-V", "311"]);
    checked.is_good();
    checked.has("pass", "login", &["MQTT 3.1.1"]);
    left_nothing(&broker);
}

#[test]
fn a_quiet_check_prints_only_what_is_wrong() {
    let broker = Broker::start();
    let checked = check(&[&broker.address(), "--quiet"]);
    assert_eq!((checked.lines, checked.code), (Vec::new(), 0));
    let checked = check(&["localhost:1", "--quiet"]);
    assert!(matches!(&checked.lines[..], [fail, _, _] if fail.starts_with("fail  TCP: ")), "{:#?}", checked.lines);
    assert_eq!(checked.code, 1);
}

#[test]
fn objects_for_programs() {
    let broker = Broker::start();
    let checked = check(&[&broker.address(), "--json"]);
    assert_eq!(checked.code, 0);
    let objects: Vec<Value> = checked.lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let step = |name: &str| objects.iter().find(|object| object["step"] == name).expect(name);
    assert_eq!(step("resolve")["addresses"], serde_json::json!(["127.0.0.1"]));
    assert_eq!(step("login")["version"], "5");
    let trip = step("round trip");
    assert!(trip["messages"].as_u64() > Some(0) && trip["minimum_us"].as_u64() <= trip["p99_us"].as_u64(), "{trip}");
    assert_eq!(step("will")["result"], "pass");
    let server = step("chat server");
    assert_eq!((&server["result"], &server["needed"]), (&"warn".into(), &false.into()));
    assert!(server["cure"].is_string());
    let last = objects.last().expect("lines");
    assert_eq!(*last, serde_json::json!({"verdict": "pass", "missing": []}));
}

#[test]
fn tls_and_what_the_certificate_says() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let broker = Broker::builder().tls(&certificates.server).start();
    let ca = certificates.ca.to_str().expect("a path in UTF-8");
    let checked = check(&["localhost", &broker.tls_port().to_string(), "--cafile", ca]);
    checked.is_good();
    let words = ["TLSv1.3", "of localhost", "127.0.0.1", "::1", "mqttchat test authority", "days left"];
    checked.has("pass", "TLS", &words);
    left_nothing(&broker);
}

#[test]
fn by_websocket() {
    let broker = Broker::builder().websockets().start();
    check(&[&format!("ws://localhost:{}/mqtt", broker.websocket_port())]).is_good();
    left_nothing(&broker);
}

#[test]
fn passwords() {
    let broker = Broker::builder().user("alice", "secret").start();
    let dir = TempDir::new();
    let file = dir.join("password");
    let login = |password: &str| {
        fs::write(&file, password).expect("our own folder is writable");
        check(&[&broker.address(), "-u", "alice", "--password-file", file.to_str().expect("UTF-8")])
    };
    let wrong = login("guess");
    wrong.has("fail", "login", &["--username", "--password-file"]);
    assert_eq!((wrong.code, wrong.lines.len()), (1, 5), "{:#?}", wrong.lines);
    assert_eq!(wrong.lines[4], "A chat cannot run on this broker yet. Failed: login.");
    login("secret").is_good();
    left_nothing(&broker);
}

#[test]
fn access_rules_that_forbid() {
    let dir = TempDir::new();
    let rules = dir.join("rules");
    fs::write(&rules, "topic read chat/#\n").expect("our own folder is writable");
    let broker = Broker::builder().line(&format!("acl_file {}", rules.display())).start();
    for version in ["5", "311"] {
        let checked = check(&[&broker.address(), "-V", version]);
        checked.has("pass", "login", &[]);
        checked.has("fail", "QoS 0", &["nothing arrived", "access rules", "chat/#"]);
        checked.has("fail", "QoS 1", &["access rules", "chat/#"]);
        assert_eq!(checked.code, 1);
        let verdict = checked.lines.last().expect("lines");
        assert_eq!(verdict, "A chat cannot run on this broker yet. Failed: QoS 0, QoS 1.");
    }
    // Another root has another rule.
    let checked = check(&[&broker.address(), "--topic-root", "attic/talk"]);
    checked.has("fail", "QoS 1", &["attic/talk/#"]);
}

#[test]
fn a_broker_without_retained_messages() {
    let broker = Broker::builder().line("retain_available false").start();
    let checked = check(&[&broker.address(), "-V", "5"]);
    checked.has("fail", "retained", &["keeps no retained messages", "retain_available"]);
    assert_eq!(checked.code, 1);
}

#[test]
fn a_client_identifier_in_use() {
    let broker = Broker::start();
    let alone = check(&[&broker.address(), "-i", "sensor-7"]);
    alone.is_good();
    alone.has("pass", "client identifier", &["sensor-7"]);
    // It reconnects whenever it is disconnected.
    let (sender, events) = mpsc::channel();
    let config = Config {
        settings: Settings {
            address: Address {
                transport: Transport::Tcp,
                host: "127.0.0.1".to_owned(),
                port: broker.port(),
                path: String::new(),
            },
            tls: None,
            username: None,
            password: None,
            keep_alive: Duration::from_secs(30),
            version: Version::Auto,
        },
        client_id: "sensor-7".to_owned(),
        persistent: false,
        will: None,
        subscriptions: Vec::new(),
        patient: true,
        longest_wait: LONGEST_WAIT,
        random: Random::of_the_system(),
        lookout: None,
    };
    let _other = Link::open(config, move |event| drop(sender.send(event))).expect("a thread");
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(Event::Connected { .. })));
    let checked = check(&[&broker.address(), "-i", "sensor-7"]);
    checked.has("fail", "client identifier", &["another program", "sensor-7", "--id", "MQTT_CLIENT_ID"]);
    checked.has("pass", "QoS 1", &[]);
    assert_eq!(checked.code, 1);
}

#[test]
fn a_chat_server_answers_or_only_seems_to_be_there() {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    let mut watcher = Subscriber::start(&broker, &["chat/server"]);
    watcher.wait_for("the server", |_, payload| String::from_utf8_lossy(payload).contains("online"));
    let checked = check(&[&broker.address()]);
    checked.has("pass", "chat server", &["mqttchat 0.", "0 online"]);
    assert_eq!(checked.code, 0);

    // Frozen, it is still described by the broker.
    server.signal(libc::SIGSTOP);
    let checked = check(&[&broker.address()]);
    checked.has("warn", "chat server", &["announced as online", "no answer"]);
    server.kill();
    watcher.skip_messages_so_far();
    wait_until(PATIENCE, "the server's will", || {
        watcher.messages().iter().any(|message| message.text().contains("offline"))
    });
    check(&[&broker.address()]).has("warn", "chat server", &["it is offline", "mqttchat server"]);
}

#[test]
fn an_original_server_answers_too() {
    let broker = Broker::start();
    let mut requests = Subscriber::start(&broker, &["chat/request/users"]);
    let mut program = Program::start(&["check", &broker.address()]);
    let request = requests.wait_for("a request", |_, _| true);
    let request: Value = serde_json::from_slice(&request.payload).expect("JSON");
    let nick = request["requester"].as_str().expect("a nick");
    let answer = r#"{"type":"online_users","users":["alice","bob"],"count":2,"timestamp":"2025-01-14T10:30:00"}"#;
    publish(&broker, &format!("chat/private/{nick}"), answer, 0, false);
    assert_eq!(program.exit_code(PATIENCE), 0);
    program.wait_for_line(Stream::Out, "pass  chat server: a server without a description", PATIENCE);
}
