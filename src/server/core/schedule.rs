//! Pure: when the server publishes its retained messages again.

use std::time::{Duration, Instant};

/// A retained message that is published again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Periodic {
    /// The list of users, if it has changed.
    Users,
    /// On chat/server, that the server is online. The will of an earlier connection may have said `offline` since, and the
    /// broker may have dropped it before it reached this server.
    Online,
    /// The counters.
    Stats,
}

impl Periodic {
    const ALL: [Periodic; 3] = [Periodic::Users, Periodic::Online, Periodic::Stats];

    /// The shortest time between two of them.
    fn interval(self) -> Duration {
        Duration::from_secs(match self {
            // Originals print the whole list each time.
            Periodic::Users => 30,
            Periodic::Online => 60,
            Periodic::Stats => 10,
        })
    }
}

#[derive(Debug)]
pub struct Schedule {
    /// Somebody joined or left since the list was published.
    users_changed: bool,
    /// When each was last published.
    last: [Option<Instant>; Periodic::ALL.len()],
}

impl Schedule {
    pub fn new() -> Schedule {
        Schedule { users_changed: true, last: [None; Periodic::ALL.len()] }
    }

    pub fn users_changed(&mut self) {
        self.users_changed = true;
    }

    pub fn published(&mut self, what: Periodic, now: Instant) {
        self.users_changed &= what != Periodic::Users;
        self.last[what as usize] = Some(now);
    }

    pub fn due(&self, now: Instant) -> impl Iterator<Item = Periodic> + use<> {
        let (users_changed, last) = (self.users_changed, self.last);
        let is_due = move |what: &Periodic| {
            let is_wanted = users_changed || *what != Periodic::Users;
            is_wanted && last[*what as usize].is_none_or(|at| now.saturating_duration_since(at) >= what.interval())
        };
        Periodic::ALL.into_iter().filter(is_due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    #[test]
    fn each_comes_at_its_interval_and_the_users_only_if_they_changed() {
        let (mut schedule, start) = (Schedule::new(), an_instant());
        let due = |schedule: &Schedule, s| schedule.due(start + Duration::from_secs(s)).collect::<Vec<_>>();
        assert_eq!(due(&schedule, 0), Periodic::ALL);
        Periodic::ALL.into_iter().for_each(|what| schedule.published(what, start));
        assert_eq!(due(&schedule, 9), []);
        assert_eq!(due(&schedule, 10), [Periodic::Stats]);
        assert_eq!(due(&schedule, 60), [Periodic::Online, Periodic::Stats]);
        schedule.users_changed();
        assert_eq!(due(&schedule, 29), [Periodic::Stats]);
        assert_eq!(due(&schedule, 30), [Periodic::Users, Periodic::Stats]);
    }
}
