//! The chat without a broker: the tests own the clock and move it.

use super::*;
use crate::protocol::{Epoch, MessageId, Private, SentId, Session, Token, Topics};
use crate::server::history::{Committed, Page, Progress};
use chrono::DateTime;
use serde_json::{Value, json};

const SESSION: &str = "k3v9x2m1q8f0";

struct Desk {
    chat: Chat,
    now: Now,
}

impl Desk {
    /// After an earlier run, which left these; with what the first connection brings.
    fn after(kept: Vec<Kept>, rooms: Vec<(RoomName, u64)>) -> (Desk, Vec<Output>) {
        let now = Now { instant: Instant::now(), wall: DateTime::UNIX_EPOCH.fixed_offset() };
        let config = Config {
            topics: Topics::new("chat"),
            timeout: Duration::from_secs(60),
            history_limit: 50,
            instance: "i".to_owned(),
            epoch: Epoch::from_random([0; 12]),
            durable: true,
        };
        let mut desk = Desk { chat: Chat::new(config, kept, rooms, now), now };
        let outputs = desk.chat.handle(now, Input::Connected);
        (desk, outputs)
    }

    fn new() -> Desk {
        Desk::after(Vec::new(), Vec::new()).0
    }

    fn pass(&mut self, seconds: f64) {
        self.now.instant += Duration::from_secs_f64(seconds);
    }

    /// Lets time pass in ticks, as the sweep thread does; what was published meanwhile, as (topic, payload).
    fn tick_for(&mut self, seconds: f64) -> Vec<(String, Value)> {
        let mut published = Vec::new();
        for _ in 0..(seconds * 2.0) as u32 {
            self.pass(0.5);
            published.extend(self.input(Input::Tick));
        }
        published
    }

    fn input(&mut self, input: Input) -> Vec<(String, Value)> {
        published(self.chat.handle(self.now, input))
    }

    fn message(&mut self, topic: &str, payload: Value) -> Vec<(String, Value)> {
        self.input(Input::Message { topic, payload: payload.to_string().as_bytes() })
    }

    fn join(&mut self, nick: &str) -> Vec<(String, Value)> {
        self.message("chat/presence", json!({"action": "join", "username": nick, "session": SESSION, "conn": 1}))
    }
}

fn committed(committed: Committed) -> Input<'static> {
    Input::Committed { committed, delays: vec![Duration::from_millis(20)] }
}

fn published(outputs: Vec<Output>) -> Vec<(String, Value)> {
    let publication = |output| match output {
        Output::Publish(publication) => Some(publication),
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
fn a_server_that_stood_still_times_nobody_out() {
    let mut desk = Desk::new();
    desk.join("alice");
    desk.pass(600.0);
    let mut seen = desk.input(Input::Tick);
    seen.extend(desk.tick_for(59.0));
    assert_eq!(on("chat/system", &seen), Vec::<&Value>::new());
    assert_eq!(on("chat/system", &desk.tick_for(1.0)).len(), 1, "one time-out later");
}

#[test]
fn while_the_broker_is_away_nobody_leaves() {
    let mut desk = Desk::new();
    desk.join("alice");
    desk.message(
        "chat/presence",
        json!({"action": "leave", "will": true, "username": "alice", "session": SESSION, "conn": 1}),
    );
    desk.input(Input::Lost);
    assert_eq!(desk.tick_for(300.0), []);
    let back = desk.input(Input::Connected);
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
fn an_earlier_servers_will_is_contradicted() {
    let mut desk = Desk::new();
    let will = json!({"type": "server", "status": "offline", "instance": "earlier"});
    assert_eq!(on("chat/server", &desk.message("chat/server", will))[0]["status"], "online");
    let own = json!({"type": "server", "status": "online", "instance": "i"});
    assert_eq!(desk.message("chat/server", own), []);
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
fn a_message_is_kept_with_the_servers_time_where_it_has_none() {
    let mut desk = Desk::new();
    let payload = json!({"type": "chat", "username": "alice", "message": "hi"}).to_string();
    let outputs = desk.chat.handle(desk.now, Input::Message { topic: "chat/messages", payload: payload.as_bytes() });
    let [Output::Keep(Keep::Chat(arrived))] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!((arrived.timestamp.as_str(), arrived.received), ("1970-01-01T00:00:00.000+00:00", 0));
}

#[test]
fn nobody_is_told_of_what_another_sent_in_their_name() {
    let mut desk = Desk::new();
    let forged = json!({"type": "chat", "username": "alice", "message": "hi", "session": SESSION, "seq": 1});
    let seen = desk.message("chat/messages/mallory", forged);
    assert_eq!(on("chat/private/alice/server", &seen), Vec::<&Value>::new());
    assert_eq!(on("chat/private/mallory/server", &seen)[0]["code"], "bad_message");
}

#[test]
fn who_was_heard_is_written_down_now_and_then() {
    let mut desk = Desk::new();
    let seats = |outputs: Vec<Output>| outputs.iter().filter(|output| matches!(output, Output::Seats(_))).count();
    let join = json!({"action": "join", "username": "alice", "session": SESSION, "conn": 1}).to_string();
    let input = || Input::Message { topic: "chat/presence", payload: join.as_bytes() };
    assert_eq!(seats(desk.chat.handle(desk.now, input())), 1, "a join at once");
    assert_eq!(seats(desk.chat.handle(desk.now, input())), 0, "the same again is only a sign of life");
    let mut written = 0;
    for _ in 0..62 {
        desk.pass(0.5);
        written += seats(desk.chat.handle(desk.now, Input::Tick));
    }
    assert_eq!(written, 1);
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
    let seen = desk.input(Input::Rooms { rooms, reply });
    let names = |v: &Value| {
        v["rooms"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(on("chat/private/a", &seen)[0]), ["lobby", "old", "x"]);
}

#[test]
fn only_who_has_a_session_gets_more_than_the_originals_fields() {
    let mut desk = Desk::new();
    let entry = crate::protocol::Entry {
        nick: Nick::parse("bob").unwrap(),
        text: "waves".to_owned(),
        timestamp: Timestamp::parse("2026-11-22T19:11:34"),
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
    for (session, topic, fields) in
        [(None, "chat/private/Al", 4), (Session::parse(SESSION), "chat/private/al/server", 8)]
    {
        let page = Page { messages: vec![entry.clone()], span: span.clone() };
        let reply = ReplyTo { requester: Nick::parse("Al").unwrap(), session, token: Token::parse("t") };
        let seen = desk.input(Input::Page { page, reply });
        let message = on(topic, &seen)[0]["messages"][0].clone();
        assert_eq!(message.as_object().map(|o| o.len()), Some(fields), "{message}");
    }
}

const TO_ALICE: &str = "chat/private/alice/server";
const TO_BOB: &str = "chat/private/bob/server";

fn key(nick: &str) -> NickKey {
    Nick::parse(nick).unwrap().key().clone()
}

fn id(seq: u64) -> SentId {
    SentId::new(Session::parse(SESSION).unwrap(), seq).unwrap()
}

/// Alice's direct message to Bob.
fn direct(seq: u64) -> Private {
    let nick = |nick| Nick::parse(nick).unwrap();
    let (text, id) = (format!("psst {seq}"), Some(id(seq)));
    Private { nick: nick("Alice"), to: nick("Bob"), text, timestamp: None, id, action: false, late: false }
}

fn waits(row: i64) -> Direct {
    Direct { private: direct(row as u64), row }
}

impl Desk {
    fn kept(&mut self, topic: &str, payload: &Value) -> Vec<Keep> {
        let payload = payload.to_string();
        let outputs = self.chat.handle(self.now, Input::Message { topic, payload: payload.as_bytes() });
        let keep = |output| match output {
            Output::Keep(keep) => Some(keep),
            _ => None,
        };
        outputs.into_iter().filter_map(keep).collect()
    }

    fn stored(&mut self, seqs: impl Iterator<Item = u64>) -> Vec<(String, Value)> {
        let stored = seqs.map(|seq| (key("alice"), id(seq))).collect();
        self.input(committed(Committed { stored, ..Committed::default() }))
    }
}

#[test]
fn senders_are_told_what_is_stored() {
    let mut desk = Desk::new();
    assert_eq!(on("chat/server", &desk.input(Input::Connected))[0]["durable"], true);
    let told = desk.stored(1..=3);
    assert_eq!(on(TO_ALICE, &told), [&json!({"type": "stored", "session": SESSION, "seq": [[1, 3]]})]);
    assert_eq!(desk.stored(7..=7), []);
    let due = desk.chat.next_due().unwrap();
    assert_eq!(due - desk.now.instant, Duration::from_millis(200));
    desk.now.instant = due;
    assert_eq!(on(TO_ALICE, &desk.input(Input::Due))[0]["seq"], json!([[7, 7]]));
    assert_eq!(desk.chat.next_due(), None);
}

#[test]
fn nobody_is_told_of_what_is_only_in_memory() {
    let mut desk = Desk::new();
    desk.chat.config.durable = false;
    assert_eq!(on("chat/server", &desk.input(Input::Connected))[0]["durable"], false);
    assert_eq!(desk.stored(1..=3), []);
}

#[test]
fn what_is_stored_while_the_broker_is_away_is_told_when_it_is_back() {
    let mut desk = Desk::new();
    desk.input(Input::Lost);
    assert_eq!((desk.stored(1..=3), desk.chat.next_due()), (vec![], None));
    assert_eq!(on(TO_ALICE, &desk.input(Input::Connected)).len(), 1);
}

#[test]
fn rooms_are_told_how_far_they_have_come() {
    let mut desk = Desk::new();
    let progress = |from, to| {
        let ids = (from..to).map(|pos| (key("alice"), Some(id(pos + 1)))).collect();
        let progress = vec![Progress { room: RoomName::lobby(), from, to, ids }];
        committed(Committed { progress, ..Committed::default() })
    };
    let outputs = desk.chat.handle(desk.now, progress(0, 2));
    let [Output::Publish(mark)] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert!(mark.retain && mark.topic == "chat/marks/lobby");
    let payload: Value = serde_json::from_slice(&mark.payload).unwrap();
    assert_eq!((&payload["from"], &payload["ids"]), (&json!(0), &json!({"alice": {SESSION: [[1, 2]]}})));
    // What was said on a connection that broke may not have arrived.
    desk.input(Input::Lost);
    assert_eq!(desk.input(progress(2, 3)), []);
    let back = desk.input(Input::Connected);
    assert_eq!((&on("chat/marks/lobby", &back)[0]["from"], on("chat/marks/lobby", &back).len()), (&json!(2), 1));
}

#[test]
fn direct_messages_are_kept_and_their_receipts_believed_from_the_addressee() {
    let mut desk = Desk::new();
    let message: Value = serde_json::from_slice(&direct(1).to_json()).unwrap();
    let kept = desk.kept("chat/private/bob/alice", &message);
    assert!(matches!(&kept[..], [Keep::Direct(arrived)] if arrived.private.text == "psst 1"), "{kept:?}");
    let mut nameless = message.clone();
    nameless["session"] = Value::Null;
    assert!(desk.kept("chat/private/bob/alice", &nameless).is_empty());

    let receipt =
        json!({"type": "receipt", "username": "Bob", "of": {"username": "Alice", "id": format!("{SESSION}-1")}});
    let kept = desk.kept("chat/private/alice/bob", &receipt);
    let [Keep::Delivered { to, sender, .. }] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((to, sender), (&key("bob"), &key("alice")));
    for topic in ["chat/private/alice/mallory", "chat/private/carol/bob", TO_BOB] {
        assert!(desk.kept(topic, &receipt).is_empty(), "{topic}");
    }
}

#[test]
fn a_direct_message_that_is_not_valid_is_settled_by_an_error() {
    let mut desk = Desk::new();
    let message: Value = serde_json::from_slice(&direct(1).to_json()).unwrap();
    let mut long = message.clone();
    long["message"] = "x".repeat(4_001).into();
    let told = desk.message("chat/private/bob/alice", long);
    let error = on(TO_ALICE, &told)[0];
    assert_eq!((&error["code"], &error["of"]), (&json!("too_large"), &json!(format!("{SESSION}-1"))));
    let told = desk.message("chat/private/carol/alice", message.clone());
    assert_eq!(on(TO_ALICE, &told)[0]["of"], json!(format!("{SESSION}-1")), "another addressee than its topic's");
    let told = desk.message("chat/private/bob/mallory", message);
    assert_eq!(on(TO_ALICE, &told), Vec::<&Value>::new());
}

#[test]
fn who_is_away_gets_it_when_they_join() {
    let mut desk = Desk::new();
    let direct = vec![waits(1)];
    let told = desk.input(committed(Committed { direct, ..Committed::default() }));
    assert_eq!(on(TO_ALICE, &told), [&json!({"type": "waiting", "of": format!("{SESSION}-1"), "to": "Bob"})]);
    let join = json!({"action": "join", "username": "Bob", "session": SESSION, "conn": 1}).to_string();
    let outputs = desk.chat.handle(desk.now, Input::Message { topic: "chat/presence", payload: join.as_bytes() });
    assert!(outputs.iter().any(|output| matches!(output, Output::Ask(Question::Waiting { after: 0, .. }))));
    let found = vec![waits(1)];
    let sent = desk.input(Input::Waiting { to: key("bob"), after: 0, found });
    let message = on(TO_BOB, &sent)[0];
    assert_eq!(
        (&message["type"], &message["message"], &message["late"]),
        (&json!("private"), &json!("psst 1"), &json!(true))
    );
}

#[test]
fn a_join_that_is_only_repeated_has_nothing_sent_again() {
    let mut desk = Desk::new();
    let mut asked = |nick: &str, session: Option<&str>, conn: u32| {
        let join = json!({"action": "join", "username": nick, "session": session, "conn": conn}).to_string();
        let outputs = desk.chat.handle(desk.now, Input::Message { topic: "chat/presence", payload: join.as_bytes() });
        let is_asked = outputs.iter().any(|output| matches!(output, Output::Ask(Question::Waiting { .. })));
        // Nothing waits.
        desk.input(Input::Waiting { to: key(nick), after: 0, found: Vec::new() });
        is_asked
    };
    assert_eq!([1, 1, 2, 2, 1].map(|conn| asked("bob", Some(SESSION), conn)), [true, false, true, false, false]);
    assert_eq!([0, 0].map(|conn| asked("carol", None, conn)), [true, false]);
}

#[test]
fn a_server_that_starts_again_goes_on_where_it_was() {
    let seat = |nick: &str| Kept {
        nick: Nick::parse(nick).unwrap(),
        session: Session::parse(SESSION),
        conn: 1,
        rooms: Vec::new(),
        heard: 0,
    };
    let rooms = vec![(RoomName::lobby(), 7)];
    let (mut desk, outputs) = Desk::after(vec![seat("Bob"), seat("carol")], rooms);
    let asked = |outputs: &[Output]| -> Vec<String> {
        let key = |output: &Output| match output {
            Output::Ask(Question::Waiting { to, after: 0 }) => Some(to.to_string()),
            _ => None,
        };
        outputs.iter().filter_map(key).collect()
    };
    assert_eq!(asked(&outputs), ["bob", "carol"]);
    let seen = published(outputs);
    let mark = on("chat/marks/lobby", &seen)[0];
    assert_eq!((&mark["from"], &mark["to"], &mark["ids"]), (&json!(7), &json!(7), &json!({})));
    let sent = desk.input(Input::Waiting { to: key("bob"), after: 0, found: vec![waits(1)] });
    assert_eq!(on(TO_BOB, &sent).len(), 1);
    desk.input(Input::Lost);
    assert_eq!(asked(&desk.chat.handle(desk.now, Input::Connected)), [""; 0], "that is under way");
}

#[test]
fn an_original_client_gets_a_direct_message_as_a_history() {
    let mut desk = Desk::new();
    desk.message("chat/presence", json!({"action": "join", "username": "BOB"}));
    let direct = vec![waits(1)];
    let outputs = desk.chat.handle(desk.now, committed(Committed { direct, ..Committed::default() }));
    assert!(outputs.iter().any(|output| matches!(output, Output::Keep(Keep::Delivered { .. }))));
    let sent = published(outputs);
    let page = on("chat/private/BOB", &sent)[0];
    let message = &page["messages"][0];
    assert_eq!((&message["username"], &message["message"]), (&json!("Alice"), &json!("(direct) psst 1")));
    assert!(message["timestamp"].is_string() && message.as_object().unwrap().len() == 4);
    assert_eq!(on(TO_ALICE, &sent)[0]["of"], json!({"username": "Alice", "id": format!("{SESSION}-1")}));
}

#[test]
fn what_is_stored_while_the_broker_is_away_is_served_when_it_is_back() {
    let mut desk = Desk::new();
    desk.message("chat/presence", json!({"action": "join", "username": "Bob"}));
    desk.input(Input::Lost);
    let direct = vec![waits(1)];
    assert_eq!(desk.input(committed(Committed { direct, ..Committed::default() })), []);
    assert_eq!(on("chat/private/Bob", &desk.input(Input::Connected)).len(), 1);
}

#[test]
fn searches_are_read_before_they_are_asked() {
    let mut desk = Desk::new();
    let mut ask = |text: &str| {
        let request = json!({"requester": "alice", "session": SESSION, "request": "s1", "text": text, "room": "dev"});
        let payload = request.to_string();
        let topic = "chat/request/search/alice";
        desk.chat.handle(desk.now, Input::Message { topic, payload: payload.as_bytes() })
    };
    let outputs = ask("hello room:ops");
    let [Output::Ask(Question::Search { query, limit, .. })] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!((query.room.as_ref().map(RoomName::as_str), *limit), (Some("ops"), 20));
    let outputs = ask("hello");
    let [Output::Ask(Question::Search { query, .. })] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!(query.room.as_ref().map(RoomName::as_str), Some("dev"));
    let refused = published(ask("p*"));
    let error = on(TO_ALICE, &refused)[0];
    assert_eq!((&error["code"], &error["request"]), (&json!("bad_request"), &json!("s1")));
    assert!(error["message"].as_str().unwrap().contains("too short"));
}

#[test]
fn what_is_turned_away_is_counted() {
    let mut desk = Desk::new();
    desk.input(Input::TurnedAway(7));
    let seen = desk.tick_for(11.0);
    assert_eq!(on("chat/stats", &seen).last().unwrap()["dropped_total"], 7);
}

#[test]
fn how_long_commits_take_is_told_once() {
    let mut desk = Desk::new();
    desk.input(committed(Committed::default()));
    let seen = desk.tick_for(22.0);
    let told = on("chat/stats", &seen);
    let median = |stats: &Value| stats["commit_median_ms"].as_f64();
    let first = told.iter().find_map(|stats| median(stats)).expect("a time");
    assert!((20.0..22.1).contains(&first), "{first}");
    assert_eq!(told.last().and_then(|stats| median(stats)), None);
}
