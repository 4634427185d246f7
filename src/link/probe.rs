//! Finding out why a connection cannot be made, step by step: files, name, TCP, TLS, MQTT. It blocks, each step with
//! a deadline of its own. A link walks in a thread beside its own after a failed attempt; `check` walks the steps itself.

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
pub use talk::{Channel, hello};
pub use timed::Timed;

use tls::NoTls;

use super::{Address, Failure, FailureKind, Settings};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;
use timed::CONNECT_TIMEOUT;

/// For the name's addresses; the system's own resolver may take far longer.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a name with many addresses, as many are tried.
const ADDRESSES: usize = 4;

/// All steps up to an answer to a CONNECT of MQTT 3.1.1; the first that fails. Blocks for seconds, up to 40 where
/// everything that can be slow is.
pub fn walk(settings: &Settings) -> Result<(), Failure> {
    if let Some(tls) = &settings.tls {
        files::check(tls)?;
    }
    let addresses = resolve(&settings.address)?;
    let tcp = reach(&settings.address, &addresses)?;
    let (channel, _) = secure(settings, tcp)?;
    // Any answer to CONNECT will do, a refusal too: paho would have had the code of one that counts.
    hello(channel, settings, &Hello::anonymous())?;
    Ok(())
}

/// The addresses of the broker's host.
pub fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    let fail = |reason: &str| {
        Failure::new(
            FailureKind::Resolve,
            format!("the host name of {address} has no address: {reason}"),
            "check the spelling of --host, and that this machine can look names up",
        )
    };
    let (sender, receiver) = mpsc::channel();
    let target = (address.host.clone(), address.port);
    // A thread, since the system's look-up takes no deadline; one that hangs ends by itself and tells nobody.
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

/// The TLS handshake where the settings ask for one; files that cannot be used are [`check_files`]'s to find before.
pub fn secure(settings: &Settings, tcp: Timed) -> Result<(Channel, Option<TlsFacts>), Failure> {
    match &settings.tls {
        None => Ok((Channel::Plain(tcp), None)),
        Some(tls) => {
            let (stream, facts) = tls::handshake(&settings.address, tls, tcp).map_err(|no_tls| match no_tls {
                NoTls::Failure(failure) => failure,
                NoTls::Foreign(peer) => talk::without_tls(settings, peer),
            })?;
            Ok((Channel::Tls(Box::new(stream)), Some(facts)))
        }
    }
}

/// An error of the system without its number.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// What a peer sent, on one line and harmless to a terminal: letters, digits and ASCII stay, all else is escaped.
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
