//! The user's rooms: which ones they are in, the current one, and what of each was shown.

mod catch_up;
mod live;
mod pages;
mod seen;

use super::outputs::Outputs;
use super::requests::OpenRequest;
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::news::News;
use crate::nearest::nearest;
use crate::protocol::limits::ROOMS_PER_SESSION;
use crate::protocol::{HistoryRequest, MessageId, NickKey, RoomInfo, RoomName, Rooms};
use catch_up::CatchUp;
use seen::Seen;
use std::collections::BTreeMap;
use std::time::Instant;

pub use pages::PageReader;

/// How many rooms of others a terminal lists: a screenful.
const LISTED: usize = 50;

/// Why there is no list of rooms, unless there is another reason.
pub const NO_ANSWER: &str = "no chat server is answering: which others there are is not known";

/// The rooms of this user.
#[derive(Debug, Default)]
pub struct OwnRooms {
    /// Rooms besides the lobby, in the order of joining.
    joined: Vec<RoomName>,
    /// The current room.
    here: RoomName,
    /// The state of each room, including those that were left.
    known: BTreeMap<RoomName, RoomState>,
    /// Which direct messages were shown.
    direct: Seen,
    /// The first join of a room shows some of its past.
    wants_history: bool,
    /// Rooms that the server listed last, for completion.
    listed: Vec<RoomName>,
    /// Rooms that were just joined. Who else is there is not known yet.
    joined_lately: Vec<RoomName>,
    /// The reader takes no more, so no pages are requested.
    is_full: bool,
    /// When the next missing page is requested.
    hole_at: Option<Instant>,
}

/// The state of one room.
#[derive(Debug)]
struct RoomState {
    seen: Seen,
    catch_up: CatchUp,
    /// Messages of others since the user last spoke there.
    unread: u64,
}

impl OwnRooms {
    /// `joined`: the rooms besides the lobby. The first becomes the current room.
    pub fn new(joined: Vec<RoomName>, wants_history: bool) -> OwnRooms {
        OwnRooms {
            here: joined.first().cloned().unwrap_or_default(),
            joined,
            direct: Seen::of_direct_messages(),
            wants_history,
            ..OwnRooms::default()
        }
    }

    /// Loads what earlier runs under this nick left, and replaces what belongs to another nick. What this run has shown
    /// stays shown.
    pub fn recall(&mut self, remembered: Remembered) {
        let Remembered { cursors, shown, shown_direct, .. } = remembered;
        for state in self.known.values_mut() {
            state.seen.recall(Vec::new());
            state.catch_up.forget_earlier_run();
        }
        shown.into_iter().for_each(|(room, shown)| self.state(&room).seen.recall(shown));
        self.direct.recall(shown_direct);
        cursors.iter().for_each(|(room, cursor)| self.state(room).catch_up.recall(cursor));
    }

    /// Remembers this run's cursors under another nick, which has just been taken.
    pub fn renamed(&mut self, out: &mut Outputs) {
        let rooms: Vec<RoomName> = self.known.keys().cloned().collect();
        rooms.iter().for_each(|room| self.cursor_moved(true, room, out));
    }

    /// The current room.
    pub fn here(&self) -> &RoomName {
        &self.here
    }

    /// The rooms besides the lobby.
    pub fn joined(&self) -> &[RoomName] {
        &self.joined
    }

    pub fn is_in(&self, room: &RoomName) -> bool {
        room.is_lobby() || self.joined.contains(room)
    }

    /// All rooms of the user, the lobby first.
    pub fn own(&self) -> Vec<RoomName> {
        [RoomName::lobby()].into_iter().chain(self.joined.iter().cloned()).collect()
    }

    /// Room names to complete, the user's rooms first.
    pub fn names(&self) -> Vec<String> {
        let others = self.listed.iter().filter(|room| !self.is_in(room));
        self.joined.iter().chain([&RoomName::lobby()]).chain(others).map(RoomName::to_string).collect()
    }

    /// Joins a room; `false`: that is impossible.
    pub fn join(&mut self, room: RoomName, out: &mut Outputs) -> bool {
        let has_space = self.joined.len() < ROOMS_PER_SESSION;
        match has_space {
            true => self.joined.push(room),
            false => {
                let text = format!("you are in {ROOMS_PER_SESSION} rooms: leave one first");
                out.error(text);
            }
        }
        has_space
    }

    /// Joining a misspelled room creates it. So once the server has listed the rooms, the user is told if nobody else
    /// is there.
    pub fn wonder_about(&mut self, room: RoomName) {
        self.joined_lately.push(room);
    }

    /// Leaves a room, by default the current one. `None`: that is impossible.
    pub fn part(&mut self, room: Option<RoomName>, out: &mut Outputs) -> Option<RoomName> {
        let room = room.unwrap_or_else(|| self.here.clone());
        if room.is_lobby() {
            out.error("everybody is in the lobby; /quit leaves the chat");
            return None;
        }
        if !self.is_in(&room) {
            out.error(format!("you are not in #{room}"));
            return None;
        }
        self.joined.retain(|known| *known != room);
        self.joined_lately.retain(|known| *known != room);
        let state = self.state(&room);
        state.catch_up.leave();
        state.unread = 0;
        Some(room)
    }

    /// Tells that a room was left. If it was the current one, the lobby is now.
    pub fn parted(&mut self, room: &RoomName, out: &mut Outputs) {
        match (out.is_on_terminal(), self.here == *room) {
            (true, true) => {
                self.look_at(RoomName::lobby());
                out.answer(format!("you have left #{room} and talk in #{} now", self.here));
            }
            (true, false) => out.answer(format!("you have left #{room}")),
            (false, true) => self.talk_in(RoomName::lobby(), out),
            (false, false) => {}
        }
    }

    pub fn talk_in(&mut self, room: RoomName, out: &mut Outputs) {
        out.answer(format!("you talk in #{room} now"));
        self.look_at(room);
    }

    fn look_at(&mut self, room: RoomName) {
        self.state(&room).unread = 0;
        self.here = room;
    }

    /// A new connection begins.
    pub fn connected(&mut self) {
        self.known.values_mut().for_each(|state| state.seen.newest.connection_is_another());
    }

    /// The connection is lost.
    pub fn lost(&mut self) {
        self.known.values_mut().for_each(|state| state.catch_up.lost());
        self.hole_at = None;
    }

    /// The reader takes no more.
    pub fn full(&mut self) {
        self.is_full = true;
    }

    /// The reader takes more again. Messages may have been dropped, as after a lost connection.
    pub fn missed(&mut self) {
        self.is_full = false;
        self.lost();
    }

    /// The history request that accompanies every join of a room: for what was missed or, at the first join, for some
    /// of the past.
    pub fn ask(&mut self, room: &RoomName) -> HistoryRequest {
        self.state(room).catch_up.join()
    }

    /// The server refuses a page.
    pub fn refused(&mut self, now: Instant, room: &RoomName) {
        self.state(room).catch_up.refused(now);
    }

    /// The requests to make now, because marks announce messages that were not received. `can_ask`: somebody can
    /// answer.
    pub fn holes(&mut self, now: Instant, can_ask: bool) -> Vec<HistoryRequest> {
        self.hole_at = None;
        if !can_ask || self.is_full {
            return Vec::new();
        }
        let asked = self.known.values_mut().filter_map(|state| state.catch_up.hole(now)).collect();
        self.hole_at = self.known.values().filter_map(|state| state.catch_up.hole_at(now)).min();
        asked
    }

    /// When [`OwnRooms::holes`] has work.
    pub fn due(&self) -> Option<Instant> {
        self.hole_at
    }

    /// The server's list of rooms.
    pub fn listed(&mut self, list: Rooms, open: OpenRequest, out: &mut Outputs) {
        self.listed = list.rooms.iter().map(|info| info.name.clone()).collect();
        match (open.by_user, out.is_on_terminal()) {
            (true, true) => self.list(&list.rooms, NO_ANSWER, out),
            (true, false) => out.reply(News::Rooms(list), open.reference),
            (false, _) => {
                for room in std::mem::take(&mut self.joined_lately) {
                    self.tell_of_company(&room, &list.rooms, out);
                }
            }
        }
    }

    fn tell_of_company(&self, room: &RoomName, rooms: &[RoomInfo], out: &mut Outputs) {
        // The user is in this room, so if it is missing, the list was cut.
        let listed = rooms.iter().find(|info| info.name == *room).filter(|info| info.members <= 1);
        let Some(RoomInfo { messages, .. }) = listed else { return };
        if *messages > 0 {
            return out.answer(format!("nobody else is in #{room} now"));
        }
        let others = rooms.iter().filter(|info| !self.is_in(&info.name) && (info.members > 0 || info.messages > 0));
        let meant = match nearest(room.as_str(), others.map(|info| info.name.as_str())) {
            Some(name) => format!(" (did you mean #{name}? /part leaves this one)"),
            None => String::new(),
        };
        out.answer(format!("#{room} is new: nobody else is there{meant}"));
    }

    /// One line per room, the user's rooms first. `why`: told if the list is empty.
    pub fn list(&self, rooms: &[RoomInfo], why: &str, out: &mut Outputs) {
        let own = self.own();
        let others: Vec<&RoomInfo> = rooms.iter().filter(|info| !own.contains(&info.name)).collect();
        let names = own.iter().chain(others.iter().take(LISTED).map(|info| &info.name));
        let width = names.map(|name| name.as_str().len()).max().unwrap_or_default();
        for name in &own {
            let info = rooms.iter().find(|info| info.name == *name);
            let mark = if *name == self.here { '>' } else { '+' };
            let unread = match self.known.get(name).map_or(0, |state| state.unread) {
                0 => String::new(),
                count => format!("   {count} unread"),
            };
            out.answer(format!("{mark} {}{unread}", room_line(name, info, width)).trim_end().to_owned());
        }
        for info in others.iter().take(LISTED) {
            out.answer(format!("  {}", room_line(&info.name, Some(info), width)));
        }
        if others.len() > LISTED {
            out.answer(format!("… and {} more", others.len() - LISTED));
        }
        if rooms.is_empty() {
            out.answer(why);
        }
    }

    fn state(&mut self, room: &RoomName) -> &mut RoomState {
        let wants_history = self.wants_history;
        self.known.entry(room.clone()).or_insert_with(|| RoomState {
            seen: Seen::default(),
            catch_up: CatchUp::new(room.clone(), wants_history),
            unread: 0,
        })
    }

    /// A message was shown.
    fn shown(&mut self, room: &RoomName, key: &NickKey, id: &MessageId, out: &mut Outputs) {
        let state = self.state(room);
        let moved = match id {
            MessageId::Sent(id) => state.catch_up.saw(key, id),
            MessageId::Row(_) => false,
        };
        if let Some((series, number)) = state.seen.series(key, id) {
            out.remember(Memo::Shown { room: Some(room.clone()), series, number });
        }
        self.cursor_moved(moved, room, out);
    }

    /// Without history, earlier messages are skipped. The cursor is not remembered then, so a later run with history
    /// still gets them.
    fn cursor_moved(&mut self, moved: bool, room: &RoomName, out: &mut Outputs) {
        let wants_history = self.wants_history;
        if let Some(cursor) = self.state(room).catch_up.cursor().filter(|_| moved && wants_history) {
            out.remember(Memo::Cursor { room: room.clone(), cursor: cursor.clone() });
        }
    }
}

fn room_line(name: &RoomName, info: Option<&RoomInfo>, width: usize) -> String {
    let numbers = info.map_or(String::new(), |info| {
        let people = if info.members == 1 { "person" } else { "people" };
        let messages = if info.messages == 1 { "message" } else { "messages" };
        format!("{:>4} {people}, {} {messages}", info.members, info.messages)
    });
    format!("#{:<width$}{numbers}", name.as_str())
}

#[cfg(test)]
mod tests;
