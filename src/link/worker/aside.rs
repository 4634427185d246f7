//! The "probe" thread of a link: it does what may block for long, so that the link thread always hears its owner. It
//! asks the gate and finds out why an attempt failed; the answer rings the link thread. Where the link has ended in the
//! meantime, nobody hears it, and the thread ends.

use super::Signal;
use crate::link::{AskGate, Failure, Gate, Settings, probe};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;

/// What the thread is to do. The link thread waits for one answer before it asks for another.
#[derive(Debug, Clone, Copy)]
pub enum Job {
    AskGate,
    Walk,
}

/// What it found.
pub enum Finding {
    Gate(Gate),
    /// What [`probe::walk`] says.
    Walked(Result<(), Failure>),
}

/// Starts the thread. It ends when the sender is dropped and its job is done.
pub fn start(settings: Settings, gate: Option<AskGate>, signals: Sender<Signal>) -> io::Result<Sender<Job>> {
    let (jobs, inbox) = unbounded();
    let work = move || run(&settings, gate, &inbox, &signals);
    std::thread::Builder::new().name("probe".to_owned()).spawn(work)?;
    Ok(jobs)
}

fn run(settings: &Settings, mut gate: Option<AskGate>, inbox: &Receiver<Job>, signals: &Sender<Signal>) {
    for job in inbox {
        let finding = match job {
            Job::AskGate => Finding::Gate(gate.as_mut().map_or(Gate::Open, |gate| gate())),
            Job::Walk => Finding::Walked(probe::walk(settings)),
        };
        if signals.send(Signal::Found(finding)).is_err() {
            return;
        }
    }
}
