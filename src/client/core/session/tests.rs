//! The session with a clock that the test moves, and a driver that does nothing by itself.

mod ends;

use super::*;
use crate::client::core::command::TypedLine;
use crate::client::core::conversation::Config;
use crate::client::core::outbox::Kept;
use crate::link::{Event, Failure, FailureKind, Message, Qos, Version};
use crate::now::an_instant;
use crate::protocol::Topics;
use chrono::DateTime;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

const ONLINE: &str = r#"{"type":"server","status":"online","instance":"one","started":"2026-11-22T19:00:00Z","version":"1","heartbeat_seconds":10}"#;
/// The random bytes of the session's name.
const SESSION_BYTES: [u8; 12] = [19, 3, 27, 9, 29, 2, 20, 1, 23, 8, 15, 0];
const WELCOME: &str = r#"{"type":"welcome","session":"k3v9x2m1q8f0","online_users":1}"#;

struct Stage {
    session: ClientSession,
    now: Now,
    out: Vec<SessionEffect>,
}

impl Stage {
    fn new(mode: Mode, change: impl FnOnce(&mut SessionConfig)) -> Stage {
        let mut config = SessionConfig {
            mode,
            client_id: None,
            addressee: None,
            wait: None,
            count: None,
            outlives_input: false,
            has_memory: true,
            conversation: Config {
                nick: Nick::parse("alice").unwrap(),
                role: if mode == Mode::Sender { Role::Sender } else { Role::Member },
                rooms: Vec::new(),
                topics: Topics::new("chat"),
                qos: Qos::ExactlyOnce,
                broker: "localhost:1883".to_owned(),
                history: true,
                on_terminal: mode == Mode::Chat,
                verbose: false,
                local: |naive| naive.and_local_timezone(chrono::FixedOffset::east_opt(3_600)?).single(),
                remembered: Remembered::default(),
                keeps_outbox: false,
            },
        };
        change(&mut config);
        let wall = DateTime::parse_from_rfc3339("2026-11-22T20:30:00+01:00").unwrap();
        let now = Now { instant: an_instant(), wall };
        let drawn = AtomicU8::new(0);
        let random = Random::new(move |bytes: &mut [u8]| match drawn.fetch_add(1, Ordering::Relaxed) {
            0 => bytes.copy_from_slice(&SESSION_BYTES),
            // No jitter: joins go out at once.
            1 => bytes.fill(0),
            number => bytes.fill(number + 1),
        });
        Stage { session: ClientSession::new(config, random, now.instant), now, out: Vec::new() }
    }

    /// Connected to a broker and welcomed by a chat server.
    fn welcomed(mode: Mode, change: impl FnOnce(&mut SessionConfig)) -> Stage {
        let mut stage = Stage::new(mode, change);
        stage.happens(SessionEvent::Start);
        stage.connects(1, 1);
        stage.arrives("chat/server", ONLINE);
        stage.after(0);
        stage.arrives("chat/private/alice/server", WELCOME);
        stage.out.clear();
        stage
    }

    fn happens(&mut self, event: SessionEvent) {
        self.out.extend(self.session.handle(self.now, event));
    }

    fn connects(&mut self, number: u32, conn: u32) {
        let (version, refused, tls) = (Version::V5, Vec::new(), None);
        let event = Event::Connected { session_present: false, version, conn, refused, tls };
        self.happens(SessionEvent::Link { number, event });
    }

    fn arrives(&mut self, topic: &str, payload: &str) {
        let (topic, payload) = (topic.to_owned(), payload.into());
        let message = Message { topic, payload, qos: Qos::AtLeastOnce, retained: false };
        self.happens(SessionEvent::Link { number: 1, event: Event::Message(message) });
    }

    fn is_told(&mut self, seq: u64) {
        let to = r#""to":"alice""#;
        let payload = format!(
            r#"{{"type":"private","username":"bob",{to},"message":"psst {seq}","session":"aaaaaaaaaaaa","seq":{seq}}}"#
        );
        self.arrives("chat/private/alice/bob", &payload);
    }

    fn hears(&mut self, seq: u64) {
        let payload = format!(
            r#"{{"type":"chat","username":"bob","message":"hello {seq}","session":"bbbbbbbbbbbb","seq":{seq}}}"#
        );
        self.arrives("chat/messages", &payload);
    }

    fn types(&mut self, line: &str) {
        self.happens(SessionEvent::Typed(TypedLine::parse(line)));
    }

    fn says(&mut self, text: &str) {
        self.happens(SessionEvent::Texts(vec![text.to_owned()]));
    }

    fn after(&mut self, milliseconds: u64) {
        self.now.instant += Duration::from_millis(milliseconds);
        self.happens(SessionEvent::Tick);
    }

    /// The effects so far, in order and in short; forgets them.
    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        let out: Vec<String> = std::mem::take(&mut self.out).iter().map(short).collect();
        assert_eq!(out, expected);
    }

    #[track_caller]
    fn check_end(&mut self, expected: &[&str]) {
        self.out.retain(|effect| matches!(effect, SessionEffect::Complain(_) | SessionEffect::End(_)));
        self.check(expected);
    }
}

fn short(effect: &SessionEffect) -> String {
    match effect {
        SessionEffect::Link(LinkOrder::Open(opening)) => format!("open {}", opening.number),
        SessionEffect::Link(LinkOrder::LetGo(leave)) => {
            format!("let go{}", if leave.is_some() { " with a word" } else { "" })
        }
        SessionEffect::Link(LinkOrder::Publish(publication)) => {
            format!("publish {} {:?}", publication.topic, publication.qos)
        }
        SessionEffect::Link(LinkOrder::Subscribe(subscription)) => format!("subscribe {}", subscription.filter),
        SessionEffect::Link(LinkOrder::Unsubscribe(filter)) => format!("unsubscribe {filter}"),
        SessionEffect::Tell(News::Said(said), _) => format!("tell {}", said.text),
        SessionEffect::Tell(News::Hint(text) | News::Answer(text) | News::Error(text), _) => format!("tell {text}"),
        SessionEffect::Tell(news, _) => {
            let news = format!("{news:?}");
            format!("tell {}", news.split(|c: char| !c.is_alphanumeric()).next().unwrap())
        }
        SessionEffect::Complain(text) => format!("complain {text}"),
        SessionEffect::Clear => "clear".to_owned(),
        SessionEffect::AskForNick(asks) => format!("ask for a nick: {asks}"),
        SessionEffect::Prompt(prompt) => format!("prompt {}{:?}", prompt.text, prompt.earlier),
        SessionEffect::Complete(names) => format!("complete {:?}", names.rooms),
        SessionEffect::Keep(memos) => format!("keep {}", memos.len()),
        SessionEffect::Become(key) => format!("become {key}"),
        SessionEffect::Outbox(OutboxChange::Add(Kept { message, .. })) => format!("add {}", message.text),
        SessionEffect::Outbox(OutboxChange::Remove(ids)) => format!("remove {}", ids.len()),
        SessionEffect::Outbox(OutboxChange::Rename(nick)) => format!("outbox of {nick}"),
        SessionEffect::Outbox(OutboxChange::NoteServer) => "note the server in the outbox".to_owned(),
        SessionEffect::Outbox(OutboxChange::Retry) => "write the outbox again".to_owned(),
        SessionEffect::End(exit) => format!("end {exit:?}"),
    }
}

#[test]
fn a_receipt_goes_out_when_its_message_is_shown_and_remembered() {
    let mut stage = Stage::welcomed(Mode::Json, |_| {});
    stage.is_told(1);
    stage.check(&["tell psst 1", "keep 2"]);
    stage.is_told(2);
    stage.check(&["tell psst 2"]);
    stage.happens(SessionEvent::Committed(Ok(())));
    stage.check(&["publish chat/private/bob/alice AtLeastOnce", "keep 1"]);
    let why = "it is full".to_owned();
    stage.happens(SessionEvent::Committed(Err(Uncommitted { memos: Vec::new(), why })));
    let told = "tell what is shown cannot be remembered: it is full";
    stage.check(&["publish chat/private/bob/alice AtLeastOnce", told]);
}

#[test]
fn beyond_the_count_nothing_is_told_or_remembered() {
    let mut stage = Stage::welcomed(Mode::Listen, |config| config.count = Some(1));
    stage.hears(1);
    stage.check(&["tell hello 1", "keep 2", "end Done"]);
    stage.hears(2);
    stage.check(&[]);
    assert!(stage.session.is_keeping());
    stage.happens(SessionEvent::Committed(Ok(())));
    assert!(!stage.session.is_keeping());
    assert!(stage.session.leave(stage.now).is_some());

    // Its own messages are still under way.
    let mut stage = Stage::welcomed(Mode::Listen, |config| config.count = Some(1));
    stage.says("mine");
    stage.hears(1);
    stage.out.clear();
    stage.is_told(1);
    stage.hears(2);
    stage.check(&[]);
    stage.after(5_000);
    stage.check_end(&["complain 1 message is unconfirmed", "end Failed"]);
}

#[test]
fn a_fast_program_waits_with_messages_but_not_with_requests() {
    let mut stage = Stage::welcomed(Mode::Json, |_| {});
    let say = |text: &str| Command::Say { text: text.to_owned(), to: Target::Here, action: false };
    let mut said = 0;
    while stage.session.takes_input() {
        stage.happens(SessionEvent::Ordered(say("hello"), None));
        said += 1;
    }
    stage.out.clear();
    assert_eq!((said, stage.session.unsent()), (2_000 + LOOK_AHEAD, said));
    stage.happens(SessionEvent::Ordered(Command::Ping, None));
    stage.check(&["publish chat/request/ping/alice AtLeastOnce"]);
    let payload = r#"{"type":"stored","session":"k3v9x2m1q8f0","seq":[[1,1]]}"#;
    stage.arrives("chat/private/alice/server", payload);
    assert!(stage.session.takes_input());
    stage.happens(SessionEvent::Ordered(Command::Quit, None));
    assert_eq!(stage.session.conversation.unsettled(), said - 1, "where it ends soon, nothing is held");
}

#[test]
fn a_new_nick_connects_once_its_memory_is_recalled() {
    let mut stage = Stage::welcomed(Mode::Chat, |config| config.conversation.keeps_outbox = true);
    stage.hears(1);
    stage.out.clear();
    stage.types("/nick carol");
    let outbox = "outbox of carol";
    stage.check(&["let go with a word", outbox, "prompt #lobby> None", "keep 2"]);
    stage.happens(SessionEvent::OutboxRenamed);
    stage.check(&["tell the outbox is for carol now: the next run with it needs --nick carol"]);
    stage.happens(SessionEvent::Committed(Ok(())));
    stage.check(&["become carol"]);
    // From the previous link.
    stage.hears(2);
    stage.check(&[]);
    let typed = vec!["earlier".to_owned()];
    stage.happens(SessionEvent::Became(Ok(Remembered { typed, ..Remembered::default() })));
    let [SessionEffect::Link(LinkOrder::Open(opening))] = &stage.out[..] else { panic!("{:?}", stage.out) };
    let will: serde_json::Value = serde_json::from_slice(&opening.will.as_ref().unwrap()(1).payload).unwrap();
    assert_eq!((will["username"].as_str(), will["conn"].as_u64()), (Some("carol"), Some(3)), "one may be unheard of");
    assert!(opening.patient);
    stage.out.clear();
    stage.types("/part");
    stage.out.retain(|effect| matches!(effect, SessionEffect::Prompt(_)));
    stage.check(&[r#"prompt #lobby> Some(["earlier"])"#]);
}

#[test]
fn a_first_connection_that_fails_is_the_end() {
    let mut stage = Stage::new(Mode::Listen, |_| {});
    stage.happens(SessionEvent::Start);
    stage.check(&["open 1"]);
    let failure = Failure::new(FailureKind::Refused, "nothing listens", "start a broker");
    stage.happens(SessionEvent::Link { number: 1, event: Event::Failed(failure) });
    stage.check(&[]);
    stage.happens(SessionEvent::Link { number: 1, event: Event::Ended });
    stage.check(&["complain nothing listens; start a broker", "end NotConnected(Refused)"]);
    assert!(!stage.session.is_keeping());

    let mut stage = Stage::new(Mode::Embedded, |_| {});
    stage.happens(SessionEvent::Start);
    stage.happens(SessionEvent::NoLink("no thread".to_owned()));
    stage.check_end(&["complain cannot start the link: no thread", "end Failed"]);
}

#[test]
fn somebody_at_a_terminal_is_told_what_quitting_waits_for() {
    let mut stage = Stage::new(Mode::Chat, |_| {});
    stage.happens(SessionEvent::Start);
    stage.check(&["tell Connecting", "open 1", "prompt #lobby> Some([])"]);
    stage.after(200);
    stage.check(&[r#"complete ["lobby"]"#]);
    stage.says("hello");
    stage.happens(SessionEvent::Quit);
    let told = "tell 1 message is not through yet: waiting 5 s at most; /quit again leaves at once";
    stage.out.retain(|effect| !matches!(effect, SessionEffect::Complete(_)));
    stage.check(&["tell hello", "prompt #lobby> None", told, "prompt #lobby> None"]);
    stage.types("/quit");
    stage.check_end(&["complain 1 message is unconfirmed", "end Failed"]);
}

#[test]
fn an_outbox_is_written_before_its_message_is_published() {
    let mut stage = Stage::welcomed(Mode::Json, |config| config.conversation.keeps_outbox = true);
    stage.says("one");
    stage.out.truncate(2);
    stage.check(&["add one", "publish chat/messages ExactlyOnce"]);
    stage.arrives("chat/private/alice/server", r#"{"type":"stored","session":"k3v9x2m1q8f0","seq":[[1,1]]}"#);
    stage.out.retain(|effect| matches!(effect, SessionEffect::Outbox(OutboxChange::Remove(_))));
    stage.check(&["remove 1"]);

    stage.says("two");
    stage.happens(SessionEvent::Ordered(Command::Quit, None));
    stage.out.clear();
    stage.after(5_000);
    stage.out.retain(|effect| !matches!(effect, SessionEffect::Link(LinkOrder::Publish(_)) | SessionEffect::Keep(_)));
    stage.check(&["tell Delayed", "tell 1 message is in the outbox, for the next run", "end Done"]);
}

#[test]
fn an_outbox_on_disk_remembers_that_a_server_was_seen() {
    for (keeps_outbox, expected) in [(true, vec!["note the server in the outbox"]), (false, vec![])] {
        let mut stage = Stage::new(Mode::Sender, |config| config.conversation.keeps_outbox = keeps_outbox);
        stage.happens(SessionEvent::Start);
        stage.connects(1, 1);
        stage.arrives("chat/server", ONLINE);
        stage.arrives("chat/server", ONLINE);
        stage.out.retain(|effect| matches!(effect, SessionEffect::Outbox(OutboxChange::NoteServer)));
        stage.check(&expected);
    }
}

#[test]
fn an_unwritable_outbox_is_reported_once_and_not_relied_upon() {
    let mut stage = Stage::welcomed(Mode::Json, |config| config.conversation.keeps_outbox = true);
    stage.says("one");
    stage.out.clear();
    stage.happens(SessionEvent::OutboxFailed("it is full".to_owned()));
    stage.happens(SessionEvent::OutboxFailed("it is full".to_owned()));
    stage.check(&["tell the outbox cannot be written, and does not keep everything: it is full"]);
    stage.after(1_000);
    assert!(stage.out.iter().any(|effect| matches!(effect, SessionEffect::Outbox(OutboxChange::Retry))));
    stage.out.clear();
    stage.happens(SessionEvent::Ordered(Command::Quit, None));
    stage.after(5_000);
    stage.check_end(&["complain 1 message is unconfirmed", "end Failed"]);
}

#[test]
fn a_nick_in_use_ends_a_program_but_asks_a_person() {
    let in_use = r#"{"type":"error","code":"nick_in_use","message":"taken","session":"k3v9x2m1q8f0"}"#;
    let refused = |mode| {
        let mut stage = Stage::new(mode, |_| {});
        stage.happens(SessionEvent::Start);
        stage.connects(1, 1);
        stage.arrives("chat/server", ONLINE);
        stage.after(0);
        stage.out.clear();
        stage.arrives("chat/private/alice/server", in_use);
        stage
    };
    refused(Mode::Embedded).check_end(&["complain the nick alice is in use", "end NickInUse"]);
    let mut stage = refused(Mode::Chat);
    assert!(matches!(stage.out[0], SessionEffect::AskForNick(true)));
    stage.out.clear();
    stage.types("carol");
    assert!(matches!(stage.out[0], SessionEffect::AskForNick(false)));
}

#[test]
fn a_run_that_ends_shows_the_pages_that_have_arrived() {
    for (mode, is_shown) in [(Mode::Json, true), (Mode::Chat, false)] {
        let mut stage = Stage::welcomed(mode, |_| {});
        stage.types("/history 5");
        let asked = stage.out.iter().rev().find_map(|effect| match effect {
            SessionEffect::Link(LinkOrder::Publish(publication), ..) => Some(publication.payload.clone()),
            _ => None,
        });
        let asked: Value = serde_json::from_slice(&asked.unwrap()).unwrap();
        let page = format!(
            r#"{{"type":"history","messages":[{{"username":"bob","message":"psst"}}],"request":{},"room":"lobby","epoch":"rkrxc5f0sqnm","from":8,"to":9}}"#,
            asked["request"]
        );
        stage.arrives("chat/private/alice/server", &page);
        stage.out.clear();
        stage.happens(if is_shown { SessionEvent::InputEnded } else { SessionEvent::Quit });
        stage.after(5_000);
        let said = stage.out.iter().filter(|effect| matches!(effect, SessionEffect::Tell(News::Said(_), _)));
        assert_eq!(said.count(), usize::from(is_shown));
        stage.check_end(&["end Done"]);
    }
}
