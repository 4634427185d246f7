//! The owner closes the link, in every phase.

use super::*;

fn close(last: Option<&str>, within: Duration) -> Input {
    Input::Close { last: last.map(|topic| publication(topic, None)), within }
}

#[test]
fn a_link_publishes_its_last_message_and_disconnects() {
    let mut bench = Bench::up(config(Version::Auto));
    bench.publish("b", Some(1));
    assert_eq!(published(&bench.handle(close(Some("last"), SECOND))), [("last", 3)]);
    assert_eq!(bench.publish("too late", None), []);
    assert_eq!(bench.settled(3, Settlement::Published), []);
    let outputs = bench.settled(2, Settlement::Published);
    assert_eq!(outputs, [Output::Emit(Event::Published { ticket: 1 }), Output::Disconnect { generation: 1 }]);
    assert_eq!(bench.handle(Input::Disconnected { generation: 1 }), ended());
}

#[test]
fn disconnects_when_the_time_is_up() {
    let mut bench = Bench::up(config(Version::Auto));
    bench.handle(close(Some("last"), SECOND));
    assert_eq!(bench.due_in(), SECOND);
    assert_eq!(bench.when_due(), [Output::Disconnect { generation: 1 }]);
    assert_eq!(bench.due_in(), DISCONNECT_TIMEOUT);
    assert_eq!(bench.when_due(), ended());
    // Without any time, it is still published.
    let mut bench = Bench::up(config(Version::Auto));
    let outputs = bench.handle(close(Some("last"), Duration::ZERO));
    assert_eq!(published(&outputs), [("last", 2)]);
    assert_eq!(outputs[1..], [Output::Disconnect { generation: 1 }]);
}

#[test]
fn a_last_publication_that_mqtt_forbids_is_dropped() {
    let mut bench = Bench::up(config(Version::Auto));
    assert_eq!(bench.handle(close(Some("a/#"), SECOND)), [Output::Disconnect { generation: 1 }]);
}

#[test]
fn a_connection_that_breaks_while_it_closes_is_the_end() {
    let mut bench = Bench::up(config(Version::Auto));
    bench.handle(close(Some("last"), SECOND));
    assert_eq!(bench.down(), ended());
    let mut bench = Bench::up(config(Version::Auto));
    bench.handle(close(None, SECOND));
    assert_eq!(bench.down(), ended());
}

#[test]
fn closed_while_connecting_a_link_ends_the_connection_that_succeeds() {
    let abandoned = || {
        let mut bench = Bench::connecting(config(Version::Auto));
        assert_eq!(bench.handle(close(Some("last"), SECOND)), [Output::LetGo]);
        assert_eq!(bench.machine.due(), None);
        bench
    };
    let mut bench = abandoned();
    assert_eq!(bench.connected(1), [Output::Disconnect { generation: 1 }]);
    assert_eq!(bench.handle(Input::Disconnected { generation: 1 }), ended());
    assert_eq!(abandoned().not_connected(NotConnected::Refused(1)), ended());
}

#[test]
fn closed_while_subscribing_a_link_disconnects_without_a_will() {
    let mut bench = Bench::connecting(config(Version::Auto));
    bench.connected(1);
    assert_eq!(bench.handle(close(Some("last"), SECOND)), [Output::Disconnect { generation: 1 }]);
}

#[test]
fn without_a_connection_a_closed_link_ends_at_once() {
    let mut waiting = Bench::up(config(Version::Auto));
    waiting.down();
    let mut explaining = Bench::connecting(config(Version::Auto));
    explaining.not_connected(NotConnected::Failed { error: "x".to_owned(), silent: false });
    for bench in [&mut waiting, &mut explaining] {
        assert_eq!(bench.handle(close(Some("last"), SECOND)), ended());
        assert_eq!(bench.handle(Input::Explained { generation: 1, walked: Ok(()) }), [], "nothing more comes");
    }
}
