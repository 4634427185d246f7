//! When wills come, and when they do not.

use super::*;

/// A bench with a watcher on connection 1 and a client with a will on connection 2.
fn bench(manners: Manners) -> Bench {
    let mut bench = Bench::new(manners);
    bench.subscribed(1, Connect { keep_alive_seconds: 0, ..connect("watcher") }, "gone");
    bench.connected(2, mortal());
    bench
}

fn mortal() -> Connect {
    let will = Publish::new("gone", b"mortal", Qos::AtLeastOnce, true);
    Connect { will: Some(will), ..connect("mortal") }
}

fn has_come(bench: &mut Bench) -> bool {
    match bench.got(1).as_slice() {
        [] => false,
        [publish] => publish.ends_with("gone mortal"),
        more => panic!("{more:?}"),
    }
}

#[test]
fn a_connection_that_ends_without_a_disconnect_leaves_its_will() {
    type EndIt = fn(&mut Bench);
    let ends: [(&str, EndIt, bool); 6] = [
        ("closed", |bench| bench.break_off(2), true),
        ("protocol error", |bench| bench.give(2, Packet::Pingresp), true),
        ("keep alive", |bench| bench.wait(90 * S), true),
        ("taken over", |bench| bench.give(3, Packet::Connect(Box::new(connect("mortal")))), true),
        ("disconnect", |bench| bench.give(2, Packet::Disconnect { code: 0 }), false),
        ("disconnect with will", |bench| bench.give(2, Packet::Disconnect { code: 4 }), true),
    ];
    for (name, end, comes) in ends {
        let mut bench = bench(Manners { wills_outlast_return: true, ..Manners::good() });
        end(&mut bench);
        bench.wait(0);
        assert_eq!(has_come(&mut bench), comes, "{name}");
    }
}

#[test]
fn a_will_may_be_late_and_its_client_back_before_it() {
    for (wills_outlast_return, comes) in [(false, false), (true, true)] {
        let mut bench = bench(Manners { wills_outlast_return, ..Manners::good() });
        bench.broker.delay_next_will(NodeId(2), Some(5 * S));
        bench.break_off(2);
        bench.wait(S);
        bench.connected(3, connect("mortal"));
        assert!(!has_come(&mut bench));
        bench.wait(4 * S);
        assert_eq!(has_come(&mut bench), comes);
    }
}

#[test]
fn a_will_may_not_come_at_all_once() {
    let mut bench = bench(Manners::good());
    bench.broker.delay_next_will(NodeId(2), None);
    bench.break_off(2);
    bench.wait(90 * S);
    assert!(!has_come(&mut bench));
    bench.give(2, Packet::Connect(Box::new(mortal())));
    bench.break_off(2);
    bench.wait(0);
    assert!(has_come(&mut bench));
}

#[test]
fn a_will_that_is_lost_on_delivery_is_still_retained() {
    let mut bench = bench(Manners { lost_wills: 100, ..Manners::good() });
    bench.break_off(2);
    bench.wait(0);
    assert!(!has_come(&mut bench));
    bench.subscribe(1, "gone");
    assert_eq!(bench.got(1), ["SUBACK 1 [1]", "PUBLISH 1 q1r gone mortal"]);
}

#[test]
fn a_crash_may_leave_wills_for_after_the_restart() {
    for wills_after_restart in [false, true] {
        let mut bench = bench(Manners { wills_after_restart, ..Manners::good() });
        bench.crash(Recovery::Everything);
        bench.wait(0);
        bench.got(1);
        bench.connected(4, connect("other"));
        bench.subscribe(4, "gone");
        assert_eq!(bench.got(4).len(), if wills_after_restart { 2 } else { 1 });
    }
}
