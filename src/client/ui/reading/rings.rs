//! Pure: what makes the terminal ring, and how often.

use crate::client::core::news::{Place, Said};
use crate::client::ui::view::View;
use crate::client::ui::view::alert::Notify;
use crate::options::Bell;
use std::time::{Duration, Instant};

/// Between two: a ring is a ring, and one that does not end is none.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Rings {
    bell: Bell,
    notify: Option<Notify>,
    rest_until: Option<Instant>,
}

impl Rings {
    pub fn new(bell: Bell, notify: Option<Notify>) -> Rings {
        Rings { bell, notify, rest_until: None }
    }

    /// What to print before a message that has just come.
    pub fn ring(&mut self, now: Instant, said: &Said, is_mention: bool, view: &View) -> String {
        let is_ours = said.own || said.nick.key() == view.reader.nick.key();
        if is_ours || said.history || self.rest_until.is_some_and(|until| now < until) {
            return String::new();
        }
        // The least bell that rings for it.
        let least = match said.place {
            _ if is_mention => Bell::Mention,
            Place::Direct(_) => Bell::Direct,
            Place::Room(_) => Bell::All,
        };
        let mut printed = String::new();
        if self.bell >= least {
            printed.push('\x07');
        }
        // Who wants it silent may still want to see it.
        if let Some(notify) = self.notify.filter(|_| self.bell.max(Bell::Direct) >= least) {
            printed.push_str(&notify.sequence(said));
        }
        if !printed.is_empty() {
            self.rest_until = Some(now + REST);
        }
        printed
    }
}
