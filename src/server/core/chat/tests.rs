//! The chat without a broker. The tests move the clock.

mod keeping;

use super::*;
use crate::link::Version;
use crate::now::an_instant;
use crate::protocol::{Epoch, MessageId, Private, SentId, Session, Token, Topics};
use crate::server::core::record::{
    Committed, EarlierRun, KeptSeat, Page, Refused, ReplyTo, RoomProgress, StoreQuestion, StoreRefusal,
};
use chrono::DateTime;
use serde_json::{Value, json};

const SESSION: &str = "k3v9x2m1q8f0";

struct Desk {
    chat: ServerChat,
    now: Now,
}

impl Desk {
    /// A server after an earlier run that left these, and the outputs of its first connection.
    fn after(kept: Vec<KeptSeat>, rooms: Vec<(RoomName, u64)>) -> (Desk, Vec<ServiceEffect>) {
        let now = Now { instant: an_instant(), wall: DateTime::UNIX_EPOCH.fixed_offset() };
        let config = Config {
            topics: Topics::new("chat"),
            timeout: Duration::from_secs(60),
            history_limit: 50,
            instance: "i".to_owned(),
            durable: true,
        };
        let mut desk = Desk {
            chat: ServerChat::new(config, EarlierRun { epoch: Epoch::from_random([0; 12]), seats: kept, rooms }, now),
            now,
        };
        let outputs = desk.chat.handle(now, connected());
        (desk, outputs)
    }

    fn new() -> Desk {
        Desk::after(Vec::new(), Vec::new()).0
    }

    fn pass(&mut self, seconds: f64) {
        self.now.instant += Duration::from_secs_f64(seconds);
    }

    /// Advances the clock in ticks, like the sweep thread. Returns what was published, as (topic, payload).
    fn tick_for(&mut self, seconds: f64) -> Vec<(String, Value)> {
        let mut published = Vec::new();
        for _ in 0..(seconds * 2.0) as u32 {
            self.pass(0.5);
            published.extend(self.input(ServiceEvent::Tick { turned_away: 0 }));
        }
        published
    }

    fn input(&mut self, event: ServiceEvent) -> Vec<(String, Value)> {
        published(self.chat.handle(self.now, event))
    }

    fn message(&mut self, topic: &str, payload: Value) -> Vec<(String, Value)> {
        self.input(arrives(topic, &payload.to_string()))
    }

    fn join(&mut self, nick: &str) -> Vec<(String, Value)> {
        self.message("chat/presence", json!({"action": "join", "username": nick, "session": SESSION, "conn": 1}))
    }
}

fn connected() -> ServiceEvent {
    let (version, refused) = (Version::V5, Vec::new());
    ServiceEvent::Link(LinkEvent::Connected { session_present: false, version, conn: 1, refused, tls: None })
}

fn lost() -> ServiceEvent {
    ServiceEvent::Link(LinkEvent::Lost { reason: "gone".to_owned() })
}

fn arrives(topic: &str, payload: &str) -> ServiceEvent {
    let (topic, payload) = (topic.to_owned(), payload.into());
    ServiceEvent::Link(LinkEvent::Message(Message { topic, payload, qos: Qos::AtLeastOnce, retained: false }))
}

fn committed(committed: Committed) -> ServiceEvent {
    ServiceEvent::Store(StoreAnswer::Committed { committed, arrived: Vec::new() })
}

fn published(outputs: Vec<ServiceEffect>) -> Vec<(String, Value)> {
    let publication = |output| match output {
        ServiceEffect::Publish(publication) => Some(publication),
        _ => None,
    };
    let read = |p: Publication| (p.topic, serde_json::from_slice(&p.payload).expect("JSON"));
    outputs.into_iter().filter_map(publication).map(read).collect()
}

fn on<'a>(topic: &'a str, published: &'a [(String, Value)]) -> Vec<&'a Value> {
    published.iter().filter(|(name, _)| name == topic).map(|(_, payload)| payload).collect()
}

#[test]
fn silence_is_a_timeout_and_heartbeats_prevent_it() {
    let mut desk = Desk::new();
    desk.join("alice");
    desk.join("bob");
    let mut seen = desk.tick_for(40.0);
    desk.message("chat/presence", json!({"action": "heartbeat", "username": "alice", "session": SESSION, "conn": 1}));
    seen.extend(desk.tick_for(50.0));
    let told = on("chat/system", &seen);
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["type"], &told[0]["username"]), (&json!("user_timeout"), &json!("bob")));
}

#[test]
fn a_stopped_server_times_nobody_out_afterwards() {
    let mut desk = Desk::new();
    desk.join("alice");
    desk.pass(600.0);
    let mut seen = desk.input(ServiceEvent::Tick { turned_away: 0 });
    seen.extend(desk.tick_for(59.0));
    assert_eq!(on("chat/system", &seen), Vec::<&Value>::new());
    assert_eq!(on("chat/system", &desk.tick_for(1.0)).len(), 1, "one timeout later");
}

#[test]
fn while_the_broker_is_away_nobody_leaves() {
    let mut desk = Desk::new();
    desk.join("alice");
    desk.message(
        "chat/presence",
        json!({"action": "leave", "will": true, "username": "alice", "session": SESSION, "conn": 1}),
    );
    desk.input(lost());
    assert_eq!(desk.tick_for(300.0), []);
    let back = desk.input(connected());
    assert_eq!(on("chat/users", &back)[0]["users"], json!(["alice"]));
    assert_eq!(on("chat/server", &back)[0]["status"], "online");
    assert_eq!(on("chat/system", &desk.tick_for(59.0)), Vec::<&Value>::new());
}

#[test]
fn the_retained_list_follows_at_most_every_30_seconds() {
    let mut desk = Desk::new();
    desk.join("alice");
    assert_eq!(on("chat/users", &desk.tick_for(29.0)).len(), 0, "published at the connect");
    let seen = desk.tick_for(2.0);
    assert_eq!(on("chat/users", &seen)[0]["users"], json!(["alice"]));
    assert_eq!(on("chat/users", &desk.tick_for(20.0)).len(), 0, "nothing changed");
}

#[test]
fn a_storm_of_joins_costs_a_bounded_number_of_notices() {
    let mut desk = Desk::new();
    let mut seen = Vec::new();
    for n in 0..3_000 {
        seen.extend(desk.join(&format!("user{n}")));
    }
    seen.extend(desk.tick_for(3.0));
    let told = on("chat/system", &seen);
    assert_eq!(told.len(), 6, "five single ones and one for the rest");
    let last = told[5];
    assert_eq!((&last["count"], &last["online_users"]), (&json!(2_995), &json!(3_000)));
    assert!(last.get("users_list").is_none(), "nobody reads 3,000 names");
    assert!(last.to_string().len() < 1_000);
    assert_eq!(on("chat/private/user7/server", &seen)[0]["type"], "welcome");
}

#[test]
fn long_lists_are_cut() {
    let mut desk = Desk::new();
    for n in 0..600 {
        desk.join(&format!("user{n}"));
    }
    let request = json!({"requester": "user1", "session": SESSION, "request": "u1"});
    let reply = desk.message("chat/request/users/user1", request);
    let users = on("chat/private/user1/server", &reply)[0].clone();
    assert_eq!(users["users"].as_array().map(Vec::len), Some(500));
    assert_eq!((&users["count"], &users["truncated"], &users["request"]), (&json!(600), &json!(true), &json!("u1")));
}

#[test]
fn an_earlier_servers_will_is_corrected() {
    let mut desk = Desk::new();
    let will = json!({"type": "server", "status": "offline", "instance": "earlier"});
    assert_eq!(on("chat/server", &desk.message("chat/server", will))[0]["status"], "online");
    let own = json!({"type": "server", "status": "online", "instance": "i"});
    assert_eq!(desk.message("chat/server", own), []);
    let other = json!({"type": "server", "status": "online", "instance": "other"});
    assert_eq!(desk.message("chat/server", other), [], "two servers that contradict each other would never end");
}

#[test]
fn the_servers_description_is_repeated_each_minute() {
    let mut desk = Desk::new();
    assert_eq!(on("chat/server", &desk.tick_for(59.0)), Vec::<&Value>::new());
    let said = desk.tick_for(62.0);
    let statuses: Vec<&Value> = on("chat/server", &said).into_iter().map(|info| &info["status"]).collect();
    assert_eq!(statuses, ["online", "online"]);
}

#[test]
fn no_list_exceeds_the_size_of_a_reply() {
    let mut desk = Desk::new();
    for n in 0..500 {
        desk.join(&format!("{n:03}{}", "𝒂".repeat(29)));
    }
    let request = json!({"requester": "a", "session": SESSION, "request": "u1"});
    let reply = desk.message("chat/request/users", request);
    let users = on("chat/private/a/server", &reply)[0];
    assert!(users.to_string().len() <= crate::protocol::limits::REPLY_BYTES);
    assert_eq!((&users["count"], &users["truncated"]), (&json!(500), &json!(true)));
}

#[test]
fn a_message_without_a_time_is_stored_with_the_servers() {
    let mut desk = Desk::new();
    let payload = json!({"type": "chat", "username": "alice", "message": "hi"}).to_string();
    let outputs = desk.chat.handle(desk.now, arrives("chat/messages", &payload));
    let [ServiceEffect::Store(StoreTask::Keep(Keep::Message(arrived)))] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };
    let time = arrived.message.timestamp.as_ref().map(Timestamp::as_str);
    assert_eq!((time, arrived.received), (Some("1970-01-01T00:00:00.000+00:00"), 0));
}

#[test]
fn errors_do_not_go_to_victims_of_a_forged_nick() {
    let mut desk = Desk::new();
    let forged = json!({"type": "chat", "username": "alice", "message": "hi", "session": SESSION, "seq": 1});
    let seen = desk.message("chat/messages/mallory", forged);
    assert_eq!(on("chat/private/alice/server", &seen), Vec::<&Value>::new());
    assert_eq!(on("chat/private/mallory/server", &seen)[0]["code"], "bad_message");
}

#[test]
fn a_sign_of_life_is_not_stored() {
    let mut desk = Desk::new();
    let seats = |outputs: Vec<ServiceEffect>| {
        outputs.iter().filter(|output| matches!(output, ServiceEffect::Store(StoreTask::Seats(_)))).count()
    };
    let join = json!({"action": "join", "username": "alice", "session": SESSION, "conn": 1}).to_string();
    let input = || arrives("chat/presence", &join);
    assert_eq!(seats(desk.chat.handle(desk.now, input())), 1, "a join at once");
    assert_eq!(seats(desk.chat.handle(desk.now, input())), 0, "the same again is only a sign of life");
    let mut written = 0;
    for _ in 0..62 {
        desk.pass(0.5);
        written += seats(desk.chat.handle(desk.now, ServiceEvent::Tick { turned_away: 0 }));
    }
    assert_eq!(written, 0);
}

#[test]
fn rooms_nobody_spoke_in_are_listed_by_their_members() {
    let mut desk = Desk::new();
    desk.message(
        "chat/presence",
        json!({"action": "join", "username": "a", "session": SESSION, "conn": 1, "rooms": ["x"]}),
    );
    let reply = ReplyTo { requester: Nick::parse("a").unwrap(), session: None, token: None };
    let rooms = vec![(RoomName::parse("old").unwrap(), 7)];
    let seen = desk.input(ServiceEvent::Store(StoreAnswer::Rooms { rooms, reply }));
    let names = |v: &Value| {
        v["rooms"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(on("chat/private/a", &seen)[0]), ["lobby", "old", "x"]);
}

#[test]
fn only_clients_with_a_session_get_more_than_the_originals_fields() {
    let mut desk = Desk::new();
    let entry = crate::protocol::Entry {
        nick: Nick::parse("bob").unwrap(),
        text: "waves".to_owned(),
        timestamp: Timestamp::parse("2026-11-22T19:11:34.5"),
        action: true,
        late: true,
        id: MessageId::parse("x-1"),
        pos: Some(1),
        received: None,
    };
    let span = crate::protocol::history::Span {
        room: RoomName::lobby(),
        epoch: crate::protocol::Epoch::from_random([0; 12]),
        from: 0,
        to: 1,
        complete: true,
        gap: false,
    };
    for (session, topic, fields, fraction) in
        [(None, "chat/private/Al", 4, ".500"), (Session::parse(SESSION), "chat/private/al/server", 8, ".5")]
    {
        let page = Page { messages: vec![entry.clone()], span: span.clone() };
        let reply = ReplyTo { requester: Nick::parse("Al").unwrap(), session, token: Token::parse("t") };
        let seen = desk.input(ServiceEvent::Store(StoreAnswer::Page { page, reply }));
        let message = on(topic, &seen)[0]["messages"][0].clone();
        assert_eq!(message.as_object().map(|o| o.len()), Some(fields), "{message}");
        assert_eq!(message["timestamp"], format!("2026-11-22T19:11:34{fraction}"));
    }
}
