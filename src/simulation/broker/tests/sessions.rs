//! Sessions: queues, windows, takeovers, keep alive, restarts.

use super::*;

#[test]
fn a_kept_session_gets_what_came_meanwhile_and_a_clean_one_is_new() {
    let mut bench = Bench::new(Manners::good());
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, connect("b"));
    bench.give(1, Packet::Disconnect { code: 0 });
    bench.publish(2, "x", "1");
    bench.give(3, Packet::Connect(Box::new(connect("a"))));
    assert_eq!(bench.got(3), ["CONNACK true 0", "PUBLISH 1 q1 x 1"]);
    bench.give(4, Packet::Connect(Box::new(Connect { clean: true, is_kept: false, ..connect("a") })));
    assert_eq!(bench.got(4), ["CONNACK false 0"]);
    bench.break_off(4);
    bench.give(5, Packet::Connect(Box::new(connect("a"))));
    assert_eq!(bench.got(5), ["CONNACK false 0"]);
}

#[test]
fn a_full_queue_drops_what_its_publisher_believes_delivered() {
    let mut bench = Bench::new(Manners { queue: 2, window: 1, ..Manners::good() });
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, connect("b"));
    for text in ["1", "2", "3", "4", "5"] {
        bench.publish(2, "x", text);
    }
    assert_eq!(bench.got(2), ["PUBACK 9 0"; 5]);
    assert_eq!(bench.got(1), ["PUBLISH 1 q1 x 1"]);
    for id in 1..=3 {
        bench.give(1, Packet::Puback { id, code: 0 });
    }
    assert_eq!(bench.got(1), ["PUBLISH 2 q1 x 2", "PUBLISH 3 q1 x 3"]);
}

#[test]
fn a_full_network_makes_messages_wait_in_the_queue() {
    let mut bench = Bench::new(Manners { queue: 1, ..Manners::good() });
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, connect("b"));
    assert!(bench.broker.set_full(ConnId(1), true).is_empty());
    bench.publish(2, "x", "1");
    bench.publish(2, "x", "2");
    assert!(bench.got(1).is_empty());
    let outputs = bench.broker.set_full(ConnId(1), false);
    bench.carry_out(outputs);
    assert_eq!(bench.got(1), ["PUBLISH 1 q1 x 1"]);
}

#[test]
fn what_was_not_acknowledged_comes_again_on_the_next_connection() {
    let mut bench = Bench::new(Manners { window: 2, ..Manners::good() });
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, connect("b"));
    for text in ["1", "2", "3"] {
        bench.publish(2, "x", text);
    }
    bench.break_off(1);
    bench.give(3, Packet::Connect(Box::new(connect("a"))));
    assert_eq!(bench.got(3), ["CONNACK true 0", "PUBLISH 1 q1d x 1", "PUBLISH 2 q1d x 2"]);
    bench.give(3, Packet::Puback { id: 1, code: 0 });
    assert_eq!(bench.got(3), ["PUBLISH 3 q1 x 3"]);
}

#[test]
fn duplicates_repeat_the_window_in_its_order() {
    let mut bench = Bench::new(Manners { duplicates: 100, ..Manners::good() });
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, connect("b"));
    bench.publish(2, "x", "1");
    bench.publish(2, "x", "2");
    let expected =
        ["PUBLISH 1 q1 x 1", "PUBLISH 1 q1d x 1", "PUBLISH 2 q1 x 2", "PUBLISH 1 q1d x 1", "PUBLISH 2 q1d x 2"];
    assert_eq!(bench.got(1), expected);
}

#[test]
fn a_second_connection_takes_the_session_over() {
    for (version, told) in [(Version::V311, vec!["closed"]), (Version::V5, vec!["DISCONNECT 142", "closed"])] {
        let mut bench = Bench::new(Manners::good());
        bench.subscribed(1, Connect { version, ..connect("a") }, "x");
        bench.give(2, Packet::Connect(Box::new(connect("a"))));
        assert_eq!(
            (bench.got(1), bench.got(2)),
            (told.iter().map(|text| (*text).to_owned()).collect(), vec!["CONNACK true 0".to_owned()])
        );
        // The end of the first connection is not the end of the session.
        bench.break_off(1);
        bench.connected(3, connect("b"));
        bench.publish(3, "x", "1");
        assert_eq!(bench.got(2), ["PUBLISH 1 q1 x 1"]);
    }
}

#[test]
fn a_silent_client_is_cut_off_after_one_and_a_half_keep_alives() {
    let mut bench = Bench::new(Manners::good());
    bench.connected(1, connect("a"));
    bench.connected(2, Connect { keep_alive_seconds: 0, ..connect("b") });
    bench.wait(60 * S);
    bench.give(1, Packet::Pingreq);
    bench.wait(90 * S - 1);
    assert_eq!(bench.got(1), ["PINGRESP"]);
    bench.wait(1);
    assert_eq!(bench.got(1), ["closed"]);
    bench.wait(10_000 * S);
    assert!(bench.got(2).is_empty());
}

#[test]
fn the_operator_ends_the_connections_of_a_node() {
    let mut bench = Bench::new(Manners::good());
    bench.connected(1, connect("a"));
    bench.connected(2, connect("b"));
    let outputs = bench.broker.kick(bench.now, NodeId(1));
    bench.carry_out(outputs);
    assert_eq!((bench.got(1), bench.got(2)), (vec!["closed".to_owned()], vec![]));
}

/// After a crash: whether the session is present, and which retained message comes.
#[track_caller]
fn check_crash(manners: Manners, recovery: Recovery, session_present: bool, retained: Option<&str>) {
    let mut bench = Bench::new(manners);
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, Connect { clean: true, is_kept: false, ..connect("b") });
    bench.retain(2, "r", "saved");
    bench.broker.save();
    bench.retain(2, "r", "late");
    bench.connected(3, connect("later"));
    bench.crash(recovery);
    for conn in [1, 2, 3] {
        assert_eq!(bench.got(conn).last().map(String::as_str), Some("closed"));
    }
    bench.give(4, Packet::Connect(Box::new(connect("a"))));
    assert_eq!(bench.got(4), [format!("CONNACK {session_present} 0")]);
    bench.give(5, Packet::Connect(Box::new(connect("b"))));
    assert_eq!(bench.got(5), ["CONNACK false 0"], "a clean session ends with its connection");
    let later_is_present = session_present && recovery == Recovery::Everything;
    bench.give(6, Packet::Connect(Box::new(connect("later"))));
    assert_eq!(bench.got(6), [format!("CONNACK {later_is_present} 0")]);
    bench.subscribe(5, "r");
    let mut expected = vec!["SUBACK 1 [1]".to_owned()];
    expected.extend(retained.map(|text| format!("PUBLISH 1 q1r r {text}")));
    assert_eq!(bench.got(5), expected);
}

#[test]
fn a_crash_leaves_everything_what_was_saved_or_nothing() {
    check_crash(Manners::good(), Recovery::Everything, true, Some("late"));
    check_crash(Manners::good(), Recovery::Saved, true, Some("saved"));
    check_crash(Manners::good(), Recovery::Nothing, false, None);
    let forgets_sessions = Manners { keeps_sessions: false, ..Manners::good() };
    check_crash(forgets_sessions, Recovery::Everything, false, Some("late"));
    let forgets_retained = Manners { keeps_retained: false, ..Manners::good() };
    check_crash(forgets_retained, Recovery::Everything, true, None);
}

#[test]
fn nobody_is_let_in_while_the_broker_is_down() {
    let mut bench = Bench::new(Manners::good());
    let outputs = bench.broker.crash(Recovery::Everything);
    bench.carry_out(outputs);
    bench.give(1, Packet::Connect(Box::new(connect("a"))));
    assert_eq!((bench.got(1), bench.broker.due()), (vec!["closed".to_owned()], None));
}
