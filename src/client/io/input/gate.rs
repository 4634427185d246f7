//! Passes texts from the screen to the line editor, which alone may print while it reads a line. One text passes at a time,
//! and the screen knows when it is printed.
//!
//! When a line ends, the line editor would hold one text back and print the next one first. So it gets no text between two
//! lines.

use crate::terminal;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub struct PrintGate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    /// The line editor reads a line and accepts a text whenever no key is pressed.
    is_reading: bool,
    /// It has a text that is not printed yet.
    is_given: bool,
    /// It draws next because of a key, not because of a text.
    is_redrawn: bool,
    /// It waits for another key and accepts no text.
    is_deaf: bool,
    /// No more lines will be read.
    is_over: bool,
}

impl PrintGate {
    /// Prints a text with `give`, which hands it to the line editor, or with `around` if the editor accepts none. Returns when
    /// it is printed; `false` if that is impossible.
    pub fn print(&self, text: String, mut give: impl FnMut(String) -> bool, around: impl FnOnce(&str) -> bool) -> bool {
        let mut state = self.wait(self.lock(), |state| state.is_reading && !state.is_given);
        if state.is_reading && !state.is_given {
            if state.is_deaf {
                // Under the lock, so that the editor draws nothing meanwhile.
                return around(&text);
            }
            state.is_given = true;
            // Does not block: there is room for one.
            if !give(text.clone()) {
                return false;
            }
            state = self.wait(state, |state| !state.is_given);
            if !state.is_given {
                return true;
            }
        }
        // After the last line nobody else prints.
        drop(state);
        terminal::write(&text)
    }

    /// From now on texts are printed without the line editor if it reads no line.
    pub fn finish(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// The line editor begins or stops reading a line.
    pub fn reads(&self, is_reading: bool) {
        self.lock().is_reading = is_reading;
        self.changed.notify_all();
    }

    /// The line editor waits for another key, or no longer does.
    pub fn is_deaf(&self, is_deaf: bool) {
        self.lock().is_deaf = is_deaf;
    }

    /// A key makes the line editor draw next.
    pub fn is_about_to_redraw(&self) {
        self.lock().is_redrawn = true;
    }

    /// The line editor draws. Without a key, it draws only below a text that it has just printed.
    pub fn draws(&self) {
        let mut state = self.lock();
        if !std::mem::take(&mut state.is_redrawn) {
            state.is_given = false;
            self.changed.notify_all();
        }
    }

    /// Waits until the condition holds or never will.
    fn wait<'g>(
        &self,
        state: MutexGuard<'g, GateState>,
        is_so: impl Fn(&GateState) -> bool,
    ) -> MutexGuard<'g, GateState> {
        let waits = |state: &mut GateState| !is_so(state) && (!state.is_over || state.is_reading);
        self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_text_is_printed_when_the_editor_has_drawn_below_it() {
        let gate = Arc::new(PrintGate::default());
        let (given, texts) = mpsc::channel();
        let (to_done, done) = mpsc::channel();
        let printing = Arc::clone(&gate);
        let prints = std::thread::spawn(move || {
            for text in ["one\n", "two\n"] {
                assert!(printing.print(text.to_owned(), |text| given.send(text).is_ok(), |_| panic!("it takes it")));
                to_done.send(()).unwrap();
            }
        });
        let moment = Duration::from_millis(20);
        assert!(texts.recv_timeout(moment).is_err(), "nothing before a line is read");
        gate.reads(true);
        assert_eq!(texts.recv().unwrap(), "one\n");
        gate.is_about_to_redraw();
        gate.draws();
        assert!(done.recv_timeout(moment).is_err(), "that was a key");
        // The line ends; the next one begins, and only then the editor prints what it has.
        gate.reads(false);
        gate.reads(true);
        assert!(done.recv_timeout(moment).is_err());
        gate.draws();
        done.recv().unwrap();
        assert_eq!(texts.recv().unwrap(), "two\n");
        gate.draws();
        prints.join().unwrap();
    }

    #[test]
    fn a_text_is_printed_around_an_editor_that_takes_none() {
        let gate = PrintGate::default();
        gate.reads(true);
        gate.is_deaf(true);
        let mut printed = String::new();
        assert!(gate.print(
            "one".to_owned(),
            |_| panic!("it would wait"),
            |text| {
                printed.push_str(text);
                true
            }
        ));
        assert_eq!(printed, "one");
        assert!(!gate.print("two".to_owned(), |_| panic!("it would wait"), |_| false), "the terminal is gone");
    }
}
