//! The terminal while a chat is on it: taken over for a whole run, given back at its end, for a while on Ctrl-Z, and where
//! the program panics. The process has one terminal, so this is the process's, not a value's.
//!
//! It is taken over for the whole run and not line by line: between two lines the keys would be echoed among the messages.

use super::STDIN;
use std::mem::MaybeUninit;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

/// The exit code of a Rust program that panics.
const PANICKED: libc::c_int = 101;
const MARK_PASTES: &str = "\x1b[?2004h";
const DO_NOT_MARK_PASTES: &str = "\x1b[?2004l";

/// The terminal's own settings, where they are changed.
static BEFORE: Mutex<Option<libc::termios>> = Mutex::new(None);
/// Rows of the line being typed that are above the cursor.
static ROWS_ABOVE: AtomicU16 = AtomicU16::new(0);

/// Takes the terminal over: keys come as they are pressed, and nothing is echoed.
pub(super) fn take_over(before: libc::termios) {
    changed(before);
    set(&raw(before));
    write(MARK_PASTES);
}

/// Puts everything back, once.
pub fn give_back() {
    // Whoever panics may hold it; then it is about to be put back.
    let Some(before) = BEFORE.try_lock().ok().and_then(|mut before| before.take()) else { return };
    clear_line();
    write(DO_NOT_MARK_PASTES);
    set(&before);
}

/// Gives the terminal back and stops the process and its group, as Ctrl-Z does; returns when it goes on, with the terminal
/// taken over again.
pub fn suspend() {
    let Some(before) = BEFORE.lock().ok().and_then(|before| *before) else { return };
    let now = get();
    clear_line();
    write(DO_NOT_MARK_PASTES);
    set(&before);
    // Stops this thread at once, after the others of the group: what follows must not be done before it is over.
    // SAFETY: these calls take plain numbers.
    unsafe {
        libc::signal(libc::SIGTSTP, libc::SIG_IGN);
        libc::kill(0, libc::SIGTSTP);
        libc::signal(libc::SIGTSTP, libc::SIG_DFL);
        libc::raise(libc::SIGTSTP);
    }
    set(&now.unwrap_or_else(|| raw(before)));
    write(MARK_PASTES);
}

/// Takes over once more what a shell may have taken while the process was stopped.
pub fn resume() {
    if let Some(before) = BEFORE.lock().ok().and_then(|before| *before) {
        set(&raw(before));
        write(MARK_PASTES);
    }
}

/// To be told whenever the line being typed is drawn.
pub fn line_is_drawn(rows_above: u16) {
    ROWS_ABOVE.store(rows_above, Ordering::Relaxed);
}

/// From now on a panic in any thread gives the terminal back, tells what it has to tell, and ends the process: without one
/// of its threads it would look alive and not be.
pub fn end_on_panic() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        give_back();
        tell(panic);
        // SAFETY: it takes a plain number. What is done at an ordinary exit may wait for the thread that panics.
        unsafe { libc::_exit(PANICKED) }
    }));
}

/// These settings are to be put back.
pub(super) fn changed(before: libc::termios) {
    if let Ok(mut place) = BEFORE.lock() {
        *place = Some(before);
    }
}

/// They are put back.
pub(super) fn unchanged() {
    if let Ok(mut place) = BEFORE.lock() {
        *place = None;
    }
}

/// As the line editor has it while it reads, so that nothing changes between two lines.
fn raw(mut settings: libc::termios) -> libc::termios {
    settings.c_iflag &= !(libc::BRKINT | libc::ICRNL | libc::INPCK | libc::ISTRIP | libc::IXON);
    settings.c_lflag &= !(libc::ECHO | libc::ICANON | libc::IEXTEN | libc::ISIG);
    settings.c_cflag |= libc::CS8;
    settings
}

/// Takes the line being typed from the screen.
fn clear_line() {
    match ROWS_ABOVE.swap(0, Ordering::Relaxed) {
        0 => write("\r\x1b[J"),
        rows => write(&format!("\x1b[{rows}A\r\x1b[J")),
    }
}

pub(super) fn get() -> Option<libc::termios> {
    let mut settings = MaybeUninit::uninit();
    // SAFETY: tcgetattr writes a whole termios where it returns 0, and only then it is read.
    unsafe { (libc::tcgetattr(STDIN, settings.as_mut_ptr()) == 0).then(|| settings.assume_init()) }
}

/// At once: a terminal that takes no output must not keep a program from ending.
fn set(settings: &libc::termios) {
    // SAFETY: tcsetattr only reads the settings. Where it fails there is no terminal any more.
    unsafe { libc::tcsetattr(STDIN, libc::TCSANOW, settings) };
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
