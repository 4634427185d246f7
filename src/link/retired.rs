//! Finished handles of paho, kept until it is safe and cheap to free them. Only the driver uses this.
//!
//! Freeing one at once is unsafe: a callback that reported its end may still hold the handle, and must not be the last
//! to drop it. It is also expensive: when the last handle of a process goes, paho stops its threads, which takes up to
//! a second. So handles wait here and are freed while a later handle is in use. The last ones are freed with the
//! process.

use paho_mqtt::AsyncClient;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any of our callbacks takes.
const REST: Duration = Duration::from_secs(5);

/// paho's handles belong to the process, like paho's own state.
static RETIRED: Mutex<Vec<(Instant, AsyncClient)>> = Mutex::new(Vec::new());

/// Keeps a handle that is disconnected or was given up.
pub fn keep(client: AsyncClient) {
    handles().push((Instant::now(), client));
}

/// Frees handles that have rested. Call this while another handle is in use.
pub fn free_rested() {
    let now = Instant::now();
    let rested: Vec<_> = handles().extract_if(.., |(since, _)| now.saturating_duration_since(*since) >= REST).collect();
    // Outside the lock, because freeing one waits for paho's own lock.
    drop(rested);
}

fn handles() -> std::sync::MutexGuard<'static, Vec<(Instant, AsyncClient)>> {
    // A panic elsewhere leaves the list intact.
    RETIRED.lock().unwrap_or_else(PoisonError::into_inner)
}
