//! Removes what the environment and the option file give for another broker than the one in use: a login must not reach a
//! broker that it does not belong to.

use super::address::{PORT_OF_TLS, broker_of, default_port};
use super::broker::{Broker, Scheme};
use super::connection::says_tls;
use super::error::UsageError;
use super::given::{ENVIRONMENT, Given, Item, LeftOut, Level, OPTION_FILE};
use crate::link::{Address, Transport, canonical_host};

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

/// What is known of a broker.
#[derive(Default, Clone)]
struct BrokerHint {
    /// As given.
    host: Option<String>,
    port: Option<u16>,
    /// The scheme of a URL.
    scheme: Option<Scheme>,
}

impl BrokerHint {
    /// The hint in a level. A URL without a port means the port of its scheme.
    fn by(level: &Level) -> Result<BrokerHint, UsageError> {
        let broker = level.broker.as_ref();
        let in_option = level.item("port").map(Item::port).transpose()?;
        let port = in_option.or(broker.and_then(|broker| broker.port));
        let has_tls = says_tls(level, broker).unwrap_or(port == Some(PORT_OF_TLS));
        let scheme = broker.and_then(|broker| broker.scheme).map(|scheme| Scheme { is_secure: has_tls, ..scheme });
        let of_scheme = scheme.map(|scheme| default_port(scheme.is_websocket, has_tls));
        Ok(BrokerHint { host: broker.map(|broker| broker.host.clone()), port: port.or(of_scheme), scheme })
    }

    /// The broker that a level's options belong to: its hint, with the defaults for what it does not say.
    fn of(level: &Level) -> Result<BrokerHint, UsageError> {
        let BrokerHint { host, port, scheme } = BrokerHint::by(level)?;
        let is_secure = says_tls(level, level.broker.as_ref()).unwrap_or(port == Some(PORT_OF_TLS));
        let is_websocket = scheme.is_some_and(|scheme| scheme.is_websocket);
        Ok(BrokerHint {
            host: host.or(Some("localhost".to_owned())),
            port: port.or(Some(default_port(is_websocket, is_secure))),
            scheme: Some(Scheme { is_secure, is_websocket }),
        })
    }

    /// Whether nothing contradicts that broker.
    fn fits(&self, other: &BrokerHint) -> bool {
        let is_same_host = |(one, other): (&String, &String)| canonical_host(one) == canonical_host(other);
        self.host.as_ref().zip(other.host.as_ref()).is_none_or(is_same_host)
            && self.port.zip(other.port).is_none_or(|(one, other)| one == other)
            && self.scheme.zip(other.scheme).is_none_or(|(one, other)| one == other)
    }

    /// Adds the environment's hint, which never has a URL. A port that is overridden need not be valid.
    fn or_by(self, environment: &Level) -> Result<BrokerHint, UsageError> {
        let host = environment.broker.as_ref().map(|broker| broker.host.clone());
        let port = match self.port {
            Some(port) => Some(port),
            None => BrokerHint::by(environment)?.port,
        };
        Ok(BrokerHint { host: self.host.or(host), port, ..self })
    }
}

/// Removes from `given` what belongs to another broker than the one in use. What was typed belongs to the one in use.
///
/// Returns a hint for each level that lost something that would have counted.
///
/// # Errors
/// An invalid address or port.
pub(super) fn leave_out(given: &mut Given) -> Result<Vec<String>, UsageError> {
    for level in &mut given.levels {
        level.broker = broker_of(level)?;
    }
    let [typed, environment, file] = &given.levels;
    let of_file = BrokerHint::of(file)?;
    // Without a broker, the environment's options belong to any.
    let of_environment = match environment.broker {
        None => None,
        Some(_) if BrokerHint::by(environment)?.fits(&of_file) => Some(of_file.clone()),
        Some(_) => Some(BrokerHint::of(environment)?),
    };
    let above = BrokerHint::by(typed)?;
    let mut hints = Vec::new();
    if let Some(place) = of_environment.filter(|place| !above.fits(place)) {
        hints.extend(leave_out_of(given, ENVIRONMENT, place, &above));
    }
    let above = above.or_by(&given.levels[ENVIRONMENT])?;
    if !above.fits(&of_file) {
        hints.extend(leave_out_of(given, OPTION_FILE, of_file, &above));
    }
    Ok(hints)
}

/// Removes what the level `index` gives for `place`, which according to `above` is not in use.
fn leave_out_of(given: &mut Given, index: usize, place: BrokerHint, above: &BrokerHint) -> Option<String> {
    let (over, level) = given.levels.split_at_mut(index);
    let level = &mut level[0];
    let typed = over[0].broker.as_ref();
    let is_typed = |part: fn(&Broker) -> &Option<String>| typed.is_some_and(|broker| part(broker).is_some());
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
    let has_login = |broker: &Broker| broker.username.is_some() || broker.password.is_some();
    if level.broker.as_ref().is_some_and(has_login) && would_count("username") {
        names.push("the login in --url".to_owned());
    }
    if above.host.is_some() {
        items.extend(level.take(&["url"]));
        level.broker = None;
    } else {
        // The URL names the host in use; only the port differs.
        level.drop_login_of_url();
    }
    let source = if index == ENVIRONMENT { "the environment" } else { "the option file" };
    let BrokerHint { host, port, .. } = place;
    let (host, port) = (host.unwrap_or_default(), port.unwrap_or_default());
    let broker = Address { transport: Transport::Tcp, host, port, path: String::new() }.to_string();
    let hint = format!("{source} is for {broker}; not used with this broker: {}", names.join(", "));
    given.left_out.extend(items.into_iter().map(|item| LeftOut { item, broker: broker.clone() }));
    (!names.is_empty()).then_some(hint)
}
