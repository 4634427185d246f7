//! Why a connection failed, in words that say what to do.

use super::Address;
use std::fmt;

/// Which step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A file of the TLS settings cannot be used.
    LocalFile,
    /// The host name has no address.
    Resolve,
    /// Nothing listens at the port.
    Refused,
    /// No answer, or no route.
    Unreachable,
    /// No trusted authority has signed the certificate.
    Untrusted,
    /// The certificate is for another host name.
    WrongHost,
    /// The certificate has expired, or is not valid yet.
    Expired,
    /// TLS failed in another way: no TLS at the port, a client certificate is required, no common version.
    Tls,
    /// The program at the port is no MQTT broker.
    NotMqtt,
    /// The broker answered CONNECT with this code of MQTT 3.1.1 (1 to 5) or reason code of MQTT 5 (128 and above).
    Connack(u8),
    Other,
}

/// A failed attempt to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// One line: what is wrong.
    pub what: String,
    /// One line: what to do.
    pub cure: String,
}

impl FailureKind {
    /// The program's exit code, like mosquitto_sub's: the CONNACK code. It is 14 without one, and for CONNACK 1, which
    /// would look like a usage error.
    pub fn exit_code(self) -> u8 {
        match self {
            FailureKind::Connack(1) => 14,
            FailureKind::Connack(code) => code,
            _ => 14,
        }
    }
}

impl Failure {
    pub fn new(kind: FailureKind, what: impl Into<String>, cure: impl Into<String>) -> Failure {
        Failure { kind, what: what.into(), cure: cure.into() }
    }

    /// Explains the broker's refusal.
    pub fn connack(code: u8) -> Failure {
        let (what, cure) = match code {
            1 | 0x84 => ("does not speak this MQTT version", "try --protocol-version 311 or 5"),
            2 | 0x85 => ("refuses the client identifier", "give another one with --id"),
            3 | 0x88 | 0x89 => ("is not available now", "try again later"),
            4 | 0x86 => ("refuses the user name or password", "check --username and --password-file"),
            5 | 0x87 => {
                ("does not allow this client to connect", "check --username, --password-file and its access rules")
            }
            0x8A => ("has banned this client", "ask whoever runs the broker"),
            0x8C => ("asks for another way to log in", "use a listener with user name and password"),
            0x95 | 0x97 => ("has a limit that this client exceeds", "check the broker's quotas"),
            0x9C | 0x9D => ("says to use another server", "connect to the address that its operator gives"),
            0x9F => ("gets connections too fast", "try again later"),
            _ => ("refuses the connection", "see its log for the reason"),
        };
        Failure::new(FailureKind::Connack(code), format!("the broker {what} (code {code})"), cure)
    }

    /// The library reports this error, although the probe finds nothing wrong.
    pub fn unexplained(address: &Address, error: &str) -> Failure {
        Failure::new(
            FailureKind::Other,
            format!("cannot log in to {address}: {error}, although it answers as a broker does"),
            "try again, then run mqttchat check and see the broker's log",
        )
    }

    /// Whether retrying cannot help until somebody changes something.
    pub fn is_lasting(&self) -> bool {
        match self.kind {
            FailureKind::Connack(code) => matches!(code, 1 | 2 | 4 | 5 | 0x84..=0x87 | 0x8A | 0x8C),
            FailureKind::LocalFile | FailureKind::Untrusted | FailureKind::WrongHost | FailureKind::Expired => true,
            FailureKind::Tls => true,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.cure)
    }
}

impl std::error::Error for Failure {}
