//! The address of a broker and how to reach it. Plain data: `options` fills it, `link` and `check` read it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

/// How bytes travel to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// MQTT over TCP, with TLS if [`Settings::tls`] is set.
    Tcp,
    /// MQTT over WebSocket, with TLS if [`Settings::tls`] is set.
    WebSocket,
}

/// A broker's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub transport: Transport,
    /// A host name or an IP address; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// The HTTP path of a WebSocket broker, with its leading `/`; empty otherwise.
    pub path: String,
}

impl fmt::Display for Address {
    /// `host:port`, an IPv6 host in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Normalises a host name: lower case, and one name for this machine, which has several.
pub fn canonical_host(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(ip) if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST => "localhost".to_owned(),
        Ok(ip) => ip.to_string(),
        Err(_) => host.to_lowercase(),
    }
}

/// The trust and identity of a TLS connection. The certificate chain is always checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// PEM file of trusted authorities. Without this and `capath`, the system's are trusted.
    pub cafile: Option<PathBuf>,
    /// Folder of trusted authorities, hashed by `openssl rehash`.
    pub capath: Option<PathBuf>,
    /// PEM file of the client's certificate. Requires `key`.
    pub cert: Option<PathBuf>,
    /// PEM file of the client's private key.
    pub key: Option<PathBuf>,
    /// Do not check the host name in the certificate.
    pub insecure: bool,
}

/// Which MQTT versions to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 5, then 3.1.1 if the broker refuses 5.
    Auto,
    V5,
    V311,
}

/// MQTT's quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

/// Everything that defines a connection, except its will and subscriptions.
#[derive(Clone)]
pub struct Settings {
    pub address: Address,
    /// `None`: no TLS.
    pub tls: Option<Tls>,
    pub username: Option<String>,
    pub password: Option<String>,
    /// MQTT's keep alive.
    pub keep_alive: Duration,
    pub version: Version,
}

impl fmt::Debug for Settings {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("keep_alive", &self.keep_alive)
            .field("version", &self.version)
            .finish()
    }
}
