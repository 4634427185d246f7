//! What a person sees, line by line.

use super::*;
use crate::client::core::session::Mode;
use crate::client::ui::view::Reader;
use crate::now::an_instant;
use crate::protocol::{ChatMessage, History, Nick, Notice, NoticeKind, OnlineUsers, RoomName};
use std::time::Duration;

struct Stage {
    reading: Reading<&'static str>,
    view: View,
    now: Now,
    lines: Vec<String>,
}

fn at(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).unwrap()
}

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

impl Stage {
    /// Carol reads, on a Sunday evening.
    fn new(bell: Bell) -> Stage {
        let reader = Reader { nick: nick("carol"), here: RoomName::lobby(), rooms_are_many: false, columns: 80 };
        Stage {
            reading: Reading::new(bell, None),
            view: View { mode: Mode::Chat, color: false, quiet: false, zone: |at| at, reader },
            now: Now { instant: an_instant(), wall: at("2026-11-22T20:30:00+01:00") },
            lines: Vec::new(),
        }
    }

    fn hear(&mut self, news: News) {
        let steps = self.reading.hear(self.now, &news, &self.view);
        self.take(steps);
    }

    fn take(&mut self, steps: Vec<PrintStep<&'static str>>) {
        self.lines.extend(steps.into_iter().map(|step| match step {
            PrintStep::Line(line) => line.text,
            PrintStep::Then(what) => what.to_owned(),
        }));
    }

    fn then(&mut self, what: &'static str) {
        let steps = self.reading.then(self.now, &self.view, what);
        self.take(steps);
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall += time;
        let steps = self.reading.tick(self.now, &self.view);
        self.take(steps);
    }

    fn comes(&mut self, kind: NoticeKind, name: &str) {
        self.hear(News::Presence(Notice {
            kind,
            nick: nick(name),
            message: String::new(),
            timestamp: None,
            online_users: None,
            users_list: None,
            nicks: Vec::new(),
            count: None,
        }));
    }

    /// A message that has just arrived.
    fn live(&self, name: &str, text: &str) -> Said {
        Said::live(self.now.wall, ChatMessage::new(nick(name), RoomName::lobby(), text.to_owned()))
    }

    fn says(&mut self, name: &str, text: &str) {
        let said = self.live(name, text);
        self.hear(News::Said(said));
    }

    /// A message of a page.
    fn said_then(&mut self, time: &str, text: &str, history: bool) {
        let said = Said { at: at(time), pos: Some(1), history, ..self.live("bob", text) };
        self.hear(News::Said(said));
    }

    fn page(&mut self, by_user: bool, more: bool) {
        let messages = Vec::new();
        let page = History { messages, timestamp: None, request: None, span: None };
        self.hear(News::Page { room: RoomName::lobby(), page, by_user, more });
    }

    fn users(&mut self, names: &[&str]) {
        let users = names.iter().map(|name| nick(name)).collect();
        let list = OnlineUsers { users, count: None, timestamp: None, request: None, truncated: false };
        self.hear(News::Users { list, by_user: false });
    }

    fn connected(&mut self, again: bool) {
        self.hear(News::Connected { broker: "broker:1883".to_owned(), again });
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.lines, expected);
        self.lines.clear();
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_new_day_is_a_line() {
    let mut stage = Stage::new(Bell::Never);
    stage.says("bob", "good night");
    stage.pass(4 * 3_600 * SECOND);
    stage.check(&["20:30 bob: good night"]);
    stage.says("bob", "up late");
    stage.says("bob", "again");
    stage.check(&["-- Monday, 23 November 2026", "00:30 bob: up late", "00:30 bob: again"]);
    // A wrong clock, or a message that was under way for long, makes no new day.
    let late = Said { at: at("2026-11-20T12:00:00+01:00"), late: true, ..stage.live("bob", "old") };
    stage.hear(News::Said(late));
    stage.says("bob", "new");
    stage.check(&["2026-11-20 12:00 bob: old (late)", "00:30 bob: new"]);
}

#[test]
fn earlier_messages_are_set_off() {
    let mut stage = Stage::new(Bell::All);
    stage.connected(false);
    stage.said_then("2026-11-21T12:00:00+01:00", "older", true);
    // Another one of bob's overtook the page.
    let said = stage.live("bob", "old");
    stage.hear(News::Said(Said { history: true, late: true, at: at("2026-11-22T12:00:00+01:00"), ..said }));
    stage.page(false, false);
    stage.check(&[
        "-- connected to broker:1883",
        "-- #lobby: before you came",
        "-- Saturday, 21 November 2026",
        "12:00 bob: older",
        "-- Sunday, 22 November 2026",
        "12:00 bob: old",
        "-- #lobby: now",
    ]);
    stage.said_then("2026-11-21T12:00:00+01:00", "older", true);
    stage.page(true, false);
    stage.says("bob", "new");
    stage.check(&[
        "-- #lobby: the last messages",
        "-- Saturday, 21 November 2026",
        "12:00 bob: older",
        "-- #lobby: now",
        "-- Sunday, 22 November 2026",
        "\x0720:30 bob: new",
    ]);
    stage.page(false, false);
    stage.check(&[]);
    stage.page(true, false);
    stage.check(&["-- #lobby: no messages yet"]);
}

#[test]
fn all_missed_messages_are_shown() {
    let mut stage = Stage::new(Bell::Mention);
    stage.connected(false);
    stage.hear(News::Unread(RoomName::lobby()));
    stage.lines.clear();
    for number in 0..600 {
        stage.said_then("2026-11-22T12:00:00+01:00", &format!("carol {number}"), false);
        if number % 200 == 199 {
            stage.page(false, number < 500);
        }
    }
    assert_eq!(stage.lines.len(), 601);
    assert_eq!(stage.lines.pop().unwrap(), "-- #lobby: now");
    assert!(stage.lines.iter().all(|line| line.starts_with("12:00 ! bob: carol")), "whoever starts it sits there");
    // After an outage, perhaps nobody is looking.
    stage.lines.clear();
    stage.connected(true);
    stage.said_then("2026-11-22T12:00:00+01:00", "carol?", false);
    stage.page(false, false);
    stage.check(&["-- connected again", "-- #lobby: missed meanwhile", "\x0712:00 ! bob: carol?", "-- #lobby: now"]);
}

#[test]
fn joins_and_leaves_are_gathered() {
    let mut stage = Stage::new(Bell::Never);
    stage.users(&["bob", "carol"]);
    stage.lines.clear();
    stage.comes(NoticeKind::Join, "alice");
    stage.comes(NoticeKind::Leave, "bob");
    assert_eq!(stage.reading.due(), Some(stage.now.instant + 3 * SECOND));
    stage.says("dave", "hi");
    stage.check(&["20:30 dave: hi"]);
    stage.pass(3 * SECOND);
    stage.check(&["20:30 -- + alice  − bob"]);
    assert_eq!(stage.reading.due(), None);
    // Nobody speaks before joining.
    stage.comes(NoticeKind::Join, "eve");
    stage.says("Eve", "hi");
    stage.check(&["20:30 -- + eve", "20:30 Eve: hi"]);
    stage.comes(NoticeKind::Leave, "eve");
    stage.hear(News::Answer("1 online: carol".to_owned()));
    stage.check(&["20:30 -- − eve", "-- 1 online: carol"]);
    stage.view.quiet = true;
    stage.comes(NoticeKind::Join, "eve");
    stage.pass(4 * SECOND);
    stage.check(&[]);
}

#[test]
fn earlier_joins_are_in_the_first_list() {
    let mut stage = Stage::new(Bell::Never);
    stage.comes(NoticeKind::Join, "alice");
    stage.hear(News::Hint("you are carol".to_owned()));
    stage.users(&["alice", "carol"]);
    stage.pass(4 * SECOND);
    stage.check(&["-- you are carol", "-- 2 online: alice, carol"]);
    stage.comes(NoticeKind::Join, "bob");
    stage.users(&["alice", "bob", "carol"]);
    stage.check(&["20:30 -- + bob", "-- 3 online: alice, bob, carol"]);
}

#[test]
fn a_burst_is_left_out_where_somebody_keeps_it() {
    let mut stage = Stage::new(Bell::Never);
    stage.connected(false);
    for number in 0..100 {
        stage.says("bob", &format!("{number}"));
    }
    assert_eq!(stage.lines.len(), 101, "nobody keeps them");
    stage.page(false, false);
    stage.lines.clear();
    for number in 0..462 {
        stage.says("bob", &format!("{number}"));
    }
    assert_eq!(stage.lines.split_off(50), [] as [String; 0]);
    stage.lines.clear();
    stage.says("bob", "Carol?");
    stage.hear(News::Said(Said { place: Place::Direct(nick("carol")), ..stage.live("bob", "psst") }));
    stage.hear(News::Said(Said { own: true, ..stage.live("carol", "stop") }));
    // The number comes before the next message that is shown.
    stage.check(&[
        "-- … 412 messages, /history 412 to read",
        "20:30 ! bob: Carol?",
        "20:30 @ bob → carol: psst",
        "20:30 > carol: stop",
    ]);
    stage.pass(SECOND);
    stage.says("bob", "more");
    stage.now.instant += 2 * SECOND;
    stage.says("bob", "over");
    stage.check(&["-- … 1 message, /history 415 to read", "20:30 bob: over"]);
}

/// A burst of which the first 50 messages were shown.
fn burst() -> Stage {
    let mut stage = Stage::new(Bell::Never);
    stage.connected(false);
    stage.page(false, false);
    (0..60).for_each(|number| stage.says("bob", &format!("{number}")));
    stage.lines.clear();
    stage
}

/// A client that is killed shows again, in its next run, what was neither shown nor counted.
#[test]
fn what_is_left_out_is_not_remembered_before_it_is_counted() {
    let mut stage = burst();
    // What was shown is remembered soon.
    stage.then("[remember]");
    stage.check(&["-- … 10 messages, /history 10 to read", "[remember]"]);
    // If nothing was shown since, the number may take a while.
    stage.says("bob", "60");
    stage.then("[remember more]");
    stage.says("bob", "61");
    stage.check(&[]);
    stage.pass(3 * SECOND);
    stage.check(&["-- … 2 messages, /history 12 to read", "[remember more]"]);
    stage.then("[at once]");
    stage.check(&["[at once]"]);
}

#[test]
fn what_is_shown_meanwhile_is_remembered_soon() {
    let mut stage = burst();
    stage.then("[remember]");
    stage.says("bob", "60");
    stage.then("[remember more]");
    stage.lines.clear();
    stage.hear(News::Said(Said { place: Place::Direct(nick("carol")), ..stage.live("dave", "psst") }));
    stage.check(&["20:30 @ dave → carol: psst", "-- … 1 message, /history 11 to read", "[remember more]"]);
    // At the end of a run as well.
    stage.says("bob", "61");
    stage.then("[remember the rest]");
    let steps = stage.reading.finish(stage.now, &stage.view);
    stage.take(steps);
    stage.check(&["-- … 1 message, /history 12 to read", "[remember the rest]"]);
}

#[test]
fn past_messages_are_not_counted() {
    let mut stage = burst();
    stage.hear(News::Said(Said { history: true, ..stage.live("bob", "1") }));
    assert_eq!(stage.lines[0], "-- … 10 messages, /history 10 to read");
    stage.lines.clear();
    stage.says("bob", "60");
    stage.pass(3 * SECOND);
    stage.check(&["-- … 1 message, /history 11 to read"]);
}

#[test]
fn what_rings() {
    let ring = |bell: Bell| {
        let mut stage = Stage::new(bell);
        let mention = stage.live("bob", "carol!");
        let direct = Said { place: Place::Direct(nick("carol")), ..stage.live("bob", "psst") };
        let other = stage.live("bob", "hi");
        let own = Said { own: true, ..stage.live("carol", "carol") };
        let elsewhere = stage.live("Carol", "from another terminal");
        let past = Said { history: true, ..stage.live("bob", "carol") };
        let mut rings = String::new();
        for said in [mention, direct, other, own, elsewhere, past] {
            stage.hear(News::Said(said));
            rings.push(if stage.lines.last().unwrap().starts_with('\x07') { '!' } else { '.' });
            stage.pass(SECOND);
        }
        rings
    };
    assert_eq!(ring(Bell::Never), "......");
    assert_eq!(ring(Bell::Mention), "!.....");
    assert_eq!(ring(Bell::Direct), "!!....");
    assert_eq!(ring(Bell::All), "!!!...");
}

#[test]
fn it_rings_once_a_second() {
    let mut stage = Stage::new(Bell::All);
    for _ in 0..20 {
        stage.says("bob", "carol!");
        stage.pass(SECOND / 10);
    }
    assert_eq!(stage.lines.iter().filter(|line| line.contains('\x07')).count(), 2);
}
