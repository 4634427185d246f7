//! The terminal's settings: remembered and put back, and questions asked before anything else begins. The shells of
//! server, client and check call it.

use crate::options::Connection;
use crossbeam_channel::Receiver;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::mem::MaybeUninit;

const STDIN: libc::c_int = libc::STDIN_FILENO;
/// How often a question looks whether a signal has come, in milliseconds.
const LOOK_EVERY: libc::c_int = 100;

/// The settings of the terminal at standard input as they were.
pub struct Terminal {
    before: libc::termios,
    /// Put them back on drop. Only where they are changed: a program in the background that sets a terminal is stopped.
    put_back: bool,
}

/// Why there is no answer.
pub enum NoAnswer {
    /// This signal came.
    Signal(i32),
    /// The input has ended.
    End,
    Failed(io::Error),
}

impl Terminal {
    /// `None` where standard input is no terminal.
    pub fn remember() -> Option<Terminal> {
        let mut before = MaybeUninit::uninit();
        // SAFETY: tcgetattr writes a whole termios where it returns 0, and only then it is read.
        let before = unsafe { (libc::tcgetattr(STDIN, before.as_mut_ptr()) == 0).then(|| before.assume_init())? };
        Some(Terminal { before, put_back: false })
    }

    /// From now on a line editor changes the settings: they are put back when this is dropped.
    pub fn put_back_at_the_end(&mut self) {
        self.put_back = true;
    }

    /// Asks on standard error for a line. With `echo` off it is not shown while it is typed.
    pub fn ask(&self, question: &str, echo: bool, signals: &Receiver<i32>) -> Result<String, NoAnswer> {
        eprint!("{question}");
        // Nobody reads it where it cannot be written.
        let _ = io::stderr().flush();
        if !echo {
            let mut silent = self.before;
            silent.c_lflag &= !libc::ECHO;
            self.set(&silent);
        }
        let answer = read_line(signals);
        if !echo {
            self.set(&self.before);
        }
        if !echo || answer.is_err() {
            eprintln!();
        }
        answer
    }

    fn set(&self, settings: &libc::termios) {
        // SAFETY: tcsetattr only reads the settings. Where it fails there is no terminal any more.
        unsafe { libc::tcsetattr(STDIN, libc::TCSADRAIN, settings) };
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Signal(signal) => write!(f, "ended by signal {signal}"),
            NoAnswer::End => write!(f, "no answer, as the input has ended"),
            NoAnswer::Failed(error) => write!(f, "cannot read the terminal: {error}"),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.put_back {
            clear_line();
            self.set(&self.before);
        }
    }
}

/// How many columns the terminal at standard output has; as many as most have where it does not tell.
#[allow(dead_code)]
pub fn columns() -> usize {
    const USUAL: usize = 80;
    let mut size = MaybeUninit::<libc::winsize>::uninit();
    // SAFETY: TIOCGWINSZ writes a whole winsize where it returns 0, and only then it is read.
    let size = unsafe {
        (libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) == 0).then(|| size.assume_init())
    };
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(USUAL)
}

/// Asks for the password of the broker's log-in, where there is a user name without one and a terminal to ask on.
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

/// A terminal gives one line at a time, so nothing that belongs to the chat is read ahead.
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

/// Takes the line editor's prompt from the screen and ends its way of taking pasted text, for an end that comes while a
/// line is being typed.
fn clear_line() {
    let mut out = io::stdout();
    // Where the terminal is gone there is nothing to put back.
    let _ = out.write_all(b"\r\x1b[K\x1b[?2004l").and_then(|()| out.flush());
}
