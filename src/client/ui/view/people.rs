//! Lines for people at a terminal: coloured, wrapped, and distinguishable without colours.
//!
//! ```text
//! 20:30 bob: a message                 20:30 > alice: the reader's own 20:30 ! bob: mentions the reader
//! 20:30 #dev bob: in one of many rooms 20:30 * bob does something      20:30 @ bob → alice: a direct message
//! -- a notice                          !! something is wrong
//! ```

use super::View;
use super::alert::mentions;
use super::colours::{Ink, of_nick, paint};
use super::words::{is_wanted, notice, wrong};
use super::wrap::wrap;
use crate::client::core::news::{News, Place, Said};
use crate::protocol::{Found, SearchResult, text};
use chrono::{DateTime, FixedOffset};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// The indent of a message after a long nick: under the end of the time.
const INDENT: usize = 6;

/// The longest label.
const LABEL: usize = 17;

/// The beginning of a line.
#[derive(Default)]
struct Head {
    painted: String,
    width: usize,
}

impl View {
    pub(super) fn for_people(&self, now: DateTime<FixedOffset>, news: &News) -> Option<String> {
        if let News::Said(said) = news {
            return Some(self.said(now, said));
        }
        if let Some(text) = wrong(news) {
            return Some(self.marked(Ink::Error, "!! ", &text));
        }
        if let News::Found(result) = news {
            return Some(self.found(result));
        }
        notice(news).filter(|_| !self.quiet || is_wanted(news)).map(|text| self.notice(&text))
    }

    /// `-- text`.
    pub fn notice(&self, text: &str) -> String {
        self.marked(Ink::Aside, "-- ", text)
    }

    /// `20:30 -- text`.
    pub fn notice_at(&self, now: DateTime<FixedOffset>, text: &str) -> String {
        self.marked(Ink::Aside, &(self.zone)(now).format("%H:%M -- ").to_string(), text)
    }

    fn marked(&self, part: Ink, mark: &str, text: &str) -> String {
        let indent = mark.len() + label(text);
        let wrapped = wrap(&text::calm(text), mark.len(), indent, self.reader.columns);
        self.paint(part, &format!("{mark}{wrapped}"))
    }

    /// Whether somebody else mentions the reader in a room.
    pub fn is_mention(&self, said: &Said) -> bool {
        let is_by_another = !said.own && said.nick.key() != self.reader.nick.key();
        is_by_another && matches!(said.place, Place::Room(_)) && mentions(&said.text, &self.reader.nick)
    }

    /// Shows the date if it is not today.
    fn said(&self, now: DateTime<FixedOffset>, said: &Said) -> String {
        let at = (self.zone)(said.at);
        let is_today = at.date_naive() == (self.zone)(now).date_naive();
        let is_mention = self.is_mention(said);
        let nick = readable(said.nick.as_str());
        let (of_nick, mark) = match said {
            Said { own: true, .. } => (Ink::Own, " > "),
            _ if is_mention => (Ink::Mention, " ! "),
            _ => (of_nick(said.nick.key()), " "),
        };
        let mut head = Head::default();
        let mut add = |part: Option<Ink>, text: &str| head.add(part.filter(|_| self.color), text);
        add(Some(Ink::Aside), &at.format(if is_today { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string());
        add(None, mark);
        let colon = if said.action { "" } else { ":" };
        let text_part = match &said.place {
            Place::Direct(to) => {
                let star = if said.action { "* " } else { "" };
                let who = format!("@ {star}{nick} → {}{colon}", readable(to.as_str()));
                add(Some(Ink::Direct), &who);
                Some(Ink::Direct)
            }
            Place::Room(room) => {
                if self.reader.rooms_are_many || !room.is_lobby() {
                    add(Some(Ink::Aside), &format!("#{room} "));
                }
                add(None, if said.action { "* " } else { "" });
                add(Some(of_nick), &nick);
                add(None, colon);
                said.action.then_some(Ink::Action)
            }
        };
        add(None, " ");
        let late = if said.late { " (late)" } else { "" };
        let shown = format!("{}{late}", readable_lines(&said.text));
        let columns = self.reader.columns;
        // After a long head, only a narrow column would remain.
        let indent = if head.width <= columns / 3 { head.width } else { INDENT };
        let wrapped = wrap(&shown, head.width, indent, columns);
        head.painted
            + &match text_part {
                Some(part) => self.paint(part, &wrapped),
                None => wrapped,
            }
    }

    /// The messages found, oldest first.
    fn found(&self, result: &SearchResult) -> String {
        let line = |found: &Found| {
            let Found { room, entry } = found;
            let time = entry.at().map_or("?".to_owned(), |at| (self.zone)(at).format("%Y-%m-%d %H:%M").to_string());
            let (nick, shown) = (text::visible(entry.nick.as_str()), text::visible(&entry.text));
            match entry.action {
                true => format!("{time} #{room} * {nick} {shown}"),
                false => format!("{time} #{room} {nick}: {shown}"),
            }
        };
        let last = match result {
            SearchResult { cut: true, .. } => Some("… the search took too long; /search continues with older messages"),
            SearchResult { complete: false, .. } => Some("… older messages: /search"),
            SearchResult { messages, .. } if messages.is_empty() => Some("nothing found"),
            _ => None,
        };
        let lines = result.messages.iter().rev().map(line).chain(last.map(str::to_owned));
        lines.map(|line| self.notice(&line)).collect::<Vec<_>>().join("\n")
    }

    fn paint(&self, part: Ink, text: &str) -> String {
        if self.color { paint(part, text) } else { text.to_owned() }
    }
}

impl Head {
    fn add(&mut self, part: Option<Ink>, text: &str) {
        self.width += text.width();
        match part {
            Some(part) => self.painted.push_str(&paint(part, text)),
            None => self.painted.push_str(text),
        }
    }
}

/// The width of a label at the beginning of a text, as in a list: `broker       localhost`, `/part [ROOM]  leave it`.
fn label(text: &str) -> usize {
    let is_of_label = |c: char| c.is_alphanumeric() || " /[]".contains(c);
    match text.split_once("  ") {
        Some((label, rest)) if label.len() <= LABEL && label.chars().all(is_of_label) => {
            text.len() - rest.trim_start_matches(' ').len()
        }
        _ => 0,
    }
}

fn readable(name: &str) -> String {
    text::calm(&text::visible(name)).into_owned()
}

fn readable_lines(text: &str) -> String {
    // Keeps the look of pasted code.
    let text = if text.contains('\t') { Cow::Owned(text.replace('\t', "    ")) } else { Cow::Borrowed(text) };
    text::calm(&text::visible_lines(&text)).into_owned()
}
