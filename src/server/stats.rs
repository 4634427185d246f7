//! Pure: what the server counts. Names end in their unit; counters run from the start of the server.

use crate::now::Now;
use crate::protocol::Timestamp;
use serde::Serialize;

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
    /// Messages that were turned away, because too many waited to be stored.
    pub dropped_total: u64,
}

impl Stats {
    /// `{"type":"stats","timestamp","uptime_seconds","online_users",…the counters…}`.
    pub fn to_json(&self, online_users: usize, started: &Timestamp, now: Now) -> Vec<u8> {
        #[derive(Serialize)]
        struct Out<'a> {
            r#type: &'static str,
            timestamp: Timestamp,
            uptime_seconds: i64,
            online_users: usize,
            #[serde(flatten)]
            counters: &'a Stats,
        }
        let uptime = started.at().map_or(0, |started| (now.wall - started).num_seconds().max(0));
        let out = Out {
            r#type: "stats",
            timestamp: Timestamp::new(now.wall),
            uptime_seconds: uptime,
            online_users,
            counters: self,
        };
        // Serialising numbers and strings to memory cannot fail.
        serde_json::to_vec(&out).unwrap_or_default()
    }
}
