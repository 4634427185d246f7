//! An idle client sleeps: none of its own threads wakes, whatever it last waited for.

use super::support::{Broker, PATIENCE, Program, Pty, Stream, TempDir, wait_until};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Five times the shortest wait. Heartbeats come after ten of these.
const A_WHILE: Duration = Duration::from_secs(1);

/// How often each thread of a process went to sleep, without the library's, which poll every second.
fn sleeps(process: u32) -> BTreeMap<String, String> {
    let mut sleeps = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{process}/task")).expect("a running process") {
        let status = fs::read_to_string(task.expect("a thread").path().join("status")).unwrap_or_default();
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        if !field("Name:").starts_with("MQTTAsync") {
            sleeps.insert(field("Pid:") + " " + &field("Name:"), field("voluntary_ctxt_switches:"));
        }
    }
    sleeps
}

#[track_caller]
fn comes_to_rest(process: u32) {
    wait_until(PATIENCE, "a second in which no thread wakes", || {
        let before = sleeps(process);
        std::thread::sleep(A_WHILE);
        before == sleeps(process)
    });
}

#[test]
fn an_idle_client_does_not_wake() {
    let (mut broker, data) = (Broker::start(), TempDir::new());
    let mut alone = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
    alone.wait_for_screen("no server", |lines| lines.iter().any(|line| line.contains("no chat server is answering")));
    comes_to_rest(alone.process_id());
    alone.press("/quit\r");
    alone.exit_code();

    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data.path().to_str().unwrap()]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut alice = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
    alice.wait_for_line("online: alice");
    comes_to_rest(alice.process_id());
    // After it has sent something, requested something, and measured.
    alice.press("hello\r/history\r/status\r/msg bob psst\rhalf a line");
    alice.wait_for_line("half a line");
    comes_to_rest(alice.process_id());
    // Another client comes and goes, which is told on one line.
    let mut bob = Program::start(&["client", &broker.address(), "--nick", "bob", "--listen"]);
    bob.wait_for_line(Stream::Err, "online", PATIENCE);
    comes_to_rest(bob.pid());
    bob.signal(libc::SIGTERM);
    bob.exit_code(PATIENCE);
    comes_to_rest(alice.process_id());
    // Between two attempts to connect.
    broker.stop();
    alice.wait_for_screen("the outage", |lines| lines.iter().any(|line| line.starts_with("-- connection lost")));
    comes_to_rest(alice.process_id());
}
