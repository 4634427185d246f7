//! The "screen" thread: it alone prints what the client has to say. On a terminal it prints above the line that is being
//! typed, through the line editor. The shell starts it and feeds it.

use super::view::{Line, Stream};
use crossbeam_channel::{Receiver, Sender};
use std::io::{self, BufWriter, Write};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that may wait for a reader who is slower than the chat; past that the shell takes in nothing that would make more.
const BACKLOG: usize = 4_096;
/// How long [`Screen::settle`] waits: longer than printing takes, too short to be noticed.
const SETTLE: Duration = Duration::from_millis(100);
/// How long the end waits for what is still to be printed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Prints above the line that is being typed; `false`: it cannot be printed any more.
pub type Above = Box<dyn FnMut(String) -> bool + Send>;

pub struct Screen {
    orders: Sender<Order>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

enum Order {
    Print(Line),
    Clear,
    /// Everything before it is given to whoever prints it: whoever gave the other end may know.
    Report(Sender<()>),
    /// To be called when everything before it is printed; dropped where it cannot be.
    Then(Box<dyn FnOnce() + Send>),
}

impl Screen {
    /// `above`: where there is a line editor. `on_closed` is called once where nobody reads standard output any more.
    pub fn start(above: Option<Above>, on_closed: impl FnOnce() + Send + 'static) -> io::Result<Screen> {
        let (orders, inbox) = crossbeam_channel::unbounded();
        let (finished, done) = crossbeam_channel::bounded(1);
        let print = move || {
            let ended = match above {
                Some(above) => print_above(&inbox, above),
                None => print_out(&inbox),
            };
            if !ended {
                on_closed();
                // What comes now is for nobody.
                inbox.iter().for_each(drop);
            }
            let _ = finished.send(());
        };
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(print)?;
        Ok(Screen { orders, done, thread })
    }

    /// Whether more may be given: printing never blocks, so that signals and heartbeats do not wait for a reader.
    pub fn has_room(&self) -> bool {
        self.orders.len() < BACKLOG
    }

    pub fn print(&self, line: Line) {
        // The thread takes orders until all senders are gone.
        let _ = self.orders.send(Order::Print(line));
    }

    pub fn clear(&self) {
        let _ = self.orders.send(Order::Clear);
    }

    /// Waits until what was given is printed. The line editor, busy with keys, may keep a line back for now: then in vain.
    pub fn settle(&self) {
        let (report, printed) = crossbeam_channel::bounded(1);
        let _ = self.orders.send(Order::Report(report));
        let _ = printed.recv_timeout(SETTLE);
    }

    /// Has this called, in the screen's thread, once what was given before is really printed. It must return at once.
    pub fn then(&self, printed: impl FnOnce() + Send + 'static) {
        let _ = self.orders.send(Order::Then(Box::new(printed)));
    }

    /// Prints what waits and ends. A line editor that has stopped reading could hold the thread for ever: then it is left.
    pub fn finish(self) {
        drop(self.orders);
        if self.done.recv_timeout(LAST_WORDS).is_ok() {
            let _ = self.thread.join();
        }
    }
}

/// `false`: the output is closed.
fn print_above(inbox: &Receiver<Order>, mut above: Above) -> bool {
    // Something may still be in the line editor.
    let mut is_ahead = false;
    let printed = inbox.iter().all(|order| match order {
        Order::Print(line) => {
            is_ahead = true;
            above(line.text + "\n")
        }
        Order::Clear => above("\x1b[H\x1b[2J".to_owned()),
        Order::Report(report) => {
            let _ = report.send(());
            true
        }
        Order::Then(call) => {
            (!std::mem::take(&mut is_ahead) || push_through(&mut above)) && {
                call();
                true
            }
        }
    });
    printed && push_through(&mut above)
}

/// The line editor takes one text ahead of the one that it prints: it takes the second of these when all before them
/// are printed. They lead the cursor up and down again.
fn push_through(above: &mut Above) -> bool {
    above("\x1b[A\n".to_owned()) && above("\x1b[A\n".to_owned())
}

/// `false`: the output is closed.
fn print_out(inbox: &Receiver<Order>) -> bool {
    let mut out = BufWriter::new(io::stdout().lock());
    for order in inbox {
        let written = match order {
            Order::Print(Line { stream: Stream::Out, text }) => writeln!(out, "{text}"),
            // In the order in which things happened, where both go to the same place.
            Order::Print(Line { stream: Stream::Err, text }) => out.flush().map(|()| print_error(&text)),
            Order::Clear => Ok(()),
            Order::Report(report) => out.flush().map(|()| drop(report)),
            Order::Then(call) => out.flush().map(|()| call()),
        };
        let flushed = written.and_then(|()| if inbox.is_empty() { out.flush() } else { Ok(()) });
        if flushed.is_err() {
            // Dropping it would try to write once more.
            let _ = out.into_parts();
            return false;
        }
    }
    out.flush().is_ok()
}

/// Unlike `eprintln!` no reason to panic where nobody reads it.
fn print_error(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
