//! Pure: which messages of a room were shown, so that what comes twice (sent again, or in a page) is shown once.

mod recent;

use crate::protocol::{Entry, Epoch, MessageId, NickKey, SentId, Session, Timestamp};
use chrono::{DateTime, FixedOffset};
use recent::Recent;
use std::collections::{HashMap, VecDeque};

/// Messages that it remembers, of each kind.
const REMEMBERED: usize = 10_000;
/// And of direct ones.
const REMEMBERED_DIRECT: usize = 1_000;
/// Runs of a client of which it knows the newest message.
const RUNS: usize = 1_000;

/// The memory of one room, or of direct messages.
#[derive(Debug)]
pub struct Seen {
    ids: Recent<(NickKey, MessageId)>,
    /// Messages that came without an id, with how often each was shown.
    nameless: Recent<Nameless>,
    /// The highest number of each run.
    newest: HashMap<(NickKey, Session), u64>,
    /// These runs, the first seen first.
    runs: VecDeque<(NickKey, Session)>,
    /// The newest live message of each nick: its run and time. Where it lies in the history is not known yet.
    live: HashMap<NickKey, (Session, DateTime<FixedOffset>)>,
    /// The history that pages came from.
    epoch: Option<Epoch>,
}

/// What tells messages without an id apart: nick, time as it was written, text.
type Nameless = (NickKey, Box<str>, Box<str>);

/// What a message of a page was before it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// `late`: a later one of its sender had been shown by then.
    New { late: bool },
    /// Shown before.
    Shown,
    /// It was shown live, without the server's number.
    ShownNameless,
}

/// What nobody can call late.
const IN_TIME: Was = Was::New { late: false };

impl Default for Seen {
    fn default() -> Seen {
        Seen::of_at_most(REMEMBERED)
    }
}

impl Seen {
    fn of_at_most(count: usize) -> Seen {
        Seen {
            ids: Recent::of_at_most(count),
            nameless: Recent::of_at_most(count),
            newest: HashMap::new(),
            runs: VecDeque::new(),
            live: HashMap::new(),
            epoch: None,
        }
    }

    /// Of direct messages, as an earlier run showed them.
    pub fn direct(shown: &[(NickKey, MessageId)]) -> Seen {
        let mut seen = Seen::of_at_most(REMEMBERED_DIRECT);
        for (key, id) in shown {
            seen.is_new(key, id.clone());
        }
        seen
    }

    /// Of a room, as an earlier run showed it from this history.
    pub fn room(shown: &[(NickKey, MessageId)], epoch: Option<&Epoch>) -> Seen {
        let mut seen = Seen { epoch: epoch.cloned(), ..Seen::default() };
        // The server's numbers mean nothing where it is not known which server's they are.
        let means = |id: &MessageId| epoch.is_some() || matches!(id, MessageId::Sent(_));
        for (key, id) in shown.iter().filter(|(_, id)| means(id)) {
            seen.is_new(key, id.clone());
        }
        seen
    }

    /// Whether a message with an id is new; from now on it is not.
    pub fn is_new(&mut self, key: &NickKey, id: MessageId) -> bool {
        let entry = (key.clone(), id);
        if self.ids.contains(&entry) {
            return false;
        }
        if let MessageId::Sent(id) = &entry.1 {
            self.note_newest(key, id);
        }
        self.ids.add(entry);
        true
    }

    /// Whether a message was shown.
    pub fn has(&self, key: &NickKey, id: &SentId) -> bool {
        self.ids.contains(&(key.clone(), MessageId::Sent(id.clone())))
    }

    /// Whether a later one of the same run was shown.
    pub fn is_late(&self, key: &NickKey, id: &MessageId) -> bool {
        let MessageId::Sent(id) = id else { return false };
        self.newest.get(&(key.clone(), id.session.clone())).is_some_and(|newest| *newest > id.seq)
    }

    /// A message has come live; `at`: when it was written, by its sender's clock.
    pub fn heard_live(&mut self, key: &NickKey, id: &MessageId, at: Option<DateTime<FixedOffset>>) {
        let (MessageId::Sent(id), Some(at)) = (id, at) else { return };
        // Whoever speaks under so many nicks is no sender whose order matters.
        let has_room = self.live.len() < RUNS;
        match self.live.get_mut(key) {
            Some((_, newest)) if *newest > at => {}
            Some(newest) => *newest = (id.session.clone(), at),
            None if !has_room => {}
            None => drop(self.live.insert(key.clone(), (id.session.clone(), at))),
        }
    }

    /// Whether a message of a page was written before one of another run of its sender that came live. Only its own
    /// clock can tell: a run's identifier says nothing of its time.
    fn is_overtaken(&self, key: &NickKey, id: &MessageId, entry: &Entry) -> bool {
        let at = entry.timestamp.as_ref().and_then(Timestamp::at);
        let (MessageId::Sent(id), Some(at)) = (id, at) else { return false };
        self.live.get(key).is_some_and(|(session, newest)| *session != id.session && *newest > at)
    }

    fn note_newest(&mut self, key: &NickKey, id: &SentId) {
        let run = (key.clone(), id.session.clone());
        match self.newest.get_mut(&run) {
            Some(newest) => *newest = id.seq.max(*newest),
            None => {
                self.newest.insert(run.clone(), id.seq);
                self.runs.push_back(run);
                if self.runs.len() > RUNS
                    && let Some(oldest) = self.runs.pop_front()
                {
                    self.newest.remove(&oldest);
                }
            }
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

    /// What the entries of a page were, in their order; from now on all of them are shown.
    pub fn merge(&mut self, page: &[Entry]) -> Vec<Was> {
        let mut in_page: HashMap<Nameless, usize> = HashMap::new();
        let merge = |entry: &Entry| {
            let key = entry.nick.key();
            let name = nameless(key, entry.timestamp.as_ref(), &entry.text);
            match &entry.id {
                Some(id) if !self.is_new(key, id.clone()) => Was::Shown,
                // The server's number of a message that may have come live, without one.
                Some(MessageId::Row(_)) if self.take_nameless(&name) => Was::ShownNameless,
                Some(id) => Was::New { late: self.is_late(key, id) || self.is_overtaken(key, id, entry) },
                None => {
                    let copies = in_page.entry(name.clone()).or_insert(0);
                    *copies += 1;
                    if *copies <= self.nameless.count(&name) {
                        return Was::Shown;
                    }
                    self.nameless.add(name);
                    IN_TIME
                }
            }
        };
        page.iter().map(merge).collect()
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
        assert_eq!(seen.merge(&[entry(Some("k3v9x2m1q8f0-1"), TIME, "a")]), [Was::Shown]);
        assert_eq!(seen.merge(&[entry(Some("k3v9x2m1q8f0-2"), TIME, "b")]), [IN_TIME]);
        assert!(!seen.is_new(alice.key(), MessageId::parse("k3v9x2m1q8f0-2").unwrap()));
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
        live(&mut seen, TIME, "hi");
        let page = [entry(Some("x-1"), TIME, "hi"), entry(Some("x-2"), TIME, "hi")];
        assert_eq!(seen.merge(&page), [Was::ShownNameless, IN_TIME]);
        assert_eq!(seen.merge(&page), [Was::Shown; 2]);
        live(&mut seen, "", "timeless");
        assert_eq!(seen.merge(&[entry(Some("x-3"), TIME, "timeless")]), [Was::ShownNameless]);
    }

    #[test]
    fn the_numbers_of_another_history_are_others() {
        let mut seen = Seen::default();
        let id = "k3v9x2m1q8f0-1";
        for (epoch, fresh) in
            [("aaaaaaaaaaaa", [IN_TIME; 2]), ("aaaaaaaaaaaa", [Was::Shown; 2]), ("bbbbbbbbbbbb", [IN_TIME, Was::Shown])]
        {
            seen.pages_are_of(&Epoch::parse(epoch).unwrap());
            assert_eq!(seen.merge(&[entry(Some("x-1"), TIME, "a"), entry(Some(id), TIME, "b")]), fresh, "{epoch}");
        }
    }

    #[test]
    fn what_is_older_than_what_was_shown_is_late() {
        let mut seen = Seen::default();
        let alice = Nick::parse("alice").unwrap().key().clone();
        let id = |text| MessageId::parse(text).unwrap();
        assert!(seen.is_new(&alice, id("k3v9x2m1q8f0-5")));
        for (text, late) in [("k3v9x2m1q8f0-4", true), ("k3v9x2m1q8f0-5", false), ("aaaaaaaaaaaa-1", false)] {
            seen.is_new(&alice, id(text));
            assert_eq!(seen.is_late(&alice, &id(text)), late, "{text}");
        }
        assert!(!seen.is_late(&alice, &id("x-1")));
        for run in 0..RUNS as u64 {
            seen.note_newest(&alice, &SentId { session: Session::parse(&format!("{run:012}")).unwrap(), seq: 1 });
        }
        assert_eq!((seen.newest.len(), seen.runs.len()), (RUNS, RUNS));
    }

    #[test]
    fn what_an_earlier_run_of_its_sender_wrote_is_late_in_a_page() {
        const LATE: Was = Was::New { late: true };
        let (early, noon, later) = ("2026-11-22T11:00:00Z", "2026-11-22T13:00:00+01:00", "2026-11-22T12:30:00Z");
        let alice = Nick::parse("alice").unwrap().key().clone();
        let id = |text| MessageId::parse(text).unwrap();
        let at = |text| Timestamp::parse(text).unwrap().at();
        for (text, time, was) in [
            ("aaaaaaaaaaaa-1", early, LATE),
            ("aaaaaaaaaaaa-1", noon, IN_TIME),
            ("bbbbbbbbbbbb-1", later, IN_TIME),
            // Its own number tells.
            ("k3v9x2m1q8f0-6", early, IN_TIME),
            ("x-1", early, IN_TIME),
        ] {
            let mut seen = Seen::default();
            for (text, time) in [("k3v9x2m1q8f0-5", noon), ("aaaaaaaaaaaa-9", early)] {
                seen.heard_live(&alice, &id(text), at(time));
            }
            assert_eq!(seen.merge(&[entry(Some(text), time, "a")]), [was], "{text} {time}");
            let bob = Entry { nick: Nick::parse("bob").unwrap(), ..entry(Some("aaaaaaaaaaaa-1"), early, "b") };
            assert_eq!(seen.merge(&[bob]), [IN_TIME], "another one's time says nothing");
        }
    }

    #[test]
    fn of_a_page_only_that_is_late_which_comes_after_a_later_one() {
        let mut seen = Seen::default();
        let page = |seqs: &[u64]| -> Vec<Entry> {
            seqs.iter().map(|seq| entry(Some(&format!("k3v9x2m1q8f0-{seq}")), TIME, "a")).collect()
        };
        assert_eq!(seen.merge(&page(&[1, 2, 4])), [IN_TIME; 3]);
        assert_eq!(seen.merge(&page(&[5, 3, 6])), [IN_TIME, Was::New { late: true }, IN_TIME]);
    }

    #[test]
    fn what_an_earlier_run_showed_is_not_new() {
        let alice = Nick::parse("alice").unwrap().key().clone();
        let shown = ["k3v9x2m1q8f0-1", "x-1"].map(|text| (alice.clone(), MessageId::parse(text).unwrap()));
        let page = [entry(Some("k3v9x2m1q8f0-1"), TIME, "a"), entry(Some("x-1"), TIME, "b")];
        let epoch = Epoch::parse("aaaaaaaaaaaa").unwrap();
        let mut seen = Seen::room(&shown, Some(&epoch));
        seen.pages_are_of(&epoch);
        assert_eq!(seen.merge(&page), [Was::Shown; 2]);
        let mut seen = Seen::room(&shown, None);
        seen.pages_are_of(&epoch);
        assert_eq!(seen.merge(&page), [Was::Shown, IN_TIME]);
        let mut direct = Seen::direct(&shown);
        assert!(!direct.is_new(&alice, shown[0].1.clone()));
    }
}
