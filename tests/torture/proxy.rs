//! A TCP proxy that fails on command: it cuts, stalls, delays and half-closes connections, and is transparent
//! otherwise. One thread accepts; a thread per connection forwards both directions and obeys the commands.

#[cfg(test)]
mod tests;

use crate::schedule::Way;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How soon an idle connection notices a command.
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// The most bytes under way in one direction. Beyond that the source waits, as on a real line.
const UNDER_WAY: usize = 256 * 1024;
const CHUNK: usize = 16 * 1024;

/// Drop ends it with all its connections.
pub struct Proxy {
    port: u16,
    commands: Arc<Commands>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Commands {
    closing: AtomicBool,
    /// Counts the cuts: connections from before a cut are reset.
    cuts: AtomicU64,
    /// By way.
    half_closes: [AtomicU64; 2],
    stalled: [AtomicBool; 2],
    delay_millis: AtomicU64,
}

impl Proxy {
    /// Listens on a free port of the loopback, for connections to the broker at this port.
    #[track_caller]
    pub fn start(broker: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let commands = Arc::new(Commands::default());
        let theirs = commands.clone();
        let acceptor = thread::spawn(move || accept(&listener, (Ipv4Addr::LOCALHOST, broker).into(), &theirs));
        Proxy { port, commands, acceptor: Some(acceptor) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets all connections, on both sides.
    pub fn cut(&self) {
        self.commands.cuts.fetch_add(1, SeqCst);
    }

    /// Ends this direction of all connections: its reader sees the end, and the other direction stays.
    pub fn half_close(&self, way: Way) {
        self.commands.half_closes[way as usize].fetch_add(1, SeqCst);
    }

    /// While stalled, nothing passes in this direction, on any connection, and nothing is lost.
    pub fn stall(&self, way: Way, stalled: bool) {
        self.commands.stalled[way as usize].store(stalled, SeqCst);
    }

    /// From now on everything arrives this much later, in both directions and in order.
    pub fn delay(&self, by: Duration) {
        self.commands.delay_millis.store(by.as_millis() as u64, SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.commands.closing.store(true, SeqCst);
        // Only a connection ends an accept. It fails if the thread is gone already.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, broker: SocketAddr, commands: &Arc<Commands>) {
    let mut carriers: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if commands.closing.load(SeqCst) {
            break;
        }
        carriers.retain(|carrier| !carrier.is_finished());
        // If a peer is gone already, or there is no broker, the connection is closed.
        let Ok(client) = client else { continue };
        let Ok(broker) = TcpStream::connect(broker) else { continue };
        let commands = commands.clone();
        carriers.push(thread::spawn(move || {
            let Ok(mut connection) = Connection::new(client, broker, &commands) else { return };
            if connection.carry(&commands).is_err() {
                connection.reset();
            }
        }));
    }
    for carrier in carriers {
        let _ = carrier.join();
    }
}

struct Connection {
    client: TcpStream,
    broker: TcpStream,
    ways: [Passage; 2],
    cuts: u64,
}

/// One direction of a connection.
#[derive(Default)]
struct Passage {
    under_way: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// The source has ended.
    ended: bool,
    /// The destination was told.
    closed: bool,
    half_closes: u64,
}

impl Connection {
    fn new(client: TcpStream, broker: TcpStream, commands: &Commands) -> io::Result<Connection> {
        for stream in [&client, &broker] {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
        }
        let mut ways = [Passage::default(), Passage::default()];
        for (way, counter) in ways.iter_mut().zip(&commands.half_closes) {
            way.half_closes = counter.load(SeqCst);
        }
        Ok(Connection { client, broker, ways, cuts: commands.cuts.load(SeqCst) })
    }

    /// Returns when both directions have ended; `Err` if the connection must be reset, or a side has reset it.
    fn carry(&mut self, commands: &Commands) -> io::Result<()> {
        while !self.ways.iter().all(|way| way.closed) {
            if commands.closing.load(SeqCst) || commands.cuts.load(SeqCst) != self.cuts {
                return Err(ErrorKind::ConnectionReset.into());
            }
            self.wait(commands)?;
            let delay = Duration::from_millis(commands.delay_millis.load(SeqCst));
            for way in [Way::ToBroker, Way::FromBroker] {
                let (mut source, mut destination) = match way {
                    Way::ToBroker => (&self.client, &self.broker),
                    Way::FromBroker => (&self.broker, &self.client),
                };
                let passage = &mut self.ways[way as usize];
                if passage.half_closes != commands.half_closes[way as usize].load(SeqCst) && !passage.closed {
                    passage.close(destination)?;
                }
                if !commands.stalled[way as usize].load(SeqCst) {
                    passage.take(&mut source, delay)?;
                    passage.give(&mut destination)?;
                }
            }
        }
        Ok(())
    }

    /// Waits until there is something to do, or it is time to check the commands.
    fn wait(&self, commands: &Commands) -> io::Result<()> {
        let now = Instant::now();
        let mut until = LOOK_EVERY;
        let (mut client, mut broker) = (0, 0);
        for way in [Way::ToBroker, Way::FromBroker] {
            if commands.stalled[way as usize].load(SeqCst) {
                continue;
            }
            let (source, destination) = match way {
                Way::ToBroker => (&mut client, &mut broker),
                Way::FromBroker => (&mut broker, &mut client),
            };
            let passage = &self.ways[way as usize];
            if !passage.ended && passage.bytes < UNDER_WAY {
                *source |= libc::POLLIN;
            }
            match passage.under_way.front() {
                Some((due, _)) if *due <= now => *destination |= libc::POLLOUT,
                Some((due, _)) => until = until.min(*due - now),
                None => {}
            }
        }
        // A descriptor below 0 is skipped. With no events wanted, a descriptor would still wake for its end again and
        // again.
        let entry = |stream: &TcpStream, events| libc::pollfd {
            fd: if events == 0 { -1 } else { stream.as_raw_fd() },
            events,
            revents: 0,
        };
        let mut entries = [entry(&self.client, client), entry(&self.broker, broker)];
        // SAFETY: the array lives through the call, and its length is told.
        let result = unsafe { libc::poll(entries.as_mut_ptr(), 2, until.as_millis() as libc::c_int + 1) };
        let error = io::Error::last_os_error();
        if result < 0 && error.kind() != ErrorKind::Interrupted { Err(error) } else { Ok(()) }
    }

    /// Ends it like a broken line: the close that follows sends a reset.
    fn reset(self) {
        for stream in [&self.client, &self.broker] {
            let linger = libc::linger { l_onoff: 1, l_linger: 0 };
            // SAFETY: the descriptor is open, and the option's value is a linger of that size.
            unsafe {
                libc::setsockopt(
                    stream.as_raw_fd(),
                    libc::SOL_SOCKET,
                    libc::SO_LINGER,
                    (&raw const linger).cast(),
                    size_of::<libc::linger>() as libc::socklen_t,
                );
            }
        }
    }
}

impl Passage {
    fn take(&mut self, source: &mut &TcpStream, delay: Duration) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        while !self.ended && self.bytes < UNDER_WAY {
            match source.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(_) if self.closed => {}
                Ok(count) => {
                    // After a delay got shorter, later data must not overtake earlier data.
                    let earliest = self.under_way.back().map(|(due, _)| *due);
                    let due = (Instant::now() + delay).max(earliest.unwrap_or_else(Instant::now));
                    self.under_way.push_back((due, chunk[..count].to_vec()));
                    self.bytes += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn give(&mut self, destination: &mut &TcpStream) -> io::Result<()> {
        while let Some((due, chunk)) = self.under_way.front_mut()
            && *due <= Instant::now()
        {
            match destination.write(chunk) {
                Ok(count) => {
                    self.bytes -= count;
                    chunk.drain(..count);
                    if chunk.is_empty() {
                        self.under_way.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.ended && self.under_way.is_empty() && !self.closed {
            self.close(destination)?;
        }
        Ok(())
    }

    /// Everything under way is lost, and so is everything that still arrives.
    fn close(&mut self, destination: &TcpStream) -> io::Result<()> {
        self.closed = true;
        self.under_way.clear();
        self.bytes = 0;
        destination.shutdown(std::net::Shutdown::Write)
    }
}
