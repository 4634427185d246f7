//! Virtual time and what is going to happen. Nothing here knows what the events mean; a run takes them one by one.

use super::rng::Rng;
use super::trace::Trace;
use crate::now::Now;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

pub use super::trace::Micros;

/// A millisecond.
pub const MS: Micros = 1_000;
/// A second.
pub const S: Micros = 1_000_000;

/// A program on a machine of its own: the chat server, a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

impl Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("n{}", self.0))
    }
}

/// How virtual time and the cores' time correspond.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    /// What [`Micros`] 0 is. Only differences matter to the cores, so it need not be the same in each run.
    base: Instant,
}

/// One clock, one agenda of events of type `E`, one trace.
pub struct World<E> {
    seed: u64,
    now: Micros,
    pub timeline: Timeline,
    /// By time, then in the order of scheduling.
    agenda: BTreeMap<(Micros, u64), E>,
    scheduled: u64,
    /// How far the wall clock of a machine is off.
    skews: BTreeMap<NodeId, TimeDelta>,
    pub trace: Trace,
}

impl Timeline {
    pub fn instant(&self, at: Micros) -> Instant {
        self.base + Duration::from_micros(at)
    }

    /// The first microsecond that is not before `instant`: a deadline is due then, and not earlier.
    pub fn micros(&self, instant: Instant) -> Micros {
        instant.saturating_duration_since(self.base).as_nanos().div_ceil(1_000) as Micros
    }
}

impl<E> World<E> {
    pub fn new(seed: u64, trace: Trace) -> World<E> {
        World {
            seed,
            now: 0,
            timeline: Timeline { base: Instant::now() },
            agenda: BTreeMap::new(),
            scheduled: 0,
            skews: BTreeMap::new(),
            trace,
        }
    }

    pub fn now(&self) -> Micros {
        self.now
    }

    /// A stream of randomness of this run's seed.
    pub fn rng(&self, stream: u64) -> Rng {
        Rng::stream(self.seed, stream)
    }

    // ---- clocks ----

    /// Both clocks of a machine.
    pub fn moment(&self, node: NodeId) -> Now {
        /// 2026-11-22T19:00:00Z.
        const START: TimeDelta = TimeDelta::seconds(1_795_374_000);
        let skew = self.skews.get(&node).copied().unwrap_or_default();
        let wall = DateTime::<Utc>::UNIX_EPOCH + START + TimeDelta::microseconds(self.now as i64) + skew;
        Now { instant: self.timeline.instant(self.now), wall: wall.fixed_offset() }
    }

    /// Moves the wall clock of a machine, back if `by` is negative.
    pub fn move_clock(&mut self, node: NodeId, by: TimeDelta) {
        *self.skews.entry(node).or_default() += by;
    }

    // ---- events ----

    /// Has `event` happen at `at`; now, if that is past.
    pub fn schedule(&mut self, at: Micros, event: E) {
        self.scheduled += 1;
        self.agenda.insert((at.max(self.now), self.scheduled), event);
    }

    /// When the next event happens.
    pub fn due(&self) -> Option<Micros> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next event that happens until `at`. It becomes that event's time; `at`, if there is none.
    pub fn next_until(&mut self, at: Micros) -> Option<E> {
        match self.due() {
            Some(due) if due <= at => {
                let ((at, _), event) = self.agenda.pop_first()?;
                self.now = at;
                Some(event)
            }
            _ => {
                self.now = self.now.max(at);
                None
            }
        }
    }

    /// It is `now`, and nothing that is scheduled happens before.
    pub fn be(&mut self, now: Micros) {
        self.now = self.now.max(now);
    }

    pub fn note(&mut self, who: impl Display, what: impl Display) {
        self.trace.note(self.now, who, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World<&'static str> {
        World::new(1, Trace::new(false))
    }

    #[test]
    fn events_happen_by_time_and_then_in_the_order_of_scheduling() {
        let mut world = world();
        for (at, event) in [(5, "d"), (2, "b"), (5, "e"), (1, "a"), (2, "c")] {
            world.schedule(at, event);
        }
        let happened: Vec<_> = std::iter::from_fn(|| world.next_until(9).map(|event| (event, world.now()))).collect();
        assert_eq!(happened, [("a", 1), ("b", 2), ("c", 2), ("d", 5), ("e", 5)]);
        assert_eq!((world.now(), world.due()), (9, None));
    }

    #[test]
    fn time_never_goes_back() {
        let mut world = world();
        assert_eq!(world.next_until(7), None);
        world.schedule(3, "late");
        assert_eq!(world.due(), Some(7));
        assert_eq!(world.next_until(3), None);
        assert_eq!((world.next_until(7), world.now()), (Some("late"), 7));
    }

    #[test]
    fn a_deadline_between_two_microseconds_is_due_at_the_later_one() {
        let timeline = world().timeline;
        assert_eq!(timeline.micros(timeline.instant(5)), 5);
        assert_eq!(timeline.micros(timeline.instant(5) + Duration::from_nanos(1)), 6);
        assert_eq!(timeline.micros(timeline.instant(0) - Duration::from_secs(1)), 0);
    }

    #[test]
    fn the_wall_clocks_of_two_machines_differ_by_their_jumps() {
        let mut world = world();
        let (one, two) = (NodeId(1), NodeId(2));
        assert_eq!(world.moment(one).wall, world.moment(two).wall);
        world.move_clock(one, TimeDelta::hours(-2));
        world.move_clock(one, TimeDelta::minutes(30));
        let _ = world.next_until(S);
        let (first, second) = (world.moment(one), world.moment(two));
        assert_eq!(first.wall - second.wall, TimeDelta::minutes(-90));
        assert_eq!(first.instant, second.instant);
        assert_eq!(second.wall.to_rfc3339(), "2026-11-22T19:00:01+00:00");
    }
}
