//! Pure: the back-off between attempts to connect.

use crate::random::Random;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
/// A connection that lasted this long counts as a working one.
const STABLE: Duration = Duration::from_secs(5);

/// The waits double from 1 s to the longest. Each is shortened at random by up to half, so that links that lost their
/// broker together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub fn new(longest: Duration) -> Backoff {
        Backoff { longest, failures: 0 }
    }

    pub fn next(&mut self, random: &Random) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = full / 2;
        half + half.mul_f64(f64::from(random.number()) / f64::from(u32::MAX))
    }

    /// A connection ended after this time. If it lasted, the back-off starts over. A connection that breaks at once
    /// does not count, as when two programs use one client identifier.
    pub fn connection_lasted(&mut self, time: Duration) {
        if time >= STABLE {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_minute_and_starts_again() {
        const LONGEST: Duration = Duration::from_secs(60);
        let (high, low) = (Random::new(|bytes| bytes.fill(u8::MAX)), Random::new(|bytes| bytes.fill(0)));
        let mut backoff = Backoff::new(LONGEST);
        let longest: Vec<u64> = (0..8).map(|_| backoff.next(&high).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.next(&low), LONGEST / 2);
        backoff.connection_lasted(STABLE / 2);
        assert_eq!(backoff.next(&low), LONGEST / 2);
        backoff.connection_lasted(STABLE);
        assert_eq!(backoff.next(&low), FIRST / 2);
    }
}
