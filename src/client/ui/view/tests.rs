//! What each kind of news looks like.

use super::*;
use crate::protocol::{
    ChatMessage, Cursor, Entry, ErrorCode, ErrorReply, Found, MessageId, OnlineUsers, RoomName, SearchResult, Timestamp,
};
use std::time::Duration;

fn at(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).unwrap()
}

fn view(mode: Mode, color: bool) -> View {
    let zone = |at: DateTime<FixedOffset>| at.with_timezone(&FixedOffset::east_opt(3_600).unwrap());
    let reader =
        Reader { nick: Nick::parse("carol").unwrap(), here: RoomName::lobby(), rooms_are_many: false, columns: 200 };
    View { mode, color, quiet: false, zone, reader }
}

fn said() -> Said {
    let alice = Nick::parse("alice").unwrap();
    Said::live(at("2026-11-22T19:30:00Z"), ChatMessage::new(alice, RoomName::lobby(), "hi".to_owned()))
}

fn dev() -> Place {
    Place::Room(RoomName::parse("dev").unwrap())
}

fn bob() -> Place {
    Place::Direct(Nick::parse("bob").unwrap())
}

#[track_caller]
fn check(mode: Mode, news: News, expected: Option<&str>) {
    let line = view(mode, false).line(at("2026-11-22T20:00:00Z"), &news, None);
    assert_eq!(line.map(|line| line.text).as_deref(), expected);
}

#[track_caller]
fn check_said(said: Said, terminal: &str, log: &str) {
    check(Mode::Chat, News::Said(said.clone()), Some(terminal));
    check(Mode::Listen, News::Said(said), Some(log));
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
    check_said(two, "20:30 alice: a\n             b", &format!("{LOG} #lobby alice: a\\nb"));
    let old = Said { at: at("2026-11-21T23:30:00Z"), ..said() };
    check_said(old, "00:30 alice: hi", "2026-11-22T00:30:00+01:00 #lobby alice: hi");
    let older = Said { at: at("2026-11-20T12:00:00Z"), ..said() };
    check_said(older, "2026-11-20 13:00 alice: hi", "2026-11-20T13:00:00+01:00 #lobby alice: hi");
}

#[test]
fn nothing_drives_the_terminal() {
    let hostile = Said { text: "\x1b]0;x\x07\u{202e}\r\u{9b}2J".to_owned(), ..said() };
    let shown = r"\x1b]0;x\x07\u{202e}\r\x9b2J";
    check_said(hostile, &format!("20:30 alice: {shown}"), &format!("2026-11-22T20:30:00+01:00 #lobby alice: {shown}"));
    let reason = "\x1b[2J".to_owned();
    check(Mode::Chat, News::Disconnected(reason.clone()), Some(r"-- connection lost: \x1b[2J"));
    check(Mode::Chat, News::Error(reason.clone()), Some(r"!! \x1b[2J"));
    let error = ErrorReply { code: ErrorCode::BadNick, message: reason, session: None, request: None, of: None };
    check(Mode::Listen, News::Refused(error), Some(r"mqttchat: the chat server refuses: \x1b[2J"));
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
    let users = |by_user| News::Users { list: list.clone(), by_user };
    check(Mode::Chat, users(false), Some("-- 2 online: alice, bob"));
    let quiet = View { quiet: true, ..view(Mode::Chat, false) };
    let told = |by_user| quiet.line(at("2026-11-22T20:00:00Z"), &users(by_user), None).map(|line| line.text);
    assert_eq!((told(false), told(true).as_deref()), (None, Some("-- 2 online: alice, bob")));
    check(Mode::Chat, News::Reconnecting(Duration::from_millis(700)), Some("-- trying again in 1 s"));
    check(Mode::Sender, News::Hint("x".to_owned()), None);
    check(Mode::Sender, News::Error("x".to_owned()), Some("mqttchat: x"));
}

#[test]
fn what_became_of_messages() {
    let id = || MessageId::parse("k3v9x2m1q8f0-1").unwrap();
    let waiting = News::Waiting { id: id(), to: Nick::parse("bob").unwrap() };
    check(Mode::Chat, waiting.clone(), Some("-- bob is away and will receive it on return"));
    check(Mode::Sender, waiting, None);
    check(Mode::Chat, News::Delivered(id()), None);
    for (stored, others_failed, text) in [
        (true, false, "-- all your messages are stored now"),
        (true, true, "-- all your other messages are stored now"),
        (false, false, "-- all your messages are sent now"),
    ] {
        check(Mode::Chat, News::AllArrived { stored, others_failed }, Some(text));
    }
    let unread = News::Unread(RoomName::lobby());
    check(Mode::Chat, unread.clone(), Some("-- #lobby: since you left"));
    check(Mode::Listen, unread.clone(), None);
    check(Mode::Json, unread, None);
    let gap = News::Gap(RoomName::lobby());
    let text = "#lobby: messages may be missing here";
    check(Mode::Chat, gap.clone(), Some(&format!("-- {text}")));
    check(Mode::Listen, gap.clone(), Some(text));
    check(Mode::Json, gap, Some(r#"{"event":"gap","room":"lobby"}"#));
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
    let result = |messages, complete, cut| {
        News::Found(SearchResult {
            messages,
            timestamp: None,
            request: None,
            complete,
            next: Cursor::parse("rkrxc5f0sqnm:3").filter(|_| !complete),
            cut,
        })
    };
    let two = || vec![found("new\nline", "2026-11-22T19:30:00Z"), found("\x1b", "2026-11-22T20:11:34.506")];
    let lines = "-- 2026-11-22 20:30 #lobby bob: \\x1b\n-- 2026-11-22 20:30 #lobby bob: new\\nline";
    check(Mode::Chat, result(two(), true, false), Some(lines));
    check(Mode::Chat, result(two(), false, false), Some(&format!("{lines}\n-- … older messages: /search")));
    let cut = "-- … the search took too long; /search continues with older messages";
    check(Mode::Chat, result(Vec::new(), false, true), Some(cut));
    check(Mode::Chat, result(Vec::new(), true, false), Some("-- nothing found"));
    let json = r#"{"event":"search_result","complete":false,"messages":[],"next":"rkrxc5f0sqnm:3"}"#;
    check(Mode::Json, result(Vec::new(), false, false), Some(json));
}

#[test]
fn colours_only_where_wanted() {
    #[track_caller]
    fn check(said: Said, expected: &str) {
        let now = at("2026-11-22T20:00:00Z");
        let news = News::Said(said);
        let line = view(Mode::Chat, true).line(now, &news, None).unwrap().text;
        assert_eq!(line.replace("\x1b[", "<").replace("<0m", ">").replace('m', "|"), expected);
        for mode in [Mode::Listen, Mode::Json] {
            assert!(!view(mode, true).line(now, &news, None).unwrap().text.contains('\x1b'));
        }
    }
    check(said(), "<38;5;243|20:30> <38;5;64|alice>: hi");
    check(Said { own: true, ..said() }, "<38;5;243|20:30> > <1|alice>: hi");
    check(Said { place: dev(), ..said() }, "<38;5;243|20:30> <38;5;243|#dev ><38;5;64|alice>: hi");
    check(Said { action: true, ..said() }, "<38;5;243|20:30> * <38;5;64|alice> <3|hi>");
    check(Said { place: bob(), ..said() }, "<38;5;243|20:30> <38;5;163|@ alice → bob:> <38;5;163|hi>");
    check(Said { text: "hi Carol".into(), ..said() }, "<38;5;243|20:30> ! <1;7|alice>: hi Carol");
}

#[test]
fn mentions_are_marked() {
    let text = || "carol: look".to_owned();
    let log = "2026-11-22T20:30:00+01:00";
    check_said(
        Said { text: text(), ..said() },
        "20:30 ! alice: carol: look",
        &format!("{log} #lobby alice: carol: look"),
    );
    check_said(
        Said { text: text(), place: dev(), action: true, ..said() },
        "20:30 ! #dev * alice carol: look",
        &format!("{log} #dev * alice carol: look"),
    );
    let own = Said { text: text(), own: true, ..said() };
    check_said(own, "20:30 > alice: carol: look", &format!("{log} #lobby alice: carol: look"));
}

#[test]
fn in_many_rooms_every_message_carries_its_room() {
    let mut view = view(Mode::Chat, false);
    view.reader.rooms_are_many = true;
    let line = |said: Said| view.line(at("2026-11-22T20:00:00Z"), &News::Said(said), None).unwrap().text;
    assert_eq!(line(said()), "20:30 #lobby alice: hi");
    assert_eq!(line(Said { own: true, ..said() }), "20:30 > #lobby alice: hi");
    assert_eq!(line(Said { place: bob(), ..said() }), "20:30 @ alice → bob: hi");
}

#[test]
fn long_texts_are_wrapped() {
    let mut view = view(Mode::Chat, false);
    let mut check = |columns: usize, said: &Said, expected: &str| {
        view.reader.columns = columns;
        assert_eq!(view.line(at("2026-11-22T20:00:00Z"), &News::Said(said.clone()), None).unwrap().text, expected);
    };
    let text = "so it goes and goes, and https://example.org/a/b/c/d/e/f?g=h too";
    let long = Said { text: text.to_owned(), ..said() };
    let narrow = "20:30 alice: so it goes and goes, and\n             \
                  https://example.org/a/b/c/d/e/f?g=h\n             too";
    check(40, &long, narrow);
    check(80, &long, "20:30 alice: so it goes and goes, and https://example.org/a/b/c/d/e/f?g=h too");
    check(
        48,
        &long,
        "20:30 alice: so it goes and goes, and\n             https://example.org/a/b/c/d/e/f?g=h\n             too",
    );
    let long_nick = Said { nick: Nick::parse("someone-with-a-very-long-nick").unwrap(), ..long };
    check(
        60,
        &long_nick,
        "20:30 someone-with-a-very-long-nick: so it goes and goes,\n      and https://example.org/a/b/c/d/e/f?g=h too",
    );
    let code = Said { text: "fn main() {\n\tloop {}\n}\n".to_owned(), ..said() };
    check(80, &code, "20:30 alice: fn main() {\n                 loop {}\n             }");
}

#[test]
fn notices_are_wrapped() {
    let mut view = view(Mode::Chat, false);
    view.reader.columns = 30;
    let line = |news: &News| view.line(at("2026-11-22T20:00:00Z"), news, None).unwrap().text;
    assert_eq!(
        line(&News::Hint("one two three four five six seven".into())),
        "-- one two three four five six\n   seven"
    );
    let labelled = News::Answer("broker   one two three four".into());
    assert_eq!(line(&labelled), "-- broker   one two three four");
    let labelled = News::Answer("broker   one two three four five".into());
    assert_eq!(line(&labelled), "-- broker   one two three four\n            five");
    let labelled = News::Answer("/a [B]   one two three four five".into());
    assert_eq!(line(&labelled), "-- /a [B]   one two three four\n            five");
    let error = News::Error("one two three four five six seven".into());
    assert_eq!(line(&error), "!! one two three four five six\n   seven");
}

#[test]
fn a_program_gets_a_complaint_as_an_event() {
    let told = |mode| view(mode, false).complaint("gone\x1b[2J");
    let line = Line { stream: Stream::Err, text: r"mqttchat: gone\x1b[2J".to_owned() };
    assert_eq!(told(Mode::Sender), std::slice::from_ref(&line));
    let [event, second] = &told(Mode::Json)[..] else { panic!("an event and a line") };
    let fields: serde_json::Value = serde_json::from_str(&event.text).unwrap();
    assert_eq!((event.stream, fields["message"].as_str(), second), (Stream::Out, Some(r"gone\x1b[2J"), &line));
}
