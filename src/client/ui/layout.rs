//! Where a terminal puts what the line editor draws. It measures like the editor, which does not expose its own measuring.

use rustyline::GraphemeClusterMode;
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;

/// A position on the screen, counted from the beginning of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    pub row: usize,
    pub column: usize,
}

/// The last drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Prompt and line up to the cursor.
    pub before: String,
    /// Where the cursor is.
    pub cursor: Cell,
    /// The end of the line and of the hint behind it.
    pub end: Cell,
    pub columns: usize,
    /// Nothing follows the cursor.
    is_at_end: bool,
}

impl Drawn {
    /// A drawing on a terminal with this many columns; `before`: up to the cursor, `after`: the rest.
    pub fn new(before: String, after: &str, columns: usize) -> Drawn {
        let cursor = end_of(&before, Cell::default(), columns);
        let end = end_of(after, cursor, columns);
        Drawn { before, cursor, end, columns, is_at_end: after.is_empty() }
    }

    /// How many rows above the cursor the prompt begins, after a terminal that rewraps its lines was resized to `columns`.
    pub fn rows_above(&self, columns: usize) -> usize {
        let row = end_of(&self.before, Cell::default(), columns).row;
        // After a row that is just full, the editor moves to the next row, but the terminal does not.
        let is_full = |columns| {
            let cell = end_of(&self.before, Cell::default(), columns);
            self.is_at_end && cell.column == 0 && cell.row > 0 && !self.before.ends_with('\n')
        };
        match (is_full(self.columns), is_full(columns)) {
            (true, false) => row + 1,
            (false, true) => row - 1,
            _ => row,
        }
    }
}

/// Changes a line so that every terminal shows it as wide as it is measured. Terminals disagree on the width of emoji that
/// consist of several; here these stand side by side. `start`: the end of the prompt.
pub fn as_counted(line: &str, start: Cell, columns: usize) -> Cow<'_, str> {
    if !line.contains(is_joining) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    let mut cell = start;
    for grapheme in line.graphemes(true) {
        let before = cell;
        cell = behind(grapheme, cell, columns);
        if !grapheme.contains(is_joining) {
            shown.push_str(grapheme);
            continue;
        }
        // The editor does not split it between two rows, so the terminal must not either.
        if cell.row > before.row && cell.column > 0 {
            shown.extend(std::iter::repeat_n(' ', columns - before.column));
        }
        for c in grapheme.chars() {
            match c {
                JOINER | AS_EMOJI => {}
                tone if is_tone(tone) => shown.extend([NON_JOINER, tone]),
                c => shown.push(c),
            }
        }
    }
    Cow::Owned(shown)
}

/// The only measure that does not depend on the terminal.
pub const COUNTED: GraphemeClusterMode = GraphemeClusterMode::WcWidth;

const JOINER: char = '\u{200D}';
const NON_JOINER: char = '\u{200C}';
/// Variation selector 16.
const AS_EMOJI: char = '\u{FE0F}';

fn is_tone(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// A character that joins the one before it to one emoji in some terminals, but not in others.
fn is_joining(c: char) -> bool {
    matches!(c, JOINER | AS_EMOJI) || is_tone(c)
}

/// The end of a text that begins at `start`.
pub fn end_of(text: &str, start: Cell, columns: usize) -> Cell {
    let mut cell = start;
    for grapheme in text.graphemes(true) {
        cell = behind(grapheme, cell, columns);
    }
    if cell.column == columns {
        cell = Cell { row: cell.row + 1, column: 0 };
    }
    cell
}

fn behind(grapheme: &str, cell: Cell, columns: usize) -> Cell {
    if grapheme == "\n" {
        return Cell { row: cell.row + 1, column: 0 };
    }
    let width = usize::from(COUNTED.width(grapheme));
    match cell.column + width {
        column if column > columns => Cell { row: cell.row + 1, column: width },
        column => Cell { column, ..cell },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, columns: usize, cursor: (usize, usize), end: (usize, usize)) {
        let drawn = Drawn::new(before.to_owned(), after, columns);
        let cell = |cell: Cell| (cell.row, cell.column);
        assert_eq!((cell(drawn.cursor), cell(drawn.end)), (cursor, end), "{before:?} {after:?}");
    }

    #[test]
    fn rows_and_columns() {
        check("> abc", "", 10, (0, 5), (0, 5));
        check("> abcdefgh", "", 10, (1, 0), (1, 0));
        check("> abcdefghi", "j", 10, (1, 1), (1, 2));
        check("> one\ntwo", "\n-- hint", 10, (1, 3), (2, 7));
        check("> 日本日本", "日", 10, (1, 0), (1, 2));
        check("> 日本日a", "本", 10, (0, 9), (1, 2));
        check("> e\u{301}", "", 10, (0, 3), (0, 3));
    }

    #[track_caller]
    fn check_above(before: &str, columns: usize, now: usize, rows: usize) {
        let drawn = Drawn::new(before.to_owned(), "", columns);
        assert_eq!(drawn.rows_above(now), rows, "{before:?}");
    }

    #[test]
    fn after_a_resize() {
        let line = format!("> {}", "x".repeat(58));
        check_above(&line, 200, 40, 1);
        check_above(&line, 40, 200, 0);
        // The editor has gone on to a row of its own, which stays one.
        check_above(&line, 60, 200, 1);
        check_above(&line, 30, 60, 1);
        // There the cursor waits at the end of the full row.
        check_above(&line, 200, 60, 0);
        check_above("> one\ntwo", 40, 200, 1);
    }

    #[test]
    fn joined_emoji_are_shown_as_they_are_counted() {
        let check = |line: &str, column: usize, shown: &str| {
            let start = Cell { row: 0, column };
            assert_eq!(as_counted(line, start, 20), shown, "{line}");
            let (counted, there) = (end_of(line, start, 20), end_of(shown, start, 20));
            assert_eq!(counted, there, "{line}");
        };
        check("plain 日本 é 🇩🇪", 3, "plain 日本 é 🇩🇪");
        check("👨\u{200D}👩\u{200D}👧 x", 3, "👨👩👧 x");
        check("❤\u{FE0F}!", 3, "❤!");
        check("👍🏽", 3, "👍\u{200C}🏽");
        // It does not fit into the row.
        check("👨\u{200D}👩\u{200D}👧", 16, "    👨👩👧");
    }
}
