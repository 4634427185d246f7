//! A TCP connection with a deadline: however slowly a peer answers, the conversation ends at a fixed time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// For connecting to one address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// For the whole conversation on a connection.
const TALK_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads and writes fail with `TimedOut` or `WouldBlock` if the peer takes too long.
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

    /// Known even after the connection was reset.
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
