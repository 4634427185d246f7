//! The state that the line editor's keys and its drawing share.

use super::gate::PrintGate;
use crate::client::core::command::Names;
use crate::client::ui::layout::Drawn;
use crate::client::ui::typing::{Act, Key, Typed, Typing};
use crate::protocol::Nick;
use crate::terminal;
use crossbeam_channel::Receiver;
use std::sync::{Mutex, MutexGuard};

/// Used by the input thread only, except for the gate.
pub struct Desk {
    names: Receiver<Names>,
    /// The senders of the direct messages on the screen.
    correspondents: Receiver<Nick>,
    pub gate: PrintGate,
    work: Mutex<Work>,
}

#[derive(Default)]
pub struct Work {
    pub typing: Typing,
    pub prompt: String,
    /// Prompt, line and hint as they are on the screen.
    pub shown: String,
    /// The line as last drawn.
    pub line: String,
    pub drawn: Option<Drawn>,
    /// The line that the completion must set, and its cursor.
    pub put: Option<(String, usize)>,
    /// The accepted line.
    pub accepted: Option<Typed>,
    /// The line is being drawn for the last time.
    pub is_last: bool,
}

impl Desk {
    pub fn new(names: Receiver<Names>, correspondents: Receiver<Nick>) -> Desk {
        Desk { names, correspondents, gate: PrintGate::default(), work: Mutex::default() }
    }

    pub fn press(&self, key: Key, line: &str, cursor: usize) -> Act {
        terminal::wait_if_over();
        let mut work = self.work();
        if matches!(key, Key::Tab | Key::BackTab)
            && let Some(names) = self.names.try_iter().last()
        {
            work.typing.knows(names);
        }
        if let Some(correspondent) = self.correspondents.try_iter().last() {
            work.typing.is_written_to_by(correspondent);
        }
        let Work { typing, prompt, .. } = &mut *work;
        typing.press(key, line, cursor, |line| {
            let (columns, rows) = terminal::size();
            Drawn::new(format!("{prompt}{line}"), "", columns).end.row >= rows / 2
        })
    }

    /// Prints a text above the line and redraws the line below, without the editor. `false`: the terminal is gone.
    pub fn print_around(&self, text: &str) -> bool {
        let work = self.work();
        let (shown, Drawn { cursor, end, .. }) = match &work.drawn {
            Some(drawn) => (&*work.shown, drawn.clone()),
            None => ("", Drawn::new(String::new(), "", terminal::columns())),
        };
        let right = if cursor.column > 0 { format!("\x1b[{}C", cursor.column) } else { String::new() };
        // After a full row, the cursor moves to the next row only with the next character.
        let next = if end.row > 0 && end.column == 0 && !shown.ends_with('\n') { "\n" } else { "" };
        let (clear, back) = (up(cursor.row), up(end.row - cursor.row));
        terminal::write(&format!("{clear}\r\x1b[J{text}{shown}{next}{back}\r{right}"))
    }

    /// The user's shell has printed over the line: makes room for what the editor clears before it draws.
    pub fn is_back_from_the_shell(&self) {
        let mut work = self.work();
        if let Some(drawn) = &mut work.drawn {
            make_room(drawn);
            let columns = terminal::columns();
            if std::mem::replace(&mut drawn.columns, columns) != columns {
                // Tells the editor at once.
                // SAFETY: it takes a plain number.
                unsafe { libc::raise(libc::SIGWINCH) };
            }
        }
    }

    pub fn begin(&self, prompt: &str) {
        let mut work = self.work();
        let mut typing = std::mem::take(&mut work.typing);
        typing.begin();
        *work = Work { typing, prompt: prompt.to_owned(), ..Work::default() };
    }

    /// Continues with the same line in its place; returns it.
    pub fn goes_on(&self) -> String {
        let mut work = self.work();
        if let Some(drawn) = work.drawn.take() {
            // The editor has ended it with a line break.
            terminal::write(&format!("\x1b[{}A\r\x1b[J", drawn.cursor.row + 1));
        }
        work.line.clone()
    }

    /// If the terminal has rewrapped the line, which the editor does not notice: removes the line and moves the cursor to
    /// where the editor expects it.
    pub fn look_at_the_size(&self) {
        let mut work = self.work();
        let columns = terminal::columns();
        let Some(drawn) = work.drawn.take().filter(|drawn| drawn.columns != columns && wraps_anew()) else { return };
        terminal::write(&format!("{}\r\x1b[J", up(drawn.rows_above(columns))));
        make_room(&drawn);
    }

    /// Nothing under the lock panics.
    pub fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Moves from the first row of a removed line to where the editor left the cursor, with all rows available.
fn make_room(drawn: &Drawn) {
    let rows = drawn.end.row;
    terminal::write(&format!("{}{}", "\n".repeat(rows), up(rows.saturating_sub(drawn.cursor.row))));
}

/// Moves the cursor up.
fn up(rows: usize) -> String {
    if rows > 0 { format!("\x1b[{rows}A") } else { String::new() }
}

/// Whether the terminal rewraps lines when it is resized; most do, except for these.
fn wraps_anew() -> bool {
    std::env::var_os("XTERM_VERSION").is_none() && std::env::var_os("TERM").is_none_or(|term| term != "linux")
}
