//! Finds out why a connection cannot be made, step by step: files, name, TCP, TLS, MQTT. It blocks; each step has its own
//! deadline. After a failed attempt a link runs it on a separate thread. `check` goes through the steps itself.

mod facts;
mod files;
mod mqtt;
mod talk;
mod timed;
mod tls;
mod websocket;

pub use facts::{Certificate, TlsFacts};
pub use files::check as check_files;
pub use mqtt::{Hello, Will};
pub use talk::{ByteChannel, hello};
pub use timed::Timed;

use tls::NoTls;

use super::{Address, Failure, FailureKind, Settings};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;
use timed::CONNECT_TIMEOUT;

/// For looking up the host name; the system's resolver may take far longer.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many addresses of a host are tried.
const ADDRESSES: usize = 4;

/// All steps up to an answer to a CONNECT of MQTT 3.1.1; returns the first failure. Blocks for seconds, at most 40.
pub fn walk(settings: &Settings) -> Result<(), Failure> {
    if let Some(tls) = &settings.tls {
        files::check(tls)?;
    }
    let addresses = resolve(&settings.address)?;
    let tcp = reach(&settings.address, &addresses)?;
    let (channel, _) = secure(settings, tcp)?;
    // Any answer to CONNECT will do, even a refusal: paho would have reported a real one.
    hello(channel, settings, &Hello::default())?;
    Ok(())
}

/// The addresses of the broker's host.
pub fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    let fail = |reason: &str| {
        Failure::new(
            FailureKind::Resolve,
            format!("the host name of {address} has no address: {reason}"),
            "check the spelling of --host, and that this machine can look up names",
        )
    };
    let (sender, receiver) = mpsc::channel();
    let target = (address.host.clone(), address.port);
    // On a thread, because the system's lookup has no deadline. One that hangs ends by itself, unnoticed.
    let look_up = move || {
        let found = target.to_socket_addrs().map(|found| found.collect::<Vec<_>>());
        let _ = sender.send(found);
    };
    if let Err(error) = std::thread::Builder::new().name("resolve".to_owned()).spawn(look_up) {
        return Err(fail(&error.to_string()));
    }
    match receiver.recv_timeout(RESOLVE_TIMEOUT) {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        Ok(Ok(_)) => Err(fail("none is known")),
        Ok(Err(error)) => {
            let text = error.to_string();
            Err(fail(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text)))
        }
        Err(_) => Err(fail(&format!("no answer within {} s", RESOLVE_TIMEOUT.as_secs()))),
    }
}

/// Connects to the first of the addresses that accepts.
pub fn reach(address: &Address, addresses: &[SocketAddr]) -> Result<Timed, Failure> {
    let mut refused = false;
    let mut reason = "it has no address".to_owned();
    for candidate in addresses.iter().take(ADDRESSES) {
        match Timed::connect(candidate) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                refused |= error.kind() == io::ErrorKind::ConnectionRefused;
                reason = match error.kind() {
                    io::ErrorKind::TimedOut => format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
                    _ => describe(&error),
                };
            }
        }
    }
    Err(match refused {
        true => Failure::new(
            FailureKind::Refused,
            format!("connection refused at {address}: nothing listens there"),
            "check --host and --port (1883, or 8883 with TLS), and that the broker runs and listens for this machine",
        ),
        false => Failure::new(
            FailureKind::Unreachable,
            format!("{address} cannot be reached: {reason}"),
            "check --host and --port, the network, and firewalls on the way",
        ),
    })
}

/// The TLS handshake, if the settings require one. Call [`check_files`] before, to find unusable files.
pub fn secure(settings: &Settings, tcp: Timed) -> Result<(Box<dyn ByteChannel>, Option<TlsFacts>), Failure> {
    match &settings.tls {
        None => Ok((Box::new(tcp), None)),
        Some(tls) => {
            let (stream, facts) = tls::handshake(&settings.address, tls, tcp).map_err(|no_tls| match no_tls {
                NoTls::Failure(failure) => failure,
                NoTls::Foreign(peer) => talk::without_tls(settings, peer),
            })?;
            Ok((Box::new(stream), Some(facts)))
        }
    }
}

/// A system error without its number.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// What a peer sent, on one line and harmless to a terminal: keeps letters, digits and ASCII, and escapes everything else.
fn harmless(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            ' '..='~' => shown.push(c),
            c if c.is_alphanumeric() => shown.push(c),
            c => shown.extend(c.escape_unicode()),
        }
    }
    shown
}
