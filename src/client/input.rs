//! The "input" thread: lines typed on a terminal, or lines of a pipe. The shell starts it. It waits for the shell at every
//! line: at the terminal for the next prompt, in a pipe for a place in the channel.
//!
//! It is not joined: nothing ends a read of standard input but its writer. The terminal is put back by the shell.

mod question;

use super::command::{self, Names};
use super::screen::Above;
use crossbeam_channel::{Receiver, Sender};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Behavior, ColorMode, CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};
use std::thread;

pub use question::Question;

/// Bytes of a piped line; a longer one is no message.
const LINE_BYTES: u64 = 64 * 1024;
/// Lines typed that are remembered for the arrow keys.
const HISTORY: usize = 500;

/// What the input brings.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    Line(String),
    /// A piped line longer than [`LINE_BYTES`], passed over.
    TooLong,
    /// Ctrl-C.
    Interrupt,
    End,
}

/// The line editor of a terminal.
pub struct LineEditor {
    editor: Editor<Assistant, MemHistory>,
}

impl LineEditor {
    /// `names` brings what can be completed, the newest last.
    pub fn new(names: Receiver<Names>, question: Question) -> rustyline::Result<LineEditor> {
        let config = Config::builder()
            .behavior(Behavior::Stdio)
            .auto_add_history(true)
            .completion_type(CompletionType::List)
            // Without it the assistant is not asked how the line looks; it colours nothing.
            .color_mode(ColorMode::Forced)
            .bracketed_paste(true)
            .max_history_size(HISTORY)?
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        editor.set_helper(Some(Assistant { names, known: RefCell::default(), accepted: Cell::new(false), question }));
        Ok(LineEditor { editor })
    }

    /// A way to print above the line that is being typed; `None` where the terminal can do no more than print.
    pub fn above(&mut self) -> Option<Above> {
        let mut printer = self.editor.create_external_printer().ok()?;
        Some(Box::new(move |text| printer.print(text).is_ok()))
    }

    /// Reads a line for every prompt.
    pub fn start(mut self, prompts: Receiver<String>, typed: Sender<Typed>) -> io::Result<()> {
        let read = move || {
            for prompt in prompts {
                if let Some(assistant) = self.editor.helper() {
                    assistant.accepted.set(false);
                }
                let line = match self.editor.readline(&prompt) {
                    Ok(line) => Typed::Line(line),
                    Err(ReadlineError::Interrupted) => Typed::Interrupt,
                    // A terminal that fails is one that is gone.
                    Err(_) => Typed::End,
                };
                if typed.send(line).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".to_owned()).spawn(read).map(drop)
    }
}

/// Reads standard input line by line, no further ahead than `typed` has room.
pub fn start_pipe(typed: Sender<Typed>) -> io::Result<()> {
    let read = move || {
        let mut input = io::stdin().lock();
        // A read error is the end of the input like any other.
        while let Ok(Some(line)) = read_line(&mut input) {
            if typed.send(line).is_err() {
                return;
            }
        }
        let _ = typed.send(Typed::End);
    };
    thread::Builder::new().name("input".to_owned()).spawn(read).map(drop)
}

/// `None` at the end. Bytes that are no UTF-8 are replaced.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Typed>> {
    let mut line = Vec::new();
    if input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\n") && line.len() as u64 == LINE_BYTES {
        input.skip_until(b'\n')?;
        return Ok(Some(Typed::TooLong));
    }
    let text = String::from_utf8_lossy(&line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(Typed::Line(text.strip_suffix('\r').unwrap_or(text).to_owned())))
}

/// What the line editor asks while a line is typed.
struct Assistant {
    names: Receiver<Names>,
    known: RefCell<Names>,
    /// Enter was pressed.
    accepted: Cell<bool>,
    question: Question,
}

impl Helper for Assistant {}
impl Validator for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        if let Some(names) = self.names.try_iter().last() {
            self.known.replace(names);
        }
        Ok(command::complete(line, pos, &self.known.borrow()))
    }
}

/// Takes an accepted line from the screen, since the message it becomes is printed in its place: when the editor draws
/// the line for the last time, with the cursor at its end, nothing is drawn, one row higher; the line break that the
/// editor ends with leads back to where the line was.
impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        match self.accepted.get() && pos == line.len() {
            true => Cow::Borrowed("\x1b[A"),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        match self.accepted.get() {
            true => Cow::Borrowed(""),
            false => self.question.instead_of(prompt),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.accepted.set(kind == CmdKind::ForcedRefresh);
        // Only an editor that highlights draws an accepted line once more.
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut input: &[u8], expected: &[Typed]) {
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, expected);
    }

    #[test]
    fn piped_lines() {
        let line = |text: &str| Typed::Line(text.to_owned());
        check(b"", &[]);
        check(b"a\nb\r\n\nc", &[line("a"), line("b"), line(""), line("c")]);
        check(b"\xff\n", &[line("\u{fffd}")]);
        let long = [vec![b'x'; 200_000], b"\nb\n".to_vec()].concat();
        check(&long, &[Typed::TooLong, line("b")]);
    }
}
