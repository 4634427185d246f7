//! A program between two pipes, without a thread in between that would distort measurements.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A program that is written to and read from directly.
pub struct Pipe {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pipe {
    pub fn start(program: &str, arguments: &[&str]) -> Pipe {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Pipe { child, input, output: BufReader::new(output) }
    }

    pub fn write(&mut self, line: &str) {
        writeln!(self.input, "{line}").and_then(|()| self.input.flush()).expect("it reads");
    }

    /// Reads up to the first line that contains `mark`, and returns it.
    pub fn read_until(&mut self, mark: &str) -> String {
        let mut line = String::new();
        while !line.contains(mark) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).expect("it writes"), 0, "it ended before {mark}");
        }
        line
    }

    /// Whether there is something to read soon after `act`.
    pub fn has_line_after(&mut self, act: impl FnOnce()) -> bool {
        use std::os::fd::AsRawFd;
        act();
        let mut poll = libc::pollfd { fd: self.output.get_ref().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid descriptor of our own, for a bounded time.
        unsafe { libc::poll(&mut poll, 1, 200) == 1 }
    }

    /// Reads everything from the time of connecting.
    pub fn drain(&mut self) {
        while self.has_line_after(|| ()) {
            self.output.read_line(&mut String::new()).expect("it writes");
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
