//! The reader of a client's output stops reading, while others send far more than may wait in memory.

use super::Chat;
use crate::support::{Broker, PATIENCE, Program, Stream, publish_lines};
use crossbeam_channel::unbounded;
use mqttchat::client::{member::Member, news::News};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, PipeReader};

/// 32 MB, of which half may wait.
const MESSAGES: u64 = 2_000;
const TEXT_BYTES: usize = 16_000;
/// The size of a client with 16 MiB waiting, and the overhead of its allocator. Measured, without optimization: 29 MiB
/// resident with any traffic, and 48 without a bound.
const MOST_RESIDENT_KIB: u64 = 40 * 1024;
/// The most news that a member keeps.
const MOST_UNREAD: usize = 12 * 1024 * 1024 / TEXT_BYTES + 100;

/// A broker that delivers pages without delay: there are hundreds.
#[track_caller]
fn broker() -> Broker {
    Broker::builder().line("set_tcp_nodelay true").start()
}

/// Long texts, numbered.
fn texts() -> Vec<String> {
    let text = "\u{1F980}".repeat(TEXT_BYTES / 4 - 10);
    (1..=MESSAGES).map(|number| format!("<{number}> {text}")).collect()
}

/// The number of such a text in a line.
fn number(line: &str) -> Option<u64> {
    line.split_once('<')?.1.split_once('>')?.0.parse().ok()
}

/// Takes numbers until all were there, and checks that none was there twice.
#[track_caller]
fn is_whole(numbers: impl Iterator<Item = u64>) {
    let mut seen = BTreeMap::new();
    for number in numbers {
        *seen.entry(number).or_insert(0) += 1;
        if seen.len() as u64 == MESSAGES {
            break;
        }
    }
    let missing: Vec<u64> = (1..=MESSAGES).filter(|number| !seen.contains_key(number)).collect();
    let twice: Vec<u64> = seen.iter().filter(|(_, count)| **count > 1).map(|(number, _)| *number).collect();
    assert!(missing.is_empty() && twice.is_empty(), "missing: {missing:?}, twice: {twice:?}");
}

/// The peak of its resident memory.
fn resident_kib(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn dropped_messages_are_fetched_when_there_is_room() {
    let mut chat = Chat::start(broker());
    let all = ["client", &chat.broker.address(), "--nick", "alice", "--json", "--listen"];
    let (alice, output) = Program::with(&all).output_to_pipe();
    chat.server.wait_for_line(Stream::Err, "joined nick=alice", PATIENCE);
    chat.send("bob", &texts(), &[]);
    let resident = resident_kib(&alice);
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    // Also a direct message. It arrives again, because nobody has confirmed it.
    chat.send("carol", &["psst".to_owned()], &["--to", "alice"]);
    let mut is_told = false;
    let said = |line: String| {
        is_told |= line.contains(r#""event":"private""#) && line.contains("psst");
        if line.contains(r#""event":"chat""#) { number(&line) } else { None }
    };
    let mut lines = read(output);
    is_whole(lines.by_ref().filter_map(said));
    assert!(is_told || lines.any(|line| line.contains("psst")), "the direct message");
}

/// The lines from now on, until none arrives for a long time.
fn read(output: PipeReader) -> impl Iterator<Item = String> {
    let (sender, lines) = unbounded();
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    std::iter::from_fn(move || lines.recv_timeout(PATIENCE).ok())
}

#[test]
fn a_member_keeps_bounded_news_and_fetches_the_rest() {
    let mut chat = Chat::start(broker());
    let arguments = [chat.broker.address().into()];
    let options = mqttchat::options::of_a_member("alice", &arguments).expect("options");
    let member = Member::join(options).expect("a member");
    chat.server.wait_for_line(Stream::Err, "joined nick=alice", PATIENCE);
    chat.send("bob", &texts(), &[]);
    // Also to a program that does not read its news.
    member.say(&mqttchat::protocol::RoomName::lobby(), "I still talk");
    chat.server.wait_for_line(Stream::Err, "message room=lobby nick=alice", PATIENCE);
    let unread = member.news().len();
    assert!(unread < MOST_UNREAD, "{unread}");
    let said = |news| if let News::Said(said) = news { number(&said.text) } else { None };
    is_whole(std::iter::from_fn(|| member.news().recv_timeout(PATIENCE).ok()).filter_map(said));
}

#[test]
fn a_member_that_only_sends_keeps_bounded_news() {
    const SAID: usize = 50_000;
    /// 16 MiB, at 512 bytes each.
    const MOST: usize = 32 * 1024;
    let broker = broker();
    let arguments = [broker.address().into()];
    let member = Member::join(mqttchat::options::of_a_member("alice", &arguments).expect("options")).expect("a member");
    let news = member.news().clone();
    (0..SAID).for_each(|_| member.say(&mqttchat::protocol::RoomName::lobby(), "on"));
    member.leave();
    // And the one about its end.
    assert!(news.len() <= MOST + 1, "{}", news.len());
}

#[test]
fn without_a_server_it_is_told_how_many_were_dropped() {
    let broker = Broker::start();
    let all = ["client", &broker.address(), "--nick", "alice", "--listen"];
    let (mut alice, output) = Program::with(&all).output_to_pipe();
    alice.wait_for_line(Stream::Err, "no chat server is answering", PATIENCE);
    let line = |text: &String| format!(r#"{{"type":"chat","username":"bob","message":"{text}"}}"#) + "\n";
    publish_lines(&broker, "chat/messages", &texts().iter().map(line).collect::<String>());
    let _lines = read(output);
    alice.wait_for_line(Stream::Err, "not read in time and dropped", PATIENCE);
}
