//! The "input" thread: reads lines from a terminal or a pipe. It waits for the shell at every line: on a terminal for the
//! next prompt, in a pipe for room in the channel.
//!
//! It is not joined, because nothing can end a read of standard input. The shell restores the terminal.

mod desk;
mod editor;
mod gate;
mod keys;
mod question;

pub use editor::LineEditor;
pub use question::Question;

use crate::client::ui::typing::Typed;
use crossbeam_channel::Sender;
use std::io::{self, BufRead, Read};
use std::thread;

/// The longest piped line in bytes; a longer one cannot be a message.
const LINE_BYTES: u64 = 64 * 1024;

/// Reads standard input line by line, only as far ahead as `typed` has room. Without an input, reports its end.
pub fn start_pipe(typed: Sender<Typed>, has_input: bool) -> io::Result<()> {
    let read = move || {
        let mut input = io::stdin().lock();
        // A read error ends the input.
        while has_input && let Ok(Some(line)) = read_line(&mut input) {
            if typed.send(line).is_err() {
                return;
            }
        }
        let _ = typed.send(Typed::End);
    };
    thread::Builder::new().name("input".to_owned()).spawn(read).map(drop)
}

/// `None` at the end. Replaces bytes that are not UTF-8.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Typed>> {
    let mut line = Vec::new();
    if input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\n") && line.len() as u64 == LINE_BYTES {
        input.skip_until(b'\n')?;
        return Ok(Some(Typed::TooLong));
    }
    let text = String::from_utf8_lossy(&line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(Typed::Piped(text.strip_suffix('\r').unwrap_or(text).to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut input: &[u8], expected: &[Typed]) {
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, expected);
    }

    #[test]
    fn piped_lines() {
        let line = |text: &str| Typed::Piped(text.to_owned());
        check(b"", &[]);
        check(b"a\nb\r\n\nc", &[line("a"), line("b"), line(""), line("c")]);
        check(b"\xff\n", &[line("\u{fffd}")]);
        let long = [vec![b'x'; 200_000], b"\nb\n".to_vec()].concat();
        check(&long, &[Typed::TooLong, line("b")]);
    }
}
