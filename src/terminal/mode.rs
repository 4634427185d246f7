//! The terminal while a chat runs on it: taken over at the start, given back at the end, on a panic, and while the process
//! is stopped by Ctrl-Z. The state is global because the process has one terminal.
//!
//! It is taken over for the whole run and not per line: otherwise keys pressed between two lines would be echoed among the
//! messages.

use super::STDIN;
use std::mem::MaybeUninit;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The exit code of a Rust program that panicked.
const PANICKED: libc::c_int = 101;
const MARK_PASTES: &str = "\x1b[?2004h";
const DO_NOT_MARK_PASTES: &str = "\x1b[?2004l";

/// How long a terminal may refuse output, in milliseconds.
const STUCK: libc::c_int = 500;
/// How often a process that was continued in the background checks whether it is in the foreground.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The terminal's original settings, if they are changed.
static BEFORE: Mutex<Option<libc::termios>> = Mutex::new(None);
/// The terminal was given back for good.
static IS_OVER: AtomicBool = AtomicBool::new(false);
/// How many rows of the line being typed are above the cursor.
static ROWS_ABOVE: AtomicU16 = AtomicU16::new(0);

/// Takes the terminal over: keys arrive as they are pressed, without echo.
pub(super) fn take_over(before: libc::termios) {
    changed(before);
    set(&raw(before));
    tell(MARK_PASTES);
}

/// Restores everything, once.
pub fn give_back() {
    let mut before = before();
    if let Some(settings) = before.take() {
        IS_OVER.store(true, Ordering::Relaxed);
        set(&settings);
        clear_line();
        tell(DO_NOT_MARK_PASTES);
    }
}

/// Gives the terminal back and stops the process and its group, as Ctrl-Z does. Returns when the process continues in the
/// foreground, with the terminal taken over again.
pub fn suspend() {
    {
        let before = before();
        let Some(settings) = &*before else { return };
        set(settings);
        clear_line();
        tell(DO_NOT_MARK_PASTES);
    }
    // Stops the others of the group, then this thread at once: what follows must not run before the process continues.
    // SAFETY: these calls take plain numbers.
    unsafe {
        libc::signal(libc::SIGTSTP, libc::SIG_IGN);
        libc::kill(0, libc::SIGTSTP);
        libc::signal(libc::SIGTSTP, libc::SIG_DFL);
        libc::raise(libc::SIGTSTP);
    }
    // A read from the background would stop the process again, and it could not even end.
    while !is_in_foreground() {
        thread::sleep(LOOK_EVERY);
    }
    resume();
}

/// Takes the terminal over again after a shell may have changed it while the process was stopped.
pub fn resume() {
    if let Some(settings) = &*before() {
        set(&raw(*settings));
        tell(MARK_PASTES);
    }
}

/// Call this before drawing on or setting the terminal. After it was given back, this never returns.
pub fn wait_if_over() {
    while IS_OVER.load(Ordering::Relaxed) {
        thread::park();
    }
}

/// Call this whenever the line being typed is drawn.
pub fn line_is_drawn(rows_above: u16) {
    ROWS_ABOVE.store(rows_above, Ordering::Relaxed);
}

/// From now on a panic in any thread gives the terminal back, prints its message, and ends the process: without one of its
/// threads it would only look alive.
pub fn end_on_panic() {
    let explain = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        give_back();
        explain(panic);
        // SAFETY: it takes a plain number. An ordinary exit might wait for the thread that panicked.
        unsafe { libc::_exit(PANICKED) }
    }));
}

/// These settings must be restored.
pub(super) fn changed(settings: libc::termios) {
    *before() = Some(settings);
}

/// The settings are restored.
pub(super) fn unchanged() {
    *before() = None;
}

/// Nothing under the lock panics or takes long.
fn before() -> MutexGuard<'static, Option<libc::termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same settings as the line editor's, so that nothing changes between two lines.
fn raw(mut settings: libc::termios) -> libc::termios {
    settings.c_iflag &= !(libc::BRKINT | libc::ICRNL | libc::INPCK | libc::ISTRIP | libc::IXON);
    settings.c_lflag &= !(libc::ECHO | libc::ICANON | libc::IEXTEN | libc::ISIG);
    settings.c_cflag |= libc::CS8;
    (settings.c_cc[libc::VMIN], settings.c_cc[libc::VTIME]) = (1, 0);
    settings
}

/// Removes the line being typed from the screen.
fn clear_line() {
    match ROWS_ABOVE.swap(0, Ordering::Relaxed) {
        0 => tell("\r\x1b[J"),
        rows => tell(&format!("\x1b[{rows}A\r\x1b[J")),
    }
}

/// Whether this process is in the terminal's foreground.
fn is_in_foreground() -> bool {
    // SAFETY: these calls take plain numbers.
    let (foreground, own) = unsafe { (libc::tcgetpgrp(STDIN), libc::getpgrp()) };
    // If the foreground is unknown, nobody else is in it.
    foreground <= 0 || foreground == own
}

pub(super) fn get() -> Option<libc::termios> {
    let mut settings = MaybeUninit::uninit();
    // SAFETY: tcgetattr writes a whole termios if it returns 0, and only then it is read.
    unsafe { (libc::tcgetattr(STDIN, settings.as_mut_ptr()) == 0).then(|| settings.assume_init()) }
}

/// Sets the terminal without waiting for its output, which may be stuck. Does nothing in the background, where it would stop
/// the process.
fn set(settings: &libc::termios) {
    if is_in_foreground() {
        // SAFETY: tcsetattr only reads the settings. If it fails, the terminal is gone.
        unsafe { libc::tcsetattr(STDIN, libc::TCSANOW, settings) };
    }
}

/// Writes a few bytes if this process is in the foreground and the terminal accepts output.
fn tell(sequence: &str) {
    let mut output = libc::pollfd { fd: libc::STDOUT_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd is given, and its count says so.
    if is_in_foreground() && unsafe { libc::poll(&mut output, 1, STUCK) } > 0 {
        write(sequence);
    }
}

/// Writes past the buffer of standard output, which a panicking thread may hold. `false`: the terminal is gone.
pub fn write(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of the rest.
        let written = unsafe { libc::write(libc::STDOUT_FILENO, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(count @ 1..) => rest = &rest[count..],
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
    true
}
