//! Mentions, and desktop notifications through the terminal.

use crate::client::core::news::{Place, Said};
use crate::protocol::{Nick, text};
use unicode_width::UnicodeWidthChar;

/// Characters of a notification; longer ones are cut off.
const SHOWN: usize = 200;

/// How the terminal shows a notification outside its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notify {
    pub sequence: Sequence,
    /// tmux passes a sequence on to the outer terminal only in an envelope.
    pub in_tmux: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// `OSC 9 ; text`: iTerm2, kitty, WezTerm, Windows Terminal, foot, ghostty.
    Nine,
    /// `OSC 777 ; notify ; title ; text`: urxvt and terminals on VTE. Some know both and would show everything twice.
    Seven77,
}

impl Notify {
    /// For the terminal that these environment variables describe.
    pub fn of(get: impl Fn(&str) -> Option<String>) -> Notify {
        let is_urxvt = get("TERM").is_some_and(|term| term.starts_with("rxvt"));
        let sequence = if is_urxvt || get("VTE_VERSION").is_some() { Sequence::Seven77 } else { Sequence::Nine };
        Notify { sequence, in_tmux: get("TMUX").is_some() }
    }

    pub fn sequence(self, said: &Said) -> String {
        let place = match &said.place {
            Place::Room(room) => format!(" in #{room}"),
            Place::Direct(_) => String::new(),
        };
        // A semicolon would end the text, or start another command if a number follows.
        let tell = |text: &str| text::visible(text).replace(';', ",").chars().take(SHOWN).collect::<String>();
        let who = tell(&format!("{}{place}", said.nick));
        let what = tell(&text::calm(&said.text));
        let sequence = match self.sequence {
            Sequence::Nine => format!("\x1b]9;{who}: {what}\x07"),
            Sequence::Seven77 => format!("\x1b]777;notify;{who};{what}\x07"),
        };
        if self.in_tmux { format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")) } else { sequence }
    }
}

/// Whether a text mentions a nick as a word, in any case.
pub fn mentions(text: &str, nick: &Nick) -> bool {
    let name = nick.as_str().to_lowercase();
    let text = text.to_lowercase();
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + name.len()..].chars();
        let next = after.next();
        // A hyphen may be a dash after the nick, or part of another name.
        let goes_on = next == Some('-') && after.next().is_some_and(char::is_alphanumeric);
        // A path or an address mentions nobody.
        let is_path = matches!(before, Some('/' | '.' | '-'));
        !is_path && !goes_on && !joined(before, name.chars().next()) && !joined(name.chars().next_back(), next)
    })
}

/// Whether two adjacent characters belong to one word. Scripts with wide characters do not separate words.
fn joined(one: Option<char>, other: Option<char>) -> bool {
    let is_of_a_word = |c: char| (c.is_alphanumeric() || c == '_') && c.width() != Some(2);
    one.is_some_and(is_of_a_word) && other.is_some_and(is_of_a_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ChatMessage, RoomName};
    use chrono::DateTime;

    #[test]
    fn a_nick_is_a_word() {
        let alice = Nick::parse("Alice").unwrap();
        for text in ["alice", "ALICE: look", "hi @alice!", "so, alice", "alice's", "alice-", "(alice)", "alice, malice"]
        {
            assert!(mentions(text, &alice), "{text}");
        }
        for text in ["", "malice", "alices", "alice2", "alice_", "alice-marie", "/home/alice", "x.alice", "ann-alice"] {
            assert!(!mentions(text, &alice), "{text}");
        }
        assert!(mentions("太郎さん", &Nick::parse("太郎").unwrap()));
        assert!(mentions("grüß JÖRG", &Nick::parse("Jörg").unwrap()));
        assert!(mentions("a-b: x", &Nick::parse("A-B").unwrap()));
    }

    #[test]
    fn notifications() {
        let at = DateTime::parse_from_rfc3339("2026-11-22T19:30:00Z").unwrap();
        let nick = |name: &str| Nick::parse(name).unwrap();
        let said = |place, text: &str| Said::live(at, ChatMessage::<Place>::new(nick("bob"), place, text.to_owned()));
        let direct = said(Place::Direct(nick("alice")), "a;b\x1b\x07\nc");
        let plain = Notify { sequence: Sequence::Nine, in_tmux: false };
        assert_eq!(plain.sequence(&direct), "\x1b]9;bob: a,b\\x1b\\x07\\nc\x07");
        let other = Notify { sequence: Sequence::Seven77, ..plain };
        let in_a_room = said(Place::Room(RoomName::lobby()), "x");
        assert_eq!(other.sequence(&in_a_room), "\x1b]777;notify;bob in #lobby;x\x07");
        let in_tmux = Notify { in_tmux: true, ..plain };
        assert_eq!(in_tmux.sequence(&in_a_room), "\x1bPtmux;\x1b\x1b]9;bob in #lobby: x\x07\x1b\\");
        assert!(plain.sequence(&said(Place::Room(RoomName::lobby()), &"x".repeat(4_000))).len() < 300);
    }

    #[test]
    fn the_terminal_tells_which_it_is() {
        let of = |variables: &[(&str, &str)]| {
            let find =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
            Notify::of(find)
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), Notify { sequence: Sequence::Nine, in_tmux: false });
        assert_eq!(of(&[("VTE_VERSION", "7600")]).sequence, Sequence::Seven77);
        assert_eq!(of(&[("TERM", "rxvt-unicode")]).sequence, Sequence::Seven77);
        assert!(of(&[("TMUX", "/run/tmux")]).in_tmux);
    }
}
