//! Which broker is named, which source names it, and its port.

use super::broker::{self, Broker};
use super::error::UsageError;
use super::given::{Given, Item, Level};

/// The port that implies TLS.
pub(super) const PORT_OF_TLS: u16 = 8883;

/// Finds the broker, and adds the port and the login in its address to the options of its level. Options for other brokers
/// must have been removed before.
pub(super) fn settle(given: &mut Given) -> Result<(), UsageError> {
    for index in 0..given.levels.len() {
        let port = given.levels[index].broker.as_ref().and_then(|broker| broker.port).map(|port| port.to_string());
        given.add_of_address(index, port, &["port"], "the broker's address names a port already")?;
    }
    let levels = &given.levels;
    let Some(first) = levels.iter().position(|level| level.broker.is_some()) else { return Ok(()) };
    // A host alone may be the host of a URL in a lower level, which says more.
    let named = (first..levels.len()).find(|level| levels[*level].names_url()).unwrap_or(first);
    given.named = Some(named);
    let Some(Broker { username, password, .. }) = given.broker().cloned() else { return Ok(()) };
    // The password of a URL only counts together with its user.
    if given.add_of_address(named, username, &["username"], "the broker's URL names a user already")? {
        let longs = ["password", "password-file"];
        given.add_of_address(named, password, &longs, "the broker's URL names a password already")?;
    }
    Ok(())
}

/// The broker that a level names; its port may be a separate option.
pub(super) fn broker_of(level: &Level) -> Result<Option<Broker>, UsageError> {
    let in_broker = |error: String| UsageError::new(format!("BROKER: {error}"));
    let (url, host) = (level.item("url"), level.item("host"));
    Ok(Some(match (level.words.as_slice(), url, host) {
        ([], None, None) => return Ok(None),
        ([], Some(url), None) => Broker::parse_url(&url.value).map_err(|error| url.wrong(&error))?,
        ([], None, Some(item)) => {
            let host = broker::parse_host(&item.value)
                .map_err(|error| item.wrong(&format!("{error}; use --port for a port and --url for a URL")))?;
            Broker { host, ..Broker::default() }
        }
        ([word], None, None) => Broker::parse(word).map_err(in_broker)?,
        ([word, port], None, None) => {
            let mut broker = match word.contains("://") {
                true => Broker::parse_url(word).map_err(in_broker)?,
                false => Broker { host: broker::parse_host(word).map_err(in_broker)?, ..Broker::default() },
            };
            let port = broker::parse_port(port).map_err(in_broker)?;
            if broker.port.replace(port).is_some() {
                return Err(UsageError::new("BROKER names the port twice; once is enough"));
            }
            broker
        }
        ([_, _, extra, ..], _, _) => {
            let problem = format!("{extra:?} is one word too many; BROKER is a host and a port");
            return Err(UsageError::new(problem));
        }
        (words, url, host) => {
            let named = [(!words.is_empty()).then_some("BROKER"), url.map(|_| "--url"), host.map(|_| "--host")];
            let named: Vec<_> = named.into_iter().flatten().collect();
            let problem = format!("the broker is named by {}; once is enough", named.join(" and by "));
            return Err(UsageError::new(problem));
        }
    }))
}

/// The port, if one is given. A URL without a port means the port of its scheme; lower levels do not change that.
pub(super) fn port(given: &Given) -> Option<&Item> {
    given.levels.iter().find(|level| level.item("port").is_some() || level.names_url())?.item("port")
}

/// The port of a broker without a given one.
pub(super) fn default_port(is_websocket: bool, has_tls: bool) -> u16 {
    match (is_websocket, has_tls) {
        (false, false) => 1883,
        (false, true) => PORT_OF_TLS,
        (true, false) => 80,
        (true, true) => 443,
    }
}
