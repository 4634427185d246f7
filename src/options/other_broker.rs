//! Removes what the environment and the option file give for another broker than the one in use: a login must not reach a
//! broker that it does not belong to.

use super::address::{PORT_OF_TLS, broker_of, default_port};
use super::broker::{self, Broker, Scheme};
use super::error::UsageError;
use super::given::{Given, Item, LeftOut, Level};
use super::tls;
use crate::link::{Address, Transport, canonical_host};
use std::fmt;

/// Options that belong to the broker named beside them.
const OF_ONE_BROKER: [&str; 12] = [
    "port",
    "username",
    "password",
    "password-file",
    "cafile",
    "capath",
    "cert",
    "key",
    "insecure",
    "tls",
    "no-tls",
    "id",
];
/// Pairs of these that override each other.
const ALIKE: [[&str; 2]; 2] = [["password", "password-file"], ["tls", "no-tls"]];

const ENVIRONMENT: usize = 1;
const OPTION_FILE: usize = 2;

/// What is known so far about the broker to use.
#[derive(Default)]
struct BrokerHint {
    /// As [`canonical_host`].
    host: Option<String>,
    port: Option<u16>,
    /// The scheme of a URL.
    scheme: Option<Scheme>,
}

/// A broker that options belong to.
#[derive(Clone)]
struct OtherBroker {
    /// As given.
    host: String,
    port: u16,
    scheme: Scheme,
}

impl fmt::Display for OtherBroker {
    /// `host:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OtherBroker { host, port, .. } = self.clone();
        Address { transport: Transport::Tcp, host, port, path: String::new() }.fmt(f)
    }
}

impl BrokerHint {
    /// The hint in a level. A URL without a port means the port of its scheme.
    fn by(level: &Level, broker: Option<&Broker>) -> Result<BrokerHint, UsageError> {
        let scheme = broker.and_then(|broker| broker.scheme);
        let in_option = level.item("port").map(|item| {
            let port = broker::parse_port(&item.value);
            port.map_err(|error| item.wrong(&error.to_string()))
        });
        let port = in_option.transpose()?.or(broker.and_then(|broker| broker.port));
        let has_tls = tls::said(level, broker).unwrap_or(port == Some(PORT_OF_TLS));
        Ok(BrokerHint {
            host: broker.map(|broker| canonical_host(&broker.host)),
            port: port.or(scheme.map(|scheme| default_port(scheme.is_websocket, has_tls))),
            scheme: scheme.map(|scheme| Scheme { is_secure: has_tls, ..scheme }),
        })
    }

    /// Whether nothing contradicts that broker.
    fn fits(&self, place: &OtherBroker) -> bool {
        self.host.as_ref().is_none_or(|host| *host == canonical_host(&place.host))
            && self.port.is_none_or(|port| port == place.port)
            && self.scheme.is_none_or(|scheme| scheme == place.scheme)
    }

    /// Adds the environment's hint, which never has a URL. A port that is overridden need not be valid.
    fn or_by(self, environment: &Level) -> Result<BrokerHint, UsageError> {
        let broker = broker_of(environment)?;
        let (host, port) = match self.port {
            Some(_) => (broker.map(|broker| canonical_host(&broker.host)), None),
            None => {
                let said = BrokerHint::by(environment, broker.as_ref())?;
                (said.host, said.port)
            }
        };
        Ok(BrokerHint { host: self.host.or(host), port: self.port.or(port), ..self })
    }
}

/// The broker of an option file; the default broker if it names none.
fn place_of_file(level: &Level) -> Result<OtherBroker, UsageError> {
    let broker = broker_of(level)?;
    let said = BrokerHint::by(level, broker.as_ref())?;
    let has_tls = tls::said(level, broker.as_ref()).unwrap_or(said.port == Some(PORT_OF_TLS));
    let is_websocket = said.scheme.is_some_and(|scheme| scheme.is_websocket);
    Ok(OtherBroker {
        host: broker.map_or("localhost".to_owned(), |broker| broker.host),
        port: said.port.unwrap_or(default_port(is_websocket, has_tls)),
        scheme: Scheme { is_secure: has_tls, is_websocket },
    })
}

/// The broker of the environment; `None` if it names none, in which case its options apply to any broker.
fn place_of_environment(level: &Level, of_file: &OtherBroker) -> Result<Option<OtherBroker>, UsageError> {
    let Some(broker) = broker_of(level)? else { return Ok(None) };
    let said = BrokerHint::by(level, Some(&broker))?;
    if said.fits(of_file) {
        return Ok(Some(of_file.clone()));
    }
    let port = said.port.unwrap_or(default_port(false, false));
    let scheme = Scheme { is_secure: port == PORT_OF_TLS, is_websocket: false };
    Ok(Some(OtherBroker { host: broker.host, port, scheme }))
}

/// Removes from `given` what belongs to another broker than the one in use. What was typed belongs to the one in use.
///
/// Returns a hint for each level that lost something that would have counted.
///
/// # Errors
/// An invalid address or port.
pub(super) fn leave_out(given: &mut Given) -> Result<Vec<String>, UsageError> {
    let [typed, environment, file] = &given.levels;
    let of_file = place_of_file(file)?;
    let of_environment = place_of_environment(environment, &of_file)?;
    let typed_broker = broker_of(typed)?;
    let above = BrokerHint::by(typed, typed_broker.as_ref())?;
    let mut hints = Vec::new();
    if let Some(place) = of_environment.filter(|place| !above.fits(place)) {
        hints.extend(leave_out_of(given, ENVIRONMENT, &place, &above, typed_broker.as_ref()));
    }
    let above = above.or_by(&given.levels[ENVIRONMENT])?;
    if !above.fits(&of_file) {
        hints.extend(leave_out_of(given, OPTION_FILE, &of_file, &above, typed_broker.as_ref()));
    }
    Ok(hints)
}

/// Removes what the level `index` gives for `place`, which according to `above` and `typed_broker` is not in use.
fn leave_out_of(
    given: &mut Given,
    index: usize,
    place: &OtherBroker,
    above: &BrokerHint,
    typed_broker: Option<&Broker>,
) -> Option<String> {
    let (over, level) = given.levels.split_at_mut(index);
    let level = &mut level[0];
    let is_typed = |part: fn(&Broker) -> &Option<String>| typed_broker.is_some_and(|broker| part(broker).is_some());
    let would_count = |long: &str| match long {
        "port" => above.port.is_none(),
        "username" if is_typed(|broker| &broker.username) => false,
        "password" | "password-file" if is_typed(|broker| &broker.password) => false,
        _ => {
            let alike = ALIKE.iter().find(|alike| alike.contains(&long)).map_or(&[][..], |alike| &alike[..]);
            !over.iter().any(|level| alike.iter().chain(&[long]).any(|long| level.item(long).is_some()))
        }
    };
    let mut items = level.take(&OF_ONE_BROKER);
    let name = |item: &Item| match index {
        ENVIRONMENT => item.flag.variable.to_owned(),
        _ => format!("--{}", item.flag.long),
    };
    let mut names: Vec<String> = items.iter().filter(|item| would_count(item.flag.long)).map(name).collect();
    let url_has_login = level.item("url").is_some_and(|url| broker::split_login(&url.value).is_some());
    if url_has_login && would_count("username") {
        names.push("the login in --url".to_owned());
    }
    match above.host {
        Some(_) => items.extend(level.take(&["url"])),
        // The URL names the host in use; only the port differs.
        None => level.take_login_of_url(),
    }
    let source = if index == ENVIRONMENT { "the environment" } else { "the option file" };
    given.left_out.extend(items.into_iter().map(|item| LeftOut { level: index, item, broker: place.to_string() }));
    (!names.is_empty()).then(|| format!("{source} is for {place}; not used with this broker: {}", names.join(", ")))
}
