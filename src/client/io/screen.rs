//! The "screen" thread: it alone prints what the client has to say. On a terminal it prints above the line that is being
//! typed, through the line editor. The shell starts it and feeds it.

use crate::client::ui::view::{Line, Stream};
use crate::gauge::{Gauge, Held};
use crossbeam_channel::{Receiver, Sender};
use std::io::{self, BufWriter, Write};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that may wait for a reader who is slower than the chat; past that the shell takes in nothing that would make more.
const BACKLOG: usize = 4_096;
/// And their bytes. With what waits at the door it is 16 MiB.
const BACKLOG_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that are printed at once above the line being typed: enough to draw that line seldom, and few enough to be drawn
/// between two keys.
const AT_ONCE: usize = 16 * 1024;

/// A way to print above the line that is being typed.
pub struct Above {
    /// Returns once it is printed; `false`: it cannot be any more.
    pub print: Box<dyn FnMut(String) -> bool + Send>,
    /// To be called when the last line has been typed: what comes then is printed all the same.
    pub finish: Box<dyn Fn() + Send>,
}

pub struct Screen {
    orders: Sender<PrintOrder>,
    waiting: Gauge,
    done: Receiver<()>,
    thread: JoinHandle<()>,
    no_more_lines: Option<Box<dyn Fn() + Send>>,
}

enum PrintOrder {
    /// It holds a part of what may wait.
    Print(Line, Held),
    Clear,
    /// To be called when everything before it is printed; dropped where it cannot be.
    Then(Box<dyn FnOnce() + Send>),
}

impl Screen {
    /// `above`: where there is a line editor. `on_closed` is called once where nobody reads standard output any more.
    pub fn start(above: Option<Above>, on_closed: impl FnOnce() + Send + 'static) -> io::Result<Screen> {
        let (orders, inbox) = crossbeam_channel::unbounded();
        let (finished, done) = crossbeam_channel::bounded(1);
        let (print_above_line, no_more_lines) = above.map(|above| (above.print, above.finish)).unzip();
        let print = move || {
            let ended = match print_above_line {
                Some(print) => print_above(&inbox, print),
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
        Ok(Screen { orders, waiting: Gauge::default(), done, thread, no_more_lines })
    }

    /// Whether more may be given: printing never blocks, so that signals and heartbeats do not wait for a reader.
    pub fn has_room(&self) -> bool {
        self.orders.len() < BACKLOG && self.waiting.held() < BACKLOG_BYTES
    }

    pub fn print(&self, line: Line) {
        // The thread takes orders until all senders are gone.
        let held = self.waiting.hold(line.text.len());
        let _ = self.orders.send(PrintOrder::Print(line, held));
    }

    pub fn clear(&self) {
        let _ = self.orders.send(PrintOrder::Clear);
    }

    /// Has this called, in the screen's thread, once what was given before is really printed. It must return at once.
    pub fn then(&self, printed: impl FnOnce() + Send + 'static) {
        let _ = self.orders.send(PrintOrder::Then(Box::new(printed)));
    }

    /// Prints what waits and ends. A reader or a line editor that has stopped reading could hold the thread for ever: after
    /// this time it is left.
    pub fn finish(self, within: Duration) {
        drop(self.orders);
        self.no_more_lines.iter().for_each(|finish| finish());
        if self.done.recv_timeout(within).is_ok() {
            let _ = self.thread.join();
        }
    }
}

/// `false`: the output is closed.
fn print_above(inbox: &Receiver<PrintOrder>, mut above: impl FnMut(String) -> bool) -> bool {
    // What is behind the lines that are printed at once.
    let mut next = None;
    while let Some(order) = next.take().or_else(|| inbox.recv().ok()) {
        let printed = match order {
            PrintOrder::Print(line, held) => {
                let mut held = vec![held];
                let mut text = line.text + "\n";
                while text.len() < AT_ONCE && next.is_none() {
                    match inbox.try_recv() {
                        Ok(PrintOrder::Print(line, more)) => {
                            text.extend([&line.text, "\n"]);
                            held.push(more);
                        }
                        Ok(order) => next = Some(order),
                        Err(_) => break,
                    }
                }
                above(text)
            }
            PrintOrder::Clear => above("\x1b[H\x1b[2J".to_owned()),
            PrintOrder::Then(call) => {
                call();
                true
            }
        };
        if !printed {
            return false;
        }
    }
    true
}

/// `false`: the output is closed.
fn print_out(inbox: &Receiver<PrintOrder>) -> bool {
    // Not locked: where the terminal can do no more than print, the line editor prints its prompt there, too.
    let mut out = BufWriter::new(io::stdout());
    for order in inbox {
        let written = match order {
            PrintOrder::Print(Line { stream: Stream::Out, text }, _held) => writeln!(out, "{text}"),
            // In the order in which things happened, where both go to the same place.
            PrintOrder::Print(Line { stream: Stream::Err, text }, _held) => out.flush().map(|()| print_error(&text)),
            PrintOrder::Clear => Ok(()),
            PrintOrder::Then(call) => out.flush().map(|()| call()),
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
