//! Typed or piped input: the input thread, its terminal, and the state that the line editor gets.

use crate::client::app::start::{Refusal, has_input};
use crate::client::core::command::Names;
use crate::client::core::session::{Mode, Prompt};
use crate::client::io::input::{self, LineEditor, Question};
use crate::client::io::screen::Above;
use crate::client::ui::typing::Typed;
use crate::protocol::Nick;
use crate::signals;
use crate::terminal::{self, Terminal};
use crossbeam_channel::{Receiver, Sender, bounded, never};
use std::fmt::Display;

/// The most piped lines that wait for the conversation.
const INPUT_BACKLOG: usize = 64;

pub struct Keyboard {
    typed: Receiver<Typed>,
    editor: Option<Editor>,
    /// Restored when dropped.
    _terminal: Option<Terminal>,
}

/// The channels to the line editor.
struct Editor {
    prompts: Sender<Prompt>,
    /// Replaces the current prompt.
    question: Question,
    /// The names to complete.
    names: Latest<Names>,
    /// The sender of the last direct message on the screen.
    correspondents: Latest<Nick>,
}

/// A channel in which the newest value replaces one that was not taken.
#[derive(Clone)]
struct Latest<T>(Sender<T>, Receiver<T>);

impl<T> Latest<T> {
    fn new() -> Latest<T> {
        let (sender, receiver) = bounded(1);
        Latest(sender, receiver)
    }

    fn put(&self, value: T) {
        let _ = self.1.try_recv();
        let _ = self.0.try_send(value);
    }
}

impl Keyboard {
    /// Input from a terminal. Also returns a way to print above the line being typed, if there is one.
    pub fn at_terminal(mut terminal: Option<Terminal>) -> Result<(Keyboard, Option<Above>), Refusal> {
        let (to_typed, typed) = bounded(INPUT_BACKLOG);
        let (prompts, prompted) = bounded(1);
        let editor =
            Editor { prompts, question: Question::default(), names: Latest::new(), correspondents: Latest::new() };
        let (names, correspondents) = (editor.names.1.clone(), editor.correspondents.1.clone());
        let line_editor = LineEditor::new(names, correspondents, editor.question.clone());
        let mut line_editor =
            line_editor.map_err(|error| Refusal::Usage(format!("cannot use the terminal: {error}")))?;
        let above = line_editor.above();
        if above.is_some() {
            terminal.iter_mut().for_each(Terminal::take_over);
            signals::on_continue(terminal::resume).map_err(|error| broken("signals", error))?;
        }
        line_editor.start(prompted, to_typed).map_err(|error| broken("input", error))?;
        Ok((Keyboard { typed, editor: Some(editor), _terminal: terminal }, above))
    }

    /// Input from a pipe. In a mode without input, it ends at once.
    pub fn at_pipe(mode: Mode) -> Result<Keyboard, Refusal> {
        let (to_typed, typed) = bounded(INPUT_BACKLOG);
        input::start_pipe(to_typed, has_input(mode)).map_err(|error| broken("input", error))?;
        Ok(Keyboard { typed, editor: None, _terminal: None })
    }

    /// No input.
    pub fn none() -> Keyboard {
        Keyboard { typed: never(), editor: None, _terminal: None }
    }

    pub fn typed(&self) -> &Receiver<Typed> {
        &self.typed
    }

    /// The input of a pipe has ended; its channel is not polled again.
    pub fn has_ended(&mut self) {
        self.typed = never();
    }

    /// Starts to read the next line.
    pub fn prompt(&self, prompt: Prompt) {
        if let Some(editor) = &self.editor {
            // The input thread takes one prompt per line, and only one line is open at a time.
            let _ = editor.prompts.try_send(prompt);
        }
    }

    pub fn ask_for_a_nick(&self, asks: bool) {
        self.editor.iter().for_each(|editor| editor.question.ask(asks));
    }

    pub fn complete(&self, names: Names) {
        self.editor.iter().for_each(|editor| editor.names.put(names.clone()));
    }

    /// Call this once a direct message of this nick is on the screen. `/reply` then answers it.
    pub fn is_written_to_by(&self, nick: Nick) -> impl FnOnce() + Send + 'static {
        let correspondents = self.editor.as_ref().map(|editor| editor.correspondents.clone());
        move || correspondents.iter().for_each(|correspondents| correspondents.put(nick.clone()))
    }
}

/// A part of the client cannot be started.
pub fn broken(what: &str, error: impl Display) -> Refusal {
    Refusal::Usage(format!("cannot start the {what}: {error}"))
}
