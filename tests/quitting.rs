//! The end of a run: the terminal is restored and the process gone soon, whatever the network does. The limits here are
//! far below what a run once waited for (ten seconds and more), but above the promised second, because the machine may
//! be busy.

mod support;

use crossbeam_channel::{Receiver, unbounded};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};
use support::{Broker, PATIENCE, Program, Pty, Stream, wait_until};

/// Far less than explaining a failure at `slow_peer` takes, or a connection that is never answered.
const SOON: Duration = Duration::from_secs(6);

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
    let before = Instant::now();
    match how {
        End::Quit => client.press("/quit\r"),
        End::Interrupt => client.press("\x03"),
        End::Terminate => client.signal(libc::SIGTERM),
    }
    let code = client.exit_code();
    let took = before.elapsed();
    eprintln!("{how:?}: {took:?}");
    let expected = match how {
        End::Quit => 0,
        End::Interrupt => 130,
        End::Terminate => 143,
    };
    assert_eq!(code, expected, "{how:?}");
    assert_eq!(client.settings(), client.settings_before(), "{how:?}");
    wait_until(PATIENCE, "pasted text is no longer marked", || !client.marks_pasted_text());
    assert!(took < SOON, "{how:?} took {took:?}");
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

/// Closes two connections, like a broker that speaks another version. On the third it sends a byte per second, forever.
/// The channel reports that connection.
fn slow_peer(listener: TcpListener) -> Receiver<()> {
    let (told, slow) = unbounded();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 1_024]);
            if number < 2 {
                continue;
            }
            let _ = told.send(());
            thread::spawn(move || {
                while stream.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_secs(1));
                }
            });
        }
    });
    slow
}

#[test]
fn while_a_failure_is_explained() {
    for how in [End::Quit, End::Interrupt, End::Terminate] {
        let (listener, address) = listen();
        let client = Pty::start(&["client", &address, "--nick", "alice"]);
        slow_peer(listener).recv_timeout(PATIENCE).expect("the failure is looked at");
        end(client, how);
    }
}

#[test]
fn while_nobody_answers() {
    // Accepts, and answers neither MQTT nor TLS.
    let (_listener, address) = listen();
    for (options, how) in [(&[][..], End::Quit), (&["--tls"], End::Interrupt)] {
        let mut client = Pty::start(&[&["client", &address, "--nick", "alice"], options].concat());
        client.wait_for_line("#lobby>");
        end(client, how);
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
    slow_peer(listener).recv_timeout(PATIENCE).expect("the failure is looked at");
    let before = Instant::now();
    client.press("/nick bob\r");
    client.wait_for_screen("the nick", |lines| lines.iter().any(|line| line.contains("you will be bob")));
    client.press("/help\r");
    client.wait_for_screen("the help", |lines| lines.iter().any(|line| line.contains("/quit")));
    let took = before.elapsed();
    eprintln!("/nick: {took:?}");
    assert!(took < SOON, "{took:?}");
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
    let before = Instant::now();
    server.signal(libc::SIGTERM);
    server.signal(libc::SIGINT);
    let code = server.exit_code(PATIENCE);
    eprintln!("second signal: {:?}", before.elapsed());
    assert!([128 + libc::SIGTERM, 128 + libc::SIGINT].contains(&code), "not cleanly: {code}");
    broker.resume();
}
