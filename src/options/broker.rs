//! A broker's address as it is typed: `host`, `host:port`, `[v6]:port` or a URL.

use std::fmt;
use std::net::Ipv6Addr;

/// The path of a WebSocket URL without one, as brokers and paho expect it.
const WEBSOCKET_PATH: &str = "/mqtt";
/// Characters that end a URL's host and port.
const PATH_BEGINS: [char; 2] = ['/', '?'];

/// The scheme of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    pub is_secure: bool,
    pub is_websocket: bool,
}

/// What is given of a broker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Broker {
    /// `None` unless it is a URL.
    pub scheme: Option<Scheme>,
    /// An IPv6 address without its brackets.
    pub host: String,
    pub port: Option<u16>,
    pub username: Option<String>,
    pub password: Option<String>,
    /// As [`crate::link::Address::path`].
    pub path: String,
}

/// Why a text is no broker's address. Never repeats what may be a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BrokerError {
    NoHost,
    NoPort,
    Port(String),
    PortAsHost(String),
    Host(String),
    Ipv6(String),
    BareIpv6(String),
    Scheme(String),
    NoScheme,
    LoginWithoutUrl,
    Escape,
    Path,
    Fragment,
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("the host is missing"),
            Self::NoPort => f.write_str("the port is missing after the colon"),
            Self::Port(text) => write!(f, "{text:?} is not a port from 1 to 65535"),
            Self::PortAsHost(text) => {
                write!(f, "{text:?} is a port; the host comes first, as in localhost:{text}")
            }
            Self::Host(text) => write!(f, "{text:?} is not a host name or IP address"),
            Self::Ipv6(text) => write!(f, "{text:?} in brackets is not an IPv6 address"),
            Self::BareIpv6(text) => {
                write!(f, "an IPv6 address needs brackets: [{text}] or [{text}]:1883")
            }
            Self::Scheme(text) => {
                write!(f, "unknown scheme {text:?}; use mqtt, mqtts, ws or wss")
            }
            Self::NoScheme => f.write_str("a URL begins with mqtt://, mqtts://, ws:// or wss://"),
            Self::LoginWithoutUrl => {
                f.write_str("with a user name it must be a URL, as mqtt://user@host, or use --username")
            }
            Self::Escape => f.write_str(
                "in a URL's user and password, % / and ? are written %25 %2F and %3F, \
                 others as UTF-8 bytes in hexadecimal",
            ),
            Self::Path => {
                f.write_str("mqtt:// and mqtts:// take no path; rooms are named by --room, topics by --topic-root")
            }
            Self::Fragment => f.write_str("a # in a URL is written %23"),
        }
    }
}

impl Broker {
    /// Reads BROKER in one word: `host`, `host:port`, `[v6]`, `[v6]:port` or a URL.
    pub fn parse(text: &str) -> Result<Broker, BrokerError> {
        if text.contains("://") {
            return Broker::parse_url(text);
        }
        if text.contains('@') {
            return Err(BrokerError::LoginWithoutUrl);
        }
        let (host, port) = parse_host_and_port(text)?;
        Ok(Broker { host, port, ..Broker::default() })
    }

    /// Reads `mqtt://`, `mqtts://`, `ws://` or `wss://` `[user[:password]@]host[:port][/path]`.
    pub fn parse_url(text: &str) -> Result<Broker, BrokerError> {
        let (name, rest) = text.split_once("://").ok_or(BrokerError::NoScheme)?;
        let (is_secure, is_websocket) = match name.to_ascii_lowercase().as_str() {
            "mqtt" => (false, false),
            "mqtts" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            _ => return Err(BrokerError::Scheme(name.to_string())),
        };
        let (authority, path) = rest.split_at(rest.find(PATH_BEGINS).unwrap_or(rest.len()));
        if path.contains('@') && !authority.contains('@') {
            return Err(BrokerError::Escape);
        }
        // The path goes into an HTTP request and must not end its line.
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        if text.contains('#') {
            return Err(BrokerError::Fragment);
        }
        if (!is_websocket && !matches!(path, "" | "/")) || !is_plain {
            return Err(BrokerError::Path);
        }
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (login, address),
            None => ("", authority),
        };
        let (username, password) = match login.split_once(':') {
            Some((username, password)) => (username, Some(decode(password)?)),
            None => (login, None),
        };
        let (host, port) = parse_host_and_port(address)?;
        Ok(Broker {
            scheme: Some(Scheme { is_secure, is_websocket }),
            host,
            port,
            username: Some(decode(username)?).filter(|name| !name.is_empty()),
            password,
            path: match path {
                _ if !is_websocket => String::new(),
                "" => WEBSOCKET_PATH.to_string(),
                query if query.starts_with('?') => format!("/{query}"),
                path => path.to_string(),
            },
        })
    }
}

/// A URL in three parts, as [`Broker::parse_url`] reads it: scheme with `://`, login, and what follows the login's `@`.
/// `None` without a login.
pub(super) fn split_login(url: &str) -> Option<(&str, &str, &str)> {
    let begin = url.find("://")? + "://".len();
    let (scheme, rest) = url.split_at(begin);
    let end = rest.find(PATH_BEGINS).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    Some((scheme, &rest[..at], &rest[at + 1..]))
}

/// A URL without the user and password in it; `mqtt://alice:secret@host` becomes `mqtt://host`.
pub(super) fn without_login(url: &str) -> String {
    split_login(url).map_or(url.to_owned(), |(scheme, _, address)| {
        // Otherwise an @ in the path would be taken for the end of a login.
        let nobody = if address.contains('@') { "@" } else { "" };
        format!("{scheme}{nobody}{address}")
    })
}

/// Reads a host without a port; an IPv6 address with or without its brackets.
pub(super) fn parse_host(text: &str) -> Result<String, BrokerError> {
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let address = Some(inside).filter(|inside| is_ipv6(inside));
        return address.map(str::to_string).ok_or_else(|| BrokerError::Ipv6(inside.to_string()));
    }
    if text.is_empty() {
        return Err(BrokerError::NoHost);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BrokerError::PortAsHost(text.to_string()));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@:[]\\\"%".contains(c);
    if text.contains(is_odd) && !is_ipv6(text) {
        return Err(BrokerError::Host(text.to_string()));
    }
    Ok(text.to_string())
}

/// Reads a port, 1 to 65535.
pub(super) fn parse_port(text: &str) -> Result<u16, BrokerError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| BrokerError::Port(text.to_string()))
}

fn parse_host_and_port(text: &str) -> Result<(String, Option<u16>), BrokerError> {
    if is_ipv6(text) {
        return Err(BrokerError::BareIpv6(text.to_string()));
    }
    let colon = match text.rfind(']') {
        Some(bracket) if text[bracket + 1..].starts_with(':') => Some(bracket + 1),
        Some(_) => None,
        None => text.rfind(':'),
    };
    let (host, port) = match colon {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (text, None),
    };
    let host = parse_host(host)?;
    match port {
        Some("") => Err(BrokerError::NoPort),
        Some(port) => Ok((host, Some(parse_port(port)?))),
        None => Ok((host, None)),
    }
}

/// An IPv6 address, with or without a zone (`fe80::1%eth0`).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "eth0"));
    let is_zone = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_zone)
}

/// Decodes percent signs.
fn decode(text: &str) -> Result<String, BrokerError> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        // It becomes a C string, which cannot contain U+0000.
        bytes.push(byte.filter(|byte| *byte != 0).ok_or(BrokerError::Escape)?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| BrokerError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` as `scheme|host|port|user|password|path`, an absent part as `-`.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let broker = Broker::parse(text).unwrap();
        let scheme = broker.scheme.map(|scheme| match (scheme.is_websocket, scheme.is_secure) {
            (false, false) => "mqtt",
            (false, true) => "mqtts",
            (true, false) => "ws",
            (true, true) => "wss",
        });
        let port = broker.port.map(|port| port.to_string());
        let parts = [
            scheme,
            Some(&*broker.host),
            port.as_deref(),
            broker.username.as_deref(),
            broker.password.as_deref(),
            Some(&*broker.path).filter(|path| !path.is_empty()),
        ];
        assert_eq!(parts.map(|part| part.unwrap_or("-")).join("|"), expected);
    }

    #[track_caller]
    fn check_bad(text: &str, expected: BrokerError) {
        assert_eq!(Broker::parse(text), Err(expected));
    }

    #[test]
    fn words() {
        check("localhost", "-|localhost|-|-|-|-");
        check("broker.example.org:1884", "-|broker.example.org|1884|-|-|-");
        check("10.0.0.7", "-|10.0.0.7|-|-|-|-");
        check("münchen.example", "-|münchen.example|-|-|-|-");
        check("[::1]", "-|::1|-|-|-|-");
        check("[::1]:1884", "-|::1|1884|-|-|-");
        check("[fe80::1%eth0]:1884", "-|fe80::1%eth0|1884|-|-|-");
    }

    #[test]
    fn urls() {
        check("mqtt://h", "mqtt|h|-|-|-|-");
        check("MQTTS://h:1/", "mqtts|h|1|-|-|-");
        check("ws://h", "ws|h|-|-|-|/mqtt");
        check("wss://h/", "wss|h|-|-|-|/");
        check("wss://h:443/a/b?c=d", "wss|h|443|-|-|/a/b?c=d");
        check("ws://h?c=d", "ws|h|-|-|-|/?c=d");
        check("mqtt://bob@[::1]:1884", "mqtt|::1|1884|bob|-|-");
        check("mqtt://bob:a%40b%3A%2Fc%25@h", "mqtt|h|-|bob|a@b:/c%|-");
        check("mqtt://b%C3%B6b:p:q@r@h", "mqtt|h|-|böb|p:q@r|-");
        check("mqtt://@h", "mqtt|h|-|-|-|-");
        check("mqtt://bob:@h", "mqtt|h|-|bob||-");
    }

    #[test]
    fn bad_words() {
        check_bad("", BrokerError::NoHost);
        check_bad(":1883", BrokerError::NoHost);
        check_bad("h:", BrokerError::NoPort);
        check_bad("h:99999", BrokerError::Port("99999".into()));
        check_bad("h:0", BrokerError::Port("0".into()));
        check_bad("h:+1", BrokerError::Port("+1".into()));
        check_bad("h:mqtt", BrokerError::Port("mqtt".into()));
        check_bad("1883", BrokerError::PortAsHost("1883".into()));
        check_bad("a b", BrokerError::Host("a b".into()));
        check_bad("h/topic", BrokerError::Host("h/topic".into()));
        check_bad("::1", BrokerError::BareIpv6("::1".into()));
        check_bad("2001:db8::7:1883", BrokerError::BareIpv6("2001:db8::7:1883".into()));
        check_bad("a:b:1", BrokerError::Host("a:b".into()));
        check_bad("[h]:1883", BrokerError::Ipv6("h".into()));
        check_bad("[fe80::1%]", BrokerError::Ipv6("fe80::1%".into()));
        check_bad("[::1]1883", BrokerError::Host("[::1]1883".into()));
        check_bad("[::1]:", BrokerError::NoPort);
        check_bad("[::1", BrokerError::Host("[:".into()));
        check_bad("bob:secret@h", BrokerError::LoginWithoutUrl);
    }

    #[test]
    fn bad_urls() {
        check_bad("tcp://h", BrokerError::Scheme("tcp".into()));
        check_bad("://h", BrokerError::Scheme("".into()));
        check_bad("mqtt://", BrokerError::NoHost);
        check_bad("mqtt://bob:secret@", BrokerError::NoHost);
        check_bad("mqtt://bob:secret@h:x", BrokerError::Port("x".into()));
        check_bad("mqtt://h/topic", BrokerError::Path);
        check_bad("ws://h/a b", BrokerError::Path);
        check_bad("ws://h/\r\n", BrokerError::Path);
        check_bad("ws://bob:se/cret@h", BrokerError::Escape);
        check_bad("mqtt://bob:se?cret@h", BrokerError::Escape);
        check_bad("ws://h/#a", BrokerError::Fragment);
        check_bad("mqtt://bob:%@h", BrokerError::Escape);
        check_bad("mqtt://bob:%4@h", BrokerError::Escape);
        check_bad("mqtt://bob:%zz@h", BrokerError::Escape);
        check_bad("mqtt://bob:%é@h", BrokerError::Escape);
        check_bad("mqtt://bob:%00@h", BrokerError::Escape);
        check_bad("mqtt://bob:%FF@h", BrokerError::Escape);
        assert_eq!(Broker::parse_url("localhost"), Err(BrokerError::NoScheme));
    }

    #[test]
    fn hosts_alone() {
        assert_eq!(parse_host("::1").as_deref(), Ok("::1"));
        assert_eq!(parse_host("[::1]").as_deref(), Ok("::1"));
        assert_eq!(parse_host("h:1883"), Err(BrokerError::Host("h:1883".into())));
        assert_eq!(parse_host("mqtt://h"), Err(BrokerError::Host("mqtt://h".into())));
    }
}
