//! Counters per participant and second: what it publishes, and how often it wakes up without an input.

use super::Party;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub struct Traffic {
    published: Seconds,
    woken: Seconds,
}

type Seconds = BTreeMap<Party, BTreeMap<u64, u64>>;

impl Traffic {
    pub fn published(&mut self, at: Duration, party: Party) {
        count(&mut self.published, at, party);
    }

    /// A timer went off; what wakes up because something arrived is not counted.
    pub fn woken(&mut self, at: Duration, party: Party) {
        count(&mut self.woken, at, party);
    }

    /// What it published from `from` on.
    pub fn published_since(&self, party: Party, from: Duration) -> u64 {
        since(&self.published, party, from)
    }

    /// How often it woke up from `from` on.
    pub fn woken_since(&self, party: Party, from: Duration) -> u64 {
        since(&self.woken, party, from)
    }

    /// The second in which somebody woke up most often: who, when, how often.
    pub fn busiest(&self) -> Option<(Party, u64, u64)> {
        let all =
            self.woken.iter().flat_map(|(party, seconds)| seconds.iter().map(|(at, count)| (*party, *at, *count)));
        all.max_by_key(|(.., count)| *count)
    }

    /// All publications.
    pub fn all_published(&self) -> u64 {
        self.published.values().flat_map(BTreeMap::values).sum()
    }
}

fn count(seconds: &mut Seconds, at: Duration, party: Party) {
    *seconds.entry(party).or_default().entry(at.as_secs()).or_default() += 1;
}

fn since(seconds: &Seconds, party: Party, from: Duration) -> u64 {
    seconds.get(&party).map_or(0, |seconds| seconds.range(from.as_secs()..).map(|(_, count)| count).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_kept_per_participant_and_second() {
        let mut traffic = Traffic::default();
        let (ann, ben) = (Party::Client(0), Party::Client(1));
        for millis in [100, 900, 1_000, 5_000] {
            traffic.published(Duration::from_millis(millis), ann);
            traffic.woken(Duration::from_millis(millis), ben);
        }
        assert_eq!(traffic.published_since(ann, Duration::ZERO), 4);
        assert_eq!(traffic.published_since(ann, Duration::from_secs(1)), 2);
        assert_eq!(traffic.published_since(ben, Duration::ZERO), 0);
        assert_eq!((traffic.all_published(), traffic.woken_since(ben, Duration::from_secs(5))), (4, 1));
        assert_eq!(traffic.busiest(), Some((ben, 0, 2)));
        assert_eq!(Traffic::default().busiest(), None);
    }
}
