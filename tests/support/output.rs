//! A child process's standard output and error, collected line by line.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::wait::PATIENCE;

/// Which of a process's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// The lines of both streams, in order of arrival. A reader thread per stream sends; the owner collects. Text after the
/// last newline counts as a line once the stream ends.
#[derive(Debug)]
pub struct Output {
    arriving: Receiver<(Stream, String)>,
    lines: Vec<(Stream, String)>,
    /// Waiting skips the lines before this one.
    skipped: usize,
}

impl Output {
    /// Takes over the piped outputs of `child`.
    pub fn of(child: &mut Child) -> Output {
        let (sender, arriving) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            read_lines(out, Stream::Out, sender.clone());
        }
        if let Some(err) = child.stderr.take() {
            read_lines(err, Stream::Err, sender);
        }
        Output { arriving, lines: Vec::new(), skipped: 0 }
    }

    /// All lines that have arrived on `stream`, without their line ends.
    pub fn lines(&mut self, stream: Stream) -> Vec<String> {
        self.lines.extend(self.arriving.try_iter());
        let of_stream = self.lines.iter().filter(|(from, _)| *from == stream);
        of_stream.map(|(_, line)| line.clone()).collect()
    }

    /// From now on, `wait_for` only considers lines that have not arrived yet.
    pub fn skip_so_far(&mut self) {
        self.lines.extend(self.arriving.try_iter());
        self.skipped = self.lines.len();
    }

    /// The first line of `stream` for which `wanted` holds, after the skipped ones.
    ///
    /// # Panics
    ///
    /// If there is none within `deadline`, or as soon as both streams have ended without one.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        stream: Stream,
        what: &str,
        deadline: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> String {
        let begun = Instant::now();
        let mut next = self.skipped;
        loop {
            while let Some((from, line)) = self.lines.get(next) {
                if *from == stream && wanted(line) {
                    return line.clone();
                }
                next += 1;
            }
            let left = deadline.saturating_sub(begun.elapsed());
            match self.arriving.recv_timeout(left) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("waited {deadline:?} in vain for {what}\n{}", self.text())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the process ended without {what}\n{}", self.text())
                }
            }
        }
    }

    /// Collects the rest. Call it once the process is dead.
    pub fn finish(&mut self) {
        // Both streams end with their process; the timeout is for a process that left a child behind.
        while let Ok(line) = self.arriving.recv_timeout(PATIENCE) {
            self.lines.push(line);
        }
    }

    /// Everything, for a person to read.
    pub fn text(&self) -> String {
        let mark = |stream| match stream {
            Stream::Out => "out",
            Stream::Err => "err",
        };
        let line = |(stream, line): &(Stream, String)| format!("{}: {line}\n", mark(*stream));
        self.lines.iter().map(line).collect()
    }
}

fn read_lines(from: impl std::io::Read + Send + 'static, stream: Stream, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        // A read error ends the stream, too.
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            if to.send((stream, text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}
