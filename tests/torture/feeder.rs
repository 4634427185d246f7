//! Gives a sender its messages at a steady rate, in a thread of its own, because the pipe of a stopped sender may be
//! full. The seed determines texts and targets.

use crate::account::{Number, RunNumber};
use crate::cast::{LOBBY, Member, ROOMS, Target};
use crate::ledger::Record;
use crate::random::Random;
use serde_json::json;
use std::io::Write;
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Now and then this many come at once: more than the broker queues for anybody.
const BURST: usize = 60;

/// The numbers of one sender. The next sender's begin above.
const NUMBERS: u64 = 1_000_000;

/// The source of one sender's lines. It ends on drop.
pub struct Feeder {
    inputs: Option<Sender<(RunNumber, ChildStdin)>>,
    thread: Option<JoinHandle<Option<ChildStdin>>>,
}

impl Feeder {
    /// It begins with its first input.
    pub fn start(seed: u64, sender: Member, every: Duration, begun: Instant, records: Sender<Record>) -> Feeder {
        let (inputs, inbox) = mpsc::channel();
        let lines = Lines::new(seed, sender);
        let thread = thread::spawn(move || feed(lines, every, begun, &records, &inbox));
        Feeder { inputs: Some(inputs), thread: Some(thread) }
    }

    /// From now on lines go to this run. Those for an earlier one are lost with its pipe.
    pub fn feeds(&self, run: RunNumber, input: ChildStdin) {
        if let Some(inputs) = &self.inputs {
            let _ = inputs.send((run, input));
        }
    }

    /// Stops the lines and returns the input of the current run.
    pub fn stop(mut self) -> Option<ChildStdin> {
        self.inputs = None;
        self.thread.take().and_then(|thread| thread.join().ok()).flatten()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.inputs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn feed(
    mut lines: Lines,
    every: Duration,
    begun: Instant,
    records: &Sender<Record>,
    inbox: &Receiver<(RunNumber, ChildStdin)>,
) -> Option<ChildStdin> {
    let mut current = None;
    let mut due = Instant::now();
    loop {
        match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(input) => current = Some(input),
            Err(RecvTimeoutError::Disconnected) => return current.map(|(_, input)| input),
            Err(RecvTimeoutError::Timeout) => {
                // Lines delayed by a blocked pipe are not made up for.
                due = (due + every).max(Instant::now());
                for _ in 0..lines.next_count() {
                    let Some((run, input)) = &mut current else { break };
                    let line = lines.next_line();
                    let at = begun.elapsed();
                    let Line { number, target, text, .. } = line.clone();
                    let given = Record::Given { sender: lines.sender, run: *run, number, target, text, at };
                    if records.send(given).is_err() {
                        return None;
                    }
                    if input.write_all(line.json().as_bytes()).is_err() {
                        current = None;
                    }
                }
            }
        }
    }
}

/// The messages of one sender, in order.
struct Lines {
    sender: Member,
    random: Random,
    last: Number,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    number: Number,
    target: Target,
    text: String,
}

impl Lines {
    fn new(seed: u64, sender: Member) -> Lines {
        let place = sender as u64;
        Lines { sender, random: Random::stream(seed, 100 + place), last: place * NUMBERS }
    }

    /// How many come now.
    fn next_count(&mut self) -> usize {
        if self.random.below(BURST * 4) == 0 { BURST } else { 1 }
    }

    fn next_line(&mut self) -> Line {
        self.last += 1;
        let random = &mut self.random;
        let target = match random.below(100) {
            0..45 => Target::Room(LOBBY),
            45..85 => Target::Room(ROOMS[random.below(ROOMS.len())]),
            _ => Target::Direct(*random.pick(&Member::RECEIVERS)),
        };
        // Mostly of a usual length, sometimes long: then a page does not hold many.
        let filling = match random.chance(3) {
            true => random.below(3_000),
            false => random.below(150),
        };
        let text = format!("{} {} {}", self.sender, self.last, "ä…x ".repeat(filling / 4));
        Line { number: self.last, target, text: text.trim_end().to_owned() }
    }
}

impl Line {
    /// As the program reads it, with its line end.
    fn json(&self) -> String {
        let Line { number, target, text } = self;
        let line = match target {
            Target::Room(room) => json!({"message": text, "room": room, "ref": number}),
            Target::Direct(to) => json!({"message": text, "to": to.nick(), "ref": number}),
        };
        format!("{line}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_seed_determines_the_lines() {
        let lines = |seed, sender| {
            let mut lines = Lines::new(seed, sender);
            (0..500).map(|_| lines.next_line()).collect::<Vec<_>>()
        };
        assert_eq!(lines(1, Member::Ann), lines(1, Member::Ann));
        assert_ne!(lines(1, Member::Ann), lines(2, Member::Ann));
        let all = [lines(1, Member::Ann), lines(1, Member::Ben)].concat();
        let texts: HashSet<&str> = all.iter().map(|line| line.text.as_str()).collect();
        let numbers: HashSet<Number> = all.iter().map(|line| line.number).collect();
        let targets: HashSet<Target> = all.iter().map(|line| line.target).collect();
        assert_eq!((texts.len(), numbers.len(), targets.len()), (1_000, 1_000, 6));
    }
}
