//! The resources of an idle server and an idle client: resident memory, threads, and the size of the binary.

use super::support::{Broker, PATIENCE, Program, Stream, TempDir};
use std::time::Duration;

/// Long enough for the housekeeping of one heartbeat interval.
const IDLE: Duration = Duration::from_secs(5);

pub fn print() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let client = Program::start(&["client", &broker.address(), "--nick", "idle", "--listen"]);
    server.wait_for_line(Stream::Err, "joined nick=idle", PATIENCE);
    std::thread::sleep(IDLE);
    println!("footprint, idle for {} s", IDLE.as_secs());
    for (name, program) in [("server", &server), ("client", &client)] {
        let (resident, peak, threads) = (field(program, "VmRSS"), field(program, "VmHWM"), field(program, "Threads"));
        println!(
            "  {name}  {:5.1} MB resident, {:5.1} MB at its peak, {threads} threads",
            megabytes(resident),
            megabytes(peak)
        );
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_mqttchat")).expect("the binary").len();
    println!("  binary  {:5.2} MB", size as f64 / 1e6);
}

/// A number from the process's status; memory is in KiB.
pub fn field(program: &Program, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("the field");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

pub fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
