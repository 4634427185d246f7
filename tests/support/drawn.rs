//! What a terminal shows of the bytes printed to it: a terminal emulator that never reflows, like xterm.

use std::num::NonZeroU16;

use vt100::Parser;

/// How many lines above the screen are kept.
const SCROLLBACK: usize = 100_000;

pub struct Drawn {
    parser: Parser,
    raw: Vec<u8>,
}

impl Drawn {
    pub fn new(columns: u16, rows: u16) -> Drawn {
        Drawn { parser: Parser::new(size(rows), size(columns), SCROLLBACK), raw: Vec::new() }
    }

    pub fn print(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.raw.extend_from_slice(bytes);
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.set_size(size(rows), size(columns));
    }

    /// Every byte that was printed.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Column and row, from 0.
    pub fn cursor(&self) -> (u16, u16) {
        let (row, column) = self.parser.screen().cursor_position();
        (column, row)
    }

    /// The line with the cursor, without trailing blanks.
    pub fn cursor_line(&self) -> String {
        let (_, row) = self.cursor();
        self.parser.screen().rows(0, self.columns()).nth(usize::from(row)).map(trimmed).unwrap_or_default()
    }

    /// The screen's lines, without trailing blanks, down to the last one that is not empty.
    pub fn screen(&self) -> Vec<String> {
        self.parser.screen().rows(0, self.columns()).map(trimmed).collect::<Vec<_>>().into_trimmed()
    }

    /// Like `screen`, with everything above it that has scrolled off.
    pub fn scrollback_and_screen(&mut self) -> Vec<String> {
        let above = self.parser.screen().scrollback_len();
        let columns = self.columns();
        let mut lines = Vec::new();
        for offset in (1..=above).rev() {
            self.parser.screen_mut().set_scrollback(offset);
            lines.extend(self.parser.screen().rows(0, columns).next().map(trimmed));
        }
        self.parser.screen_mut().set_scrollback(0);
        lines.extend(self.screen());
        lines
    }

    pub fn emulator(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    fn columns(&self) -> u16 {
        self.parser.screen().size().1.get()
    }
}

fn size(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).expect("a terminal has rows and columns")
}

fn trimmed(line: String) -> String {
    line.trim_end().to_owned()
}

trait Trimmed {
    fn into_trimmed(self) -> Self;
}

impl Trimmed for Vec<String> {
    fn into_trimmed(mut self) -> Vec<String> {
        while self.last().is_some_and(String::is_empty) {
            self.pop();
        }
        self
    }
}
