//! Joins and leaves, gathered into one line: `+ alice, bob  − carol  (12 online)`. Somebody who joins and leaves within
//! that time, or the other way round, is not mentioned.

use crate::protocol::{Nick, Notice, NoticeKind, text};
use std::time::{Duration, Instant};

/// How long to gather. If somebody who joined speaks meanwhile, the line comes first.
const GATHER: Duration = Duration::from_secs(3);
/// Names on each side; the others are counted.
const NAMES: usize = 10;

#[derive(Debug, Default)]
pub struct Comings {
    since: Option<Instant>,
    came: Side,
    went: Side,
    /// From the last notice.
    online: Option<u64>,
}

#[derive(Debug, Default)]
struct Side {
    nicks: Vec<Nick>,
    /// Those who timed out.
    lost: Vec<Nick>,
    /// How many were not named.
    more: u64,
}

impl Comings {
    pub fn add(&mut self, now: Instant, notice: &Notice) {
        self.since.get_or_insert(now);
        let named = if notice.nicks.is_empty() { std::slice::from_ref(&notice.nick) } else { &notice.nicks };
        let (side, other) = match notice.kind {
            NoticeKind::Join => (&mut self.came, &mut self.went),
            NoticeKind::Leave | NoticeKind::Timeout => (&mut self.went, &mut self.came),
        };
        for nick in named {
            if other.remove(nick) {
                continue;
            }
            side.remove(nick);
            side.nicks.push(nick.clone());
            if notice.kind == NoticeKind::Timeout {
                side.lost.push(nick.clone());
            }
        }
        // The number may be forged.
        side.more = side.more.saturating_add(notice.count.unwrap_or(1).saturating_sub(named.len() as u64));
        self.online = notice.online_users.or(self.online);
    }

    /// Whether the line will name this nick.
    pub fn name(&self, nick: &Nick) -> bool {
        self.came.has(nick) || self.went.has(nick)
    }

    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + GATHER)
    }

    /// The line, if there is one; then it starts again.
    pub fn take(&mut self) -> Option<String> {
        let Comings { came, went, online, .. } = std::mem::take(self);
        let sides: Vec<String> = [came.text('+'), went.text('−')].into_iter().flatten().collect();
        let online = online.map_or(String::new(), |online| format!("  ({online} online)"));
        (!sides.is_empty()).then(|| sides.join("  ") + &online)
    }
}

impl Side {
    fn has(&self, nick: &Nick) -> bool {
        self.nicks.iter().any(|known| known.key() == nick.key())
    }

    /// `false` if it was not there.
    fn remove(&mut self, nick: &Nick) -> bool {
        let was = self.has(nick);
        self.nicks.retain(|known| known.key() != nick.key());
        self.lost.retain(|known| known.key() != nick.key());
        was
    }

    fn text(&self, sign: char) -> Option<String> {
        let name = |nick: &Nick| {
            let shown = text::visible(nick.as_str());
            if self.lost.contains(nick) { format!("{shown} (timed out)") } else { shown.into_owned() }
        };
        let names = self.nicks.iter().take(NAMES).map(name).collect::<Vec<_>>().join(", ");
        let more = self.more.saturating_add(self.nicks.len().saturating_sub(NAMES) as u64);
        let others = if more == 1 { "other" } else { "others" };
        match (names.is_empty(), more) {
            (true, 0) => None,
            (true, _) => Some(format!("{sign} {more} {others}")),
            (false, 0) => Some(format!("{sign} {names}")),
            (false, _) => Some(format!("{sign} {names} and {more} {others}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    fn nick(name: &str) -> Nick {
        Nick::parse(name).unwrap()
    }

    fn notice(sign: char, names: &[&str], count: u64) -> Notice {
        let kind = match sign {
            '+' => NoticeKind::Join,
            '-' => NoticeKind::Leave,
            _ => NoticeKind::Timeout,
        };
        let nicks = if names.len() > 1 { names.iter().map(|name| nick(name)).collect() } else { Vec::new() };
        Notice {
            kind,
            nick: nick(names[0]),
            message: String::new(),
            timestamp: None,
            online_users: None,
            users_list: None,
            nicks,
            count: (count > 1).then_some(count),
        }
    }

    #[track_caller]
    fn check(notices: &[(char, &str)], expected: Option<&str>) {
        let mut comings = Comings::default();
        let now = an_instant();
        for (sign, names) in notices {
            let names: Vec<&str> = names.split(' ').collect();
            comings.add(now, &notice(*sign, &names, names.len() as u64));
        }
        assert_eq!(comings.due(), Some(now + GATHER));
        assert_eq!(comings.take().as_deref(), expected);
        assert_eq!((comings.due(), comings.take()), (None, None));
    }

    #[test]
    fn both_sides_on_one_line() {
        check(&[('+', "alice")], Some("+ alice"));
        check(&[('+', "alice"), ('-', "carol"), ('+', "bob")], Some("+ alice, bob  − carol"));
        check(&[('!', "dave"), ('-', "carol eve")], Some("− dave (timed out), carol, eve"));
        // These are the only ones that a nick may contain.
        check(&[('+', "a\u{61c}b\u{2028}c")], Some("+ a\\u{61c}b\\u{2028}c"));
    }

    #[test]
    fn a_return_changes_nothing() {
        check(&[('+', "alice"), ('-', "Alice")], None);
        check(&[('-', "alice"), ('+', "alice"), ('+', "bob")], Some("+ bob"));
        check(&[('!', "alice"), ('-', "alice")], Some("− alice"));
    }

    #[test]
    fn many_are_counted() {
        let many = (1..=13).map(|number| format!("u{number}")).collect::<Vec<_>>().join(" ");
        check(&[('+', &many)], Some("+ u1, u2, u3, u4, u5, u6, u7, u8, u9, u10 and 3 others"));
        let mut comings = Comings::default();
        let merged = Notice { online_users: Some(40), ..notice('+', &["alice", "bob"], 3) };
        comings.add(an_instant(), &merged);
        assert!(comings.name(&nick("BOB")) && !comings.name(&nick("carol")));
        assert_eq!(comings.take().as_deref(), Some("+ alice, bob and 1 other  (40 online)"));
    }

    #[test]
    fn forged_counts_do_not_overflow() {
        let mut comings = Comings::default();
        let names: Vec<String> = (1..=13).map(|number| format!("u{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for sign in ['+', '-'] {
            comings.add(an_instant(), &notice(sign, &["alice"], u64::MAX));
            comings.add(an_instant(), &notice(sign, &names, u64::MAX));
            comings.add(an_instant(), &notice(sign, &["bob", "carol"], u64::MAX));
        }
        let line = comings.take().unwrap();
        assert_eq!(line.matches(&u64::MAX.to_string()).count(), 2, "{line}");
    }
}
