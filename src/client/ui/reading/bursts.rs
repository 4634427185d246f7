//! Replaces more messages than anybody can read by their number, room by room. The messages are in the history.

use crate::protocol::RoomName;
use crate::protocol::limits::PAGE_MESSAGES;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Messages that may arrive at once: more than a screen.
const AT_ONCE: f64 = 50.0;
/// Messages per second that a reader can follow for a while.
const RATE: f64 = 10.0;
/// A burst ends when there is room for this many messages again, which prevents flickering.
const CALM: f64 = 20.0;
/// How often the number is shown: at first, and at most after a long burst.
const TELL_EVERY: Duration = Duration::from_secs(1);
const TELL_AT_LEAST_EVERY: Duration = Duration::from_secs(8);

#[derive(Debug, Default)]
pub struct Bursts {
    rooms: HashMap<RoomName, RoomBurst>,
    /// When the next number is shown, and the interval since the one before.
    tell_at: Option<Instant>,
    pace: Duration,
}

#[derive(Debug)]
struct RoomBurst {
    /// How many messages may arrive now.
    allowed: f64,
    at: Instant,
    is_burst: bool,
    /// Left out since the last number.
    left_out: u64,
    /// Left out or shown since this burst began.
    in_all: u64,
}

impl Bursts {
    /// Whether to show a message.
    pub fn admit(&mut self, now: Instant, name: &RoomName) -> bool {
        let fresh = RoomBurst { allowed: AT_ONCE, at: now, is_burst: false, left_out: 0, in_all: 0 };
        let is_loud_elsewhere = self.rooms.iter().any(|(other, room)| other != name && room.is_burst);
        let room = self.rooms.entry(name.clone()).or_insert(fresh);
        room.refill(now);
        let begins = !room.is_burst && room.allowed < 1.0;
        let is_alone = begins && !is_loud_elsewhere;
        if begins && room.left_out == 0 {
            // The number of the last burst was shown.
            room.in_all = 0;
        }
        room.is_burst |= begins;
        room.allowed = (room.allowed - 1.0).max(0.0);
        if !room.is_burst {
            return true;
        }
        room.left_out += 1;
        room.in_all += 1;
        if is_alone || self.tell_at.is_none() {
            (self.tell_at, self.pace) = (Some(now + TELL_EVERY), TELL_EVERY);
        }
        false
    }

    /// A message is shown although a burst goes on. `/history` has to go back beyond it.
    pub fn shows(&mut self, name: &RoomName) {
        if let Some(room) = self.rooms.get_mut(name).filter(|room| room.in_all > 0) {
            room.in_all += 1;
        }
    }

    /// Whether messages were left out whose number was not shown.
    pub fn has_uncounted(&self) -> bool {
        self.rooms.values().any(|room| room.left_out > 0)
    }

    /// Whether these include some of this room.
    pub fn has_uncounted_in(&self, name: &RoomName) -> bool {
        self.rooms.get(name).is_some_and(|room| room.left_out > 0)
    }

    pub fn due(&self) -> Option<Instant> {
        let untold = || self.rooms.values().filter(|room| room.left_out > 0);
        let calm = untold().map(RoomBurst::calm_at).min()?;
        Some(self.tell_at.map_or(calm, |at| at.min(calm)))
    }

    /// A line for each room in which messages were left out. `here`: the room whose history `/history` shows.
    pub fn take(&mut self, now: Instant, here: &RoomName, rooms_are_many: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, room) in &mut self.rooms {
            room.refill(now);
            if room.left_out > 0 {
                let place = if rooms_are_many || !name.is_lobby() { format!("#{name} ") } else { String::new() };
                let messages = if room.left_out == 1 { "message" } else { "messages" };
                let read = room.in_all.min(PAGE_MESSAGES as u64);
                let last = if room.in_all > read { " the last" } else { "" };
                let go_there = if name == here { String::new() } else { format!("/room {name} and ") };
                lines.push(format!("{place}… {} {messages}, {go_there}/history {read} to read{last}", room.left_out));
                room.left_out = 0;
            }
            if !room.is_burst {
                room.in_all = 0;
            }
        }
        lines.sort();
        if !self.rooms.values().any(|room| room.is_burst) {
            self.tell_at = None;
        } else if self.tell_at.is_some_and(|at| now >= at) {
            self.pace = (self.pace * 2).min(TELL_AT_LEAST_EVERY);
            self.tell_at = Some(now + self.pace);
        }
        lines
    }
}

impl RoomBurst {
    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.allowed = (self.allowed + since * RATE).min(AT_ONCE);
        self.at = now;
        self.is_burst &= self.allowed < CALM;
    }

    /// When the burst ends if nothing more arrives.
    fn calm_at(&self) -> Instant {
        // A millisecond more, against rounding.
        let wait = Duration::from_secs_f64(((CALM - self.allowed) / RATE).max(0.0));
        self.at + wait + Duration::from_millis(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    struct Stage {
        bursts: Bursts,
        now: Instant,
    }

    impl Stage {
        fn new() -> Stage {
            Stage { bursts: Bursts::default(), now: an_instant() }
        }

        /// This many messages, at this rate per second: how many of them are shown.
        fn come(&mut self, count: u32, a_second: u32) -> u32 {
            let shown = (0..count).filter(|_| {
                self.now += Duration::from_secs(1) / a_second;
                self.bursts.admit(self.now, &RoomName::lobby())
            });
            shown.count() as u32
        }
    }

    #[test]
    fn readable_rates_are_shown() {
        let mut stage = Stage::new();
        assert_eq!(stage.come(50, 1_000), 50);
        assert_eq!(stage.come(1_000, 9), 1_000);
        assert_eq!(stage.bursts.due(), None);
    }

    #[test]
    fn a_burst_is_a_number() {
        let mut stage = Stage::new();
        assert_eq!(stage.come(461, 10_000), 50);
        let due = stage.bursts.due().unwrap();
        assert!(due > stage.now && due < stage.now + TELL_EVERY);
        assert_eq!(stage.bursts.take(due, &RoomName::lobby(), false), ["… 411 messages, /history 411 to read"]);
        assert_eq!(stage.bursts.due(), None);
        // First it is not over yet, and then it is.
        assert_eq!(stage.come(1, 1), 0);
        assert_eq!(
            stage.bursts.take(stage.now, &RoomName::lobby(), true),
            ["#lobby … 1 message, /history 412 to read"]
        );
        stage.now += Duration::from_secs(2);
        assert_eq!(stage.come(1, 1), 1);
        assert_eq!(stage.bursts.due(), None);
    }

    #[test]
    fn a_long_burst_is_counted_more_and_more_rarely() {
        let mut stage = Stage::new();
        stage.come(1_051, 1_000);
        let mut told = Vec::new();
        for _ in 0..30 {
            if stage.bursts.due().is_some_and(|due| stage.now >= due) {
                told.extend(stage.bursts.take(stage.now, &RoomName::lobby(), false));
            }
            assert_eq!(stage.come(1_000, 1_000), 0);
        }
        assert!((4..=6).contains(&told.len()), "{told:?}");
        assert!(told[1..].iter().all(|line| line.ends_with(", /history 500 to read the last")), "{told:?}");
    }

    #[test]
    fn an_early_number_puts_off_no_later_one() {
        let mut stage = Stage::new();
        stage.come(100, 1_000);
        let due = stage.bursts.due();
        for _ in 0..3 {
            stage.come(10, 1_000);
            stage.bursts.take(stage.now, &RoomName::lobby(), false);
        }
        stage.come(1, 1_000);
        assert_eq!(stage.bursts.due(), due);
        // The first number of another burst does not wait longer.
        stage.now += Duration::from_secs(60);
        stage.come(100, 1_000);
        assert!(stage.bursts.due().unwrap() <= stage.now + TELL_EVERY);
    }

    #[test]
    fn another_burst_starts_its_own_count() {
        let mut stage = Stage::new();
        stage.come(450, 10_000);
        stage.bursts.take(stage.now, &RoomName::lobby(), false);
        stage.now += Duration::from_secs(60);
        stage.come(80, 10_000);
        let told = stage.bursts.take(stage.now, &RoomName::lobby(), false);
        assert_eq!(told, ["… 30 messages, /history 30 to read"]);
    }

    #[test]
    fn a_loud_room_leaves_the_others_alone() {
        let mut stage = Stage::new();
        stage.come(100, 1_000);
        let dev = RoomName::parse("dev").unwrap();
        assert!(stage.bursts.admit(stage.now, &dev));
        assert!(stage.bursts.has_uncounted_in(&RoomName::lobby()) && !stage.bursts.has_uncounted_in(&dev));
        let told = ["#lobby … 50 messages, /room lobby and /history 50 to read"];
        assert_eq!(stage.bursts.take(stage.now, &dev, true), told);
        assert!(!stage.bursts.has_uncounted());
    }

    #[test]
    fn what_is_shown_in_a_burst_is_among_the_history_to_read() {
        let mut stage = Stage::new();
        let lobby = RoomName::lobby();
        stage.bursts.shows(&lobby);
        stage.come(52, 10_000);
        assert_eq!(stage.bursts.take(stage.now, &lobby, false), ["… 2 messages, /history 2 to read"]);
        stage.bursts.shows(&lobby);
        stage.come(3, 10_000);
        assert_eq!(stage.bursts.take(stage.now, &lobby, false), ["… 3 messages, /history 6 to read"]);
    }
}
