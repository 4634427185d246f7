//! How many messages go out at a time.

use super::*;

#[test]
fn only_so_many_are_under_way() {
    let mut stage = Stage::new(&[]);
    (0..WINDOW + 500).for_each(|_| stage.push(chat("x", "lobby")));
    assert_eq!(stage.take().len(), WINDOW);
    stage.acknowledge(1..=WINDOW as u64);
    assert_eq!(stage.take().len(), 0, "the broker's word frees no place");
    stage.stored(SESSION, 1, 200);
    assert_eq!(stage.take().len(), 200);
    stage.outbox.lost(stage.now);
    let again = stage.take();
    assert_eq!((again.len(), again[0].ticket), (WINDOW, 201));
}

#[test]
fn no_faster_than_the_server_takes_them() {
    let mut stage = Stage::new(&["x"; 25]);
    for (milliseconds, count) in [(0, 10), (500, 0), (499, 0), (1, 10), (999, 0), (1, 5), (0, 0)] {
        stage.now += Duration::from_millis(milliseconds);
        assert_eq!(stage.outbox.take(stage.now, Some(10)).len(), count);
    }
}

#[test]
fn after_a_silence_retransmissions_go_a_few_at_a_time() {
    let mut stage = Stage::new(&["text"; 100]);
    let tickets = |stage: &mut Stage| stage.take().iter().map(|out| out.ticket).collect::<Vec<_>>();
    assert_eq!(tickets(&mut stage).len(), 100);
    stage.acknowledge(1..=100);
    stage.stored(SESSION, 1, 10);
    // A new message does not wait for the server's word about earlier ones.
    stage.push(chat("new", "lobby"));
    stage.after(5_000);
    assert_eq!(tickets(&mut stage), [11, 12, 13, 14, 15, 16, 17, 18, 101]);
    stage.stored(SESSION, 11, 12);
    assert_eq!(tickets(&mut stage), [19, 20]);
    stage.stored(SESSION, 13, 18);
    assert_eq!(tickets(&mut stage), [21, 22, 23, 24, 25, 26, 27], "one more than before");
    stage.outbox.lost(stage.now);
    stage.stored(SESSION, 1, 101);
    assert!(stage.outbox.is_empty());
    (0..20).for_each(|_| stage.push(chat("later", "lobby")));
    assert_eq!(tickets(&mut stage).len(), 20);
}
