//! Handles of paho that have done their work, until it is safe and cheap to free them. Called by the driver only.
//!
//! Freeing one is neither at once. Not safe: a callback that told of its end may still run and hold the handle, and must
//! not be the one to drop it last. Not cheap: with the last handle of a process gone, paho stops its threads, which
//! takes up to a second. So they wait here, and go when a later handle is at work; the last ones go with the process.

use paho_mqtt::AsyncClient;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any callback of ours takes.
const REST: Duration = Duration::from_secs(5);

/// paho's handles belong to the process, as paho's own state does.
static RETIRED: Mutex<Vec<(Instant, AsyncClient)>> = Mutex::new(Vec::new());

/// Keeps a handle that is disconnected, or was given up.
pub fn keep(client: AsyncClient) {
    handles().push((Instant::now(), client));
}

/// Frees those that have rested. Called while another handle is in use.
pub fn free_rested() {
    let now = Instant::now();
    let rested: Vec<_> = handles().extract_if(.., |(since, _)| now.saturating_duration_since(*since) >= REST).collect();
    // Outside the lock: freeing one waits for paho's own.
    drop(rested);
}

fn handles() -> std::sync::MutexGuard<'static, Vec<(Instant, AsyncClient)>> {
    // A list of handles is whole whatever panicked beside it.
    RETIRED.lock().unwrap_or_else(PoisonError::into_inner)
}
