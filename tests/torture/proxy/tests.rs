//! The proxy between two ends of the test itself.

use super::*;
use crate::support::{PATIENCE, wait_until};

/// A proxy with a connection: the client's end and the broker's.
fn connection() -> (Proxy, TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().port());
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    let broker = listener.accept().unwrap().0;
    // Commands apply to connections that the proxy has accepted.
    client.write_all(b"x").unwrap();
    read(&broker, 1);
    for stream in [&client, &broker] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (proxy, client, broker)
}

fn read(mut stream: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Whether nothing arrives for a while.
fn is_silent(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(LOOK_EVERY * 10)).unwrap();
    let result = { stream }.read(&mut [0; 1]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Waits until a stall is in effect: everything under way has passed.
fn settle() {
    thread::sleep(LOOK_EVERY * 4);
}

#[test]
fn everything_passes_in_order_both_ways() {
    let (_proxy, mut client, mut broker) = connection();
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|number| (number >> 3) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| client.write_all(&bytes).unwrap());
        assert!(read(&broker, bytes.len()) == bytes);
    });
    broker.write_all(b"answer").unwrap();
    assert_eq!(read(&client, 6), b"answer");
    drop(client);
    assert_eq!(broker.read(&mut [0; 1]).unwrap(), 0, "the end passes too");
}

#[test]
fn a_cut_resets_both_sides() {
    let (proxy, mut client, mut broker) = connection();
    proxy.cut();
    for stream in [&mut client, &mut broker] {
        assert_eq!(stream.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_stall_holds_back_one_way_and_loses_nothing() {
    let (proxy, mut client, mut broker) = connection();
    proxy.stall(Way::ToBroker, true);
    settle();
    client.write_all(b"up").unwrap();
    broker.write_all(b"down").unwrap();
    assert_eq!(read(&client, 4), b"down");
    assert!(is_silent(&broker));
    proxy.stall(Way::ToBroker, false);
    assert_eq!(read(&broker, 2), b"up");
}

#[test]
fn a_delay_postpones_everything_in_order() {
    let (proxy, mut client, mut broker) = connection();
    proxy.delay(Duration::from_millis(300));
    let begun = Instant::now();
    client.write_all(b"x").unwrap();
    read(&broker, 1);
    broker.write_all(b"y").unwrap();
    read(&client, 1);
    assert!(begun.elapsed() >= Duration::from_millis(600));
}

#[test]
fn a_half_closed_way_ends_and_the_other_stays() {
    let (proxy, mut client, mut broker) = connection();
    proxy.half_close(Way::FromBroker);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    client.write_all(b"still").unwrap();
    assert_eq!(read(&broker, 5), b"still");
    broker.write_all(b"in vain").unwrap();
    drop(broker);
    drop(client);
}

#[test]
fn without_a_broker_connections_close() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let proxy = Proxy::start(port);
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
}

#[test]
fn a_dropped_proxy_leaves_nothing() {
    let (proxy, client, _broker) = connection();
    let port = proxy.port();
    drop(proxy);
    wait_until(PATIENCE, "its port is free", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    assert!(matches!({ &client }.read(&mut [0; 1]), Ok(0) | Err(_)));
}
