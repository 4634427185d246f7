//! A program, run as a user runs it, in an environment of its own: the built one, or another.

use std::ffi::OsStr;
use std::io::{PipeReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::output::{Output, Stream};
use super::temp_dir::TempDir;
use super::wait::{PATIENCE, send_signal, wait_for_exit};

/// What is set before the program starts.
#[derive(Debug)]
pub struct Starter {
    command: Command,
    home: TempDir,
}

impl Starter {
    /// Sets a variable in its otherwise clean environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Uses `home` in place of a folder of its own: for a second run that finds what a first one left.
    pub fn home(mut self, home: &Path) -> Self {
        set_home(&mut self.command, home);
        self
    }

    /// Starts it with a standard output that nobody reads.
    #[track_caller]
    pub fn closed_output(mut self) -> Program {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.command.stdout(writer);
        self.start()
    }

    /// Starts it with a standard output that is read by whoever reads the returned end.
    #[track_caller]
    pub fn output_to_pipe(mut self) -> (Program, PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        self.command.stdout(writer);
        (self.start(), reader)
    }

    #[track_caller]
    pub fn start(mut self) -> Program {
        let mut process = self.command.spawn().expect("the program starts");
        Program {
            input: process.stdin.take(),
            output: Output::of(&mut process),
            process,
            status: None,
            home: self.home,
        }
    }
}

/// A running program. It is killed on drop; what it has printed is shown where the test panics.
#[derive(Debug)]
pub struct Program {
    process: Child,
    /// Known once it is reaped.
    status: Option<ExitStatus>,
    input: Option<ChildStdin>,
    output: Output,
    home: TempDir,
}

impl Program {
    /// `mqttchat` with these arguments, its input and outputs piped.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Program {
        Program::with(arguments).start()
    }

    /// As `start`, for more to be set before.
    #[track_caller]
    pub fn with<S: AsRef<OsStr>>(arguments: &[S]) -> Starter {
        Program::other(Path::new(env!("CARGO_BIN_EXE_mqttchat")), arguments)
    }

    /// As `with`, for another executable: an example, or the test itself once more.
    #[track_caller]
    pub fn other<S: AsRef<OsStr>>(executable: &Path, arguments: &[S]) -> Starter {
        let home = TempDir::new();
        let mut command = Command::new(executable);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        isolate(&mut command, home.path());
        Starter { command, home }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The home folder that it was given, unless `Starter::home` gave it another; all XDG folders
    /// are in it, and it is the working directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The first line of `stream` that contains `text`, seen already or yet to come.
    #[track_caller]
    pub fn wait_for_line(&mut self, stream: Stream, text: &str, deadline: Duration) -> String {
        let what = format!("a line with {text:?}");
        self.output.wait_for(stream, &what, deadline, |line| line.contains(text))
    }

    /// The first line of `stream` that `wanted` holds for, seen already or yet to come.
    #[track_caller]
    pub fn wait_for_line_where(
        &mut self,
        stream: Stream,
        what: &str,
        deadline: Duration,
        wanted: impl FnMut(&str) -> bool,
    ) -> String {
        self.output.wait_for(stream, what, deadline, wanted)
    }

    /// From now on waiting looks only at lines that are not here yet.
    pub fn skip_lines_so_far(&mut self) {
        self.output.skip_so_far();
    }

    /// All lines of `stream` so far; after `exit_code`, all that there ever were.
    pub fn lines(&mut self, stream: Stream) -> Vec<String> {
        self.output.lines(stream)
    }

    /// Types `line` and Enter.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input is open");
        input
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| input.flush())
            .expect("the program reads its input");
    }

    /// The end of its input.
    pub fn close_stdin(&mut self) {
        self.input = None;
    }

    /// Sends one of `libc::SIG…`.
    #[track_caller]
    pub fn signal(&self, signal: libc::c_int) {
        assert!(self.status.is_none(), "the program has ended");
        send_signal(&self.process, signal);
    }

    /// Ends it with SIGKILL and reaps it.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.kill().expect("our own child can be killed");
        self.exit_status(PATIENCE);
    }

    /// Waits for its end.
    #[track_caller]
    pub fn exit_status(&mut self, deadline: Duration) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        let status = wait_for_exit(&mut self.process, "the program", deadline);
        self.status = Some(status);
        self.output.finish();
        status
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where a signal has ended it.
    #[track_caller]
    pub fn exit_code(&mut self, deadline: Duration) -> i32 {
        let status = self.exit_status(deadline);
        match status.code() {
            Some(code) => code,
            None => panic!("the program was ended by a signal: {status}"),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Already ended is as good; nothing else can fail for a child of our own.
            let _ = self.process.kill();
            let _ = self.process.wait();
            self.output.finish();
        }
        if std::thread::panicking() {
            eprintln!("---- program, process {} ----\n{}", self.pid(), self.output.text());
        }
    }
}

/// Gives `command` an environment in which nothing of the user's own is found, and `home` to live in.
pub fn isolate(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("NO_COLOR", "1");
    set_home(command, home);
}

fn set_home(command: &mut Command, home: &Path) {
    command
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_STATE_HOME", home.join("state"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_RUNTIME_DIR", home.join("run"));
}
