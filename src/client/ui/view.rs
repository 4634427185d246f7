//! Pure: [`News`] → a line to print. On a terminal `reading` calls it, elsewhere the shell; they give the line to the
//! screen. Everything that came from others passes through `text::visible` here, so that it drives no terminal.

pub mod alert;
mod colours;
mod people;
#[cfg(test)]
mod tests;
mod words;
mod wrap;

use super::json;
use crate::client::core::news::{News, Place, Said};
use crate::protocol::{Nick, RoomName, text};
use chrono::{DateTime, FixedOffset};
use words::{is_wanted, notice, wrong};

/// How news is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal; everything to standard output.
    Terminal,
    /// A message a line on standard output, the rest on standard error.
    Lines,
    /// An event a line on standard output.
    Json,
    /// Only what is wrong, on standard error.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub stream: Stream,
    /// Without a line end; in `Format::Terminal` it may hold several lines.
    pub text: String,
}

pub struct View {
    pub format: Format,
    pub color: bool,
    /// Tell only messages and what is wrong.
    pub quiet: bool,
    /// Turns a time into the reader's.
    pub zone: fn(DateTime<FixedOffset>) -> DateTime<FixedOffset>,
    /// For people only.
    pub reader: Reader,
}

/// Who reads, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Who is mentioned where this nick is.
    pub nick: Nick,
    /// Where they talk.
    pub here: RoomName,
    /// They are in more rooms than the lobby: messages carry their room.
    pub rooms_are_many: bool,
    /// Of the terminal.
    pub columns: usize,
}

impl Line {
    pub fn out(text: String) -> Line {
        Line { stream: Stream::Out, text }
    }
}

impl View {
    /// `None`: nothing to print in this format. `now`: a message of another day carries its date.
    pub fn line(&self, now: DateTime<FixedOffset>, news: &News) -> Option<Line> {
        match self.format {
            Format::Json => json::event(news).map(Line::out),
            Format::Terminal => self.for_people(now, news).map(Line::out),
            Format::Lines => match news {
                News::Said(said) => Some(Line::out(self.log_line(said))),
                _ => self.for_log(news).map(|text| Line { stream: Stream::Err, text }),
            },
            Format::Silent => wrong(news).map(|text| Line { stream: Stream::Err, text: format!("mqttchat: {text}") }),
        }
    }

    fn for_log(&self, news: &News) -> Option<String> {
        match wrong(news) {
            Some(text) => Some(format!("mqttchat: {text}")),
            None if matches!(news, News::Unread { .. }) => None,
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
        match said.action {
            true => format!("{time} {place} * {nick} {shown}"),
            false => format!("{time} {place} {nick}: {shown}"),
        }
    }
}
