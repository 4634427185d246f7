//! People whose words are hidden. What they send is confirmed and counted as shown all the same: nobody learns of it, and
//! nothing comes again when they are shown once more.

use crate::client::core::conversation::Conversation;
use crate::client::core::memo::Memo;
use crate::protocol::{Nick, NickKey, Notice};
use std::collections::BTreeMap;

/// People that can be ignored.
const CAPACITY: usize = 1_000;

/// By key, as they were typed.
pub(in crate::client::core::conversation) type Ignored = BTreeMap<NickKey, Nick>;

impl Conversation {
    pub(in crate::client::core::conversation) fn ignores(&self, key: &NickKey) -> bool {
        self.ignored.contains_key(key)
    }

    pub(in crate::client::core::conversation) fn ignore(&mut self, nick: Nick) {
        if nick.key() == self.nick.key() {
            return self.error("you cannot ignore yourself", None);
        }
        if self.ignores(nick.key()) {
            return self.answer(format!("{nick} is ignored already: /unignore {nick} ends that"));
        }
        if self.ignored.len() >= CAPACITY {
            return self.error(format!("{CAPACITY} people are ignored already: /unignore one first"), None);
        }
        let unknown = if self.people.has_met(nick.key()) { "" } else { ", though nobody called so was seen here" };
        self.answer(format!("{nick} is ignored from now on{unknown}; /unignore {nick} ends that"));
        self.remember(Memo::Ignored(nick.clone()));
        self.ignored.insert(nick.key().clone(), nick);
    }

    pub(in crate::client::core::conversation) fn unignore(&mut self, nick: &Nick) {
        match self.ignored.remove(nick.key()) {
            Some(nick) => {
                self.answer(format!("{nick} is not ignored any more"));
                self.remember(Memo::Unignored(nick.key().clone()));
            }
            None => self.error(format!("{nick} is not ignored; /ignore lists who is"), None),
        }
    }

    pub(in crate::client::core::conversation) fn list_ignored(&mut self) {
        let line = match self.ignored.is_empty() {
            true => "nobody is ignored".to_owned(),
            false => format!("ignored: {}", self.ignored_names()),
        };
        self.answer(line);
    }

    pub(in crate::client::core::conversation) fn ignored_names(&self) -> String {
        self.ignored.values().map(Nick::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The notice without those who are ignored; `None`: it tells of nobody else.
    pub(in crate::client::core::conversation) fn without_ignored(&self, mut notice: Notice) -> Option<Notice> {
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

    pub(in crate::client::core::conversation) fn toggle_quiet(&mut self) {
        self.is_quiet = !self.is_quiet;
        self.answer(match self.is_quiet {
            true => "who comes and goes is hidden now; /quiet again shows it",
            false => "who comes and goes is shown again",
        });
    }
}
