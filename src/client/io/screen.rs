//! The "screen" thread prints the client's output. On a terminal it prints above the line being typed, through the line
//! editor.

use super::worker::Worker;
use crate::client::ui::view::{Line, Stream};
use crate::gauge::{Gauge, Held};
use crate::logging::tell;
use crossbeam_channel::{Receiver, Sender};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// Lines that may wait for a slow reader. Above this, the shell accepts nothing that would add more.
const BACKLOG: usize = 4_096;
/// And their bytes. Together with what waits at the door this is 16 MiB.
const BACKLOG_BYTES: usize = 4 * 1024 * 1024;
/// Bytes printed at once above the line being typed: enough to redraw that line rarely, few enough to fit between two
/// keys.
const AT_ONCE: usize = 16 * 1024;

/// A way to print above the line being typed.
pub struct Above {
    /// Returns when the text is printed; `false` if it no longer can be.
    pub print: Box<dyn FnMut(String) -> bool + Send>,
    /// Call this after the last line was typed: later texts are printed directly.
    pub finish: Box<dyn Fn() + Send>,
}

pub struct Screen {
    orders: Sender<PrintOrder>,
    waiting: Gauge,
    /// Receives something when nobody reads standard output any longer, or why it cannot be written.
    closed: Receiver<Option<io::Error>>,
    /// Returns whether everything was printed.
    worker: Worker<bool>,
    no_more_lines: Option<Box<dyn Fn() + Send>>,
}

enum PrintOrder {
    /// With its share of what may wait.
    Print(Line, Held),
    Clear,
    /// Call this when everything before it is printed; dropped if that is impossible.
    Then(Box<dyn FnOnce() + Send>),
}

impl Screen {
    /// `above`: if there is a line editor.
    pub fn start(above: Option<Above>) -> io::Result<Screen> {
        // The shell takes nothing in that would print more while `has_room` denies it. Other orders are few.
        let (orders, inbox) = crossbeam_channel::unbounded();
        let (to_closed, closed) = crossbeam_channel::bounded(1);
        let is_above = above.is_some();
        let (print_above_line, no_more_lines) = above.map(|above| (above.print, above.finish)).unzip();
        let print = move || {
            let ended = match print_above_line {
                Some(print) => print_above(&inbox, print).then_some(()).ok_or(None),
                None => print_out(&inbox).map_err(|error| Some(error).filter(|error| !is_hung_up(error))),
            };
            let is_printed = ended.is_ok();
            if let Err(error) = ended {
                // The shell may have ended already.
                let _ = to_closed.send(error);
                // Nobody reads what follows on standard output.
                inbox.iter().for_each(|order| complain(order, is_above));
            }
            is_printed
        };
        let worker = Worker::start("screen", print)?;
        Ok(Screen { orders, waiting: Gauge::default(), closed, worker, no_more_lines })
    }

    pub fn closed(&self) -> &Receiver<Option<io::Error>> {
        &self.closed
    }

    /// Whether it accepts more. Printing never blocks: signals and heartbeats must not wait for a reader.
    pub fn has_room(&self) -> bool {
        self.orders.len() < BACKLOG && self.waiting.held() < BACKLOG_BYTES
    }

    pub fn print(&self, line: Line) {
        // The thread accepts orders until all senders are gone.
        let held = self.waiting.hold(line.text.len());
        let _ = self.orders.send(PrintOrder::Print(line, held));
    }

    pub fn clear(&self) {
        let _ = self.orders.send(PrintOrder::Clear);
    }

    /// Calls this in the screen's thread when everything before it is printed. It must return at once.
    pub fn then(&self, printed: impl FnOnce() + Send + 'static) {
        let _ = self.orders.send(PrintOrder::Then(Box::new(printed)));
    }

    /// Prints the rest and ends. A reader that has stopped reading could block the thread forever, so the thread is
    /// abandoned after this time. Returns whether everything was printed.
    pub fn finish(self, within: Duration) -> bool {
        drop(self.orders);
        self.no_more_lines.iter().for_each(|finish| finish());
        self.worker.finish(within) == Some(true)
    }
}

/// `false`: the output is closed.
fn print_above(inbox: &Receiver<PrintOrder>, mut above: impl FnMut(String) -> bool) -> bool {
    // The order after the lines that are printed at once.
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

fn print_out(inbox: &Receiver<PrintOrder>) -> io::Result<()> {
    // Not locked: if the terminal can only print, the line editor prints its prompt there too.
    let mut out = BufWriter::new(io::stdout());
    for order in inbox {
        let written = match order {
            PrintOrder::Print(Line { stream: Stream::Out, text }, _held) => writeln!(out, "{text}"),
            // Keeps the order if both go to the same place.
            PrintOrder::Print(Line { stream: Stream::Err, text }, _held) => out.flush().map(|()| tell(&text)),
            PrintOrder::Clear => Ok(()),
            PrintOrder::Then(call) => out.flush().map(|()| call()),
        };
        let flushed = written.and_then(|()| if inbox.is_empty() { out.flush() } else { Ok(()) });
        if flushed.is_err() {
            // Dropping it would try to write again.
            let _ = out.into_parts();
            return flushed;
        }
    }
    out.flush()
}

/// Prints what goes to standard error, unless that is the terminal that is gone.
fn complain(order: PrintOrder, is_above: bool) {
    if let PrintOrder::Print(Line { stream: Stream::Err, text }, _held) = order
        && !is_above
    {
        tell(&text);
    }
}

/// Whether a reader or a terminal is gone, which is a usual end.
fn is_hung_up(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(libc::EIO)
}
