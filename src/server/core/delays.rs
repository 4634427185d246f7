//! Pure: how long messages waited from their arrival to their commit, for the statistics.

use std::time::Duration;

/// Times are counted in classes, each a tenth wider than the one before. This is precise enough for people, and takes
/// the same memory for any number of messages.
const GROWTH: f64 = 1.1;
/// The end of the first class.
const SHORTEST: Duration = Duration::from_micros(10);
/// They reach to half a minute. Longer times are counted in the last one.
const CLASSES: usize = 160;

#[derive(Debug, Clone)]
pub struct Delays {
    counts: [u32; CLASSES],
}

impl Default for Delays {
    fn default() -> Delays {
        Delays { counts: [0; CLASSES] }
    }
}

impl Delays {
    pub fn add(&mut self, delay: Duration) {
        let ratio = delay.as_secs_f64() / SHORTEST.as_secs_f64();
        let class = if ratio <= 1.0 { 0 } else { ratio.log(GROWTH).ceil() as usize };
        self.counts[class.min(CLASSES - 1)] += 1;
    }

    /// The time within which this share (0 to 1) of all messages was committed, to a tenth of it; `None` if there were
    /// none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total: u64 = self.counts.iter().copied().map(u64::from).sum();
        let wanted = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let class = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        Some(SHORTEST.mul_f64(GROWTH.powi(class as i32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(delays: &Delays, share: f64, milliseconds: f64) {
        let told = delays.quantile(share).expect("something waited").as_secs_f64() * 1e3;
        assert!((milliseconds..=milliseconds * GROWTH).contains(&told), "{told} ms, not {milliseconds}");
    }

    #[test]
    fn quantiles_are_told_to_a_tenth() {
        let mut delays = Delays::default();
        assert_eq!(delays.quantile(0.5), None);
        (1..=100).for_each(|number| delays.add(Duration::from_millis(number)));
        check(&delays, 0.5, 50.0);
        check(&delays, 0.99, 99.0);
        check(&delays, 1.0, 100.0);
        check(&delays, 0.0, 1.0);
    }

    #[test]
    fn no_time_is_too_short_or_too_long() {
        let mut delays = Delays::default();
        delays.add(Duration::ZERO);
        delays.add(Duration::MAX);
        assert_eq!(delays.quantile(0.5), Some(SHORTEST));
        assert!(delays.quantile(1.0).is_some_and(|longest| longest > Duration::from_secs(30)));
    }
}
