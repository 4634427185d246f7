//! What comes in line by line, in a session's words: typed text, a program's orders, texts that are sent literally.

use super::json;
use super::typing::{Typed, recalled_later};
use crate::client::core::news::News;
use crate::client::core::session::{Mode, SessionEvent};
use signal_hook::consts::SIGINT;

/// What a line means in this mode.
pub fn events(mode: Mode, typed: Typed) -> Vec<SessionEvent> {
    let recallable = if mode == Mode::Chat { recalled_later(&typed).map(SessionEvent::Recallable) } else { None };
    let event = match (typed, mode) {
        (Typed::Piped(line), _) if line.trim().is_empty() => None,
        (Typed::Piped(line), Mode::Json) => Some(match json::parse(&line) {
            Ok((command, reference)) => SessionEvent::Ordered(command, reference),
            Err((text, reference)) => SessionEvent::Noticed(News::Error { text, reference }),
        }),
        (Typed::Piped(line), _) => Some(SessionEvent::Texts(vec![line])),
        (Typed::Line(line), _) => Some(SessionEvent::Typed(line)),
        (Typed::Text(text), _) => Some(SessionEvent::Texts(vec![text])),
        (Typed::Lines(lines), _) => Some(SessionEvent::Texts(lines)),
        (Typed::Interrupt, _) => Some(SessionEvent::Signal(SIGINT)),
        (Typed::TooLong | Typed::End, Mode::Chat) => Some(SessionEvent::Quit),
        (Typed::TooLong, _) => {
            Some(SessionEvent::Noticed(News::Error { text: "the line is too long".to_owned(), reference: None }))
        }
        (Typed::End, _) => Some(SessionEvent::InputEnded),
    };
    recallable.into_iter().chain(event).collect()
}
