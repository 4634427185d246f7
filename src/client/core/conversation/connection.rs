//! The connection to the broker: whether it is up, and what the user is told when it comes, fails and breaks.

use super::outputs::Outputs;
use super::status::in_words;
use crate::client::core::news::News;
use crate::link::Version;
use crate::now::Now;
use std::time::Duration;

/// From this back-off on, the user is told that retries have become rare.
const LONG: Duration = Duration::from_secs(30);

pub struct OwnConnection {
    /// The broker's address, for people.
    broker: String,
    up: Option<Up>,
    /// There was a connection before under this nick.
    was_up: bool,
    /// The next connection only brings another nick or will, so it is not told.
    is_replaced: bool,
    /// The will goes to the topic of original servers.
    will_is_flat: bool,
    told: ToldFailures,
}

/// A connection.
pub struct Up {
    /// Counts the connections of this run.
    pub conn: u32,
    pub since: Now,
    pub version: Version,
    /// For people: the protocol version and the cipher of TLS.
    pub tls: Option<(String, String)>,
}

/// What was told since the last connection.
#[derive(Default)]
struct ToldFailures {
    failure: Option<String>,
    /// "Trying again" was told for that failure.
    retry: bool,
    long_retry: bool,
}

impl OwnConnection {
    pub fn new(broker: String) -> OwnConnection {
        let told = ToldFailures::default();
        OwnConnection { broker, up: None, was_up: false, is_replaced: false, will_is_flat: false, told }
    }

    /// The broker's address, for people.
    pub fn broker(&self) -> &str {
        &self.broker
    }

    pub fn is_up(&self) -> bool {
        self.up.is_some()
    }

    /// Counts the connections of this run.
    pub fn number(&self) -> u32 {
        self.up.as_ref().map_or(0, |up| up.conn)
    }

    /// Whether the will goes to the topic of original servers.
    pub fn will_is_flat(&self) -> bool {
        self.will_is_flat
    }

    pub fn connected(&mut self, up: Up, out: &mut Outputs) {
        self.up = Some(up);
        self.told = ToldFailures::default();
        let again = std::mem::replace(&mut self.was_up, true);
        // After a change of nick, the user only wants to know whether the nick is theirs.
        if !std::mem::take(&mut self.is_replaced) {
            out.tell(News::Connected { broker: self.broker.clone(), again });
        }
    }

    /// An attempt to connect failed.
    pub fn failed(&mut self, text: String, out: &mut Outputs) {
        if self.told.failure.as_ref() == Some(&text) {
            return;
        }
        match out.is_on_terminal() {
            true => out.hint(format!("{text}; still trying")),
            false => {
                out.hint(text.clone());
                self.told.retry = false;
            }
        }
        self.told.failure = Some(text);
    }

    /// The next attempt starts after this time.
    pub fn waiting(&mut self, delay: Duration, out: &mut Outputs) {
        if !std::mem::replace(&mut self.told.retry, true) {
            out.tell(News::Reconnecting { delay });
        } else if out.is_on_terminal() && delay >= LONG && !std::mem::replace(&mut self.told.long_retry, true) {
            // The back-off grew silently. Telling that it is at its longest ends the series.
            out.hint("still not connected: trying again about once a minute");
        }
    }

    /// The connection is lost. `false`: it broke before it was ready.
    pub fn lost(&mut self) -> bool {
        self.up.take().is_some()
    }

    /// Another connection replaces this one, with another nick or will.
    pub fn replaced(&mut self, will_is_flat: bool) {
        self.up = None;
        self.is_replaced = true;
        self.will_is_flat = will_is_flat;
    }

    /// The next connection is the first one under a new nick.
    pub fn renamed(&mut self) {
        self.was_up = false;
    }

    /// A line of `/status`.
    pub fn status(&self, now: Now) -> String {
        let broker = &self.broker;
        let Some(Up { since, version, tls, .. }) = &self.up else { return format!("{broker}: not connected") };
        let version = if *version == Version::V5 { "MQTT 5" } else { "MQTT 3.1.1" };
        let tls = match tls {
            Some((version, cipher)) => format!(", {version} with {cipher}"),
            None => String::new(),
        };
        let age = in_words(now.instant.saturating_duration_since(since.instant));
        format!("{broker}, {version}{tls}, connected since {} ({age})", since.wall.format("%H:%M:%S"))
    }
}
