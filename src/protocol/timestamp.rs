//! Times on the wire: RFC 3339 with an offset, read leniently and written in one form.

use super::fields::json_string;
use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, SecondsFormat, Timelike};

/// A sender's time: the text as it came, which original clients print, and the moment it means, if it has an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    text: Box<str>,
    at: Option<DateTime<FixedOffset>>,
}

/// Longest accepted text: a date, a time, 9 digits and an offset are 35 bytes.
const MAX_BYTES: usize = 40;

/// Without an offset, with 0 to 9 fractional digits.
const NAIVE: &str = "%Y-%m-%dT%H:%M:%S%.f";

impl Timestamp {
    /// Accepts RFC 3339 with 0 to 9 fractional digits and `Z` or an offset. Without an offset it is accepted too, but means
    /// no moment, because nobody knows the sender's zone. `None` for anything else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let at = match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Some(at),
            Err(_) => {
                let naive = NaiveDateTime::parse_from_str(text, NAIVE).ok()?;
                // RFC 3339's years; near chrono's own limits, adding a zone overflows.
                if !(0..=9999).contains(&naive.year()) {
                    return None;
                }
                None
            }
        };
        Some(Timestamp { text: text.into(), at })
    }

    /// `2026-11-22T20:30:00.123+01:00`: exactly three digits and a numeric offset, as Python 3.7's `fromisoformat` reads it.
    pub fn new(at: DateTime<FixedOffset>) -> Timestamp {
        let text = at.to_rfc3339_opts(SecondsFormat::Millis, false);
        Timestamp { at: DateTime::parse_from_rfc3339(&text).ok(), text: text.into() }
    }

    /// The same time in a form that every `datetime.fromisoformat` from Python 3.7 on reads; `None` if Python cannot
    /// represent it.
    pub fn for_originals(&self) -> Option<Timestamp> {
        if is_read_by_originals(self.text.as_bytes()) {
            return Some(self.clone());
        }
        let (naive, offset) = match self.at {
            Some(at) => (at.naive_local(), Some(*at.offset())),
            None => (NaiveDateTime::parse_from_str(&self.text, NAIVE).ok()?, None),
        };
        // chrono represents a leap second as 1,000,000,000 nanoseconds or more.
        let naive = naive.with_nanosecond(naive.nanosecond().min(999_999_999))?;
        let offset = offset.map_or(String::new(), |offset| offset.to_string());
        let text = format!("{}{offset}", naive.format("%Y-%m-%dT%H:%M:%S%.3f"));
        is_read_by_originals(text.as_bytes()).then_some(Timestamp { at: self.at, text: text.into() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment it means; `None` without an offset.
    pub fn at(&self) -> Option<DateTime<FixedOffset>> {
        self.at
    }
}

/// Python 3.7 accepts no fraction or one of 3 or 6 digits, with or without an offset. No version accepts everything in
/// RFC 3339 (`z`, a leap second, the year 0).
fn is_read_by_originals(text: &[u8]) -> bool {
    let has_form = |text: &[u8], form: &[u8]| {
        let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        text.len() == form.len() && text.iter().zip(form).all(fits)
    };
    let (time, rest) = text.split_at(text.len().min(19));
    let (fraction, offset) =
        rest.split_at(rest.iter().position(|byte| matches!(byte, b'+' | b'-')).unwrap_or(rest.len()));
    has_form(time, b"0000-00-00T00:00:00")
        && !time.starts_with(b"0000")
        && !time.ends_with(b"60")
        && [&b""[..], b".000", b".000000"].iter().any(|form| has_form(fraction, form))
        && [&b""[..], b"+00:00", b"-00:00"].iter().any(|form| has_form(offset, form))
}

const TIME: &str = "a time must be as in RFC 3339";
json_string!(Timestamp, Timestamp::as_str, TIME, |text| Timestamp::parse(text).ok_or(TIME));

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

    #[test]
    fn originals_are_given_what_python_reads() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parsed.for_originals().as_ref().map(Timestamp::as_str), expected, "{text}");
        };
        for text in [
            "2026-11-22T20:30:00.123+01:00",
            "2026-11-22T19:11:34.506051",
            "2026-11-22T19:11:34",
            "2026-11-22T19:11:34-03:30",
        ] {
            check(text, Some(text));
        }
        check("2026-11-22t20:30:00z", Some("2026-11-22T20:30:00.000+00:00"));
        check("2026-11-22T20:30:00Z", Some("2026-11-22T20:30:00.000+00:00"));
        check("2026-11-22T20:30:00.123456789+01:00", Some("2026-11-22T20:30:00.123+01:00"));
        check("2026-11-22T20:30:00.5", Some("2026-11-22T20:30:00.500"));
        check("2026-12-31T23:59:60.25Z", Some("2026-12-31T23:59:59.999+00:00"));
        check("2026-12-31T23:59:60", Some("2026-12-31T23:59:59.999"));
        check("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00.000+00:00"));
        check("0000-01-01T00:00:00Z", None);
        check("0000-01-01T00:00:00", None);
    }
}
