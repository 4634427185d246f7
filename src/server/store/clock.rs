//! Pure: the clock of retention. It follows the system's clock, but a wrong clock must not delete a history: between
//! two looks it advances no faster than time passes. If the system's clock jumps ahead, only the next run follows it.

use log::warn;
use std::time::{Duration, Instant};

/// The beginning of 2026, in Unix milliseconds. A clock that is older than this program has not been set yet.
const UNSET_BEFORE: i64 = 1_767_225_600_000;
/// Smaller steps are usual when the network sets a clock.
const JUMP: Duration = Duration::from_secs(60);

/// The clock of retention, as of the last look.
#[derive(Debug, Default)]
pub struct Clock {
    last: Option<(i64, Instant)>,
    has_warned: bool,
}

impl Clock {
    /// The time in Unix milliseconds. `wall`: the system's clock, in Unix milliseconds, too.
    pub fn look(&mut self, wall: i64, instant: Instant) -> i64 {
        let wall = wall.max(UNSET_BEFORE);
        let now = match self.last {
            // A clock that is not set yet cannot jump.
            Some((last, at)) if last > UNSET_BEFORE => {
                let fair = last.saturating_add(instant.saturating_duration_since(at).as_millis() as i64);
                if wall.saturating_sub(fair) > JUMP.as_millis() as i64 && !self.has_warned {
                    self.has_warned = true;
                    let ahead = wall.saturating_sub(fair) / 1_000;
                    warn!(
                        "the clock jumped {ahead} s ahead; until the next start, old messages are removed that much later"
                    );
                }
                wall.min(fair)
            }
            _ => wall,
        };
        self.last = Some((now, instant));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    const START: i64 = 1_795_375_800_123;
    const YEAR: i64 = 365 * 24 * 3_600 * 1_000;

    /// The system's clock at each look, as seconds after the first, and the result, both relative to [`START`].
    #[track_caller]
    fn check(looks: &[(u64, i64, i64)]) {
        let (mut clock, begin) = (Clock::default(), an_instant());
        for (second, wall, expected) in looks {
            let now = clock.look(START + wall, begin + Duration::from_secs(*second));
            assert_eq!(now - START, *expected, "at {second} s");
        }
    }

    #[test]
    fn it_follows_a_clock_that_is_right() {
        check(&[(0, 0, 0), (10, 10_000, 10_000), (20, 19_990, 19_990), (86_400, 86_400_000, 86_399_990)]);
    }

    #[test]
    fn it_does_not_jump_ahead() {
        check(&[(0, 0, 0), (10, 2 * YEAR, 10_000), (20, 2 * YEAR + 10_000, 20_000), (30, 30_000, 30_000)]);
        // Backwards it follows.
        const DAY: i64 = 24 * 3_600 * 1_000;
        check(&[(0, 0, 0), (10, -DAY, -DAY), (20, 20_000, -DAY + 10_000)]);
    }

    #[test]
    fn a_clock_that_is_set_later_is_followed() {
        let unset = UNSET_BEFORE - START;
        check(&[(0, -START, unset), (10, -START + 10_000, unset), (20, 20_000, 20_000), (30, YEAR, 30_000)]);
    }
}
