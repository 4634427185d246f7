//! A broker that delivers what Mosquitto refuses: a proxy that forwards every packet, and can insert packets of its own
//! to a client.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::broker::Broker;
use super::wait::{PATIENCE, wait_until};

/// The first packet identifier of inserted messages: far above those of Mosquitto in a test.
const FIRST_IDENTIFIER: u16 = 60_000;

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;

/// Drop ends it with all its connections.
pub struct Injector {
    port: u16,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    closing: AtomicBool,
    connections: Mutex<Vec<Arc<Connection>>>,
}

/// A client's connection since its CONNECT.
struct Connection {
    connect: Vec<u8>,
    /// Only whole packets are written here, by the broker's thread and by the test's.
    to_client: Mutex<TcpStream>,
    ended: AtomicBool,
    /// Identifiers of inserted messages that the client has acknowledged.
    acknowledged: Mutex<Vec<u16>>,
}

impl Injector {
    /// Listens on a free port of the loopback, for connections to this broker.
    #[track_caller]
    pub fn start(broker: &Broker) -> Injector {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let state = Arc::new(State::default());
        let (theirs, broker) = (state.clone(), (Ipv4Addr::LOCALHOST, broker.port()).into());
        let acceptor = thread::spawn(move || accept(&listener, broker, &theirs));
        Injector { port, state, acceptor: Some(acceptor) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Delivers a message to the client with this identifier. Returns once the client has acknowledged it.
    ///
    /// # Panics
    ///
    /// If the client has no connection, or does not acknowledge because it died.
    #[track_caller]
    pub fn deliver(&self, client_id: &str, topic: &[u8], payload: &[u8], qos: u8) {
        assert!(qos == 1 || qos == 2, "there is no acknowledgement to wait for at QoS {qos}");
        let connection = self.connection(client_id).unwrap_or_else(|| panic!("{client_id} is not connected"));
        let identifier = FIRST_IDENTIFIER + lock(&connection.acknowledged).len() as u16;
        let mut body = (topic.len() as u16).to_be_bytes().to_vec();
        body.extend(topic);
        body.extend(identifier.to_be_bytes());
        if connection.speaks_5() {
            // No properties.
            body.push(0);
        }
        body.extend(payload);
        connection.send(&packet(PUBLISH << 4 | qos << 1, &body)).expect("the client reads");
        wait_until(PATIENCE, &format!("{client_id} acknowledges {}", topic.escape_ascii()), || {
            lock(&connection.acknowledged).contains(&identifier)
        });
    }

    /// The latest CONNECT of this client, after its fixed header.
    #[track_caller]
    pub fn connect_of(&self, client_id: &str) -> Vec<u8> {
        self.connection(client_id).unwrap_or_else(|| panic!("{client_id} is not connected")).connect.clone()
    }

    fn connection(&self, client_id: &str) -> Option<Arc<Connection>> {
        let connections = lock(&self.state.connections);
        let live = |connection: &&Arc<Connection>| !connection.ended.load(SeqCst) && connection.is_of(client_id);
        connections.iter().rev().find(live).cloned()
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.state.closing.store(true, SeqCst);
        // Only a connection ends an accept. It fails if the thread is gone already.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        for connection in lock(&self.state.connections).iter() {
            let _ = lock(&connection.to_client).shutdown(std::net::Shutdown::Both);
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Connection {
    /// The protocol's name is `MQTT`, so its level is the seventh byte.
    fn speaks_5(&self) -> bool {
        self.connect.get(6) == Some(&5)
    }

    /// Looks for the identifier and its length, wherever the properties before it end.
    fn is_of(&self, client_id: &str) -> bool {
        let wanted = [&(client_id.len() as u16).to_be_bytes(), client_id.as_bytes()].concat();
        self.connect.windows(wanted.len()).any(|part| part == wanted)
    }

    fn send(&self, packet: &[u8]) -> io::Result<()> {
        lock(&self.to_client).write_all(packet)
    }

    /// Whether the packet answers an inserted one, and so is not for the broker.
    fn takes(&self, kind: u8, body: &[u8]) -> io::Result<bool> {
        let identifier = match body {
            [high, low, ..] if (PUBACK..=PUBCOMP).contains(&kind) => u16::from_be_bytes([*high, *low]),
            _ => return Ok(false),
        };
        if identifier < FIRST_IDENTIFIER || kind == PUBREL {
            return Ok(false);
        }
        match kind {
            PUBREC => self.send(&packet(PUBREL << 4 | 2, &identifier.to_be_bytes()))?,
            _ => lock(&self.acknowledged).push(identifier),
        }
        Ok(true)
    }
}

fn accept(listener: &TcpListener, broker: SocketAddr, state: &Arc<State>) {
    let mut carriers: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if state.closing.load(SeqCst) {
            break;
        }
        // If a peer is gone already, or there is no broker, the connection is closed.
        let Ok(client) = client else { continue };
        let Ok(broker) = TcpStream::connect(broker) else { continue };
        let state = state.clone();
        carriers.push(thread::spawn(move || drop(carry(client, broker, &state))));
    }
    for carrier in carriers {
        let _ = carrier.join();
    }
}

/// Forwards a connection's packets in both directions, until a side ends it.
fn carry(mut client: TcpStream, mut broker: TcpStream, state: &State) -> io::Result<()> {
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (first, connect) = read_packet(&mut client)?;
    broker.write_all(&packet(first, &connect))?;
    if first >> 4 != CONNECT {
        return Ok(());
    }
    let connection = Arc::new(Connection {
        connect,
        to_client: Mutex::new(client.try_clone()?),
        ended: AtomicBool::new(false),
        acknowledged: Mutex::default(),
    });
    lock(&state.connections).push(connection.clone());
    let (mut from_broker, theirs) = (broker.try_clone()?, connection.clone());
    let downward = thread::spawn(move || {
        while let Ok((first, body)) = read_packet(&mut from_broker) {
            if theirs.send(&packet(first, &body)).is_err() {
                break;
            }
        }
        let _ = lock(&theirs.to_client).shutdown(std::net::Shutdown::Both);
    });
    while let Ok((first, body)) = read_packet(&mut client) {
        if !matches!(connection.takes(first >> 4, &body), Ok(true)) && broker.write_all(&packet(first, &body)).is_err()
        {
            break;
        }
    }
    connection.ended.store(true, SeqCst);
    let _ = broker.shutdown(std::net::Shutdown::Both);
    let _ = downward.join();
    Ok(())
}

/// A packet's first byte, and the bytes after its length.
fn read_packet(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let (first, mut length, mut shift) = (byte[0], 0, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 || shift == 28 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((first, body))
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut packet, mut left) = (vec![first], body.len());
    loop {
        let more = left > 0x7f;
        packet.push((left & 0x7f) as u8 | if more { 0x80 } else { 0 });
        left >>= 7;
        if !more {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// A panic elsewhere leaves the data intact.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
