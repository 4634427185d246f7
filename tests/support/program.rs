//! A program, run like a user runs it, in an environment of its own: the built one, or another.

use std::ffi::OsStr;
use std::io::{PipeReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::output::{Output, Stream};
use super::temp_dir::TempDir;
use super::wait::{PATIENCE, kill_group, send_signal, wait_for_exit};

/// What is set before the program starts.
#[derive(Debug)]
pub struct Starter {
    command: Command,
    has_children: bool,
    home: TempDir,
}

impl Starter {
    /// Sets a variable in its otherwise clean environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Uses `home` instead of a new folder: for a second run that finds what the first one left.
    pub fn home(mut self, home: &Path) -> Self {
        set_home(&mut self.command, home);
        self
    }

    /// It starts others, as a script does: drop kills them, too.
    pub fn with_children(mut self) -> Self {
        self.command.process_group(0);
        self.has_children = true;
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

    /// Starts it with its standard output connected to the returned pipe.
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
            has_children: self.has_children,
            status: None,
            home: self.home,
        }
    }
}

/// A running program. Drop kills it; if the test panics, its output is shown.
#[derive(Debug)]
pub struct Program {
    process: Child,
    /// It leads a process group of its own.
    has_children: bool,
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

    /// Like `start`, with more settings to follow.
    #[track_caller]
    pub fn with<S: AsRef<OsStr>>(arguments: &[S]) -> Starter {
        Program::other(Path::new(env!("CARGO_BIN_EXE_mqttchat")), arguments)
    }

    /// Like `with`, for another executable: an example, or the test itself.
    #[track_caller]
    pub fn other<S: AsRef<OsStr>>(executable: &Path, arguments: &[S]) -> Starter {
        let home = TempDir::new();
        let mut command = Command::new(executable);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        isolate(&mut command, home.path());
        Starter { command, has_children: false, home }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its home folder, unless `Starter::home` gave it another. It contains all XDG folders and is the working
    /// directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The first line of `stream` that contains `text`, past or future.
    #[track_caller]
    pub fn wait_for_line(&mut self, stream: Stream, text: &str, deadline: Duration) -> String {
        let what = format!("a line with {text:?}");
        self.output.wait_for(stream, &what, deadline, |line| line.contains(text))
    }

    /// The first line of `stream` for which `wanted` holds, past or future.
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

    /// From now on, waiting only considers lines that have not arrived yet.
    pub fn skip_lines_so_far(&mut self) {
        self.output.skip_so_far();
    }

    /// All lines of `stream` so far; complete after `exit_code`.
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

    /// Closes its input.
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
    ///
    /// If a signal has ended it.
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
            if self.has_children {
                // Before it is reaped, so the group is still its own.
                kill_group(&self.process);
            }
            // It may have ended already. Nothing else can fail for our own child.
            let _ = self.process.kill();
            let _ = self.process.wait();
            self.output.finish();
        }
        if std::thread::panicking() {
            eprintln!("---- program, process {} ----\n{}", self.pid(), self.output.text());
        }
    }
}

/// Gives `command` an environment without the user's own settings, with `home` as its home.
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
