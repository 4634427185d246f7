//! Handles pages of history: tells and remembers their messages, and moves the room's cursor.

use super::OwnRooms;
use super::seen::Was;
use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::conversation::people::People;
use crate::client::core::conversation::requests::OpenRequest;
use crate::client::core::news::{News, Said};
use crate::now::Now;
use crate::protocol::{Chat, Entry, History, HistoryRequest, RoomName, Timestamp};
use chrono::{DateTime, FixedOffset, NaiveDateTime};

/// The reader of a page.
pub struct PageReader<'a, F> {
    pub people: &'a mut People,
    /// Whether the user sent a message in this run.
    pub is_own: F,
}

impl OwnRooms {
    /// A page that the user requested, or one that fills a hole. Returns the next request.
    pub fn page<F: Fn(&Entry) -> bool>(
        &mut self,
        now: Now,
        open: OpenRequest,
        page: History,
        reader: PageReader<F>,
        out: &mut Outputs,
    ) -> Option<HistoryRequest> {
        let (asked, room) = (&open.inquiry.history, &open.inquiry.history.room);
        let by_user = open.by_user;
        let span = page.span.clone();
        // The page has a beginning, and what an earlier connection brought may end before that.
        let is_cut = !by_user
            && span.as_ref().is_some_and(|span| !span.complete)
            && asked.after.is_none()
            && self.state(room).catch_up.take_missed();
        // Without history, the request only asks where the room ends.
        let is_told = by_user || asked.limit != Some(0);
        if is_told {
            self.tell_page(now, room, &page, (by_user, is_cut), reader, out);
        } else if is_cut {
            out.tell(News::Gap(room.clone()));
        }
        let filled = (!by_user).then(|| self.state(room).catch_up.page(now.instant, asked, span.as_ref()));
        if is_told {
            let more = filled.as_ref().is_some_and(|filled| filled.next.is_some());
            out.reply(News::Page { room: room.clone(), page, by_user, more }, open.reference.clone());
        }
        let filled = filled?;
        self.cursor_moved(filled.moved, room, out);
        self.state(room).seen.forget_nameless(filled.nameless);
        filled.next.filter(|_| !self.is_full)
    }

    fn tell_page<F: Fn(&Entry) -> bool>(
        &mut self,
        now: Now,
        room: &RoomName,
        page: &History,
        (by_user, is_cut): (bool, bool),
        PageReader { people, is_own }: PageReader<F>,
        out: &mut Outputs,
    ) {
        let is_elsewhere = *room != self.here;
        let state = self.state(room);
        if let Some(span) = &page.span {
            state.seen.pages_are_of(&span.epoch);
        }
        if let Some(time) = page.timestamp.as_ref().and_then(Timestamp::at) {
            state.seen.newest.server_clock_is(now.instant, time);
        }
        let were = state.seen.merge(&page.messages);
        let is_cut = is_cut && were.iter().all(|was| matches!(was, Was::New { .. }));
        if is_cut || !by_user && page.span.as_ref().is_some_and(|span| span.gap) {
            out.tell(News::Gap(room.clone()));
        }
        let history = by_user || state.catch_up.is_backlog();
        for (entry, was) in page.messages.iter().zip(were) {
            let key = entry.nick.key();
            let (is_new, overtaken) = match was {
                Was::New { late } => (true, late),
                Was::Shown => (false, false),
            };
            // A requested page is shown even if its messages were shown before.
            if !is_new && !by_user {
                continue;
            }
            people.spoke(&entry.nick);
            if !people.ignores(key) {
                let state = self.state(room);
                if !by_user && state.catch_up.take_unread() {
                    out.tell(News::Unread(room.clone()));
                }
                let own = is_own(entry);
                // A requested page is in order by itself.
                let late = entry.late || !by_user && overtaken;
                state.unread += u64::from(!history && !own && is_elsewhere);
                out.tell(News::Said(Said { history, own, late, ..said_then(now, entry, room) }));
            }
            if let Some(id) = entry.id.as_ref().filter(|_| is_new) {
                self.shown(room, key, id, out);
            }
        }
    }
}

/// A message of a page.
fn said_then(now: Now, entry: &Entry, room: &RoomName) -> Said {
    let Entry { nick, text, timestamp, action, late, id, pos, .. } = entry.clone();
    let message = Chat { nick, to: room.clone(), text, timestamp, id: None, action, late };
    Said { at: moment(now, entry), id, pos, ..Said::live(now.wall, message) }
}

/// When a stored message was said. The time of an original server has no zone and is taken for local time.
fn moment(now: Now, entry: &Entry) -> DateTime<FixedOffset> {
    let naive = || {
        let text = entry.timestamp.as_ref()?.as_str();
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        naive.and_local_timezone(*now.wall.offset()).single()
    };
    entry.at().or_else(naive).unwrap_or(now.wall)
}
