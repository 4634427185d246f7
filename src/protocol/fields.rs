//! What all payloads share: the way from bytes to fields, and what is said of a payload that is not valid.

use super::id::{MessageId, SentId, Session, Token};
use super::limits::PAYLOAD_BYTES;
use super::names::Nick;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// Why a payload is not valid. `Display` is for a log line or an `error` reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// Above [`PAYLOAD_BYTES`]: dropped unread.
    TooLarge,
    /// Not a JSON object with the fields it must have.
    Malformed(String),
    /// The message is longer than a chat takes.
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
            Invalid::TextTooLong => write!(f, "the message is longer than {} characters", super::limits::TEXT_CHARS),
            Invalid::WrongSender => write!(f, "the topic names another sender than the payload"),
            Invalid::WrongAddressee => write!(f, "the topic names another addressee than the payload"),
        }
    }
}

impl std::error::Error for Invalid {}

/// Reads a JSON object into `T`. A list is refused even where `T`'s fields could be read from one.
pub fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Invalid> {
    if payload.len() > PAYLOAD_BYTES {
        return Err(Invalid::TooLarge);
    }
    if payload.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Invalid::Malformed("not a JSON object".to_owned()));
    }
    serde_json::from_slice(payload).map_err(|error| {
        // Where in the payload helps nobody who does not see it.
        let text = error.to_string();
        Invalid::Malformed(text.split(" at line ").next().unwrap_or(&text).to_owned())
    })
}

/// Writes a payload. Serialising these types to memory cannot fail: they hold strings, numbers and lists of them.
pub fn write<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// An optional field: one of a wrong type or form counts as absent.
pub fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(match Maybe::deserialize(deserializer)? {
        Maybe::Fits(value) => Some(value),
        Maybe::Other(_) => None,
    })
}

/// A list of which elements that do not fit are skipped; something else than a list counts as an empty one.
pub fn lenient_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(match Maybe::<Vec<Maybe<T>>>::deserialize(deserializer)? {
        Maybe::Fits(list) => list.into_iter().filter_map(Maybe::fitting).collect(),
        Maybe::Other(_) => Vec::new(),
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Maybe<T> {
    Fits(T),
    Other(IgnoredAny),
}

impl<T> Maybe<T> {
    fn fitting(self) -> Option<T> {
        match self {
            Maybe::Fits(value) => Some(value),
            Maybe::Other(_) => None,
        }
    }
}

/// An optional flag: absent, or of a wrong type, it is not set.
pub fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(lenient(deserializer)?.unwrap_or(false))
}

pub fn is_false(value: &bool) -> bool {
    !value
}

/// The id of a message that names both its session and its number.
pub fn sent_id(session: Option<Session>, seq: Option<u64>) -> Option<SentId> {
    SentId::new(session?, seq?)
}

/// Who a payload claims to come from, read from one that need not be valid: to answer its sender, and to warn once per sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    pub nick: Option<Nick>,
    pub session: Option<Session>,
    pub token: Option<Token>,
    /// The message that it is, where it is one.
    pub id: Option<MessageId>,
}

impl Claim {
    pub fn read(payload: &[u8]) -> Claim {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(default, deserialize_with = "lenient")]
            username: Option<Nick>,
            #[serde(default, deserialize_with = "lenient")]
            requester: Option<Nick>,
            #[serde(default, deserialize_with = "lenient")]
            session: Option<Session>,
            #[serde(default, deserialize_with = "lenient")]
            seq: Option<u64>,
            #[serde(default, deserialize_with = "lenient")]
            request: Option<Token>,
        }
        match read::<Fields>(payload) {
            Ok(fields) => Claim {
                nick: fields.username.or(fields.requester),
                id: sent_id(fields.session.clone(), fields.seq).map(MessageId::Sent),
                session: fields.session,
                token: fields.request,
            },
            Err(_) => Claim::default(),
        }
    }
}
