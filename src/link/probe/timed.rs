//! A TCP connection with an end: however slowly a peer drips, talking to it is over at a fixed time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// For one address to accept a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// For all that is said on a connection.
const TALK_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads and writes end with `TimedOut` or `WouldBlock` where the peer takes too long.
#[derive(Debug)]
pub struct Timed {
    tcp: TcpStream,
    peer: SocketAddr,
    until: Instant,
}

impl Timed {
    pub fn connect(peer: &SocketAddr) -> io::Result<Timed> {
        let tcp = TcpStream::connect_timeout(peer, CONNECT_TIMEOUT)?;
        tcp.set_nodelay(true)?;
        Ok(Timed { tcp, peer: *peer, until: Instant::now() + TALK_TIMEOUT })
    }

    /// Known also after the connection was reset.
    pub fn peer(&self) -> &SocketAddr {
        &self.peer
    }

    fn time_left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left.min(ANSWER_TIMEOUT))),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(self.time_left()?)?;
        self.tcp.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(self.time_left()?)?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
