//! The nicks to complete, last speaker first.

use crate::protocol::{Nick, NickKey};
use std::collections::{HashMap, HashSet};

/// The most nicks to complete.
const CAPACITY: usize = 1_000;
/// The most nicks remembered as met.
const MET: usize = 10_000;

#[derive(Debug, Default)]
pub struct Nicks {
    /// With the turn of its last message; 0: no message in this run.
    known: HashMap<NickKey, (Nick, u64)>,
    /// Everybody who was present in this run, even if they have left.
    met: HashSet<NickKey>,
    turn: u64,
}

impl Nicks {
    pub fn spoke(&mut self, nick: &Nick) {
        self.turn += 1;
        let turn = self.turn;
        if let Some(entry) = self.add(nick) {
            entry.1 = turn;
        }
    }

    pub fn seen<'a>(&mut self, nicks: impl IntoIterator<Item = &'a Nick>) {
        for nick in nicks {
            self.add(nick);
        }
    }

    pub fn gone(&mut self, nick: &Nick) {
        self.known.remove(nick.key());
    }

    /// Whether this nick was present in this run. Always true once the memory has overflowed.
    pub fn has_met(&self, key: &NickKey) -> bool {
        self.met.contains(key) || self.met.len() >= MET
    }

    /// As typed, last speaker first, then by name.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.known.values().collect();
        names.sort_by(|(a, turn_a), (b, turn_b)| turn_b.cmp(turn_a).then_with(|| a.key().cmp(b.key())));
        names.into_iter().map(|(nick, _)| nick.as_str().to_owned()).collect()
    }

    fn add(&mut self, nick: &Nick) -> Option<&mut (Nick, u64)> {
        if self.met.len() < MET {
            self.met.insert(nick.key().clone());
        }
        if self.known.len() >= CAPACITY && !self.known.contains_key(nick.key()) {
            return None;
        }
        Some(self.known.entry(nick.key().clone()).or_insert_with(|| (nick.clone(), 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_speaker_first() {
        let mut nicks = Nicks::default();
        let nick = |name| Nick::parse(name).unwrap();
        nicks.seen(&[nick("carl"), nick("Bob"), nick("alice")]);
        nicks.spoke(&nick("carl"));
        nicks.spoke(&nick("bob"));
        assert_eq!(nicks.names(), ["Bob", "carl", "alice"]);
        nicks.gone(&nick("CARL"));
        assert_eq!(nicks.names(), ["Bob", "alice"]);
        assert!(nicks.has_met(nick("carl").key()) && !nicks.has_met(nick("carla").key()));
    }
}
