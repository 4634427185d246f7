//! Connections that cannot be made: each says in one line what is wrong and what to do, and ends with its exit code.

mod support;

use mqttchat::link::{Address, Config, Event, Failure, FailureKind, Link, Settings, Tls, Transport, Version, probe};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use support::{Broker, Certificates, PATIENCE, Pair, TempDir};

/// A connection that fails, and what is said of it.
struct Case {
    settings: Settings,
    kind: FailureKind,
    /// Words of what is wrong and of what to do, all of them there.
    words: Vec<String>,
}

fn case(settings: Settings, kind: FailureKind, words: &[&str]) -> Case {
    let mut words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
    // A file that cannot be used is wrong whatever the broker is.
    if kind != FailureKind::LocalFile && !matches!(kind, FailureKind::Connack(_)) {
        words.push(settings.address.to_string());
    }
    Case { settings, kind, words }
}

fn at(host: &str, port: u16) -> Settings {
    Settings {
        address: Address { transport: Transport::Tcp, host: host.to_owned(), port, path: String::new() },
        tls: None,
        username: None,
        password: None,
        keep_alive: Duration::from_secs(30),
        version: Version::Auto,
    }
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

/// The link, as the client and the server use it, says what it has found out.
#[track_caller]
fn check(case: &Case) {
    let address = &case.settings.address;
    let failure = first_failure(case.settings.clone());
    assert_eq!(failure.kind, case.kind, "{address}: {failure}");
    let line = failure.to_string();
    for word in &case.words {
        assert!(line.contains(word.as_str()), "{address}: no {word:?} in {line:?}");
    }
    assert!(!line.contains('\n') && !failure.cure.is_empty(), "{address}: {line:?}");
    let code = match case.kind {
        FailureKind::Connack(code) => code,
        _ => 14,
    };
    assert_eq!(failure.exit_code(), code, "{address}");
}

fn first_failure(settings: Settings) -> Failure {
    let (sender, events) = mpsc::channel();
    let config = Config {
        settings,
        client_id: "mqttchat-bad".to_owned(),
        persistent: false,
        will: None,
        subscriptions: Vec::new(),
        patient: false,
        gate: None,
    };
    let on_event = move |event| {
        let _ = sender.send(event);
    };
    let _link = Link::open(config, on_event).expect("a thread");
    match events.recv_timeout(PATIENCE).expect("an event") {
        Event::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// A server that answers every connection with these bytes, once something has been asked.
fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a bound address").port();
    // It ends with the test's process: an accept cannot be called off.
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
    check(&case(ssh.clone(), FailureKind::NotMqtt, &["something else than MQTT", "--port"]));
    check(&case(with_tls(ssh.clone(), Tls::default()), FailureKind::Tls, &["no TLS is spoken", "--port"]));
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
            &["is for wrong.example", "not for", host, "--insecure"],
        ));
    }
    let expired = Broker::builder().tls(&certificates.expired).start();
    check(&case(
        with_tls(at("localhost", expired.tls_port()), trusting(ca)),
        FailureKind::Expired,
        &["expired on", "renewed"],
    ));
}

#[test]
fn tls_on_one_side_only() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let broker = Broker::builder().tls(&certificates.server).websockets().start();
    check(&case(at("localhost", broker.tls_port()), FailureKind::Tls, &["wants TLS", "--tls", "--cafile"]));
    let to_plain = with_tls(at("localhost", broker.port()), trusting(&certificates.ca));
    check(&case(to_plain.clone(), FailureKind::Tls, &["no TLS is spoken", "MQTT without TLS is", "--no-tls"]));
    let to_websocket = with_tls(at("localhost", broker.websocket_port()), trusting(&certificates.ca));
    check(&case(
        by_websocket(to_websocket, "/mqtt"),
        FailureKind::Tls,
        &["no TLS is spoken", "WebSocket without TLS is", "ws://"],
    ));
    check(&case(by_websocket(at("localhost", broker.tls_port()), ""), FailureKind::Tls, &["wants TLS"]));
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
        &["asks for a client certificate", "--cert", "--key"],
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
    check(&case(with_tls(here.clone(), bare), FailureKind::LocalFile, &["without its key", "--key"]));
    let missing = dir.join("missing.pem");
    check(&case(
        with_tls(here.clone(), trusting(&missing)),
        FailureKind::LocalFile,
        &["missing.pem", "no such file", "--cafile"],
    ));
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

/// What passes every step was a passing trouble.
#[test]
fn nothing_is_wrong_with_a_good_broker() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let broker = Broker::builder().tls(&certificates.server).websockets().start();
    let tls = with_tls(at("127.0.0.1", broker.tls_port()), trusting(&certificates.ca));
    let websocket = by_websocket(at("localhost", broker.websocket_port()), "/mqtt");
    for settings in [at("localhost", broker.port()), tls, websocket] {
        let failure = probe::explain(&settings, "some words");
        assert_eq!(failure.kind, FailureKind::Other, "{failure}");
        assert!(failure.what.contains("some words"), "{failure}");
    }
}
