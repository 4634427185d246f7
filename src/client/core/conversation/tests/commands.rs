//! Commands of a person at a terminal, and what they are told.

use super::*;

const ROOMS: &str = r#"{"type":"rooms","rooms":[{"name":"dev","members":3,"messages":7},{"name":"lobby","members":4,"messages":1}],"request":"TOKEN"}"#;

impl Stage {
    /// Like [`Stage::welcomed`], with a person at a terminal.
    fn at_a_terminal() -> Stage {
        let mut stage = Stage::new(|config| config.on_terminal = true);
        stage.arrives("chat/server", ONLINE);
        stage.connect(1);
        stage.arrives("chat/private/alice/server", WELCOME);
        stage.out.clear();
        stage
    }

    fn without_a_server() -> Stage {
        let mut stage = Stage::new(|config| config.on_terminal = true);
        stage.connect(1);
        stage.after(1_000);
        stage.after(5_000);
        stage.out.clear();
        stage
    }

    /// Answers the last request of this kind.
    fn answers(&mut self, what: &str, reply: &str) {
        let token = self.payload(&format!("chat/request/{what}/alice"))["request"].as_str().unwrap().to_owned();
        self.out.clear();
        self.arrives("chat/private/alice/server", &reply.replace("TOKEN", &token));
    }

    #[track_caller]
    fn check_typed(&mut self, line: &str, expected: &[&str]) {
        self.types(line);
        self.check_told(expected);
    }

    fn hears(&mut self, nick: &str, room: &str, seq: u64) {
        let payload = format!(
            r#"{{"type":"chat","username":"{nick}","message":"{nick} {seq}","session":"aaaaaaaaaaaa","seq":{seq}}}"#
        );
        let topic = if room == "lobby" { "chat/messages".to_owned() } else { format!("chat/rooms/{room}/{nick}") };
        self.arrives(&topic, &payload);
    }
}

#[test]
fn the_nick_is_told_once_it_holds() {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.check_told(&[]);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.check_told(&["you are Alice and talk in #lobby; /help lists the commands"]);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.check_told(&[]);
}

#[test]
fn the_room_stands_in_the_prompt() {
    let mut stage = Stage::at_a_terminal();
    assert_eq!(stage.conversation.prompt(), "#lobby> ");
    stage.types("/join dev");
    assert_eq!(stage.conversation.prompt(), "#dev> ");
}

#[test]
fn an_empty_room_is_announced_as_new() {
    let mut stage = Stage::at_a_terminal();
    stage.types("/join deb");
    stage.answers("rooms", &ROOMS.replace("[", r#"[{"name":"deb","members":1,"messages":0},"#));
    stage.check_told(&["#deb is new: nobody else is there (did you mean #dev? /part leaves this one)"]);
    stage.types("/room dev");
    stage.answers("rooms", ROOMS);
    stage.check_told(&[]);
    stage.types("/room empty");
    stage.answers("rooms", &ROOMS.replace("dev", "empty").replace(":3", ":1"));
    stage.check_told(&["nobody else is in #empty now"]);
    stage.types("/room zoo");
    stage.answers("rooms", ROOMS);
    // The list was cut before this room, so nothing is known about it.
    stage.check_told(&[]);
    stage.types("/part");
    stage.types("/room empty");
    stage.out.clear();
    stage.check_typed("/part deb", &["you have left #deb"]);
    stage.check_typed("/part", &["you have left #empty and talk in #lobby now"]);
}

#[test]
fn rooms_are_listed_with_what_is_unread() {
    let mut stage = Stage::at_a_terminal();
    stage.types("/join builds");
    stage.types("/room lobby");
    for (room, count) in [("lobby", 1), ("builds", 2)] {
        (0..count).for_each(|number| stage.hears("bob", room, number + count));
    }
    stage.out.clear();
    stage.types("/rooms");
    stage.answers("rooms", ROOMS);
    stage.check_told(&["> #lobby    4 people, 1 message", "+ #builds   2 unread", "  #dev      3 people, 7 messages"]);
    assert_eq!(stage.conversation.new_names().unwrap().rooms, ["builds", "lobby", "dev"], "to be completed");
    stage.types("/room builds");
    stage.out.clear();
    stage.types("/rooms");
    stage.answers("rooms", &ROOMS.replace(":3", ":1"));
    stage.check_told(&["+ #lobby    4 people, 1 message", "> #builds", "  #dev      1 person, 7 messages"]);
}

#[test]
fn without_a_server_the_own_rooms_are_listed_at_once() {
    let mut stage = Stage::without_a_server();
    stage.check_typed("/rooms", &["> #lobby", "no chat server is answering: which others there are is not known"]);
    stage.check_typed("/users", &["no chat server is answering: /users waits for one"]);
    stage.after(5_000);
    stage.check_told(&[]);
}

#[test]
fn without_a_connection_questions_wait_and_pings_do_not() {
    let mut stage = Stage::at_a_terminal();
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.out.clear();
    stage.check_typed("/history", &["not connected: /history of #lobby goes out as soon as there is a connection"]);
    stage.check_typed("/ping", &["not connected: there is nothing to measure"]);
}

#[test]
fn a_late_answer_says_what_it_answers() {
    let mut stage = Stage::at_a_terminal();
    stage.types("/search pump");
    let token = stage.payload("chat/request/search/alice")["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    stage.after(5_000);
    stage.check_told(&["no answer to /search pump yet: it will be shown when it comes"]);
    let reply = r#"{"type":"search_result","messages":[],"complete":true,"request":"TOKEN"}"#;
    stage.arrives("chat/private/alice/server", &reply.replace("TOKEN", &token));
    stage.check_told(&["the answer to your /search pump:"]);
}

#[test]
fn a_direct_message_to_nobody_does_not_look_like_a_success() {
    let mut stage = Stage::at_a_terminal();
    stage.hears("robert", "lobby", 1);
    stage.out.clear();
    stage.types("/msg robret hi");
    let waiting = format!(r#"{{"type":"waiting","of":"{SESSION}-1","to":"robret"}}"#);
    stage.out.clear();
    stage.arrives("chat/private/alice/server", &waiting);
    stage.check_told(&[
        "nobody called robret was seen here (did you mean robert?); the message waits until somebody comes with that nick",
    ]);
    stage.types("/msg robert hi");
    stage.out.clear();
    stage.arrives("chat/private/alice/server", &waiting.replace("-1", "-2").replace("robret", "robert"));
    stage.check_told(&["k3v9x2m1q8f0-2 waits for robert"]);
    stage.types("/msg robert more");
    stage.out.clear();
    stage.arrives("chat/private/alice/server", &waiting.replace("-1", "-3").replace("robret", "robert"));
    stage.check_told(&[]);
    let receipt = format!(r#"{{"type":"receipt","username":"Robert","of":{{"username":"Alice","id":"{SESSION}-2"}}}}"#);
    stage.arrives("chat/private/alice/robert", &receipt);
    stage.check_told(&["delivered k3v9x2m1q8f0-2"]);
    stage.arrives("chat/private/alice/robert", &receipt.replace("-2", "-3"));
    stage.check_told(&["delivered k3v9x2m1q8f0-3", "Robert has received what was waiting"]);
    stage.arrives("chat/private/alice/robert", &receipt);
    stage.check_told(&[]);

    let mut stage = Stage::without_a_server();
    stage.check_typed(
        "/msg carl hi",
        &["nobody called carl was seen here; without a chat server only who is connected gets it", ">hi"],
    );
}

#[test]
fn ignored_people_are_hidden_without_noticing() {
    let mut stage = Stage::at_a_terminal();
    stage.hears("bob", "lobby", 1);
    stage.out.clear();
    stage.types("/ignore BOB");
    assert!(stage.out.contains(&Output::Remember(Memo::Ignored(Nick::parse("BOB").unwrap()))));
    stage.check_told(&["BOB is ignored from now on; /unignore BOB ends that"]);
    stage.hears("bob", "lobby", 2);
    let private =
        r#"{"type":"private","username":"bob","to":"alice","message":"psst","session":"aaaaaaaaaaaa","seq":3}"#;
    stage.arrives("chat/private/alice/bob", private);
    let receipt = |out: &Output| matches!(out, Output::PublishWhenShown(publication) if publication.topic == "chat/private/bob/alice");
    assert!(stage.out.iter().any(receipt), "it is confirmed");
    stage.arrives("chat/system", r#"{"type":"user_leave","username":"bob","message":"bob left the chat"}"#);
    stage.arrives(
        "chat/system",
        r#"{"type":"user_join","username":"bob","usernames":["bob","carl"],"count":2,"message":"x"}"#,
    );
    stage.hears("carl", "lobby", 1);
    stage.check_told(&["x", "carl 1"]);
    stage.check_typed("/ignore", &["ignored: BOB"]);
    stage.check_typed("/ignore bob", &["bob is ignored already: /unignore bob ends that"]);
    stage.check_typed("/ignore alice", &["you cannot ignore yourself"]);
    stage.check_typed("/unignore bob", &["BOB is not ignored any more"]);
    stage.hears("bob", "lobby", 2);
    stage.check_told(&[]);
    stage.hears("bob", "lobby", 4);
    stage.check_told(&["bob 4"]);
    stage.check_typed("/unignore bob", &["bob is not ignored; /ignore lists who is"]);
    stage.check_typed("/ignore", &["nobody is ignored"]);
}

#[test]
fn earlier_runs_ignored_them_and_programs_ignore_nobody() {
    let bob = || Remembered { ignored: vec![Nick::parse("bob").unwrap()], ..Remembered::default() };
    for on_terminal in [true, false] {
        let mut stage = Stage::new(|config| (config.on_terminal, config.remembered) = (on_terminal, bob()));
        stage.hears("bob", "lobby", 1);
        stage.check_told(if on_terminal { &[] } else { &["bob 1"] });
    }
}

#[test]
fn joins_and_leaves_can_be_hidden() {
    let mut stage = Stage::at_a_terminal();
    let join = r#"{"type":"user_join","username":"bob","message":"bob joined the chat"}"#;
    stage.check_typed("/quiet", &["who comes and goes is hidden now; /quiet again shows it"]);
    stage.arrives("chat/system", join);
    stage.check_told(&[]);
    stage.check_typed("/quiet", &["who comes and goes is shown again"]);
    stage.arrives("chat/system", join);
    stage.check_told(&["bob joined the chat"]);
}

#[test]
fn the_status_is_what_holds_now() {
    let mut stage = Stage::at_a_terminal();
    stage.after(90_000);
    stage.out.clear();
    stage.types("/status");
    assert_eq!(stage.payload("chat/request/ping/alice")["requester"], "Alice");
    stage.check_told(&[
        "broker       localhost:1883, MQTT 5, connected since 20:30:00 (90 s)",
        "you          Alice, session k3v9x2m1q8f0",
        "rooms        #lobby; you talk in #lobby",
        "outbox       empty: nothing waits to be sent or stored",
        "chat server  version 1, forgets what is said when it ends, since 2026-11-22 20:00",
    ]);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    let is_ping = |out: &Output| matches!(out, Output::Publish(publication) if publication.topic.contains("ping"));
    assert!(!stage.out.iter().any(is_ping), "what was measured is not measured anew");
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.types("one");
    stage.types("/ignore bob");
    stage.types("/quiet");
    stage.out.clear();
    stage.check_typed(
        "/status",
        &[
            "broker       localhost:1883: not connected",
            "you          Alice, session k3v9x2m1q8f0",
            "rooms        #lobby; you talk in #lobby",
            "outbox       1 not sent yet, the oldest for 0 s",
            "chat server  not known while there is no connection",
            "ignored      bob",
            "quiet        who comes and goes is hidden",
        ],
    );
    stage.input(Input::Link(Event::Connected {
        session_present: false,
        conn: 2,
        version: Version::V311,
        tls: Some(("TLSv1.3".to_owned(), "TLS_AES_256_GCM_SHA384".to_owned())),
        refused: Vec::new(),
    }));
    stage.out.clear();
    stage.types("/status");
    let told = format!("{:?}", stage.out);
    assert!(told.contains("localhost:1883, MQTT 3.1.1, TLSv1.3 with TLS_AES_256_GCM_SHA384, connected"), "{told}");
}

#[test]
fn a_long_outage_is_told_in_a_few_lines() {
    let mut stage = Stage::at_a_terminal();
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    let retries = |stage: &mut Stage| {
        let is_told = |out: &&Output| matches!(out, Output::Tell(News::Reconnecting(_), _));
        let told = stage.out.iter().filter(is_told).count();
        stage.out.retain(|out| !matches!(out, Output::Tell(News::Reconnecting(_), _)));
        told
    };
    let mut told = 0;
    for seconds in [1, 2, 4, 8, 16, 29, 31, 60, 60] {
        stage.input(Input::Link(Event::Waiting { delay: Duration::from_secs(seconds) }));
        told += retries(&mut stage);
        stage.input(Input::Link(Event::Failed(Failure::new(FailureKind::Refused, "nothing listens there", ""))));
    }
    assert_eq!(told, 1);
    stage.check_told(&["nothing listens there; still trying", "still not connected: trying again about once a minute"]);
}

#[test]
fn the_user_list_is_told_once_per_request() {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.types("/users");
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    let tokens: Vec<String> = stage
        .out
        .iter()
        .filter_map(published)
        .filter_map(|payload| {
            let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            (payload["requester"] == "Alice" && payload["room"].is_null())
                .then(|| payload["request"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(tokens.len(), 2);
    stage.out.clear();
    for token in tokens.iter().rev() {
        let list = format!(r#"{{"type":"online_users","users":["Alice"],"count":1,"request":"{token}"}}"#);
        stage.arrives("chat/private/alice/server", &list);
    }
    assert_eq!(stage.out.iter().filter(|out| matches!(out, Output::Tell(News::Users { .. }, None))).count(), 1);
}

#[test]
fn a_rejected_ping_does_not_shift_the_others() {
    let mut stage = Stage::at_a_terminal();
    let ping = PING_TICKET;
    stage.types("/ping");
    stage.input(Input::Link(Event::Rejected { ticket: ping, reason: "no".to_owned() }));
    stage.after(2_000);
    stage.types("/ping");
    stage.out.clear();
    stage.after(10);
    stage.input(Input::Link(Event::Published { ticket: ping }));
    let is_of_the_second = |out: &Output| matches!(out, Output::Tell(News::BrokerRoundTrip(time), _) if *time == Duration::from_millis(10));
    assert!(stage.out.iter().any(is_of_the_second), "{:?}", stage.out);
}
