//! The terminal while a chat is on it: taken over for a whole run, given back at its end, for a while on Ctrl-Z, and where
//! the program panics. The process has one terminal, so this is the process's, not a value's.
//!
//! It is taken over for the whole run and not line by line: between two lines the keys would be echoed among the messages.

use super::STDIN;
use std::mem::MaybeUninit;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The exit code of a Rust program that panics.
const PANICKED: libc::c_int = 101;
const MARK_PASTES: &str = "\x1b[?2004h";
const DO_NOT_MARK_PASTES: &str = "\x1b[?2004l";

/// How long a terminal may take until it takes output again, in milliseconds.
const STUCK: libc::c_int = 500;
/// How often it is looked whether a process that went on in the background is in the foreground.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The terminal's own settings, where they are changed.
static BEFORE: Mutex<Option<libc::termios>> = Mutex::new(None);
/// The terminal is given back for good.
static IS_OVER: AtomicBool = AtomicBool::new(false);
/// Rows of the line being typed that are above the cursor.
static ROWS_ABOVE: AtomicU16 = AtomicU16::new(0);

/// Takes the terminal over: keys come as they are pressed, and nothing is echoed.
pub(super) fn take_over(before: libc::termios) {
    changed(before);
    set(&raw(before));
    tell(MARK_PASTES);
}

/// Puts everything back, once.
pub fn give_back() {
    let mut before = before();
    if let Some(settings) = before.take() {
        IS_OVER.store(true, Ordering::Relaxed);
        set(&settings);
        clear_line();
        tell(DO_NOT_MARK_PASTES);
    }
}

/// Gives the terminal back and stops the process and its group, as Ctrl-Z does; returns when it goes on in the foreground,
/// with the terminal taken over again.
pub fn suspend() {
    {
        let before = before();
        let Some(settings) = &*before else { return };
        set(settings);
        clear_line();
        tell(DO_NOT_MARK_PASTES);
    }
    // Stops this thread at once, after the others of the group: what follows must not be done before it is over.
    // SAFETY: these calls take plain numbers.
    unsafe {
        libc::signal(libc::SIGTSTP, libc::SIG_IGN);
        libc::kill(0, libc::SIGTSTP);
        libc::signal(libc::SIGTSTP, libc::SIG_DFL);
        libc::raise(libc::SIGTSTP);
    }
    // Who reads the terminal in the background is stopped, and could not even end when it is asked to.
    while !is_in_foreground() {
        thread::sleep(LOOK_EVERY);
    }
    resume();
}

/// Takes over once more what a shell may have taken while the process was stopped.
pub fn resume() {
    if let Some(settings) = &*before() {
        set(&raw(*settings));
        tell(MARK_PASTES);
    }
}

/// To be called before the terminal is drawn on or set by others: where it was given back, that never happens.
pub fn wait_if_over() {
    while IS_OVER.load(Ordering::Relaxed) {
        thread::park();
    }
}

/// To be told whenever the line being typed is drawn.
pub fn line_is_drawn(rows_above: u16) {
    ROWS_ABOVE.store(rows_above, Ordering::Relaxed);
}

/// From now on a panic in any thread gives the terminal back, tells what it has to tell, and ends the process: without one
/// of its threads it would look alive and not be.
pub fn end_on_panic() {
    let explain = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        give_back();
        explain(panic);
        // SAFETY: it takes a plain number. What is done at an ordinary exit may wait for the thread that panics.
        unsafe { libc::_exit(PANICKED) }
    }));
}

/// These settings are to be put back.
pub(super) fn changed(settings: libc::termios) {
    *before() = Some(settings);
}

/// They are put back.
pub(super) fn unchanged() {
    *before() = None;
}

/// Nothing that is done under the lock panics, or takes long.
fn before() -> MutexGuard<'static, Option<libc::termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As the line editor has it while it reads, so that nothing changes between two lines.
fn raw(mut settings: libc::termios) -> libc::termios {
    settings.c_iflag &= !(libc::BRKINT | libc::ICRNL | libc::INPCK | libc::ISTRIP | libc::IXON);
    settings.c_lflag &= !(libc::ECHO | libc::ICANON | libc::IEXTEN | libc::ISIG);
    settings.c_cflag |= libc::CS8;
    (settings.c_cc[libc::VMIN], settings.c_cc[libc::VTIME]) = (1, 0);
    settings
}

/// Takes the line being typed from the screen.
fn clear_line() {
    match ROWS_ABOVE.swap(0, Ordering::Relaxed) {
        0 => tell("\r\x1b[J"),
        rows => tell(&format!("\x1b[{rows}A\r\x1b[J")),
    }
}

/// Whether the terminal is this process's, and not that of a shell that has it in the background.
fn is_in_foreground() -> bool {
    // SAFETY: these calls take plain numbers.
    let (foreground, own) = unsafe { (libc::tcgetpgrp(STDIN), libc::getpgrp()) };
    // Where it is not known, nobody else is.
    foreground <= 0 || foreground == own
}

pub(super) fn get() -> Option<libc::termios> {
    let mut settings = MaybeUninit::uninit();
    // SAFETY: tcgetattr writes a whole termios where it returns 0, and only then it is read.
    unsafe { (libc::tcgetattr(STDIN, settings.as_mut_ptr()) == 0).then(|| settings.assume_init()) }
}

/// At once: a terminal that takes no output must not keep a program from ending. In the background it would stop it.
fn set(settings: &libc::termios) {
    if is_in_foreground() {
        // SAFETY: tcsetattr only reads the settings. Where it fails there is no terminal any more.
        unsafe { libc::tcsetattr(STDIN, libc::TCSANOW, settings) };
    }
}

/// A few bytes, for a terminal that is this process's and takes them.
fn tell(sequence: &str) {
    let mut output = libc::pollfd { fd: libc::STDOUT_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd is given, and its count says so.
    if is_in_foreground() && unsafe { libc::poll(&mut output, 1, STUCK) } > 0 {
        write(sequence);
    }
}

/// Past the buffer of standard output, which a thread that panics may hold.
pub fn write(text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of the rest.
        let written = unsafe { libc::write(libc::STDOUT_FILENO, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(count @ 1..) => rest = &rest[count..],
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            // Where the terminal is gone there is nothing to put back.
            _ => return,
        }
    }
}
