//! Pages of history: told, remembered, and what they make of a room's cursor.

use super::Conversation;
use super::requests::{Inquiry, OpenRequest, Origin};
use super::rooms::seen::Was;
use crate::client::core::memo::Memo;
use crate::client::core::news::{News, Place, Said};
use crate::now::Now;
use crate::protocol::{Entry, History, MessageId, Nick, NickKey, RoomName, SentId, Session, Timestamp};
use chrono::{DateTime, FixedOffset, NaiveDateTime};

impl Conversation {
    /// A message of a room was told.
    pub(super) fn shown(&mut self, room: &RoomName, key: &NickKey, id: MessageId) {
        let moved = match &id {
            MessageId::Sent(id) => self.cursors.saw(room, key, id),
            MessageId::Row(_) => false,
        };
        if let Some((series, number)) = self.seen.get(room).and_then(|seen| seen.series(key, &id)) {
            self.out.remember(Memo::Shown { room: room.clone(), series, number });
        }
        self.cursor_moved(moved, room);
    }

    /// Who wants no history passes over what was said before: a later run that does still gets it.
    pub(super) fn cursor_moved(&mut self, moved: bool, room: &RoomName) {
        if let Some(cursor) = self.cursors.of(room).filter(|_| moved && self.config.history) {
            self.out.remember(Memo::Cursor { room: room.clone(), cursor: cursor.clone() });
        }
    }

    /// A page that the user wanted to see, or one that fills what was missed.
    pub(super) fn page(&mut self, now: Now, open: OpenRequest, page: History) {
        let (asked, room) = (&open.inquiry.history, &open.inquiry.history.room);
        let by_user = matches!(open.origin, Origin::User { .. });
        let span = page.span.clone();
        // It begins somewhere: what an earlier connection brought may end before that.
        let is_cut = !by_user
            && span.as_ref().is_some_and(|span| !span.complete)
            && asked.after.is_none()
            && self.cursors.take_missed(room);
        // Who wants no history asks only where it ends.
        let is_told = by_user || asked.limit != Some(0);
        if is_told {
            self.tell_page(now, room, &page, by_user, is_cut);
        } else if is_cut {
            self.out.tell(News::Gap { room: room.clone() });
        }
        let filled = (!by_user).then(|| self.cursors.page(now.instant, asked, span.as_ref()));
        if is_told {
            let more = filled.as_ref().is_some_and(|filled| filled.next.is_some());
            let reference = open.origin.into_reference();
            self.out.tell(News::Page { room: room.clone(), page, by_user, more, reference });
        }
        if let Some(filled) = filled {
            self.cursor_moved(filled.moved, room);
            if let Some(seen) = self.seen.get_mut(room) {
                seen.forget_nameless(filled.nameless);
            }
            if let Some(next) = filled.next.filter(|_| !self.is_full) {
                self.requests.open_own(Inquiry::page(next), &mut self.random);
                self.send_requests(now);
            }
        }
    }

    fn tell_page(&mut self, now: Now, room: &RoomName, page: &History, by_user: bool, is_cut: bool) {
        let seen = self.seen.entry(room.clone()).or_default();
        if let Some(span) = &page.span {
            seen.pages_are_of(&span.epoch);
        }
        if let Some(time) = page.timestamp.as_ref().and_then(Timestamp::at) {
            seen.server_clock_is(now.instant, time);
        }
        let were = seen.merge(&page.messages);
        let is_cut = is_cut && were.iter().all(|was| matches!(was, Was::New { .. }));
        if is_cut || !by_user && page.span.as_ref().is_some_and(|span| span.gap) {
            self.out.tell(News::Gap { room: room.clone() });
        }
        let history = by_user || self.cursors.is_backlog(room);
        for (entry, was) in page.messages.iter().zip(were) {
            let key = entry.nick.key();
            let (is_new, overtaken) = match was {
                Was::New { late } => (true, late),
                Was::Shown => (false, false),
            };
            // Who asks for the past wants to see it again.
            if !is_new && !by_user {
                continue;
            }
            self.people.spoke(&entry.nick);
            if !self.people.ignores(key) {
                if !by_user && self.cursors.take_unread(room) {
                    self.out.tell(News::Unread { room: room.clone() });
                }
                let own = self.is_own(&entry.nick, entry.id.as_ref());
                let mut said = Said { history, ..said_then(now, entry, room, own) };
                // Who asks for the past gets it in its order.
                said.late |= !by_user && overtaken;
                if !history && !own {
                    self.count_unread(room);
                }
                self.out.tell(News::Said(said));
            }
            if let Some(id) = entry.id.clone().filter(|_| is_new) {
                self.shown(room, key, id);
            }
        }
    }

    fn is_own(&self, nick: &Nick, id: Option<&MessageId>) -> bool {
        let is_of_this_run = |session: &Session| *session == self.session || self.outbox.is_of_this_run(session);
        matches!(id, Some(MessageId::Sent(SentId { session, .. })) if is_of_this_run(session))
            && nick.key() == self.nick.key()
    }
}

/// A message of a page.
fn said_then(now: Now, entry: &Entry, room: &RoomName, own: bool) -> Said {
    Said {
        nick: entry.nick.clone(),
        place: Place::Room(room.clone()),
        text: entry.text.clone(),
        at: moment(now, entry),
        timestamp: entry.timestamp.clone(),
        id: entry.id.clone(),
        action: entry.action,
        late: entry.late,
        own,
        history: true,
        pos: entry.pos,
        reference: None,
    }
}

/// When a stored message was said: as its sender tells, else as the server does. An original's time names no zone: it is
/// taken for ours.
fn moment(now: Now, entry: &Entry) -> DateTime<FixedOffset> {
    let told = entry.timestamp.as_ref().and_then(Timestamp::at);
    let told = told.or_else(|| entry.received.as_ref().and_then(Timestamp::at));
    let naive = || {
        let text = entry.timestamp.as_ref()?.as_str();
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        naive.and_local_timezone(*now.wall.offset()).single()
    };
    told.or_else(naive).unwrap_or(now.wall)
}
