//! The "probe" thread of a link: finds out why an attempt failed. That may take long, so the link thread does not do
//! it. If the link has ended meanwhile, the answer is dropped and the thread ends.

use super::Signal;
use crate::link::machine::Input;
use crate::link::{Settings, probe};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;

/// Starts the thread, which explains failures of these generations. It ends when the sender is dropped and its probe is
/// done.
pub fn start(settings: Settings, signals: Sender<Signal>) -> io::Result<Sender<u64>> {
    let (failures, inbox) = unbounded();
    let work = move || run(&settings, &inbox, &signals);
    std::thread::Builder::new().name("probe".to_owned()).spawn(work)?;
    Ok(failures)
}

fn run(settings: &Settings, inbox: &Receiver<u64>, signals: &Sender<Signal>) {
    for failed in inbox {
        // Only the latest one counts.
        let generation = inbox.try_iter().last().unwrap_or(failed);
        let walked = probe::walk(settings);
        if signals.send(Signal::Input(Input::Explained { generation, walked })).is_err() {
            return;
        }
    }
}
