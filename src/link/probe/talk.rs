//! Says hello to whatever listens at a port, and finds out from its answer what it is.

use super::mqtt::{Hello, connack};
use super::timed::Timed;
use super::{describe, harmless, tls, websocket};
use crate::link::{Address, Failure, FailureKind, Settings, Transport};
use openssl::ssl::SslStream;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

/// How many bytes of an answer are read at most.
const ANSWER_BYTES: usize = 4_096;

/// A connection to what may be a broker.
pub trait ByteChannel: Read + Write {
    fn tcp(&self) -> &Timed;
}

impl ByteChannel for Timed {
    fn tcp(&self) -> &Timed {
        self
    }
}

impl ByteChannel for SslStream<Timed> {
    fn tcp(&self) -> &Timed {
        self.get_ref()
    }
}

/// Sends CONNECT, over WebSocket if the settings say so. Returns the CONNACK's code and the connection; dropping it closes
/// it without a DISCONNECT.
pub fn hello(
    mut channel: Box<dyn ByteChannel>,
    settings: &Settings,
    hello: &Hello,
) -> Result<(u8, Box<dyn ByteChannel>), Failure> {
    let is_websocket = settings.address.transport == Transport::WebSocket;
    if is_websocket {
        let has_head = |bytes: &[u8]| bytes.windows(4).any(|four| four == b"\r\n\r\n");
        let answer = ask(&mut *channel, &websocket::upgrade(&settings.address), has_head);
        if !answer.bytes.starts_with(b"HTTP/1.1 101") {
            return Err(no_websocket(settings, &answer));
        }
    }
    let packet = hello.to_bytes();
    let packet = if is_websocket { websocket::frame(&packet) } else { packet };
    let code = |bytes: &[u8]| connack(if is_websocket { websocket::unframe(bytes) } else { bytes });
    let answer = ask(&mut *channel, &packet, |bytes| code(bytes).is_some());
    match code(&answer.bytes) {
        Some(code) => Ok((code, channel)),
        None => Err(no_connack(settings, &answer)),
    }
}

/// What a peer answered, and how it ended if it is not complete.
struct PeerAnswer {
    /// Who answered.
    peer: SocketAddr,
    bytes: Vec<u8>,
    /// `None`: the peer closed the connection.
    error: Option<io::Error>,
}

impl PeerAnswer {
    fn is_silence(&self) -> bool {
        let kind = self.error.as_ref().map(io::Error::kind);
        matches!(kind, Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }

    /// The first line of an answer in HTTP.
    fn status_line(&self) -> Option<String> {
        let line = self.bytes.strip_prefix(b"HTTP/")?.split(|byte| *byte == b'\r' || *byte == b'\n').next()?;
        let line = &line[..line.len().min(80)];
        Some(harmless(&format!("HTTP/{}", String::from_utf8_lossy(line))))
    }
}

fn ask(channel: &mut dyn ByteChannel, question: &[u8], is_whole: impl Fn(&[u8]) -> bool) -> PeerAnswer {
    let peer = *channel.tcp().peer();
    let mut bytes = Vec::new();
    // If writing fails, the peer may have said why before it closed, so read in any case.
    let written = channel.write_all(question).and_then(|()| channel.flush());
    let mut buffer = [0; 1_024];
    while bytes.len() < ANSWER_BYTES {
        match channel.read(&mut buffer) {
            Ok(0) => return PeerAnswer { peer, bytes, error: written.err() },
            Ok(count) => bytes.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return PeerAnswer { peer, bytes, error: Some(error) },
        }
        if is_whole(&bytes) {
            return PeerAnswer { peer, bytes, error: None };
        }
    }
    // More than any expected peer would send.
    PeerAnswer { peer, bytes, error: None }
}

fn no_connack(settings: &Settings, answer: &PeerAnswer) -> Failure {
    let address = &settings.address;
    if let Some(status) = answer.status_line() {
        return web_server(address, &status);
    }
    if let Some(failure) = trouble_with_tls(settings, answer) {
        return failure;
    }
    let how = match (&answer.error, answer.bytes.is_empty()) {
        (_, false) => "answers CONNECT with something other than MQTT".to_owned(),
        (None, true) => "closes the connection without answering CONNECT".to_owned(),
        (Some(_), true) if answer.is_silence() => "accepts the connection but does not answer CONNECT".to_owned(),
        // The TLS library's text for a missing close_notify does not help.
        (Some(error), true) if error.get_ref().is_some() => "ends TLS instead of answering CONNECT".to_owned(),
        (Some(error), true) => format!("ends the connection instead of answering CONNECT: {}", describe(error)),
    };
    let cure = match (settings.address.transport, settings.tls.is_some()) {
        (Transport::WebSocket, _) => "check the port and the path in the URL (often /mqtt or /ws)",
        (Transport::Tcp, false) => {
            "check --port: 1883 is usual for MQTT, 8883 with TLS; a WebSocket port requires a ws:// URL"
        }
        (Transport::Tcp, true) => {
            "check --port (8883 is usual); the broker may also require a client certificate (--cert and --key)"
        }
    };
    Failure::new(FailureKind::NotMqtt, format!("what listens at {address} {how}"), cure)
}

fn web_server(address: &Address, status: &str) -> Failure {
    Failure::new(
        FailureKind::NotMqtt,
        format!("a web server answers at {address}, not an MQTT broker ({status})"),
        "check --port (1883, or 8883 with TLS); for MQTT over WebSocket give a ws:// or wss:// URL",
    )
}

fn no_websocket(settings: &Settings, answer: &PeerAnswer) -> Failure {
    let address = &settings.address;
    if let Some(status) = answer.status_line() {
        let path = if address.path.is_empty() { "/" } else { &address.path };
        return Failure::new(
            FailureKind::NotMqtt,
            format!("the web server at {address} has no WebSocket at {path} ({status})"),
            "check the path in the URL (often /mqtt or /ws)",
        );
    }
    trouble_with_tls(settings, answer).unwrap_or_else(|| {
        Failure::new(
            FailureKind::NotMqtt,
            format!("what listens at {address} does not speak WebSocket"),
            "check the port in the URL; for MQTT without WebSocket give an mqtt:// or mqtts:// URL",
        )
    })
}

/// The failure if the answer means that TLS or a client certificate is missing.
fn trouble_with_tls(settings: &Settings, answer: &PeerAnswer) -> Option<Failure> {
    if let Some(tls) = &settings.tls {
        let error = answer.error.as_ref()?.get_ref()?.downcast_ref::<openssl::ssl::Error>()?;
        return tls::client_refused(&settings.address, tls, error.ssl_error()?);
    }
    // A TLS alert, or a silent close by a peer that does answer a TLS handshake.
    let is_alert = matches!(answer.bytes.as_slice(), [0x15, 3, ..]);
    let is_closed = answer.bytes.is_empty() && !answer.is_silence();
    let speaks_tls = || is_closed && Timed::connect(&answer.peer).is_ok_and(tls::is_spoken);
    (is_alert || speaks_tls()).then(|| {
        Failure::new(
            FailureKind::Tls,
            format!("{} requires TLS", settings.address),
            "give --tls, or --cafile with the certificate of the broker's authority",
        )
    })
}

/// After a TLS handshake that was not answered in TLS: finds out what the peer answers without TLS.
pub fn without_tls(settings: &Settings, peer: Timed) -> Failure {
    let address = &settings.address;
    let no_tls = |instead: &str, cure: &str| {
        Failure::new(FailureKind::Tls, format!("{address} does not speak TLS{instead}"), cure.to_owned())
    };
    let plain = Settings { tls: None, ..settings.clone() };
    let mut channel = peer;
    let packet = Hello::default().to_bytes();
    match settings.address.transport {
        Transport::Tcp => {
            let answer = ask(&mut channel, &packet, |bytes| connack(bytes).is_some());
            match (connack(&answer.bytes), answer.status_line()) {
                (Some(_), _) => {
                    no_tls(" but MQTT without TLS", "give --no-tls, or the port of the broker's TLS listener")
                }
                (None, Some(status)) => web_server(address, &status),
                (None, None) => no_tls("", "check --port (8883 is usual for MQTT with TLS)"),
            }
        }
        Transport::WebSocket => match hello(Box::new(channel), &plain, &Hello::default()) {
            Ok(_) => no_tls(" but WebSocket without TLS", "give a ws:// URL, or the port of the TLS listener"),
            Err(failure) if failure.kind == FailureKind::NotMqtt => failure,
            Err(_) => no_tls("", "check the port in the URL (443 is usual for wss://)"),
        },
    }
}
