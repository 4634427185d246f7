//! How far a room was shown, and what must be fetched because it was missed.
//!
//! ```text
//!            ┌── a mark that begins at or before it, all its messages shown: moves it ─┐
//!            │                                                                         │
//!  cursor ───┤                                                                         ├──► cursor
//!            │   a mark of another history, one that begins beyond it, one that        │
//!            └── does not name all, or a message unseen after 2 s ──► fill: pages ─────┘
//!                                                                     until complete
//! ```
//!
//! Live messages never move a cursor: one of them may be the first after a hole. The first page sets the cursor, capped at
//! the first announced message not yet seen.

mod marks;

use crate::protocol::history::Span;
use crate::protocol::limits::PAGE_MESSAGES;
use crate::protocol::{Cursor, HistoryRequest, Mark, NickKey, RoomName, SentId};
use marks::Marks;
use std::time::{Duration, Instant};

/// The least time between two fills that marks start. Forged marks cannot cause endless requests.
const REST: Duration = Duration::from_secs(1);
/// The same after a refused request.
const LONG_REST: Duration = Duration::from_secs(60);

/// The progress in one room.
#[derive(Debug, Default)]
pub struct CatchUp {
    room: RoomName,
    /// The first join shows some of the past.
    wants_history: bool,
    /// Everything before it was shown.
    cursor: Option<Cursor>,
    /// Without a cursor: what marks have announced since the join.
    since: Option<Since>,
    /// The room was joined on this connection.
    joined: bool,
    /// Without either: a message was shown.
    heard: bool,
    /// And then the connection on which the room was joined broke.
    missed: bool,
    /// The cursor is from an earlier run, and this run has shown nothing after it.
    kept: bool,
    /// Everything from before the join was shown, or is not wanted.
    caught_up: bool,
    marks: Marks,
    fill: Option<Fill>,
    rest_until: Option<Instant>,
    /// The last request was refused. It is repeated after the rest.
    refused: bool,
    /// Live messages without an id, and how many of them came before the last request that was answered completely.
    nameless: u64,
    nameless_before: u64,
}

#[derive(Debug)]
struct Since {
    /// Where the first mark began.
    from: u64,
    /// Up to where everything was shown.
    cursor: Cursor,
    /// The connection broke in the meantime.
    broke: bool,
}

/// Pages are being fetched.
#[derive(Debug, Default)]
struct Fill {
    /// How many marks had arrived when the current page was requested: it answers them.
    marks: u64,
    /// How many live messages without an id had arrived by then.
    nameless: u64,
}

/// What follows from a page.
#[derive(Debug, Default, PartialEq)]
pub struct Filled {
    /// The cursor has moved.
    pub moved: bool,
    /// The next request.
    pub next: Option<HistoryRequest>,
    /// Live messages without an id up to this number appear in no later page, because the server has answered since.
    pub nameless: u64,
}

impl CatchUp {
    pub fn new(room: RoomName, wants_history: bool) -> CatchUp {
        CatchUp { room, wants_history, ..CatchUp::default() }
    }

    /// Takes the cursor of an earlier run, unless this run has set its own.
    pub fn recall(&mut self, cursor: &Cursor) {
        if self.cursor.is_none() && self.wants_history {
            let new = CatchUp::new(self.room.clone(), self.wants_history);
            *self = CatchUp { cursor: Some(cursor.clone()), kept: true, ..new };
        }
    }

    /// Forgets the cursor of an earlier run, unless this run has moved it.
    pub fn forget_earlier_run(&mut self) {
        if self.kept {
            *self = CatchUp::new(self.room.clone(), self.wants_history);
        }
    }

    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// The request that accompanies every join of the room. It replaces an open one about the room.
    pub fn join(&mut self) -> HistoryRequest {
        self.joined = true;
        self.fill(self.cursor.clone())
    }

    /// The room was left: nothing more is requested about it.
    pub fn leave(&mut self) {
        self.lost();
        (self.since, self.heard, self.missed, self.caught_up) = (None, false, false, false);
    }

    /// The connection is lost.
    pub fn lost(&mut self) {
        match &mut self.since {
            Some(since) => since.broke = true,
            None => self.missed |= self.joined && self.heard && self.cursor.is_none(),
        }
        self.joined = false;
        self.marks.lost();
        self.fill = None;
        self.rest_until = None;
        self.refused = false;
    }

    /// A mark of a joined room. `retained`: it announces messages from before the join. `seen`: whether a message was
    /// shown. Here and below, `true` means that the cursor has moved.
    pub fn mark(&mut self, now: Instant, mark: Mark, retained: bool, seen: impl Fn(&NickKey, &SentId) -> bool) -> bool {
        let is_known = self.since.as_ref().is_some_and(|since| since.cursor.epoch == mark.epoch);
        if self.cursor.is_none() && !retained && !is_known {
            let cursor = Cursor { epoch: mark.epoch.clone(), pos: mark.from };
            self.since = Some(Since { from: mark.from, cursor, broke: false });
        }
        self.marks.add(now, mark, seen);
        self.advance()
    }

    /// A message with its sender's id was shown.
    pub fn saw(&mut self, key: &NickKey, id: &SentId) -> bool {
        self.heard = true;
        self.marks.saw(key, id);
        self.advance()
    }

    /// A message without an id arrived live; `number`: its number in the room.
    pub fn heard_nameless(&mut self, number: u64) {
        self.heard = true;
        self.nameless = number;
    }

    /// The page that [`CatchUp::join`], [`CatchUp::hole`] or an earlier page requested, after its messages were shown.
    /// `span`: `None` from an original server.
    pub fn page(&mut self, now: Instant, asked: &HistoryRequest, span: Option<&Span>) -> Filled {
        let before = self.cursor.clone();
        let fill = self.fill.take();
        let Some(span) = span else {
            self.caught_up = true;
            return Filled::default();
        };
        let next = self.reach(asked, span).map(|cursor| self.fill(Some(cursor)));
        // Everything after the first page is newer than the join.
        self.caught_up |= asked.after.is_none();
        let mut nameless = 0;
        if next.is_none() {
            self.kept = false;
            self.caught_up = true;
            let fill = fill.unwrap_or_default();
            // One more request: some may have been on their way to the server when it made this page.
            nameless = std::mem::replace(&mut self.nameless_before, fill.nameless);
            if self.cursor.as_ref().is_some_and(|cursor| cursor.pos >= span.to) {
                self.marks.answered(fill.marks);
            }
            self.rest_until = Some(now + REST);
        }
        self.advance();
        Filled { moved: self.cursor != before, next, nameless }
    }

    /// The server refuses to answer. The request is repeated later.
    pub fn refused(&mut self, now: Instant) {
        self.fill = None;
        self.refused = true;
        self.rest_until = Some(now + LONG_REST);
    }

    /// The request to make now, because marks announce messages that were not received, or because a request was
    /// refused.
    pub fn hole(&mut self, now: Instant) -> Option<HistoryRequest> {
        let is_due = self.hole_at(now).is_some_and(|at| at <= now);
        is_due.then(|| self.fill(self.cursor.clone()))
    }

    /// When [`CatchUp::hole`] has work, if nothing happens before.
    pub fn hole_at(&self, now: Instant) -> Option<Instant> {
        let at = match (&self.cursor, &self.fill) {
            _ if self.refused => now,
            (Some(cursor), None) => self.marks.hole_at(now, cursor)?,
            _ => return None,
        };
        Some(self.rest_until.map_or(at, |rest| rest.max(at)))
    }

    /// Whether an unread message is the first one since an earlier run; `true` once.
    pub fn take_unread(&mut self) -> bool {
        std::mem::take(&mut self.kept)
    }

    /// Whether a connection broke at an unknown position in the room, so the first page may not reach back to it;
    /// `true` once.
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// Whether the messages of a page are older than the join. Otherwise they are only late.
    pub fn is_backlog(&self) -> bool {
        !self.caught_up
    }

    /// Requests a page after a cursor. Without one: some of the past or, without history, only the end of the room.
    fn fill(&mut self, after: Option<Cursor>) -> HistoryRequest {
        self.refused = false;
        self.fill = Some(Fill { marks: self.marks.arrived(), nameless: self.nameless });
        let limit = match after {
            Some(_) => Some(PAGE_MESSAGES),
            None => (!self.wants_history).then_some(0),
        };
        HistoryRequest { room: self.room.clone(), limit, before: None, after }
    }

    /// Moves the cursor to the end of a page. Returns from where to continue if more follows.
    fn reach(&mut self, asked: &HistoryRequest, span: &Span) -> Option<Cursor> {
        let end = Cursor { epoch: span.epoch.clone(), pos: span.to };
        let same_history = asked.after.as_ref().filter(|after| after.epoch == end.epoch);
        // If the history was reset to an earlier state, the cursor moves back with it.
        let is_behind = span.gap && same_history.is_some_and(|after| after.pos > end.pos);
        match &mut self.cursor {
            Some(cursor) if cursor.epoch == end.epoch && !is_behind => cursor.pos = cursor.pos.max(end.pos),
            Some(cursor) => *cursor = end.clone(),
            None => {
                // Announced messages that were not received may lie before the end of the page, or before its
                // beginning.
                let since = self.since.take().filter(|since| since.cursor.epoch == end.epoch);
                let is_apart = since.as_ref().is_some_and(|since| since.from > end.pos);
                let broke = since.as_ref().is_some_and(|since| since.broke && since.cursor.pos < end.pos);
                let cursor = since.filter(|_| !is_apart).map_or(end, |since| since.cursor);
                self.cursor = Some(cursor.clone());
                return (is_apart || broke).then_some(cursor);
            }
        }
        let gets_on = same_history.is_none_or(|after| end.pos > after.pos);
        (asked.after.is_some() && !span.complete && gets_on).then_some(end)
    }

    /// Moves the cursor over marks whose messages were all received.
    fn advance(&mut self) -> bool {
        let has_cursor = self.cursor.is_some();
        let Some(cursor) = self.cursor.as_mut().or(self.since.as_mut().map(|since| &mut since.cursor)) else {
            return false;
        };
        let before = cursor.pos;
        while let Some(to) = self.marks.take_met(cursor) {
            cursor.pos = to;
        }
        has_cursor && cursor.pos != before
    }
}

#[cfg(test)]
mod tests;
