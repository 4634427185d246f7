//! Laws of the wire: what is written reads back as the same, no byte string causes a panic, and the payloads of the
//! original programs are judged as docs/protocol.md says.

use mqttchat::protocol::history::Span;
use mqttchat::protocol::*;
use proptest::prelude::*;

fn nick() -> impl Strategy<Value = Nick> {
    "[A-Za-z0-9äÖß日 ._-]{1,32}".prop_filter_map("a nick", |text| Nick::parse(&text).ok())
}

fn room() -> impl Strategy<Value = RoomName> {
    "[a-z0-9_-]{1,32}".prop_filter_map("a room", |text| RoomName::parse(&text).ok())
}

fn session() -> impl Strategy<Value = Session> {
    any::<[u8; 12]>().prop_map(Session::from_random)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<[u8; 12]>().prop_map(Epoch::from_random)
}

fn token() -> impl Strategy<Value = Token> {
    "[A-Za-z0-9_-]{1,32}".prop_filter_map("a token", |text| Token::parse(&text))
}

fn sent_id() -> impl Strategy<Value = SentId> {
    (session(), 1..=id::MAX_SEQ).prop_filter_map("an id", |(session, seq)| SentId::new(session, seq))
}

fn message_id() -> impl Strategy<Value = MessageId> {
    prop_oneof![sent_id().prop_map(MessageId::Sent), any::<u64>().prop_map(MessageId::Row)]
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let zoned = "20[0-9]{2}-0[1-9]-[12][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:[03]0)";
    let naive = "20[0-9]{2}-0[1-9]-[12][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?";
    prop_oneof![zoned, naive].prop_filter_map("a timestamp", |text| Timestamp::parse(&text))
}

fn entry() -> impl Strategy<Value = Entry> {
    let stored =
        (proptest::option::of(message_id()), proptest::option::of(any::<u64>()), proptest::option::of(timestamp()));
    (nick(), ".{0,200}", proptest::option::of(timestamp()), any::<bool>(), any::<bool>(), stored).prop_map(
        |(nick, text, timestamp, action, late, (id, pos, received))| Entry {
            nick,
            text,
            timestamp,
            action,
            late,
            id,
            pos,
            received,
        },
    )
}

fn topic() -> impl Strategy<Value = Topic> {
    let key = || nick().prop_map(|nick| nick.key().clone());
    let what = prop_oneof![
        Just(RequestKind::Users),
        Just(RequestKind::History),
        Just(RequestKind::Rooms),
        Just(RequestKind::Search),
        Just(RequestKind::Ping)
    ];
    prop_oneof![
        proptest::option::of(key()).prop_map(|sender| Topic::Messages { sender }),
        (room().prop_filter("not the lobby", |room| !room.is_lobby()), key())
            .prop_map(|(room, sender)| Topic::Room { room, sender }),
        (key(), key()).prop_map(|(to, sender)| Topic::Private { to, sender }),
        key().prop_map(|to| Topic::PrivateServer { to }),
        nick().prop_map(|to| Topic::PrivateFlat { to }),
        proptest::option::of(key()).prop_map(|sender| Topic::Presence { sender }),
        (what, proptest::option::of(key())).prop_map(|(what, sender)| Topic::Request { what, sender }),
        room().prop_map(|room| Topic::Marks { room }),
        Just(Topic::System),
        Just(Topic::Users),
        Just(Topic::Server),
        Just(Topic::Stats),
    ]
}

/// A payload that may have any field, of any form.
fn any_fields() -> impl Strategy<Value = String> {
    let names = "type username requester message to action session seq conn rooms room limit before after text of request \
                 timestamp code from ids";
    let values = r#""chat" "private" "receipt" "mark" "join" "alice" "A/b" "k3v9x2m1q8f0" 7 -1 1.5 1e999 [] [7] {}
        {"username":7} true null "\ud800" nul ["#;
    let one_of = |words: &'static str| proptest::sample::select(words.split_whitespace().collect::<Vec<_>>());
    let field = (one_of(names), one_of(values)).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    proptest::collection::vec(field, 0..6).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// The errors of each reader for a payload.
fn mistakes(payload: &[u8]) -> Vec<String> {
    let requests = RequestKind::ALL.map(|kind| Request::parse(payload, kind).err());
    let others = [
        Chat::parse(payload, RoomName::lobby()).err(),
        Private::parse(payload).err(),
        Presence::parse(payload).err(),
        Receipt::parse(payload).err(),
        FromServer::parse(payload).err(),
    ];
    requests.into_iter().chain(others).flatten().map(|invalid| invalid.to_string()).collect()
}

proptest! {
    #[test]
    fn errors_never_use_the_parsers_words(payload in any_fields()) {
        for text in mistakes(payload.as_bytes()) {
            let words = ["expected", "invalid", "line", "column", "EOF", "u64", "i64", "variant", "struct", "\0"];
            prop_assert!(!words.iter().any(|word| text.contains(word)), "{}: {}", payload, text);
        }
    }

    #[test]
    fn a_nicks_key_is_a_key(text in any::<String>()) {
        if let Ok(nick) = Nick::parse(&text) {
            prop_assert_eq!(NickKey::parse(nick.key().as_str()), Ok(nick.key().clone()));
        }
    }

    #[test]
    fn topics_read_back(topic in topic()) {
        let topics = Topics::new("chat");
        prop_assert_eq!(topics.parse(&topics.name(&topic)), Some(topic));
    }

    #[test]
    fn chat_reads_back(
        (nick, text, timestamp, id, room, action, late) in
            (nick(), "\\PC{0,300}", proptest::option::of(timestamp()), proptest::option::of(sent_id()), room(), any::<bool>(), any::<bool>())
    ) {
        let chat = Chat { nick, to: room.clone(), text, timestamp, id, action, late };
        prop_assert_eq!(Chat::parse(&chat.to_json(), room), Ok(Some(chat)));
    }

    #[test]
    fn private_reads_back(
        (nick, to, text, timestamp, id, action, late) in
            (nick(), nick(), ".{0,300}", proptest::option::of(timestamp()), proptest::option::of(sent_id()), any::<bool>(), any::<bool>())
    ) {
        let private = Private { nick, to, text, timestamp, id, action, late };
        prop_assert_eq!(Private::parse(&private.to_json()), Ok(Some(private)));
    }

    #[test]
    fn presence_reads_back(
        (action, nick, timestamp, session, conn, will, rooms) in (
            prop_oneof![Just(Action::Join), Just(Action::Leave), Just(Action::Heartbeat)],
            nick(), proptest::option::of(timestamp()), proptest::option::of(session()), any::<u32>(), any::<bool>(),
            proptest::collection::btree_set(room(), 0..5)
        )
    ) {
        let rooms = rooms.into_iter().filter(|room| !room.is_lobby()).collect();
        let presence = Presence { action, nick, timestamp, session, conn, will, rooms };
        prop_assert_eq!(Presence::parse(&presence.to_json()), Ok(Some(presence)));
    }

    #[test]
    fn requests_read_back(
        (requester, timestamp, session, token) in
            (nick(), proptest::option::of(timestamp()), proptest::option::of(session()), proptest::option::of(token())),
        (room, limit, before) in
            (room(), proptest::option::of(0..=limits::PAGE_MESSAGES), proptest::option::of((epoch(), 0..=i64::MAX as u64))),
        text in ".{0,50}",
    ) {
        let before = before.map(|(epoch, pos)| Cursor { epoch, pos });
        let history = HistoryRequest { room, limit, before: before.clone(), after: before.clone() };
        let none = SearchRequest::default();
        let request = Request { requester, timestamp, session, token, history, search: none.clone() };
        prop_assert_eq!(Request::parse(&request.to_json(RequestKind::History), RequestKind::History), Ok(request.clone()));
        let search = SearchRequest { text, room: Some(request.history.room.clone()), limit, before };
        let search = Request { history: HistoryRequest::default(), search, ..request };
        prop_assert_eq!(Request::parse(&search.to_json(RequestKind::Search), RequestKind::Search), Ok(search.clone()));
        let plain = Request { search: none, ..search };
        prop_assert_eq!(Request::parse(&plain.to_json(RequestKind::Users), RequestKind::Users), Ok(plain));
    }

    #[test]
    fn history_reads_back(
        messages in proptest::collection::vec(entry(), 0..5),
        (timestamp, request) in (proptest::option::of(timestamp()), proptest::option::of(token())),
        span in proptest::option::of((room(), epoch(), any::<u64>(), any::<u64>(), any::<bool>(), any::<bool>())),
    ) {
        let span = span.map(|(room, epoch, from, to, complete, gap)| Span { room, epoch, from, to, complete, gap });
        let history = History { messages, timestamp, request, span };
        prop_assert_eq!(FromServer::parse(&history.to_json()), Ok(FromServer::History(history)));
    }

    #[test]
    fn what_the_server_says_reads_back(
        (nicks, timestamp, request, session) in
            (proptest::collection::vec(nick(), 1..5), proptest::option::of(timestamp()), proptest::option::of(token()), session()),
        (of, number, flag) in (proptest::option::of(message_id()), proptest::option::of(any::<u64>()), any::<bool>()),
    ) {
        let first = nicks[0].clone();
        let kind = if flag { NoticeKind::Join } else { NoticeKind::Timeout };
        let said = [
            FromServer::Notice(Notice {
                kind, message: Notice::text(kind, &first, nicks.len()), nick: first, timestamp: timestamp.clone(),
                online_users: number, users_list: Some(nicks.clone()), nicks: nicks.clone(), count: number,
            }),
            FromServer::OnlineUsers(OnlineUsers {
                users: nicks, count: number, timestamp: timestamp.clone(), request: request.clone(), truncated: flag,
            }),
            FromServer::Welcome(Welcome { session: session.clone(), online_users: number, timestamp: timestamp.clone() }),
            FromServer::Error(ErrorReply {
                code: ErrorCode::NickInUse, message: "in use".into(), session: Some(session), request: request.clone(), of,
            }),
            FromServer::Pong(Pong { request, timestamp }),
        ];
        for message in said {
            let json = match &message {
                FromServer::Notice(notice) => notice.to_json(),
                FromServer::OnlineUsers(users) => users.to_json(),
                FromServer::Welcome(welcome) => welcome.to_json(),
                FromServer::Error(error) => error.to_json(),
                FromServer::Pong(pong) => pong.to_json(),
                _ => unreachable!(),
            };
            prop_assert_eq!(FromServer::parse(&json), Ok(message));
        }
    }

    #[test]
    fn what_became_of_messages_reads_back(
        (nick, to, key) in (nick(), nick(), nick()),
        (session, room, epoch, id) in (session(), room(), epoch(), message_id()),
        (numbers, nameless, from) in (proptest::collection::vec(1..1_000_u64, 0..30), 0..5_u64, 0..1_000_000_u64),
        (timestamp, request, messages) in
            (proptest::option::of(timestamp()), proptest::option::of(token()), proptest::collection::vec(entry(), 0..3)),
        (text, flag) in (".{0,50}", any::<bool>()),
    ) {
        let seq: Ranges = numbers.into_iter().collect();
        let mut sent = std::collections::BTreeMap::new();
        if !seq.is_empty() {
            sent.insert(session.clone(), seq.clone());
        }
        let said = delivery::MarkIds { sent, nameless };
        let to_pos = from + said.count();
        let ids = [(key.key().clone(), said)].into();
        let next = flag.then(|| Cursor { epoch: epoch.clone(), pos: from });
        let messages = messages.into_iter().map(|entry| Found { room: room.clone(), entry }).collect();
        let private = Private { nick: nick.clone(), to: to.clone(), text, timestamp: None, id: None, action: flag, late: flag };
        let stored = Stored { session, seq };
        let mark = Mark { room, epoch, from, to: to_pos, ids };
        let waiting = Waiting { of: id.clone(), to };
        let receipt = Receipt { nick: nick.clone(), of: ReceiptOf { nick, id }, timestamp: timestamp.clone() };
        let result = SearchResult { messages, timestamp, request, complete: !flag, next, cut: flag };
        prop_assert_eq!(Receipt::parse(&receipt.to_json()), Ok(Some(receipt.clone())));
        prop_assert_eq!(Receipt::parse(&waiting.to_json()), Ok(None));
        for (json, said) in [
            (stored.to_json(), FromServer::Stored(stored)),
            (mark.to_json(), FromServer::Mark(mark)),
            (waiting.to_json(), FromServer::Waiting(waiting)),
            (receipt.to_json(), FromServer::Receipt(receipt)),
            (result.to_json(), FromServer::SearchResult(result)),
            (private.to_json(), FromServer::Private(private)),
        ] {
            prop_assert_eq!(FromServer::parse(&json), Ok(said));
        }
    }

    #[test]
    fn no_search_text_panics(text in "[a-z0-9:\"* éß日-]{0,40}") {
        let _ = SearchQuery::parse(&text);
        prop_assert_eq!(search::with_times(&text, |_| None), text);
    }

    #[test]
    fn no_byte_string_panics(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&payload);
    }

    #[test]
    fn no_json_panics(
        keys in proptest::collection::vec("type|action|username|message|requester|session|seq|users|messages|room|before|limit|ids|of|from|to|epoch|text", 0..8),
        values in proptest::collection::vec("null|1|-1|1e400|true|\"\"|\"chat\"|\"history\"|\"mark\"|\"stored\"|\"join\"|\"\\\\u0000\"|\\[\\]|\\[null,1\\]|\\{\\}", 8),
    ) {
        let fields: Vec<String> = keys.iter().zip(&values).map(|(key, value)| format!("\"{key}\":{value}")).collect();
        read_as_everything(format!("{{{}}}", fields.join(",")).as_bytes());
    }

    #[test]
    fn no_topic_panics(name in "chat/\\PC{0,40}") {
        let _ = Topics::new("chat").parse(&name);
    }

    #[test]
    fn shown_text_drives_no_terminal(text in any::<String>()) {
        let shown = text::visible(&text);
        prop_assert_eq!(shown.chars().find(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(c)), None);
    }
}

fn read_as_everything(payload: &[u8]) {
    let _ = Chat::parse(payload, RoomName::lobby());
    let _ = Private::parse(payload);
    let _ = Presence::parse(payload);
    let _ = Receipt::parse(payload);
    let _ = Request::parse(payload, RequestKind::History);
    let _ = Request::parse(payload, RequestKind::Search);
    let _ = FromServer::parse(payload);
    let _ = Claim::read(payload);
}

/// Whether a payload on this topic is valid, judged like the program that reads the topic.
fn is_valid(topic: &str, payload: &[u8]) -> bool {
    match Topics::new("chat").parse(topic).expect("a known topic") {
        Topic::Messages { .. } => Chat::parse(payload, RoomName::lobby()).is_ok(),
        Topic::Presence { .. } => Presence::parse(payload).is_ok(),
        Topic::Request { what, .. } => Request::parse(payload, what).is_ok(),
        Topic::PrivateFlat { .. } => {
            Private::parse(payload).is_ok_and(|private| private.is_some() || FromServer::parse(payload).is_ok())
        }
        _ => FromServer::parse(payload).is_ok(),
    }
}

#[test]
fn the_originals_payloads_are_judged_as_documented() {
    const INVALID: [usize; 9] = [8, 10, 11, 12, 13, 14, 16, 18, 19];
    for (index, line) in include_str!("data/seed-wire.jsonl").lines().enumerate() {
        let captured: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let (topic, payload) =
            (captured["topic"].as_str().expect("topic"), captured["payload"].as_str().expect("payload"));
        assert_eq!(
            is_valid(topic, payload.as_bytes()),
            !INVALID.contains(&(index + 1)),
            "line {}: {payload}",
            index + 1
        );
    }
}

#[test]
fn an_invalid_element_of_a_list_is_skipped() {
    let payload = br#"{"type":"online_users","users":["alice","bob","ghost",null,7,"a/b"],"count":6}"#;
    let Ok(FromServer::OnlineUsers(users)) = FromServer::parse(payload) else { panic!("valid") };
    let nicks: Vec<&str> = users.users.iter().map(Nick::as_str).collect();
    assert_eq!(nicks, ["alice", "bob", "ghost"]);
}

#[test]
fn too_large_too_deep_too_long() {
    let huge = vec![b'{'; limits::PAYLOAD_BYTES + 1];
    assert_eq!(Chat::parse(&huge, RoomName::lobby()), Err(Invalid::TooLarge));
    let deep = format!(r#"{{"type":"chat","username":"a","message":"b","x":{}}}"#, "[".repeat(50_000));
    assert!(matches!(Chat::parse(deep.as_bytes(), RoomName::lobby()), Err(Invalid::Malformed(_))));
    let long = format!(r#"{{"type":"chat","username":"a","message":"{}"}}"#, "x".repeat(limits::TEXT_CHARS + 1));
    assert_eq!(Chat::parse(long.as_bytes(), RoomName::lobby()), Err(Invalid::TextTooLong));
}

#[test]
fn an_ill_typed_optional_field_counts_as_absent() {
    let payload = br#"{"type":"chat","username":"a","message":"b","timestamp":5,"action":1,"late":"x"}"#;
    let chat = Chat::parse(payload, RoomName::lobby()).expect("valid").expect("a chat");
    assert_eq!((chat.timestamp, chat.action, chat.late), (None, false, false));
}

#[test]
fn types_and_fields_of_later_versions_are_ignored() {
    let later = br#"{"type":"reaction","username":{"id":7},"message":["x"],"of":"x-1"}"#;
    assert_eq!(Chat::parse(later, RoomName::lobby()), Ok(None));
    assert_eq!(FromServer::parse(later), Ok(FromServer::Unknown));
    assert_eq!(Presence::parse(br#"{"action":"away","username":"a"}"#), Ok(None));
    let code = br#"{"type":"error","code":"brand_new","message":"m"}"#;
    assert!(matches!(FromServer::parse(code), Ok(FromServer::Error(ErrorReply { code: ErrorCode::Other, .. }))));
}

#[test]
fn a_page_ends_at_48_kib_and_holds_at_least_one_message() {
    let entry = |text: String| Entry {
        nick: Nick::parse("alice").unwrap(),
        text,
        timestamp: None,
        action: false,
        late: false,
        id: None,
        pos: None,
        received: None,
    };
    let small: Vec<Entry> = (0..500).map(|_| entry("x".repeat(400))).collect();
    let fitting = history::fitting(small.iter());
    assert!((50..500).contains(&fitting));
    let page = History { messages: small[..fitting].to_vec(), timestamp: None, request: None, span: None };
    assert!(page.to_json().len() <= limits::REPLY_BYTES);
    assert_eq!(history::fitting([entry("\u{1}".repeat(60_000))].iter()), 1);
}
