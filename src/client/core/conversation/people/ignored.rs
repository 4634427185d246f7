//! People whose messages are hidden. Their messages are still confirmed and counted as shown, so they do not notice,
//! and nothing is shown twice after `/unignore`.

use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::memo::Memo;
use crate::protocol::{Nick, NickKey, Notice};
use std::collections::BTreeMap;

/// The most people that can be ignored.
const CAPACITY: usize = 1_000;

/// By key, as typed.
#[derive(Debug)]
pub struct Ignored(BTreeMap<NickKey, Nick>);

impl Ignored {
    pub fn new(nicks: impl IntoIterator<Item = Nick>) -> Ignored {
        Ignored(nicks.into_iter().map(|nick| (nick.key().clone(), nick)).collect())
    }

    pub fn has(&self, key: &NickKey) -> bool {
        self.0.contains_key(key)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(Nick::as_str)
    }

    /// `None`: nobody is ignored.
    pub fn in_words(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.names().collect::<Vec<_>>().join(", "))
    }

    /// `is_known`: whether this nick was seen.
    pub fn add(&mut self, nick: Nick, is_known: impl Fn(&Nick) -> bool, out: &mut Outputs) {
        if self.has(nick.key()) {
            return out.answer(format!("{nick} is ignored already: /unignore {nick} ends that"));
        }
        if self.0.len() >= CAPACITY {
            return out.error(format!("{CAPACITY} people are ignored already: /unignore one first"), None);
        }
        let unknown = if is_known(&nick) { "" } else { ", though nobody called so was seen here" };
        out.answer(format!("{nick} is ignored from now on{unknown}; /unignore {nick} ends that"));
        out.remember(Memo::Ignored(nick.clone()));
        self.0.insert(nick.key().clone(), nick);
    }

    pub fn remove(&mut self, nick: &Nick, out: &mut Outputs) {
        match self.0.remove(nick.key()) {
            Some(nick) => {
                out.answer(format!("{nick} is not ignored any more"));
                out.remember(Memo::Unignored(nick.key().clone()));
            }
            None => out.error(format!("{nick} is not ignored; /ignore lists who is"), None),
        }
    }

    /// The notice without ignored people; `None`: nobody is left.
    pub fn without(&self, mut notice: Notice) -> Option<Notice> {
        let before = notice.nicks.len();
        notice.nicks.retain(|nick| !self.has(nick.key()));
        let hidden = (before - notice.nicks.len()) as u64;
        if let Some(count) = &mut notice.count {
            *count = count.saturating_sub(hidden);
        }
        if self.has(notice.nick.key()) {
            notice.nick = notice.nicks.first()?.clone();
        }
        Some(notice)
    }
}
