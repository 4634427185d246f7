//! A broker's address as it is typed: `host`, `host:port`, `[v6]:port` or a URL.

use std::net::Ipv6Addr;

/// The path of a WebSocket URL without one, as brokers and paho expect it.
const WEBSOCKET_PATH: &str = "/mqtt";
/// What is wrong with a login that is not encoded.
const ESCAPE: &str =
    "in a URL's user and password, % / and ? are written %25 %2F and %3F, others as UTF-8 bytes in hexadecimal";
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

impl Broker {
    /// Reads BROKER in one word: `host`, `host:port`, `[v6]`, `[v6]:port` or a URL.
    pub fn parse(text: &str) -> Result<Broker, String> {
        if text.contains("://") {
            return Broker::parse_url(text);
        }
        if text.contains('@') {
            return Err("with a user name it must be a URL, as mqtt://user@host, or use --username".to_owned());
        }
        let (host, port) = parse_host_and_port(text)?;
        Ok(Broker { host, port, ..Broker::default() })
    }

    /// Reads `mqtt://`, `mqtts://`, `ws://` or `wss://` `[user[:password]@]host[:port][/path]`.
    pub fn parse_url(text: &str) -> Result<Broker, String> {
        let (name, rest) = text.split_once("://").ok_or("a URL begins with mqtt://, mqtts://, ws:// or wss://")?;
        let (is_secure, is_websocket) = match name.to_ascii_lowercase().as_str() {
            "mqtt" => (false, false),
            "mqtts" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            _ => return Err(format!("unknown scheme {name:?}; use mqtt, mqtts, ws or wss")),
        };
        let (authority, path) = rest.split_at(rest.find(PATH_BEGINS).unwrap_or(rest.len()));
        if path.contains('@') && !authority.contains('@') {
            return Err(ESCAPE.to_owned());
        }
        // The path goes into an HTTP request and must not end its line.
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        if text.contains('#') {
            return Err("a # in a URL is written %23".to_owned());
        }
        if (!is_websocket && !matches!(path, "" | "/")) || !is_plain {
            return Err(
                "mqtt:// and mqtts:// take no path; rooms are named by --room, topics by --topic-root".to_owned()
            );
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

/// Reads a host without a port; an IPv6 address with or without its brackets.
pub(super) fn parse_host(text: &str) -> Result<String, String> {
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let address = Some(inside).filter(|inside| is_ipv6(inside));
        return address.map(str::to_string).ok_or_else(|| format!("{inside:?} in brackets is not an IPv6 address"));
    }
    if text.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{text:?} is a port; the host comes first, as in localhost:{text}"));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@:[]\\\"%".contains(c);
    if text.contains(is_odd) && !is_ipv6(text) {
        return Err(format!("{text:?} is not a host name or IP address"));
    }
    Ok(text.to_string())
}

/// Reads a port, 1 to 65535.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| format!("{text:?} is not a port from 1 to 65535"))
}

fn parse_host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if is_ipv6(text) {
        return Err(format!("an IPv6 address needs brackets: [{text}] or [{text}]:1883"));
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
        Some("") => Err("the port is missing after the colon".to_owned()),
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
fn decode(text: &str) -> Result<String, String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        // It becomes a C string, which cannot contain U+0000.
        bytes.push(byte.filter(|byte| *byte != 0).ok_or(ESCAPE.to_owned())?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| ESCAPE.to_owned())
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
    fn check_bad(text: &str, expected: &str) {
        let error = Broker::parse(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
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
        check_bad("", "the host is missing");
        check_bad(":1883", "the host is missing");
        check_bad("h:", "the port is missing");
        check_bad("h:99999", "\"99999\" is not a port");
        check_bad("h:0", "\"0\" is not a port");
        check_bad("h:+1", "\"+1\" is not a port");
        check_bad("h:mqtt", "\"mqtt\" is not a port");
        check_bad("1883", "\"1883\" is a port;");
        check_bad("a b", "\"a b\" is not a host");
        check_bad("h/topic", "\"h/topic\" is not a host");
        check_bad("::1", "needs brackets: [::1] or");
        check_bad("2001:db8::7:1883", "needs brackets: [2001:db8::7:1883] or");
        check_bad("a:b:1", "\"a:b\" is not a host");
        check_bad("[h]:1883", "\"h\" in brackets is not");
        check_bad("[fe80::1%]", "\"fe80::1%\" in brackets is not");
        check_bad("[::1]1883", "\"[::1]1883\" is not a host");
        check_bad("[::1]:", "the port is missing");
        check_bad("[::1", "\"[:\" is not a host");
        check_bad("bob:secret@h", "it must be a URL");
    }

    #[test]
    fn bad_urls() {
        check_bad("tcp://h", "unknown scheme \"tcp\"");
        check_bad("://h", "unknown scheme \"\"");
        check_bad("mqtt://", "the host is missing");
        check_bad("mqtt://bob:secret@", "the host is missing");
        check_bad("mqtt://bob:secret@h:x", "\"x\" is not a port");
        check_bad("mqtt://h/topic", "take no path");
        check_bad("ws://h/a b", "take no path");
        check_bad("ws://h/\r\n", "take no path");
        check_bad("ws://bob:se/cret@h", "% / and ? are written");
        check_bad("mqtt://bob:se?cret@h", "% / and ? are written");
        check_bad("ws://h/#a", "is written %23");
        check_bad("mqtt://bob:%@h", "% / and ? are written");
        check_bad("mqtt://bob:%4@h", "% / and ? are written");
        check_bad("mqtt://bob:%zz@h", "% / and ? are written");
        check_bad("mqtt://bob:%é@h", "% / and ? are written");
        check_bad("mqtt://bob:%00@h", "% / and ? are written");
        check_bad("mqtt://bob:%FF@h", "% / and ? are written");
        assert!(Broker::parse_url("localhost").unwrap_err().contains("a URL begins with"));
    }

    #[test]
    fn hosts_alone() {
        assert_eq!(parse_host("::1").as_deref(), Ok("::1"));
        assert_eq!(parse_host("[::1]").as_deref(), Ok("::1"));
        assert!(parse_host("h:1883").unwrap_err().contains("\"h:1883\" is not a host"));
        assert!(parse_host("mqtt://h").unwrap_err().contains("\"mqtt://h\" is not a host"));
    }
}
