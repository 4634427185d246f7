//! The machine and process of one program: its disk, when it stands still, and the crash that waits for it. And the inbox
//! of its main thread.

use super::stage::{Stage, Trap};
use crate::simulation::disk::Disk;
use crate::simulation::ledger::{Party, RunEnd, RunNumber};
use crate::simulation::rng::Rng;
use crate::simulation::world::{MS, Micros, NodeId};
use std::collections::VecDeque;

/// Bytes that a disk writes in a microsecond.
const WRITTEN: u64 = 200;

pub struct NodeMachine {
    pub node: NodeId,
    pub party: Party,
    pub disk: Disk,
    pub trap: Trap,
    /// What a sync takes.
    sync: Micros,
    slow_until: Micros,
    frozen_until: Micros,
    /// The main thread has not come to what happened while it stood still.
    behind_until: Micros,
}

impl NodeMachine {
    pub fn new(node: NodeId, party: Party, rng: &mut Rng) -> NodeMachine {
        NodeMachine {
            node,
            party,
            disk: Disk::new(),
            trap: Trap::default(),
            sync: *rng.pick(&[100, 1_000, 5_000, 20_000]),
            slow_until: 0,
            frozen_until: 0,
            behind_until: 0,
        }
    }

    /// What the last work took.
    pub fn take_cost(&mut self, now: Micros, rng: &mut Rng) -> Micros {
        let cost = self.disk.take_cost();
        let sync = if now < self.slow_until { rng.range(50 * MS, 600 * MS) } else { self.sync };
        20 + cost.syncs * sync + cost.written / WRITTEN
    }

    pub fn slow(&mut self, until: Micros) {
        self.slow_until = self.slow_until.max(until);
    }

    pub fn is_slow(&self, now: Micros) -> bool {
        now < self.slow_until
    }

    /// The process stands still until then; its main thread handles what came a little later.
    pub fn freeze(&mut self, until: Micros, rng: &mut Rng) {
        if until > self.frozen_until {
            self.frozen_until = until;
            self.behind_until = until + rng.range(0, 30 * MS);
        }
    }

    pub fn frozen_until(&self) -> Micros {
        self.frozen_until
    }

    pub fn is_frozen(&self, now: Micros) -> bool {
        now < self.frozen_until
    }

    pub fn behind_until(&self) -> Micros {
        self.behind_until
    }

    /// Whether the main thread cannot handle anything.
    pub fn is_behind(&self, now: Micros) -> bool {
        now < self.behind_until
    }

    /// Whether its process goes no further now: it stands still, or the trap has sprung.
    pub fn is_stuck(&self, now: Micros) -> bool {
        self.is_behind(now) || self.trap.has_sprung()
    }

    /// The run that was on it has ended.
    pub fn run_ended(&mut self, run: RunNumber, end: RunEnd, stage: &mut Stage) {
        self.thaw();
        stage.outside.network().freeze(self.node, 0);
        let at = stage.at();
        stage.ledger.run_ended(at, run, end);
    }

    /// The process is gone, or no fault goes on.
    pub fn thaw(&mut self) {
        (self.frozen_until, self.behind_until) = (0, 0);
    }

    pub fn heal(&mut self) {
        self.thaw();
        self.slow_until = 0;
        self.disk.set_room(None);
        self.trap.disarm();
    }
}

/// What waits for a main thread, by channel. Each channel keeps its order.
pub struct Inbox<T> {
    channels: [VecDeque<T>; CHANNELS],
}

const CHANNELS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The connection to the broker.
    Link,
    /// The program's own threads.
    Own,
    /// Who uses the program.
    User,
}

impl<T> Inbox<T> {
    pub fn new() -> Inbox<T> {
        Inbox { channels: Default::default() }
    }

    pub fn put(&mut self, channel: Channel, item: T) {
        self.channels[channel as usize].push_back(item);
    }

    /// The next item of any channel that is open, at random.
    pub fn take(&mut self, rng: &mut Rng, is_open: impl Fn(Channel) -> bool) -> Option<T> {
        let ready = |channel: &Channel| !self.channels[*channel as usize].is_empty() && is_open(*channel);
        let mut waiting = [Channel::Link, Channel::Own, Channel::User].into_iter().filter(ready);
        let (first, second, third) = (waiting.next()?, waiting.next(), waiting.next());
        let channel = match (second, third) {
            (None, _) => first,
            (Some(second), None) => *rng.pick(&[first, second]),
            (Some(second), Some(third)) => *rng.pick(&[first, second, third]),
        };
        self.channels[channel as usize].pop_front()
    }

    pub fn take_from(&mut self, channel: Channel) -> Option<T> {
        self.channels[channel as usize].pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_keeps_its_order_whatever_comes_between() {
        let mut inbox = Inbox::new();
        for number in 0..20 {
            inbox.put(if number % 2 == 0 { Channel::Link } else { Channel::User }, number);
        }
        let mut rng = Rng::new(4);
        let taken: Vec<i32> = std::iter::from_fn(|| inbox.take(&mut rng, |_| true)).collect();
        let of = |rest: i32| taken.iter().copied().filter(|number| number % 2 == rest).collect::<Vec<_>>();
        assert!(of(0).is_sorted() && of(1).is_sorted() && !taken.is_sorted(), "{taken:?}");
        inbox.put(Channel::Link, 1);
        assert_eq!(inbox.take(&mut rng, |channel| channel != Channel::Link), None);
    }

    #[test]
    fn a_process_that_stands_still_goes_on_later_than_its_machine() {
        let mut rng = Rng::new(1);
        let mut machine = NodeMachine::new(NodeId(0), Party::Server(0), &mut rng);
        machine.freeze(1_000, &mut rng);
        assert!(machine.is_frozen(999) && !machine.is_frozen(1_000));
        assert!(machine.behind_until() >= 1_000);
        machine.freeze(500, &mut rng);
        assert_eq!(machine.frozen_until(), 1_000);
        machine.heal();
        assert!(!machine.is_behind(0));
    }
}
