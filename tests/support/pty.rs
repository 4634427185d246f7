//! The built program on a terminal of its own: a pseudo-terminal, and a screen drawn from its output.

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

use super::drawn::Drawn;
use super::temp_dir::TempDir;
use super::wait::{PATIENCE, send_signal, wait_for_exit, wait_until};

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// A program on a terminal. Drop kills it; if the test panics, its screen is shown.
pub struct Pty {
    process: Child,
    status: Option<ExitStatus>,
    /// Our end of the terminal: typed keys in, output out.
    keyboard: File,
    /// The program's end, kept open to read its settings.
    terminal: File,
    arriving: Receiver<Vec<u8>>,
    drawn: Drawn,
    settings_before: Settings,
    _home: Option<TempDir>,
}

/// Input, output and local modes of a terminal, and its special characters.
pub type Settings = (libc::tcflag_t, libc::tcflag_t, libc::tcflag_t, [libc::cc_t; libc::NCCS]);

/// The settings before a program starts on a terminal.
pub struct PtyBuilder {
    command: Command,
    columns: u16,
    rows: u16,
    home: Option<TempDir>,
}

impl Pty {
    /// `mqttchat` with these arguments, on a terminal of 80 × 24.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Pty {
        Pty::builder(arguments).start()
    }

    /// Like `start`, with a home that outlives it.
    #[track_caller]
    pub fn start_at<S: AsRef<OsStr>>(home: &Path, arguments: &[S]) -> Pty {
        Pty::builder(arguments).home(home).start()
    }

    #[track_caller]
    pub fn start_sized<S: AsRef<OsStr>>(columns: u16, rows: u16, arguments: &[S]) -> Pty {
        Pty::builder(arguments).size(columns, rows).start()
    }

    /// For settings that `start` leaves at their defaults.
    pub fn builder<S: AsRef<OsStr>>(arguments: &[S]) -> PtyBuilder {
        Pty::builder_of(Path::new(env!("CARGO_BIN_EXE_mqttchat")), arguments)
    }

    /// Like `builder`, for another executable: the test itself.
    pub fn builder_of<S: AsRef<OsStr>>(executable: &Path, arguments: &[S]) -> PtyBuilder {
        let mut command = Command::new(executable);
        command.args(arguments).env_clear().env("TERM", "xterm").env("TZ", "UTC").env("NO_COLOR", "1");
        PtyBuilder { command, columns: COLUMNS, rows: ROWS, home: None }.in_a_new_home()
    }
}

impl PtyBuilder {
    fn in_a_new_home(mut self) -> PtyBuilder {
        let home = TempDir::new();
        self.command.env("HOME", home.path()).current_dir(home.path());
        self.home = Some(home);
        self
    }

    /// A home that outlives the program.
    pub fn home(mut self, path: &Path) -> PtyBuilder {
        self.command.env("HOME", path).current_dir(path);
        self.home = None;
        self
    }

    pub fn size(mut self, columns: u16, rows: u16) -> PtyBuilder {
        (self.columns, self.rows) = (columns, rows);
        self
    }

    /// An environment variable.
    pub fn set(mut self, name: &str, value: &str) -> PtyBuilder {
        self.command.env(name, value);
        self
    }

    pub fn unset(mut self, name: &str) -> PtyBuilder {
        self.command.env_remove(name);
        self
    }

    #[track_caller]
    pub fn start(self) -> Pty {
        let PtyBuilder { mut command, columns, rows, home } = self;
        let (keyboard, terminal) = open(columns, rows);
        let settings_before = settings(&terminal);
        let end = || terminal.try_clone().expect("a descriptor more");
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: both calls are async-signal-safe, and touch only the child.
        unsafe {
            command.pre_exec(|| {
                // The terminal of standard input becomes the child's controlling terminal.
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
        let drawn = Drawn::new(columns, rows);
        Pty { process, status: None, keyboard, terminal, arriving, drawn, settings_before, _home: home }
    }
}

impl Pty {
    /// Presses these keys; `\r` is Enter.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        self.press_bytes(keys.as_bytes());
    }

    #[track_caller]
    pub fn press_bytes(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("the terminal is open");
    }

    /// Resizes the terminal, like a window manager. It rewraps nothing; [`super::Tmux`] does.
    #[track_caller]
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = size(columns, rows);
        // SAFETY: the call reads the size only. It sends the program SIGWINCH.
        let result = unsafe { libc::ioctl(self.keyboard.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        self.drawn().resize(columns, rows);
    }

    /// From now on the terminal takes no output, like one whose connection hangs.
    #[track_caller]
    pub fn hang(&self) {
        // SAFETY: the call takes plain numbers.
        let result = unsafe { libc::tcflow(self.terminal.as_raw_fd(), libc::TCOOFF) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// The drawing of everything printed so far.
    pub fn drawn(&mut self) -> &mut Drawn {
        for bytes in self.arriving.try_iter() {
            self.drawn.print(&bytes);
        }
        &mut self.drawn
    }

    /// Waits until the cursor's line is this one, and looks at it with every byte: for measurements of the time.
    #[track_caller]
    pub fn wait_for_cursor_line(&mut self, line: &str) {
        while self.drawn.cursor_line() != line {
            let bytes = self.arriving.recv_timeout(PATIENCE);
            let bytes = bytes.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for: {line}"));
            self.drawn.print(&bytes);
        }
    }

    /// The screen's lines, without trailing blanks, down to the last one that is not empty.
    pub fn screen(&mut self) -> Vec<String> {
        self.drawn().screen()
    }

    /// Like `screen`, with everything above it that has scrolled off.
    pub fn scrollback_and_screen(&mut self) -> Vec<String> {
        self.drawn().scrollback_and_screen()
    }

    /// Every byte that was printed.
    pub fn raw(&mut self) -> Vec<u8> {
        self.drawn().raw().to_vec()
    }

    /// Column and row, from 0.
    pub fn cursor(&mut self) -> (u16, u16) {
        self.drawn().cursor()
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    #[track_caller]
    pub fn wait_for_screen(&mut self, what: &str, mut wanted: impl FnMut(&[String]) -> bool) {
        wait_until(PATIENCE, what, || wanted(&self.screen()));
    }

    /// Waits for a line with this end.
    #[track_caller]
    pub fn wait_for_line(&mut self, end: &str) {
        self.wait_for_screen(end, |lines| lines.iter().any(|line| line.ends_with(end)));
    }

    pub fn settings(&self) -> Settings {
        settings(&self.terminal)
    }

    /// The settings before the program started.
    pub fn settings_before(&self) -> Settings {
        self.settings_before
    }

    /// Whether the program has enabled bracketed paste.
    pub fn marks_pasted_text(&mut self) -> bool {
        self.drawn().emulator().bracketed_paste()
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
            // It may have ended already. Nothing else can fail for our own child.
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

fn size(columns: u16, rows: u16) -> libc::winsize {
    libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn open(columns: u16, rows: u16) -> (File, File) {
    let (mut keyboard, mut terminal) = (-1, -1);
    let size = size(columns, rows);
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
