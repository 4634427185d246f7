//! The link where something stands still, or is silently dropped: its owner is not kept waiting, and others go on.

use crate::support::PATIENCE;
use crate::{config, open, packet, publication, settings};
use crossbeam_channel::{Receiver, Sender, unbounded};
use mqttchat::link::{Config, Gate};
use std::io::Write;
use std::net::TcpListener;
use std::thread;

#[test]
fn closing_does_not_wait_for_the_gate() {
    let (ask, asked): (Sender<()>, _) = unbounded();
    let (_answer, never): (Sender<()>, Receiver<()>) = unbounded();
    let gate = move || {
        let _ = ask.send(());
        let _ = never.recv();
        Gate::Open
    };
    let (link, _events) = open(Config { gate: Some(Box::new(gate)), ..config(settings(1), &[]) });
    asked.recv_timeout(PATIENCE).expect("the gate is asked");
    let (closed, is_closed) = unbounded();
    thread::spawn(move || {
        link.close(Some(publication("last", "x", None)), PATIENCE);
        let _ = closed.send(());
    });
    is_closed.recv_timeout(PATIENCE).expect("it is closed, while the gate is still asked");
}

#[test]
fn a_connection_that_comes_after_the_close_is_ended() {
    let (ended, end) = unbounded();
    let (accepted, is_accepted) = unbounded();
    let (go_on, going_on) = unbounded::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let connect = packet(&mut stream).expect("a CONNECT");
        let _ = accepted.send(connect[0] >> 4);
        let _ = going_on.recv();
        let _ = stream.write_all(&[0x20, 2, 0, 0]);
        let _ = ended.send(packet(&mut stream).map(|sent| sent[0] >> 4).ok());
    });
    let (link, _events) = open(config(settings(port), &["a"]));
    assert_eq!(is_accepted.recv_timeout(PATIENCE), Ok(1));
    link.close(None, PATIENCE);
    go_on.send(()).expect("the broker goes on");
    assert_eq!(end.recv_timeout(PATIENCE), Ok(Some(14)), "DISCONNECT, so that no will is sent");
}
