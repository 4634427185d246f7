//! Waits for a condition with a deadline, and for the end of a child process.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// The deadline for anything that should happen at once. A passing test never reaches it, so it only has to exceed the
/// slowest machine under load.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The time between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Returns as soon as `condition` holds.
///
/// # Panics
///
/// At the caller's line, with `what`, if it does not hold within `deadline`.
#[track_caller]
pub fn wait_until(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() >= deadline {
            panic!("waited {deadline:?} in vain for: {what}");
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits for the end of `child`, and reaps it.
///
/// # Panics
///
/// At the caller's line if it does not end within `deadline`.
#[track_caller]
pub fn wait_for_exit(child: &mut Child, what: &str, deadline: Duration) -> ExitStatus {
    let mut status = None;
    wait_until(deadline, &format!("the end of {what}"), || {
        status = child.try_wait().expect("our own child can be waited for");
        status.is_some()
    });
    status.expect("wait_until returns only with a status")
}

/// Sends `signal` to `child`, which must not have been reaped yet.
#[track_caller]
pub fn send_signal(child: &Child, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(child.id()).expect("a pid fits pid_t");
    // SAFETY: kill takes plain numbers. The child is not reaped, so the id is still its own.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Ends a child that leads a process group, and everything in the group, with SIGKILL.
pub fn kill_group(leader: &Child) {
    let pid = libc::pid_t::try_from(leader.id()).expect("a pid fits pid_t");
    // SAFETY: kill takes plain numbers. The child is not reaped, so the id is still its own.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
}
