//! Pure: which nicks are about, for completion: last speaker first.

use crate::protocol::{Nick, NickKey};
use std::collections::{HashMap, HashSet};

/// Nicks that it knows at most; further ones are not completed.
const CAPACITY: usize = 1_000;
/// And that it remembers to have met.
const MET: usize = 10_000;

#[derive(Debug, Default)]
pub struct People {
    /// With the turn of the last message; 0: has said nothing.
    known: HashMap<NickKey, (Nick, u64)>,
    /// Everybody who was about in this run, also who is gone.
    met: HashSet<NickKey>,
    turn: u64,
}

impl People {
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

    /// Whether somebody of this nick was about, as far as it can be told.
    pub fn has_met(&self, key: &NickKey) -> bool {
        self.met.contains(key) || self.met.len() >= MET
    }

    /// As they are typed, last speaker first, then by name.
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
        let mut people = People::default();
        let nick = |name| Nick::parse(name).unwrap();
        people.seen(&[nick("carl"), nick("Bob"), nick("alice")]);
        people.spoke(&nick("carl"));
        people.spoke(&nick("bob"));
        assert_eq!(people.names(), ["Bob", "carl", "alice"]);
        people.gone(&nick("CARL"));
        assert_eq!(people.names(), ["Bob", "alice"]);
        assert!(people.has_met(nick("carl").key()) && !people.has_met(nick("carla").key()));
    }
}
