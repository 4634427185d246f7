//! What a person at a terminal needs to type the next line: the prompt, earlier lines, and names to complete.

use super::{Prompt, SessionEffect};
use crate::client::core::conversation::Conversation;
use std::time::{Duration, Instant};

/// The least time between two updates of the names to complete: as fast as anybody types.
const NAMES: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Typist {
    /// Earlier lines that the line editor does not have yet.
    earlier: Option<Vec<String>>,
    /// The person is asked for another nick.
    is_asked_for_a_nick: bool,
    /// When names to complete were last offered.
    names_offered: Instant,
}

impl Typist {
    /// `earlier`: the lines typed in earlier runs.
    pub fn new(now: Instant, earlier: Vec<String>) -> Typist {
        Typist { earlier: Some(earlier), is_asked_for_a_nick: false, names_offered: now }
    }

    /// The nick has changed; these lines were typed under it.
    pub fn recall(&mut self, earlier: Vec<String>) {
        self.earlier = Some(earlier);
    }

    pub fn ask_for_a_nick(&mut self, asks: bool) -> Option<SessionEffect> {
        let was_asked = std::mem::replace(&mut self.is_asked_for_a_nick, asks);
        (was_asked != asks).then_some(SessionEffect::AskForNick(asks))
    }

    /// When to offer new names, if there are any.
    pub fn due(&self, conversation: &Conversation) -> Option<Instant> {
        conversation.has_new_names().then(|| self.names_offered + NAMES)
    }

    /// Offers new names, but not with each message of a burst. `is_next`: the next line is read.
    pub fn look(&mut self, now: Instant, conversation: &mut Conversation, is_next: bool, out: &mut Vec<SessionEffect>) {
        if self.due(conversation).is_some_and(|due| now >= due)
            && let Some(names) = conversation.new_names()
        {
            self.names_offered = now;
            out.push(SessionEffect::Complete(names));
        }
        if is_next {
            out.push(SessionEffect::Prompt(Prompt { text: conversation.prompt(), earlier: self.earlier.take() }));
        }
    }
}
