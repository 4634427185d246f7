//! Storing and confirming messages, direct messages, searches.

use super::*;

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

fn waits(row: i64) -> WaitingDirect {
    WaitingDirect { private: direct(row as u64), row }
}

impl Desk {
    fn kept(&mut self, topic: &str, payload: &Value) -> Vec<Keep> {
        let payload = payload.to_string();
        let outputs = self.chat.handle(self.now, arrives(topic, &payload));
        let keep = |output| match output {
            ServiceEffect::Store(StoreTask::Keep(keep)) => Some(keep),
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
    assert_eq!(on("chat/server", &desk.input(connected()))[0]["durable"], true);
    let told = desk.stored(1..=3);
    assert_eq!(on(TO_ALICE, &told), [&json!({"type": "stored", "session": SESSION, "seq": [[1, 3]]})]);
    assert_eq!(desk.stored(7..=7), []);
    let due = desk.chat.next_due().unwrap();
    assert_eq!(due - desk.now.instant, Duration::from_millis(200));
    desk.now.instant = due;
    assert_eq!(on(TO_ALICE, &desk.input(ServiceEvent::Due))[0]["seq"], json!([[7, 7]]));
    assert_eq!(desk.chat.next_due(), None);
}

#[test]
fn a_history_in_memory_is_confirmed_and_announced_as_such() {
    let mut desk = Desk::new();
    desk.chat.config.durable = false;
    assert_eq!(on("chat/server", &desk.input(connected()))[0]["durable"], false);
    assert_eq!(on(TO_ALICE, &desk.stored(1..=3))[0]["seq"], json!([[1, 3]]));
}

#[test]
fn messages_stored_without_a_broker_are_confirmed_later() {
    let mut desk = Desk::new();
    desk.input(lost());
    assert_eq!((desk.stored(1..=3), desk.chat.next_due()), (vec![], None));
    assert_eq!(on(TO_ALICE, &desk.input(connected())).len(), 1);
}

#[test]
fn rooms_are_told_how_far_they_have_come() {
    let mut desk = Desk::new();
    let progress = |from, to| {
        let ids = (from..to).map(|pos| (key("alice"), Some(id(pos + 1)))).collect();
        let progress = vec![RoomProgress { room: RoomName::lobby(), from, to, ids }];
        committed(Committed { progress, ..Committed::default() })
    };
    let outputs = desk.chat.handle(desk.now, progress(0, 2));
    let [ServiceEffect::Publish(mark)] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert!(mark.retain && mark.topic == "chat/marks/lobby");
    let payload: Value = serde_json::from_slice(&mark.payload).unwrap();
    assert_eq!((&payload["from"], &payload["ids"]), (&json!(0), &json!({"alice": {SESSION: [[1, 2]]}})));
    // What was published on a broken connection may not have arrived.
    desk.input(lost());
    assert_eq!(desk.input(progress(2, 3)), []);
    let back = desk.input(connected());
    assert_eq!((&on("chat/marks/lobby", &back)[0]["from"], on("chat/marks/lobby", &back).len()), (&json!(2), 1));
}

/// The rooms whose marks are removed from the broker, and those that get one.
fn marks(outputs: Vec<ServiceEffect>) -> (Vec<String>, Vec<String>) {
    let is_mark = |output| match output {
        ServiceEffect::Publish(publication) if publication.topic.starts_with("chat/marks/") => Some(publication),
        _ => None,
    };
    let (cleared, told): (Vec<_>, Vec<_>) =
        outputs.into_iter().filter_map(is_mark).partition(|mark| mark.payload.is_empty());
    assert!(cleared.iter().chain(&told).all(|mark| mark.retain));
    let topics = |marks: Vec<Publication>| marks.into_iter().map(|mark| mark.topic).collect();
    (topics(cleared), topics(told))
}

#[test]
fn the_marks_of_forgotten_rooms_go_when_the_broker_is_there() {
    let mut desk = Desk::new();
    let dev = || RoomName::parse("dev").unwrap();
    let said = || {
        let progress = vec![RoomProgress { room: dev(), from: 0, to: 1, ids: vec![(key("alice"), Some(id(1)))] }];
        committed(Committed { progress, ..Committed::default() })
    };
    let topic = "chat/marks/dev".to_owned();
    assert_eq!(marks(desk.chat.handle(desk.now, said())), (vec![], vec![topic.clone()]));
    let forgotten = desk.chat.handle(desk.now, ServiceEvent::Store(StoreAnswer::RoomsForgotten(vec![dev()])));
    assert_eq!(marks(forgotten), (vec![topic.clone()], vec![]));
    // Its last position is not published again.
    assert!(!desk.tick_for(70.0).iter().any(|(name, _)| *name == topic));

    desk.input(lost());
    assert_eq!(
        marks(desk.chat.handle(desk.now, ServiceEvent::Store(StoreAnswer::RoomsForgotten(vec![dev()])))),
        (vec![], vec![])
    );
    desk.input(said());
    // The room came back in the meantime.
    let outputs = desk.chat.handle(desk.now, connected());
    let last = outputs.iter().rev().find_map(|output| match output {
        ServiceEffect::Publish(publication) if publication.topic == topic => Some(!publication.payload.is_empty()),
        _ => None,
    });
    assert_eq!((last, marks(outputs)), (Some(true), (vec![topic.clone()], vec![topic])));
    desk.input(lost());
    assert_eq!(marks(desk.chat.handle(desk.now, connected())).0, [""; 0]);
}

#[test]
fn errors_are_sent_only_with_a_broker() {
    let mut desk = Desk::new();
    let refused = || {
        let why = StoreRefusal::NoRoom { to: Nick::parse("Bob").unwrap() };
        let refused = vec![Refused { sender: key("alice"), id: id(7), why }];
        committed(Committed { refused, ..Committed::default() })
    };
    let told = desk.input(refused());
    let message = "no room for more waiting direct messages: this one is not kept for Bob";
    let of = format!("{SESSION}-7");
    let error = json!({"type": "error", "code": "full", "message": message, "session": SESSION, "of": of});
    assert_eq!(on(TO_ALICE, &told), [&error]);
    desk.input(lost());
    assert_eq!(desk.input(refused()), []);
}

#[test]
fn direct_messages_are_kept_and_their_receipts_believed_from_the_addressee() {
    let mut desk = Desk::new();
    let message: Value = serde_json::from_slice(&direct(1).to_json()).unwrap();
    let kept = desk.kept("chat/private/bob/alice", &message);
    assert!(matches!(&kept[..], [Keep::Message(arrived)] if arrived.message.text == "psst 1"), "{kept:?}");
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
fn an_absent_addressee_gets_it_on_joining() {
    let mut desk = Desk::new();
    let direct = vec![waits(1)];
    let told = desk.input(committed(Committed { direct, ..Committed::default() }));
    assert_eq!(on(TO_ALICE, &told), [&json!({"type": "waiting", "of": format!("{SESSION}-1"), "to": "Bob"})]);
    let join = json!({"action": "join", "username": "Bob", "session": SESSION, "conn": 1}).to_string();
    let outputs = desk.chat.handle(desk.now, arrives("chat/presence", &join));
    assert!(
        outputs.iter().any(|output| matches!(
            output,
            ServiceEffect::Store(StoreTask::Ask(StoreQuestion::Waiting { after: 0, .. }))
        ))
    );
    let found = vec![waits(1)];
    let sent = desk.input(ServiceEvent::Store(StoreAnswer::Waiting { to: key("bob"), after: 0, found }));
    let message = on(TO_BOB, &sent)[0];
    assert_eq!(
        (&message["type"], &message["message"], &message["late"]),
        (&json!("private"), &json!("psst 1"), &json!(true))
    );
}

#[test]
fn a_repeated_join_causes_no_retransmission() {
    let mut desk = Desk::new();
    let mut asked = |nick: &str, session: Option<&str>, conn: u32| {
        let join = json!({"action": "join", "username": nick, "session": session, "conn": conn}).to_string();
        let outputs = desk.chat.handle(desk.now, arrives("chat/presence", &join));
        let is_asked = outputs
            .iter()
            .any(|output| matches!(output, ServiceEffect::Store(StoreTask::Ask(StoreQuestion::Waiting { .. }))));
        // Nothing waits.
        desk.input(ServiceEvent::Store(StoreAnswer::Waiting { to: key(nick), after: 0, found: Vec::new() }));
        is_asked
    };
    assert_eq!([1, 1, 2, 2, 1].map(|conn| asked("bob", Some(SESSION), conn)), [true, false, true, false, false]);
    // An original client joins only on a new connection, so it is asked for each time.
    assert_eq!([0, 0].map(|conn| asked("carol", None, conn)), [true, true]);
}

#[test]
fn a_restarted_server_continues_where_it_was() {
    let seat = |nick: &str| KeptSeat {
        nick: Nick::parse(nick).unwrap(),
        session: Session::parse(SESSION),
        conn: 1,
        rooms: Vec::new(),
    };
    let rooms = vec![(RoomName::lobby(), 7)];
    let (mut desk, outputs) = Desk::after(vec![seat("Bob"), seat("carol")], rooms);
    let asked = |outputs: &[ServiceEffect]| -> Vec<String> {
        let key = |output: &ServiceEffect| match output {
            ServiceEffect::Store(StoreTask::Ask(StoreQuestion::Waiting { to, after: 0, .. })) => Some(to.to_string()),
            _ => None,
        };
        outputs.iter().filter_map(key).collect()
    };
    assert_eq!(asked(&outputs), ["bob", "carol"]);
    let seen = published(outputs);
    let mark = on("chat/marks/lobby", &seen)[0];
    assert_eq!((&mark["from"], &mark["to"], &mark["ids"]), (&json!(7), &json!(7), &json!({})));
    let sent =
        desk.input(ServiceEvent::Store(StoreAnswer::Waiting { to: key("bob"), after: 0, found: vec![waits(1)] }));
    assert_eq!(on(TO_BOB, &sent).len(), 1);
    desk.input(lost());
    assert_eq!(asked(&desk.chat.handle(desk.now, connected())), [""; 0], "that is under way");
}

#[test]
fn an_original_client_gets_a_direct_message_as_a_history() {
    let mut desk = Desk::new();
    desk.message("chat/presence", json!({"action": "join", "username": "BOB"}));
    let timestamp = Timestamp::parse("2026-11-22t20:30:00z");
    let direct = vec![WaitingDirect { private: Private { timestamp, ..direct(1) }, row: 1 }];
    let outputs = desk.chat.handle(desk.now, committed(Committed { direct, ..Committed::default() }));
    assert!(!outputs.iter().any(|output| matches!(output, ServiceEffect::Store(StoreTask::Keep(_)))), "it may be dead");
    let sent = published(outputs);
    let page = on("chat/private/BOB", &sent)[0];
    let message = json!({"type": "chat", "username": "Alice", "message": "(direct) psst 1", "timestamp": "2026-11-22T20:30:00.000+00:00"});
    assert_eq!(page["messages"], json!([message]));
    assert_eq!(on(TO_ALICE, &sent), Vec::<&Value>::new());

    desk.pass(30.0);
    let heartbeat = json!({"action": "heartbeat", "username": "BOB"});
    let payload = heartbeat.to_string();
    let topic = "chat/presence";
    let outputs = desk.chat.handle(desk.now, arrives(topic, &payload));
    assert!(
        outputs.iter().any(|output| matches!(output, ServiceEffect::Store(StoreTask::Keep(Keep::Delivered { .. }))))
    );
    let receipt = &published(outputs);
    assert_eq!(on(TO_ALICE, receipt)[0]["of"], json!({"username": "Alice", "id": format!("{SESSION}-1")}));
    assert_eq!(desk.message(topic, heartbeat), []);
}

#[test]
fn an_original_client_that_times_out_has_received_nothing() {
    let mut desk = Desk::new();
    desk.message("chat/presence", json!({"action": "join", "username": "BOB"}));
    let direct = vec![waits(1)];
    desk.input(committed(Committed { direct, ..Committed::default() }));
    let seen = desk.tick_for(61.0);
    assert_eq!(on(TO_ALICE, &seen), [&json!({"type": "waiting", "of": format!("{SESSION}-1"), "to": "Bob"})]);
}

#[test]
fn direct_messages_stored_without_a_broker_are_served_later() {
    let mut desk = Desk::new();
    desk.message("chat/presence", json!({"action": "join", "username": "Bob"}));
    desk.input(lost());
    let direct = vec![waits(1)];
    assert_eq!(desk.input(committed(Committed { direct, ..Committed::default() })), []);
    assert_eq!(on("chat/private/Bob", &desk.input(connected())).len(), 1);
}

#[test]
fn searches_are_validated_before_they_are_sent() {
    let mut desk = Desk::new();
    let mut ask = |text: &str| {
        let request = json!({"requester": "alice", "session": SESSION, "request": "s1", "text": text, "room": "dev"});
        let payload = request.to_string();
        let topic = "chat/request/search/alice";
        desk.chat.handle(desk.now, arrives(topic, &payload))
    };
    let outputs = ask("hello room:ops");
    let [ServiceEffect::Store(StoreTask::Ask(StoreQuestion::Search { query, limit, .. }))] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };
    assert_eq!((query.room.as_ref().map(RoomName::as_str), *limit), (Some("ops"), 20));
    let outputs = ask("hello");
    let [ServiceEffect::Store(StoreTask::Ask(StoreQuestion::Search { query, .. }))] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };
    assert_eq!(query.room.as_ref().map(RoomName::as_str), Some("dev"));
    let refused = published(ask("p*"));
    let error = on(TO_ALICE, &refused)[0];
    assert_eq!((&error["code"], &error["request"]), (&json!("bad_request"), &json!("s1")));
    assert!(error["message"].as_str().unwrap().contains("too short"));
}

#[test]
fn messages_turned_away_are_counted() {
    let mut desk = Desk::new();
    desk.input(ServiceEvent::Tick { turned_away: 7 });
    let seen = desk.tick_for(11.0);
    assert_eq!(on("chat/stats", &seen).last().unwrap()["dropped_total"], 7);
}

#[test]
fn commit_times_are_published_once() {
    let mut desk = Desk::new();
    let arrived = vec![desk.now.instant];
    desk.pass(0.02);
    desk.input(ServiceEvent::Store(StoreAnswer::Committed { committed: Committed::default(), arrived }));
    let seen = desk.tick_for(22.0);
    let told = on("chat/stats", &seen);
    let median = |stats: &Value| stats["commit_median_ms"].as_f64();
    let first = told.iter().find_map(|stats| median(stats)).expect("a time");
    assert!((20.0..22.1).contains(&first), "{first}");
    assert_eq!(told.last().and_then(|stats| median(stats)), None);
}
