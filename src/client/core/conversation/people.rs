//! People: who is present, who is ignored, and whether joins and leaves are told.
//!
//! Messages of ignored people are still confirmed and counted as shown, so they do not notice, and nothing is shown twice
//! after `/unignore`.

use super::outputs::Outputs;
use crate::client::core::memo::Memo;
use crate::client::core::news::News;
use crate::nearest::nearest;
use crate::protocol::{Nick, NickKey, Notice, NoticeKind};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most nicks to complete, and the most people that can be ignored.
const CAPACITY: usize = 1_000;
/// The most nicks remembered as met.
const MET: usize = 10_000;

#[derive(Debug)]
pub struct People {
    /// With the turn of its last message; 0: no message in this run.
    known: HashMap<NickKey, (Nick, u64)>,
    /// Everybody who was present in this run, even if they have left.
    met: HashSet<NickKey>,
    turn: u64,
    /// Whose messages are hidden, as typed.
    ignored: BTreeMap<NickKey, Nick>,
    /// Joins and leaves are not told.
    is_quiet: bool,
}

impl People {
    /// `ignored`: the ignore list of an earlier run.
    pub fn new(ignored: impl IntoIterator<Item = Nick>) -> People {
        let ignored = ignored.into_iter().map(|nick| (nick.key().clone(), nick)).collect();
        People { known: HashMap::new(), met: HashSet::new(), turn: 0, ignored, is_quiet: false }
    }

    /// This nick sent a message.
    pub fn spoke(&mut self, nick: &Nick) {
        self.turn += 1;
        let turn = self.turn;
        if let Some(entry) = self.add(nick) {
            entry.1 = turn;
        }
    }

    /// These are online.
    pub fn seen<'a>(&mut self, nicks: impl IntoIterator<Item = &'a Nick>) {
        for nick in nicks {
            self.add(nick);
        }
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

    pub fn gone(&mut self, nick: &Nick) {
        self.known.remove(nick.key());
    }

    /// Nicks to complete, as typed, last speaker first, then by name.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.known.values().collect();
        names.sort_by(|(a, turn_a), (b, turn_b)| turn_b.cmp(turn_a).then_with(|| a.key().cmp(b.key())));
        names.into_iter().map(|(nick, _)| nick.as_str().to_owned()).collect()
    }

    /// Whether this nick was present in this run. Always true once the memory has overflowed.
    fn has_met(&self, key: &NickKey) -> bool {
        self.met.contains(key) || self.met.len() >= MET
    }

    /// A text saying that this nick was not seen in this run, with a similar nick if there is one. `own`: the user's
    /// nick.
    pub fn stranger(&self, nick: &Nick, own: &NickKey) -> Option<String> {
        if nick.key() == own || self.has_met(nick.key()) {
            return None;
        }
        let names = self.names();
        let near = nearest(nick.as_str(), names.iter().map(String::as_str));
        let meant = near.map_or(String::new(), |near| format!(" (did you mean {near}?)"));
        Some(format!("nobody called {nick} was seen here{meant}"))
    }

    /// Whether this nick's messages are hidden.
    pub fn ignores(&self, key: &NickKey) -> bool {
        self.ignored.contains_key(key)
    }

    /// The nicks whose messages are hidden.
    pub fn ignored(&self) -> Vec<String> {
        self.ignored.values().map(Nick::to_string).collect()
    }

    /// `/ignore NICK`; `own`: the user's nick.
    pub fn ignore(&mut self, nick: Nick, own: &Nick, out: &mut Outputs) {
        if nick.key() == own.key() {
            return out.error("you cannot ignore yourself");
        }
        if self.ignores(nick.key()) {
            return out.answer(format!("{nick} is ignored already: /unignore {nick} ends that"));
        }
        if self.ignored.len() >= CAPACITY {
            return out.error(format!("{CAPACITY} people are ignored already: /unignore one first"));
        }
        let unknown = if self.has_met(nick.key()) { "" } else { ", though nobody called so was seen here" };
        out.answer(format!("{nick} is ignored from now on{unknown}; /unignore {nick} ends that"));
        out.remember(Memo::Ignored(nick.clone()));
        self.ignored.insert(nick.key().clone(), nick);
    }

    /// `/unignore NICK`.
    pub fn unignore(&mut self, nick: &Nick, out: &mut Outputs) {
        match self.ignored.remove(nick.key()) {
            Some(nick) => {
                out.answer(format!("{nick} is not ignored any more"));
                out.remember(Memo::Unignored(nick.key().clone()));
            }
            None => out.error(format!("{nick} is not ignored; /ignore lists who is")),
        }
    }

    /// `/ignore`.
    pub fn list_ignored(&self, out: &mut Outputs) {
        out.answer(match self.ignored.is_empty() {
            true => "nobody is ignored".to_owned(),
            false => format!("ignored: {}", self.ignored().join(", ")),
        });
    }

    /// `/quiet`.
    pub fn toggle_quiet(&mut self, out: &mut Outputs) {
        self.is_quiet = !self.is_quiet;
        out.answer(match self.is_quiet {
            true => "who comes and goes is hidden now; /quiet again shows it",
            false => "who comes and goes is shown again",
        });
    }

    /// What is hidden, as lines of `/status`.
    pub fn status(&self) -> Vec<String> {
        let ignored = (!self.ignored.is_empty()).then(|| format!("ignored      {}", self.ignored().join(", ")));
        let quiet = self.is_quiet.then(|| "quiet        who comes and goes is hidden".to_owned());
        ignored.into_iter().chain(quiet).collect()
    }

    /// A notice of the server about joins and leaves. `own`: the user's nick, which is left out.
    pub fn noticed(&mut self, notice: Notice, own: &Nick, out: &mut Outputs) {
        let nicks = || notice.nicks.iter().chain([&notice.nick]);
        match notice.kind {
            NoticeKind::Join => self.seen(nicks()),
            NoticeKind::Leave | NoticeKind::Timeout => nicks().for_each(|nick| self.gone(nick)),
        }
        self.seen(notice.users_list.iter().flatten());
        let is_of_others = notice.count.unwrap_or(1) > 1 || notice.nick.key() != own.key();
        if let Some(notice) = self.without_ignored(notice).filter(|_| is_of_others && !self.is_quiet) {
            out.tell(News::Presence(notice));
        }
    }

    /// The notice without ignored people; `None`: nobody is left.
    fn without_ignored(&self, mut notice: Notice) -> Option<Notice> {
        let before = notice.nicks.len();
        notice.nicks.retain(|nick| !self.ignores(nick.key()));
        let hidden = (before - notice.nicks.len()) as u64;
        if let Some(count) = &mut notice.count {
            *count = count.saturating_sub(hidden);
        }
        if self.ignores(notice.nick.key()) {
            notice.nick = notice.nicks.first()?.clone();
        }
        Some(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::core::conversation::Output;
    use crate::protocol::FromServer;

    fn nick(name: &str) -> Nick {
        Nick::parse(name).unwrap()
    }

    fn join(names: &[&str]) -> Notice {
        let (first, all) = (names[0], format!("{names:?}"));
        let json = format!(
            r#"{{"type":"user_join","username":"{first}","message":"x","usernames":{all},"count":{}}}"#,
            names.len()
        );
        match FromServer::parse(json.as_bytes()).unwrap() {
            FromServer::Notice(notice) => notice,
            other => panic!("{other:?}"),
        }
    }

    /// Checks who is named first, and how many are counted, when these join; `None`: nothing is told.
    #[track_caller]
    fn check(people: &mut People, names: &[&str], expected: Option<(&str, u64)>) {
        let mut out = Outputs::new(true);
        people.noticed(join(names), &nick("alice"), &mut out);
        let told = out.take().into_iter().find_map(|output| match output {
            Output::Tell(News::Presence(notice), _) => {
                Some((notice.nick.as_str().to_owned(), notice.count.unwrap_or(1)))
            }
            _ => None,
        });
        assert_eq!(told, expected.map(|(name, count)| (name.to_owned(), count)), "{names:?}");
    }

    #[test]
    fn notices_are_of_others_who_are_not_ignored() {
        let mut people = People::new([nick("Eve")]);
        check(&mut people, &["Alice"], None);
        check(&mut people, &["bob"], Some(("bob", 1)));
        check(&mut people, &["eve"], None);
        check(&mut people, &["eve", "bob", "carl"], Some(("bob", 2)));
        people.toggle_quiet(&mut Outputs::new(true));
        check(&mut people, &["bob"], None);
        let alice = nick("alice");
        assert_eq!(people.stranger(&nick("eve"), alice.key()), None, "hidden people are known all the same");
        let nobody = people.stranger(&nick("carol"), alice.key());
        assert_eq!(nobody.as_deref(), Some("nobody called carol was seen here (did you mean carl?)"));
    }

    #[test]
    fn nobody_ignores_themselves() {
        let (mut people, mut out) = (People::new([]), Outputs::new(true));
        people.ignore(nick("ALICE"), &nick("alice"), &mut out);
        assert!(!people.ignores(nick("alice").key()));
        people.ignore(nick("Bob"), &nick("alice"), &mut out);
        assert!(people.ignores(nick("bob").key()));
        assert_eq!(people.status(), ["ignored      Bob"]);
        people.unignore(&nick("BOB"), &mut out);
        assert_eq!(people.ignored(), [""; 0]);
    }

    #[test]
    fn last_speaker_first() {
        let mut people = People::new([]);
        people.seen(&[nick("carl"), nick("Bob"), nick("alice")]);
        people.spoke(&nick("carl"));
        people.spoke(&nick("bob"));
        assert_eq!(people.names(), ["Bob", "carl", "alice"]);
        people.gone(&nick("CARL"));
        assert_eq!(people.names(), ["Bob", "alice"]);
        assert!(people.has_met(nick("carl").key()) && !people.has_met(nick("carla").key()));
    }
}
