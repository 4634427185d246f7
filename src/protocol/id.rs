//! Identifiers on the wire: sessions, message ids, request tokens and the epoch of a history.

use super::fields::{display_as_str, json_string};
use serde::Serialize;
use std::fmt;

/// Crockford's base 32 in lower case: no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Length of a session, an epoch and a random token: 60 bits of randomness.
pub const RANDOM_CHARS: usize = 12;

/// Writes random bytes as lower-case base 32, one character per byte (its low five bits).
pub fn base32(random: &[u8]) -> String {
    random.iter().map(|byte| ALPHABET[usize::from(byte & 31)] as char).collect()
}

/// Defines an identifier that is a text: its name, which texts are valid, and the error for others.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $is_valid:expr, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// `None` for a text that is not valid.
            pub fn parse(text: &str) -> Option<$name> {
                $is_valid(text).then(|| $name(text.into()))
            }

            pub fn from_random(random: [u8; RANDOM_CHARS]) -> $name {
                $name(base32(&random).into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        display_as_str!($name);
        json_string!($name, $name::as_str, $wanted, |text| $name::parse(text).ok_or($wanted));
    };
}

text_id!(
    /// One run of a client: 12 lower-case letters or digits, at random.
    Session,
    is_random,
    "a session must be 12 characters of a-z and 0-9"
);

text_id!(
    /// Which history a cursor belongs to: 12 lower-case letters or digits, at random, stored in the server's database.
    Epoch,
    is_random,
    "an epoch must be 12 characters of a-z and 0-9"
);

text_id!(
    /// Which request a reply answers: 1 to 32 ASCII letters, digits, `-` or `_`.
    Token,
    is_token,
    "a token must be 1 to 32 characters of A-Z, a-z, 0-9, - and _"
);

fn is_random(text: &str) -> bool {
    text.len() == RANDOM_CHARS && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_token(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// A message's id as its sender gives it: the session, and the number of the message in it, from 1.
/// It is unique per nick key: compare the pair (key, id).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct SentId {
    pub session: Session,
    pub seq: u64,
}

/// The largest `seq`: JSON numbers are exact up to 2⁵³ everywhere.
pub const MAX_SEQ: u64 = 1 << 53;

impl SentId {
    /// `None` if `seq` is 0 or above [`MAX_SEQ`].
    pub fn new(session: Session, seq: u64) -> Option<SentId> {
        (1..=MAX_SEQ).contains(&seq).then_some(SentId { session, seq })
    }
}

/// A message's id: its sender's, or the server's for a message that came without one (`x-` and its row in the history).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageId {
    Sent(SentId),
    Row(u64),
}

impl MessageId {
    pub fn parse(text: &str) -> Option<MessageId> {
        let (head, number) = text.rsplit_once('-')?;
        let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
        match head {
            "x" => Some(MessageId::Row(number)),
            _ => SentId::new(Session::parse(head)?, number).map(MessageId::Sent),
        }
    }
}

const MESSAGE_ID: &str = "a message id must be a session, a - and a number";
json_string!(MessageId, MessageId::to_string, MESSAGE_ID, |text| MessageId::parse(text).ok_or(MESSAGE_ID));

impl fmt::Display for SentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.session, self.seq)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageId::Sent(id) => id.fmt(f),
            MessageId::Row(row) => write!(f, "x-{row}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, valid: bool) {
        let id = MessageId::parse(text);
        assert_eq!(id.is_some(), valid, "{text}");
        if let Some(id) = id {
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn message_ids() {
        check("k3v9x2m1q8f0-1", true);
        check("k3v9x2m1q8f0-9007199254740992", true);
        check("k3v9x2m1q8f0-9007199254740993", false);
        check("k3v9x2m1q8f0-0", false);
        check("k3v9x2m1q8f0-+1", false);
        check("k3v9x2m1q8f-1", false);
        check("K3v9x2m1q8f0-1", false);
        check("x-17", true);
        check("x-", false);
        check("", false);
    }

    #[test]
    fn random_bytes_make_valid_sessions() {
        let session = Session::from_random([0, 1, 31, 32, 63, 255, 128, 9, 10, 11, 200, 77]);
        assert_eq!(Session::parse(session.as_str()), Some(session));
    }
}
