//! Pure: up to where each room was shown, and what is to be fetched because it was not. The conversation owns it, tells it
//! what is shown, and asks the server what it wants to know.
//!
//! ```text
//!            ┌── mark that begins at or before it, everything seen: moves it ──┐
//!            │                                                                 │
//!  cursor ───┤                                                                 ├──► cursor
//!            │   another history's mark, one beyond it, one that does not      │
//!            └── name all, or one unseen after 2 s ──► fill: pages after it, ──┘
//!                                                      until complete
//! ```
//!
//! Live messages never move a cursor: one of them may be the first after a hole. Where there is none yet the first page
//! tells one, but never one beyond what marks have told of in the meantime and was not seen.

mod marks;

use crate::protocol::history::Span;
use crate::protocol::limits::PAGE_MESSAGES;
use crate::protocol::{Cursor, HistoryRequest, Mark, NickKey, RoomName, SentId};
use marks::Marks;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long after a fill marks can start the next one: who forges marks makes nobody ask without end.
const REST: Duration = Duration::from_secs(1);
/// And after a question that the server refuses.
const LONG_REST: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Cursors {
    rooms: HashMap<RoomName, Place>,
    /// Who joins a room for the first time wants to see of its past.
    history: bool,
}

/// Where one room stands.
#[derive(Debug, Default)]
struct Place {
    /// Everything before it was shown.
    cursor: Option<Cursor>,
    /// Without a cursor: what marks have told of since we came.
    since: Option<Since>,
    /// Without either: something was said; and then the connection broke.
    heard: bool,
    missed: bool,
    /// It is an earlier run's, and nothing was shown in this one that lies after it.
    kept: bool,
    /// All that was said before we came was shown, or not wanted.
    caught_up: bool,
    marks: Marks,
    fill: Option<Fill>,
    rest_until: Option<Instant>,
    /// What was asked last was refused: after the rest it is asked again.
    refused: bool,
    /// Messages without an id that came live, and how many had before the last question that was answered in full.
    nameless: u64,
    nameless_before: u64,
}

#[derive(Debug)]
struct Since {
    /// Where the first mark began.
    from: u64,
    /// Up to where they were met.
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
    /// The cursor is another one now.
    pub moved: bool,
    /// To be asked next.
    pub next: Option<HistoryRequest>,
    /// Live messages without an id, up to this number, that pages have shown or never will: the server has answered since.
    pub nameless: u64,
}

impl Cursors {
    /// `kept`: of an earlier run; not wanted without `history`.
    pub fn new(kept: &HashMap<RoomName, Cursor>, history: bool) -> Cursors {
        let mut cursors = Cursors { rooms: HashMap::new(), history };
        cursors.recall(kept);
        cursors
    }

    /// Takes over cursors of earlier runs, in place of others' of which nothing came. A room that this run has been told
    /// of stays where it is.
    pub fn recall(&mut self, kept: &HashMap<RoomName, Cursor>) {
        self.rooms.retain(|_, place| !place.kept);
        for (room, cursor) in kept.iter().filter(|_| self.history) {
            let place = self.rooms.entry(room.clone()).or_default();
            if place.cursor.is_none() {
                *place = Place { cursor: Some(cursor.clone()), kept: true, ..Place::default() };
            }
        }
    }

    pub fn of(&self, room: &RoomName) -> Option<&Cursor> {
        self.rooms.get(room)?.cursor.as_ref()
    }

    /// What to ask with every join of the room. It takes the place of what is being asked about it.
    pub fn join(&mut self, room: &RoomName) -> HistoryRequest {
        let history = self.history;
        let place = self.place(room);
        place.fill(room, place.cursor.clone(), history)
    }

    /// The room was left: nothing more is asked about it.
    pub fn leave(&mut self, room: &RoomName) {
        if let Some(place) = self.rooms.get_mut(room) {
            place.lost();
            (place.since, place.heard, place.missed, place.caught_up) = (None, false, false, false);
        }
    }

    /// The connection is gone.
    pub fn lost(&mut self) {
        self.rooms.values_mut().for_each(Place::lost);
    }

    /// A mark of a room that we are in; `retained`: it tells of what was said before we came; `seen`: whether a message was
    /// shown. Here and below, `true`: the cursor moved.
    pub fn mark(&mut self, now: Instant, mark: Mark, retained: bool, seen: impl Fn(&NickKey, &SentId) -> bool) -> bool {
        let place = self.place(&mark.room.clone());
        let is_known = place.since.as_ref().is_some_and(|since| since.cursor.epoch == mark.epoch);
        if place.cursor.is_none() && !retained && !is_known {
            let cursor = Cursor { epoch: mark.epoch.clone(), pos: mark.from };
            place.since = Some(Since { from: mark.from, cursor, broke: false });
        }
        place.marks.add(now, mark, seen);
        place.advance()
    }

    /// A message with its sender's id is shown.
    pub fn saw(&mut self, room: &RoomName, key: &NickKey, id: &SentId) -> bool {
        let place = self.place(room);
        place.heard = true;
        place.marks.saw(key, id);
        place.advance()
    }

    /// A message without an id has come live; `number`: counts those of the room.
    pub fn heard_nameless(&mut self, room: &RoomName, number: u64) {
        let place = self.place(room);
        place.heard = true;
        place.nameless = number;
    }

    /// The answer to what [`Cursors::join`], [`Cursors::holes`] or an earlier page asked, after its messages were shown.
    /// `span`: none from an original server.
    pub fn page(&mut self, now: Instant, asked: &HistoryRequest, span: Option<&Span>) -> Filled {
        let history = self.history;
        let place = self.place(&asked.room);
        let before = place.cursor.clone();
        let fill = place.fill.take();
        let Some(span) = span else {
            place.caught_up = true;
            return Filled::default();
        };
        let next = place.reach(asked, span).map(|cursor| place.fill(&asked.room, Some(cursor), history));
        // What follows the first page was said since we came.
        place.caught_up |= asked.after.is_none();
        let mut nameless = 0;
        if next.is_none() {
            place.kept = false;
            place.caught_up = true;
            let fill = fill.unwrap_or_default();
            // One question more, since some of them may have been on their way to the server when this one passed.
            nameless = std::mem::replace(&mut place.nameless_before, fill.nameless);
            if place.cursor.as_ref().is_some_and(|cursor| cursor.pos >= span.to) {
                place.marks.answered(fill.marks);
            }
            place.rest_until = Some(now + REST);
        }
        place.advance();
        Filled { moved: place.cursor != before, next, nameless }
    }

    /// The server refuses to answer: it is asked again later.
    pub fn refused(&mut self, now: Instant, room: &RoomName) {
        let place = self.place(room);
        place.fill = None;
        place.refused = true;
        place.rest_until = Some(now + LONG_REST);
    }

    /// What is to be asked by now, because marks tell of messages that were not seen, or an answer was refused.
    pub fn holes(&mut self, now: Instant) -> Vec<HistoryRequest> {
        let history = self.history;
        let ask = |(room, place): (&RoomName, &mut Place)| {
            if place.rest_until.is_some_and(|until| now < until) {
                return None;
            }
            let after = match place.refused {
                true => place.cursor.clone(),
                false => Some(place.hole(now)?),
            };
            Some(place.fill(room, after, history))
        };
        self.rooms.iter_mut().filter_map(ask).collect()
    }

    /// When [`Cursors::holes`] finds something.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let due = |place: &Place| {
            let at = if place.refused { now } else { place.hole_due(now)? };
            Some(place.rest_until.map_or(at, |rest| rest.max(at)))
        };
        self.rooms.values().filter_map(due).min()
    }

    /// Whether something unread is the first since an earlier run; `true` once.
    pub fn take_unread(&mut self, room: &RoomName) -> bool {
        self.rooms.get_mut(room).is_some_and(|place| std::mem::take(&mut place.kept))
    }

    /// Whether a connection broke of which nothing tells where it was in the room: a first page may not reach back so far.
    /// `true` once.
    pub fn take_missed(&mut self, room: &RoomName) -> bool {
        self.rooms.get_mut(room).is_some_and(|place| std::mem::take(&mut place.missed))
    }

    /// Whether what a page brings was said before we came; else it only took long.
    pub fn is_backlog(&self, room: &RoomName) -> bool {
        !self.rooms.get(room).is_some_and(|place| place.caught_up)
    }

    fn place(&mut self, room: &RoomName) -> &mut Place {
        self.rooms.entry(room.clone()).or_default()
    }
}

impl Place {
    /// Asks for a page after a cursor; without one for what somebody new sees, or only where the room ends.
    fn fill(&mut self, room: &RoomName, after: Option<Cursor>, history: bool) -> HistoryRequest {
        self.refused = false;
        self.fill = Some(Fill { marks: self.marks.arrived(), nameless: self.nameless });
        let limit = match after {
            Some(_) => Some(PAGE_MESSAGES),
            None => (!history).then_some(0),
        };
        HistoryRequest { room: room.clone(), limit, before: None, after }
    }

    /// Moves the cursor to a page's end. Where more is to come after it: from where on.
    fn reach(&mut self, asked: &HistoryRequest, span: &Span) -> Option<Cursor> {
        let end = Cursor { epoch: span.epoch.clone(), pos: span.to };
        let same_history = asked.after.as_ref().filter(|after| after.epoch == end.epoch);
        // A history that was put back to an earlier state takes the cursor along.
        let is_behind = span.gap && same_history.is_some_and(|after| after.pos > end.pos);
        match &mut self.cursor {
            Some(cursor) if cursor.epoch == end.epoch && !is_behind => cursor.pos = cursor.pos.max(end.pos),
            Some(cursor) => *cursor = end.clone(),
            None => {
                // What marks have told of and was not seen may lie before the page's end, or before its beginning.
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

    /// Moves the cursor over marks that are met.
    fn advance(&mut self) -> bool {
        let is_told = self.cursor.is_some();
        let Some(cursor) = self.cursor.as_mut().or(self.since.as_mut().map(|since| &mut since.cursor)) else {
            return false;
        };
        let before = cursor.pos;
        while let Some(to) = self.marks.take_met(cursor) {
            cursor.pos = to;
        }
        is_told && cursor.pos != before
    }

    /// After what something has to be fetched, if it has.
    fn hole(&self, now: Instant) -> Option<Cursor> {
        let cursor = self.cursor.as_ref().filter(|_| self.fill.is_none())?;
        self.marks.hole(now, cursor).then(|| cursor.clone())
    }

    /// When there is something to be fetched.
    fn hole_due(&self, now: Instant) -> Option<Instant> {
        let cursor = self.cursor.as_ref().filter(|_| self.fill.is_none())?;
        self.marks.hole_due(now, cursor)
    }

    fn lost(&mut self) {
        match &mut self.since {
            Some(since) => since.broke = true,
            None => self.missed |= self.heard && self.cursor.is_none(),
        }
        self.marks.lost();
        self.fill = None;
        self.rest_until = None;
        self.refused = false;
    }
}

#[cfg(test)]
mod tests;
