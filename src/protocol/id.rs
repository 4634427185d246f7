//! Identifiers on the wire: sessions, message ids, request tokens and the history's epoch.

use super::fields::from_text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Crockford's base 32 in lower case: no letters that read as digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Length of a session, a token's random part and an epoch: 60 bits of randomness.
pub const RANDOM_CHARS: usize = 12;

/// Writes random bytes as lower-case base 32, one character a byte (its low five bits).
pub fn base32(random: &[u8]) -> String {
    random.iter().map(|byte| ALPHABET[usize::from(byte & 31)] as char).collect()
}

/// One run of a client: 12 random lower-case base 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session(Box<str>);

impl Session {
    /// Takes 12 lower-case letters or digits.
    pub fn parse(text: &str) -> Option<Session> {
        is_random(text).then(|| Session(text.into()))
    }

    pub fn from_random(random: [u8; RANDOM_CHARS]) -> Session {
        Session(base32(&random).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_random(text: &str) -> bool {
    text.len() == RANDOM_CHARS && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Which history a cursor belongs to: random, kept in the server's database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Epoch(Box<str>);

impl Epoch {
    pub fn parse(text: &str) -> Option<Epoch> {
        is_random(text).then(|| Epoch(text.into()))
    }

    pub fn from_random(random: [u8; RANDOM_CHARS]) -> Epoch {
        Epoch(base32(&random).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a reply names to say which request it answers: 1 to 32 ASCII letters, digits, `-` or `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token(Box<str>);

impl Token {
    pub fn parse(text: &str) -> Option<Token> {
        let fits = (1..=32).contains(&text.len());
        (fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
            .then(|| Token(text.into()))
    }

    pub fn from_random(random: [u8; RANDOM_CHARS]) -> Token {
        Token(base32(&random).into())
    }

    pub fn from_number(number: u64) -> Token {
        Token(format!("r{number}").into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message's id as its sender gives it: the session and the number of the message in it, from 1.
/// Unique per nick key: the pair (key, id) is what is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SentId {
    pub session: Session,
    pub seq: u64,
}

/// The largest `seq`: JSON numbers are exact to 2⁵³ everywhere.
pub const MAX_SEQ: u64 = 1 << 53;

impl SentId {
    /// `None` where `seq` is 0 or above [`MAX_SEQ`].
    pub fn new(session: Session, seq: u64) -> Option<SentId> {
        (1..=MAX_SEQ).contains(&seq).then_some(SentId { session, seq })
    }
}

/// A message's id: its sender's, or the server's for one that came without (`x-` and its row in the history).
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

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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

/// JSON strings in both directions, through `parse` and `Display`.
macro_rules! as_json_string {
    ($($name:ident $form:literal)*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_text(deserializer, $form, |text| $name::parse(text).ok_or($form))
            }
        }
    )* };
}

as_json_string!(
    Session "a session must be 12 characters of a-z and 0-9"
    Epoch "an epoch must be 12 characters of a-z and 0-9"
    Token "a token must be 1 to 32 characters of A-Z, a-z, 0-9, - and _"
    MessageId "a message id must be a session, a - and a number"
);

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
