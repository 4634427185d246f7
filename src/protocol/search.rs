//! Search: the text that somebody types, the request that carries it, and the reply.
//!
//! The text consists of words, `"phrases"` and `prefix*`, all of which a message must contain, and of filters: `from:NICK`,
//! `room:ROOM`, `after:TIME`, `before:TIME`. On the wire times are RFC 3339.

use super::fields::{self, is_default, lenient, lenient_list, lenient_or_default};
use super::history::{Cursor, Entry};
use super::id::Token;
use super::limits::{SEARCH_CHARS, SEARCH_PREFIX_CHARS, SEARCH_WORDS};
use super::names::{Nick, NickKey, RoomName};
use super::timestamp::Timestamp;
use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

/// What a search text asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// Each must be in the message.
    pub terms: Vec<Term>,
    pub from: Option<NickKey>,
    pub room: Option<RoomName>,
    /// Received at this time or later.
    pub after: Option<DateTime<FixedOffset>>,
    /// Received before this time.
    pub before: Option<DateTime<FixedOffset>>,
}

/// Something that the text of a message must contain; case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    Word(String),
    /// Words in this order.
    Phrase(String),
    /// The beginning of a word, at least [`SEARCH_PREFIX_CHARS`] long.
    Prefix(String),
}

/// The part of the typed text that an error repeats, so that the error stays short.
fn begin(text: &str) -> String {
    const CHARS: usize = 40;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl SearchQuery {
    pub fn parse(text: &str) -> Result<SearchQuery, String> {
        if text.chars().nth(SEARCH_CHARS).is_some() {
            return Err(format!("what to search for is longer than {SEARCH_CHARS} characters"));
        }
        let mut query = SearchQuery::default();
        for part in parts(text) {
            match part? {
                Part::Phrase(phrase) => query.terms.push(Term::Phrase(word(phrase)?.to_owned())),
                Part::Filter("from", value) => {
                    let nick = Nick::parse(value).map_err(|_| format!("from:{} names no nick", begin(value)))?;
                    set("from", &mut query.from, nick.key().clone())?;
                }
                Part::Filter("room", value) => {
                    let room = RoomName::choose(value).map_err(|_| format!("room:{} names no room", begin(value)))?;
                    set("room", &mut query.room, room)?;
                }
                Part::Filter("after", value) => set("after", &mut query.after, time("after", value)?)?,
                Part::Filter(_, value) => set("before", &mut query.before, time("before", value)?)?,
                Part::Word(text) => query.terms.push(match text.strip_suffix('*') {
                    Some(prefix) if word(prefix)?.chars().count() < SEARCH_PREFIX_CHARS => {
                        return Err(format!(
                            "{:?} is too short: at least {SEARCH_PREFIX_CHARS} characters come before *",
                            begin(text)
                        ));
                    }
                    Some(prefix) => Term::Prefix(prefix.to_owned()),
                    None => Term::Word(word(text)?.to_owned()),
                }),
            }
        }
        match query {
            query if query == SearchQuery::default() => Err("there is nothing to search for".to_owned()),
            query if query.terms.iter().map(words).sum::<usize>() > SEARCH_WORDS => {
                Err(format!("at most {SEARCH_WORDS} words, those of phrases included"))
            }
            query => Ok(query),
        }
    }
}

/// The text with the times of its filters replaced by `time` (from the reader's zone to RFC 3339). A time for which it
/// returns `None` stays.
pub fn with_times(text: &str, time: impl Fn(&str) -> Option<String>) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    for part in parts(text) {
        let Ok(Part::Filter("after" | "before", value)) = part else { continue };
        // Parts are slices of the text, in order.
        let start = value.as_ptr() as usize - rest.as_ptr() as usize;
        replaced.push_str(&rest[..start]);
        replaced.push_str(&time(value).unwrap_or_else(|| value.to_owned()));
        rest = &rest[start + value.len()..];
    }
    replaced + rest
}

enum Part<'a> {
    Word(&'a str),
    Phrase(&'a str),
    /// One of [`FILTERS`], and the value after its colon.
    Filter(&'static str, &'a str),
}

const FILTERS: [&str; 4] = ["from", "room", "after", "before"];

/// Splits at blanks; a phrase stands between quotes.
fn parts(text: &str) -> impl Iterator<Item = Result<Part<'_>, String>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if let Some(opened) = rest.strip_prefix('"') {
            let Some((phrase, after)) = opened.split_once('"') else {
                rest = "";
                return Some(Err("a phrase has no closing \"".to_owned()));
            };
            rest = after;
            return Some(Ok(Part::Phrase(phrase)));
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        let filter = part.split_once(':').and_then(|(name, value)| {
            let known = FILTERS.into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
            Some(Part::Filter(known, value))
        });
        (!part.is_empty()).then(|| Ok(filter.unwrap_or(Part::Word(part))))
    })
}

/// A term, if the index can contain it.
fn word(term: &str) -> Result<&str, String> {
    let has_word = term.chars().any(char::is_alphanumeric);
    has_word.then_some(term).ok_or_else(|| format!("{:?} has no letter or digit to search for", begin(term)))
}

/// How many words the index looks up; `a-b` is two words in this order.
fn words(term: &Term) -> usize {
    let (Term::Word(text) | Term::Phrase(text) | Term::Prefix(text)) = term;
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count()
}

fn time(filter: &'static str, value: &str) -> Result<DateTime<FixedOffset>, String> {
    DateTime::parse_from_rfc3339(value).map_err(|_| {
        let value = begin(value);
        format!("{filter}:{value} is not a time such as 2026-11-22, 2026-11-22T20:30 or 2026-11-22T20:30:00+01:00")
    })
}

fn set<T>(filter: &'static str, place: &mut Option<T>, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{filter}: appears twice")),
    }
}

/// The fields of a search request besides those of every request: `text`, `room`, `limit`, `before`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchRequest {
    pub text: String,
    /// As `room:` in the text, which takes precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomName>,
    /// Messages at most, 1 to 500; `None`: the server's choice.
    #[serde(default, deserialize_with = "fields::limit", skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of an earlier reply, to continue from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Cursor>,
}

/// What was found, newest message first:
/// `{"type":"search_result","messages":[…,"room"],"timestamp","request","complete","next"}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename = "search_result")]
pub struct SearchResult {
    #[serde(deserialize_with = "lenient_list")]
    pub messages: Vec<Found>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    /// Nothing older matches. `false` if the page is full or the search took too long.
    #[serde(default, deserialize_with = "lenient_or_default")]
    pub complete: bool,
    /// The value of `before` that continues the search; absent if `complete`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
    /// The search took too long; older messages were not searched.
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub cut: bool,
}

/// A message with its room: `{"room","type":"chat",…}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub room: RoomName,
    #[serde(flatten)]
    pub entry: Entry,
}

fields::to_json!(SearchResult);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[Term], &str>) {
        let parsed = SearchQuery::parse(text);
        match (&parsed, expected) {
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (Ok(query), Ok(terms)) => assert_eq!(query.terms, terms, "{text}"),
            _ => panic!("{text}: {parsed:?}"),
        }
    }

    #[test]
    fn terms() {
        let word = |text: &str| Term::Word(text.to_owned());
        check("hello World", Ok(&[word("hello"), word("World")]));
        check(r#"  "two words" pump*"#, Ok(&[Term::Phrase("two words".to_owned()), Term::Prefix("pump".to_owned())]));
        check(r#"say"two words"now"#, Ok(&[word("say"), Term::Phrase("two words".to_owned()), word("now")]));
        check("https://a.example NOT", Ok(&[word("https://a.example"), word("NOT")]));
        check("日本*", Ok(&[Term::Prefix("日本".to_owned())]));
        check("from:bob", Ok(&[]));
    }

    #[test]
    fn mistakes_are_explained() {
        check("", Err("nothing to search for"));
        check("  ", Err("nothing to search for"));
        check("\"open", Err("no closing"));
        check("\"\"", Err("no letter or digit"));
        check("a ?!", Err("\"?!\" has no letter or digit"));
        check("*", Err("no letter or digit"));
        check("p*", Err("at least 2 characters"));
        check("from:a/b", Err("names no nick"));
        check("from:", Err("names no nick"));
        check("room:dév", Err("names no room"));
        check("after:yesterday", Err("after:yesterday is not a time"));
        check("from:a from:b x", Err("from: appears twice"));
        for many in [&"word ".repeat(SEARCH_WORDS + 1), &format!("\"{}\"", "a ".repeat(SEARCH_WORDS + 1))] {
            check(many, Err("at most 32 words"));
        }
        check(&"a-".repeat(SEARCH_WORDS + 1), Err("at most 32 words"));
        let most = "a-".repeat(SEARCH_WORDS);
        check(&most, Ok(&[Term::Word(most.clone())]));
        check(&"é".repeat(SEARCH_CHARS + 1), Err("longer than 500 characters"));
        let longest = "é".repeat(SEARCH_CHARS);
        check(&longest, Ok(&[Term::Word(longest.clone())]));
    }

    #[test]
    fn errors_stay_short() {
        // Written as an escape of ten characters.
        let long = "\u{10ffff}".repeat(SEARCH_CHARS - 8);
        let mistakes = ["", "*", "from:", "room:", "after:", "before:"].map(|filter| format!("{filter}{long}"));
        for text in mistakes.iter().chain([&format!("{long}*")]) {
            let error = SearchQuery::parse(text).unwrap_err();
            let json = serde_json::to_string(&error).unwrap();
            assert!(json.len() <= 1_024 && json.contains('…'), "{json}");
        }
        let error = SearchQuery::parse(&format!("from:{}", "\u{1}".repeat(400))).unwrap_err();
        assert!(serde_json::to_string(&error).unwrap().len() <= 1_024);
    }

    #[test]
    fn filters() {
        let query = SearchQuery::parse("From:Bob room:#Dev after:2026-11-22T00:00:00+01:00 x").unwrap();
        assert_eq!(query.from.as_ref().map(NickKey::as_str), Some("bob"));
        assert_eq!(query.room, RoomName::parse("dev").ok());
        assert_eq!(query.after.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-22T00:00:00+01:00"));
        assert_eq!((query.before, query.terms.len()), (None, 1));
    }

    #[test]
    fn times_are_replaced_where_they_stand() {
        let time = |value: &str| (value == "2026-11-22").then(|| "2026-11-22T00:00:00+01:00".to_owned());
        let text = r#"  a before:2026-11-22 "after:2026-11-22" after:noon from:x"#;
        let expected = r#"  a before:2026-11-22T00:00:00+01:00 "after:2026-11-22" after:noon from:x"#;
        assert_eq!(with_times(text, time), expected);
        assert_eq!(with_times("plain", time), "plain");
        assert_eq!(with_times("after:2026-11-22 \"open", time), "after:2026-11-22T00:00:00+01:00 \"open");
    }
}
