//! The settings of a test's broker: users, listeners, limits, and mosquitto.conf.

use std::path::{Path, PathBuf};

use super::broker::Broker;
use super::certificates::Pair;

/// The settings before a broker starts.
#[derive(Debug, Default)]
pub struct Builder {
    pub(super) users: Vec<(String, String)>,
    lines: Vec<String>,
    pub(super) tls: Option<Pair>,
    client_authority: Option<PathBuf>,
    pub(super) websockets: bool,
    queue_qos0: bool,
    persistence: bool,
    pub(super) log: Option<PathBuf>,
}

impl Builder {
    /// Only such users may connect. `publish` and `Subscriber` log in as the first one.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// One more line of mosquitto.conf, for the whole broker.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// A TLS listener next to the plain one, with this certificate.
    pub fn tls(mut self, server: &Pair) -> Self {
        self.tls = Some(server.clone());
        self
    }

    /// The TLS listener requires a client certificate of this authority.
    pub fn require_certificate(mut self, authority: &Path) -> Self {
        self.client_authority = Some(authority.to_owned());
        self
    }

    /// A WebSocket listener next to the plain one.
    pub fn websockets(mut self) -> Self {
        self.websockets = true;
        self
    }

    /// QoS 0 messages also wait for an absent persistent session.
    pub fn queue_qos0_messages(mut self) -> Self {
        self.queue_qos0 = true;
        self
    }

    /// Sessions and retained messages outlive `stop` and `start_again` (but not `kill`).
    pub fn persistence(mut self) -> Self {
        self.persistence = true;
        self
    }

    /// The log goes to this file and is not shown if the test panics: for a test with a long log.
    pub fn log(mut self, file: &Path) -> Self {
        self.log = Some(file.to_owned());
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    ///
    /// If Mosquitto is not installed, refuses its configuration, or finds no free port.
    #[track_caller]
    pub fn start(self) -> Broker {
        Broker::from(self)
    }

    /// mosquitto.conf for a broker that lives in `dir`.
    pub(super) fn text(&self, dir: &Path, ports: Ports) -> String {
        let mut lines = vec![
            // If root runs the tests, Mosquitto would become a user that may not read our folder.
            "user root".to_owned(),
            "log_dest stderr".to_owned(),
            "log_type all".to_owned(),
            format!("allow_anonymous {}", self.users.is_empty()),
            format!("queue_qos0_messages {}", self.queue_qos0),
            format!("persistence {}", self.persistence),
        ];
        if self.persistence {
            lines.push(format!("persistence_location {}/", dir.display()));
        }
        if !self.users.is_empty() {
            lines.push(format!("password_file {}", dir.join(PASSWORDS).display()));
        }
        lines.extend(self.lines.iter().cloned());
        lines.push(format!("listener {} 127.0.0.1", ports.plain));
        if let Some(pair) = &self.tls {
            lines.push(format!("listener {} 127.0.0.1", ports.tls));
            lines.push(format!("certfile {}", pair.cert.display()));
            lines.push(format!("keyfile {}", pair.key.display()));
            if let Some(authority) = &self.client_authority {
                lines.push(format!("cafile {}", authority.display()));
                lines.push("require_certificate true".to_owned());
            }
        }
        if self.websockets {
            lines.push(format!("listener {} 127.0.0.1", ports.websocket));
            lines.push("protocol websockets".to_owned());
        }
        lines.join("\n") + "\n"
    }
}

/// The ports of a broker, all on 127.0.0.1; of the last two only those that its settings require.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    pub plain: u16,
    pub tls: u16,
    pub websocket: u16,
}

/// The file of user names and passwords in a broker's folder.
pub(super) const PASSWORDS: &str = "passwords";
