//! Pure: which messages of a room were shown. A message that arrives twice (retransmitted, or in a page) is shown once.

mod newest;
mod numbers;
mod recent;

use crate::client::core::memo::{Series, Shown};
use crate::protocol::{Entry, Epoch, Mark, MessageId, NickKey, SentId, Timestamp};
use chrono::{DateTime, FixedOffset};
use newest::Newest;
use numbers::Numbers;
use recent::Recent;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

/// The most remembered series. Every run of a sender begins a new one.
const SERIES: usize = 10_000;
/// The same for direct messages.
const SERIES_DIRECT: usize = 1_000;
/// The most remembered messages without an id: live ones that no page has contained yet.
const NAMELESS: usize = 10_000;

/// The memory of one room, or of direct messages.
#[derive(Debug)]
pub struct Seen {
    /// Messages shown by this run.
    shown: Numbers,
    /// Messages shown by earlier runs under the same nick.
    earlier: Numbers,
    /// Messages without an id.
    nameless: Recent<Nameless>,
    /// Messages without an id that the last page was the first to show.
    paged: Vec<Nameless>,
    /// The newest message of each nick.
    pub newest: Newest,
    /// The history of the pages.
    epoch: Option<Epoch>,
}

/// Identifies a message without an id: a hash of nick, time as written, and text. The texts themselves, which anybody
/// can make long, would take 320 MB per room. Only the sender could make two messages with the same hash.
type Nameless = u64;

/// Whether a message of a page had been shown before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// `late`: a later message of its sender had been shown.
    New { late: bool },
    /// It had been shown before.
    Shown,
}

/// New, and not known to be late.
const IN_TIME: Was = Was::New { late: false };

impl Default for Seen {
    fn default() -> Seen {
        Seen::of_at_most(SERIES)
    }
}

impl Seen {
    fn of_at_most(series: usize) -> Seen {
        Seen {
            shown: Numbers::of_at_most(series),
            earlier: Numbers::of_at_most(series),
            nameless: Recent::of_at_most(NAMELESS),
            paged: Vec::new(),
            newest: Newest::default(),
            epoch: None,
        }
    }

    pub fn of_direct_messages() -> Seen {
        Seen::of_at_most(SERIES_DIRECT)
    }

    /// Loads what earlier runs showed, and replaces what was loaded before. What this run has shown stays shown.
    pub fn recall(&mut self, shown: Shown) {
        self.earlier.replace(shown);
    }

    /// Whether a message with its sender's id is new. From now on it is not.
    pub fn is_new(&mut self, key: &NickKey, id: &SentId) -> bool {
        self.add(Series::of_sent(key, id), id.seq)
    }

    fn add(&mut self, series: Series, number: u64) -> bool {
        !self.earlier.has(&series, number) && self.shown.add(series, number)
    }

    /// Whether a message was shown.
    pub fn has(&self, key: &NickKey, id: &SentId) -> bool {
        let series = Series::of_sent(key, id);
        self.shown.has(&series, id.seq) || self.earlier.has(&series, id.seq)
    }

    /// Whether a later message of the same run was shown.
    pub fn is_late(&self, key: &NickKey, id: &SentId) -> bool {
        let series = Series::of_sent(key, id);
        self.shown.newest(&series).max(self.earlier.newest(&series)) > Some(id.seq)
    }

    /// A message arrived live; `at`: its time by its sender's clock. Returns whether it is late: retransmitted, or a
    /// later one had been shown.
    pub fn heard_live(
        &mut self,
        now: Instant,
        key: &NickKey,
        id: &SentId,
        at: Option<DateTime<FixedOffset>>,
        sent_again: bool,
    ) -> bool {
        let is_late = sent_again || self.is_late(key, id) || self.newest.overtakes_live(key, id, at);
        self.newest.heard(now, key, id, at, is_late);
        is_late
    }

    /// Learns from a mark where messages lie in the history.
    pub fn look_at_mark(&mut self, mark: &Mark) {
        if self.epoch.as_ref().is_none_or(|epoch| *epoch == mark.epoch) {
            self.newest.look_at_mark(mark);
        }
    }

    /// The series of a message, and its number there.
    pub fn series(&self, key: &NickKey, id: &MessageId) -> Option<(Series, u64)> {
        Series::of(key, id, self.epoch.as_ref())
    }

    /// A live message without an id, remembered for later pages. Returns its number; `None`: a page has shown it
    /// already. If that was another message with the same content, the next page shows this one.
    pub fn heard_nameless(&mut self, key: &NickKey, timestamp: Option<&Timestamp>, text: &str) -> Option<u64> {
        let name = nameless(key, timestamp, text);
        match self.paged.iter().position(|paged| *paged == name) {
            Some(at) => {
                self.paged.swap_remove(at);
                None
            }
            None => Some(self.nameless.add(name)),
        }
    }

    /// Live messages without an id up to this number appear in no later page.
    pub fn forget_nameless(&mut self, number: u64) {
        self.nameless.forget(number);
    }

    /// From now on, pages come from this history. Each history has its own numbers for messages without an id.
    pub fn pages_are_of(&mut self, epoch: &Epoch) {
        if self.epoch.replace(epoch.clone()).is_some_and(|known| known != *epoch) {
            self.newest.history_is_another();
        }
    }

    /// Takes the entries of a page and returns, in order, whether each had been shown. From now on all of them are.
    pub fn merge(&mut self, page: &[Entry]) -> Vec<Was> {
        self.newest.look_at(page);
        let mut in_page: HashMap<Nameless, usize> = HashMap::new();
        self.paged.clear();
        let merge = |entry: &Entry| {
            let key = entry.nick.key();
            let name = nameless(key, entry.timestamp.as_ref(), &entry.text);
            let numbered = entry.id.as_ref().and_then(|id| Some((id, self.series(key, id)?)));
            if let Some((id, (series, number))) = numbered {
                let is_new = self.add(series, number);
                return match id {
                    _ if !is_new => Was::Shown,
                    MessageId::Sent(id) => {
                        let late = self.is_late(key, id) || self.newest.overtakes(entry, id);
                        if !late {
                            self.newest.shown(entry);
                        }
                        Was::New { late }
                    }
                    // The server's number for a message that may have arrived live without one.
                    MessageId::Row(_) if self.take_nameless(&name, entry) => Was::Shown,
                    MessageId::Row(_) => {
                        self.paged.push(name);
                        IN_TIME
                    }
                };
            }
            let copies = in_page.entry(name).or_insert(0);
            *copies += 1;
            if *copies <= self.nameless.count(&name) {
                return Was::Shown;
            }
            self.nameless.add(name);
            IN_TIME
        };
        page.iter().map(merge).collect()
    }

    /// Whether a message without an id was shown live and is now found in a page for the first time. If it had no time,
    /// the page has the server's.
    fn take_nameless(&mut self, name: &Nameless, entry: &Entry) -> bool {
        self.nameless.remove(name) || self.nameless.remove(&nameless(entry.nick.key(), None, &entry.text))
    }
}

fn nameless(key: &NickKey, timestamp: Option<&Timestamp>, text: &str) -> Nameless {
    let mut hasher = DefaultHasher::new();
    (key, timestamp.map_or("", Timestamp::as_str), text).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nick, Session};

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

    fn id(seq: u64) -> SentId {
        SentId { session: Session::parse("k3v9x2m1q8f0").unwrap(), seq }
    }

    fn epoch(text: &str) -> Epoch {
        Epoch::parse(text).unwrap()
    }

    fn live(seen: &mut Seen, time: &str, text: &str) {
        assert!(hear(seen, time, text).is_some());
    }

    fn hear(seen: &mut Seen, time: &str, text: &str) -> Option<u64> {
        seen.heard_nameless(Nick::parse("alice").unwrap().key(), Timestamp::parse(time).as_ref(), text)
    }

    #[test]
    fn ids_count_once_per_nick() {
        let mut seen = Seen::default();
        let (alice, bob) = (Nick::parse("alice").unwrap(), Nick::parse("bob").unwrap());
        assert!(seen.is_new(alice.key(), &id(1)));
        assert!(!seen.is_new(alice.key(), &id(1)));
        assert!(seen.is_new(bob.key(), &id(1)), "nobody can use up another's ids");
        assert_eq!(seen.merge(&[entry(Some("k3v9x2m1q8f0-1"), TIME, "a")]), [Was::Shown]);
        assert_eq!(seen.merge(&[entry(Some("k3v9x2m1q8f0-2"), TIME, "b")]), [IN_TIME]);
        assert!(!seen.is_new(alice.key(), &id(2)));
    }

    #[test]
    fn an_original_servers_pages_are_matched_as_a_multiset() {
        let mut seen = Seen::default();
        let page = [entry(None, TIME, "hi"), entry(None, TIME, "hi"), entry(None, TIME, "ho")];
        assert_eq!(seen.merge(&page), [IN_TIME; 3]);
        assert_eq!(seen.merge(&page), [Was::Shown; 3]);
        live(&mut seen, TIME, "ho");
        let later =
            [entry(None, TIME, "hi"), entry(None, TIME, "ho"), entry(None, TIME, "ho"), entry(None, TIME, "ho")];
        assert_eq!(seen.merge(&later), [Was::Shown, Was::Shown, Was::Shown, IN_TIME]);
    }

    #[test]
    fn a_live_message_is_found_under_the_servers_number() {
        let mut seen = Seen::default();
        seen.pages_are_of(&epoch("aaaaaaaaaaaa"));
        live(&mut seen, TIME, "hi");
        let page = [entry(Some("x-1"), TIME, "hi"), entry(Some("x-2"), TIME, "hi")];
        assert_eq!(seen.merge(&page), [Was::Shown, IN_TIME]);
        assert_eq!(seen.merge(&page), [Was::Shown; 2]);
        live(&mut seen, "", "timeless");
        assert_eq!(seen.merge(&[entry(Some("x-3"), TIME, "timeless")]), [Was::Shown]);
    }

    #[test]
    fn one_that_a_page_has_overtaken_is_not_shown_again() {
        let mut seen = Seen::default();
        seen.pages_are_of(&epoch("aaaaaaaaaaaa"));
        assert_eq!(seen.merge(&[entry(Some("x-1"), TIME, "hi"), entry(Some("x-2"), TIME, "ho")]), [IN_TIME; 2]);
        assert_eq!(hear(&mut seen, TIME, "hi"), None);
        live(&mut seen, TIME, "hi");
        assert_eq!(seen.merge(&[entry(Some("x-3"), TIME, "hi")]), [Was::Shown]);
        live(&mut seen, TIME, "ho");
    }

    #[test]
    fn a_live_message_never_stored_hides_nothing_forever() {
        let mut seen = Seen::default();
        seen.pages_are_of(&epoch("aaaaaaaaaaaa"));
        let number = hear(&mut seen, "", "on").unwrap();
        seen.forget_nameless(number);
        assert_eq!(seen.merge(&[entry(Some("x-1"), TIME, "on")]), [IN_TIME]);
    }

    #[test]
    fn the_memory_of_a_text_does_not_grow_with_it() {
        fn is_all_of_it<T: Copy>() -> usize {
            size_of::<T>()
        }
        assert_eq!(is_all_of_it::<Nameless>(), 8);
    }

    #[test]
    fn the_numbers_of_another_history_are_others() {
        let mut seen = Seen::default();
        let id = "k3v9x2m1q8f0-1";
        for (name, fresh) in
            [("aaaaaaaaaaaa", [IN_TIME; 2]), ("aaaaaaaaaaaa", [Was::Shown; 2]), ("bbbbbbbbbbbb", [IN_TIME, Was::Shown])]
        {
            seen.pages_are_of(&epoch(name));
            assert_eq!(seen.merge(&[entry(Some("x-1"), TIME, "a"), entry(Some(id), TIME, "b")]), fresh, "{name}");
        }
    }

    #[test]
    fn overtaken_messages_are_late() {
        let mut seen = Seen::default();
        let alice = Nick::parse("alice").unwrap().key().clone();
        assert!(seen.is_new(&alice, &id(5)));
        let other = SentId { session: Session::parse("aaaaaaaaaaaa").unwrap(), seq: 1 };
        for (id, late) in [(id(4), true), (id(5), false), (other, false), (id(6), false)] {
            seen.is_new(&alice, &id);
            assert_eq!(seen.is_late(&alice, &id), late, "{id}");
        }
    }

    #[test]
    fn only_overtaken_messages_of_a_page_are_late() {
        let mut seen = Seen::default();
        let page = |seqs: &[u64]| -> Vec<Entry> {
            seqs.iter().map(|seq| entry(Some(&format!("k3v9x2m1q8f0-{seq}")), TIME, "a")).collect()
        };
        assert_eq!(seen.merge(&page(&[1, 2, 4])), [IN_TIME; 3]);
        assert_eq!(seen.merge(&page(&[5, 3, 6])), [IN_TIME, Was::New { late: true }, IN_TIME]);
    }

    #[test]
    fn a_message_before_a_shown_page_is_late_whatever_its_run() {
        let at = |session: &str, pos, late| Entry { pos: Some(pos), late, ..entry(Some(session), TIME, "a") };
        let (older, newer) = (at("aaaaaaaaaaaa-7", 5, false), at("k3v9x2m1q8f0-1", 6, false));
        let mut seen = Seen::default();
        seen.pages_are_of(&epoch("aaaaaaaaaaaa"));
        assert_eq!(seen.merge(&[newer.clone(), at("bbbbbbbbbbbb-1", 7, false)]), [IN_TIME; 2]);
        assert_eq!(seen.merge(&[older.clone(), at("cccccccccccc-1", 8, false)]), [Was::New { late: true }, IN_TIME]);
        // A retransmitted message may be older than its position.
        let mut seen = Seen::default();
        assert_eq!(seen.merge(&[Entry { late: true, ..newer.clone() }]), [IN_TIME]);
        assert_eq!(seen.merge(std::slice::from_ref(&older)), [IN_TIME]);
        // Positions of another history say nothing.
        let mut seen = Seen::default();
        seen.pages_are_of(&epoch("aaaaaaaaaaaa"));
        assert_eq!(seen.merge(&[newer]), [IN_TIME]);
        seen.pages_are_of(&epoch("bbbbbbbbbbbb"));
        assert_eq!(seen.merge(&[older]), [IN_TIME]);
    }

    #[test]
    fn messages_of_earlier_runs_are_not_new() {
        let (alice, epoch) = (Nick::parse("alice").unwrap().key().clone(), epoch("aaaaaaaaaaaa"));
        let shown = vec![
            (Series::of_sent(&alice, &id(1)), [1, 3].into_iter().collect()),
            (Series::Stored(epoch.clone()), [1].into_iter().collect()),
        ];
        let page =
            ["k3v9x2m1q8f0-1", "k3v9x2m1q8f0-2", "x-1", "x-2"].map(|id| entry(Some(id), TIME, &format!("text {id}")));
        let mut seen = Seen::default();
        seen.recall(shown.clone());
        seen.pages_are_of(&epoch);
        assert_eq!(seen.merge(&page), [Was::Shown, Was::New { late: true }, Was::Shown, IN_TIME]);
        // After a change of nick, only messages shown by this run count.
        seen.recall(Vec::new());
        assert_eq!(seen.merge(&page), [Was::New { late: true }, Was::Shown, IN_TIME, Was::Shown]);
        let mut direct = Seen::of_direct_messages();
        direct.recall(shown);
        assert!(!direct.is_new(&alice, &id(3)) && direct.is_new(&alice, &id(2)));
    }

    #[test]
    fn a_repetition_is_recognised_after_any_number_of_messages() {
        let mut seen = Seen::default();
        let alice = Nick::parse("alice").unwrap().key().clone();
        assert!(seen.is_new(&alice, &id(50_000)));
        for seq in 1..50_000 {
            assert!(seen.is_new(&alice, &id(seq)));
        }
        assert!(!seen.is_new(&alice, &id(50_000)) && !seen.is_new(&alice, &id(1)));
    }
}
