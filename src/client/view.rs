//! Pure: [`News`] → a line to print. The shell calls it and gives the line to the screen. Everything that came from
//! others passes through `text::visible` here, so that it drives no terminal.

use super::json;
use super::news::{News, Obstacle, Place, Said};
use crate::protocol::{Found, Notice, NoticeKind, SearchResult, Timestamp, text};
use chrono::{DateTime, FixedOffset};
use std::time::Duration;

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

/// What went wrong, if the news is that.
fn wrong(news: &News) -> Option<String> {
    match news {
        News::Error { text, .. } => Some(text::visible(text).into_owned()),
        News::Refused { error, .. } => Some(format!("the chat server refuses: {}", text::visible(&error.message))),
        _ => None,
    }
}

/// It is told even to those who want it quiet: they have asked for it, or would take what they see for all there is.
fn is_wanted(news: &News) -> bool {
    let is_answer = matches!(
        news,
        News::Users { .. } | News::Rooms { .. } | News::BrokerRoundTrip(_) | News::ServerRoundTrip { .. }
    );
    is_answer || matches!(news, News::Gap { .. } | News::Waiting { .. })
}

/// Everything that is neither a message nor an error, in words.
fn notice(news: &News) -> Option<String> {
    Some(match news {
        News::Presence(notice) => presence(notice),
        News::Users { list, .. } => {
            let count = list.count.unwrap_or(list.users.len() as u64);
            let names: Vec<_> = list.users.iter().map(|nick| text::visible(nick.as_str())).collect();
            let more = if list.truncated { ", …" } else { "" };
            format!("{count} online: {}{more}", names.join(", "))
        }
        News::Rooms { list, .. } if list.rooms.is_empty() => "there are no rooms yet; /join ROOM makes one".to_owned(),
        News::Rooms { list, .. } => {
            let rooms = list.rooms.iter();
            let rooms =
                rooms.map(|room| format!("#{} ({} in it, {} messages)", room.name, room.members, room.messages));
            format!("rooms: {}", rooms.collect::<Vec<_>>().join(", "))
        }
        News::BrokerRoundTrip(time) => format!("to the broker and back: {}", milliseconds(*time)),
        News::ServerRoundTrip { time, .. } => format!("to the chat server and back: {}", milliseconds(*time)),
        News::Connected { broker, again: false } => format!("connected to {broker}"),
        News::Connected { again: true, .. } => "connected again".to_owned(),
        News::Disconnected { reason } => format!("connection lost: {}", text::visible(reason)),
        News::Reconnecting { delay } => format!("trying again in {} s", delay.as_secs_f64().ceil()),
        News::Waiting { to, .. } => format!("{} is away, and gets it when back", text::visible(to.as_str())),
        News::Gap { room } => {
            format!("#{room}: messages are missing here; the chat server does not have them any more")
        }
        News::Unread { room } => format!("#{room}: since you left"),
        News::Delayed(obstacle) => match obstacle {
            Obstacle::Connection => "not sent yet: it goes out when the connection is back",
            Obstacle::Broker => "not sent yet: the broker has not confirmed it",
            Obstacle::Server => "not stored yet: the chat server is away, and gets it when it is back",
            Obstacle::Silence => "not stored yet: the chat server has not confirmed it",
        }
        .to_owned(),
        News::AllArrived { stored: true } => "all your messages are stored now".to_owned(),
        News::AllArrived { stored: false } => "all your messages are sent now".to_owned(),
        News::Hint(line) => text::visible(line).into_owned(),
        News::Said(_)
        | News::Page { .. }
        | News::Server(_)
        | News::Sent { .. }
        | News::Delivered { .. }
        | News::Found { .. }
        | News::Stored { .. }
        | News::Refused { .. }
        | News::Error { .. } => return None,
    })
}

fn presence(notice: &Notice) -> String {
    let count = notice.count.unwrap_or(1).try_into().unwrap_or(usize::MAX);
    let line = Notice::text(notice.kind, &notice.nick, count);
    let online = match (notice.kind, notice.online_users) {
        (NoticeKind::Join, Some(online)) => format!(" ({online} online)"),
        _ => String::new(),
    };
    text::visible(&line).into_owned() + &online
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ErrorCode, ErrorReply, Nick, OnlineUsers, RoomName};

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
    fn colours_only_where_wanted() {
        let own = News::Said(Said { own: true, ..said() });
        let line = view(Format::Terminal, true).line(at("2026-11-22T20:00:00Z"), &own).unwrap();
        assert_eq!(line.text, "\x1b[1m20:30 > alice: hi\x1b[0m");
        let line = view(Format::Lines, true).line(at("2026-11-22T20:00:00Z"), &own).unwrap();
        assert!(!line.text.contains('\x1b'));
    }
}
