//! Pure: where a terminal puts what the line editor draws. It counts as the editor does, which keeps that to itself.

use rustyline::GraphemeClusterMode;
use unicode_segmentation::UnicodeSegmentation;

/// A place on the screen, counted from where the prompt begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub row: usize,
    pub column: usize,
}

/// What was drawn last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Prompt and line up to the cursor.
    pub before: String,
    /// Where the cursor is.
    pub cursor: Place,
    /// The end of the line and of what is hinted behind it.
    pub end: Place,
    pub columns: usize,
    /// There is nothing behind the cursor.
    is_at_end: bool,
}

impl Drawn {
    /// What is drawn on a terminal of so many columns; `before`: up to the cursor, `after`: the rest.
    pub fn new(before: String, after: &str, columns: usize, mode: GraphemeClusterMode) -> Drawn {
        let cursor = end_of(&before, Place::default(), columns, mode);
        let end = end_of(after, cursor, columns, mode);
        Drawn { before, cursor, end, columns, is_at_end: after.is_empty() }
    }

    /// How many rows above the cursor the prompt begins, after a terminal that wraps its lines anew has become so wide.
    pub fn rows_above(&self, columns: usize, mode: GraphemeClusterMode) -> usize {
        let row = end_of(&self.before, Place::default(), columns, mode).row;
        // Behind a row that is just full the editor itself goes on to the next, and the terminal does not.
        let is_full = |columns| {
            let place = end_of(&self.before, Place::default(), columns, mode);
            self.is_at_end && place.column == 0 && place.row > 0 && !self.before.ends_with('\n')
        };
        match (is_full(self.columns), is_full(columns)) {
            (true, false) => row + 1,
            (false, true) => row - 1,
            _ => row,
        }
    }
}

/// Where a text ends that begins at `start`.
fn end_of(text: &str, start: Place, columns: usize, mode: GraphemeClusterMode) -> Place {
    let mut place = start;
    for grapheme in text.graphemes(true) {
        if grapheme == "\n" {
            place = Place { row: place.row + 1, column: 0 };
            continue;
        }
        let width = usize::from(mode.width(grapheme));
        place.column += width;
        if place.column > columns {
            place = Place { row: place.row + 1, column: width };
        }
    }
    if place.column == columns {
        place = Place { row: place.row + 1, column: 0 };
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: GraphemeClusterMode = GraphemeClusterMode::WcWidth;

    #[track_caller]
    fn check(before: &str, after: &str, columns: usize, cursor: (usize, usize), end: (usize, usize)) {
        let drawn = Drawn::new(before.to_owned(), after, columns, MODE);
        let place = |place: Place| (place.row, place.column);
        assert_eq!((place(drawn.cursor), place(drawn.end)), (cursor, end), "{before:?} {after:?}");
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
        let drawn = Drawn::new(before.to_owned(), "", columns, MODE);
        assert_eq!(drawn.rows_above(now, MODE), rows, "{before:?}");
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
}
