//! The link against real brokers, and against scripted ones for behaviour that a real one does not show.

#[path = "../support/mod.rs"]
mod support;

mod faults;
#[cfg(target_os = "linux")]
mod guard;
mod scripted;

use crossbeam_channel::{Receiver, unbounded};
use mqttchat::link::{
    Address, Clearance, Config, Event, FailureKind, Guise, Judgement, LONGEST_WAIT, Link, Lookout, Message,
    Publication, Qos, Settings, Sight, Subscription, Tls, Transport, Version,
};
use mqttchat::random::Random;
use scripted::{On5, packet, scripted_broker};
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use support::{Broker, Certificates, PATIENCE, Program, Subscriber, TempDir, publish};

fn settings(port: u16) -> Settings {
    Settings {
        address: Address { transport: Transport::Tcp, host: "localhost".to_owned(), port, path: String::new() },
        tls: None,
        username: None,
        password: None,
        keep_alive: Duration::from_secs(30),
        version: Version::Auto,
    }
}

fn config(settings: Settings, filters: &[&str]) -> Config {
    Config {
        settings,
        client_id: format!("link-{}", Random::of_the_system().word()),
        persistent: false,
        will: None,
        subscriptions: filters.iter().map(|filter| Subscription::new(filter.to_string(), Qos::AtLeastOnce)).collect(),
        patient: false,
        longest_wait: LONGEST_WAIT,
        random: Random::of_the_system(),
        lookout: None,
    }
}

fn open(config: Config) -> (Link, Receiver<Event>) {
    let (sender, events) = unbounded();
    (Link::open(config, move |event| drop(sender.send(event))).expect("a thread"), events)
}

/// The first event that `pick` takes, within the deadline of all tests.
#[track_caller]
fn wait_for<T>(events: &Receiver<Event>, what: &str, pick: impl FnMut(Event) -> Option<T>) -> T {
    wait_within(PATIENCE, events, what, pick)
}

#[track_caller]
fn wait_within<T>(time: Duration, events: &Receiver<Event>, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    let deadline = Instant::now() + time;
    let mut passed = Vec::new();
    while let Ok(event) = events.recv_deadline(deadline) {
        passed.push(format!("{event:?}"));
        if let Some(found) = pick(event) {
            return found;
        }
    }
    panic!("no {what} came, only {passed:#?}");
}

#[track_caller]
fn connected(events: &Receiver<Event>) -> (Version, Vec<String>, u32) {
    wait_for(events, "connection", |event| match event {
        Event::Connected { version, refused, conn, .. } => Some((version, refused, conn)),
        _ => None,
    })
}

#[track_caller]
fn message(events: &Receiver<Event>) -> Message {
    wait_for(events, "message", |event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    })
}

fn publication(topic: &str, payload: &str, ticket: Option<u64>) -> Publication {
    Publication { topic: topic.to_owned(), payload: payload.into(), qos: Qos::AtLeastOnce, retain: false, ticket }
}

#[test]
fn speaks_5_and_what_it_is_told_to() {
    let broker = Broker::start();
    for (asked, spoken) in [(Version::Auto, Version::V5), (Version::V5, Version::V5), (Version::V311, Version::V311)] {
        let (link, events) = open(config(Settings { version: asked, ..settings(broker.port()) }, &["a/#"]));
        assert_eq!(connected(&events), (spoken, Vec::new(), 1));
        link.publish(publication("a/b", "x", Some(7)));
        assert_eq!(message(&events).payload, b"x");
        link.close(None, PATIENCE);
    }
}

#[test]
fn falls_back_to_3_1_1_where_the_broker_refuses_5() {
    // CONNACK "unacceptable protocol version" in the form of 3.1.1; in the form of 5; a silent close; no close either.
    let refusals = [On5::Refuse(&[0x20, 2, 0, 1]), On5::Refuse(&[0x20, 3, 0, 0x84, 0]), On5::Refuse(&[]), On5::Wait];
    for on_5 in refusals {
        let (link, events) = open(config(settings(scripted_broker(on_5)), &["a"]));
        assert_eq!(connected(&events).0, Version::V311, "{on_5:?}");
        link.publish(publication("a", "x", Some(1)));
        wait_for(&events, "acknowledgement", |event| matches!(event, Event::Published { ticket: 1 }).then_some(()));
    }
}

#[test]
fn reads_every_suback_code() {
    let port = scripted_broker(On5::Accept);
    for version in [Version::V5, Version::V311] {
        let several = &["open/a", "closed/b", "open/c", "closed/d"][..];
        for (filters, refused) in [(several, &["closed/b", "closed/d"][..]), (&["closed/e"], &["closed/e"])] {
            let (link, events) = open(config(Settings { version, ..settings(port) }, filters));
            assert_eq!(connected(&events).1, refused, "{version:?}");
            link.subscribe(Subscription::new("closed/f".to_owned(), Qos::AtLeastOnce));
            let filter = wait_for(&events, "refusal", |event| match event {
                Event::Refused { filter } => Some(filter),
                _ => None,
            });
            assert_eq!(filter, "closed/f");
        }
    }
}

#[test]
fn a_burst_is_acknowledged_whole() {
    const COUNT: u64 = 5_000;
    let broker = Broker::start();
    let (link, events) = open(config(settings(broker.port()), &[]));
    connected(&events);
    for ticket in 1..=COUNT {
        link.publish(publication("a", "x", Some(ticket)));
    }
    let mut acknowledged = Vec::new();
    while acknowledged.len() < COUNT as usize {
        acknowledged.push(wait_for(&events, "acknowledgement", |event| match event {
            Event::Published { ticket } => Some(ticket),
            _ => None,
        }));
    }
    acknowledged.sort_unstable();
    assert_eq!(acknowledged, (1..=COUNT).collect::<Vec<_>>());
}

#[test]
fn comes_back_by_itself_and_subscribes_again() {
    let mut broker = Broker::start();
    let (link, events) = open(config(settings(broker.port()), &["a"]));
    connected(&events);
    link.subscribe(Subscription::new("later".to_owned(), Qos::AtLeastOnce));
    link.subscribe(Subscription::new("gone".to_owned(), Qos::AtLeastOnce));
    link.unsubscribe("gone".to_owned());
    broker.kill();
    wait_for(&events, "loss", |event| matches!(event, Event::Lost { .. }).then_some(()));
    link.publish(publication("a", "while down", Some(1)));
    let failed = wait_for(&events, "failed attempt", |event| match event {
        Event::Failed(failure) => Some(failure.kind),
        _ => None,
    });
    assert_eq!(failed, FailureKind::Refused);
    wait_for(&events, "wait", |event| matches!(event, Event::Waiting { .. }).then_some(()));
    broker.start_again();
    assert_eq!(connected(&events).2, 2);
    for topic in ["gone", "later", "a"] {
        publish(&broker, topic, topic, 1, false);
    }
    assert_eq!(message(&events).payload, b"later", "what was published while down is the owner's to give again");
    assert_eq!(message(&events).payload, b"a");
}

#[test]
fn a_first_attempt_that_fails_ends_an_impatient_link() {
    let unused = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let (_link, events) = open(config(settings(unused), &[]));
    let failure = wait_for(&events, "failure", |event| match event {
        Event::Failed(failure) => Some(failure),
        _ => None,
    });
    assert_eq!((failure.kind, failure.kind.exit_code()), (FailureKind::Refused, 14));
    wait_for(&events, "end", |event| matches!(event, Event::Ended).then_some(()));
}

/// A lookout that receives its own request, and bars the way a given number of times.
struct Looks {
    bars: std::slice::Iter<'static, bool>,
}

impl Lookout for Looks {
    fn begin(&mut self, random: &mqttchat::random::Random) -> Guise {
        let subscriptions = vec![Subscription::new("question".to_owned(), Qos::AtLeastOnce)];
        Guise { client_id: format!("look-{}", random.word()), subscriptions }
    }

    fn see(&mut self, now: Instant, sight: Sight) -> Judgement {
        let until = Some(now + PATIENCE);
        match sight {
            Sight::Connected => {
                Judgement { publish: vec![publication("question", "x", None)], clearance: Clearance::Unsure { until } }
            }
            Sight::Message(_) if self.bars.next() == Some(&true) => {
                Judgement { publish: Vec::new(), clearance: Clearance::Barred { why: "a rival".to_owned() } }
            }
            Sight::Message(_) => Judgement { publish: Vec::new(), clearance: Clearance::Open },
            Sight::Due => panic!("its own question never came"),
        }
    }
}

#[test]
fn a_lookout_ends_only_links_that_never_connected() {
    let mut broker = Broker::start();
    let looking = |bars: &'static [bool]| {
        let lookout = Some(Box::new(Looks { bars: bars.iter() }) as Box<dyn Lookout>);
        open(Config { lookout, ..config(settings(broker.port()), &["question"]) })
    };
    let barred = |events| {
        wait_for(events, "bar", |event| match event {
            Event::Barred { .. } => Some(()),
            Event::Message(message) => panic!("{message:?} is the lookout's"),
            _ => None,
        });
    };
    let (_link, events) = looking(&[true]);
    barred(&events);
    wait_for(&events, "end", |event| matches!(event, Event::Ended).then_some(()));

    let (_link, events) = looking(&[false, true, true]);
    assert_eq!(connected(&events).2, 1);
    broker.stop();
    broker.start_again();
    barred(&events);
    barred(&events);
    assert_eq!(connected(&events).2, 2);
}

#[test]
fn a_closed_link_publishes_its_last_message_and_no_will() {
    let broker = Broker::start();
    let mut watcher = Subscriber::start(&broker, &["#"]);
    let will = Some(Box::new(|conn: u32| publication("will", &conn.to_string(), None)) as _);
    let (link, events) = open(Config { will, ..config(settings(broker.port()), &[]) });
    connected(&events);
    link.publish(publication("a", "queued", None));
    link.close(Some(publication("a", "last", None)), PATIENCE);
    publish(&broker, "fence", "", 1, false);
    watcher.wait_for("the fence", |topic, _| topic == "fence");
    let seen: Vec<String> =
        watcher.messages().iter().map(|message| format!("{} {}", message.topic, message.text())).collect();
    assert_eq!(seen, ["a queued", "a last", "fence "]);
}

#[test]
fn logs_in_over_tls_and_over_websocket() {
    let folder = TempDir::new();
    let certificates = Certificates::make(folder.path());
    let broker = Broker::builder().user("ann", "secret").tls(&certificates.server).websockets().start();
    let login =
        |settings: Settings| Settings { username: Some("ann".into()), password: Some("secret".into()), ..settings };
    let tls = Tls { cafile: Some(certificates.ca.clone()), ..Tls::default() };
    let web =
        Address { transport: Transport::WebSocket, path: "/mqtt".into(), ..settings(broker.websocket_port()).address };
    let ways = [
        Settings { tls: Some(tls), ..settings(broker.tls_port()) },
        Settings { address: web.clone(), ..settings(0) },
        Settings { address: web, version: Version::V311, ..settings(0) },
    ];
    for way in ways {
        let (link, events) = open(config(login(way), &["a"]));
        connected(&events);
        link.publish(publication("a", "x", None));
        assert_eq!(message(&events).payload, b"x");
        link.close(None, PATIENCE);
    }
}

#[test]
fn trusts_nobody_without_a_reason() {
    let folder = TempDir::new();
    let certificates = Certificates::make(folder.path());
    let trusting = |cafile: &std::path::Path| Tls { cafile: Some(cafile.to_owned()), ..Tls::default() };
    let good = trusting(&certificates.ca);
    let cases = [
        (&certificates.server, trusting(&certificates.other_ca), false),
        (&certificates.server, Tls::default(), false),
        (&certificates.expired, good.clone(), false),
        (&certificates.wrong_host, good.clone(), false),
        (&certificates.wrong_host, Tls { insecure: true, ..good.clone() }, true),
        (&certificates.expired, Tls { insecure: true, ..good }, false),
    ];
    for (index, (shown, tls, taken)) in cases.into_iter().enumerate() {
        let broker = Broker::builder().tls(shown).start();
        let (_link, events) = open(config(Settings { tls: Some(tls), ..settings(broker.tls_port()) }, &[]));
        let connected = wait_for(&events, "decision", |event| match event {
            Event::Connected { .. } => Some(true),
            Event::Failed(_) => Some(false),
            _ => None,
        });
        assert_eq!(connected, taken, "case {index}");
    }
}

#[test]
fn a_long_queue_at_qos_0_is_published_whole() {
    const CHILD: &str = "MQTTCHAT_TEST_CHILD";
    const COUNT: usize = 50_000;
    if std::env::var_os(CHILD).is_none() {
        // A process of its own, whose threads have less stack than one call per publication would take.
        let this = std::env::current_exe().expect("the test's own file");
        let arguments = ["--exact", "a_long_queue_at_qos_0_is_published_whole"];
        let mut child = Program::other(&this, &arguments).env(CHILD, "yes").env("RUST_MIN_STACK", "262144").start();
        let status = child.exit_status(PATIENCE * 2);
        assert!(status.success(), "{status}");
        return;
    }
    let broker = Broker::start();
    let (link, events) = open(config(settings(broker.port()), &["a"]));
    connected(&events);
    for _ in 0..COUNT {
        link.publish(Publication { qos: Qos::AtMostOnce, ..publication("b", "x", None) });
    }
    link.publish(publication("a", "the last", None));
    assert_eq!(message(&events).payload, b"the last");
}

#[test]
fn a_subscription_ordered_while_others_are_under_way_is_made() {
    let (link, events) = open(config(settings(scripted_broker(On5::Accept)), &["slow"]));
    // The broker has the SUBSCRIBE and does not answer before the next one.
    message(&events);
    link.subscribe(Subscription::new("closed/f".to_owned(), Qos::AtLeastOnce));
    let filter = wait_for(&events, "refusal", |event| match event {
        Event::Refused { filter } => Some(filter),
        _ => None,
    });
    assert_eq!(filter, "closed/f");
}

#[test]
fn a_link_closed_while_it_subscribes_says_goodbye() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (seen, kinds) = unbounded();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        // It accepts everybody, and leaves the SUBSCRIBE unanswered.
        while let Ok(sent) = packet(&mut stream) {
            if sent[0] >> 4 == 1 {
                let _ = stream.write_all(&[0x20, 3, 0, 0, 0]);
            }
            let _ = seen.send(sent[0] >> 4);
        }
    });
    let (link, _events) = open(config(settings(port), &["a"]));
    let next = || kinds.recv_timeout(PATIENCE).expect("a packet");
    assert_eq!((next(), next()), (1, 8), "CONNECT, SUBSCRIBE");
    link.close(None, PATIENCE);
    assert_eq!(next(), 14, "DISCONNECT, so that no will is sent");
}
