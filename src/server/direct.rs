//! Pure: direct messages that wait for their receipt. What is kept of each is in the database; here is only who is
//! being served, what is under way to them, and when it is sent again.
//!
//! ```text
//!              addressee joins: ask ─► found ─► under way ─┐
//!   stored ──┤                                   ▲   │     ├── receipt ─► done
//!              addressee is there: live ─────────┘   │     │
//!                                    10 s, doubling ─┘     └── addressee leaves: waits
//! ```

#[cfg(test)]
mod tests;

use super::history::Direct;
use crate::protocol::{Nick, NickKey, Private, SentId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Under way to one addressee at most, and asked for at a time.
pub const UNDER_WAY: usize = 100;
/// How long a receipt may take before a message is sent again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// A question that was not answered within this time was lost.
const LOST: Duration = Duration::from_secs(60);
/// What was delivered before the database knows of it is remembered up to this many; then it starts over.
const REMEMBERED: usize = 1_000;

/// How somebody is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seating {
    Away,
    /// Only as an original client, which knows neither direct messages nor receipts.
    Original,
    Ours,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Look which messages wait for `to` above this row, [`UNDER_WAY`] at most, and give them to [`Directs::found`].
    Ask { to: NickKey, after: i64 },
    /// Send it to its addressee's client.
    Deliver(Private),
    /// Send it to its addressee's original client, and take it for delivered.
    Flatten(Private),
    /// Tell its sender that it waits.
    Waits { sender: NickKey, id: SentId, to: Nick },
}

#[derive(Debug, Default)]
pub struct Directs {
    /// Those who are present and to whom something is under way, or may wait.
    addressees: HashMap<NickKey, Addressee>,
    /// Nothing is due before.
    next: Option<Instant>,
    /// What original clients were given: it may come again from its sender, or from the store, before that knows.
    flattened: HashSet<(NickKey, SentId)>,
    /// Receipts, by addressee, of what the database does not have yet: they may be faster than a commit.
    early: HashSet<(NickKey, NickKey, SentId)>,
}

#[derive(Debug, Default)]
struct Addressee {
    asked: Option<Asked>,
    /// By row, which is their order.
    under_way: BTreeMap<i64, UnderWay>,
    /// What the store has up to this row was looked at.
    seen: i64,
    /// Above it there may be more.
    more: bool,
    /// Those that were live before their addressee joined again, and were not fetched since: nobody was told that they
    /// wait. By row.
    were_live: BTreeMap<i64, UnderWay>,
}

#[derive(Debug)]
struct Asked {
    at: Instant,
    after: i64,
    /// The last of those under way at that time.
    last: i64,
    /// Rows whose receipt came since.
    received: Vec<i64>,
    /// One came since that there was no room for.
    more: bool,
}

#[derive(Debug)]
struct UnderWay {
    sender: NickKey,
    id: SentId,
    to: Nick,
    again: Instant,
    wait: Duration,
    /// It went from its sender to a present addressee, and nobody was told that it waits.
    live: bool,
}

impl Directs {
    /// Somebody joined, or came back: all that waits for them is sent.
    pub fn joined(&mut self, to: &NickKey, now: Instant) -> Vec<Step> {
        let addressee = self.addressees.entry(to.clone()).or_default();
        if addressee.asked.as_ref().is_some_and(|asked| asked.after == 0 && !asked.is_lost(now)) {
            return Vec::new();
        }
        let Addressee { under_way, mut were_live, .. } = std::mem::take(addressee);
        were_live.extend(under_way.into_iter().filter(|(_, message)| message.live));
        while were_live.len() > REMEMBERED {
            were_live.pop_last();
        }
        addressee.were_live = were_live;
        let step = addressee.ask(to, 0, now);
        self.wake(now + LOST);
        vec![step]
    }

    /// Nobody is present under this nick any more.
    pub fn gone(&mut self, to: &NickKey) -> Vec<Step> {
        let addressee = self.addressees.remove(to).unwrap_or_default();
        let mut live = addressee.were_live;
        live.extend(addressee.under_way.into_iter().filter(|(_, message)| message.live));
        live.into_values()
            .map(|message| Step::Waits { sender: message.sender, id: message.id, to: message.to })
            .collect()
    }

    /// A message is in the database and has no receipt yet; also one that was sent again.
    pub fn stored(&mut self, direct: Direct, seating: Seating, now: Instant) -> Vec<Step> {
        let Direct { private, row } = direct;
        let Some(id) = private.id.clone() else { return Vec::new() };
        let sender = private.nick.key().clone();
        match seating {
            Seating::Away => vec![Step::Waits { sender, id, to: private.to }],
            Seating::Original => self.flatten(private).into_iter().collect(),
            Seating::Ours if self.early.remove(&(private.to.key().clone(), sender.clone(), id.clone())) => Vec::new(),
            Seating::Ours => {
                let addressee = self.addressees.entry(private.to.key().clone()).or_default();
                if addressee.under_way.contains_key(&row) {
                    return Vec::new();
                }
                if addressee.under_way.len() >= UNDER_WAY {
                    addressee.more = true;
                    if let Some(asked) = &mut addressee.asked {
                        asked.more = true;
                    }
                    return Vec::new();
                }
                if !addressee.more && addressee.asked.is_none() {
                    addressee.seen = addressee.seen.max(row);
                }
                let message =
                    UnderWay { sender, id, to: private.to, again: now + FIRST_WAIT, wait: FIRST_WAIT, live: true };
                addressee.under_way.insert(row, message);
                addressee.were_live.remove(&row);
                self.wake(now + FIRST_WAIT);
                Vec::new()
            }
        }
    }

    /// The answer to [`Step::Ask`].
    pub fn found(&mut self, to: &NickKey, after: i64, found: Vec<Direct>, seating: Seating, now: Instant) -> Vec<Step> {
        let Some(addressee) = self.addressees.get_mut(to) else { return Vec::new() };
        let Some(asked) = addressee.asked.take_if(|asked| asked.after == after) else { return Vec::new() };
        let all = found.len() < UNDER_WAY;
        // A question above it was about what is under way there: between the two there may be more, be there nothing
        // beyond.
        let goes_on = after <= addressee.seen;
        if goes_on {
            addressee.more = asked.more || !all;
        }
        addressee.forget_missing(&asked, &found, all);
        let mut steps = Vec::new();
        for Direct { private, row } in found {
            let Some(id) = private.id.clone() else { continue };
            if seating == Seating::Original {
                addressee.under_way.remove(&row);
                addressee.were_live.remove(&row);
                if !asked.received.contains(&row) {
                    // What is flattened is remembered below: the addressee is borrowed here.
                    steps.push(Step::Flatten(private));
                }
            } else if let Some(message) = addressee.under_way.get_mut(&row) {
                if message.again <= now {
                    message.wait = (message.wait * 2).min(LONGEST_WAIT);
                    message.again = now + message.wait;
                    steps.push(Step::Deliver(late(private)));
                }
            } else if !goes_on {
                // Its turn comes after those between.
                continue;
            } else if addressee.under_way.len() >= UNDER_WAY {
                addressee.more = true;
                break;
            } else if !asked.received.contains(&row) {
                let (sender, to) = (private.nick.key().clone(), private.to.clone());
                let live = addressee.were_live.remove(&row).is_some();
                let message = UnderWay { sender, id, to, again: now + FIRST_WAIT, wait: FIRST_WAIT, live };
                addressee.under_way.insert(row, message);
                steps.push(Step::Deliver(late(private)));
            }
            if goes_on {
                addressee.seen = addressee.seen.max(row);
            }
        }
        steps.extend(addressee.ask_for_more(to, now));
        self.settle(to, now);
        let flat = |step| match step {
            Step::Flatten(private) => self.flatten(private),
            other => Some(other),
        };
        steps.into_iter().filter_map(flat).collect()
    }

    /// The addressee's receipt for a message of `sender`.
    pub fn received(&mut self, to: &NickKey, sender: &NickKey, id: &SentId, now: Instant) -> Vec<Step> {
        let is_it = |(_, message): &(&i64, &UnderWay)| message.sender == *sender && message.id == *id;
        let addressee = self.addressees.get_mut(to);
        let row = addressee
            .as_ref()
            .and_then(|known| known.under_way.iter().chain(&known.were_live).find(is_it))
            .map(|(row, _)| *row);
        let (Some(addressee), Some(row)) = (addressee, row) else {
            remember(&mut self.early, (to.clone(), sender.clone(), id.clone()));
            return Vec::new();
        };
        addressee.under_way.remove(&row);
        addressee.were_live.remove(&row);
        if let Some(asked) = &mut addressee.asked {
            asked.received.push(row);
        }
        let steps = addressee.ask_for_more(to, now).into_iter().collect();
        self.settle(to, now);
        steps
    }

    /// What is to be looked for again, because no receipt came.
    pub fn due(&mut self, now: Instant) -> Vec<Step> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let mut steps = Vec::new();
        for (to, addressee) in &mut self.addressees {
            if let Some(asked) = addressee.asked.take_if(|asked| asked.is_lost(now)) {
                steps.push(addressee.ask(to, asked.after, now));
            }
            let first = addressee.under_way.iter().find(|(_, message)| message.again <= now).map(|(row, _)| *row);
            if addressee.asked.is_none()
                && let Some(row) = first
            {
                steps.push(addressee.ask(to, row - 1, now));
            }
        }
        self.next = self.addressees.values().filter_map(|addressee| addressee.next()).min();
        steps
    }

    fn flatten(&mut self, private: Private) -> Option<Step> {
        let id = (private.nick.key().clone(), private.id.clone()?);
        remember(&mut self.flattened, id).then_some(Step::Flatten(private))
    }

    /// Forgets an addressee for whom there is nothing more to do.
    fn settle(&mut self, to: &NickKey, now: Instant) {
        let Some(addressee) = self.addressees.get(to) else { return };
        match addressee.next() {
            Some(next) => self.wake(next.max(now)),
            None => drop(self.addressees.remove(to)),
        }
    }

    fn wake(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

impl Addressee {
    fn ask(&mut self, to: &NickKey, after: i64, now: Instant) -> Step {
        let last = self.under_way.last_key_value().map_or(0, |(row, _)| *row);
        self.asked = Some(Asked { at: now, after, last, received: Vec::new(), more: false });
        Step::Ask { to: to.clone(), after }
    }

    /// Once there is room for half of what may be under way.
    fn ask_for_more(&mut self, to: &NickKey, now: Instant) -> Option<Step> {
        let asks = self.more && self.asked.is_none() && self.under_way.len() <= UNDER_WAY / 2;
        asks.then(|| self.ask(to, self.seen, now))
    }

    /// What the answer should hold and does not was received, or is gone with its age.
    fn forget_missing(&mut self, asked: &Asked, found: &[Direct], all: bool) {
        let end = match found.last() {
            Some(last) if !all => asked.last.min(last.row),
            _ => asked.last,
        };
        let missing =
            |row: &i64, end| *row > asked.after && *row <= end && !found.iter().any(|direct| direct.row == *row);
        self.under_way.retain(|row, _| !missing(row, end));
        // All of these were stored before it was asked.
        let end = found.last().filter(|_| !all).map_or(i64::MAX, |last| last.row);
        self.were_live.retain(|row, _| !missing(row, end));
    }

    /// When there is something to do for it; `None`: never.
    fn next(&self) -> Option<Instant> {
        match &self.asked {
            Some(asked) => Some(asked.at + LOST),
            None => self.under_way.values().map(|message| message.again).min(),
        }
    }
}

impl Asked {
    fn is_lost(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= LOST
    }
}

/// True where it was not there before.
fn remember<T: Eq + Hash>(set: &mut HashSet<T>, what: T) -> bool {
    if set.len() >= REMEMBERED {
        set.clear();
    }
    set.insert(what)
}

fn late(private: Private) -> Private {
    Private { late: true, ..private }
}
