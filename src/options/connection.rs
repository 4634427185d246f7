//! The settings of a connection: which broker, TLS or not, who logs in.

use std::path::PathBuf;
use std::time::Duration;

use super::address::PORT_OF_TLS;
use super::broker::Broker;
use super::environment::Environment;
use super::error::{UsageError, reason};
use super::given::{Given, Item, Level};
use super::{Color, Connection, address};
use crate::link::{Address, Qos, Settings, Tls, Transport, Version};
use crate::protocol::names::fits_topics;

/// Derives the connection from the given options. Reads the files that it needs: paho's error for a bad one would not name
/// it.
pub(super) fn connection(
    given: &Given,
    environment: &Environment,
    mut warnings: Vec<String>,
) -> Result<Connection, UsageError> {
    let broker = given.broker();
    let port = address::port(given).map(Item::port).transpose()?;
    let tls = if has_tls(given, port)? { Some(tls_files(given, environment)?) } else { None };
    if tls.is_none() && given.is_on("insecure") {
        warnings.push("--insecure has no effect without TLS".to_string());
    }
    let is_websocket = broker.and_then(|broker| broker.scheme).is_some_and(|scheme| scheme.is_websocket);
    let username = given.text("username");
    let password = password(given, environment, username.is_some(), &mut warnings)?;
    Ok(Connection {
        ask_password: username.is_some() && password.is_none(),
        settings: Settings {
            address: Address {
                transport: if is_websocket { Transport::WebSocket } else { Transport::Tcp },
                host: broker.map_or("localhost", |broker| &broker.host).to_owned(),
                port: port.unwrap_or(address::default_port(is_websocket, tls.is_some())),
                path: broker.map(|broker| broker.path.clone()).unwrap_or_default(),
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

/// Whether to use TLS: the first level that says anything about it decides, else the port.
fn has_tls(given: &Given, port: Option<u16>) -> Result<bool, UsageError> {
    match (given.item("cert"), given.item("key")) {
        (Some(item), None) => return Err(item.wrong("needs --key too, the private key's file")),
        (None, Some(item)) => return Err(item.wrong("needs --cert too, the certificate's file")),
        _ => {}
    }
    given.one_of(&["tls", "no-tls"])?;
    let said = given.levels.iter().enumerate().find_map(|(index, level)| says_tls(level, given.broker_at(index)));
    Ok(said.unwrap_or(port == Some(PORT_OF_TLS)))
}

/// Whether a level says to use TLS, by an option or by its broker's URL; `None` if it says nothing.
pub(super) fn says_tls(level: &Level, named: Option<&Broker>) -> Option<bool> {
    let is_secure_url = named.and_then(|broker| broker.scheme).is_some_and(|scheme| scheme.is_secure);
    let is_on = is_secure_url || ["tls", "cafile", "capath", "cert"].iter().any(|long| level.item(long).is_some());
    match level.item("no-tls") {
        Some(_) => Some(false),
        None => is_on.then_some(true),
    }
}

/// The authorities and certificates of the connection. Reads every file, so that an error names a bad one.
fn tls_files(given: &Given, environment: &Environment) -> Result<Tls, UsageError> {
    let pem = |item: Option<&Item>| item.map(|item| pem_file(item, environment)).transpose();
    let listed = |item: &Item| match (environment.list)(item.value.as_ref()) {
        Ok(()) => Ok(PathBuf::from(&item.value)),
        Err(error) => Err(item.unusable(&reason(&error))),
    };
    Ok(Tls {
        cafile: pem(given.item("cafile"))?,
        capath: given.item("capath").map(listed).transpose()?,
        cert: pem(given.item("cert"))?,
        key: pem(given.item("key"))?,
        insecure: given.is_on("insecure"),
    })
}

/// The path of a file, which must be readable and look like PEM.
fn pem_file(item: &Item, environment: &Environment) -> Result<PathBuf, UsageError> {
    let bytes = item.read(environment)?;
    let mark = b"-----BEGIN ";
    match bytes.windows(mark.len()).any(|window| window == mark) {
        true => Ok(PathBuf::from(&item.value)),
        false => Err(item.unusable("it is not in PEM format")),
    }
}

/// The password for the broker, from whichever source gives it.
fn password(
    given: &Given,
    environment: &Environment,
    has_username: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, UsageError> {
    if !has_username {
        let in_url = given.broker().is_some_and(|broker| broker.password.is_some());
        if in_url || given.is_on("password") || given.is_on("password-file") {
            warnings.push("the password is not used because there is no --username".to_string());
        }
        return Ok(None);
    }
    let Some(item) = given.one_of(&["password", "password-file"])? else { return Ok(None) };
    if item.flag.long == "password-file" {
        return first_line(item, environment).map(Some);
    }
    if item.level == 0 {
        warnings.push(
            "others on this machine can see the password in `ps`; \
             --password-file or MQTT_PASSWORD hides it"
                .to_string(),
        );
    }
    Ok(Some(item.value.clone()))
}

/// The first line of a password file.
fn first_line(item: &Item, environment: &Environment) -> Result<String, UsageError> {
    let bytes = item.read(environment)?;
    let text = String::from_utf8(bytes).map_err(|_| item.unusable("it is not UTF-8"))?;
    match text.lines().next() {
        None | Some("") => Err(item.unusable("its first line, the password, is empty")),
        Some(line) if line.contains('\0') => Err(item.unusable("it contains the character U+0000")),
        Some(line) => Ok(line.to_string()),
    }
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
