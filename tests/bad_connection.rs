//! Connections that fail: each is explained in one line with what is wrong and what to do, and ends with its exit code.

mod support;

use mqttchat::link::{Address, Event, Failure, FailureKind, Link, Settings, Tls, Transport, Version, probe};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use support::{Broker, Certificates, PATIENCE, Pair, Program, Stream, TempDir, link_config, settings};

/// A failing connection and its explanation.
struct Case {
    settings: Settings,
    kind: FailureKind,
    /// Words of the explanation, all required.
    words: Vec<String>,
    /// Words of the usage error that ends the program before it connects.
    usage: Option<&'static str>,
}

fn case(settings: Settings, kind: FailureKind, words: &[&str]) -> Case {
    let mut words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
    // An unusable file is an error with any broker.
    if kind != FailureKind::LocalFile && !matches!(kind, FailureKind::Connack(_)) {
        words.push(settings.address.to_string());
    }
    Case { settings, kind, words, usage: None }
}

fn at(host: &str, port: u16) -> Settings {
    let settings = settings(port);
    Settings { address: Address { host: host.to_owned(), ..settings.address.clone() }, ..settings }
}

fn with_tls(mut settings: Settings, tls: Tls) -> Settings {
    settings.tls = Some(tls);
    settings
}

fn by_websocket(mut settings: Settings, path: &str) -> Settings {
    settings.address.transport = Transport::WebSocket;
    settings.address.path = path.to_owned();
    settings
}

fn trusting(ca: &Path) -> Tls {
    Tls { cafile: Some(ca.to_owned()), ..Tls::default() }
}

fn showing(ca: &Path, pair: &Pair) -> Tls {
    Tls { cert: Some(pair.cert.clone()), key: Some(pair.key.clone()), ..trusting(ca) }
}

/// Every way to this connection explains the failure and ends with its exit code.
#[track_caller]
fn check(case: &Case) {
    through_the_link(case);
    through_check(case);
    through_the_server(case);
}

impl Case {
    /// A bad file that parsing the command line also detects.
    fn found_by_options(self, words: &'static str) -> Case {
        Case { usage: Some(words), ..self }
    }

    /// The exit code of `mqttchat`.
    fn exit_code(&self) -> i32 {
        match self.kind {
            _ if self.usage.is_some() => 1,
            FailureKind::Connack(code) => code.into(),
            _ => 14,
        }
    }

    #[track_caller]
    fn has_words(&self, text: &str) {
        let missing = self.words.iter().find(|word| !text.contains(word.as_str()));
        assert!(missing.is_none(), "{}: no {missing:?} in {text:?}", self.settings.address);
    }

    /// Starts `mqttchat` with these words and the flags of this connection.
    #[track_caller]
    fn start(&self, subcommand: &[&str]) -> Program {
        let Settings { address, tls, username, password, version, .. } = &self.settings;
        let mut arguments: Vec<String> = subcommand.iter().map(|word| word.to_string()).collect();
        match address.transport {
            Transport::Tcp => {
                arguments.extend(["--host".to_owned(), address.host.clone()]);
                arguments.extend(["--port".to_owned(), address.port.to_string()]);
            }
            Transport::WebSocket => {
                let scheme = if tls.is_some() { "wss" } else { "ws" };
                arguments.push(format!("{scheme}://{address}{}", address.path));
            }
        }
        if let Some(tls) = tls {
            arguments.push("--tls".to_owned());
            for (flag, path) in [("--cafile", &tls.cafile), ("--cert", &tls.cert), ("--key", &tls.key)] {
                arguments.extend(path.iter().flat_map(|path| [flag.to_owned(), path.display().to_string()]));
            }
        }
        arguments.extend(username.iter().flat_map(|name| ["--username".to_owned(), name.clone()]));
        if *version == Version::V311 {
            arguments.extend(["-V".to_owned(), "311".to_owned()]);
        }
        let starter = Program::with(&arguments);
        match password {
            Some(password) => starter.env("MQTT_PASSWORD", password),
            None => starter,
        }
        .start()
    }

    /// Checks the usage error, if there is one: on one line, and nothing else.
    #[track_caller]
    fn ended_with_usage(&self, program: &mut Program) -> bool {
        let Some(words) = self.usage else { return false };
        assert_eq!(program.exit_code(PATIENCE), self.exit_code());
        let lines = program.lines(Stream::Err);
        assert!(matches!(&lines[..], [line] if line.starts_with("mqttchat: ") && line.contains(words)), "{lines:?}");
        true
    }
}

#[track_caller]
fn through_the_link(case: &Case) {
    let address = &case.settings.address;
    let failure = first_failure(case.settings.clone());
    assert_eq!(failure.kind, case.kind, "{address}: {failure}");
    let line = failure.to_string();
    case.has_words(&line);
    assert!(!line.contains('\n') && !failure.cure.is_empty(), "{address}: {line:?}");
    if case.usage.is_none() {
        assert_eq!(i32::from(failure.kind.exit_code()), case.exit_code(), "{address}");
    }
}

/// Checks the failed step on one line, the advice below it, and the verdict.
#[track_caller]
fn through_check(case: &Case) {
    let mut program = case.start(&["check"]);
    if case.ended_with_usage(&mut program) {
        return;
    }
    assert_eq!(program.exit_code(PATIENCE), 1);
    let lines = program.lines(Stream::Out);
    let failed = lines.iter().position(|line| line.starts_with("fail  ")).expect("a failed step");
    case.has_words(&lines[failed..].join("\n"));
    assert_eq!(lines.len(), failed + 3, "{lines:#?}");
}

/// The server keeps trying if waiting may help, and ends if it cannot.
#[track_caller]
fn through_the_server(case: &Case) {
    let mut program = case.start(&["server", "--memory"]);
    if case.ended_with_usage(&mut program) {
        return;
    }
    let has_words = |line: &str| case.words.iter().all(|word| line.contains(word.as_str()));
    program.wait_for_line_where(Stream::Err, "the reason", PATIENCE, has_words);
    let failure = Failure::new(case.kind, "", "");
    if failure.is_lasting() {
        assert_eq!(program.exit_code(PATIENCE), case.exit_code());
    } else {
        program.wait_for_line(Stream::Err, "trying again", PATIENCE);
        program.signal(libc::SIGTERM);
        assert_eq!(program.exit_code(PATIENCE), 0);
    }
}

fn first_failure(settings: Settings) -> Failure {
    let (sender, events) = mpsc::channel();
    let config = link_config(settings, "mqttchat-bad", Vec::new());
    let on_event = move |event| {
        let _ = sender.send(event);
    };
    let _link = Link::open(config, on_event).expect("a thread");
    match events.recv_timeout(PATIENCE).expect("an event") {
        Event::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// A server that answers every connection with these bytes once a request has arrived.
fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a bound address").port();
    // It ends with the test's process, because an accept cannot be cancelled.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(answer);
        }
    });
    port
}

const WEB_PAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn unused_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

#[test]
fn no_way_to_the_broker() {
    check(&case(at("nonexistent.invalid", 1883), FailureKind::Resolve, &["no address", "--host"]));
    check(&case(at("127.0.0.1", unused_port()), FailureKind::Refused, &["connection refused", "--port"]));
}

#[test]
fn something_else_than_a_broker() {
    let web = at("127.0.0.1", answering(WEB_PAGE));
    let words = ["a web server answers", "400 Bad Request", "--port"];
    check(&case(web.clone(), FailureKind::NotMqtt, &words));
    check(&case(with_tls(web.clone(), Tls::default()), FailureKind::NotMqtt, &words));
    check(&case(by_websocket(web, "/mqtt"), FailureKind::NotMqtt, &["no WebSocket at /mqtt", "the path"]));

    let ssh = at("127.0.0.1", answering(b"SSH-2.0-OpenSSH_9.2\r\n"));
    check(&case(ssh.clone(), FailureKind::NotMqtt, &["something other than MQTT", "--port"]));
    check(&case(with_tls(ssh.clone(), Tls::default()), FailureKind::Tls, &["does not speak TLS", "--port"]));
    check(&case(by_websocket(ssh, ""), FailureKind::NotMqtt, &["does not speak WebSocket", "mqtt://"]));

    let mute = at("127.0.0.1", answering(b""));
    check(&case(mute, FailureKind::NotMqtt, &["closes the connection", "--port"]));
}

#[test]
fn certificates_that_do_not_fit() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let ca = &certificates.ca;
    let good = Broker::builder().tls(&certificates.server).start();
    let here = at("localhost", good.tls_port());
    check(&case(
        with_tls(here.clone(), trusting(&certificates.other_ca)),
        FailureKind::Untrusted,
        &["not trusted", "mqttchat test authority", "--cafile", "other-ca.pem"],
    ));
    check(&case(
        with_tls(here.clone(), Tls::default()),
        FailureKind::Untrusted,
        &["not trusted", "mqttchat test authority", "--cafile FILE"],
    ));
    let wrong = Broker::builder().tls(&certificates.wrong_host).start();
    for host in ["localhost", "127.0.0.1"] {
        check(&case(
            with_tls(at(host, wrong.tls_port()), trusting(ca)),
            FailureKind::WrongHost,
            &["is valid for wrong.example", "not for", host, "--insecure"],
        ));
    }
    let expired = Broker::builder().tls(&certificates.expired).start();
    check(&case(
        with_tls(at("localhost", expired.tls_port()), trusting(ca)),
        FailureKind::Expired,
        &["expired on", "renew it"],
    ));
}

#[test]
fn tls_on_one_side_only() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let broker = Broker::builder().tls(&certificates.server).websockets().start();
    check(&case(at("localhost", broker.tls_port()), FailureKind::Tls, &["requires TLS", "--tls", "--cafile"]));
    let to_plain = with_tls(at("localhost", broker.port()), trusting(&certificates.ca));
    check(&case(to_plain.clone(), FailureKind::Tls, &["does not speak TLS", "but MQTT without TLS", "--no-tls"]));
    let to_websocket = with_tls(at("localhost", broker.websocket_port()), trusting(&certificates.ca));
    check(&case(
        by_websocket(to_websocket, "/mqtt"),
        FailureKind::Tls,
        &["does not speak TLS", "but WebSocket without TLS", "ws://"],
    ));
    check(&case(by_websocket(at("localhost", broker.tls_port()), ""), FailureKind::Tls, &["requires TLS"]));
}

#[test]
fn client_certificates() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let ca = &certificates.ca;
    let strict = Broker::builder().tls(&certificates.server).require_certificate(ca).start();
    let here = at("localhost", strict.tls_port());
    check(&case(
        with_tls(here.clone(), trusting(ca)),
        FailureKind::Tls,
        &["requires a client certificate", "--cert", "--key"],
    ));
    let distrustful = Broker::builder().tls(&certificates.server).require_certificate(&certificates.other_ca).start();
    check(&case(
        with_tls(at("localhost", distrustful.tls_port()), showing(ca, &certificates.client)),
        FailureKind::Tls,
        &["does not accept the client certificate", "client.pem"],
    ));
    let pair = Pair { cert: certificates.client.cert.clone(), key: certificates.server.key.clone() };
    check(&case(
        with_tls(here.clone(), showing(ca, &pair)),
        FailureKind::LocalFile,
        &["does not belong to", "client.pem", "server.key", "--key"],
    ));
    let bare = Tls { key: None, ..showing(ca, &certificates.client) };
    let bare = case(with_tls(here.clone(), bare), FailureKind::LocalFile, &["without its key", "--key"]);
    check(&bare.found_by_options("--cert: needs --key too"));
    let missing = dir.join("missing.pem");
    let missing = case(
        with_tls(here.clone(), trusting(&missing)),
        FailureKind::LocalFile,
        &["missing.pem", "no such file", "--cafile"],
    );
    check(&missing.found_by_options("missing.pem\": No such file"));
    check(&case(
        with_tls(here, trusting(&certificates.client.key)),
        FailureKind::LocalFile,
        &["client.key", "no certificate", "--cafile"],
    ));
}

#[test]
fn refused_log_in() {
    let broker = Broker::builder().user("alice", "secret").start();
    for (version, code) in [(Version::V5, 135), (Version::V311, 5)] {
        let mut settings = at("127.0.0.1", broker.port());
        settings.version = version;
        settings.username = Some("alice".to_owned());
        settings.password = Some("wrong".to_owned());
        check(&case(settings, FailureKind::Connack(code), &["--username", "--password-file"]));
    }
}

/// A failure of a broker that passes every step was temporary.
#[test]
fn nothing_is_wrong_with_a_good_broker() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let broker = Broker::builder().tls(&certificates.server).websockets().start();
    let tls = with_tls(at("127.0.0.1", broker.tls_port()), trusting(&certificates.ca));
    let websocket = by_websocket(at("localhost", broker.websocket_port()), "/mqtt");
    for settings in [at("localhost", broker.port()), tls, websocket] {
        assert_eq!(probe::walk(&settings), Ok(()));
    }
}

/// Reading a peer's answer has a deadline, even if the peer sends nothing.
#[test]
fn a_peer_that_never_answers_meets_a_deadline() {
    // Only the system accepts its connections.
    let mute = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let settings = at("127.0.0.1", mute.local_addr().expect("a bound address").port());
    let failure = probe::walk(&settings).expect_err("it says nothing");
    assert_eq!(failure.kind, FailureKind::NotMqtt, "{failure}");
    assert!(failure.what.contains("does not answer"), "{failure}");
}
