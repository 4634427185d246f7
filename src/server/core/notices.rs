//! Pure: when joins and leaves are announced. In a storm several are merged into one notice, which bounds the traffic
//! per second however many people come and go.

use crate::protocol::limits::{NOTICE_NAMES, NOTICE_USERS};
use crate::protocol::{Nick, Notice, NoticeKind, Timestamp};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The most single notices within [`WINDOW`]. Further ones are merged.
const SINGLY: u32 = 5;
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Notices {
    window: Option<Instant>,
    told: u32,
    held: Vec<(NoticeKind, Nick)>,
}

/// People to announce; several if they are merged.
#[derive(Debug, PartialEq, Eq)]
pub struct Telling {
    pub kind: NoticeKind,
    /// Never empty.
    pub nicks: Vec<Nick>,
}

impl Notices {
    /// What to announce now because of this event.
    pub fn add(&mut self, kind: NoticeKind, nick: Nick, now: Instant) -> Option<Telling> {
        // Held notices go out when their window ends: a steady flow must not delay them forever.
        if !self.held.is_empty() {
            self.held.push((kind, nick));
            return None;
        }
        if self.window.is_none_or(|start| now.saturating_duration_since(start) >= WINDOW) {
            self.window = Some(now);
            self.told = 0;
        }
        if self.told >= SINGLY {
            self.held.push((kind, nick));
            return None;
        }
        self.told += 1;
        Some(Telling { kind, nicks: vec![nick] })
    }

    /// The notices held back, merged by kind. Call this with every tick.
    pub fn due(&mut self, now: Instant) -> Vec<Telling> {
        if self.held.is_empty() || self.window.is_some_and(|start| now.saturating_duration_since(start) < WINDOW) {
            return Vec::new();
        }
        self.window = Some(now);
        self.told = SINGLY;
        let mut held = std::mem::take(&mut self.held);
        // If several things happened to one person, the last one counts, because kinds are announced in another order
        // than they happened.
        let mut seen = HashSet::new();
        held.reverse();
        held.retain(|(_, nick)| seen.insert(nick.key().clone()));
        held.reverse();
        let of = |kind| {
            let nicks: Vec<Nick> =
                held.iter().filter(|(held, _)| *held == kind).map(|(_, nick)| nick.clone()).collect();
            (!nicks.is_empty()).then_some(Telling { kind, nicks })
        };
        [NoticeKind::Join, NoticeKind::Leave, NoticeKind::Timeout].into_iter().filter_map(of).collect()
    }
}

impl Telling {
    /// The notice, with the state of the chat after it. `online`: everybody present, by key.
    pub fn notice<'a>(self, online: impl ExactSizeIterator<Item = &'a Nick>, timestamp: Timestamp) -> Notice {
        let several = self.nicks.len() > 1;
        let first = self.nicks[0].clone();
        Notice {
            kind: self.kind,
            message: Notice::text(self.kind, &first, self.nicks.len()),
            nick: first,
            timestamp: Some(timestamp),
            online_users: Some(online.len() as u64),
            count: several.then_some(self.nicks.len() as u64),
            nicks: if several { self.nicks.into_iter().take(NOTICE_NAMES).collect() } else { Vec::new() },
            users_list: (online.len() <= NOTICE_USERS).then(|| online.cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    fn nick(n: usize) -> Nick {
        Nick::parse(&format!("user{n}")).unwrap()
    }

    #[test]
    fn few_joins_get_single_notices_and_a_storm_one() {
        let mut notices = Notices::default();
        let start = an_instant();
        let told = (0..40).filter_map(|n| notices.add(NoticeKind::Join, nick(n), start)).count();
        assert_eq!(told, 5);
        notices.add(NoticeKind::Leave, nick(0), start);
        for kind in [NoticeKind::Leave, NoticeKind::Join] {
            notices.add(kind, nick(39), start);
        }
        assert_eq!(notices.due(start + Duration::from_millis(500)), []);
        let due = notices.due(start + WINDOW);
        assert_eq!(
            due.iter().map(|telling| (telling.kind, telling.nicks.len())).collect::<Vec<_>>(),
            [(NoticeKind::Join, 35), (NoticeKind::Leave, 1)]
        );
        let notice = due.into_iter().next().unwrap().notice([nick(0), nick(1)].iter(), stamp());
        assert_eq!(notice.message, "user5 and 34 others joined the chat");
        assert_eq!((notice.nicks.len(), notice.count, notice.online_users), (NOTICE_NAMES, Some(35), Some(2)));
        assert_eq!(notices.due(start + 2 * WINDOW), []);
        assert!(notices.add(NoticeKind::Join, nick(1), start + 3 * WINDOW).is_some());
    }

    #[test]
    fn a_steady_flow_is_announced_too() {
        let mut notices = Notices::default();
        let start = an_instant();
        let mut told = 0;
        for step in 0..600 {
            let now = start + Duration::from_millis(100) * step;
            told += notices.add(NoticeKind::Join, nick(step as usize), now).map_or(0, |telling| telling.nicks.len());
            if step % 5 == 4 {
                told += notices.due(now).iter().map(|telling| telling.nicks.len()).sum::<usize>();
            }
        }
        assert!(told > 580, "{told} of 600 joins were told");
    }

    #[test]
    fn in_a_large_chat_the_list_is_left_out() {
        let everybody: Vec<Nick> = (0..=NOTICE_USERS).map(nick).collect();
        let telling = || Telling { kind: NoticeKind::Timeout, nicks: vec![nick(1)] };
        assert_eq!(telling().notice(everybody.iter(), stamp()).users_list, None);
        let notice = telling().notice(everybody[1..].iter(), stamp());
        assert_eq!(notice.users_list.map(|list| list.len()), Some(NOTICE_USERS));
        assert_eq!((notice.message.as_str(), notice.count, notice.nicks.len()), ("user1 timed out", None, 0));
    }

    fn stamp() -> Timestamp {
        Timestamp::parse("2026-11-22T20:30:00.123+01:00").unwrap()
    }
}
