//! How soon messages are stored, and how soon their senders know: from arrival at the server to the commit under a
//! steady load; from a line written into a client to its `stored`; and a long pipe through a sender.

use super::latency::{prompt_broker, quantiles, server_is_up};
use super::pipe::Pipe;
use super::publisher::Publisher;
use super::support::{Broker, Program, Subscriber, TempDir};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The steady load and its duration; longer than the period of chat/stats.
const PER_SECOND: u32 = 1_000;
const STEADY: Duration = Duration::from_secs(15);
/// How many messages are measured until their sender knows.
const ASKED: usize = 100;
const PIPED: usize = 100_000;
const DEADLINE: Duration = Duration::from_secs(300);

pub fn print() {
    println!("delivery, through a Mosquitto and a server that commits with fsync");
    arrival_to_commit();
    sender_knows();
    pipe();
}

fn start(broker: &Broker, data: &TempDir) -> Program {
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let server = Program::start(&["server", &broker.address(), "--data-dir", data_dir, "--quiet"]);
    server_is_up(broker);
    server
}

/// The figures of chat/stats for the last ten seconds.
fn arrival_to_commit() {
    let (broker, data) = (prompt_broker(), TempDir::new());
    let _server = start(&broker, &data);
    let mut publisher = Publisher::connect(&broker, "publisher");
    publisher.publish_steadily(PER_SECOND, STEADY);
    let stats = Subscriber::start(&broker, &["chat/stats"]).wait_for("counters", |_, payload| !payload.is_empty());
    let stats: Value = serde_json::from_slice(&stats.payload).expect("JSON");
    let (fsync, fsync_99th) = quantiles(fsyncs(&data));
    println!(
        "  arrival to commit at {PER_SECOND}/s   {} ms median, {} ms 99th; fsync of a page here {:.2} ms median, {:.2} ms 99th",
        stats["commit_median_ms"],
        stats["commit_99th_ms"],
        fsync / 1e3,
        fsync_99th / 1e3,
    );
}

fn fsyncs(data: &TempDir) -> Vec<Duration> {
    let mut file = File::create(data.join("fsync")).expect("a file");
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()).expect("a disk");
        times.push(started.elapsed());
    }
    times
}

fn sender_knows() {
    let (broker, data) = (prompt_broker(), TempDir::new());
    let _server = start(&broker, &data);
    let port = broker.port().to_string();
    let client = ["client", "127.0.0.1", &port, "--nick", "sender", "--json", "--listen", "--no-history"];
    let mut client = Pipe::start(env!("CARGO_BIN_EXE_mqttchat"), &client);
    client.read_until("online_users");
    // A session gets a confirmation at most every 200 ms, so frequent messages wait for that.
    for (pause, load) in [(300, 0), (50, 0), (50, PER_SECOND)] {
        let pause = Duration::from_millis(pause);
        let (mut sent, mut stored) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if load > 0 {
                    let time = (pause + Duration::from_millis(200)) * ASKED as u32;
                    Publisher::connect(&broker, "publisher").publish_steadily(load, time);
                }
            });
            for number in 0..ASKED {
                let reference = format!("{}-{load}-{number}", pause.as_millis());
                let started = Instant::now();
                client.write(&format!(r#"{{"message":"knows {reference}","ref":"{reference}"}}"#));
                // The two may arrive in either order.
                let mut left = 2;
                while left > 0 {
                    let line = client.read_until(&format!(r#""ref":"{reference}""#));
                    let event: Value = serde_json::from_str(&line).expect("JSON");
                    match event["event"].as_str() {
                        Some("sent") => sent.push(started.elapsed()),
                        Some("stored") => stored.push(started.elapsed()),
                        _ => continue,
                    }
                    left -= 1;
                }
                std::thread::sleep(pause);
            }
        });
        let worst = stored.iter().max().map_or(0.0, Duration::as_secs_f64);
        let ((sent, _), (stored, stored_99th)) = (quantiles(sent), quantiles(stored));
        println!(
            "  line to stored, one each {:3} ms, others say {load:4}/s: {:.1} ms median, {:.1} ms 99th, {:.1} ms worst; the broker has it after {:.1} ms",
            pause.as_millis(),
            stored / 1e3,
            stored_99th / 1e3,
            worst * 1e3,
            sent / 1e3
        );
    }
}

/// Lines piped into a sender until all are stored and it ends; compared with mosquitto_pub, which waits for the broker.
fn pipe() {
    let lines = (1..=PIPED).fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, "line {number} of a pipe");
        lines
    });
    let (broker, data) = (prompt_broker(), TempDir::new());
    let server = start(&broker, &data);
    let port = broker.port().to_string();
    let ours = through(env!("CARGO_BIN_EXE_mqttchat"), &["client", "127.0.0.1", &port, "--nick", "pipe"], &lines);
    let theirs = through("mosquitto_pub", &["-p", &port, "-q", "1", "-t", "bench", "-l"], &lines);
    println!(
        "  {PIPED} piped lines            {ours:.0} lines/s, all stored; mosquitto_pub, acknowledged only: {theirs:.0}/s"
    );
    drop(server);
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let export = Command::new(env!("CARGO_BIN_EXE_mqttchat"))
        .args(["export", "--data-dir", data_dir])
        .output()
        .expect("an export");
    let text = |line: &str| serde_json::from_str::<Value>(line).ok()?["message"].as_str().map(str::to_owned);
    let stored: Vec<String> = String::from_utf8_lossy(&export.stdout).lines().filter_map(text).collect();
    let in_order = stored.iter().map(String::as_str).eq(lines.lines());
    println!("    in the history: {} lines, {}", stored.len(), if in_order { "in order" } else { "NOT in order" });
}

fn through(program: &str, arguments: &[&str], lines: &str) -> f64 {
    let started = Instant::now();
    let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(lines.as_bytes()).expect("it reads");
    drop(input);
    while child.try_wait().expect("our own child").is_none() {
        assert!(started.elapsed() < DEADLINE, "{program} does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
    PIPED as f64 / started.elapsed().as_secs_f64()
}
