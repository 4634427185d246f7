//! [`News`] → a line to print. Text from others passes through `text::visible` here, so that it cannot control the
//! terminal.

pub mod alert;
mod colours;
mod people;
#[cfg(test)]
mod tests;
mod words;
mod wrap;

use super::json;
use crate::client::core::conversation::Conversation;
use crate::client::core::news::{News, Place, Said};
use crate::client::core::session::Mode;
use crate::protocol::{Nick, RoomName, text};
use chrono::{DateTime, FixedOffset};
use serde_json::Value;
use std::fmt::Display;
use words::{is_wanted, notice, wrong};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub stream: Stream,
    /// Without a line end; at a terminal it may hold several lines.
    pub text: String,
}

pub struct View {
    /// Decides how news is printed. At a terminal everything goes to standard output. A listener prints one message per
    /// line on standard output and the rest on standard error; a JSON program gets one event per line on standard output;
    /// the others print only errors, on standard error.
    pub mode: Mode,
    pub color: bool,
    /// Print only messages and errors.
    pub quiet: bool,
    /// Converts a time to the reader's zone.
    pub zone: fn(DateTime<FixedOffset>) -> DateTime<FixedOffset>,
    /// For people only.
    pub reader: Reader,
}

/// The reader and the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// A message with this nick mentions the reader.
    pub nick: Nick,
    /// The current room.
    pub here: RoomName,
    /// The reader is in more rooms than the lobby, so messages show their room.
    pub rooms_are_many: bool,
    /// The terminal's width.
    pub columns: usize,
}

impl Reader {
    pub fn of(conversation: &Conversation, columns: usize) -> Reader {
        Reader {
            nick: conversation.nick().clone(),
            here: conversation.here().clone(),
            rooms_are_many: conversation.is_in_rooms(),
            columns,
        }
    }
}

impl Line {
    pub fn out(text: String) -> Line {
        Line { stream: Stream::Out, text }
    }

    fn error(text: impl Display) -> Line {
        Line { stream: Stream::Err, text: format!("mqttchat: {text}") }
    }
}

impl View {
    /// `None`: nothing to print in this format. A message of another day than `now` shows its
    /// date; for a program, an answer has the `ref` of its command.
    pub fn line(&self, now: DateTime<FixedOffset>, news: &News, reference: Option<&Value>) -> Option<Line> {
        match self.mode {
            Mode::Json => json::event(news, reference).map(Line::out),
            Mode::Chat => self.for_people(now, news).map(Line::out),
            Mode::Listen => match news {
                News::Said(said) => Some(Line::out(self.log_line(said))),
                _ => self.for_log(news).map(|text| Line { stream: Stream::Err, text }),
            },
            Mode::Sender | Mode::Embedded => wrong(news).map(Line::error),
        }
    }

    /// A final error, for a program as an event, too.
    pub fn complaint(&self, text: &str) -> Vec<Line> {
        let text = text::visible(text);
        let event = match self.mode {
            Mode::Json => json::event(&News::Error(text.to_string()), None),
            _ => None,
        };
        event.map(Line::out).into_iter().chain([Line::error(text)]).collect()
    }

    fn for_log(&self, news: &News) -> Option<String> {
        match wrong(news) {
            Some(text) => Some(format!("mqttchat: {text}")),
            None if matches!(news, News::Unread(_)) => None,
            None => notice(news).filter(|_| !self.quiet || is_wanted(news)),
        }
    }

    /// `2026-11-22T20:30:00+01:00 #room nick: text`.
    fn log_line(&self, said: &Said) -> String {
        let time = (self.zone)(said.at).format("%Y-%m-%dT%H:%M:%S%:z");
        let nick = text::visible(said.nick.as_str());
        let shown = text::visible(&said.text);
        let place = match &said.place {
            Place::Room(room) => format!("#{room}"),
            Place::Direct(to) => format!("@{}", text::visible(to.as_str())),
        };
        if said.action { format!("{time} {place} * {nick} {shown}") } else { format!("{time} {place} {nick}: {shown}") }
    }
}
