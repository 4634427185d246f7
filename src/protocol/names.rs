//! Nicks and room names: newtypes that are checked when they are parsed, so that `/ + #` never reach a topic.

use super::fields::{display_as_str, json_string};
use super::limits::NAME_CHARS;
use std::borrow::Borrow;

const EMPTY: &str = "a name cannot be empty";
const BLANK_AT_END: &str = "a name cannot begin or end with a blank";

fn too_long() -> String {
    format!("a name has at most {NAME_CHARS} characters")
}

/// Shows the character itself if it is visible, otherwise its escape.
fn forbidden(c: char) -> String {
    match c {
        ' ' => "a name cannot contain a blank".to_owned(),
        '"' | '\'' | '\\' => format!("a name cannot contain {c}"),
        c => format!("a name cannot contain {}", c.escape_debug()),
    }
}

/// Nicks that could be taken for the chat itself; `server` is also a topic level.
const RESERVED: [&str; 2] = ["server", "system"];

/// Identifies a person: the nick in lower case. Nicks with the same key are the same person. Topics carry it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NickKey(Box<str>);

impl NickKey {
    /// Reads a topic level, which must already be a key.
    pub fn parse(text: &str) -> Result<NickKey, String> {
        let nick = Nick::parse(text)?;
        match nick.key.as_str() == text {
            true => Ok(nick.key),
            false => Err(forbidden(text.chars().find(|c| c.to_lowercase().ne([*c])).unwrap_or('?'))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NickKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A name as its owner typed it, with its [`NickKey`]; `username` on the wire.
///
/// 1 to 32 scalar values; no control characters, no noncharacters, no `/ + #`, no invisible or direction-changing ones
/// (U+200B–200F, 202A–202E, 2060–2069, FEFF); no leading `$`; not blank at the ends; not `server` or `system`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nick {
    shown: Box<str>,
    key: NickKey,
}

impl Nick {
    pub fn parse(text: &str) -> Result<Nick, String> {
        if text.is_empty() {
            return Err(EMPTY.to_owned());
        }
        if text.chars().count() > NAME_CHARS {
            return Err(too_long());
        }
        if let Some(c) = text.chars().find(|c| !nick_char(*c)) {
            return Err(forbidden(c));
        }
        if text.trim() != text {
            return Err(BLANK_AT_END.to_owned());
        }
        if text.starts_with('$') {
            return Err("a name cannot begin with $".to_owned());
        }
        // Character by character, so that every program gets the same key: a final sigma needs no special case.
        let key: String = text.chars().flat_map(char::to_lowercase).collect();
        if key.chars().count() > NAME_CHARS {
            return Err(too_long());
        }
        if RESERVED.contains(&key.as_str()) {
            return Err("this name is reserved".to_owned());
        }
        Ok(Nick { shown: text.into(), key: NickKey(key.into()) })
    }

    /// Parses a nick that a user of our client may choose: letters, digits, `-` and `_`, which are safe in every broker's
    /// topics, access rules and commands.
    pub fn choose(text: &str) -> Result<Nick, String> {
        let nick = Nick::parse(text)?;
        match text.chars().find(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_')) {
            Some(c) => Err(forbidden(c)),
            None => Ok(nick),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.shown
    }

    pub fn key(&self) -> &NickKey {
        &self.key
    }
}

fn nick_char(c: char) -> bool {
    fits_topics(c)
        && !matches!(c, '/' | '+' | '#' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Whether every broker accepts this character in a topic, apart from wildcards and `/`. A broker may close the connection over
/// a control character or one of Unicode's 66 noncharacters (MQTT 5, section 1.5.4); Mosquitto 2.0 does.
pub fn fits_topics(c: char) -> bool {
    let is_noncharacter = matches!(c, '\u{FDD0}'..='\u{FDEF}') || u32::from(c) & 0xFFFE == 0xFFFE;
    !c.is_control() && !is_noncharacter
}

/// A room: 1 to 32 of `a-z 0-9 - _`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(Box<str>);

impl RoomName {
    pub fn parse(text: &str) -> Result<RoomName, String> {
        if text.is_empty() {
            return Err(EMPTY.to_owned());
        }
        if text.len() > NAME_CHARS {
            return Err(too_long());
        }
        match text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_')) {
            Some(c) => Err(forbidden(c)),
            None => Ok(RoomName(text.into())),
        }
    }

    /// Parses a room as a user types it: with or without `#`. Rooms have no capitals, so capitals are converted.
    pub fn choose(text: &str) -> Result<RoomName, String> {
        RoomName::parse(&text.strip_prefix('#').unwrap_or(text).to_ascii_lowercase())
    }

    /// The room that everybody is in.
    pub fn lobby() -> RoomName {
        RoomName("lobby".into())
    }

    pub fn is_lobby(&self) -> bool {
        &*self.0 == "lobby"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RoomName {
    fn default() -> RoomName {
        RoomName::lobby()
    }
}

display_as_str!(NickKey Nick RoomName);
json_string!(NickKey, NickKey::as_str, "a name must be a string", NickKey::parse);
json_string!(Nick, Nick::as_str, "a name must be a string", Nick::parse);
json_string!(RoomName, RoomName::as_str, "a name must be a string", RoomName::parse);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, String>) {
        assert_eq!(Nick::parse(text).as_ref().map(|n| n.key().as_str()), expected.as_ref().map(|k| *k));
    }

    #[test]
    fn nicks() {
        check("alice", Ok("alice"));
        check("Alice", Ok("alice"));
        check("ÄRGER", Ok("ärger"));
        check("anna lena", Ok("anna lena"));
        check("日本", Ok("日本"));
        check("", Err(EMPTY.to_owned()));
        check(" bob", Err(BLANK_AT_END.to_owned()));
        check("bob\u{a0}", Err(BLANK_AT_END.to_owned()));
        check("   ", Err(BLANK_AT_END.to_owned()));
        check("+", Err(forbidden('+')));
        check("a#b", Err(forbidden('#')));
        check("a/b", Err(forbidden('/')));
        check("a\x1b[31m", Err(forbidden('\x1b')));
        check("a\u{85}", Err(forbidden('\u{85}')));
        check("a\u{202e}b", Err(forbidden('\u{202e}')));
        check("$SYS", Err("a name cannot begin with $".to_owned()));
        check("Server", Err("this name is reserved".to_owned()));
        check("system", Err("this name is reserved".to_owned()));
        check(&"x".repeat(32), Ok(&"x".repeat(32)));
        check(&"ж".repeat(33), Err(too_long()));
        // Its lower case is twice as long.
        check(&"İ".repeat(17), Err(too_long()));
        check("ΑΣ", Ok("ασ"));
    }

    #[test]
    fn noncharacters_are_refused() {
        let allowed = |c: &char| Nick::parse(&format!("a{c}b")).is_ok();
        let noncharacters = (0..=0x10).flat_map(|plane| [plane << 16 | 0xFFFE, plane << 16 | 0xFFFF]);
        let noncharacters: Vec<u32> = (0xFDD0..=0xFDEF).chain(noncharacters).collect();
        assert_eq!(noncharacters.len(), 66);
        for code in noncharacters {
            let c = char::from_u32(code).unwrap();
            assert_eq!(Nick::parse(&format!("a{c}b")), Err(forbidden(c)), "U+{code:04X}");
        }
        let refused = ('\0'..=char::MAX).filter(|c| !allowed(c)).count();
        // Beside them: 65 control characters, 3 for topics, 21 invisible ones.
        assert_eq!(refused, 66 + 65 + 3 + 21);
    }

    #[test]
    fn what_a_user_can_choose_is_narrower() {
        assert!(Nick::choose("Jörg-2_b").is_ok());
        assert_eq!(Nick::choose("a b"), Err(forbidden(' ')));
        assert_eq!(Nick::choose("a\"b"), Err(forbidden('"')));
    }

    #[test]
    fn a_forbidden_character_is_shown_if_it_is_visible() {
        for (c, shown) in [
            ('é', "é"),
            ('\'', "'"),
            ('"', "\""),
            ('\\', "\\"),
            ('漢', "漢"),
            ('\t', "\\t"),
            ('\x1b', "\\u{1b}"),
            ('\u{a0}', "\\u{a0}"),
            ('\u{301}', "\\u{301}"),
            ('\u{200b}', "\\u{200b}"),
            ('\u{202e}', "\\u{202e}"),
        ] {
            assert_eq!(forbidden(c), format!("a name cannot contain {shown}"));
        }
    }

    #[test]
    fn a_key_in_a_topic_is_already_lower_case() {
        assert!(NickKey::parse("alice").is_ok());
        assert!(NickKey::parse("Alice").is_err());
    }

    #[test]
    fn rooms() {
        assert!(RoomName::parse("dev-2_x").is_ok());
        for bad in ["", "Dev", "a b", "a/b", "#", "ä", &"x".repeat(33)] {
            assert!(RoomName::parse(bad).is_err(), "{bad:?}");
        }
        for typed in ["dev", "Dev", "#DEV"] {
            assert_eq!(RoomName::choose(typed), RoomName::parse("dev"));
        }
        for bad in ["", "#", "##dev", "É"] {
            assert!(RoomName::choose(bad).is_err(), "{bad:?}");
        }
    }
}
