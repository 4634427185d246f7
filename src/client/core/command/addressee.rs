//! The typed addressee of a direct message: a nick, in quotes if it contains a blank. And `/reply`, turned into `/msg`.

use super::find;
use crate::protocol::Nick;

/// A nick as it is typed after a command: in quotes if it contains a blank, with quotes in it doubled.
pub(super) fn written(nick: &str) -> String {
    match nick.contains(char::is_whitespace) || nick.starts_with('"') {
        true => format!("\"{}\"", nick.replace('"', "\"\"")),
        false => nick.to_owned(),
    }
}

/// A nick as [`written`], and what follows it.
pub(super) fn split(typed: &str) -> (String, &str) {
    let (nick, rest) = quoted(typed).unwrap_or_else(|| {
        let (nick, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        (nick.to_owned(), rest)
    });
    (nick, rest.trim_start())
}

fn quoted(typed: &str) -> Option<(String, &str)> {
    let inside = typed.strip_prefix('"')?;
    let mut nick = String::new();
    let mut chars = inside.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '"' && chars.next_if(|(_, next)| *next == '"').is_none() {
            let rest = &inside[at + 1..];
            return (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some((nick, rest));
        }
        nick.push(c);
    }
    None
}

/// Turns `/reply text` into `/msg NICK text`, and returns the new cursor. `None` unless it is `/reply` followed by a blank.
pub fn address_reply(line: &str, cursor: usize, to: &Nick) -> Option<(String, usize)> {
    let (name, text) = line.trim_start().strip_prefix('/')?.split_once(char::is_whitespace)?;
    if find(name).ok()?.name != "reply" {
        return None;
    }
    let addressed = format!("/msg {} {text}", written(to.as_str()));
    let behind = line.len().saturating_sub(cursor).min(text.len());
    let cursor = addressed.len() - behind;
    Some((addressed, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let (before, after) = line.split_once('|').unwrap();
        let alice = Nick::parse("alice").unwrap();
        let addressed = address_reply(&format!("{before}{after}"), before.len(), &alice);
        let shown = addressed.map(|(line, cursor)| format!("{}|{}", &line[..cursor], &line[cursor..]));
        assert_eq!(shown.as_deref(), expected, "{line}");
    }

    #[test]
    fn a_reply_shows_its_addressee() {
        check("/reply |", Some("/msg alice |"));
        check(" /REPLY |yes", Some("/msg alice |yes"));
        check("/reply yes|, and no", Some("/msg alice yes|, and no"));
        check("|/reply yes", Some("/msg alice |yes"));
        check("/reply  one\ntwo|", Some("/msg alice  one\ntwo|"));
        for line in ["/reply|", "/replying |", "//reply |", "say /reply |", "reply |", "/rep |", "/help reply |"] {
            check(line, None);
        }
    }

    #[test]
    fn quotes_that_do_not_end_belong_to_the_nick() {
        assert_eq!(split("\"bob hi"), ("\"bob".to_owned(), "hi"));
        assert_eq!(split("\"bob\"by hi"), ("\"bob\"by".to_owned(), "hi"));
        assert_eq!(split("\"al ice\"  hi \"you\""), ("al ice".to_owned(), "hi \"you\""));
        assert_eq!(split("\"al ice\""), ("al ice".to_owned(), ""));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nick in "[a\" \u{a0}é]{1,6}", text in "[a\"][a\" ]{0,5}") {
            let typed = format!("{} {text}", written(&nick));
            prop_assert_eq!(split(&typed), (nick, text.as_str()));
        }
    }
}
