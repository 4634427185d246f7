//! A server with a large history: BENCH_MESSAGES messages (a million by default), read with `mqttchat import`. Measures
//! its start, a page, a search, the disk space per message, and whether memory grows with the history.

use super::footprint::{field, megabytes};
use super::latency::{prompt_broker, quantiles, server_is_up};
use super::publisher::Publisher;
use super::support::{PATIENCE, Program, Stream, TempDir};
use chrono::DateTime;
use mqttchat::protocol::{Cursor, Epoch, FromServer, HistoryRequest, RequestKind, SearchRequest, Session};
use mqttchat::random::Random;
use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

const MESSAGES: u64 = 1_000_000;
/// How many questions of each kind.
const QUESTIONS: u64 = 200;
/// The vocabulary of the messages. The n-th word is n times rarer than the first.
const VOCABULARY: u64 = 5_000;

pub fn print() {
    let count = std::env::var("BENCH_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(MESSAGES);
    println!("large: a history of {count} messages in 3 rooms, by 50 people");
    let (empty, full) = (TempDir::new(), TempDir::new());
    let started = Instant::now();
    fill(&full, count);
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let bytes: u64 = std::fs::read_dir(full.path())
        .expect("a folder")
        .map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |metadata| metadata.len()))
        .sum();
    println!("  import                        {rate:.0} messages/s");
    println!("  on the disk                   {:.0} bytes a message", bytes as f64 / count as f64);
    for (name, data) in [("empty", &empty), ("full", &full)] {
        ask(name, data);
    }
}

fn ask(name: &str, data: &TempDir) {
    let broker = prompt_broker();
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let started = Instant::now();
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir]);
    server.wait_for_line(Stream::Err, "server starting", PATIENCE);
    let start = started.elapsed();
    server_is_up(&broker);
    let mut asker = Publisher::connect(&broker, "asker");
    let page = |limit, before: Option<&Cursor>| HistoryRequest {
        limit: Some(limit),
        before: before.cloned(),
        ..HistoryRequest::default()
    };
    let none = SearchRequest::default;
    let (epoch, last) = end_of_history(&mut asker);
    let (mut pings, mut newest, mut older, mut searches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut cut = 0;
    for number in 0..QUESTIONS {
        let mut time = |kind, history, search| asker.ask(kind, history, search).expect("an answer");
        pings.push(time(RequestKind::Ping, page(1, None), none()).1);
        newest.push(time(RequestKind::History, page(50, None), none()).1);
        let before = Cursor { epoch: epoch.clone(), pos: last * number / QUESTIONS };
        older.push(time(RequestKind::History, page(50, Some(&before)), none()).1);
        let words = SearchRequest { text: format!("word{} word{}", number % 40 + 1, number % 7 + 50), ..none() };
        let (result, taken) = time(RequestKind::Search, page(1, None), words);
        searches.push(taken);
        cut += u32::from(matches!(result, FromServer::SearchResult(result) if result.cut));
    }
    asker.publish(20_000, mqttchat::link::Qos::AtLeastOnce);
    let resident = megabytes(field(&server, "VmRSS"));
    let (ping, _) = quantiles(pings);
    println!("  {name}: start                  {:.0} ms to the database read", start.as_secs_f64() * 1e3);
    for (what, times) in [("newest page of 50", newest), ("older page of 50", older), ("two-word search", searches)] {
        let (median, slow) = quantiles(times);
        println!(
            "    {what:<27} {:.2} ms median, {:.2} ms 99th beyond a ping's {:.2} ms",
            (median - ping) / 1e3,
            (slow - ping) / 1e3,
            ping / 1e3
        );
    }
    println!("    searches cut                {cut} of {QUESTIONS}");
    println!("    resident                    {resident:.1} MB after these and 20,000 messages more");
    server.signal(libc::SIGTERM);
    server.exit_code(PATIENCE);
}

fn end_of_history(asker: &mut Publisher) -> (Epoch, u64) {
    let page = HistoryRequest { limit: Some(0), ..HistoryRequest::default() };
    match asker.ask(RequestKind::History, page, SearchRequest::default()) {
        Some((FromServer::History(page), _)) => page.span.map(|span| (span.epoch, span.to)).expect("where it ends"),
        other => panic!("no page: {other:?}"),
    }
}

fn fill(data: &TempDir, count: u64) {
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let mut import = Command::new(env!("CARGO_BIN_EXE_mqttchat"))
        .args(["import", "--data-dir", data_dir])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("an import");
    let mut lines = BufWriter::new(import.stdin.take().expect("a pipe"));
    let sessions: Vec<Session> = (0..50).map(|_| Random::of_the_system().session()).collect();
    let mut random = 1_u64;
    for number in 0..count {
        let who = number % 50;
        let room = ["lobby", "lobby", "lobby", "dev", "ops"][(number % 5) as usize];
        let at =
            DateTime::from_timestamp_millis(1_700_000_000_000 + number as i64 * 1_000).expect("a time").to_rfc3339();
        writeln!(
            lines,
            r#"{{"type":"chat","room":"{room}","username":"user{who}","message":"{}","timestamp":"{at}","session":"{}","seq":{},"received":"{at}"}}"#,
            text(&mut random),
            sessions[who as usize],
            number / 50 + 1
        )
        .expect("it reads");
    }
    drop(lines);
    assert!(import.wait().expect("our own child").success());
}

/// Eight words. The n-th word of the vocabulary is n times rarer than the first.
fn text(random: &mut u64) -> String {
    let mut word = || {
        // SplitMix64: repeatable, and good enough for words.
        *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        format!("word{}", (VOCABULARY as f64).powf(share) as u64)
    };
    (0..8).map(|_| word()).collect::<Vec<_>>().join(" ")
}
