//! Message texts: what a sender may send, and how to show text from others so that it cannot control the terminal.

use super::limits::TEXT_CHARS;
use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// Combining marks that a character may carry. Vietnamese, Hebrew, family emoji and old Hangul need no more; with dozens, a
/// text covers the lines around it.
const MARKS: usize = 4;
/// Tags that a flag emoji of a region carries; they have no width either.
const TAGS: usize = 6;

/// The text to send: without control characters other than the newline.
pub fn clean(text: &str) -> Cow<'_, str> {
    match text.chars().any(|c| c.is_control() && c != '\n') {
        true => Cow::Owned(text.chars().filter(|c| !c.is_control() || *c == '\n').collect()),
        false => Cow::Borrowed(text),
    }
}

/// Whether a text is within [`TEXT_CHARS`].
pub fn fits(text: &str) -> bool {
    // A text of few bytes has few characters; most texts need no count.
    text.len() <= TEXT_CHARS || text.chars().count() <= TEXT_CHARS
}

/// Text from others on one line: control characters, DEL, C1 and direction-changing characters become visible escapes,
/// a newline becomes `\n`.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// As [`visible`], but keeps newlines, for a screen that breaks lines itself.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n')
}

/// Removes excess combining marks and collapses runs of empty lines, so that a text takes no more room than it needs.
pub fn calm(text: &str) -> Cow<'_, str> {
    let is_plain = |text: &str| text.is_ascii() && !text.contains("\n\n\n");
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut calm = String::with_capacity(text.len());
    let (mut allowed, mut breaks) = (MARKS, 0);
    for c in text.chars() {
        breaks = if c == '\n' { breaks + 1 } else { 0 };
        if c.width() == Some(0) {
            if allowed == 0 {
                continue;
            }
            allowed -= 1;
        } else {
            allowed = if c == '\u{1F3F4}' { TAGS } else { MARKS };
        }
        if breaks <= 2 {
            calm.push(c);
        }
    }
    Cow::Owned(calm)
}

fn escape(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    let hostile = |c: char| drives_a_terminal(c) && !keep(c);
    if !text.chars().any(hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !hostile(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if u32::from(c) < 0x100 => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(shown)
}

/// A line of JSON that may contain text from others. JSON leaves DEL, C1 controls and direction marks as they are. They can
/// only be in strings; there this escapes them, in case the line ends up on a terminal.
pub fn visible_json(json: String) -> String {
    if !json.chars().any(drives_a_terminal) {
        return json;
    }
    let escape = |c: char| match drives_a_terminal(c) {
        // All of them are below U+10000.
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    json.chars().map(escape).collect()
}

/// C0, DEL and C1 controls, and the characters that change the direction of text (U+061C, 200E, 200F, 202A–202E,
/// 2066–2069) or break lines unexpectedly (U+2028, 2029).
pub fn drives_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(visible(text), shown);
    }

    #[test]
    fn nothing_controls_a_terminal() {
        check("plain: äß 日本 👍🏽", "plain: äß 日本 👍🏽");
        check("\x1b[31mred\x07", "\\x1b[31mred\\x07");
        check("a\u{9b}31m\u{7f}", "a\\x9b31m\\x7f");
        check("abc\u{202e}fed", "abc\\u{202e}fed");
        check("two\nlines\r\t", "two\\nlines\\r\\t");
        assert_eq!(visible_lines("two\nlines\r"), "two\nlines\\r");
    }

    #[test]
    fn a_text_stays_within_its_lines() {
        assert_eq!(calm("plain\n\nand simple"), "plain\n\nand simple");
        assert_eq!(calm("a\n\n\n\n\nb\n"), "a\n\nb\n");
        let zalgo = format!("Z{}a{}", "\u{335}".repeat(40), "\u{301}".repeat(3));
        assert_eq!(calm(&zalgo), format!("Z{}a{}", "\u{335}".repeat(4), "\u{301}".repeat(3)));
        for whole in ["Việt", "ที่", "שָׁלוֹם", "👨‍👩‍👧‍👦", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "🏳️‍🌈"]
        {
            assert_eq!(calm(whole), whole);
        }
    }

    #[test]
    fn a_sender_sends_no_controls() {
        assert_eq!(clean("a\x1b[2Jb\r\nc\td"), "a[2Jb\ncd");
    }

    #[test]
    fn length_is_counted_in_scalar_values() {
        assert!(fits(&"日".repeat(TEXT_CHARS)));
        assert!(!fits(&"x".repeat(TEXT_CHARS + 1)));
    }
}
