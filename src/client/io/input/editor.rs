//! The line editor: rustyline with the keys of this chat, its way to show a line, and support for terminals that are
//! resized.

use super::desk::Desk;
use super::keys::Keys;
use super::{Question, Typed};
use crate::client::core::command::{Names, TypedLine};
use crate::client::core::memo::LINES;
use crate::client::core::session::Prompt;
use crate::client::io::screen::Above;
use crate::client::ui::layout::{COUNTED, Cell, Drawn, as_counted, end_of};
use crate::protocol::Nick;
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
use std::sync::Arc;
use std::thread;

/// How long the rest of a key that begins with an escape may take, in milliseconds. Nothing is printed meanwhile.
const REST_OF_A_KEY: u16 = 50;

pub struct LineEditor {
    editor: Editor<Assistant, MemHistory>,
    desk: Arc<Desk>,
}

impl LineEditor {
    /// `names` receives what can be completed, `correspondents` whom `/reply` answers.
    pub fn new(
        names: Receiver<Names>,
        correspondents: Receiver<Nick>,
        question: Question,
    ) -> rustyline::Result<LineEditor> {
        let config = Config::builder()
            .behavior(Behavior::Stdio)
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            // Required for the assistant to be asked how the line looks; it adds no colours.
            .color_mode(ColorMode::Forced)
            // The program turns it on for the whole run, so that text pasted between two lines is a paste too.
            .bracketed_paste(false)
            .bell_style(BellStyle::None)
            .keyseq_timeout(Some(REST_OF_A_KEY))
            .grapheme_cluster_mode(COUNTED)
            .max_history_size(LINES)?
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        let desk = Arc::new(Desk::new(names, correspondents));
        editor.set_helper(Some(Assistant { desk: Arc::clone(&desk), question }));
        editor.bind_sequence(Event::Any, EventHandler::Conditional(Box::new(Keys { desk: Arc::clone(&desk) })));
        Ok(LineEditor { editor, desk })
    }

    /// A way to print above the line being typed; `None` if the terminal can only print.
    pub fn above(&mut self) -> Option<Above> {
        let mut printer = self.editor.create_external_printer().ok()?;
        let (desk, same) = (Arc::clone(&self.desk), Arc::clone(&self.desk));
        let print =
            move |text| desk.gate.print(text, |text| printer.print(text).is_ok(), |text| desk.print_around(text));
        Some(Above { print: Box::new(print), finish: Box::new(move || same.gate.finish()) })
    }

    /// Starts the thread, which reads a line for every prompt.
    pub fn start(mut self, prompts: Receiver<Prompt>, typed: Sender<Typed>) -> io::Result<()> {
        let read = move || {
            for Prompt { text, earlier } in prompts {
                if let Some(earlier) = earlier {
                    self.recall(earlier);
                }
                if typed.send(self.read(&text)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".to_owned()).spawn(read).map(drop)
    }

    fn recall(&mut self, earlier: Vec<String>) {
        // Cannot fail: it is a list in memory.
        let _ = self.editor.clear_history();
        earlier.iter().for_each(|line| drop(self.editor.add_history_entry(line)));
        self.desk.work().typing.recall(earlier);
    }

    fn read(&mut self, prompt: &str) -> Typed {
        self.desk.begin(prompt);
        let mut line = self.editor.readline(prompt);
        // Bytes that are no text must not end the chat.
        while let Err(ReadlineError::Io(error)) = &line
            && error.kind() == io::ErrorKind::InvalidData
        {
            let so_far = self.desk.goes_on();
            line = self.editor.readline_with_initial(prompt, (&so_far, ""));
        }
        self.desk.gate.reads(false);
        let mut typed = match line {
            Ok(line) => self.desk.work().accepted.take().unwrap_or_else(|| Typed::Line(TypedLine::parse(&line))),
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            // If the terminal fails, it is gone.
            Err(_) => Typed::End,
        };
        let mut work = self.desk.work();
        if let Typed::Line(line) = &mut typed {
            line.is_unasked = !work.typing.is_answer();
        }
        if let Some(line) = work.typing.is_done(&typed) {
            let _ = self.editor.add_history_entry(&line);
        }
        typed
    }
}

/// What the line editor asks while a line is typed.
struct Assistant {
    desk: Arc<Desk>,
    question: Question,
}

/// A hint that is only shown, never completed.
struct ShownHint(String);

impl Hint for ShownHint {
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
    type Hint = ShownHint;

    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<ShownHint> {
        self.desk.work().typing.hint().map(ShownHint)
    }
}

/// Completes nothing by itself: it sets the line that a key asked for.
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

/// Removes an accepted line from the screen, because its message is printed in its place. When the editor draws the line
/// for the last time, with the cursor at its end, this draws nothing, one row higher; the editor's final line break leads
/// back to where the line was.
impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, cursor: usize) -> Cow<'l, str> {
        terminal::wait_if_over();
        self.desk.gate.draws();
        let mut work = self.desk.work();
        let (before, after) = line.split_at_checked(cursor).unwrap_or((line, ""));
        let hint = work.typing.hint().unwrap_or_default();
        let columns = terminal::columns();
        let before = format!("{}{before}", work.prompt);
        let drawn = Drawn::new(before, &format!("{after}{hint}"), columns);
        if work.is_last {
            work.drawn = None;
            terminal::line_is_drawn(0);
            // After a full row, the editor moves to the next row by itself.
            let is_full = drawn.end.row > 0 && drawn.end.column == 0 && !line.ends_with('\n');
            return Cow::Borrowed(if is_full { "\x1b[2A" } else { "\x1b[A" });
        }
        terminal::line_is_drawn(u16::try_from(drawn.cursor.row).unwrap_or(u16::MAX));
        line.clone_into(&mut work.line);
        work.drawn = Some(drawn);
        let line = as_counted(line, end_of(&work.prompt, Cell::default(), columns), columns);
        work.shown = format!("{}{line}{hint}", work.prompt);
        line
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, is_usual: bool) -> Cow<'b, str> {
        // Another prompt asks for the rest of a number and accepts nothing else.
        self.desk.gate.is_deaf(!is_usual);
        let mut work = self.desk.work();
        if work.is_last {
            return Cow::Borrowed("");
        }
        let asks = work.typing.shows_question(self.question.is_asked());
        let shown = if asks && is_usual { Question::instead_of(prompt) } else { Cow::Borrowed(prompt) };
        shown.as_ref().clone_into(&mut work.prompt);
        shown
    }

    /// Called before each drawing that a key or a resize causes.
    fn highlight_char(&self, line: &str, cursor: usize, kind: CmdKind) -> bool {
        let is_last = kind == CmdKind::ForcedRefresh && cursor == line.len();
        {
            let mut work = self.desk.work();
            work.is_last = is_last;
            work.typing.holds(line);
        }
        self.desk.gate.is_about_to_redraw();
        self.desk.gate.reads(!is_last);
        self.desk.look_at_the_size();
        // Only an editor that highlights draws an accepted line again.
        true
    }
}
