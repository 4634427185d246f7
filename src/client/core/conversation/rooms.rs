//! The rooms one is in, talks in and hears of.

pub mod catch_up;
pub mod seen;

use super::requests::{Inquiry, Origin};
use super::{Conversation, Output};
use crate::client::core::news::News;
use crate::nearest::nearest;
use crate::now::Now;
use crate::protocol::limits::ROOMS_PER_SESSION;
use crate::protocol::presence::Action;
use crate::protocol::{RequestKind, RoomInfo, RoomName, Rooms};
use serde_json::Value;

/// Rooms of others that are listed at a terminal: a screen of them.
const LISTED: usize = 50;

impl Conversation {
    pub(super) fn is_in(&self, room: &RoomName) -> bool {
        room.is_lobby() || self.rooms.contains(room)
    }

    /// All that one is in, the lobby first.
    pub(super) fn own_rooms(&self) -> Vec<RoomName> {
        [RoomName::lobby()].into_iter().chain(self.rooms.iter().cloned()).collect()
    }

    pub(super) fn join_room(&mut self, now: Now, room: RoomName, reference: Option<Value>) {
        if !self.is_in(&room) {
            if self.rooms.len() >= ROOMS_PER_SESSION {
                return self.out.error(format!("you are in {ROOMS_PER_SESSION} rooms: leave one first"), reference);
            }
            self.rooms.push(room.clone());
            self.out.extend(self.room_filters(&room).map(Output::Subscribe));
            self.tell_rooms(now);
            self.ask_history(room.clone());
            self.wonder_about(&room);
            self.send_requests(now);
        }
        self.talk_in(room);
    }

    /// A room is there as soon as somebody is in it, be it by a slip: at a terminal it is told where nobody else is.
    fn wonder_about(&mut self, room: &RoomName) {
        if self.out.is_on_terminal() && self.server.is_some() {
            self.joined_lately.push(room.clone());
            self.requests.open_own(Inquiry::of(RequestKind::Rooms), &mut self.random);
        }
    }

    pub(super) fn part(&mut self, now: Now, room: Option<RoomName>, reference: Option<Value>) {
        let room = room.unwrap_or_else(|| self.here.clone());
        if room.is_lobby() {
            return self.out.error("everybody is in the lobby; /quit leaves the chat", reference);
        }
        if !self.is_in(&room) {
            return self.out.error(format!("you are not in #{room}"), reference);
        }
        self.rooms.retain(|known| *known != room);
        self.requests.forget_room(&room);
        self.cursors.leave(&room);
        self.out.extend(self.room_filters(&room).map(Output::Unsubscribe));
        self.joined_lately.retain(|known| *known != room);
        self.unread.remove(&room);
        self.tell_rooms(now);
        match (self.out.is_on_terminal(), self.here == room) {
            (true, true) => {
                self.look_at(RoomName::lobby());
                self.out.answer(format!("you have left #{room} and talk in #{} now", self.here));
            }
            (true, false) => self.out.answer(format!("you have left #{room}")),
            (false, true) => self.talk_in(RoomName::lobby()),
            (false, false) => {}
        }
    }

    /// A join of somebody who is there replaces the rooms, without a notice.
    fn tell_rooms(&mut self, now: Now) {
        if self.is_joined() {
            let join = self.author().presence(now, Action::Join);
            self.out.publish(join);
        }
    }

    pub(super) fn talk_in(&mut self, room: RoomName) {
        self.out.answer(format!("you talk in #{room} now"));
        self.look_at(room);
    }

    fn look_at(&mut self, room: RoomName) {
        self.unread.remove(&room);
        self.here = room;
    }

    /// A message of somebody else was told. What is said where one talks is read.
    pub(super) fn count_unread(&mut self, room: &RoomName) {
        if *room != self.here {
            *self.unread.entry(room.clone()).or_default() += 1;
        }
    }

    pub(super) fn ask_rooms(&mut self, now: Now, reference: Option<Value>) {
        // One's own are known, and which others there are nobody could tell.
        if self.out.is_on_terminal() && (!self.connection_is_up || self.told_silence || self.is_original) {
            return self.list_rooms(&[]);
        }
        self.ask(now, Inquiry::of(RequestKind::Rooms), reference);
    }

    pub(super) fn rooms_are(&mut self, list: Rooms, origin: Origin) {
        self.other_rooms = list.rooms.iter().map(|info| info.name.clone()).collect();
        match origin {
            Origin::Own => {
                for room in std::mem::take(&mut self.joined_lately) {
                    self.tell_of_company(&room, &list.rooms);
                }
            }
            Origin::User { .. } if self.out.is_on_terminal() => self.list_rooms(&list.rooms),
            Origin::User { reference } => self.out.tell(News::Rooms { list, reference }),
        }
    }

    fn tell_of_company(&mut self, room: &RoomName, rooms: &[RoomInfo]) {
        // One is in it oneself: where it is missing, the list was too long for all.
        let listed = rooms.iter().find(|info| info.name == *room).filter(|info| info.members <= 1);
        let Some(RoomInfo { messages, .. }) = listed else { return };
        if *messages > 0 {
            return self.out.answer(format!("nobody else is in #{room} now"));
        }
        let others = rooms.iter().filter(|info| !self.is_in(&info.name) && (info.members > 0 || info.messages > 0));
        let meant = match nearest(room.as_str(), others.map(|info| info.name.as_str())) {
            Some(name) => format!(" (did you mean #{name}? /part leaves this one)"),
            None => String::new(),
        };
        self.out.answer(format!("#{room} is new: nobody else is there{meant}"));
    }

    /// A line for each room: those that one is in first.
    fn list_rooms(&mut self, rooms: &[RoomInfo]) {
        let own = self.own_rooms();
        let others: Vec<&RoomInfo> = rooms.iter().filter(|info| !own.contains(&info.name)).collect();
        let names = own.iter().chain(others.iter().take(LISTED).map(|info| &info.name));
        let width = names.map(|name| name.as_str().len()).max().unwrap_or_default();
        for name in &own {
            let info = rooms.iter().find(|info| info.name == *name);
            let mark = if *name == self.here { '>' } else { '+' };
            let unread = match self.unread.get(name) {
                Some(count) => format!("   {count} unread"),
                None => String::new(),
            };
            self.out.answer(format!("{mark} {}{unread}", room_line(name, info, width)).trim_end().to_owned());
        }
        for info in others.iter().take(LISTED) {
            self.out.answer(format!("  {}", room_line(&info.name, Some(info), width)));
        }
        if others.len() > LISTED {
            self.out.answer(format!("… and {} more", others.len() - LISTED));
        }
        if rooms.is_empty() {
            self.out.answer(match (self.connection_is_up, self.is_original) {
                (false, _) => "not connected: which others there are is not known",
                (true, true) => {
                    "the chat server here is an original one, which has no rooms: who else is in one is not known"
                }
                (true, false) => "no chat server is answering: which others there are is not known",
            });
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
