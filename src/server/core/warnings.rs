//! Pure: what the server warns of, each once while it is remembered. The lists are bounded, because anybody can cause
//! warnings.

use crate::protocol::NickKey;
use crate::protocol::text::visible;
use log::warn;
use std::collections::HashSet;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The most warnings that are remembered. Then the list starts over.
const REMEMBERED: usize = 1_000;
/// How many characters of a name that cannot be a nick are logged and remembered.
const NAME_LOGGED: usize = 64;
/// Messages dropped within this time of the last one belong to the same episode.
const EPISODE: Duration = Duration::from_secs(10);

/// The warnings that were logged.
#[derive(Debug, Default)]
pub struct Warnings {
    /// What kind of thing, and by whom.
    given: HashSet<(&'static str, Option<NickKey>)>,
    /// Names that cannot be nicks.
    names: HashSet<String>,
    /// When messages were last dropped.
    dropped: Option<Instant>,
}

impl Warnings {
    /// Logs a line, once per kind and sender.
    pub fn once(&mut self, kind: &'static str, sender: Option<NickKey>, line: impl FnOnce() -> String) {
        if is_new(&mut self.given, &(kind, sender)) {
            warn!("{}", line());
        }
    }

    /// Logs each name once, whatever it sends.
    pub fn no_nick(&mut self, name: &str, why: &str) {
        let begin: String = name.chars().take(NAME_LOGGED).collect();
        if is_new(&mut self.names, &begin) {
            warn!("ignored what is sent as \"{}\", which cannot be a nick: {why}", visible(&begin));
        }
    }

    pub fn dropped(&mut self, now: Instant) {
        let last = self.dropped.replace(now);
        if last.is_none_or(|last| now.saturating_duration_since(last) >= EPISODE) {
            warn!("too much waits to be stored or answered: what comes now is dropped, until there is room again");
        }
    }
}

fn is_new<T: Eq + Hash + Clone>(given: &mut HashSet<T>, warning: &T) -> bool {
    if given.contains(warning) {
        return false;
    }
    if given.len() >= REMEMBERED {
        given.clear();
    }
    given.insert(warning.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_new_once_and_the_list_is_bounded() {
        let mut given = HashSet::new();
        let mut news = |numbers: std::ops::Range<usize>| numbers.filter(|n| is_new(&mut given, n)).count();
        assert_eq!(news(0..REMEMBERED), REMEMBERED);
        assert_eq!(news(0..REMEMBERED), 0);
        assert_eq!(news(REMEMBERED..REMEMBERED + 2), 2, "full, it starts over");
        assert_eq!(given.len(), 2);
    }
}
