//! A paste, as it arrives from the terminal key by key, and the question before several lines are sent.

use crate::protocol::limits::TEXT_CHARS;
use crate::protocol::text;

/// Replaces a tab, whose width the line editor cannot show.
const TAB: &str = "    ";
/// How many lines are shown of a paste that is too tall to be edited.
const SHOWN_AT_BEGINNING: usize = 4;
const SHOWN_AT_END: usize = 1;
/// How many characters of such a line are shown.
const SHOWN_OF_A_LINE: usize = 60;

/// A text that is being pasted.
#[derive(Debug, Default)]
pub struct Paste {
    text: String,
    after_return: bool,
}

impl Paste {
    /// Accepts all three kinds of line ends and drops other control characters.
    pub fn push(&mut self, c: char) {
        match c {
            '\n' if self.after_return => {}
            '\r' | '\n' => self.text.push('\n'),
            '\t' => self.text.push_str(TAB),
            c if text::drives_a_terminal(c) => {}
            c => self.text.push(c),
        }
        self.after_return = c == '\r';
    }

    pub fn text(self) -> String {
        self.text
    }
}

/// Several lines, with the question how to send them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub text: String,
    /// Send it as it is, even if it looks like a command.
    pub is_literal: bool,
    /// It is not in the line being typed because it is too tall.
    pub is_apart: bool,
}

impl Offer {
    /// The messages if each line is one; `None` if the lines belong to one command.
    pub fn lines(&self) -> Option<Vec<String>> {
        let is_command = self.text.starts_with('/') && !self.is_literal;
        let lines = self.text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        Some(lines.map(str::to_owned).collect::<Vec<_>>()).filter(|lines| !is_command && lines.len() > 1)
    }

    pub fn fits_one_message(&self) -> bool {
        text::fits(&text::clean(&self.text))
    }

    /// Otherwise the user must shorten it.
    pub fn can_be_sent(&self) -> bool {
        self.fits_one_message() || self.lines().is_some()
    }

    /// Shown below the line being typed.
    pub fn question(&self) -> String {
        let shown = if self.is_apart { self.beginning_and_end() } else { String::new() };
        let question = match (self.fits_one_message(), self.lines()) {
            (true, Some(lines)) => {
                format!("-- send as one message (Enter), as {} lines (l), or not (n)?", lines.len())
            }
            (true, None) => "-- send as one message (Enter), or not (n)?".to_owned(),
            (false, Some(lines)) => {
                format!("-- too long for one message: send as {} lines (l), or not (n)?", lines.len())
            }
            (false, None) => format!("-- too long: a message has at most {TEXT_CHARS} characters (press any key)"),
        };
        format!("\n{shown}{question}")
    }

    fn beginning_and_end(&self) -> String {
        let lines: Vec<_> = self.text.trim_end_matches('\n').split('\n').collect();
        let show = |line: &&str| match line.chars().count() > SHOWN_OF_A_LINE {
            true => format!("  {}…\n", line.chars().take(SHOWN_OF_A_LINE).collect::<String>()),
            false => format!("  {line}\n"),
        };
        if lines.len() <= SHOWN_AT_BEGINNING + SHOWN_AT_END + 1 {
            return lines.iter().map(show).collect();
        }
        let (first, rest) = lines.split_at(SHOWN_AT_BEGINNING);
        let (middle, last) = rest.split_at(rest.len() - SHOWN_AT_END);
        let between = format!("  … {} more lines\n", middle.len());
        first.iter().map(show).chain([between]).chain(last.iter().map(show)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_text() {
        let mut paste = Paste::default();
        "one\r\ntwo\rthree\n\n\tfour\x1b[31m\u{202e}".chars().for_each(|c| paste.push(c));
        assert_eq!(paste.text(), "one\ntwo\nthree\n\n    four[31m");
    }

    #[track_caller]
    fn check(text: &str, is_literal: bool, question: &str) {
        let offer = Offer { text: text.to_owned(), is_literal, is_apart: false };
        assert_eq!(offer.question(), format!("\n-- {question}"));
    }

    #[test]
    fn questions() {
        check("one\n\ntwo\n", false, "send as one message (Enter), as 2 lines (l), or not (n)?");
        check("/quit\ntwo", true, "send as one message (Enter), as 2 lines (l), or not (n)?");
        check("/msg bob one\ntwo", false, "send as one message (Enter), or not (n)?");
        let long = format!("{}\n", "x".repeat(99)).repeat(60);
        check(&long, false, "too long for one message: send as 60 lines (l), or not (n)?");
        check(&"x".repeat(5_000), false, "too long: a message has at most 4000 characters (press any key)");
    }

    #[test]
    fn a_tall_one_is_shown_in_part() {
        let text: String = (1..=60).map(|number| format!("line {number}\n")).collect();
        let offer = Offer { text, is_literal: false, is_apart: true };
        let shown: Vec<_> = offer.question().lines().map(str::to_owned).collect();
        assert_eq!(shown[1..6], ["  line 1", "  line 2", "  line 3", "  line 4", "  … 55 more lines"]);
        assert_eq!(shown[6], "  line 60");
        assert_eq!(shown.len(), 8);
    }
}
