//! The connection to the broker: whether it is up, and what the user is told when it comes, fails and breaks.

use super::outputs::Outputs;
use super::typed::in_words;
use crate::client::core::news::News;
use crate::link::Version;
use crate::now::Now;
use std::time::Duration;

/// From this back-off on, the user is told that retries have become rare.
const LONG: Duration = Duration::from_secs(30);

#[derive(Debug)]
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
#[derive(Debug)]
pub struct Up {
    /// Counts the connections of this run.
    pub conn: u32,
    pub since: Now,
    pub version: Version,
    /// For people: the protocol version and the cipher of TLS.
    pub tls: Option<(String, String)>,
}

/// What was told since the last connection.
#[derive(Debug, Default)]
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
        let told = std::mem::take(&mut self.told);
        let again = std::mem::replace(&mut self.was_up, true);
        // After a change of nick, the user only wants to know whether the nick is theirs, unless they were told of
        // failures.
        if !std::mem::take(&mut self.is_replaced) || told.failure.is_some() || told.retry {
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
            out.tell(News::Reconnecting(delay));
        } else if out.is_on_terminal() && delay >= LONG && !std::mem::replace(&mut self.told.long_retry, true) {
            // The attempts since were not told. This line is the last one until there is a connection.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::core::conversation::Output;
    use crate::client::core::conversation::tests::now;

    struct Stage {
        connection: OwnConnection,
        out: Outputs,
    }

    impl Stage {
        fn new(on_terminal: bool) -> Stage {
            Stage { connection: OwnConnection::new("localhost:1883".to_owned()), out: Outputs::new(on_terminal) }
        }

        fn connect(&mut self, conn: u32) {
            let up = Up { conn, since: now(), version: Version::V5, tls: None };
            self.connection.connected(up, &mut self.out);
        }

        fn fail(&mut self, text: &str) {
            self.connection.failed(text.to_owned(), &mut self.out);
        }

        fn wait(&mut self, seconds: u64) {
            self.connection.waiting(Duration::from_secs(seconds), &mut self.out);
        }

        #[track_caller]
        fn check(&mut self, expected: &[&str]) {
            let told = self.out.take().into_iter().map(|output| match output {
                Output::Tell(News::Connected { again, .. }, _) => {
                    if again { "connected again" } else { "connected" }.to_owned()
                }
                Output::Tell(News::Reconnecting(delay), _) => format!("again in {delay:?}"),
                Output::Tell(News::Hint(text), _) => text,
                other => panic!("{other:?}"),
            });
            assert_eq!(told.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_first_connection_under_a_nick_is_told_apart_from_later_ones() {
        let mut stage = Stage::new(true);
        assert!(!stage.connection.lost(), "it broke before it was ready");
        for told in ["connected", "connected again", "connected again"] {
            assert_eq!((stage.connection.is_up(), stage.connection.number()), (false, 0));
            stage.connect(7);
            stage.check(&[told]);
            assert_eq!((stage.connection.is_up(), stage.connection.number()), (true, 7));
            assert!(stage.connection.lost());
        }
        stage.connection.renamed();
        stage.connect(1);
        stage.check(&["connected"]);
    }

    #[test]
    fn a_failure_is_told_once_until_there_is_another_or_a_connection() {
        for (on_terminal, end) in [(true, "; still trying"), (false, "")] {
            let mut stage = Stage::new(on_terminal);
            for _ in 0..2 {
                for text in ["no route", "no route", "refused", "refused"] {
                    stage.fail(text);
                }
                stage.check(&[&format!("no route{end}"), &format!("refused{end}")]);
                stage.connect(1);
                stage.out.take();
                stage.connection.lost();
            }
        }
    }

    #[test]
    fn a_retry_is_told_once_and_on_a_terminal_the_rarest_too() {
        let mut stage = Stage::new(true);
        for _ in 0..2 {
            for seconds in [1, 2, 29, 30, 60] {
                stage.wait(seconds);
            }
            stage.check(&["again in 1s", "still not connected: trying again about once a minute"]);
            stage.connect(1);
            stage.out.take();
            stage.connection.lost();
        }
        let mut stage = Stage::new(false);
        for seconds in [1, 2, 60] {
            stage.wait(seconds);
        }
        stage.fail("refused");
        stage.wait(60);
        stage.check(&["again in 1s", "refused", "again in 60s"]);
    }

    #[test]
    fn a_connection_that_replaces_another_is_not_told_unless_a_failure_was() {
        let mut stage = Stage::new(true);
        stage.connect(1);
        stage.check(&["connected"]);
        for fails in [false, true] {
            stage.connection.replaced(true);
            assert!(!stage.connection.is_up() && stage.connection.will_is_flat());
            if fails {
                stage.fail("refused");
                stage.check(&["refused; still trying"]);
            }
            stage.connect(2);
            stage.check(if fails { &["connected again"] } else { &[] });
        }
        stage.connection.replaced(false);
        assert!(!stage.connection.will_is_flat());
        stage.wait(1);
        stage.connect(3);
        stage.check(&["again in 1s", "connected again"]);
        stage.connection.lost();
        stage.connect(4);
        stage.check(&["connected again"]);
    }

    #[test]
    fn status() {
        let (mut stage, start) = (Stage::new(true), now());
        assert_eq!(stage.connection.status(start), "localhost:1883: not connected");
        let tls = Some(("TLSv1.3".to_owned(), "AES".to_owned()));
        let up = Up { conn: 1, since: start, version: Version::V5, tls };
        stage.connection.connected(up, &mut stage.out);
        let later = Now { instant: start.instant + Duration::from_secs(125), ..start };
        let expected = "localhost:1883, MQTT 5, TLSv1.3 with AES, connected since 20:30:00 (2 min)";
        assert_eq!(stage.connection.status(later), expected);
    }
}
