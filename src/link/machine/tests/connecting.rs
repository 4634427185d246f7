//! Waiting, connecting, explaining, subscribing.

use super::*;
use crate::now::an_instant;

#[test]
fn connects_as_it_is_told_to() {
    let mut bench = Bench::new(config(Version::Auto));
    let expected = Attempt {
        generation: 1,
        version: Version::V5,
        client_id: "id".to_owned(),
        persistent: true,
        will: Some(publication("will 1", None)),
        is_look: false,
    };
    assert_eq!(bench.tick(), [Output::Connect(expected)]);
    assert_eq!(bench.machine.due(), None);
    let subscriptions = config(Version::Auto).subscriptions;
    let tls = Some(("TLSv1.3".to_owned(), "x".to_owned()));
    let connected = Input::Connected { generation: 1, session_present: true, tls: tls.clone() };
    assert_eq!(bench.handle(connected), [Output::Subscribe { operation: 1, subscriptions }]);
    let outputs = bench.handle(Input::Subscribed { operation: 1, granted: Some(vec![false]) });
    let refused = vec!["a".to_owned()];
    let event = Event::Connected { session_present: true, version: Version::V5, conn: 1, refused, tls };
    assert_eq!(outputs, [Output::Emit(event)]);
}

#[test]
fn the_first_attempt_can_be_held_back() {
    let now = an_instant();
    let held = || {
        let machine = Machine::new(config(Version::V5), now + SECOND);
        let mut bench = Bench { machine, now };
        assert_eq!((bench.tick(), bench.machine.due()), (Vec::new(), Some(now + SECOND)));
        bench
    };
    attempt(&held().when_due());
    let mut bench = held();
    attempt(&bench.handle(Input::Begin));
    bench.not_connected(NotConnected::Refused(3));
    // This does not shorten the back-off.
    assert_eq!(bench.handle(Input::Begin), []);
    assert_eq!(bench.due_in(), SECOND / 2);
}

#[test]
fn failed_attempts_are_retried_with_back_off() {
    let mut bench = Bench::connecting(config(Version::V5));
    let unavailable = NotConnected::Refused(0x88);
    let failed = || Event::Failed(Failure::connack(0x88));
    for half_seconds in [1, 2, 4] {
        let delay = SECOND / 2 * half_seconds;
        assert_eq!(bench.not_connected(unavailable.clone()), then_waiting(failed(), delay));
        assert_eq!(bench.due_in(), delay);
        // Until the first connection, the will is the one for it.
        assert_eq!(attempt(&bench.when_due()).will, Some(publication("will 1", None)));
    }
}

#[test]
fn an_impatient_link_ends_with_its_first_failure_and_a_patient_one_with_a_lasting_failure() {
    for (patient, code, ends) in [(false, 3, true), (true, 3, false), (true, 5, true)] {
        let mut bench = Bench::connecting(Config { patient, ..config(Version::V311) });
        let outputs = bench.not_connected(NotConnected::Refused(code));
        assert_eq!(outputs[0], Output::Emit(Event::Failed(Failure::connack(code))));
        assert_eq!(bench.machine.has_ended(), ends, "{patient} {code}");
        if ends {
            assert_eq!(outputs[1..], ended());
            assert_eq!((bench.tick(), bench.machine.due()), (Vec::new(), None));
        }
        // After its first connection, a link does not end by itself.
        let mut bench = Bench::up(Config { patient, ..config(Version::V311) });
        bench.down();
        bench.when_due();
        bench.not_connected(NotConnected::Refused(code));
        assert!(!bench.machine.has_ended());
    }
}

#[test]
fn falls_back_to_3_1_1_if_the_broker_may_not_know_5() {
    let silence = NotConnected::Failed { error: "gone".to_owned(), silent: true };
    for why in [NotConnected::Refused(1), NotConnected::Refused(0x84), silence] {
        let mut bench = Bench::connecting(config(Version::Auto));
        let outputs = bench.not_connected(why);
        assert_eq!((attempt(&outputs).version, attempt(&outputs).generation), (Version::V311, 2));
        bench.let_in();
        bench.down();
        assert_eq!(attempt(&bench.when_due()).version, Version::V311, "it is remembered");
        bench.not_connected(NotConnected::Refused(3));
        assert_eq!(attempt(&bench.when_due()).version, Version::V5, "until an attempt fails");
    }
    for version in [Version::V5, Version::V311] {
        let mut bench = Bench::connecting(config(version));
        bench.not_connected(NotConnected::Refused(1));
        assert!(bench.machine.has_ended(), "{version:?} was asked for");
    }
}

#[test]
fn an_attempt_without_an_answer_is_explained() {
    let failed = || NotConnected::Failed { error: "TCP/TLS connect failure".to_owned(), silent: false };
    let explaining = |version| {
        let mut bench = Bench::connecting(config(version));
        assert_eq!(bench.not_connected(failed()), [Output::Explain { generation: 1 }]);
        assert_eq!(bench.machine.due(), None);
        bench
    };
    let explain = |bench: &mut Bench, walked| bench.handle(Input::Explained { generation: 1, walked });
    let refused = failure(FailureKind::Refused);
    let outputs = explain(&mut explaining(Version::Auto), Err(refused.clone()));
    assert_eq!(outputs, then_waiting(Event::Failed(refused), SECOND / 2));
    // The broker answers 3.1.1, which the probe speaks.
    assert_eq!(attempt(&explain(&mut explaining(Version::Auto), Ok(()))).version, Version::V311);
    let outputs = explain(&mut explaining(Version::V5), Ok(()));
    assert!(matches!(&outputs[0], Output::Emit(Event::Failed(failure)) if failure.what.contains("TCP/TLS")));
    // The answer to an earlier question does not count.
    let mut bench = explaining(Version::Auto);
    assert_eq!(bench.handle(Input::Explained { generation: 0, walked: Ok(()) }), []);
    // An unusable file needs no explanation.
    let mut bench = Bench::connecting(config(Version::Auto));
    let failure = failure(FailureKind::Resolve);
    let outputs = bench.not_connected(NotConnected::Unusable(failure.clone()));
    assert_eq!(outputs, then_waiting(Event::Failed(failure), SECOND / 2));
}

#[test]
fn a_subscribe_without_an_answer_is_given_up() {
    let subscribing = || {
        let mut bench = Bench::connecting(config(Version::Auto));
        bench.connected(1);
        bench
    };
    let mut bench = subscribing();
    assert_eq!(bench.due_in(), SECOND * 10);
    let outputs = bench.when_due();
    assert_eq!(outputs[0], Output::GiveUp { generation: 1 });
    let reason = "the broker does not answer SUBSCRIBE".to_owned();
    assert_eq!(outputs[1..], then_waiting(Event::Lost { reason }, SECOND / 2));
    let mut bench = subscribing();
    let outputs = bench.handle(Input::Subscribed { operation: 1, granted: None });
    assert_eq!(outputs[0], Output::GiveUp { generation: 1 });
    let mut bench = subscribing();
    assert_eq!(bench.down(), then_waiting(lost(), SECOND / 2));
    // Without subscriptions, the link is up at once.
    let mut bench = Bench::connecting(Config { subscriptions: Vec::new(), ..config(Version::Auto) });
    assert!(matches!(bench.connected(1)[..], [Output::Emit(Event::Connected { .. })]));
}

#[test]
fn while_subscribing_orders_are_kept_or_carried_out() {
    let mut bench = Bench::connecting(config(Version::Auto));
    let subscribe = |filter: &str| Input::Subscribe(Subscription::new(filter.to_owned(), Qos::AtLeastOnce));
    // The SUBSCRIBE will name this filter.
    assert_eq!(bench.handle(subscribe("b")), []);
    assert_eq!(bench.handle(Input::Unsubscribe { filter: "a".to_owned() }), []);
    assert_eq!(bench.publish("early", None), []);
    let outputs = bench.connected(1);
    let Output::Subscribe { subscriptions, .. } = &outputs[0] else { panic!("{outputs:?}") };
    assert_eq!(subscriptions[..], [Subscription::new("b".to_owned(), Qos::AtLeastOnce)]);
    // It no longer names this filter.
    let outputs = bench.handle(subscribe("c"));
    assert!(matches!(outputs[..], [Output::Subscribe { operation: 2, .. }]), "{outputs:?}");
    assert_eq!(bench.publish("later", None), []);
    let refused = |filter: &str| Output::Emit(Event::Refused { filter: filter.to_owned() });
    assert_eq!(bench.handle(Input::Subscribed { operation: 2, granted: Some(vec![false]) }), [refused("c")]);
    let outputs = bench.handle(Input::Subscribed { operation: 1, granted: Some(vec![true]) });
    assert_eq!(published(&outputs), [("early", 3), ("later", 4)]);
}

#[test]
fn answers_of_earlier_attempts_change_nothing() {
    let mut bench = Bench::connecting(config(Version::Auto));
    bench.not_connected(NotConnected::Refused(1));
    let why = NotConnected::Refused(5);
    assert_eq!(bench.handle(Input::NotConnected { generation: 1, why }), []);
    assert_eq!(bench.handle(Input::Down { generation: 1, reason: "cut".to_owned() }), []);
    assert_eq!(bench.down(), [], "while it connects, the answer to the attempt tells");
    assert_eq!(bench.connected(1), [Output::GiveUp { generation: 1 }]);
    bench.let_in();
    assert_eq!(bench.handle(Input::Down { generation: 1, reason: "cut".to_owned() }), []);
}
