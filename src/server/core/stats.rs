//! Pure: the server's counters. Names end in their unit. Counters run from the start of the server, commit times from
//! their last publication.

use super::delays::Delays;
use crate::now::Now;
use crate::protocol::Timestamp;
use serde::Serialize;
use std::time::Instant;

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
