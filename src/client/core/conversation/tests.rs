//! The conversation with a clock that the test moves: what goes out, what is told, and when.

mod alarm;
mod catching_up;
mod commands;
pub mod deadlines;
mod direct_messages;
mod joining;
mod lookout;
mod originals;
mod paging;
mod renaming;
mod searching;
mod sending;

use super::*;
use crate::client::core::command::{Command, TypedLine};
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::news::News;
use crate::client::core::outbox::{Kept, OwnMessage};
use crate::link::{Failure, FailureKind, Message, Publication, Qos, Version};
use crate::now::an_instant;
use crate::protocol::{MessageId, SentId, Session, Token, Topics};
use crate::random::Random;
use chrono::DateTime;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SESSION: &str = "k3v9x2m1q8f0";
/// The random bytes of this session.
const SESSION_BYTES: [u8; 12] = [19, 3, 27, 9, 29, 2, 20, 1, 23, 8, 15, 0];
const ONLINE: &str = r#"{"type":"server","status":"online","instance":"one","started":"2026-11-22T19:00:00Z","version":"1","heartbeat_seconds":10}"#;
const WELCOME: &str = r#"{"type":"welcome","session":"k3v9x2m1q8f0","online_users":1}"#;

/// A conversation, its clock, and its outputs.
struct Stage {
    conversation: Conversation,
    now: Now,
    out: Vec<Output>,
}

fn connected(conn: u32, refused: Vec<String>) -> Input {
    Input::Link(Event::Connected { session_present: false, version: Version::V5, conn, refused, tls: None })
}

fn message(topic: &str, payload: &str, retained: bool) -> Input {
    let (topic, payload) = (topic.to_owned(), payload.into());
    Input::Link(Event::Message(Message { topic, payload, qos: Qos::AtLeastOnce, retained }))
}

impl Stage {
    fn new(change: impl FnOnce(&mut Config)) -> Stage {
        let mut config = Config {
            nick: Nick::parse("Alice").unwrap(),
            role: Role::Member,
            rooms: Vec::new(),
            topics: Topics::new("chat"),
            qos: Qos::ExactlyOnce,
            broker: "localhost:1883".to_owned(),
            history: true,
            on_terminal: false,
            verbose: false,
            local: |naive| naive.and_local_timezone(chrono::FixedOffset::east_opt(3_600)?).single(),
            remembered: Remembered::default(),
            keeps_outbox: false,
        };
        change(&mut config);
        let conversation = Conversation::new(config, random());
        Stage { conversation, now: now(), out: Vec::new() }
    }

    /// Connected to a broker and welcomed by a chat server.
    fn welcomed() -> Stage {
        let mut stage = Stage::new(|_| {});
        stage.arrives("chat/server", ONLINE);
        stage.connect(1);
        stage.arrives("chat/private/alice/server", WELCOME);
        stage.out.clear();
        stage
    }

    /// Welcomed, with answers to the first requests.
    fn caught_up() -> Stage {
        let mut stage = Stage::welcomed();
        stage.arrives("chat/private/alice/server", r#"{"type":"online_users","users":[],"request":"000000000001"}"#);
        stage.arrives(
            "chat/private/alice/server",
            r#"{"type":"history","messages":[],"request":"000000000002","room":"lobby","epoch":"rkrxc5f0sqnm","from":0,"to":0}"#,
        );
        stage.out.clear();
        stage
    }

    fn input(&mut self, input: Input) {
        self.out.extend(self.conversation.handle(self.now, input));
    }

    fn connect(&mut self, conn: u32) {
        self.input(connected(conn, Vec::new()));
    }

    fn arrives(&mut self, topic: &str, payload: &str) {
        self.input(message(topic, payload, false));
    }

    fn types(&mut self, line: &str) {
        self.input(Input::Typed(TypedLine::parse(line)));
    }

    fn after(&mut self, milliseconds: u64) {
        self.now.instant += Duration::from_millis(milliseconds);
        self.input(Input::Tick);
    }

    /// Checks the topics of publications, in order; forgets the outputs.
    #[track_caller]
    fn check_published(&mut self, expected: &[&str]) {
        let published = self.out.iter().filter_map(|out| match out {
            Output::Publish(publication) => Some(publication.topic.as_str()),
            _ => None,
        });
        assert_eq!(published.collect::<Vec<_>>(), expected, "{:#?}", self.out);
        self.out.clear();
    }

    /// Checks what was told: texts of messages (own ones marked with `>`), hints and errors; forgets the outputs.
    #[track_caller]
    fn check_told(&mut self, expected: &[&str]) {
        let told = self.out.iter().filter_map(|out| match out {
            Output::Tell(News::Said(said), _) => Some(format!("{}{}", if said.own { ">" } else { "" }, said.text)),
            Output::Tell(News::Hint(text) | News::Answer(text), _) => Some(text.clone()),
            Output::Tell(News::Error(text), _) => Some(text.clone()),
            Output::Tell(News::Presence(notice), _) => Some(notice.message.clone()),
            Output::Tell(News::Gap(room), _) => Some(format!("gap in {room}")),
            Output::Tell(News::Unread(room), _) => Some(format!("unread in {room}")),
            Output::Tell(News::Delivered(id), _) => Some(format!("delivered {id}")),
            Output::Tell(News::Waiting { id, to, .. }, _) => Some(format!("{id} waits for {to}")),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
        self.out.clear();
    }

    #[track_caller]
    fn payload(&self, topic: &str) -> serde_json::Value {
        let found = self.out.iter().find_map(|out| match out {
            Output::Publish(publication) if publication.topic == topic => Some(&publication.payload),
            _ => None,
        });
        serde_json::from_slice(found.unwrap_or_else(|| panic!("nothing on {topic}: {:#?}", self.out))).unwrap()
    }
}

/// A fixed wall clock.
pub fn now() -> Now {
    let wall = DateTime::parse_from_rfc3339("2026-11-22T20:30:00+01:00").unwrap();
    Now { instant: an_instant(), wall }
}

/// Random bytes that make the tokens `000000000001`, `000000000002` and so on.
pub fn counting() -> Random {
    let next = AtomicU64::new(1);
    Random::new(move |bytes| write(next.fetch_add(1, Ordering::Relaxed), bytes))
}

fn write(number: u64, bytes: &mut [u8]) {
    bytes.iter_mut().rev().enumerate().for_each(|(at, byte)| *byte = (number / 32_u64.pow(at as u32) % 32) as u8);
}

/// The token of this number.
pub fn token(number: u64) -> Token {
    let mut bytes = [0; 12];
    write(number, &mut bytes);
    Token::from_random(bytes)
}

/// [`SESSION`], a jitter of 300 ms, and then [`counting`].
fn random() -> Random {
    const JITTER: u8 = 153;
    let drawn = AtomicU64::new(0);
    Random::new(move |bytes| match drawn.fetch_add(1, Ordering::Relaxed) {
        0 => bytes.copy_from_slice(&SESSION_BYTES),
        1 => bytes.fill(JITTER),
        number => write(number - 1, bytes),
    })
}

fn published(out: &Output) -> Option<Vec<u8>> {
    match out {
        Output::Publish(publication) => Some(publication.payload.clone()),
        _ => None,
    }
}

#[test]
fn a_page_fills_what_was_missed() {
    let mut stage = Stage::welcomed();
    stage.arrives(
        "chat/messages",
        r#"{"type":"chat","username":"bob","message":"one","session":"aaaaaaaaaaaa","seq":1}"#,
    );
    stage.check_told(&["one"]);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    let token = stage.payload("chat/request/history/alice")["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    let page = r#"{"type":"history","messages":[{"username":"bob","message":"one","id":"aaaaaaaaaaaa-1"},{"username":"bob","message":"two","id":"aaaaaaaaaaaa-2"},{"username":"py","message":"three","id":"x-3"}],"request":"TOKEN","room":"lobby","epoch":"rkrxc5f0sqnm","from":0,"to":3}"#;
    stage.arrives("chat/private/alice/server", &page.replace("TOKEN", &token));
    stage.check_told(&["two", "three"]);
    stage.arrives(
        "chat/messages/bob",
        r#"{"type":"chat","username":"bob","message":"two","session":"aaaaaaaaaaaa","seq":2,"late":true}"#,
    );
    stage.check_told(&[]);
}

#[test]
fn heartbeats_come_as_often_as_the_server_says() {
    let mut stage = Stage::caught_up();
    stage.after(9_999);
    stage.check_published(&[]);
    stage.after(1);
    assert_eq!(stage.payload("chat/presence/alice")["action"], "heartbeat");
    stage.check_published(&["chat/presence/alice"]);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.after(60_000);
    stage.check_published(&[]);
}

#[test]
fn rooms() {
    let mut stage = Stage::welcomed();
    stage.types("/join dev");
    assert!(stage.out.contains(&Output::Subscribe("chat/rooms/dev/#".to_owned())));
    assert_eq!(stage.payload("chat/presence/alice")["rooms"][0], "dev");
    assert_eq!(stage.payload("chat/request/history/alice")["room"], "dev");
    stage.out.clear();
    stage.types("in dev");
    stage.check_published(&["chat/rooms/dev/alice"]);
    stage.arrives("chat/rooms/dev/bob", r#"{"type":"chat","username":"bob","message":"hi"}"#);
    stage.arrives("chat/rooms/other/bob", r#"{"type":"chat","username":"bob","message":"not for us"}"#);
    stage.arrives("chat/rooms/dev/bob", r#"{"type":"chat","username":"mallory","message":"forged"}"#);
    stage.check_told(&["hi"]);
    stage.types("/part");
    assert!(stage.out.contains(&Output::Unsubscribe("chat/rooms/dev/#".to_owned())));
    stage.out.clear();
    stage.types("in the lobby");
    stage.check_published(&["chat/messages"]);
    stage.types("/part");
    stage.check_told(&["everybody is in the lobby; /quit leaves the chat"]);
}

#[test]
fn notices_are_about_others() {
    let mut stage = Stage::welcomed();
    let notice =
        |nick: &str| format!(r#"{{"type":"user_join","username":"{nick}","message":"{nick} joined the chat"}}"#);
    stage.arrives("chat/system", &notice("ALICE"));
    stage.arrives("chat/system", &notice("bob"));
    stage.check_told(&["bob joined the chat"]);
}

#[test]
fn direct_messages() {
    let mut stage = Stage::welcomed();
    stage.arrives("chat/private/alice/bob", r#"{"type":"private","username":"Bob","to":"alice","message":"psst"}"#);
    stage.arrives("chat/private/alice/bob", r#"{"type":"private","username":"eve","to":"alice","message":"forged"}"#);
    stage.check_told(&["psst"]);
    stage.types("/msg bob hi");
    stage.check_published(&["chat/private/bob/alice"]);
    // The line editor knows whom it answers, because it knows the screen.
    stage.types("/reply hi");
    stage.check_published(&[]);
    stage.types("/reply hi");
    stage.check_told(&["not sent: nobody to reply to; use /msg NICK TEXT"]);
}

#[test]
fn the_will_names_its_connection() {
    let stage = Stage::welcomed();
    let Publication { topic, payload, .. } = stage.conversation.will().unwrap()(7);
    assert_eq!(topic, "chat/presence/alice");
    let expected = format!(r#"{{"action":"leave","username":"Alice","session":"{SESSION}","conn":7,"will":true}}"#);
    assert_eq!(String::from_utf8(payload).unwrap(), expected);
}

#[test]
fn a_server_with_another_history_hides_nothing() {
    let mut stage = Stage::welcomed();
    for (conn, epoch, told) in
        [(2, "aaaaaaaaaaaa", &["of the first"][..]), (3, "bbbbbbbbbbbb", &["gap in lobby", "of the second"])]
    {
        stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
        stage.arrives("chat/server", ONLINE);
        stage.connect(conn);
        let token = stage.payload("chat/request/history/alice")["request"].as_str().unwrap().to_owned();
        stage.out.clear();
        let page = format!(
            r#"{{"type":"history","messages":[{{"username":"py","message":"{}","id":"x-1"}}],"request":"{token}","room":"lobby","epoch":"{epoch}","from":0,"to":1,"gap":{}}}"#,
            told.last().unwrap(),
            told.len() > 1
        );
        stage.arrives("chat/private/alice/server", &page);
        stage.check_told(told);
    }
}

#[test]
fn a_time_at_the_end_of_time_is_ignored() {
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.after(1_000);
    let page = r#"{"type":"history","messages":[{"type":"chat","username":"py","message":"x","timestamp":"+262142-12-31T23:59:59"}]}"#;
    stage.arrives("chat/private/Alice", page);
    let at = stage.out.iter().find_map(|out| match out {
        Output::Tell(News::Said(said), _) => Some(said.at),
        _ => None,
    });
    assert_eq!(at, Some(stage.now.wall));
}

#[test]
fn bad_payloads_disturb_nobody() {
    let mut stage = Stage::welcomed();
    let deep = "[".repeat(100_000);
    for payload in
        ["", "[1,2]", "not json", "{}", r#"{"type":"chat"}"#, r#"{"type":"chat","username":"+","message":"x"}"#, &deep]
    {
        for topic in
            ["chat/messages", "chat/system", "chat/users", "chat/server", "chat/private/alice/server", "chat/x"]
        {
            stage.arrives(topic, payload);
        }
    }
    assert_eq!(stage.out, []);
}

#[test]
fn verbose_mode_warns_once_per_topic() {
    let mut stage = Stage::new(|config| config.verbose = true);
    stage.arrives("chat/messages", "not json");
    stage.arrives("chat/messages", "not json");
    stage.arrives("chat/messages/bob", r#"{"type":"chat","username":"eve","message":"x"}"#);
    stage.check_told(&[
        "ignored on chat/messages: not a JSON object",
        "ignored on chat/messages/bob: the topic names another sender than the payload",
    ]);
}

#[test]
fn retained_messages_are_no_news() {
    let mut stage = Stage::welcomed();
    for (topic, payload) in [
        ("chat/messages", r#"{"type":"chat","username":"bob","message":"x"}"#),
        ("chat/private/alice/bob", r#"{"type":"private","username":"bob","to":"alice","message":"x"}"#),
        ("chat/private/alice", r#"{"type":"private","username":"bob","to":"alice","message":"x"}"#),
        ("chat/system", r#"{"type":"user_join","username":"bob","message":"bob joined the chat"}"#),
    ] {
        let retained = |retained| message(topic, payload, retained);
        stage.input(retained(true));
        assert_eq!(stage.out, [], "{topic}");
        stage.input(retained(false));
        assert_ne!(std::mem::take(&mut stage.out), [], "{topic}");
    }
}

#[test]
fn an_empty_payload_is_not_invalid() {
    let mut stage = Stage::new(|config| config.verbose = true);
    for topic in ["chat/messages", "chat/server", "chat/marks/lobby"] {
        stage.arrives(topic, "");
    }
    assert_eq!(stage.out, []);
}
