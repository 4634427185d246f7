//! Which broker is named, which source names it, and its port.

use super::broker::{self, Broker};
use super::error::UsageError;
use super::given::{Given, Item, Level};

/// The level of the default broker: after all others.
const NOWHERE: usize = usize::MAX;

/// The port that implies TLS.
pub(super) const PORT_OF_TLS: u16 = 8883;

/// The broker, and the level that names it.
pub(super) struct Named {
    pub broker: Broker,
    level: usize,
}

impl Named {
    /// The broker, if that level names it.
    pub fn at(&self, level: usize) -> Option<&Broker> {
        Some(&self.broker).filter(|_| level == self.level)
    }

    /// The option that names it, and its level; `None` for BROKER and for the default broker.
    pub fn item<'a>(&self, given: &'a Given) -> Option<(usize, &'a Item)> {
        let level = given.levels.get(self.level).filter(|level| level.words.is_empty())?;
        Some((self.level, level.item("url").or(level.item("host"))?))
    }

    /// Whether no source names it.
    pub fn is_default(&self) -> bool {
        self.level == NOWHERE
    }

    /// Finds it; localhost if none is named. Options for other brokers must have been removed before.
    pub fn find(given: &Given) -> Result<Named, UsageError> {
        for (index, level) in given.levels.iter().enumerate() {
            let Some(broker) = broker_of(level)? else { continue };
            if broker.scheme.is_none() {
                // A host alone may be the host of a URL in a lower level, which says more.
                for (level, below) in given.levels.iter().enumerate().skip(index + 1) {
                    if below.item("url").is_some()
                        && let Some(broker) = broker_of(below)?
                    {
                        return Ok(Named { broker, level });
                    }
                }
            }
            return Ok(Named { broker, level: index });
        }
        let broker = Broker { host: "localhost".to_string(), ..Broker::default() };
        Ok(Named { broker, level: NOWHERE })
    }
}

/// The broker that a level names; its port may be a separate option.
pub(super) fn broker_of(level: &Level) -> Result<Option<Broker>, UsageError> {
    let in_broker = |error: String| UsageError::new(format!("BROKER: {error}"));
    let (url, host) = (level.item("url"), level.item("host"));
    Ok(Some(match (level.words.as_slice(), url, host) {
        ([], None, None) => return Ok(None),
        ([], Some(url), None) => Broker::parse_url(&url.value).map_err(|error| url.wrong(&error))?,
        ([], None, Some(item)) => {
            let host = broker::parse_host(&item.value);
            let host =
                host.map_err(|error| item.wrong(&format!("{error}; use --port for a port and --url for a URL")))?;
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
/// Options for other brokers must have been removed before.
pub(super) fn port(given: &Given) -> Result<Option<u16>, UsageError> {
    for level in &given.levels {
        // A typed host and port may belong to a URL in a lower level, so this level need not name the broker.
        let here = broker_of(level)?;
        match (level.item("port"), here.as_ref().and_then(|broker| broker.port)) {
            (Some(item), None) => {
                let port = broker::parse_port(&item.value);
                return port.map(Some).map_err(|error| item.wrong(&error));
            }
            (None, Some(port)) => return Ok(Some(port)),
            (Some(item), Some(_)) => {
                return Err(item.wrong("the broker's address names a port already"));
            }
            (None, None) if here.is_some_and(|broker| broker.scheme.is_some()) => return Ok(None),
            (None, None) => {}
        }
    }
    Ok(None)
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
