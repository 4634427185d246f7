//! How long it takes until others see that a client was killed: its connection breaks, the broker publishes its will,
//! and the server believes it after 1.5 s.

use super::spread;
use super::support::{Broker, PATIENCE, Program, Stream, TempDir};
use std::time::Instant;

const ROUNDS: usize = 7;

pub fn print() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut watcher = Program::start(&["client", &broker.address(), "--nick", "watcher", "--listen"]);
    let mut seconds = Vec::new();
    for round in 0..ROUNDS {
        let nick = format!("victim{round}");
        let mut victim = Program::start(&["client", &broker.address(), "--nick", &nick, "--listen"]);
        watcher.wait_for_line(Stream::Err, &format!("{nick} joined the chat"), PATIENCE);
        let killed = Instant::now();
        victim.kill();
        watcher.wait_for_line(Stream::Err, &format!("{nick} left the chat"), PATIENCE);
        seconds.push(killed.elapsed().as_secs_f64());
    }
    let (low, median, high) = spread(seconds);
    println!("presence: s from kill -9 of a client until others see it leave (minimum, median, maximum; promised: 3)");
    println!("  {low:.2} {median:.2} {high:.2}");
}
