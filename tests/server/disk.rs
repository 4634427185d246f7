//! A full disk: the chat goes on, arrivals wait, and are stored when there is room again.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, publish_lines, wait_until};
use super::{FIRST_RUN, ask, await_json, await_notice, chat, original, say, start_server, texts};
use serde_json::json;

/// Limits the size of a running program's files, in bytes.
fn limit_files(program: &Program, bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit is read during the call; the null says that the old one is not wanted. The process is a child
    // that is not reaped, so the id is its own.
    let result =
        unsafe { libc::prlimit(program.pid() as libc::pid_t, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn numbered(seq: u64) -> serde_json::Value {
    let mut message = chat("alice", &seq.to_string());
    message["session"] = FIRST_RUN.into();
    message["seq"] = seq.into();
    message
}

#[test]
fn a_full_disk_is_one_line_and_heals_by_itself() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#", "chat/system"]);
    let stored = |watcher: &mut Subscriber, seq: u64| {
        let reaches = |range: &serde_json::Value| range[0].as_u64() <= Some(seq) && Some(seq) <= range[1].as_u64();
        await_json(watcher, "stored", "chat/private/alice/server", |v| {
            v["type"] == "stored" && v["seq"].as_array().is_some_and(|ranges| ranges.iter().any(reaches))
        });
    };
    for seq in 1..=3 {
        say(&broker, "chat/messages", numbered(seq));
    }
    stored(&mut watcher, 3);

    limit_files(&server, 4_096);
    for seq in 4..=40 {
        say(&broker, "chat/messages", numbered(seq));
    }
    server.wait_for_line(Stream::Err, "the history cannot be written", PATIENCE);
    // Presence and everything readable go on.
    original(&broker, "join", "carol");
    await_notice(&mut watcher, "user_join", "carol");
    assert_eq!(ask(&broker, &mut watcher, "users", "u1", json!({}))["users"], json!(["carol"]));
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), ["1", "2", "3"]);
    for seq in 41..=45 {
        say(&broker, "chat/messages", numbered(seq));
    }

    limit_files(&server, libc::RLIM_INFINITY);
    server.wait_for_line(Stream::Err, "the history is written again", PATIENCE);
    stored(&mut watcher, 45);
    let page = ask(&broker, &mut watcher, "history", "h2", json!({"limit": 500}));
    assert_eq!(texts(&page), (1..=45).map(|seq| seq.to_string()).collect::<Vec<_>>());
    let told = server.lines(Stream::Err).iter().filter(|line| line.contains("cannot be written")).count();
    assert_eq!(told, 1);
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
}

#[test]
fn a_second_signal_does_not_wait_for_the_disk() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    limit_files(&server, 4_096);
    for seq in 1..=40 {
        say(&broker, "chat/messages", numbered(seq));
    }
    server.wait_for_line(Stream::Err, "the history cannot be written", PATIENCE);
    server.signal(libc::SIGTERM);
    let is_gone = |line: &str| line.contains("Client chat-server-") && line.contains("disconnected");
    wait_until(PATIENCE, "only the disk is waited for", || broker.log().lines().any(is_gone));
    server.signal(libc::SIGTERM);
    server.wait_for_line(Stream::Err, "not everything that arrived is stored", PATIENCE);
    server.wait_for_line(Stream::Err, "messages are not in the history", PATIENCE);
    assert_eq!(server.exit_code(PATIENCE), 0);
}

#[test]
fn waiting_for_a_disk_takes_bounded_memory() {
    // 80 MB, of which 64 MiB may wait. Measured: 117 to 130 MiB resident, depending on the allocator, and 152 without a
    // bound.
    const MESSAGES: u64 = 5_000;
    const MOST_RESIDENT_KIB: u64 = 145 * 1024;
    let broker = Broker::builder().line("max_queued_messages 0").start();
    let data = TempDir::new();
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/asker/server", "chat/stats"]);
    let text = "\u{1F980}".repeat(4_000);
    let lines: String = (1..=MESSAGES)
        .map(|seq| {
            let mut message = chat("alice", &text);
            (message["session"], message["seq"]) = (FIRST_RUN.into(), seq.into());
            format!("{message}\n")
        })
        .collect();
    limit_files(&server, 4_096);
    publish_lines(&broker, "chat/messages", &lines);
    let stats = await_json(&mut watcher, "some turned away", "chat/stats", |v| v["dropped_total"].as_u64() > Some(0));
    assert!(stats["dropped_total"].as_u64() < Some(MESSAGES / 2), "{stats}");
    let resident = resident_kib(&server);
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    server.wait_for_line(Stream::Err, "WARN too much waits", PATIENCE);

    limit_files(&server, libc::RLIM_INFINITY);
    // Like their senders, which get no confirmation.
    let mut token = 0;
    let mut stored = || {
        token += 1;
        ask(&broker, &mut watcher, "rooms", &format!("r{token}"), json!({}))["rooms"][0]["messages"].as_u64()
    };
    wait_until(PATIENCE, "what waited is stored", || stored() > Some(MESSAGES / 2));
    publish_lines(&broker, "chat/messages/alice", &lines);
    wait_until(PATIENCE * 3, "all are stored, once", || stored() == Some(MESSAGES));
}

fn resident_kib(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
