//! Our clients and server over a real broker: a normal chat, and the effects of outages.

mod support;

use support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir};

/// A server with its history in `dir`.
#[track_caller]
fn server(broker: &Broker, dir: &TempDir) -> Program {
    server_with(broker, dir, &[])
}

#[track_caller]
fn server_with(broker: &Broker, dir: &TempDir, arguments: &[&str]) -> Program {
    let (address, folder) = (broker.address(), dir.path().to_str().unwrap());
    let mut server = Program::start(&[&["server", &address, "--data-dir", folder], arguments].concat());
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    server
}

/// A member that the server has let in.
#[track_caller]
fn member(broker: &Broker, nick: &str, arguments: &[&str]) -> Program {
    let address = broker.address();
    let mut member = Program::start(&[&["client", &address, "--listen", "--nick", nick], arguments].concat());
    // The list answers a request that follows the join.
    member.wait_for_line_where(Stream::Err, "who is online", PATIENCE, |line| {
        line.contains(" online: ") && line.contains(nick)
    });
    member
}

/// The messages, without times.
fn said(program: &mut Program) -> Vec<String> {
    let lines = program.lines(Stream::Out);
    lines.iter().filter_map(|line| line.split_once(' ')).map(|(_, said)| said.to_owned()).collect()
}

/// The joins and leaves that were told.
fn notices(program: &mut Program) -> Vec<String> {
    let is_notice = |line: &String| ["joined", "left", "timed out"].iter().any(|word| line.contains(word));
    program.lines(Stream::Err).into_iter().filter(is_notice).collect()
}

#[test]
fn people_talk_and_latecomers_read_it() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server(&broker, &dir);
    let mut alice = member(&broker, "Alice", &["--room", "dev"]);
    let mut bob = member(&broker, "bob", &[]);
    alice.wait_for_line(Stream::Err, "bob joined the chat (2 online)", PATIENCE);
    bob.send_line("hello");
    alice.wait_for_line(Stream::Out, "#lobby bob: hello", PATIENCE);
    alice.send_line("in dev");
    alice.wait_for_line(Stream::Out, "#dev Alice: in dev", PATIENCE);
    let mut direct = Program::start(&["client", &broker.address(), "--nick", "carol", "--to", "ALICE", "-m", "psst"]);
    assert_eq!(direct.exit_code(PATIENCE), 0);
    alice.wait_for_line(Stream::Out, "@ALICE carol: psst", PATIENCE);

    let mut late = member(&broker, "late", &["--room", "dev"]);
    late.wait_for_line(Stream::Out, "#dev Alice: in dev", PATIENCE);
    late.wait_for_line(Stream::Out, "#lobby bob: hello", PATIENCE);
    let mut quiet = member(&broker, "quiet", &["--no-history"]);
    bob.send_line("bye");
    quiet.wait_for_line(Stream::Out, "bob: bye", PATIENCE);
    assert_eq!(said(&mut quiet), ["#lobby bob: bye"]);
    // It goes out before its sender's client prints it.
    bob.wait_for_line(Stream::Out, "bob: bye", PATIENCE);
    assert_eq!(said(&mut bob), ["#lobby bob: hello", "#lobby bob: bye"]);
    late.wait_for_line(Stream::Out, "bob: bye", PATIENCE);
    assert_eq!(said(&mut late).len(), 3);
}

#[test]
fn the_same_nick_twice_ends_the_second() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    let mut second = Program::start(&["client", &broker.address(), "--listen", "--nick", "ALICE"]);
    assert_eq!(second.exit_code(PATIENCE), 73);
    assert_eq!(said(&mut second), [] as [String; 0]);
    // A sender need not be let in.
    let mut sender = Program::start(&["client", &broker.address(), "--nick", "alice", "-m", "from a script"]);
    assert_eq!(sender.exit_code(PATIENCE), 0);
    alice.wait_for_line(Stream::Out, "#lobby alice: from a script", PATIENCE);
    assert_eq!(notices(&mut alice), [] as [String; 0]);
    assert_eq!(alice.lines(Stream::Err).len(), 2, "connected, and who is online");
}

#[test]
fn a_count_leaves_further_messages_to_the_next_run() {
    let (broker, dir, home) = (Broker::start(), TempDir::new(), TempDir::new());
    let _server = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    let address = broker.address();
    let bob = |arguments: &[&str]| {
        let client = ["client", &address, "--listen", "--nick", "bob"];
        Program::with(&[&client, arguments].concat()).home(home.path()).start()
    };
    let says = |text: &str| {
        let mut sender = Program::start(&["client", &address, "--nick", "carol", "-m", text]);
        assert_eq!(sender.exit_code(PATIENCE), 0);
    };
    says("before");
    let mut counting = bob(&["-C", "2", "--keepalive", "1"]);
    // It was stored: a page brings it, with the position from which on he misses something.
    counting.wait_for_line(Stream::Out, "carol: before", PATIENCE);
    counting.signal(libc::SIGSTOP);
    alice.wait_for_line(Stream::Err, "bob left the chat", PATIENCE);
    ["1", "2", "3", "4"].into_iter().for_each(says);
    // One page brings all four.
    counting.signal(libc::SIGCONT);
    assert_eq!(counting.exit_code(PATIENCE), 0);
    assert_eq!(said(&mut counting), ["#lobby carol: before", "#lobby carol: 1", "#lobby carol: 2"]);
    let mut next = bob(&[]);
    next.wait_for_line(Stream::Out, "carol: 4", PATIENCE);
    assert_eq!(said(&mut next), ["#lobby carol: 3", "#lobby carol: 4"]);
}

#[test]
fn a_killed_client_is_seen_to_leave() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    let mut bob = member(&broker, "bob", &[]);
    bob.kill();
    alice.wait_for_line(Stream::Err, "bob left the chat", PATIENCE);
}

#[test]
fn a_quick_restart_goes_unnoticed() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    let mut bob = member(&broker, "bob", &[]);
    bob.kill();
    let mut bob = member(&broker, "bob", &[]);
    bob.send_line("back");
    alice.wait_for_line(Stream::Out, "bob: back", PATIENCE);
    // Carol is killed after him: when her will is believed, his would have been.
    let mut carol = member(&broker, "carol", &[]);
    carol.kill();
    alice.wait_for_line(Stream::Err, "carol left", PATIENCE);
    let told = ["bob joined the chat (2 online)", "carol joined the chat (3 online)", "carol left the chat"];
    assert_eq!(notices(&mut alice), told);
}

#[test]
fn a_frozen_client_leaves_by_its_will_and_comes_back() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    let bob = member(&broker, "bob", &["--keepalive", "1"]);
    bob.signal(libc::SIGSTOP);
    alice.wait_for_line(Stream::Err, "bob left the chat", PATIENCE);
    alice.skip_lines_so_far();
    bob.signal(libc::SIGCONT);
    alice.wait_for_line(Stream::Err, "bob joined the chat", PATIENCE);
}

#[test]
fn a_frozen_client_times_out_and_comes_back() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server_with(&broker, &dir, &["--timeout", "3"]);
    let mut alice = member(&broker, "alice", &[]);
    let bob = member(&broker, "bob", &["--keepalive", "600"]);
    bob.signal(libc::SIGSTOP);
    alice.wait_for_line(Stream::Err, "bob timed out", PATIENCE);
    alice.skip_lines_so_far();
    bob.signal(libc::SIGCONT);
    alice.wait_for_line(Stream::Err, "bob joined the chat", PATIENCE);
    assert!(!notices(&mut alice).iter().any(|line| line.starts_with("alice")), "heartbeats keep the others in");
}

#[test]
fn a_member_with_a_stopped_reader_stays_and_can_be_ended() {
    /// Far more than a pipe and the client hold for a reader.
    const FLOOD: usize = 12_000;
    let (broker, dir) = (Broker::start(), TempDir::new());
    let _server = server_with(&broker, &dir, &["--timeout", "2"]);
    let mut presence = Subscriber::start(&broker, &["chat/presence/alice"]);
    let arguments = ["client", &broker.address(), "--listen", "--nick", "alice"];
    let (mut alice, _unread) = Program::with(&arguments).output_to_pipe();
    alice.wait_for_line(Stream::Err, " online: ", PATIENCE);
    let mut bob = Program::start(&["client", &broker.address(), "--nick", "bob"]);
    (0..FLOOD).for_each(|number| bob.send_line(&format!("number {number}, which says more than it has to")));
    bob.close_stdin();
    assert_eq!(bob.exit_code(PATIENCE), 0);
    for _ in 0..4 {
        presence.skip_messages_so_far();
        presence.wait_for("a heartbeat", |_, payload| String::from_utf8_lossy(payload).contains("heartbeat"));
    }
    alice.signal(libc::SIGTERM);
    assert_eq!(alice.exit_code(PATIENCE), 143);
    presence.wait_for("a leave", |_, payload| String::from_utf8_lossy(payload).contains("leave"));
}

#[test]
fn a_broker_that_forgets_everything_loses_no_message() {
    let (mut broker, dir) = (Broker::start(), TempDir::new());
    let mut server = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    let mut bob = member(&broker, "bob", &[]);
    alice.wait_for_line(Stream::Err, "bob joined", PATIENCE);
    bob.send_line("before");
    alice.wait_for_line(Stream::Out, "bob: before", PATIENCE);
    server.skip_lines_so_far();
    broker.stop();
    for member in [&mut alice, &mut bob] {
        member.wait_for_line(Stream::Err, "connection lost", PATIENCE);
    }
    bob.send_line("during");
    broker.start_again();
    // Whether Alice was back in time or not, it arrives live or in the page that she requests.
    alice.wait_for_line(Stream::Out, "bob: during", PATIENCE);
    for member in [&mut alice, &mut bob] {
        member.wait_for_line(Stream::Err, "connected again", PATIENCE);
    }
    alice.send_line("after");
    bob.wait_for_line(Stream::Out, "alice: after", PATIENCE);
    let mut late = member(&broker, "late", &[]);
    late.wait_for_line(Stream::Err, "3 online: alice, bob, late", PATIENCE);
    for text in ["bob: before", "bob: during", "alice: after"] {
        late.wait_for_line(Stream::Out, text, PATIENCE);
    }
    for member in [&mut alice, &mut bob, &mut late] {
        let mut lines = said(member);
        lines.sort();
        assert_eq!(lines, ["#lobby alice: after", "#lobby bob: before", "#lobby bob: during"]);
    }
    alice.wait_for_line(Stream::Err, "late joined", PATIENCE);
    assert_eq!(notices(&mut alice), ["bob joined the chat (2 online)", "late joined the chat (3 online)"]);
}

#[test]
fn a_server_that_dies_and_comes_back_knows_everything() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    let mut first = server(&broker, &dir);
    let mut alice = member(&broker, "alice", &[]);
    alice.send_line("kept");
    first.wait_for_line(Stream::Err, "message room=lobby nick=alice", PATIENCE);
    // The page of a second member proves that it is stored.
    let mut bob = member(&broker, "bob", &[]);
    bob.wait_for_line(Stream::Out, "alice: kept", PATIENCE);
    alice.wait_for_line(Stream::Err, "bob joined", PATIENCE);
    first.kill();
    bob.send_line("while it was away");
    alice.wait_for_line(Stream::Out, "bob: while it was away", PATIENCE);
    let _second = server(&broker, &dir);
    let mut late = member(&broker, "late", &[]);
    late.wait_for_line(Stream::Err, "3 online: alice, bob, late", PATIENCE);
    // Bob's message may arrive live, because he retransmits it, or in the page.
    late.wait_for_line(Stream::Out, "bob: while it was away", PATIENCE);
    late.wait_for_line(Stream::Out, "alice: kept", PATIENCE);
    let mut lines = said(&mut late);
    lines.sort();
    assert_eq!(lines, ["#lobby alice: kept", "#lobby bob: while it was away"]);
    alice.wait_for_line(Stream::Err, "late joined", PATIENCE);
    assert_eq!(notices(&mut alice), ["bob joined the chat (2 online)", "late joined the chat (3 online)"]);
    assert_eq!(said(&mut alice).len(), 2);
}
