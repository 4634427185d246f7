//! What all payloads share: from bytes to fields and back, and why a payload is not valid.

use super::limits::{PAYLOAD_BYTES, TEXT_CHARS};
use serde::de::{self, DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// Why a payload is not valid. `Display` is for a log line or an `error` reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// Larger than [`PAYLOAD_BYTES`]; dropped unread.
    TooLarge,
    /// Not a JSON object with the required fields; why, in our own words.
    Malformed(String),
    /// The message is longer than [`TEXT_CHARS`].
    TextTooLong,
    /// The topic's sender level is not the key of the payload's nick.
    WrongSender,
    /// The topic's addressee level is not the key of the nick that the payload is for.
    WrongAddressee,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::TooLarge => write!(f, "the payload is larger than {PAYLOAD_BYTES} bytes"),
            Invalid::Malformed(cause) => write!(f, "{cause}"),
            Invalid::TextTooLong => write!(f, "the message is longer than {TEXT_CHARS} characters"),
            Invalid::WrongSender => write!(f, "the topic names another sender than the payload"),
            Invalid::WrongAddressee => write!(f, "the topic names another addressee than the payload"),
        }
    }
}

impl std::error::Error for Invalid {}

/// Reads a JSON object into `T`. A list is refused, even if `T` could be read from one.
pub fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Invalid> {
    if payload.len() > PAYLOAD_BYTES {
        return Err(Invalid::TooLarge);
    }
    if payload.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Invalid::Malformed("not a JSON object".to_owned()));
    }
    serde_json::from_slice(payload).map_err(|error| Invalid::Malformed(in_own_words(&error)))
}

/// The `type` of a payload.
pub fn kind(payload: &[u8]) -> Result<String, Invalid> {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    read(payload).map(|kind: Kind| kind.r#type)
}

/// Writes a payload. Serialising these types to memory cannot fail: they hold strings, numbers and lists of them.
pub fn write<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Payloads that are written as they are.
macro_rules! to_json {
    ($($name:ident)*) => { $(
        impl $name {
            pub fn to_json(&self) -> Vec<u8> {
                $crate::protocol::fields::write(self)
            }
        }
    )* };
}

/// Types that are shown by their `as_str`.
macro_rules! display_as_str {
    ($($name:ident)*) => { $(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )* };
}

/// Types that are a JSON string: how it is written, what an error says of a value that is none, and how it is read.
macro_rules! json_string {
    ($name:ident, $text:expr, $wanted:expr, $parse:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($text(self).as_ref())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::protocol::fields::from_text(deserializer, $wanted, $parse)
            }
        }
    };
}

pub(super) use {display_as_str, json_string, to_json};

/// Marks our own words in an error of the JSON parser, which keeps only a text. None of the parser's texts begins so.
const OWN: char = '\0';

/// An error of a field, for whoever wrote the payload.
pub fn wrong<E: de::Error>(words: impl fmt::Display) -> E {
    E::custom(format_args!("{OWN}{words}"))
}

/// Puts an error of the JSON parser into our own words. The parser's are about Rust types and change with its version.
pub fn in_own_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The position helps nobody who does not see the payload.
    let text = text.split(" at line ").next().unwrap_or(&text);
    let field = |before: &str| text.strip_prefix(before)?.strip_suffix('`');
    match (text.strip_prefix(OWN), field("missing field `"), field("duplicate field `")) {
        (Some(own), ..) => own.to_owned(),
        (_, Some(name), _) => format!("`{name}` is missing"),
        (_, _, Some(name)) => format!("`{name}` appears twice"),
        _ if error.is_data() => "a field has a wrong form".to_owned(),
        _ => "not valid JSON".to_owned(),
    }
}

/// Reads a field that is a string which `parse` accepts. `wanted` is the error for a value that is no string.
pub fn from_text<'de, D: Deserializer<'de>, T, W: fmt::Display>(
    deserializer: D,
    wanted: &str,
    parse: impl FnOnce(&str) -> Result<T, W>,
) -> Result<T, D::Error> {
    // An error of the deserializer itself is a missing field or not valid JSON.
    match Maybe::<Cow<str>>::deserialize(deserializer)? {
        Maybe::Fits(text) => parse(&text).map_err(wrong),
        Maybe::Other(_) => Err(wrong(wanted)),
    }
}

/// Reads the most messages that a request wants.
pub fn limit<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer).map_err(|_| wrong("`limit` must be a whole number"))
}

/// Reads an optional field; a value of a wrong type or form counts as absent.
pub fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Maybe::deserialize(deserializer).map(Maybe::fitting)
}

/// Reads an optional field that has a default, such as a flag that is not set; a wrong value counts as absent.
pub fn lenient_or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(lenient(deserializer)?.unwrap_or_default())
}

/// Reads a list and skips elements that do not fit; anything else than a list counts as an empty one.
pub fn lenient_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list: Vec<Maybe<T>> = lenient_or_default(deserializer)?;
    Ok(list.into_iter().filter_map(Maybe::fitting).collect())
}

/// A value that may have a wrong form.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Maybe<T> {
    Fits(T),
    Other(IgnoredAny),
}

impl<T> Maybe<T> {
    pub fn fitting(self) -> Option<T> {
        match self {
            Maybe::Fits(value) => Some(value),
            Maybe::Other(_) => None,
        }
    }
}

pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Chat, Presence, Private, Receipt, Request, RequestKind, RoomName};

    #[track_caller]
    fn check<T: fmt::Debug>(result: Result<T, Invalid>, words: &str) {
        assert_eq!(result.unwrap_err().to_string(), words);
    }

    fn chat(fields: &str) -> Result<Option<Chat>, Invalid> {
        let json = format!(r#"{{"type":"chat","username":"a","message":"x",{fields}}}"#);
        Chat::parse(json.as_bytes(), RoomName::lobby())
    }

    #[test]
    fn errors_use_our_own_words() {
        let request = |json: &str, kind| Request::parse(json.as_bytes(), kind);
        check(request("{", RequestKind::Ping), "not valid JSON");
        check(request(r#"{"requester":"a"} x"#, RequestKind::Ping), "not valid JSON");
        check(request("[1]", RequestKind::Ping), "not a JSON object");
        check(request("{}", RequestKind::Ping), "`requester` is missing");
        check(request(r#"{"requester":"a","requester":"a"}"#, RequestKind::Ping), "`requester` appears twice");
        check(request(r#"{"requester":7}"#, RequestKind::Ping), "a name must be a string");
        check(request(r#"{"requester":"a/b"}"#, RequestKind::Ping), "a name cannot contain /");
        let history = |field: &str| request(&format!(r#"{{"requester":"a",{field}}}"#), RequestKind::History);
        check(history(r#""limit":"5""#), "`limit` must be a whole number");
        check(history(r#""limit":-1"#), "`limit` must be a whole number");
        check(history(r#""room":"N""#), "a name cannot contain N");
        check(history(r#""after":"x""#), "a cursor must be an epoch, a : and a number");
        check(history(r#""before":5"#), "a cursor must be an epoch, a : and a number");
        let search = |field: &str| request(&format!(r#"{{"requester":"a"{field}}}"#), RequestKind::Search);
        check(search(""), "`text` is missing");
        check(search(r#","text":[]"#), "a field has a wrong form");
        check(search(r#","text":"x","limit":1.5"#), "`limit` must be a whole number");
        check(Presence::parse(br#"{"action":1,"username":"a"}"#), "a field has a wrong form");
        check(Presence::parse(br#"{"username":"a"}"#), "`action` is missing");
        let receipt = r#"{"type":"receipt","username":"a","of":{"username":"b","id":"1"}}"#;
        check(Receipt::parse(receipt.as_bytes()), "a message id must be a session, a - and a number");
    }

    #[test]
    fn an_ill_formed_history_field_matters_to_history_only() {
        let json = br#"{"requester":"a","room":"N","limit":"x","before":5,"after":"y"}"#;
        for kind in RequestKind::ALL {
            let of_history = [RequestKind::History, RequestKind::Search].contains(&kind);
            assert_eq!(Request::parse(json, kind).is_err(), of_history, "{kind:?}");
        }
    }

    #[test]
    fn an_ill_formed_session_or_seq_makes_a_message_invalid() {
        let (session, seq) = (r#""session":"k3v9x2m1q8f0""#, r#""seq":7"#);
        let id = |fields: &str| chat(fields).unwrap().unwrap().id.map(|id| id.to_string());
        assert_eq!(id(&format!("{session},{seq}")).as_deref(), Some("k3v9x2m1q8f0-7"));
        assert_eq!(
            id(&format!(r#"{session},"seq":9007199254740992"#)).as_deref(),
            Some("k3v9x2m1q8f0-9007199254740992")
        );
        // One alone, and null, is no id.
        for fields in [session, seq, &format!(r#"{session},"seq":null"#), &format!(r#""session":null,{seq}"#)] {
            assert_eq!(id(fields), None, "{fields}");
        }
        let wrong_session = "`session` must be 12 characters of a-z and 0-9";
        for bad in [r#""K3V9X2M1Q8F0""#, r#""k3v9""#, r#""""#, "7", "[]"] {
            check(chat(&format!(r#""session":{bad},{seq}"#)), wrong_session);
            check(chat(&format!(r#""session":{bad}"#)), wrong_session);
        }
        let wrong_seq = "`seq` must be a whole number from 1 to 9007199254740992";
        for bad in ["0", "-1", "7.0", "1e3", "9007199254740993", r#""7""#, "true", "{}"] {
            check(chat(&format!(r#"{session},"seq":{bad}"#)), wrong_seq);
        }
        let private = br#"{"type":"private","username":"a","to":"b","message":"x","session":"S","seq":1}"#;
        check(Private::parse(private), wrong_session);
        // A later version's type may mean something else by it.
        assert_eq!(Chat::parse(br#"{"type":"new","session":7,"seq":"x"}"#, RoomName::lobby()), Ok(None));
    }
}
