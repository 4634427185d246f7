//! Pure: the server's counters. Names end in their unit. Counters run from the start of the server, commit times from
//! their last publication.

use crate::now::Now;
use crate::protocol::Timestamp;
use serde::Serialize;
use std::time::{Duration, Instant};

#[derive(Debug, Default, Serialize)]
pub struct Stats {
    pub messages_total: u64,
    pub directs_total: u64,
    pub presence_total: u64,
    pub requests_total: u64,
    pub joins_total: u64,
    pub leaves_total: u64,
    pub timeouts_total: u64,
    pub invalid_total: u64,
    /// Messages turned away because too many waited to be stored.
    pub dropped_total: u64,
    #[serde(skip)]
    delays: Delays,
}

impl Stats {
    /// Messages that arrived at these times are committed.
    pub fn committed(&mut self, arrived: &[Instant], now: Instant) {
        arrived.iter().for_each(|arrived| self.delays.add(now.saturating_duration_since(*arrived)));
    }

    /// `{"type":"stats","timestamp","uptime_seconds","online_users","commit_median_ms"?,"commit_99th_ms"?,…the
    /// counters…}`. Resets the commit times.
    pub fn take_json(&mut self, online_users: usize, started: &Timestamp, now: Now) -> Vec<u8> {
        #[derive(Serialize)]
        struct Out<'a> {
            r#type: &'static str,
            timestamp: Timestamp,
            uptime_seconds: i64,
            online_users: usize,
            #[serde(skip_serializing_if = "Option::is_none")]
            commit_median_ms: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            commit_99th_ms: Option<f64>,
            #[serde(flatten)]
            counters: &'a Stats,
        }
        let uptime = started.at().map_or(0, |started| (now.wall - started).num_seconds().max(0));
        let delays = std::mem::take(&mut self.delays);
        let milliseconds = |share| delays.quantile(share).map(|delay| (delay.as_secs_f64() * 1e5).round() / 1e2);
        let out = Out {
            r#type: "stats",
            timestamp: Timestamp::new(now.wall),
            uptime_seconds: uptime,
            online_users,
            commit_median_ms: milliseconds(0.5),
            commit_99th_ms: milliseconds(0.99),
            counters: self,
        };
        // Serialising numbers and strings to memory cannot fail.
        serde_json::to_vec(&out).unwrap_or_default()
    }
}

/// Times are counted in classes, each a tenth wider than the one before. This is precise enough for people, and takes
/// the same memory for any number of messages.
const GROWTH: f64 = 1.1;
/// The end of the first class.
const SHORTEST: Duration = Duration::from_micros(10);
/// They reach to half a minute. Longer times are counted in the last one.
const CLASSES: usize = 160;

/// How long messages waited from their arrival to their commit.
#[derive(Debug, Clone)]
struct Delays {
    counts: [u32; CLASSES],
}

impl Default for Delays {
    fn default() -> Delays {
        Delays { counts: [0; CLASSES] }
    }
}

impl Delays {
    fn add(&mut self, delay: Duration) {
        let ratio = delay.as_secs_f64() / SHORTEST.as_secs_f64();
        let class = if ratio <= 1.0 { 0 } else { ratio.log(GROWTH).ceil() as usize };
        self.counts[class.min(CLASSES - 1)] += 1;
    }

    /// The time within which this share (0 to 1) of all messages was committed, to a tenth of it; `None` if there were
    /// none.
    fn quantile(&self, share: f64) -> Option<Duration> {
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
