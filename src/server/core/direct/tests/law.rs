//! The law of waiting messages: behind a queue that drops what it has no room for, all arrive within a bounded time,
//! and none is retransmitted much more often than it is dropped.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// One step of the world.
const STEP: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
struct World {
    /// Messages that wait when their addressee joins, and further ones that pass between clients meanwhile.
    waiting: i64,
    live: i64,
    /// How many messages the broker queues for a client, and how many it delivers per step.
    queue: usize,
    passed: usize,
    /// How many of a thousand messages and receipts are lost on top of that.
    lost: u32,
    /// How long the database takes to answer, in steps.
    answer: u32,
    seed: u64,
}

fn worlds() -> impl Strategy<Value = World> {
    let lost = prop_oneof![Just(0u32), 1..=50u32];
    (1..=300i64, 0..=100i64, 3..=40usize, 1..=8usize, lost, 0..=3u32, any::<u64>()).prop_map(
        |(waiting, live, queue, passed, lost, answer, seed)| World { waiting, live, queue, passed, lost, answer, seed },
    )
}

/// The current state of the world.
struct Run {
    world: World,
    desk: Desk,
    /// The contents of the database.
    rows: Vec<i64>,
    /// The broker's queue for the addressee; `None`: something else.
    queue: VecDeque<Option<i64>>,
    asked: Option<(u32, i64)>,
    sent: usize,
    dropped: usize,
    random: u64,
}

impl Run {
    fn is_lost(&mut self) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.random >> 33) % 1_000) < u64::from(self.world.lost)
    }

    fn publish(&mut self, row: Option<i64>) {
        if self.queue.len() >= self.world.queue || self.is_lost() {
            self.dropped += usize::from(row.is_some());
        } else {
            self.queue.push_back(row);
        }
    }

    fn take(&mut self, steps: Vec<String>) {
        for step in steps {
            if let Some(after) = step.strip_prefix("ask ") {
                assert!(self.asked.is_none(), "one question at a time");
                self.asked = Some((self.world.answer, after.parse().unwrap()));
            } else {
                let row = step.split(' ').nth(1).unwrap().parse().unwrap();
                self.sent += 1;
                self.publish(Some(row));
            }
        }
    }

    fn step(&mut self, number: u32) {
        self.desk.now += STEP;
        if number.is_multiple_of(50) {
            let due = self.desk.pass(0);
            self.take(due);
        }
        // Notices and room messages pass through the same queue.
        if number.is_multiple_of(7) {
            self.publish(None);
        }
        if let Some((wait, after)) = self.asked.take() {
            if wait > 0 {
                self.asked = Some((wait - 1, after));
            } else {
                let found: Vec<i64> = self.rows.iter().copied().filter(|row| *row > after).take(UNDER_WAY).collect();
                let steps = self.desk.found_rows(after, found);
                self.take(steps);
            }
        }
        for _ in 0..self.world.passed {
            let Some(passed) = self.queue.pop_front() else { break };
            let Some(row) = passed else { continue };
            if self.is_lost() {
                self.dropped += 1;
                continue;
            }
            self.rows.retain(|known| *known != row);
            let steps = self.desk.received(row);
            self.desk.kept(row);
            self.take(steps);
        }
        if self.world.live > 0 && number.is_multiple_of(3) {
            self.world.live -= 1;
            let row = 1_000 + i64::from(number);
            self.rows.push(row);
            self.publish(Some(row));
            let steps = self.desk.stored(row, Seating::Ours);
            self.take(steps);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn behind_any_queue_all_arrive_in_time(world in worlds()) {
        let (all, random) = (world.waiting + world.live, world.seed);
        let mut run = Run {
            world: world.clone(),
            desk: Desk::new(),
            rows: (1..=world.waiting).collect(),
            queue: VecDeque::new(),
            asked: None,
            sent: 0,
            dropped: 0,
            random,
        };
        let steps = run.desk.joined();
        run.take(steps);
        let mut number = 0;
        while !run.rows.is_empty() || run.world.live > 0 {
            number += 1;
            run.step(number);
            // In seconds. Only if much else is lost, too, nothing may arrive for a while, and then again.
            let bound = if world.lost == 0 { 60 } else { 300 };
            prop_assert!(STEP * number < Duration::from_secs(bound), "{} of {all} left", run.rows.len());
        }
        prop_assert!(run.sent <= all as usize + 3 * run.dropped, "{} sent, {} dropped", run.sent, run.dropped);
        let none = run.desk.pass(1_000);
        prop_assert_eq!((none, run.desk.directs.addressees.len()), (vec![], 0));
    }
}
