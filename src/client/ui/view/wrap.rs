//! Wraps a text to the terminal's width, between words, and indents all lines but the first. Addresses stay whole, so that
//! they can be clicked and copied.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// If fewer cells are left in a line, a word that must be broken anyway starts on the next line.
const TOO_LITTLE: usize = 8;
/// Wide characters that must not begin a line: they close a sentence or a bracket.
const CLOSING: &str = "、。，．！？：；」』）】〕〉》ー";

/// Wraps `text` after something that takes `head` cells. All lines but the first begin with `indent` blanks. Trailing line
/// breaks are removed.
pub fn wrap(text: &str, head: usize, indent: usize, columns: usize) -> String {
    let columns = columns.max(2);
    let indent = if indent + TOO_LITTLE > columns { 0 } else { indent };
    let out = String::with_capacity(text.len() + text.len() / 8);
    let mut layout = Layout { out, at: head % columns, indent, columns };
    for (number, line) in text.trim_end_matches('\n').split('\n').enumerate() {
        if number > 0 {
            layout.break_line();
        }
        layout.line(line);
    }
    layout.out
}

struct Layout {
    out: String,
    /// The column of the next character.
    at: usize,
    indent: usize,
    columns: usize,
}

impl Layout {
    fn line(&mut self, line: &str) {
        let mut rest = line;
        while !rest.is_empty() {
            let (blanks, after) = split(rest, |c| c != ' ');
            let (word, after) = split(after, |c| c == ' ');
            rest = after;
            if word.is_empty() {
                // Trailing blanks are invisible.
                return;
            }
            if is_address(word) {
                self.place(blanks, word, true);
                continue;
            }
            let mut before = blanks;
            each_piece(word, |piece| self.place(std::mem::take(&mut before), piece, false));
        }
    }

    fn place(&mut self, blanks: &str, piece: &str, whole: bool) {
        let (gap, width) = (blanks.len(), piece.width());
        if self.at + gap + width <= self.columns {
            self.push(blanks, gap);
            self.push(piece, width);
        } else if whole || self.indent + width <= self.columns {
            if self.at > self.indent {
                self.break_line();
            }
            self.push(piece, width);
            // If it is too long, the terminal breaks it; nothing follows in its last line.
            self.at = self.at.min(self.columns);
        } else {
            match self.at + gap + TOO_LITTLE > self.columns {
                true => self.break_line(),
                false => self.push(blanks, gap),
            }
            for grapheme in piece.graphemes(true) {
                let width = grapheme.width();
                if self.at + width > self.columns {
                    self.break_line();
                }
                self.push(grapheme, width);
            }
        }
    }

    fn push(&mut self, text: &str, width: usize) {
        self.out.push_str(text);
        self.at += width;
    }

    fn break_line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', self.indent));
        self.at = self.indent;
    }
}

/// Splits before the first character that `ends`.
fn split(text: &str, ends: impl FnMut(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn is_address(word: &str) -> bool {
    word.contains("://") || word.starts_with("www.") || word.starts_with("mailto:")
}

/// The unbreakable pieces of a word: scripts with wide characters put no blanks between words.
fn each_piece<'a>(word: &'a str, mut piece: impl FnMut(&'a str)) {
    if word.is_ascii() {
        return piece(word);
    }
    let mut from = 0;
    let mut was_wide = false;
    for (at, grapheme) in word.grapheme_indices(true) {
        let is_wide = grapheme.width() > 1;
        if at > from && (is_wide || was_wide) && !CLOSING.contains(grapheme) {
            piece(&word[from..at]);
            from = at;
        }
        was_wide = is_wide;
    }
    piece(&word[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, columns: usize, expected: &str) {
        assert_eq!(wrap(text, 4, 4, columns), expected);
    }

    #[test]
    fn between_words() {
        check("short", 20, "short");
        check("sixteen cells are", 21, "sixteen cells are");
        check("sixteen cells are", 20, "sixteen cells\n    are");
        check("a  b   c", 20, "a  b   c");
        check("two\n  lines\n", 20, "two\n      lines");
        check("a\n\nb", 20, "a\n    \n    b");
        check("", 20, "");
    }

    #[test]
    fn words_longer_than_a_line_are_broken() {
        check("0123456789abcdefghijklmnop", 20, "0123456789abcdef\n    ghijklmnop");
        check("in 0123456789abcdefghijklmnop", 20, "in 0123456789abc\n    defghijklmnop");
        check("at the end 0123456789abcdefghi", 20, "at the end\n    0123456789abcdef\n    ghi");
    }

    #[test]
    fn addresses_stay_whole() {
        let long = "https://example.org/a/very/long/path";
        check(&format!("see {long} there"), 20, &format!("see\n    {long}\n    there"));
        check(long, 20, long);
        check("see www.example.org", 20, "see\n    www.example.org");
    }

    #[test]
    fn wide_characters() {
        check("日本語の文章です。", 16, "日本語の文章\n    です。");
        // A full stop begins no line.
        check("日本語の文章。", 16, "日本語の文\n    章。");
        check("日本 ok語", 12, "日本 ok\n    語");
        check("👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 12, "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦\n    👨‍👩‍👧‍👦");
    }

    #[test]
    fn narrow_terminals() {
        assert_eq!(wrap("narrow", 6, 6, 10), "\nnarrow");
        assert_eq!(wrap("日本", 0, 0, 1), "日\n本");
        assert_eq!(wrap("x", 100, 6, 40), "x");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_everything_fits(text in "[a-z 日é\n]{0,200}", columns in 12usize..100, head in 0usize..30) {
            let wrapped = wrap(&text, head, 4, columns);
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&wrapped), letters(&text));
            for (number, line) in wrapped.lines().enumerate() {
                let before = if number == 0 { head % columns } else { 0 };
                prop_assert!(before + line.width() <= columns, "{:?}", wrapped);
            }
        }
    }
}
