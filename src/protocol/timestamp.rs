//! Times on the wire: RFC 3339 with an offset, read leniently and written in one form.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A sender's time: the text as it came, which the original's clients print, and the moment it means where it tells one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    text: Box<str>,
    at: Option<DateTime<FixedOffset>>,
}

/// Longest accepted text: a date, a time, 9 digits and an offset are 35 bytes.
const MAX_BYTES: usize = 40;

impl Timestamp {
    /// Takes RFC 3339 with 0 to 9 fractional digits, `Z` or an offset, and the same without an offset ("naive": it
    /// tells no moment, since nobody knows whose clock it was). `None` for anything else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let at = match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Some(at),
            Err(_) => {
                let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
                // RFC 3339's years; at the ends of the library's own no zone can be added without overflow.
                if !(0..=9999).contains(&naive.year()) {
                    return None;
                }
                None
            }
        };
        Some(Timestamp { text: text.into(), at })
    }

    /// `2026-11-22T20:30:00.123+01:00`: exactly three digits and a numeric offset, which Python 3.7's `fromisoformat` reads.
    pub fn new(at: DateTime<FixedOffset>) -> Timestamp {
        let text = at.to_rfc3339_opts(SecondsFormat::Millis, false);
        Timestamp { at: DateTime::parse_from_rfc3339(&text).ok(), text: text.into() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment it means; `None` where it has no offset.
    pub fn at(&self) -> Option<DateTime<FixedOffset>> {
        self.at
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom("not a timestamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: whether it is taken, and the moment it means, in Unix milliseconds.
    #[track_caller]
    fn check(text: &str, expected: Option<Option<i64>>) {
        let parsed = Timestamp::parse(text);
        assert_eq!(parsed.as_ref().map(|t| t.at().map(|at| at.timestamp_millis())), expected, "{text}");
        if let Some(parsed) = parsed {
            assert_eq!(parsed.as_str(), text);
        }
    }

    #[test]
    fn forms() {
        check("2026-11-22T20:30:00.123+01:00", Some(Some(1_795_375_800_123)));
        check("2026-11-22T19:30:00Z", Some(Some(1_795_375_800_000)));
        check("2026-11-22T19:30:00.123456789Z", Some(Some(1_795_375_800_123)));
        check("2026-11-22T19:11:34.506051", Some(None));
        check("2026-11-22T19:11:34", Some(None));
        check("yesterday", None);
        check("", None);
        check("2026-13-22T19:30:00Z", None);
        check("9999-12-31T23:59:59", Some(None));
        check("+10000-01-01T00:00:00", None);
        check("-0001-12-31T23:59:59", None);
        check(&format!("2026-11-22T19:30:00.{}Z", "1".repeat(60)), None);
    }

    #[test]
    fn written_in_one_form() {
        let at = DateTime::parse_from_rfc3339("2026-11-22T20:30:00.123987+01:00").unwrap();
        assert_eq!(Timestamp::new(at).as_str(), "2026-11-22T20:30:00.123+01:00");
        let utc = DateTime::parse_from_rfc3339("2026-11-22T20:30:00Z").unwrap();
        assert_eq!(Timestamp::new(utc).as_str(), "2026-11-22T20:30:00.000+00:00");
    }
}
