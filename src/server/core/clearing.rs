//! Pure: which retained messages the server clears. Clients would show them at every start as if they were new.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// No topic is cleared twice within this time. If access rules do not let the server write there, the broker may close
/// its connection; and whatever retained the message may do so again.
const PAUSE: Duration = Duration::from_secs(600);
/// The most topics that are cleared within a pause: anybody can retain messages on any number of topics.
const TOPICS: usize = 1_000;

/// The topics that were cleared lately.
#[derive(Debug, Default)]
pub struct Clearing {
    topics: HashSet<String>,
    since: Option<Instant>,
}

impl Clearing {
    /// Whether to clear the retained message on this topic now.
    pub fn is_due(&mut self, topic: &str, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= PAUSE) {
            self.topics.clear();
            self.since = Some(now);
        }
        self.topics.len() < TOPICS && self.topics.insert(topic.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    #[test]
    fn each_topic_once_in_a_while_and_not_too_many() {
        let (mut clearing, start) = (Clearing::default(), an_instant());
        let later = start + PAUSE / 2;
        assert!(clearing.is_due("chat/messages", start));
        assert!(!clearing.is_due("chat/messages", later));
        let cleared = (0..2 * TOPICS).filter(|n| clearing.is_due(&format!("chat/messages/{n}"), later)).count();
        assert_eq!(cleared, TOPICS - 1);
        assert!(clearing.is_due("chat/messages", start + PAUSE));
    }
}
