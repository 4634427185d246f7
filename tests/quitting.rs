//! The end of a run: the terminal is restored and the process gone, whatever the network does. Peers tell whether a
//! connection ended because its process did, or before: then the process has waited for it.

mod support;

use crossbeam_channel::{Receiver, unbounded};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;
use support::{Broker, PATIENCE, Program, Pty, Stream, wait_until};

/// The way to end it.
#[derive(Clone, Copy, Debug)]
enum End {
    Quit,
    Interrupt,
    Terminate,
}

/// Ends a client on a terminal, and checks what it leaves behind.
#[track_caller]
fn end(mut client: Pty, how: End) {
    if let End::Interrupt = how {
        client.press("\x03");
        client.wait_for_line("(Ctrl-C again quits)");
    }
    match how {
        End::Quit => client.press("/quit\r"),
        End::Interrupt => client.press("\x03"),
        End::Terminate => client.signal(libc::SIGTERM),
    }
    let code = client.exit_code();
    let expected = match how {
        End::Quit => 0,
        End::Interrupt => 130,
        End::Terminate => 143,
    };
    assert_eq!(code, expected, "{how:?}");
    assert_eq!(client.settings(), client.settings_before(), "{how:?}");
    wait_until(PATIENCE, "pasted text is no longer marked", || !client.marks_pasted_text());
}

/// The same while it has this connection.
#[track_caller]
fn end_with(client: Pty, how: End, connection: &Connection) {
    end(client, how);
    assert!(connection.ended.recv_timeout(PATIENCE).expect("it ends"), "{how:?} waited for the network");
}

/// A connection of a process, as its peer sees it.
struct Connection {
    /// Whether the process was about to end when the connection did.
    ended: Receiver<bool>,
}

impl Connection {
    fn watch(mut stream: TcpStream, process: u32) -> Connection {
        let (tell, ended) = unbounded();
        thread::spawn(move || {
            // Until it is closed, or reset.
            let _ = io::copy(&mut stream, &mut io::sink());
            let _ = tell.send(is_ending(process));
        });
        Connection { ended }
    }

    #[track_caller]
    fn lasts(&self) {
        assert!(self.ended.try_recv().is_err(), "it is over");
    }
}

/// Whether a process is about to end, or gone. The system marks it before it closes what is open.
fn is_ending(process: u32) -> bool {
    const EXITING: u64 = 4;
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { return true };
    let (_, after_name) = stat.rsplit_once(')').expect("its name");
    let flags = after_name.split_whitespace().nth(6).and_then(|flags| flags.parse::<u64>().ok());
    flags.expect("its flags") & EXITING != 0
}

#[track_caller]
fn connected(client: &mut Pty) {
    client.wait_for_screen("the welcome", |lines| lines.iter().any(|line| line.starts_with("-- you are alice")));
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, format!("localhost:{port}"))
}

/// Closes two connections, like a broker that speaks another version. On the third, which it returns, it sends a byte per
/// second, forever.
fn slow_connection(listener: &TcpListener, process: u32) -> Connection {
    for _ in 0..2 {
        let _ = accept(listener).read(&mut [0; 1_024]);
    }
    let mut stream = accept(listener);
    let connection = Connection::watch(stream.try_clone().expect("a descriptor more"), process);
    thread::spawn(move || {
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    connection
}

/// The next connection.
#[track_caller]
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("an option");
    let mut accepted = None;
    wait_until(PATIENCE, "a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.expect("a connection");
    stream.set_nonblocking(false).expect("an option");
    stream
}

#[test]
fn while_a_failure_is_explained() {
    for how in [End::Quit, End::Interrupt, End::Terminate] {
        let (listener, address) = listen();
        let client = Pty::start(&["client", &address, "--nick", "alice"]);
        let explained = slow_connection(&listener, client.process_id());
        end_with(client, how, &explained);
    }
}

#[test]
fn while_nobody_answers() {
    // Accepts, and answers neither MQTT nor TLS.
    let (listener, address) = listen();
    for (options, how) in [(&[][..], End::Quit), (&["--tls"], End::Interrupt)] {
        let mut client = Pty::start(&[&["client", &address, "--nick", "alice"], options].concat());
        client.wait_for_line("#lobby>");
        let attempt = Connection::watch(accept(&listener), client.process_id());
        end_with(client, how, &attempt);
    }
}

#[test]
fn while_packets_vanish() {
    let (listener, address) = listen();
    // SAFETY: listen takes plain numbers.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    // Beyond those that fill it, connections get no answer.
    let to = listener.local_addr().expect("its address");
    let filled: Vec<_> =
        (0..8).map_while(|_| TcpStream::connect_timeout(&to, Duration::from_millis(200)).ok()).collect();
    assert!((1..8).contains(&filled.len()), "{} connections were made", filled.len());
    let mut client = Pty::start(&["client", &address, "--nick", "alice"]);
    client.wait_for_line("#lobby>");
    end(client, End::Terminate);
}

#[test]
fn while_the_broker_stands_still() {
    for how in [End::Quit, End::Interrupt, End::Terminate] {
        let broker = Broker::start();
        let mut client = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
        connected(&mut client);
        broker.pause();
        end(client, how);
        broker.resume();
    }
}

#[test]
fn a_nick_is_changed_while_a_failure_is_explained() {
    let broker = Broker::start();
    let mut client = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
    connected(&mut client);
    let port = broker.port();
    drop(broker);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the broker's port");
    let explained = slow_connection(&listener, client.process_id());
    client.press("/nick bob\r");
    client.wait_for_screen("the nick", |lines| lines.iter().any(|line| line.contains("you will be bob")));
    client.press("/help\r");
    client.wait_for_screen("the help", |lines| lines.iter().any(|line| line.contains("/quit")));
    explained.lasts();
    end(client, End::Quit);
}

#[test]
fn a_second_signal_ends_a_server_soon() {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    broker.pause();
    // The first signal asks it to stop, which takes as long as the broker may take for the last publications. Two of
    // one kind, sent at once, would count as one.
    server.signal(libc::SIGTERM);
    server.signal(libc::SIGINT);
    let code = server.exit_code(PATIENCE);
    assert!([128 + libc::SIGTERM, 128 + libc::SIGINT].contains(&code), "not cleanly: {code}");
    broker.resume();
}
