//! The built program on a terminal of its own: a pseudo-terminal, and a screen that is drawn from what it prints.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::temp_dir::TempDir;
use super::wait::{PATIENCE, send_signal, wait_for_exit, wait_until};

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// A program on a terminal. It is killed on drop; its screen is shown where the test panics.
pub struct Pty {
    process: Child,
    status: Option<ExitStatus>,
    /// Our end: what is typed goes in, what is printed comes out.
    keyboard: File,
    /// Their end, kept open to read its settings.
    terminal: File,
    arriving: Receiver<Vec<u8>>,
    printed: Vec<u8>,
    settings_before: Settings,
    _home: Option<TempDir>,
}

/// Input, output and local modes of a terminal, and its special characters.
pub type Settings = (libc::tcflag_t, libc::tcflag_t, libc::tcflag_t, [libc::cc_t; libc::NCCS]);

impl Pty {
    /// `mqttchat` with these arguments, on a terminal of 80 × 24.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Pty {
        let home = TempDir::new();
        let mut pty = Pty::start_at(home.path(), arguments);
        pty._home = Some(home);
        pty
    }

    /// As `start`, with a home that outlives it.
    #[track_caller]
    pub fn start_at<S: AsRef<OsStr>>(home: &Path, arguments: &[S]) -> Pty {
        let (keyboard, terminal) = open();
        let settings_before = settings(&terminal);
        let end = || terminal.try_clone().expect("a descriptor more");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqttchat"));
        command.args(arguments).stdin(end()).stdout(end()).stderr(end()).current_dir(home);
        command.env_clear().env("HOME", home).env("TERM", "xterm").env("TZ", "UTC").env("NO_COLOR", "1");
        // SAFETY: both calls are async-signal-safe, and touch only the child.
        unsafe {
            command.pre_exec(|| {
                // The terminal of standard input becomes the one that the child is controlled by.
                match libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 {
                    true => Ok(()),
                    false => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let process = command.spawn().expect("the built program starts");
        let (sender, arriving) = mpsc::channel();
        let mut output = keyboard.try_clone().expect("a descriptor more");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Pty { process, status: None, keyboard, terminal, arriving, printed: Vec::new(), settings_before, _home: None }
    }

    /// Presses these keys; `\r` is Enter.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// The screen's lines, without blanks at their ends, down to the last that is not empty.
    pub fn screen(&mut self) -> Vec<String> {
        self.printed.extend(self.arriving.try_iter().flatten());
        draw(&String::from_utf8_lossy(&self.printed))
    }

    #[track_caller]
    pub fn wait_for_screen(&mut self, what: &str, mut wanted: impl FnMut(&[String]) -> bool) {
        wait_until(PATIENCE, what, || wanted(&self.screen()));
    }

    /// Waits for a line that ends so.
    #[track_caller]
    pub fn wait_for_line(&mut self, end: &str) {
        self.wait_for_screen(end, |lines| lines.iter().any(|line| line.ends_with(end)));
    }

    pub fn settings(&self) -> Settings {
        settings(&self.terminal)
    }

    /// As they were before the program started.
    pub fn settings_before(&self) -> Settings {
        self.settings_before
    }

    /// Whether the program has told the terminal to mark what is pasted.
    pub fn marks_pasted_text(&mut self) -> bool {
        self.screen();
        let printed = String::from_utf8_lossy(&self.printed);
        printed.rfind("\x1b[?2004h") > printed.rfind("\x1b[?2004l")
    }

    #[track_caller]
    pub fn signal(&self, signal: libc::c_int) {
        send_signal(&self.process, signal);
    }

    #[track_caller]
    pub fn exit_code(&mut self) -> i32 {
        let status = wait_for_exit(&mut self.process, "mqttchat", PATIENCE);
        self.status = Some(status);
        status.code().expect("it is not ended by a signal")
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Already ended is as good; nothing else can fail for a child of our own.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        if thread::panicking() {
            eprintln!("---- screen ----\n{}", self.screen().join("\n"));
        }
    }
}

fn settings(terminal: &File) -> Settings {
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    // SAFETY: it is read only where tcgetattr has written it.
    let settings = unsafe {
        assert_eq!(libc::tcgetattr(terminal.as_raw_fd(), settings.as_mut_ptr()), 0);
        settings.assume_init()
    };
    (settings.c_iflag, settings.c_oflag, settings.c_lflag, settings.c_cc)
}

fn open() -> (File, File) {
    let (mut keyboard, mut terminal) = (-1, -1);
    let size = libc::winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    let (no_name, no_settings) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: openpty writes two descriptors, which nobody else owns, and reads the size.
    unsafe {
        let result = libc::openpty(&mut keyboard, &mut terminal, no_name, no_settings, (&raw const size).cast_mut());
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        for end in [keyboard, terminal] {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        (File::from_raw_fd(keyboard), File::from_raw_fd(terminal))
    }
}

/// What a terminal shows after this was printed: as much of one as line editors use.
fn draw(printed: &str) -> Vec<String> {
    let (rows, columns) = (usize::from(ROWS), usize::from(COLUMNS));
    let mut screen = vec![vec![' '; columns]; rows];
    let (mut row, mut column) = (0, 0);
    let line_feed = |screen: &mut Vec<Vec<char>>, row: &mut usize| match *row + 1 < rows {
        true => *row += 1,
        false => {
            screen.remove(0);
            screen.push(vec![' '; columns]);
        }
    };
    let mut chars = printed.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => column = 0,
            '\n' => line_feed(&mut screen, &mut row),
            '\x1b' if chars.next_if_eq(&'[').is_some() => {
                let mut parameters = String::new();
                let end = loop {
                    match chars.next() {
                        Some(c @ '@'..='~') => break c,
                        Some(c) => parameters.push(c),
                        None => break ' ',
                    }
                };
                let count = parameters.parse().unwrap_or(1).max(1);
                match end {
                    'A' => row = row.saturating_sub(count),
                    'B' => row = (row + count).min(rows - 1),
                    'C' => column = (column + count).min(columns - 1),
                    'D' => column = column.saturating_sub(count),
                    'H' => (row, column) = (0, 0),
                    'K' => screen[row][column..].fill(' '),
                    'J' => screen.iter_mut().for_each(|line| line.fill(' ')),
                    _ => {}
                }
            }
            c if c.is_control() => {}
            c => {
                if column == columns {
                    line_feed(&mut screen, &mut row);
                    column = 0;
                }
                screen[row][column] = c;
                column += 1;
            }
        }
    }
    let mut lines: Vec<String> =
        screen.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
