//! A connection that is up: publications and subscriptions, and its end.

use super::*;

#[test]
fn each_publication_is_reported() {
    let mut bench = Bench::up(config(Version::Auto));
    let mut operation = 1;
    let outcomes = [
        (Settlement::Published, Some(Event::Published { ticket: 7 })),
        (
            Settlement::Rejected { reason: "no".to_owned() },
            Some(Event::Rejected { ticket: 7, reason: "no".to_owned() }),
        ),
        (Settlement::Unknown, None),
    ];
    for (outcome, event) in outcomes {
        operation += 1;
        assert_eq!(published(&bench.publish("b", Some(7))), [("b", operation)]);
        let expected: Vec<_> = event.into_iter().map(Output::Emit).collect();
        assert_eq!(bench.settled(operation, outcome.clone()), expected);
        assert_eq!(bench.settled(operation, outcome), [], "only once");
    }
    operation += 1;
    bench.publish("b", None);
    assert_eq!(bench.settled(operation, Settlement::Published), [], "nobody wants to know");
}

#[test]
fn no_more_is_under_way_than_fits_the_window() {
    let mut bench = Bench::up(config(Version::Auto));
    let last = 1 + WINDOW as u64;
    for operation in 2..=last {
        assert_eq!(published(&bench.publish("b", None)), [("b", operation)]);
    }
    assert_eq!(bench.publish("c", None), []);
    assert_eq!(bench.publish("d", None), []);
    assert_eq!(published(&bench.settled(3, Settlement::Unknown)), [("c", last + 1)]);
    assert_eq!(published(&bench.settled(2, Settlement::Published)), [("d", last + 2)]);
}

#[test]
fn a_full_queue_takes_only_what_is_followed_up() {
    let mut bench = Bench::up(config(Version::Auto));
    let large = |topic, ticket| Publication { payload: vec![b'x'; 1 << 20], ..publication(topic, ticket) };
    (0..WINDOW).for_each(|_| drop(bench.publish("b", None)));
    let fitting = QUEUE_BYTES / (1 << 20) - 1;
    for _ in 0..fitting + 9 {
        bench.handle(Input::Publish(large("reply", None)));
    }
    bench.handle(Input::Publish(large("message", Some(7))));
    bench.handle(Input::Publish(Publication { retain: true, ..large("mark", None) }));
    let topics = |bench: &mut Bench, operations: std::ops::Range<u64>| -> Vec<String> {
        let outputs = operations.flat_map(|operation| bench.settled(operation, Settlement::Published));
        published(&outputs.collect::<Vec<_>>()).into_iter().map(|(topic, _)| topic.to_owned()).collect()
    };
    let (first, replies) = (2, vec!["reply"; fitting]);
    assert_eq!(topics(&mut bench, first..first + WINDOW as u64), [replies, vec!["message", "mark"]].concat());
    // What left the queue has freed its room.
    (0..WINDOW - fitting - 2).for_each(|_| drop(bench.publish("b", None)));
    bench.handle(Input::Publish(large("reply", None)));
    let next = first + WINDOW as u64;
    assert_eq!(topics(&mut bench, next..next + 1), ["reply"]);
}

#[test]
fn a_place_in_the_window_expires() {
    let mut bench = Bench::up(config(Version::Auto));
    assert_eq!(bench.machine.due(), None);
    bench.publish("old", Some(1));
    bench.now += SECOND;
    for _ in 1..WINDOW {
        bench.publish("b", None);
    }
    bench.publish("c", None);
    assert_eq!(bench.due_in(), UNANSWERED - SECOND);
    let outputs = bench.when_due();
    assert_eq!(outputs[0], Output::Forget { operation: 2 });
    assert_eq!(published(&outputs), [("c", 2 + WINDOW as u64)]);
    assert_eq!(bench.settled(2, Settlement::Published), [], "it comes too late");
    assert_eq!(bench.due_in(), SECOND);
    assert_eq!(bench.when_due().len(), WINDOW - 1);
    assert_eq!(bench.due_in(), UNANSWERED - SECOND);
}

#[test]
fn subscribes_once_again_and_after_every_connect() {
    let mut bench = Bench::up(config(Version::Auto));
    let subscribe = |filter: &str, qos| Input::Subscribe(Subscription::new(filter.to_owned(), qos));
    let subscription = |filter: &str, qos| Subscription::new(filter.to_owned(), qos);
    for (operation, qos) in [(2, Qos::AtMostOnce), (3, Qos::ExactlyOnce)] {
        let subscriptions = vec![subscription("b", qos)];
        assert_eq!(bench.handle(subscribe("b", qos)), [Output::Subscribe { operation, subscriptions }]);
    }
    assert_eq!(bench.handle(Input::Subscribed { operation: 2, granted: Some(vec![true]) }), []);
    assert_eq!(bench.handle(Input::Subscribed { operation: 3, granted: None }), []);
    let filter = "a".to_owned();
    assert_eq!(bench.handle(Input::Unsubscribe { filter: filter.clone() }), [Output::Unsubscribe { filter }]);
    bench.down();
    bench.when_due();
    let subscriptions = vec![subscription("b", Qos::ExactlyOnce)];
    assert_eq!(bench.connected(2), [Output::Subscribe { operation: 4, subscriptions }]);
}

#[test]
fn topics_that_mqtt_forbids_are_rejected() {
    let mut unfit = config(Version::Auto);
    unfit.subscriptions.push(Subscription::new("x\0".to_owned(), Qos::AtLeastOnce));
    let mut bench = Bench::up(unfit);
    let reason = "not a topic: it holds a wildcard".to_owned();
    assert_eq!(bench.publish("a/+", Some(1)), [Output::Emit(Event::Rejected { ticket: 1, reason })]);
    assert_eq!(bench.publish("a/+", None), []);
    let filter = "b\0".to_owned();
    let subscribe = Input::Subscribe(Subscription::new(filter.clone(), Qos::AtLeastOnce));
    assert_eq!(bench.handle(subscribe), [Output::Emit(Event::Refused { filter })]);
    bench.down();
    bench.when_due();
    let Output::Subscribe { subscriptions, .. } = &bench.connected(2)[0] else { panic!("no SUBSCRIBE") };
    assert_eq!(subscriptions.len(), 1);
}

#[test]
fn operations_under_way_end_with_the_connection() {
    let mut bench = Bench::up(config(Version::Auto));
    for _ in 0..=WINDOW {
        bench.publish("b", Some(1));
    }
    bench.handle(Input::Subscribe(Subscription::new("c".to_owned(), Qos::AtLeastOnce)));
    assert_eq!(bench.down(), then_waiting(lost(), SECOND / 2));
    assert_eq!(bench.down(), [], "once");
    assert_eq!(bench.settled(2, Settlement::Published), []);
    assert_eq!(bench.publish("d", Some(2)), [], "dropped: there is no connection");
    assert_eq!(attempt(&bench.when_due()).will, Some(publication("will 2", None)));
    assert_eq!(published(&bench.let_in()), []);
    assert_eq!(bench.settled(3, Settlement::Published), []);
    assert_eq!(bench.handle(Input::Subscribed { operation: 1_003, granted: Some(vec![false]) }), []);
}

#[test]
fn a_connection_that_lasts_starts_the_waits_again() {
    let mut bench = Bench::up(config(Version::Auto));
    for (lasts, half_seconds) in [(4, 1), (4, 2), (5, 1), (4, 2)] {
        bench.now += SECOND * lasts;
        assert_eq!(bench.down(), then_waiting(lost(), SECOND / 2 * half_seconds));
        bench.when_due();
        bench.let_in();
    }
}
