//! Up to where a room was shown, and what is to be fetched because it was not.
//!
//! ```text
//!            ┌── a mark that begins at or before it, all its messages seen: moves it ──┐
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

/// How long after a fill marks can start the next one: forged marks do not keep us asking.
const REST: Duration = Duration::from_secs(1);
/// And after a question that the server refuses.
const LONG_REST: Duration = Duration::from_secs(60);

/// Where one room stands.
#[derive(Debug)]
pub struct CatchUp {
    room: RoomName,
    /// Somebody who joins the room for the first time is shown some of its past.
    wants_history: bool,
    /// Everything before it was shown.
    cursor: Option<Cursor>,
    /// Without a cursor: what marks have announced since we came.
    since: Option<Since>,
    /// Without either: something was said.
    heard: bool,
    /// And then the connection broke.
    missed: bool,
    /// The cursor is an earlier run's, and nothing after it was shown in this one.
    kept: bool,
    /// Everything that was said before we came was shown, or is not wanted.
    caught_up: bool,
    marks: Marks,
    fill: Option<Fill>,
    rest_until: Option<Instant>,
    /// The last question was refused. It is asked again after the rest.
    refused: bool,
    /// Messages without an id that came live, and how many had before the last question that was answered in full.
    nameless: u64,
    nameless_before: u64,
}

#[derive(Debug)]
struct Since {
    /// Where the first mark began.
    from: u64,
    /// Up to where everything was seen.
    cursor: Cursor,
    /// The connection broke in the meantime.
    broke: bool,
}

/// Pages are being fetched.
#[derive(Debug, Default)]
struct Fill {
    /// Marks that had arrived when the page under way was asked for: it answers them.
    marks: u64,
    /// Messages without an id that had come live by then.
    nameless: u64,
}

/// What a page leads to.
#[derive(Debug, Default, PartialEq)]
pub struct Filled {
    /// The cursor has moved.
    pub moved: bool,
    /// To be asked next.
    pub next: Option<HistoryRequest>,
    /// The live messages without an id up to this number are in no later page: the server has answered since.
    pub nameless: u64,
}

impl CatchUp {
    pub fn new(room: RoomName, wants_history: bool) -> CatchUp {
        CatchUp {
            room,
            wants_history,
            cursor: None,
            since: None,
            heard: false,
            missed: false,
            kept: false,
            caught_up: false,
            marks: Marks::default(),
            fill: None,
            rest_until: None,
            refused: false,
            nameless: 0,
            nameless_before: 0,
        }
    }

    /// Takes over the cursor of an earlier run, unless this one has set its own.
    pub fn recall(&mut self, cursor: &Cursor) {
        if self.cursor.is_none() && self.wants_history {
            let new = CatchUp::new(self.room.clone(), self.wants_history);
            *self = CatchUp { cursor: Some(cursor.clone()), kept: true, ..new };
        }
    }

    /// Forgets the cursor of an earlier run, unless this one has moved it.
    pub fn forget_earlier_run(&mut self) {
        if self.kept {
            *self = CatchUp::new(self.room.clone(), self.wants_history);
        }
    }

    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// What to ask with every join of the room. It replaces what is being asked about it.
    pub fn join(&mut self) -> HistoryRequest {
        self.fill(self.cursor.clone())
    }

    /// The room was left: nothing more is asked about it.
    pub fn leave(&mut self) {
        self.lost();
        (self.since, self.heard, self.missed, self.caught_up) = (None, false, false, false);
    }

    /// The connection is gone.
    pub fn lost(&mut self) {
        match &mut self.since {
            Some(since) => since.broke = true,
            None => self.missed |= self.heard && self.cursor.is_none(),
        }
        self.marks.lost();
        self.fill = None;
        self.rest_until = None;
        self.refused = false;
    }

    /// A mark of a room that we are in. `retained`: it announces what was said before we came. `seen`: whether a message was
    /// shown. Here and below, `true`: the cursor has moved.
    pub fn mark(&mut self, now: Instant, mark: Mark, retained: bool, seen: impl Fn(&NickKey, &SentId) -> bool) -> bool {
        let is_known = self.since.as_ref().is_some_and(|since| since.cursor.epoch == mark.epoch);
        if self.cursor.is_none() && !retained && !is_known {
            let cursor = Cursor { epoch: mark.epoch.clone(), pos: mark.from };
            self.since = Some(Since { from: mark.from, cursor, broke: false });
        }
        self.marks.add(now, mark, seen);
        self.advance()
    }

    /// A message with its sender's id is shown.
    pub fn saw(&mut self, key: &NickKey, id: &SentId) -> bool {
        self.heard = true;
        self.marks.saw(key, id);
        self.advance()
    }

    /// A message without an id has come live; `number`: counts those of the room.
    pub fn heard_nameless(&mut self, number: u64) {
        self.heard = true;
        self.nameless = number;
    }

    /// The answer to what [`CatchUp::join`], [`CatchUp::hole`] or an earlier page asked, after its messages were shown.
    /// `span`: none from an original server.
    pub fn page(&mut self, now: Instant, asked: &HistoryRequest, span: Option<&Span>) -> Filled {
        let before = self.cursor.clone();
        let fill = self.fill.take();
        let Some(span) = span else {
            self.caught_up = true;
            return Filled::default();
        };
        let next = self.reach(asked, span).map(|cursor| self.fill(Some(cursor)));
        // What follows the first page was said since we came.
        self.caught_up |= asked.after.is_none();
        let mut nameless = 0;
        if next.is_none() {
            self.kept = false;
            self.caught_up = true;
            let fill = fill.unwrap_or_default();
            // One question more, because some of them may have been on their way to the server when this one passed.
            nameless = std::mem::replace(&mut self.nameless_before, fill.nameless);
            if self.cursor.as_ref().is_some_and(|cursor| cursor.pos >= span.to) {
                self.marks.answered(fill.marks);
            }
            self.rest_until = Some(now + REST);
        }
        self.advance();
        Filled { moved: self.cursor != before, next, nameless }
    }

    /// The server refuses to answer. It is asked again later.
    pub fn refused(&mut self, now: Instant) {
        self.fill = None;
        self.refused = true;
        self.rest_until = Some(now + LONG_REST);
    }

    /// What to ask now, because marks announce messages that were not seen, or because an answer was refused.
    pub fn hole(&mut self, now: Instant) -> Option<HistoryRequest> {
        let is_due = self.hole_at(now).is_some_and(|at| at <= now);
        is_due.then(|| self.fill(self.cursor.clone()))
    }

    /// From when on [`CatchUp::hole`] asks something, if nothing comes before.
    pub fn hole_at(&self, now: Instant) -> Option<Instant> {
        let at = match (&self.cursor, &self.fill) {
            _ if self.refused => now,
            (Some(cursor), None) => self.marks.hole_at(now, cursor)?,
            _ => return None,
        };
        Some(self.rest_until.map_or(at, |rest| rest.max(at)))
    }

    /// Whether something unread is the first since an earlier run; `true` once.
    pub fn take_unread(&mut self) -> bool {
        std::mem::take(&mut self.kept)
    }

    /// Whether a connection broke and nothing tells where it was in the room, so that a first page may not reach back to
    /// it. `true` once.
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// Whether what a page brings was said before we came; otherwise it only took long.
    pub fn is_backlog(&self) -> bool {
        !self.caught_up
    }

    /// Asks for a page after a cursor. Without one: for what somebody new sees, or only where the room ends.
    fn fill(&mut self, after: Option<Cursor>) -> HistoryRequest {
        self.refused = false;
        self.fill = Some(Fill { marks: self.marks.arrived(), nameless: self.nameless });
        let limit = match after {
            Some(_) => Some(PAGE_MESSAGES),
            None => (!self.wants_history).then_some(0),
        };
        HistoryRequest { room: self.room.clone(), limit, before: None, after }
    }

    /// Moves the cursor to a page's end. If more is to come after it, returns from where on.
    fn reach(&mut self, asked: &HistoryRequest, span: &Span) -> Option<Cursor> {
        let end = Cursor { epoch: span.epoch.clone(), pos: span.to };
        let same_history = asked.after.as_ref().filter(|after| after.epoch == end.epoch);
        // A history that was put back to an earlier state takes the cursor along.
        let is_behind = span.gap && same_history.is_some_and(|after| after.pos > end.pos);
        match &mut self.cursor {
            Some(cursor) if cursor.epoch == end.epoch && !is_behind => cursor.pos = cursor.pos.max(end.pos),
            Some(cursor) => *cursor = end.clone(),
            None => {
                // Announced messages that were not seen may lie before the page's end, or before its beginning.
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

    /// Moves the cursor over marks whose messages were all seen.
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
