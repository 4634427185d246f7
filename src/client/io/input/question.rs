//! A question that comes up while a line is typed. Its words replace the prompt and must be as wide, because the line editor
//! has already measured the prompt.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest that fits is used.
const WORDS: [&str; 4] = ["another nick: ", "your nick: ", "nick: ", "? "];

/// Whether the user is asked for another nick: set by the shell, drawn by the input thread.
#[derive(Debug, Clone, Default)]
pub struct Question {
    is_asked: Arc<AtomicBool>,
}

impl Question {
    pub fn ask(&self, is_asked: bool) {
        self.is_asked.store(is_asked, Ordering::Relaxed);
    }

    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// What to show in place of this prompt while it is asked.
    pub fn instead_of(prompt: &str) -> Cow<'_, str> {
        let width = prompt.chars().count();
        match WORDS.iter().find(|words| words.len() <= width) {
            Some(words) => Cow::Owned(format!("{words:<width$}")),
            None => Cow::Borrowed(prompt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_wide_as_what_it_replaces() {
        for (prompt, shown) in [
            ("#lobby> ", "nick:   "),
            ("#a> ", "?   "),
            ("#a-very-long-room> ", "another nick:      "),
            ("another nick: ", "another nick: "),
        ] {
            assert_eq!(Question::instead_of(prompt), shown);
        }
    }
}
