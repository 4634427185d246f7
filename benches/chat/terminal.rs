//! What a person at a terminal notices: how soon the prompt appears, and how soon a key shows, with and without a flood
//! of messages. And an idle client's resources: memory, and how often each of its threads wakes, ours and the library's
//! separately.

use super::footprint::megabytes;
use super::latency::{prompt_broker, server_is_up};
use super::publisher::Publisher;
use super::support::{Broker, Program, Pty, TempDir};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

const PROMPT: &str = "#lobby>";
const STARTS: usize = 20;
const KEYS: usize = 1_000;
/// The pause between two keys: faster than anybody types, and not in step with anything.
const PAUSE: Duration = Duration::from_millis(7);
const PER_SECOND: u32 = 1_000;
const IDLE: Duration = Duration::from_secs(60);

pub fn print() {
    let (broker, data) = (prompt_broker(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let _server = Program::start(&["server", &broker.address(), "--data-dir", data_dir, "--quiet"]);
    server_is_up(&broker);
    println!("terminal: a chat of 80 × 24");
    prompt(&broker);
    keys(&broker);
    idle(&broker);
}

fn start(broker: &Broker) -> Pty {
    let mut pty = Pty::start(&["client", &broker.address(), "--nick", "alice", "--no-history"]);
    pty.wait_for_cursor_line(PROMPT);
    pty
}

fn prompt(broker: &Broker) {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let pty = start(broker);
        times.push(started.elapsed());
        leave(pty);
    }
    let [median, _, worst] = quantiles(times);
    println!("  start to the prompt                {median:6.2} ms median, {worst:6.2} ms worst of {STARTS}");
}

fn leave(mut pty: Pty) {
    pty.press("/quit\r");
    pty.exit_code();
}

fn keys(broker: &Broker) {
    let mut pty = start(broker);
    pty.wait_for_line("online: alice");
    let quiet = quantiles(type_keys(&mut pty));
    let time = PAUSE * (KEYS as u32) * 2;
    let loaded = std::thread::scope(|scope| {
        scope.spawn(|| Publisher::connect(broker, "publisher").publish_steadily(PER_SECOND, time));
        std::thread::sleep(Duration::from_secs(1));
        quantiles(type_keys(&mut pty))
    });
    for (name, [median, most, worst]) in [("in silence", quiet), ("at 1,000 messages/s", loaded)] {
        println!(
            "  key to screen, {name:20}{median:6.2} ms median, {most:6.2} ms 99th, {worst:6.2} ms worst of {KEYS}"
        );
    }
    leave(pty);
}

fn type_keys(pty: &mut Pty) -> Vec<Duration> {
    let mut line = format!("{PROMPT} ");
    let mut times = Vec::new();
    for number in 0..KEYS {
        if number % 40 == 0 {
            pty.press("\x15");
            pty.wait_for_cursor_line(PROMPT);
            line = format!("{PROMPT} ");
        }
        let key = char::from(b'a' + (number % 26) as u8);
        line.push(key);
        let pressed = Instant::now();
        pty.press(&key.to_string());
        pty.wait_for_cursor_line(&line);
        times.push(pressed.elapsed());
        std::thread::sleep(PAUSE);
    }
    pty.press("\x15");
    pty.wait_for_cursor_line(PROMPT);
    times
}

fn idle(broker: &Broker) {
    let mut pty = start(broker);
    pty.wait_for_line("online: alice");
    // Everything that follows a join is over.
    std::thread::sleep(Duration::from_secs(6));
    let process = pty.process_id();
    let before = wakes(process);
    std::thread::sleep(IDLE);
    let after = wakes(process);
    let woken = |name: &String| after[name].saturating_sub(before.get(name).copied().unwrap_or(0));
    let (theirs, ours): (Vec<_>, Vec<_>) = after.keys().partition(|name| name.contains("MQTTAsync"));
    for (whose, names) in [("ours", ours), ("paho's", theirs)] {
        let each: Vec<String> = names.iter().map(|name| format!("{name} {}", woken(name))).collect();
        let all: u64 = names.iter().map(|name| woken(name)).sum();
        println!("  wakes in {} s, {whose:7} threads     {all:5}: {}", IDLE.as_secs(), each.join(", "));
    }
    println!("  resident memory                    {:6.1} MB", megabytes(status(process, "VmRSS")));
    leave(pty);
}

/// How often each thread of a process was put to sleep, voluntarily or not, by name.
fn wakes(process: u32) -> BTreeMap<String, u64> {
    let mut wakes = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{process}/task")).expect("a running process") {
        let task = task.expect("a thread").path();
        let text = fs::read_to_string(task.join("status")).unwrap_or_default();
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0").trim().to_owned();
        let count = |name: &str| field(name).parse::<u64>().unwrap_or(0);
        *wakes.entry(field("Name:")).or_default() +=
            count("voluntary_ctxt_switches:") + count("nonvoluntary_ctxt_switches:");
    }
    wakes
}

fn status(process: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("the field");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// The median, the 99th percentile and the maximum, in ms.
fn quantiles(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort();
    [50, 99, 100].map(|share| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3)
}
