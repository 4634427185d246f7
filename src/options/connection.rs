//! The settings of a connection: which broker, TLS or not, who logs in.

use std::time::Duration;

use super::address::{Named, default_port, port};
use super::environment::Environment;
use super::error::UsageError;
use super::given::Given;
use super::login::login;
use super::{Color, Connection, tls};
use crate::link::{Address, Qos, Settings, Transport, Version};
use crate::protocol::names::fits_topics;

/// Derives the connection from the given options. Reads the files that it needs: paho's error for a bad one would not name
/// it.
pub(super) fn connection(
    given: &Given,
    environment: &Environment,
    mut warnings: Vec<String>,
) -> Result<Connection, UsageError> {
    let named = Named::find(given)?;
    let port = port(given)?;
    let tls = if tls::is_used(given, &named, port)? { Some(tls::tls(given, environment)?) } else { None };
    if tls.is_none() && given.is_on("insecure") {
        warnings.push("--insecure has no effect without TLS".to_string());
    }
    let is_websocket = named.broker.scheme.is_some_and(|scheme| scheme.is_websocket);
    let (username, password) = login(given, environment, &named, &mut warnings)?;
    Ok(Connection {
        ask_password: username.is_some() && password.is_none(),
        settings: Settings {
            address: Address {
                transport: if is_websocket { Transport::WebSocket } else { Transport::Tcp },
                host: named.broker.host,
                port: port.unwrap_or(default_port(is_websocket, tls.is_some())),
                path: named.broker.path,
            },
            tls,
            username,
            password,
            keep_alive: seconds(given, "keepalive", 1, u16::MAX.into())?.unwrap_or(Duration::from_secs(30)),
            version: choice(
                given,
                "protocol-version",
                &[
                    ("auto", Version::Auto),
                    ("5", Version::V5),
                    ("mqttv5", Version::V5),
                    ("311", Version::V311),
                    ("mqttv311", Version::V311),
                ],
            )?
            .unwrap_or(Version::Auto),
        },
        client_id: given.text("id"),
        qos: choice(given, "qos", &[("0", Qos::AtMostOnce), ("1", Qos::AtLeastOnce), ("2", Qos::ExactlyOnce)])?
            .unwrap_or(Qos::AtLeastOnce),
        topic_root: topic_root(given)?,
        verbose: is_verbose(given)? == Some(true),
        quiet: is_verbose(given)? == Some(false),
        color: choice(given, "color", &[("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)])?
            .unwrap_or(Color::Auto),
        warnings,
    })
}

/// A number of whole seconds, if it is given.
pub(super) fn seconds(given: &Given, long: &str, min: u32, max: u32) -> Result<Option<Duration>, UsageError> {
    given.item(long).map(|item| Ok(Duration::from_secs(item.number(min..=max)?.into()))).transpose()
}

/// The value of an option that takes one of a few words, if it is given.
pub(super) fn choice<T: Copy>(given: &Given, long: &str, values: &[(&str, T)]) -> Result<Option<T>, UsageError> {
    let Some(item) = given.item(long) else { return Ok(None) };
    match values.iter().find(|(word, _)| *word == item.value) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let (last, others) = item.flag.words.split_last().unwrap_or((&"", &[]));
            Err(item.wrong(&format!("{:?} is not {} or {last}", item.value, others.join(", "))))
        }
    }
}

fn is_verbose(given: &Given) -> Result<Option<bool>, UsageError> {
    let item = given.one_of(&["verbose", "quiet"])?;
    Ok(item.map(|item| item.flag.long == "verbose"))
}

pub(super) fn topic_root(given: &Given) -> Result<String, UsageError> {
    let Some(item) = given.item("topic-root") else { return Ok("chat".to_string()) };
    let root = &item.value;
    let problem = if root.contains(['+', '#']) || !root.chars().all(fits_topics) {
        "must hold no + # or control character, and no noncharacter of Unicode"
    } else if root.starts_with('/') || root.ends_with('/') {
        "must not begin or end with /"
    } else if root.starts_with('$') {
        // Brokers reserve such topics ($SYS) or give them another meaning ($share).
        "must not begin with $"
    } else {
        return Ok(root.clone());
    };
    Err(item.wrong(&format!("{root:?} {problem}")))
}
