//! The line editor of a terminal: rustyline, with this chat's keys ([`typing`](super::typing)), its way of showing a line,
//! and its patience with terminals that change their size.

use super::gate::Gate;
use super::keys::Keys;
use super::layout::{COUNTED, Drawn, Place, as_counted, end_of};
use super::typing::{Act, Key, Typing, recalled};
use super::{Question, Typed};
use crate::client::command::Names;
use crate::client::memo::LINES;
use crate::client::screen::Above;
use crate::terminal;
use crossbeam_channel::{Receiver, Sender};
use rustyline::completion::Completer;
use rustyline::config::BellStyle;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::MemHistory;
use rustyline::line_buffer::LineBuffer;
use rustyline::validate::Validator;
use rustyline::{
    Behavior, Changeset, ColorMode, CompletionType, Config, Context, Editor, Event, EventHandler, ExternalPrinter,
    Helper,
};
use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// How long the rest of a key may take that begins with an escape, in milliseconds: until then nothing is printed.
const REST_OF_A_KEY: u16 = 50;

/// What the input thread is told by the shell.
#[derive(Debug)]
pub struct Ask {
    pub prompt: String,
    /// Lines typed before, the last one last, where they are others than so far.
    pub earlier: Option<Vec<String>>,
}

pub struct LineEditor {
    editor: Editor<Assistant, MemHistory>,
    desk: Arc<Desk>,
    /// What the history holds, to be searched.
    earlier: Vec<String>,
}

impl LineEditor {
    /// `names` brings what can be completed, the newest last.
    pub fn new(names: Receiver<Names>, question: Question) -> rustyline::Result<LineEditor> {
        let config = Config::builder()
            .behavior(Behavior::Stdio)
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            // Without it the assistant is not asked how the line looks; it colours nothing.
            .color_mode(ColorMode::Forced)
            // It is on for the whole run: what is pasted between two lines is a paste, too.
            .bracketed_paste(false)
            .bell_style(BellStyle::None)
            .keyseq_timeout(Some(REST_OF_A_KEY))
            .grapheme_cluster_mode(COUNTED)
            .max_history_size(LINES)?
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        let desk = Arc::new(Desk { names, gate: Gate::default(), work: Mutex::default() });
        editor.set_helper(Some(Assistant { desk: Arc::clone(&desk), question }));
        editor.bind_sequence(Event::Any, EventHandler::Conditional(Box::new(Keys { desk: Arc::clone(&desk) })));
        Ok(LineEditor { editor, desk, earlier: Vec::new() })
    }

    /// A way to print above the line that is being typed; `None` where the terminal can do no more than print.
    pub fn above(&mut self) -> Option<Above> {
        let mut printer = self.editor.create_external_printer().ok()?;
        let (desk, same) = (Arc::clone(&self.desk), Arc::clone(&self.desk));
        let print = move |text| desk.gate.print(text, |text| printer.print(text).is_ok());
        Some(Above { print: Box::new(print), finish: Box::new(move || same.gate.finish()) })
    }

    /// Reads a line for every prompt.
    pub fn start(mut self, asks: Receiver<Ask>, typed: Sender<Typed>) -> io::Result<()> {
        let read = move || {
            for Ask { prompt, earlier } in asks {
                if let Some(earlier) = earlier {
                    self.recall(earlier);
                }
                if typed.send(self.read(&prompt)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".to_owned()).spawn(read).map(drop)
    }

    fn recall(&mut self, earlier: Vec<String>) {
        // It cannot fail: it is a list in memory.
        let _ = self.editor.clear_history();
        earlier.iter().for_each(|line| drop(self.editor.add_history_entry(line)));
        self.earlier = earlier;
    }

    fn read(&mut self, prompt: &str) -> Typed {
        self.desk.begin(prompt, self.earlier.clone());
        let mut line = self.editor.readline(prompt);
        // Bytes that are no text end no chat.
        while let Err(ReadlineError::Io(error)) = &line
            && error.kind() == io::ErrorKind::InvalidData
        {
            let so_far = self.desk.goes_on();
            line = self.editor.readline_with_initial(prompt, (&so_far, ""));
        }
        self.desk.gate.reads(false);
        let typed = match line {
            Ok(line) => self.desk.accepted().unwrap_or(Typed::Line(line)),
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            // A terminal that fails is one that is gone.
            Err(_) => Typed::End,
        };
        if let Some(line) = recalled(&typed)
            && self.earlier.last() != Some(&line)
        {
            let _ = self.editor.add_history_entry(&line);
            self.earlier.push(line);
            let excess = self.earlier.len().saturating_sub(LINES);
            self.earlier.drain(..excess);
        }
        typed
    }
}

/// What keys and drawing share: all of it is the input thread's, but the gate.
pub struct Desk {
    names: Receiver<Names>,
    gate: Gate,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    typing: Typing,
    prompt: String,
    /// The line as it was drawn last.
    line: String,
    drawn: Option<Drawn>,
    /// What the completion is to put in the place of the line, and where its cursor goes.
    put: Option<(String, usize)>,
    /// What the line has become.
    accepted: Option<Typed>,
    /// It is drawn for the last time.
    is_last: bool,
}

impl Desk {
    pub fn press(&self, key: Key, line: &str, cursor: usize) -> Act {
        terminal::wait_if_over();
        let mut work = self.work();
        if matches!(key, Key::Tab | Key::BackTab)
            && let Some(names) = self.names.try_iter().last()
        {
            work.typing.knows(names);
        }
        let Work { typing, prompt, .. } = &mut *work;
        typing.press(key, line, cursor, |line| {
            let (columns, rows) = terminal::size();
            Drawn::new(format!("{prompt}{line}"), "", columns).end.row >= rows / 2
        })
    }

    pub fn put(&self, line: String, cursor: usize) {
        self.work().put = Some((line, cursor));
    }

    pub fn accept(&self, typed: Typed) {
        self.work().accepted = Some(typed);
    }

    /// The shell has printed below the line, which is gone: makes room for what the editor clears before it draws.
    pub fn is_back_from_the_shell(&self) {
        let mut work = self.work();
        if let Some(drawn) = &mut work.drawn {
            make_room(drawn);
            let columns = terminal::columns();
            if std::mem::replace(&mut drawn.columns, columns) != columns {
                // The editor learns of it at once, too.
                // SAFETY: it takes a plain number.
                unsafe { libc::raise(libc::SIGWINCH) };
            }
        }
    }

    fn begin(&self, prompt: &str, earlier: Vec<String>) {
        let mut work = self.work();
        let mut typing = std::mem::take(&mut work.typing);
        typing.begin(earlier);
        *work = Work { typing, prompt: prompt.to_owned(), ..Work::default() };
    }

    /// The same line is read on, where it was; this is what it was.
    fn goes_on(&self) -> String {
        let mut work = self.work();
        if let Some(drawn) = work.drawn.take() {
            // The editor has ended it with a line break.
            terminal::write(&format!("\x1b[{}A\r\x1b[J", drawn.cursor.row + 1));
        }
        work.line.clone()
    }

    fn accepted(&self) -> Option<Typed> {
        self.work().accepted.take()
    }

    /// Where the terminal has wrapped the line anew, which the editor does not know: takes the line away, and leads the
    /// cursor to where the editor thinks it is.
    fn look_at_the_size(&self) {
        let mut work = self.work();
        let columns = terminal::columns();
        let Some(drawn) = work.drawn.take().filter(|drawn| drawn.columns != columns && wraps_anew()) else { return };
        match drawn.rows_above(columns) {
            0 => terminal::write("\r\x1b[J"),
            rows => terminal::write(&format!("\x1b[{rows}A\r\x1b[J")),
        }
        make_room(&drawn);
    }

    /// Nothing that is done under the lock panics.
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// From the first row of a line that is gone to where the editor has left the cursor, with all its rows there.
fn make_room(drawn: &Drawn) {
    let (rows, up) = (drawn.end.row, drawn.end.row.saturating_sub(drawn.cursor.row));
    if rows > 0 {
        terminal::write(&"\n".repeat(rows));
    }
    if up > 0 {
        terminal::write(&format!("\x1b[{up}A"));
    }
}

/// Most terminals do; these say that they are others.
fn wraps_anew() -> bool {
    std::env::var_os("XTERM_VERSION").is_none() && std::env::var_os("TERM").is_none_or(|term| term != "linux")
}

/// What the line editor asks while a line is typed.
struct Assistant {
    desk: Arc<Desk>,
    question: Question,
}

/// It is only shown.
struct Shown(String);

impl Hint for Shown {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Helper for Assistant {}
impl Validator for Assistant {}

impl Hinter for Assistant {
    type Hint = Shown;

    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<Shown> {
        self.desk.work().typing.hint().map(Shown)
    }
}

/// Completes nothing by itself: the keys have said what the line is to be.
impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, _: &str, _: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, vec![String::new()]))
    }

    fn update(&self, line: &mut LineBuffer, _: usize, _: &str, changes: &mut Changeset) {
        if let Some((text, cursor)) = self.desk.work().put.take() {
            line.update(&text, cursor, changes);
        }
    }
}

/// Takes an accepted line from the screen, since the message it becomes is printed in its place: when the editor draws
/// the line for the last time, with the cursor at its end, nothing is drawn, one row higher; the line break that the
/// editor ends with leads back to where the line was.
impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, cursor: usize) -> Cow<'l, str> {
        terminal::wait_if_over();
        self.desk.gate.draws();
        let mut work = self.desk.work();
        let (before, after) = line.split_at_checked(cursor).unwrap_or((line, ""));
        let hint = work.typing.hint().unwrap_or_default();
        let before = format!("{}{before}", work.prompt);
        let drawn = Drawn::new(before, &format!("{after}{hint}"), terminal::columns());
        if work.is_last {
            work.drawn = None;
            terminal::line_is_drawn(0);
            // Behind a row that is full it goes on to the next by itself.
            let is_full = drawn.end.row > 0 && drawn.end.column == 0 && !line.ends_with('\n');
            return Cow::Borrowed(if is_full { "\x1b[2A" } else { "\x1b[A" });
        }
        terminal::line_is_drawn(u16::try_from(drawn.cursor.row).unwrap_or(u16::MAX));
        line.clone_into(&mut work.line);
        work.drawn = Some(drawn);
        let columns = terminal::columns();
        as_counted(line, end_of(&work.prompt, Place::default(), columns), columns)
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        match self.desk.work().is_last {
            true => Cow::Borrowed(""),
            false => self.question.instead_of(prompt),
        }
    }

    /// Called before each drawing that is about a key, or about another size.
    fn highlight_char(&self, line: &str, cursor: usize, kind: CmdKind) -> bool {
        let is_last = kind == CmdKind::ForcedRefresh && cursor == line.len();
        self.desk.work().is_last = is_last;
        self.desk.gate.is_about_to_redraw();
        self.desk.gate.reads(!is_last);
        self.desk.look_at_the_size();
        // Only an editor that highlights draws an accepted line once more.
        true
    }
}
