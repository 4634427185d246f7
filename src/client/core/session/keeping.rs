//! Remembers what was shown beyond this run, and publishes receipts only after that. One batch is written at a time.
//! Everything newer goes into the next batch, so nothing overtakes what could not be written.
//!
//! ```text
//!  remember, publish ──► batch ── every 500 ms, at once if a publication waits ──► Keep: shown, then committed
//!                         ▲                                                          │ failed        │
//!                         └───── after 1 s … 60 s, or with the next batch ───────────┘               ▼
//!                                                                                       publications go out
//! ```

use super::retry::Retry;
use super::{SessionEffect, Uncommitted};
use crate::client::core::memo::{Memo, Remembered};
use crate::link::Publication;
use crate::protocol::NickKey;
use std::time::{Duration, Instant};

/// How long a shown message may stay unremembered. After a kill, messages of that time are shown again.
const PERIOD: Duration = Duration::from_millis(500);
/// The most memos that wait for a retry. Beyond that the oldest are dropped, and their messages would be shown again.
const BACKLOG: usize = 50_000;

#[derive(Debug)]
pub struct Keeping {
    /// If false, only the order of effects is kept.
    has_memory: bool,
    batch: Batch,
    /// When the last batch was handed out.
    given: Instant,
    retry: Retry,
    /// The errand that the driver is working on.
    in_flight: Option<Errand>,
    change: Option<NickChange>,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Batch {
    /// Memos that could not be written come first.
    memos: Vec<Memo>,
    /// How many of the memos could not be written yet.
    unwritten: usize,
    publications: Vec<Publication>,
}

#[derive(Debug)]
enum Errand {
    /// `is_last`: what cannot be written this time is dropped.
    Keep {
        publications: Vec<Publication>,
        is_last: bool,
    },
    Become,
}

/// The nick changes. The memos belong to the old one.
#[derive(Debug)]
struct NickChange {
    key: NickKey,
    memos: Vec<Memo>,
}

/// What follows from a report.
#[derive(Debug, Default)]
pub struct Reported {
    /// May be published now.
    pub publications: Vec<Publication>,
    /// To be told.
    pub problem: Option<String>,
    /// What earlier runs left under the user's new nick.
    pub remembered: Option<Remembered>,
}

impl Keeping {
    pub fn new(now: Instant, has_memory: bool) -> Keeping {
        Keeping {
            has_memory,
            batch: Batch::default(),
            given: now,
            retry: Retry::new(),
            in_flight: None,
            change: None,
            is_over: false,
        }
    }

    pub fn remember(&mut self, memo: Memo) {
        if self.has_memory {
            self.batch.memos.push(memo);
        }
    }

    pub fn publish_when_shown(&mut self, publication: Publication) {
        self.batch.publications.push(publication);
    }

    /// The memory belongs to another nick from now on. Returns what earlier runs left under it if that is known at
    /// once; otherwise a report brings it. Publications that still wait are dropped with their link.
    pub fn become_another(&mut self, key: NickKey) -> Option<Remembered> {
        let Batch { memos, .. } = std::mem::take(&mut self.batch);
        self.retry.succeeded();
        if !self.has_memory {
            return Some(Remembered::default());
        }
        let mut before = self.change.take().map(|change| change.memos).unwrap_or_default();
        before.extend(memos);
        self.change = Some(NickChange { key, memos: before });
        None
    }

    /// The run ends: everything is handed out as soon as possible.
    pub fn finish(&mut self) {
        self.is_over = true;
    }

    /// Whether something is still to be written.
    pub fn is_busy(&self) -> bool {
        self.in_flight.is_some() || self.due().is_some()
    }

    /// When [`Keeping::give`] returns something; `None`: not before a report.
    pub fn due(&self) -> Option<Instant> {
        if self.in_flight.is_some() {
            return None;
        }
        if let Some(change) = &self.change {
            let is_wanted = !self.is_over || !change.memos.is_empty() || !self.batch.memos.is_empty();
            return is_wanted.then_some(self.given);
        }
        let Batch { memos, unwritten, publications } = &self.batch;
        if !publications.is_empty() || (self.is_over && !memos.is_empty()) {
            return Some(self.given);
        }
        let period = (memos.len() > *unwritten).then(|| self.given + PERIOD);
        period.into_iter().chain(self.retry.due()).min()
    }

    /// The next effect, if it is due. Call this after everything that belongs to it was told.
    pub fn give(&mut self, now: Instant) -> Option<SessionEffect> {
        self.due().filter(|due| now >= *due)?;
        if let Some(NickChange { memos, .. }) = &mut self.change {
            if !memos.is_empty() {
                let memos = std::mem::take(memos);
                self.in_flight = Some(Errand::Keep { publications: Vec::new(), is_last: true });
                return Some(SessionEffect::Keep(memos));
            }
            self.in_flight = Some(Errand::Become);
            return self.change.take().map(|change| SessionEffect::Become(change.key));
        }
        let Batch { memos, unwritten, publications } = std::mem::take(&mut self.batch);
        self.retry.begins(publications.is_empty() && memos.len() == unwritten);
        self.given = now;
        self.in_flight = Some(Errand::Keep { publications, is_last: self.is_over });
        Some(SessionEffect::Keep(memos))
    }

    /// The memos of [`SessionEffect::Keep`] are written, or cannot be. The receipts go out either way: the messages
    /// were shown.
    pub fn committed(&mut self, now: Instant, result: Result<(), Uncommitted>) -> Reported {
        let Some(Errand::Keep { publications, is_last }) = self.in_flight.take() else { return Reported::default() };
        let mut problem = None;
        match result {
            Ok(()) => self.retry.succeeded(),
            Err(Uncommitted { memos, why }) => {
                if !is_last {
                    self.put_back(now, memos);
                }
                problem = self.retry.is_news().then(|| format!("what is shown cannot be remembered: {why}"));
            }
        }
        Reported { publications, problem, remembered: None }
    }

    fn put_back(&mut self, now: Instant, memos: Vec<Memo>) {
        if let Some(change) = &mut self.change {
            change.memos.splice(..0, memos);
            return;
        }
        let excess = memos.len().saturating_sub(BACKLOG);
        self.batch.unwritten = memos.len() - excess;
        self.batch.memos.splice(..0, memos.into_iter().skip(excess));
        self.retry.failed(now);
    }

    /// The answer to [`SessionEffect::Become`]. If the memory cannot be read, it is not written either, because that
    /// would overwrite what is there.
    pub fn became(&mut self, result: Result<Remembered, String>) -> Reported {
        self.in_flight = None;
        match result {
            // The nick has changed again in between.
            Ok(_) if self.change.is_some() => Reported::default(),
            Ok(remembered) => Reported { remembered: Some(remembered), ..Reported::default() },
            Err(why) => {
                self.has_memory = false;
                self.change = None;
                self.batch.memos.clear();
                let problem = Some(format!("going on without a memory: {why}"));
                Reported { problem, remembered: Some(Remembered::default()), ..Reported::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests;
