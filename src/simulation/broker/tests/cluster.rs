//! What may overtake what between the nodes of a cluster.

use super::*;
use std::collections::BTreeSet;

/// What a subscriber on one node of a cluster gets of what a publisher on another does: each order that occurs.
fn orders_in_a_cluster(publish: impl Fn(&mut Bench)) -> Vec<Vec<String>> {
    let run = |seed| {
        let mut bench = Bench::new(Manners { window: 100, cluster: Manners::worst().cluster, ..Manners::good() });
        bench.broker.rng = Rng::new(seed);
        bench.subscribed(1, connect("a"), "#");
        let will = Some(Publish::new("x", b"will", Qos::AtLeastOnce, true));
        bench.connected(2, Connect { will, ..connect("b") });
        publish(&mut bench);
        bench.wait(S);
        bench.got(1).iter().filter_map(|packet| packet.rsplit(' ').next().map(str::to_owned)).collect()
    };
    let mut orders: Vec<Vec<String>> = (0..200).map(run).collect();
    orders.sort();
    orders.dedup();
    orders
}

#[test]
fn in_a_cluster_topics_and_wills_overtake_each_other_and_one_topic_keeps_its_order() {
    let one_topic = orders_in_a_cluster(|bench| ["1", "2", "3"].iter().for_each(|text| bench.publish(2, "x", text)));
    assert_eq!(one_topic, [["1", "2", "3"]]);
    let two_topics = orders_in_a_cluster(|bench| {
        bench.publish(2, "x", "1");
        bench.publish(2, "y", "2");
    });
    assert_eq!(two_topics, [["1", "2"], ["2", "1"]]);
    let will = orders_in_a_cluster(|bench| {
        bench.publish(2, "x", "1");
        bench.break_off(2);
    });
    assert_eq!(will, [["1", "will"], ["will", "1"]]);
}

#[test]
fn in_a_cluster_a_retained_message_is_late_on_other_nodes_and_the_same_in_the_end() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let mut bench = Bench::new(Manners { cluster: Manners::worst().cluster, ..Manners::good() });
        bench.broker.rng = Rng::new(seed);
        bench.connected(1, connect("a"));
        bench.connected(2, connect("b"));
        bench.retain(1, "x", "old");
        bench.wait(S);
        bench.retain(1, "x", "new");
        bench.subscribe(2, "x");
        seen.extend(bench.got(2).into_iter().skip(1));
        bench.wait(S);
        bench.subscribe(2, "x");
        assert_eq!(bench.got(2).last().map(String::as_str), Some("PUBLISH 2 q1r x new"), "seed {seed}");
    }
    assert_eq!(Vec::from_iter(seen), ["PUBLISH 1 q1r x new", "PUBLISH 1 q1r x old"]);
}
