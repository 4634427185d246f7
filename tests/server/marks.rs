//! Marks: they follow each other without a hole, and the last one is retained.

use super::support::{Broker, PATIENCE, Subscriber, TempDir, wait_until};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, chat, say, start_server};
use mqttchat::protocol::{Mark, MarkIds, NickKey, Session};
use serde_json::json;

/// The marks of a room so far.
fn marks(watcher: &mut Subscriber, room: &str) -> Vec<Mark> {
    let topic = format!("chat/marks/{room}");
    let of_room = watcher.messages().into_iter().filter(|message| message.topic == topic);
    of_room.map(|message| Mark::parse(&message.payload).expect("a valid mark")).collect()
}

#[track_caller]
fn await_mark(watcher: &mut Subscriber, room: &str, to: u64) -> Vec<Mark> {
    let reached = |watcher: &mut Subscriber| marks(watcher, room).last().is_some_and(|mark| mark.to == to);
    wait_until(PATIENCE, &format!("{room} has come to {to}"), || reached(watcher));
    marks(watcher, room)
}

#[test]
fn marks_announce_each_message_to_its_room() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/marks/#", "chat/private/#"]);
    let say_as = |nick: &str, session: &str, seq: u64, topic: &str| {
        let mut message = chat(nick, &seq.to_string());
        message["session"] = session.into();
        message["seq"] = seq.into();
        say(&broker, topic, message);
    };
    for seq in 1..=20 {
        say_as("alice", FIRST_RUN, seq, if seq % 5 == 0 { "chat/rooms/dev/alice" } else { "chat/messages" });
    }
    say_as("Bob", SECOND_RUN, 1, "chat/messages");
    for text in ["one", "two"] {
        say(&broker, "chat/messages", chat("Carol", text));
    }
    // Stored before: nothing new.
    say_as("alice", FIRST_RUN, 1, "chat/messages/alice");

    let lobby = await_mark(&mut watcher, "lobby", 19);
    assert!(lobby.iter().zip(&lobby[1..]).all(|(mark, next)| mark.to == next.from), "{lobby:?}");
    assert_eq!(lobby[0].from, 0);
    let page = ask(&broker, &mut watcher, "history", "h1", json!({}));
    assert_eq!(page["epoch"], lobby[0].epoch.as_str());
    let said = |nick: &str| -> Vec<&MarkIds> {
        let key = NickKey::parse(nick).expect("a key");
        lobby.iter().filter_map(|mark| mark.ids.get(&key)).collect()
    };
    let numbers: Vec<u64> = said("alice").iter().flat_map(|said| said.sent[&session(FIRST_RUN)].numbers()).collect();
    assert_eq!(numbers, (1..=20).filter(|seq| seq % 5 != 0).collect::<Vec<_>>());
    assert_eq!(said("bob").iter().map(|said| said.sent[&session(SECOND_RUN)].count()).sum::<u64>(), 1);
    assert_eq!(said("carol").iter().map(|said| said.nameless).sum::<u64>(), 2);
    assert_eq!(await_mark(&mut watcher, "dev", 4).iter().map(|mark| mark.to - mark.from).sum::<u64>(), 4);

    // The last one is there for latecomers, even after the server has gone.
    server.kill();
    let mut late = Subscriber::start(&broker, &["chat/marks/lobby"]);
    await_json(&mut late, "the retained mark", "chat/marks/lobby", |mark| mark["to"] == 19);

    // After a kill it is unknown whether all marks were published, so the next server announces how far each room has
    // come.
    let _server = start_server(&broker, data.path(), &[]);
    for (room, to) in [("lobby", 19), ("dev", 4)] {
        let told = await_json(&mut watcher, "where it is", &format!("chat/marks/{room}"), |mark| mark["from"] == to);
        assert_eq!((&told["to"], &told["ids"]), (&json!(to), &json!({})));
    }
}

#[test]
fn a_history_in_memory_has_marks_too() {
    let broker = Broker::start();
    let mut server = super::Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(super::Stream::Err, "INFO connected", PATIENCE);
    let mut watcher = Subscriber::start(&broker, &["chat/marks/#"]);
    say(&broker, "chat/messages", chat("alice", "hi"));
    await_mark(&mut watcher, "lobby", 1);
}

#[test]
fn a_mark_is_repeated_for_those_who_missed_it() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/marks/#"]);
    say(&broker, "chat/messages", chat("alice", "hi"));
    wait_until(PATIENCE, "a mark without names", || marks(&mut watcher, "lobby").len() == 2);
    let again = &marks(&mut watcher, "lobby")[1];
    assert_eq!((again.from, again.to, again.ids.len()), (1, 1, 0));
}

fn session(text: &str) -> Session {
    Session::parse(text).expect("a session")
}
