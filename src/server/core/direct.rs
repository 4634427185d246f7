//! Pure: direct messages that wait for their receipt. The messages are in the database. This knows only who is being
//! served, what is under way to them, and when it is sent again. `pace` limits how many are under way at a time.
//!
//! ```text
//!              addressee joins: ask ─► found ─► sent ──────┐
//!   stored ──┤                           ▲        │        ├── receipt ─► done
//!              addressee is there: live ─┼────────┤        │
//!                                        │        ▼        └── addressee leaves: waits
//!              no receipt in time, or one for a later message: lost
//!
//!              addressee is an original client: flat ─► a heartbeat later: done
//! ```

mod addressee;
mod pace;
#[cfg(test)]
mod tests;

use crate::protocol::{Nick, NickKey, Private, SentId};
use crate::server::core::record::WaitingDirect;
use addressee::{Addressee, UnderWay, Way};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

pub use pace::MOST as UNDER_WAY;

/// When a question without an answer counts as lost.
const LOST: Duration = Duration::from_secs(60);
/// The most receipts that the database does not know yet: more than are committed in a second. Beyond that the list
/// starts over.
const RECEIPTS: usize = 10_000;
/// The most messages per addressee that are remembered as live. If the addressee leaves, their senders learn that they
/// wait.
const WERE_LIVE: usize = 1_000;
/// An original client that is heard from this long after a message went to it has received it. Anything earlier may
/// have been under way when it died.
const SURVIVED: Duration = Duration::from_secs(1);

/// How somebody is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seating {
    Away,
    /// Only as an original client, which knows neither direct messages nor receipts.
    Original,
    Ours,
}

/// What the chat must do for direct messages.
#[derive(Debug, PartialEq)]
pub enum DirectStep {
    /// Ask which messages wait for `to` above this row, [`UNDER_WAY`] at most, and give them to [`Directs::found`].
    Ask { to: NickKey, after: i64 },
    /// Send it to its addressee's client.
    Deliver(Private),
    /// Send it to its addressee's original client.
    Flatten(Private),
    /// An original client has received it: tell its sender, and stop keeping it.
    Delivered { sender: Nick, id: SentId, to: Nick },
    /// Tell its sender that it waits.
    Waits { sender: NickKey, id: SentId, to: Nick },
}

/// A receipt: addressee, sender and id.
pub type Received = (NickKey, NickKey, SentId);

#[derive(Debug, Default)]
pub struct Directs {
    /// Present people with messages under way, or perhaps waiting.
    addressees: BTreeMap<NickKey, Addressee>,
    /// Nothing is due before this.
    next: Option<Instant>,
    /// Receipts that the database does not know yet: a receipt may be faster than a commit.
    received: HashSet<Received>,
}

impl Directs {
    /// Somebody joined or came back: everything that waits for them is sent.
    pub fn joined(&mut self, to: &NickKey, now: Instant) -> Vec<DirectStep> {
        let addressee = self.addressees.entry(to.clone()).or_default();
        if addressee.asked.as_ref().is_some_and(|asked| asked.after == 0 && !asked.is_lost(now)) {
            return Vec::new();
        }
        let Addressee { under_way, mut were_live, .. } = std::mem::take(addressee);
        were_live.extend(under_way.into_iter().filter(|(_, message)| message.live));
        while were_live.len() > WERE_LIVE {
            were_live.pop_last();
        }
        addressee.were_live = were_live;
        let step = addressee.ask(to, 0, now);
        self.wake(now + LOST);
        vec![step]
    }

    /// Nobody is present under this nick any more.
    pub fn gone(&mut self, to: &NickKey) -> Vec<DirectStep> {
        let addressee = self.addressees.remove(to).unwrap_or_default();
        let mut live = addressee.were_live;
        live.extend(addressee.under_way.into_iter().filter(|(_, message)| message.live));
        live.into_values()
            .map(|message| DirectStep::Waits { sender: message.sender.key().clone(), id: message.id, to: message.to })
            .collect()
    }

    /// A message, new or retransmitted, is in the database and has no receipt yet.
    pub fn stored(&mut self, direct: WaitingDirect, seating: Seating, now: Instant) -> Vec<DirectStep> {
        let WaitingDirect { private, row } = direct;
        let Some(id) = private.id.clone() else { return Vec::new() };
        let (to, sender) = (private.to.key().clone(), private.nick.key().clone());
        if self.received.contains(&(to.clone(), sender.clone(), id.clone())) {
            return Vec::new();
        }
        if seating == Seating::Away {
            return vec![DirectStep::Waits { sender, id, to: private.to }];
        }
        let addressee = self.addressees.entry(to).or_default();
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
        addressee.were_live.remove(&row);
        let way = if seating == Seating::Original { Way::Flat } else { Way::Live };
        addressee.under_way.insert(row, UnderWay { live: true, ..UnderWay::new(&private, id, way, now) });
        let due = now + addressee.pace.wait();
        self.wake(due);
        if seating == Seating::Original { vec![DirectStep::Flatten(private)] } else { Vec::new() }
    }

    /// The answer to [`DirectStep::Ask`].
    pub fn found(
        &mut self,
        to: &NickKey,
        after: i64,
        found: Vec<WaitingDirect>,
        seating: Seating,
        now: Instant,
    ) -> Vec<DirectStep> {
        let Some(addressee) = self.addressees.get_mut(to) else { return Vec::new() };
        let Some(asked) = addressee.asked.take_if(|asked| asked.after == after) else { return Vec::new() };
        let all = found.len() < UNDER_WAY;
        // A question that began above `seen` was about messages under way there. More messages may lie between the two,
        // even if none lie beyond.
        let goes_on = after <= addressee.seen;
        if goes_on {
            addressee.more = asked.more || !all;
        }
        addressee.forget_missing(&asked, &found, all);
        let mut steps = Vec::new();
        for WaitingDirect { private, row } in found {
            let Some(id) = private.id.clone() else { continue };
            let receipt = (to.clone(), private.nick.key().clone(), id.clone());
            let is_received = asked.received.contains(&row) || self.received.contains(&receipt);
            let is_known = addressee.under_way.contains_key(&row);
            if !is_known && !goes_on {
                // It is sent after those between.
                continue;
            }
            if !is_known && !is_received {
                if addressee.under_way.len() >= UNDER_WAY || !addressee.has_place(seating) {
                    addressee.more = true;
                    break;
                }
                let live = addressee.were_live.remove(&row).is_some();
                let way = Way::Lost { again: now };
                addressee.under_way.insert(row, UnderWay { live, ..UnderWay::new(&private, id, way, now) });
            }
            steps.extend(addressee.send(row, private, seating, now));
            if goes_on {
                addressee.seen = addressee.seen.max(row);
            }
        }
        steps.extend(addressee.ask_for_more(to, now));
        self.settle(to, now);
        steps
    }

    /// The addressee's receipt for a message of `sender`.
    pub fn received(&mut self, to: &NickKey, sender: &NickKey, id: &SentId, now: Instant) -> Vec<DirectStep> {
        self.remember((to.clone(), sender.clone(), id.clone()));
        let Some(addressee) = self.addressees.get_mut(to) else { return Vec::new() };
        let is_it = |(_, message): &(&i64, &UnderWay)| message.sender.key() == sender && message.id == *id;
        let all = addressee.under_way.iter().chain(&addressee.were_live);
        let Some(row) = all.into_iter().find(is_it).map(|(row, _)| *row) else { return Vec::new() };
        if let Some(message) = addressee.take(row) {
            addressee.arrived(&message, now);
        }
        let steps = addressee.ask_for_more(to, now).into_iter().collect();
        self.settle(to, now);
        steps
    }

    /// An original client was heard from.
    pub fn heard_original(&mut self, to: &NickKey, now: Instant) -> Vec<DirectStep> {
        let Some(addressee) = self.addressees.get_mut(to) else { return Vec::new() };
        let has_it = |message: &UnderWay| message.way == Way::Flat && now >= message.since + SURVIVED;
        let rows = addressee.under_way.iter().filter(|(_, message)| has_it(message)).map(|(row, _)| *row);
        let messages = rows.collect::<Vec<_>>().into_iter().filter_map(|row| addressee.take(row));
        let messages: Vec<UnderWay> = messages.collect();
        let more = addressee.ask_for_more(to, now);
        let mut steps = Vec::new();
        for UnderWay { sender, id, to: nick, .. } in messages {
            self.remember((to.clone(), sender.key().clone(), id.clone()));
            steps.push(DirectStep::Delivered { sender, id, to: nick });
        }
        steps.extend(more);
        self.settle(to, now);
        steps
    }

    /// The database knows these receipts.
    pub fn kept(&mut self, delivered: &[Received]) {
        for receipt in delivered {
            self.received.remove(receipt);
        }
    }

    /// What to do because a receipt or an answer is overdue.
    pub fn due(&mut self, now: Instant) -> Vec<DirectStep> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let mut steps = Vec::new();
        for (to, addressee) in &mut self.addressees {
            if let Some(asked) = addressee.asked.take_if(|asked| asked.is_lost(now)) {
                steps.push(addressee.ask(to, asked.after, now));
            }
            addressee.lose_late_ones(now);
            steps.extend(addressee.ask_for_more(to, now));
        }
        self.next = self.addressees.values().filter_map(|addressee| addressee.next()).min();
        steps
    }

    fn remember(&mut self, receipt: Received) {
        if self.received.len() >= RECEIPTS {
            self.received.clear();
        }
        self.received.insert(receipt);
    }

    /// Forgets the addressee if there is nothing more to do for them.
    fn settle(&mut self, to: &NickKey, now: Instant) {
        let Some(addressee) = self.addressees.get(to) else { return };
        if addressee.asked.is_none() && addressee.under_way.is_empty() {
            self.addressees.remove(to);
        } else if let Some(next) = addressee.next() {
            self.wake(next.max(now));
        }
    }

    fn wake(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
