//! A program of the round: started, killed, stopped and restarted, with the same home each time. Its output is logged,
//! and a member's events go to the ledger.

use crate::account::RunNumber;
use crate::ledger::Record;
use crate::support::{PATIENCE, isolate, send_signal, wait_for_exit};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What all runs of a program have in common.
pub struct Program {
    arguments: Vec<String>,
    home: PathBuf,
    log: PathBuf,
    begun: Instant,
    /// The receiver of its events, if it is a member.
    records: Option<Sender<Record>>,
}

/// One run. It is killed on drop.
pub struct Running {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// `mqttchat` with these arguments. It lives in `folder/name`, and its log is `folder/name.log`.
    pub fn new(folder: &Path, name: &str, arguments: Vec<String>, begun: Instant) -> Program {
        let home = folder.join(name);
        fs::create_dir_all(&home).expect("our own folder is writable");
        Program { arguments, home, log: folder.join(format!("{name}.log")), begun, records: None }
    }

    /// Its standard output is a member's events.
    pub fn telling(self, records: Sender<Record>) -> Program {
        Program { records: Some(records), ..self }
    }

    /// Starts it; the second value is its input.
    pub fn start(&self, run: RunNumber) -> (Running, ChildStdin) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqttchat"));
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        isolate(&mut command, &self.home);
        die_with_us(&mut command);
        let mut child = command.spawn().expect("the program starts");
        self.note(&format!("run {run} begins, process {}", child.id()));
        let input = child.stdin.take().expect("stdin is piped");
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let records = self.records.clone();
        let readers = vec![
            self.read(run, "out", out, move |record| {
                if let Some(records) = &records {
                    // The receiver is gone only when the test is over.
                    let _ = records.send(record);
                }
            }),
            self.read(run, "err", err, drop),
        ];
        (Running { child, readers }, input)
    }

    /// Adds a line to its log.
    pub fn note(&self, line: &str) {
        note(&mut self.log(), self.begun.elapsed(), line);
    }

    fn log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.log).expect("our own folder is writable")
    }

    fn read(
        &self,
        run: RunNumber,
        stream: &'static str,
        from: impl Read + Send + 'static,
        tell: impl Fn(Record) + Send + 'static,
    ) -> JoinHandle<()> {
        let (begun, mut log) = (self.begun, self.log());
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            // A read error ends the stream, too.
            while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
                let at = begun.elapsed();
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                note(&mut log, at, &format!("{stream} {text}"));
                tell(Record::Line { run, at, text });
                line.clear();
            }
            tell(Record::Closed { run });
        })
    }
}

/// Drop ends a program on every path except one: if the test itself is killed, a stopped program would stay.
fn die_with_us(command: &mut Command) {
    let set = || {
        // SAFETY: prctl takes plain numbers here, and may be called between fork and exec.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure calls nothing that must not be called there.
    unsafe { command.pre_exec(set) };
}

/// In one write, so notes of several threads do not mix.
fn note(log: &mut File, at: Duration, line: &str) {
    // An unwritable log does not fail the test.
    let _ = log.write_all(format!("{:8.3} {line}\n", at.as_secs_f64()).as_bytes());
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child can be waited for")
    }

    /// Sends one of `libc::SIG…`. It must not have ended according to `has_ended` or `wait`.
    pub fn signal(&self, signal: libc::c_int) {
        send_signal(&self.child, signal);
    }

    /// SIGKILL, and the end of its output.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child can be killed");
        wait_for_exit(&mut self.child, "a killed program", PATIENCE);
        self.join();
    }

    /// Waits for its end and that of its output.
    #[track_caller]
    pub fn wait(mut self, what: &str, deadline: Duration) -> ExitStatus {
        let status = wait_for_exit(&mut self.child, what, deadline);
        self.join();
        status
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader does not panic; it ends with its stream.
            let _ = reader.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already. Nothing else can fail for our own child.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join();
    }
}
