//! Time for the parts of a conversation: it jumps from deadline to deadline.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Lets time pass for a part. `turn` does what is due, and returns what it did and the next deadline. Returns everything
/// that was done, and after how many milliseconds. Checks that nothing is done before its deadline, and that a deadline
/// passes with its turn.
#[track_caller]
pub fn pass<T: Debug>(
    now: &mut Instant,
    milliseconds: u64,
    mut turn: impl FnMut(Instant) -> (Vec<T>, Option<Instant>),
) -> Vec<(u64, T)> {
    let (begin, end) = (*now, *now + Duration::from_millis(milliseconds));
    let mut all = Vec::new();
    loop {
        let (done, due) = turn(*now);
        let after = (*now - begin).as_millis() as u64;
        all.extend(done.into_iter().map(|what| (after, what)));
        assert!(due.is_none_or(|due| due > *now), "after {after} ms something is still due: {all:?}");
        if *now == end {
            return all;
        }
        let next = due.map_or(end, |due| due.min(end));
        let before = next - Duration::from_nanos(1);
        if before > *now {
            let (early, due_then) = turn(before);
            assert!(early.is_empty(), "before its deadline: {early:?}");
            assert_eq!(due_then, due, "a turn with nothing to do leaves the deadline as it is");
        }
        *now = next;
    }
}
