//! Direct messages: to somebody present, to somebody absent, to oneself.

use super::*;
use support::Pty;

#[test]
fn one_to_somebody_who_is_there_is_delivered() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &[]);
    let mut alice = chat.json("alice", &[]);
    say(&mut alice, json!({"message": "psst", "to": "Bob"}));
    let delivered = event_with(&mut alice, "delivered", "psst");
    assert_eq!(delivered["id"], event(&mut alice, "private")["id"]);
    assert_eq!(event(&mut bob, "private")["username"], "alice");
    assert_eq!(events(&mut alice, "waiting").len(), 0);
    // And one to herself.
    say(&mut alice, json!({"message": "note", "to": "alice"}));
    event_with(&mut alice, "delivered", "note");
    assert_eq!(texts(&mut alice, "private"), ["psst", "note"]);
}

#[test]
fn one_to_somebody_who_is_away_waits_and_comes_once() {
    let chat = Chat::start(Broker::start());
    let mut alice = chat.json("alice", &[]);
    say(&mut alice, json!({"message": "one", "to": "bob"}));
    let waiting = event_with(&mut alice, "waiting", "one");
    assert_eq!((&waiting["to"], &waiting["id"]), (&"bob".into(), &event(&mut alice, "private")["id"]));
    say(&mut alice, json!({"message": "two", "to": "bob"}));
    event_with(&mut alice, "waiting", "two");

    let mut bob = chat.json("bob", &[]);
    event_with(&mut bob, "private", "two");
    event_with(&mut alice, "delivered", r#""ref":"one""#);
    event_with(&mut alice, "delivered", r#""ref":"two""#);
    assert_eq!(texts(&mut bob, "private"), ["one", "two"]);
    quit(bob);

    let mut bob = chat.json("bob", &[]);
    say(&mut alice, json!({"message": "three", "to": "bob"}));
    event_with(&mut bob, "private", "three");
    event_with(&mut alice, "delivered", "three");
    assert_eq!(texts(&mut bob, "private"), ["three"]);
    assert_eq!(events(&mut alice, "delivered").len(), 3);
}

#[test]
fn a_shown_but_unconfirmed_message_is_not_shown_again() {
    let chat = Chat::start(Broker::start());
    let mut alice = chat.json("alice", &[]);
    let mut bob = chat.json("bob", &[]);
    say(&mut alice, json!({"message": "one", "to": "bob"}));
    event_with(&mut alice, "delivered", "one");
    bob.kill();
    assert_eq!(texts(&mut bob, "private"), ["one"]);
    // It arrives again, as if its receipt had been lost.
    let id = event_with(&mut alice, "private", "one")["id"].as_str().unwrap().to_owned();
    let (session, seq) = id.rsplit_once('-').unwrap();
    let again = json!({"type": "private", "username": "alice", "to": "bob", "message": "one", "session": session, "seq": seq.parse::<u64>().unwrap(), "late": true});
    let mut receipts = support::Subscriber::start(&chat.broker, &["chat/private/alice/bob"]);
    let mut bob = chat.json("bob", &[]);
    support::publish(&chat.broker, "chat/private/bob/alice", again.to_string(), 1, false);
    receipts.wait_for("another receipt", |_, payload| String::from_utf8_lossy(payload).contains(&id));
    assert_eq!(texts(&mut bob, "private"), [] as [String; 0]);
    assert_eq!(events(&mut alice, "delivered").len(), 1);
}

#[test]
fn a_terminal_shows_waiting_but_not_delivered() {
    let chat = Chat::start(Broker::start());
    let mut alice = Pty::start(&["client", &chat.broker.address(), "--nick", "alice"]);
    alice.wait_for_line("1 online: alice");
    alice.press("/msg bob psst\r");
    alice.wait_for_screen("where it is", |lines| {
        lines.iter().any(|line| line.starts_with("-- nobody called bob was seen here; the message waits"))
    });
    let mut bob = chat.json("bob", &[]);
    event_with(&mut bob, "private", "psst");
    say(&mut bob, json!({"message": "thanks"}));
    alice.wait_for_line("bob: thanks");
    assert!(!alice.screen().iter().any(|line| line.contains("delivered")));
}

/// As many messages as somebody finds after an absence, and a broker with a small queue per client.
#[test]
fn a_backlog_comes_through_a_small_queue() {
    const MESSAGES: u32 = 217;
    let small = ["max_queued_messages 10", "max_inflight_messages 1"];
    let broker = small.iter().fold(Broker::builder(), |builder, line| builder.line(line)).start();
    let chat = Chat::start(broker);
    let mut told = support::Subscriber::start(&chat.broker, &["chat/private/alice/server"]);
    for seq in 1..=MESSAGES {
        let message = json!({"type": "private", "username": "alice", "to": "bob", "message": format!("number {seq}"),
            "session": "k3v9x2m1q8f0", "seq": seq});
        support::publish(&chat.broker, "chat/private/bob/alice", message.to_string(), 1, false);
        // No more at a time than the server's own queue holds.
        if seq % 5 == 0 || seq == MESSAGES {
            let id = format!(r#""of":"k3v9x2m1q8f0-{seq}""#);
            told.wait_for("that it waits", |_, payload| String::from_utf8_lossy(payload).contains(&id));
        }
    }
    let mut bob = chat.json("bob", &[]);
    let joined = std::time::Instant::now();
    support::wait_until(PATIENCE * 2, "all of them", || {
        bob.lines(Stream::Out).iter().filter(|line| line.contains(r#""event":"private""#)).count() == MESSAGES as usize
    });
    println!("{MESSAGES} messages took {:.1} s", joined.elapsed().as_secs_f64());
    let mut texts = texts(&mut bob, "private");
    texts.sort_by_key(|text| text.rsplit(' ').next().and_then(|number| number.parse::<u32>().ok()));
    assert_eq!(texts, numbered(1..=MESSAGES));
}
