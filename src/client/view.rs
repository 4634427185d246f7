//! Pure: [`News`] → a line to print. The shell calls it and gives the line to the screen. Everything that came from
//! others passes through `text::visible` here, so that it drives no terminal.

mod words;

use super::json;
use super::news::{News, Place, Said};
use crate::protocol::{Found, SearchResult, Timestamp, text};
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
}

/// ANSI's select graphic rendition, by what a line is.
mod style {
    pub const OWN: &str = "1";
    pub const DIRECT: &str = "35";
    pub const ACTION: &str = "3";
    pub const NOTICE: &str = "2";
    pub const ERROR: &str = "31";
}

impl View {
    /// `None`: nothing to print in this format. `now`: in the reader's zone.
    pub fn line(&self, now: DateTime<FixedOffset>, news: &News) -> Option<Line> {
        match self.format {
            Format::Json => json::event(news).map(|text| Line { stream: Stream::Out, text }),
            Format::Terminal => self.for_people(now, news).map(|text| Line { stream: Stream::Out, text }),
            Format::Lines => match news {
                News::Said(said) => Some(Line { stream: Stream::Out, text: self.log_line(said) }),
                _ => self.for_log(news).map(|text| Line { stream: Stream::Err, text }),
            },
            Format::Silent => wrong(news).map(|text| Line { stream: Stream::Err, text: format!("mqttchat: {text}") }),
        }
    }

    fn for_people(&self, now: DateTime<FixedOffset>, news: &News) -> Option<String> {
        if let News::Said(said) = news {
            return Some(self.said(now, said));
        }
        if let Some(text) = wrong(news) {
            return Some(self.paint(style::ERROR, format!("!! {text}")));
        }
        if let News::Found { result, .. } = news {
            return Some(self.found(result));
        }
        let text = notice(news).filter(|_| !self.quiet || is_wanted(news))?;
        let time = match news {
            News::Presence(_) => (self.zone)(now).format("%H:%M ").to_string(),
            _ => String::new(),
        };
        Some(self.paint(style::NOTICE, format!("{time}-- {text}")))
    }

    fn for_log(&self, news: &News) -> Option<String> {
        match wrong(news) {
            Some(text) => Some(format!("mqttchat: {text}")),
            None if matches!(news, News::Unread { .. }) => None,
            None => notice(news).filter(|_| !self.quiet || is_wanted(news)),
        }
    }

    /// `20:30 alice: hi`, with the date where it is not today's; `>` marks one's own.
    fn said(&self, now: DateTime<FixedOffset>, said: &Said) -> String {
        let at = (self.zone)(said.at);
        let is_today = at.date_naive() == (self.zone)(now).date_naive();
        let time = at.format(if is_today { "%H:%M" } else { "%Y-%m-%d %H:%M" });
        let own = if said.own { "> " } else { "" };
        let nick = text::visible(said.nick.as_str());
        let shown = text::visible_lines(&said.text).replace('\n', "\n      ");
        let late = if said.late { " (late)" } else { "" };
        let (place, who) = match &said.place {
            Place::Room(room) if room.is_lobby() => (String::new(), nick.into_owned()),
            Place::Room(room) => (format!("#{room} "), nick.into_owned()),
            Place::Direct(to) => ("@ ".to_owned(), format!("{nick} → {}", text::visible(to.as_str()))),
        };
        let line = match said.action {
            true => format!("{time} {own}{place}* {who} {shown}{late}"),
            false => format!("{time} {own}{place}{who}: {shown}{late}"),
        };
        match said {
            Said { place: Place::Direct(_), .. } => self.paint(style::DIRECT, line),
            Said { action: true, .. } => self.paint(style::ACTION, line),
            Said { own: true, .. } => self.paint(style::OWN, line),
            _ => line,
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

    /// What was found, the newest first, so that what is older can follow below.
    fn found(&self, result: &SearchResult) -> String {
        let line = |found: &Found| {
            let Found { room, entry } = found;
            let told = entry.timestamp.as_ref().and_then(Timestamp::at);
            // An original's time names no zone: the server's is told then.
            let at = told.or_else(|| entry.received.as_ref().and_then(Timestamp::at));
            let time = at.map_or("?".to_owned(), |at| (self.zone)(at).format("%Y-%m-%d %H:%M").to_string());
            let (nick, shown) = (text::visible(entry.nick.as_str()), text::visible(&entry.text));
            match entry.action {
                true => format!("-- {time} #{room} * {nick} {shown}"),
                false => format!("-- {time} #{room} {nick}: {shown}"),
            }
        };
        let last = match result {
            SearchResult { cut: true, .. } => {
                Some("… the search took too long for what is older: /search goes on there")
            }
            SearchResult { complete: false, .. } => Some("… more: /search"),
            SearchResult { messages, .. } if messages.is_empty() => Some("nothing found"),
            _ => None,
        };
        let lines = result.messages.iter().map(line).chain(last.map(|last| format!("-- {last}")));
        self.paint(style::NOTICE, lines.collect::<Vec<_>>().join("\n"))
    }

    fn paint(&self, style: &str, text: String) -> String {
        if self.color { format!("\x1b[{style}m{text}\x1b[0m") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Cursor, Entry, ErrorCode, ErrorReply, MessageId, Nick, OnlineUsers, RoomName};
    use std::time::Duration;

    fn at(text: &str) -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339(text).unwrap()
    }

    fn view(format: Format, color: bool) -> View {
        View { format, color, quiet: false, zone: |at| at.with_timezone(&FixedOffset::east_opt(3_600).unwrap()) }
    }

    fn said() -> Said {
        Said {
            nick: Nick::parse("alice").unwrap(),
            place: Place::Room(RoomName::lobby()),
            text: "hi".to_owned(),
            timestamp: None,
            at: at("2026-11-22T19:30:00Z"),
            id: None,
            action: false,
            late: false,
            own: false,
            history: false,
            pos: None,
            reference: None,
        }
    }

    fn dev() -> Place {
        Place::Room(RoomName::parse("dev").unwrap())
    }

    fn bob() -> Place {
        Place::Direct(Nick::parse("bob").unwrap())
    }

    #[track_caller]
    fn check(format: Format, news: News, expected: Option<&str>) {
        let line = view(format, false).line(at("2026-11-22T20:00:00Z"), &news);
        assert_eq!(line.map(|line| line.text).as_deref(), expected);
    }

    #[track_caller]
    fn check_said(said: Said, terminal: &str, log: &str) {
        check(Format::Terminal, News::Said(said.clone()), Some(terminal));
        check(Format::Lines, News::Said(said), Some(log));
    }

    #[test]
    fn messages() {
        const LOG: &str = "2026-11-22T20:30:00+01:00";
        check_said(said(), "20:30 alice: hi", &format!("{LOG} #lobby alice: hi"));
        check_said(Said { own: true, ..said() }, "20:30 > alice: hi", &format!("{LOG} #lobby alice: hi"));
        check_said(Said { place: dev(), ..said() }, "20:30 #dev alice: hi", &format!("{LOG} #dev alice: hi"));
        check_said(Said { action: true, ..said() }, "20:30 * alice hi", &format!("{LOG} #lobby * alice hi"));
        check_said(Said { place: bob(), ..said() }, "20:30 @ alice → bob: hi", &format!("{LOG} @bob alice: hi"));
        check_said(Said { late: true, ..said() }, "20:30 alice: hi (late)", &format!("{LOG} #lobby alice: hi"));
        let two = Said { text: "a\nb".to_owned(), ..said() };
        check_said(two, "20:30 alice: a\n      b", &format!("{LOG} #lobby alice: a\\nb"));
        let old = Said { at: at("2026-11-21T23:30:00Z"), ..said() };
        check_said(old, "00:30 alice: hi", "2026-11-22T00:30:00+01:00 #lobby alice: hi");
        let older = Said { at: at("2026-11-20T12:00:00Z"), ..said() };
        check_said(older, "2026-11-20 13:00 alice: hi", "2026-11-20T13:00:00+01:00 #lobby alice: hi");
    }

    #[test]
    fn nothing_drives_the_terminal() {
        let hostile = Said { text: "\x1b]0;x\x07\u{202e}\r\u{9b}2J".to_owned(), ..said() };
        let shown = r"\x1b]0;x\x07\u{202e}\r\x9b2J";
        check_said(
            hostile,
            &format!("20:30 alice: {shown}"),
            &format!("2026-11-22T20:30:00+01:00 #lobby alice: {shown}"),
        );
        let reason = "\x1b[2J".to_owned();
        check(Format::Terminal, News::Disconnected { reason: reason.clone() }, Some(r"-- connection lost: \x1b[2J"));
        check(Format::Terminal, News::Error { text: reason.clone(), reference: None }, Some(r"!! \x1b[2J"));
        let error = ErrorReply { code: ErrorCode::BadNick, message: reason, session: None, request: None, of: None };
        check(
            Format::Lines,
            News::Refused { error, reference: None },
            Some(r"mqttchat: the chat server refuses: \x1b[2J"),
        );
    }

    #[test]
    fn notices() {
        let list = OnlineUsers {
            users: vec![Nick::parse("alice").unwrap(), Nick::parse("bob").unwrap()],
            count: Some(2),
            timestamp: None,
            request: None,
            truncated: false,
        };
        check(Format::Terminal, News::Users { list, reference: None }, Some("-- 2 online: alice, bob"));
        check(
            Format::Terminal,
            News::Reconnecting { delay: Duration::from_millis(700) },
            Some("-- trying again in 1 s"),
        );
        check(Format::Silent, News::Hint("x".to_owned()), None);
        check(Format::Silent, News::Error { text: "x".to_owned(), reference: None }, Some("mqttchat: x"));
    }

    #[test]
    fn what_became_of_messages() {
        let id = || MessageId::parse("k3v9x2m1q8f0-1").unwrap();
        let waiting = News::Waiting { id: id(), to: Nick::parse("bob").unwrap(), reference: None };
        check(Format::Terminal, waiting.clone(), Some("-- bob is away, and gets it when back"));
        check(Format::Silent, waiting, None);
        check(Format::Terminal, News::Delivered { id: id(), reference: None }, None);
        for (stored, others_failed, text) in [
            (true, false, "-- all your messages are stored now"),
            (true, true, "-- all your other messages are stored now"),
            (false, false, "-- all your messages are sent now"),
        ] {
            check(Format::Terminal, News::AllArrived { stored, others_failed }, Some(text));
        }
        let unread = News::Unread { room: RoomName::lobby() };
        check(Format::Terminal, unread.clone(), Some("-- #lobby: since you left"));
        check(Format::Lines, unread.clone(), None);
        check(Format::Json, unread, None);
        let gap = News::Gap { room: RoomName::lobby() };
        let text = "#lobby: messages are missing here; the chat server does not have them any more";
        check(Format::Terminal, gap.clone(), Some(&format!("-- {text}")));
        check(Format::Lines, gap.clone(), Some(text));
        check(Format::Json, gap, Some(r#"{"event":"gap","room":"lobby"}"#));
    }

    #[test]
    fn what_was_found() {
        let entry = |text: &str, timestamp: &str| Entry {
            nick: Nick::parse("bob").unwrap(),
            text: text.to_owned(),
            timestamp: Timestamp::parse(timestamp),
            action: false,
            late: false,
            id: None,
            pos: None,
            received: Timestamp::parse("2026-11-22T19:30:05Z"),
        };
        let found = |text, timestamp| Found { room: RoomName::lobby(), entry: entry(text, timestamp) };
        let result = |messages, complete, cut| News::Found {
            result: SearchResult {
                messages,
                timestamp: None,
                request: None,
                complete,
                next: Cursor::parse("rkrxc5f0sqnm:3").filter(|_| !complete),
                cut,
            },
            reference: None,
        };
        let two = || vec![found("new\nline", "2026-11-22T19:30:00Z"), found("\x1b", "2026-11-22T20:11:34.506")];
        let lines = "-- 2026-11-22 20:30 #lobby bob: new\\nline\n-- 2026-11-22 20:30 #lobby bob: \\x1b";
        check(Format::Terminal, result(two(), true, false), Some(lines));
        check(Format::Terminal, result(two(), false, false), Some(&format!("{lines}\n-- … more: /search")));
        let cut = "-- … the search took too long for what is older: /search goes on there";
        check(Format::Terminal, result(Vec::new(), false, true), Some(cut));
        check(Format::Terminal, result(Vec::new(), true, false), Some("-- nothing found"));
        let json = r#"{"event":"search_result","complete":false,"messages":[],"next":"rkrxc5f0sqnm:3"}"#;
        check(Format::Json, result(Vec::new(), false, false), Some(json));
    }

    #[test]
    fn colours_only_where_wanted() {
        let own = News::Said(Said { own: true, ..said() });
        let line = view(Format::Terminal, true).line(at("2026-11-22T20:00:00Z"), &own).unwrap();
        assert_eq!(line.text, "\x1b[1m20:30 > alice: hi\x1b[0m");
        let line = view(Format::Lines, true).line(at("2026-11-22T20:00:00Z"), &own).unwrap();
        assert!(!line.text.contains('\x1b'));
    }
}
