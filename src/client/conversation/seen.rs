//! Pure: which messages of a room were shown, so that what comes twice (sent again, or in a page) is shown once.

use crate::protocol::{Entry, Epoch, MessageId, NickKey, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Messages that it remembers, of each kind.
const REMEMBERED: usize = 10_000;

/// The memory of one room.
#[derive(Debug, Default)]
pub struct Seen {
    ids: Recent<(NickKey, MessageId)>,
    /// Messages that came without an id, with how often each was shown.
    nameless: Recent<Nameless>,
    /// The history that pages came from.
    epoch: Option<Epoch>,
}

/// What tells messages without an id apart: nick, time as it was written, text.
type Nameless = (NickKey, Box<str>, Box<str>);

impl Seen {
    /// Whether a live message with an id is new; from now on it is not.
    pub fn is_new(&mut self, key: &NickKey, id: MessageId) -> bool {
        let id = (key.clone(), id);
        !self.ids.contains(&id) && {
            self.ids.add(id);
            true
        }
    }

    /// A live message without an id: always shown, and remembered for the pages to come.
    pub fn nameless(&mut self, key: &NickKey, timestamp: Option<&Timestamp>, text: &str) {
        self.nameless.add(nameless(key, timestamp, text));
    }

    /// From now on pages come from this history. In another one the server numbers messages without an id anew.
    pub fn pages_are_of(&mut self, epoch: &Epoch) {
        if self.epoch.replace(epoch.clone()).is_some_and(|before| before != *epoch) {
            self.ids.retain(|(_, id)| matches!(id, MessageId::Sent(_)));
        }
    }

    /// Which entries of a page are new, in their order; from now on none of them is.
    pub fn merge(&mut self, page: &[Entry]) -> Vec<bool> {
        let mut in_page: HashMap<Nameless, usize> = HashMap::new();
        let fresh = page.iter().map(|entry| {
            let name = nameless(entry.nick.key(), entry.timestamp.as_ref(), &entry.text);
            match &entry.id {
                Some(id @ MessageId::Sent(_)) => self.is_new(entry.nick.key(), id.clone()),
                // The server's number of a message that may have come live, without one.
                Some(id @ MessageId::Row(_)) => self.is_new(entry.nick.key(), id.clone()) && !self.take_nameless(&name),
                None => {
                    let copies = in_page.entry(name.clone()).or_insert(0);
                    *copies += 1;
                    *copies > self.nameless.count(&name) && {
                        self.nameless.add(name);
                        true
                    }
                }
            }
        });
        fresh.collect()
    }

    /// Whether a message without an id was shown and not yet found in a page; it is found now. One that came without
    /// a time has the server's in the page.
    fn take_nameless(&mut self, name: &Nameless) -> bool {
        self.nameless.remove(name) || self.nameless.remove(&(name.0.clone(), "".into(), name.2.clone()))
    }
}

fn nameless(key: &NickKey, timestamp: Option<&Timestamp>, text: &str) -> Nameless {
    (key.clone(), timestamp.map_or("", Timestamp::as_str).into(), text.into())
}

/// The last [`REMEMBERED`] of something, with how often each is there.
#[derive(Debug)]
struct Recent<T> {
    counts: HashMap<T, usize>,
    order: VecDeque<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent { counts: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T: Eq + Hash + Clone> Recent<T> {
    fn contains(&self, item: &T) -> bool {
        self.counts.contains_key(item)
    }

    fn count(&self, item: &T) -> usize {
        self.counts.get(item).copied().unwrap_or(0)
    }

    fn add(&mut self, item: T) {
        *self.counts.entry(item.clone()).or_insert(0) += 1;
        self.order.push_back(item);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(&oldest);
        }
    }

    fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.counts.retain(|item, _| keep(item));
        self.order.retain(keep);
    }

    /// One of them less; whether there was one. Its place in the order stays until it is the oldest.
    fn remove(&mut self, item: &T) -> bool {
        match self.counts.get_mut(item) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(self.counts.remove(item)),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Nick;

    const TIME: &str = "2026-11-22T19:11:37.269207";

    fn entry(id: Option<&str>, time: &str, text: &str) -> Entry {
        Entry {
            nick: Nick::parse("Alice").unwrap(),
            text: text.to_owned(),
            timestamp: Timestamp::parse(time),
            action: false,
            late: false,
            id: id.map(|id| MessageId::parse(id).unwrap()),
            pos: None,
            received: None,
        }
    }

    fn live(seen: &mut Seen, time: &str, text: &str) {
        seen.nameless(Nick::parse("alice").unwrap().key(), Timestamp::parse(time).as_ref(), text);
    }

    #[test]
    fn ids_count_once_per_nick() {
        let mut seen = Seen::default();
        let (alice, bob) = (Nick::parse("alice").unwrap(), Nick::parse("bob").unwrap());
        let id = || MessageId::parse("k3v9x2m1q8f0-1").unwrap();
        assert!(seen.is_new(alice.key(), id()));
        assert!(!seen.is_new(alice.key(), id()));
        assert!(seen.is_new(bob.key(), id()), "nobody can use up another's ids");
        assert_eq!(seen.merge(&[entry(Some("k3v9x2m1q8f0-1"), TIME, "a")]), [false]);
        assert_eq!(seen.merge(&[entry(Some("k3v9x2m1q8f0-2"), TIME, "b")]), [true]);
        assert!(!seen.is_new(alice.key(), MessageId::parse("k3v9x2m1q8f0-2").unwrap()));
    }

    #[test]
    fn an_original_servers_pages_are_matched_as_a_multiset() {
        let mut seen = Seen::default();
        let page = [entry(None, TIME, "hi"), entry(None, TIME, "hi"), entry(None, TIME, "ho")];
        assert_eq!(seen.merge(&page), [true, true, true]);
        assert_eq!(seen.merge(&page), [false, false, false]);
        live(&mut seen, TIME, "ho");
        let later =
            [entry(None, TIME, "hi"), entry(None, TIME, "ho"), entry(None, TIME, "ho"), entry(None, TIME, "ho")];
        assert_eq!(seen.merge(&later), [false, false, false, true]);
    }

    #[test]
    fn a_live_message_is_found_under_the_servers_number() {
        let mut seen = Seen::default();
        live(&mut seen, TIME, "hi");
        let page = [entry(Some("x-1"), TIME, "hi"), entry(Some("x-2"), TIME, "hi")];
        assert_eq!(seen.merge(&page), [false, true]);
        assert_eq!(seen.merge(&page), [false, false]);
        live(&mut seen, "", "timeless");
        assert_eq!(seen.merge(&[entry(Some("x-3"), TIME, "timeless")]), [false]);
    }

    #[test]
    fn the_numbers_of_another_history_are_others() {
        let mut seen = Seen::default();
        let id = "k3v9x2m1q8f0-1";
        for (epoch, fresh) in
            [("aaaaaaaaaaaa", [true, true]), ("aaaaaaaaaaaa", [false; 2]), ("bbbbbbbbbbbb", [true, false])]
        {
            seen.pages_are_of(&Epoch::parse(epoch).unwrap());
            assert_eq!(seen.merge(&[entry(Some("x-1"), TIME, "a"), entry(Some(id), TIME, "b")]), fresh, "{epoch}");
        }
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut recent = Recent::default();
        for number in 0..=REMEMBERED {
            recent.add(number);
        }
        assert!(!recent.contains(&0));
        assert!(recent.contains(&1));
        assert_eq!(recent.counts.len(), REMEMBERED);
    }
}
