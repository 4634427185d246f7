//! The look before each attempt.

use super::*;
use crate::link::lookout::{Clearance, Guise, Judgement, Lookout};

/// How long the scripted lookout waits for an answer.
const ANSWER: Duration = Duration::from_millis(500);

/// A lookout that asks once it is connected, bars the link after a message "rival", answers others, and opens the way
/// at its deadline.
struct Scripted;

impl Lookout for Scripted {
    fn begin(&mut self, _: &Random) -> Guise {
        let subscriptions = vec![Subscription::new("answers".to_owned(), Qos::AtLeastOnce)];
        Guise { client_id: "throw-away".to_owned(), subscriptions }
    }

    fn see(&mut self, now: Instant, sight: Sight) -> Judgement {
        let judge = |topic: &str, clearance| Judgement { publish: vec![publication(topic, None)], clearance };
        match sight {
            Sight::Connected => judge("question", Clearance::Unsure { until: Some(now + ANSWER) }),
            Sight::Message(message) if message.topic == "rival" => {
                Judgement { publish: Vec::new(), clearance: Clearance::Barred { why: "a rival".to_owned() } }
            }
            Sight::Message(_) => judge("answer", Clearance::Unsure { until: None }),
            Sight::Due => Judgement { publish: Vec::new(), clearance: Clearance::Open },
        }
    }
}

fn looking() -> Config {
    Config { lookout: Some(Box::new(Scripted)), ..config(Version::Auto) }
}

fn message(generation: u64, topic: &str) -> Input {
    let message = Message { topic: topic.to_owned(), payload: Vec::new(), qos: Qos::AtLeastOnce, retained: false };
    Input::Message { generation, message }
}

/// A machine whose look is up.
fn looks() -> Bench {
    let mut bench = Bench::connecting(looking());
    bench.let_in();
    bench
}

/// The look succeeds, and the link connects.
#[track_caller]
fn look_and_connect(bench: &mut Bench) {
    bench.let_in();
    attempt(&bench.when_due());
    bench.let_in();
}

#[test]
fn looks_on_a_connection_of_its_own_and_then_connects() {
    let mut bench = Bench::new(looking());
    let outputs = bench.tick();
    let look = attempt(&outputs);
    assert_eq!(
        (look.client_id.as_str(), look.persistent, &look.will, look.is_look),
        ("throw-away", false, &None, true)
    );
    assert_eq!(published(&bench.let_in()), [("question", 2)], "and the owner hears nothing");
    assert_eq!(bench.due_in(), ANSWER);
    assert_eq!(bench.publish("owner", None), [], "dropped: there is no connection");
    assert_eq!(published(&bench.handle(message(1, "junior"))), [("answer", 3)]);
    assert_eq!(bench.due_in(), ANSWER, "an answer takes no time");
    let outputs = bench.when_due();
    assert_eq!(outputs[0], Output::GiveUp { generation: 1 });
    let own = attempt(&outputs);
    assert_eq!((own.client_id.as_str(), own.persistent, own.is_look, own.generation), ("id", true, false, 2));
    assert_eq!(own.will, Some(publication("will 1", None)));
    assert_eq!(bench.handle(message(1, "rival")), [], "too late");
    let outputs = bench.let_in();
    assert!(matches!(outputs[..], [Output::Emit(Event::Connected { conn: 1, .. })]), "{outputs:?}");
    assert_eq!(bench.handle(message(2, "rival")), [], "no look is under way");
}

#[test]
fn a_bar_ends_only_links_that_never_connected() {
    let barred = Output::Emit(Event::Barred { why: "a rival".to_owned() });
    let mut bench = looks();
    let outputs = bench.handle(message(1, "rival"));
    assert_eq!(outputs[..2], [Output::GiveUp { generation: 1 }, barred.clone()]);
    assert_eq!(outputs[2..], ended());

    let mut bench = Bench::connecting(looking());
    look_and_connect(&mut bench);
    bench.down();
    for _ in 0..2 {
        assert!(attempt(&bench.when_due()).is_look);
        // It may arrive before the answer to SUBSCRIBE.
        bench.connected(bench.machine.generation);
        let outputs = bench.handle(message(bench.machine.generation, "rival"));
        assert!(matches!(outputs[..], [Output::GiveUp { .. }, _, Output::Emit(Event::Waiting { .. })]), "{outputs:?}");
        assert_eq!(outputs[1], barred);
    }
    bench.when_due();
    look_and_connect(&mut bench);
    assert_eq!(bench.machine.conn, 2);
}

#[test]
fn a_link_that_cannot_look_does_not_connect() {
    let failed = |outputs: &[Output], what: &str| match outputs {
        [.., Output::Emit(Event::Failed(failure)), Output::Emit(Event::Waiting { .. })] => failure.what.contains(what),
        _ => false,
    };
    // The link does not connect, for whatever reason the look takes long.
    let mut connecting = Bench::connecting(looking());
    let mut explaining = Bench::connecting(looking());
    explaining.not_connected(NotConnected::Failed { error: "x".to_owned(), silent: false });
    let mut subscribing = Bench::connecting(looking());
    subscribing.connected(1);
    for (bench, is_connected) in [(&mut connecting, false), (&mut explaining, false), (&mut subscribing, true)] {
        assert_eq!(bench.due_in(), SECOND * 20);
        let outputs = bench.when_due();
        assert!(failed(&outputs, "did not let in"), "{outputs:?}");
        assert_eq!(outputs.contains(&Output::GiveUp { generation: 1 }), is_connected);
        assert_eq!(bench.handle(Input::Explained { generation: 1, walked: Ok(()) }), [], "too late");
    }
    assert_eq!(connecting.connected(1), [Output::GiveUp { generation: 1 }], "too late");
    // The connection breaks.
    let outputs = looks().down();
    assert!(failed(&outputs, "lost while looking for another server: cut"), "{outputs:?}");
    // The broker refuses it, which counts as the link's own failure.
    let outputs = Bench::connecting(looking()).not_connected(NotConnected::Refused(3));
    assert_eq!(outputs, then_waiting(Event::Failed(Failure::connack(3)), SECOND / 2));
}

#[test]
fn an_older_version_does_for_the_look_and_is_remembered() {
    let mut bench = Bench::connecting(looking());
    let outputs = bench.not_connected(NotConnected::Refused(1));
    let look = attempt(&outputs);
    assert_eq!((look.client_id.as_str(), look.version, look.is_look), ("throw-away", Version::V311, true));
    bench.let_in();
    assert_eq!(attempt(&bench.when_due()).version, Version::V311);
}

#[test]
fn a_closed_link_stops_looking() {
    let close = || Input::Close { last: Some(publication("last", None)), within: SECOND };
    let mut bench = Bench::connecting(looking());
    assert_eq!(bench.handle(close()), [Output::LetGo]);
    assert_eq!(bench.machine.due(), None);
    assert_eq!(bench.connected(1), [Output::Disconnect { generation: 1 }]);
    let mut bench = Bench::connecting(looking());
    bench.connected(1);
    let given_up = [vec![Output::GiveUp { generation: 1 }], ended()].concat();
    assert_eq!(bench.handle(close()), given_up);
    assert_eq!(looks().handle(close()), given_up);
}
