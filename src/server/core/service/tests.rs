//! The service without threads: the tests move the clock, and play broker and store.

use super::*;
use crate::link::{Event, Failure, FailureKind, Message, Version};
use crate::now::an_instant;
use crate::protocol::{Epoch, SearchResult, Topics};
use crate::server::core::chat::Config;
use crate::server::core::exchange::ServerExit;
use crate::server::core::record::{Committed, EarlierRun, Keep, ReplyTo};
use chrono::DateTime;
use serde_json::{Value, json};
use std::time::Duration;

const SESSION: &str = "k3v9x2m1q8f0";

struct Desk {
    service: Service,
    now: Now,
}

impl Desk {
    fn new() -> Desk {
        let now = Now { instant: an_instant(), wall: DateTime::UNIX_EPOCH.fixed_offset() };
        let config = Config {
            topics: Topics::new("chat"),
            timeout: Duration::from_secs(60),
            history_limit: 50,
            instance: "i".to_owned(),
            durable: true,
        };
        let earlier = EarlierRun { epoch: Epoch::from_random([0; 12]), seats: Vec::new(), rooms: Vec::new() };
        let chat = ServerChat::new(config, earlier, now);
        Desk { service: Service::new(chat, Random::new(|bytes| bytes.fill(7))), now }
    }

    fn connected() -> Desk {
        let mut desk = Desk::new();
        let (session_present, version) = (false, Version::V5);
        desk.link(Event::Connected { session_present, version, conn: 1, refused: Vec::new(), tls: None });
        desk
    }

    fn handle(&mut self, event: ServiceEvent) -> Vec<ServiceEffect> {
        self.service.handle(self.now, event)
    }

    fn link(&mut self, event: Event) -> Vec<ServiceEffect> {
        self.handle(ServiceEvent::Link(event))
    }

    fn message(&mut self, topic: &str, payload: Value) -> Vec<ServiceEffect> {
        let (topic, payload) = (topic.to_owned(), payload.to_string().into_bytes());
        self.link(Event::Message(Message { topic, payload, qos: Qos::AtLeastOnce, retained: false }))
    }

    fn chat(&mut self, seq: u64) -> Vec<ServiceEffect> {
        let payload = json!({"type": "chat", "username": "alice", "message": "hi", "session": SESSION, "seq": seq});
        self.message("chat/messages/alice", payload)
    }

    fn join(&mut self, nick: &str) -> Vec<ServiceEffect> {
        self.message("chat/presence", json!({"action": "join", "username": nick, "session": SESSION, "conn": 1}))
    }

    /// How many of this many requests reach the store.
    fn ask(&mut self, count: usize, what: &str) -> usize {
        let payload = json!({"requester": "alice", "session": SESSION, "request": "r", "text": "pump"});
        let topic = format!("chat/request/{what}/alice");
        let asked = (0..count).flat_map(|_| self.message(&topic, payload.clone()));
        asked.filter(|effect| matches!(effect, ServiceEffect::Store(StoreTask::Ask(_)))).count()
    }

    fn answer(&mut self, answer: StoreAnswer) -> Vec<ServiceEffect> {
        self.handle(ServiceEvent::Store(answer))
    }

    /// Commits everything that these effects want to keep, and reports it.
    fn settle(&mut self, effects: &[ServiceEffect]) -> Vec<ServiceEffect> {
        let kept = effects.iter().filter_map(|effect| match effect {
            ServiceEffect::Store(StoreTask::Keep(Keep::Message(arrived))) => {
                arrived.message.id.clone().map(|id| (arrived.message.nick.key().clone(), id))
            }
            _ => None,
        });
        let committed = Committed { stored: kept.collect(), ..Committed::default() };
        self.answer(StoreAnswer::Committed { committed, arrived: Vec::new() });
        self.answer(StoreAnswer::Settled)
    }

    /// Advances the clock to the next deadline.
    fn wait(&mut self) -> Vec<ServiceEffect> {
        self.now.instant = self.service.next_due().expect("something is due");
        self.handle(ServiceEvent::Due)
    }
}

/// The nicks whose presences go to the store.
fn seats(effects: &[ServiceEffect]) -> Vec<String> {
    let changes = effects.iter().filter_map(|effect| match effect {
        ServiceEffect::Store(StoreTask::Seats(changes)) => Some(changes),
        _ => None,
    });
    changes.flatten().map(|change| change.key.to_string()).collect()
}

const SETTLE: ServiceEffect = ServiceEffect::Store(StoreTask::Settle);

/// The last effect closes the connection in use. Returns whether `offline` is its last publication.
#[track_caller]
fn hangs_up(effects: &[ServiceEffect]) -> bool {
    let Some(ServiceEffect::HangUp { last, .. }) = effects.last() else { panic!("{effects:?}") };
    last.as_ref().is_some_and(|last| last.topic == "chat/server" && last.retain)
}

fn reply() -> ReplyTo {
    ReplyTo { requester: crate::protocol::Nick::parse("alice").unwrap(), session: None, token: None }
}

#[test]
fn so_many_questions_are_under_way() {
    let mut desk = Desk::connected();
    assert_eq!(desk.ask(QUESTIONS + 10, "rooms"), QUESTIONS);
    // Searches have a limit of their own. The messages that wait for a joiner have none.
    assert_eq!(desk.ask(SEARCHES + 10, "search"), SEARCHES);
    assert_eq!(desk.ask(1, "history"), 0);
    desk.answer(StoreAnswer::Rooms { rooms: Vec::new(), reply: reply() });
    desk.answer(StoreAnswer::Unanswered { is_search: false });
    assert_eq!(desk.ask(9, "history"), 2);
    desk.answer(StoreAnswer::Found { found: SearchResult::default(), reply: reply() });
    desk.answer(StoreAnswer::Unanswered { is_search: true });
    assert_eq!((desk.ask(9, "search"), desk.ask(9, "rooms")), (2, 0));
}

#[test]
fn presences_are_given_one_batch_at_a_time() {
    let mut desk = Desk::connected();
    assert_eq!(seats(&desk.join("alice")), ["alice"]);
    assert_eq!(seats(&desk.join("bob")), [""; 0]);
    assert_eq!(seats(&desk.join("carol")), [""; 0]);
    assert_eq!(seats(&desk.answer(StoreAnswer::SeatsDone { dropped: Vec::new() })), ["bob", "carol"]);
    assert_eq!(seats(&desk.answer(StoreAnswer::SeatsDone { dropped: Vec::new() })), [""; 0]);
}

#[test]
fn presences_that_cannot_be_written_are_tried_again_with_the_next_change() {
    let mut desk = Desk::connected();
    let effects = desk.join("alice");
    let Some(ServiceEffect::Store(StoreTask::Seats(given))) = effects.last() else { panic!("{effects:?}") };
    assert_eq!(desk.answer(StoreAnswer::SeatsDone { dropped: given.clone() }), []);
    assert_eq!(seats(&desk.join("bob")), ["alice", "bob"]);
    // Newer state stays.
    let leave = json!({"action": "leave", "username": "alice", "session": SESSION, "conn": 1});
    desk.message("chat/presence", leave);
    let effects = desk.answer(StoreAnswer::SeatsDone { dropped: given.clone() });
    let left = SeatChange { key: given[0].key.clone(), seats: Vec::new() };
    assert_eq!(effects, [ServiceEffect::Store(StoreTask::Seats(vec![left]))]);
}

#[test]
fn without_a_connection_it_stops_when_everything_is_stored() {
    let mut desk = Desk::new();
    let kept = desk.chat(1);
    assert_eq!(desk.handle(ServiceEvent::Stop), [SETTLE]);
    assert!(hangs_up(&desk.settle(&kept)));
    assert_eq!(desk.handle(ServiceEvent::HungUp), [SETTLE]);
    assert_eq!(desk.settle(&[]), [ServiceEffect::Exit(ServerExit::Stopped)]);
}

#[test]
fn a_second_connection_carries_the_confirmations() {
    let mut desk = Desk::connected();
    let effects = desk.handle(ServiceEvent::Stop);
    let [ServiceEffect::OpenSecond { client_id, will }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((client_id.starts_with("mqttchat-"), will.topic.as_str()), (true, "chat/server"));
    // Arrivals are stored until the first connection is closed.
    let mut kept = desk.chat(1);
    assert!(!hangs_up(&desk.handle(ServiceEvent::Second(Ok(())))));
    kept.extend(desk.chat(2));
    desk.link(Event::Ended);
    kept.extend(desk.join("alice"));
    let effects = desk.handle(ServiceEvent::HungUp);
    assert_eq!(effects.last(), Some(&SETTLE));
    let effects = desk.settle(&kept);
    assert!(hangs_up(&effects), "offline comes last");
    desk.handle(ServiceEvent::HungUp);
    assert_eq!(desk.settle(&[]), [ServiceEffect::Exit(ServerExit::Stopped)]);
}

#[test]
fn commits_while_leaving_are_confirmed_before_the_end() {
    let mut desk = Desk::connected();
    let first = desk.chat(1);
    desk.settle(&first);
    let second = desk.chat(2);
    desk.handle(ServiceEvent::Stop);
    desk.handle(ServiceEvent::Second(Ok(())));
    desk.handle(ServiceEvent::HungUp);
    // Normally it would be too early for another `stored`, but the server is leaving.
    let effects = desk.settle(&second);
    let told = effects.iter().position(
        |effect| matches!(effect, ServiceEffect::Publish(publication) if publication.topic == "chat/private/alice/server"),
    );
    assert!(told.is_some_and(|told| told < effects.len() - 1) && hangs_up(&effects), "{effects:?}");
}

#[test]
fn the_first_connection_has_the_last_words_if_there_is_no_second() {
    for in_time in [true, false] {
        let mut desk = Desk::connected();
        desk.handle(ServiceEvent::Stop);
        let effects = match in_time {
            true => desk.handle(ServiceEvent::Second(Err("no more connections".to_owned()))),
            false => desk.wait(),
        };
        assert_eq!(effects, [ServiceEffect::DropSecond, SETTLE]);
        assert_eq!(desk.handle(ServiceEvent::Second(Ok(()))), [], "too late");
        assert!(hangs_up(&desk.settle(&[])));
        let kept = desk.chat(1);
        assert_eq!(kept.len(), 1, "what arrives meanwhile is stored");
        assert_eq!(desk.handle(ServiceEvent::HungUp), [SETTLE]);
        assert_eq!(desk.settle(&kept), [ServiceEffect::Exit(ServerExit::Stopped)]);
    }
}

#[test]
fn a_store_that_cannot_write_does_not_keep_it_from_stopping() {
    let mut desk = Desk::new();
    let start = desk.now.instant;
    desk.handle(ServiceEvent::Stop);
    assert!(hangs_up(&desk.wait()));
    assert_eq!(desk.now.instant - start, Duration::from_secs(10));
    assert_eq!(desk.handle(ServiceEvent::HungUp), [ServiceEffect::Exit(ServerExit::Stopped)]);
}

#[test]
fn a_second_signal_stops_it_at_once() {
    let mut desk = Desk::connected();
    desk.handle(ServiceEvent::Stop);
    let effects = desk.handle(ServiceEvent::Stop);
    assert_eq!(effects[0], ServiceEffect::DropSecond);
    assert!(hangs_up(&effects));
    assert_eq!(desk.handle(ServiceEvent::HungUp), [ServiceEffect::Exit(ServerExit::Stopped)]);
    // While a connection is being closed, too.
    let mut desk = Desk::connected();
    desk.handle(ServiceEvent::Stop);
    desk.handle(ServiceEvent::Second(Ok(())));
    assert_eq!(desk.handle(ServiceEvent::Stop), []);
    assert!(hangs_up(&desk.handle(ServiceEvent::HungUp)));
}

#[test]
fn while_leaving_only_messages_count() {
    let mut desk = Desk::connected();
    desk.handle(ServiceEvent::Stop);
    assert_eq!(desk.link(Event::Lost { reason: "x".to_owned() }), []);
    assert_eq!(desk.link(Event::Ended), []);
    assert_eq!(desk.handle(ServiceEvent::Tick { turned_away: 1 }), []);
    assert!(!hangs_up(&desk.handle(ServiceEvent::Second(Ok(())))));
}

/// How a run ends after these events of its link.
#[track_caller]
fn check(events: Vec<Event>, exit: ServerExit) {
    let mut desk = Desk::new();
    let effects: Vec<ServiceEffect> = events.into_iter().flat_map(|event| desk.link(event)).collect();
    assert_eq!(effects, [SETTLE]);
    desk.settle(&[]);
    desk.handle(ServiceEvent::HungUp);
    assert_eq!(desk.settle(&[]), [ServiceEffect::Exit(exit)]);
}

#[test]
fn a_link_that_gives_up_says_why() {
    let failed = |code| Event::Failed(Failure::new(FailureKind::Connack(code), "refused", "ask"));
    let barred = || Event::Barred { why: "it answers requests".to_owned() };
    check(vec![failed(5), Event::Ended], ServerExit::LinkEnded { code: 5 });
    check(vec![Event::Ended], ServerExit::LinkEnded { code: 1 });
    check(vec![failed(5), barred(), Event::Ended], ServerExit::AnotherServer);
    check(vec![barred(), failed(4), Event::Ended], ServerExit::LinkEnded { code: 4 });
}
