//! Which messages ring the terminal's bell, and how often.

use crate::client::core::news::{Place, Said};
use crate::client::ui::view::View;
use crate::client::ui::view::alert::Notify;
use crate::options::Bell;
use std::time::{Duration, Instant};

/// The shortest time between two rings.
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

    /// What to print before a new message.
    pub fn ring(&mut self, now: Instant, said: &Said, is_mention: bool, view: &View) -> String {
        let is_ours = said.own || said.nick.key() == view.reader.nick.key();
        if is_ours || said.history || self.rest_until.is_some_and(|until| now < until) {
            return String::new();
        }
        // The lowest setting that rings for it.
        let least = match said.place {
            _ if is_mention => Bell::Mention,
            Place::Direct(_) => Bell::Direct,
            Place::Room(_) => Bell::All,
        };
        let mut printed = String::new();
        if self.bell >= least {
            printed.push('\x07');
        }
        // With the bell off, a notification may still be wanted.
        if let Some(notify) = self.notify.filter(|_| self.bell.max(Bell::Direct) >= least) {
            printed.push_str(&notify.sequence(said));
        }
        if !printed.is_empty() {
            self.rest_until = Some(now + REST);
        }
        printed
    }
}
