//! The terminal's settings, saved and restored, and questions asked before anything else starts.

mod mode;

pub use mode::{end_on_panic, give_back, line_is_drawn, resume, suspend, wait_if_over, write};

use crate::logging::tell;
use crate::options::Connection;
use crossbeam_channel::Receiver;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::mem::MaybeUninit;

const STDIN: libc::c_int = libc::STDIN_FILENO;
/// How often a question checks for a signal, in milliseconds.
const LOOK_EVERY: libc::c_int = 100;

/// The original settings of the terminal at standard input.
pub struct Terminal {
    before: libc::termios,
    /// Restore them on drop. Only if they were changed, because setting a terminal stops a program in the background.
    put_back: bool,
}

/// Why there is no answer.
pub enum NoAnswer {
    /// This signal arrived.
    Signal(i32),
    /// The input has ended.
    End,
    Failed(io::Error),
}

impl Terminal {
    /// `None` if standard input is no terminal.
    pub fn remember() -> Option<Terminal> {
        Some(Terminal { before: mode::get()?, put_back: false })
    }

    /// Prepares the terminal for a line editor; dropping this restores it.
    pub fn take_over(&mut self) {
        self.put_back = true;
        mode::take_over(self.before);
    }

    /// Asks on standard error for a line. Without `echo` the terminal does not show what is typed.
    pub fn ask(&self, question: &str, echo: bool, signals: &Receiver<i32>) -> Result<String, NoAnswer> {
        // If it cannot be written, nobody reads it. Standard error has no buffer.
        let _ = write!(io::stderr(), "{question}");
        if !echo {
            let mut silent = self.before;
            silent.c_lflag &= !libc::ECHO;
            mode::changed(self.before);
            self.set(&silent);
        }
        let answer = read_line(signals);
        if !echo {
            self.set(&self.before);
            mode::unchanged();
        }
        if !echo || answer.is_err() {
            tell("");
        }
        answer
    }

    fn set(&self, settings: &libc::termios) {
        // SAFETY: tcsetattr only reads the settings. If it fails, the terminal is gone.
        unsafe { libc::tcsetattr(STDIN, libc::TCSADRAIN, settings) };
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Signal(signal) => write!(f, "ended by signal {signal}"),
            NoAnswer::End => write!(f, "no answer because the input has ended"),
            NoAnswer::Failed(error) => write!(f, "cannot read the terminal: {error}"),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.put_back {
            mode::give_back();
        }
    }
}

/// The columns of the terminal at standard output; 80 if unknown.
pub fn columns() -> usize {
    size().0
}

/// Columns and rows of the terminal at standard output; 80 and 24 if unknown.
pub fn size() -> (usize, usize) {
    const USUAL: (usize, usize) = (80, 24);
    let mut size = MaybeUninit::<libc::winsize>::uninit();
    // SAFETY: TIOCGWINSZ writes a whole winsize if it returns 0, and only then it is read.
    let size = unsafe {
        (libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) == 0).then(|| size.assume_init())
    };
    let size = size.map_or((0, 0), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    if size.0 > 0 && size.1 > 0 { size } else { USUAL }
}

/// Asks for the broker's password if there is a user name without one and a terminal.
pub fn password(
    connection: &mut Connection,
    terminal: Option<&Terminal>,
    signals: &Receiver<i32>,
) -> Result<(), NoAnswer> {
    let settings = &mut connection.settings;
    if let (true, Some(user), Some(terminal)) = (connection.ask_password, &settings.username, terminal) {
        settings.password = Some(terminal.ask(&format!("password of {user:?}: "), false, signals)?);
    }
    Ok(())
}

/// Reads one line. A terminal returns one line at a time, so this reads nothing that belongs to the chat.
fn read_line(signals: &Receiver<i32>) -> Result<String, NoAnswer> {
    loop {
        if let Ok(signal) = signals.try_recv() {
            return Err(NoAnswer::Signal(signal));
        }
        let mut input = libc::pollfd { fd: STDIN, events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd is given, and its count says so.
        if unsafe { libc::poll(&mut input, 1, LOOK_EVERY) } > 0 {
            break;
        }
    }
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) => Err(NoAnswer::End),
        Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Err(NoAnswer::Failed(error)),
    }
}
