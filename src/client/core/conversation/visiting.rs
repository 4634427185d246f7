//! `/join`, `/part` and `/rooms`: what they mean for the broker and the chat server.

use super::requests::Inquiry;
use super::rooms::NO_ANSWER;
use super::{Conversation, Output};
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{RequestKind, RoomName};

impl Conversation {
    pub(super) fn join_room(&mut self, now: Now, room: RoomName) {
        if !self.rooms.is_in(&room) {
            if !self.rooms.join(room.clone(), &mut self.out) {
                return;
            }
            self.out.extend(self.room_filters(&room).map(Output::Subscribe));
            self.tell_rooms(now);
            self.ask_history(&room);
            if self.out.is_on_terminal() && self.lookout.is_known() {
                self.rooms.wonder_about(room.clone());
                self.requests.open_own(Inquiry::of(RequestKind::Rooms), &mut self.random);
            }
        }
        self.rooms.talk_in(room, &mut self.out);
    }

    pub(super) fn part(&mut self, now: Now, room: Option<RoomName>) {
        let Some(room) = self.rooms.part(room, &mut self.out) else { return };
        self.requests.forget_room(&room);
        self.out.extend(self.room_filters(&room).map(Output::Unsubscribe));
        self.tell_rooms(now);
        self.rooms.parted(&room, &mut self.out);
    }

    /// Another join of a present user replaces the list of rooms, without a notice.
    fn tell_rooms(&mut self, now: Now) {
        if self.joining.is_joined() {
            self.say_presence(now, Action::Join);
        }
    }

    pub(super) fn ask_rooms(&mut self) {
        // The user's own rooms are known, but nobody could list the others.
        let reach = self.lookout.reach(self.connection.is_up());
        let why = match reach.is_connected {
            false => Some("not connected: which others there are is not known"),
            true if reach.is_original => {
                Some("the chat server here is an original one, which has no rooms: who else is in one is not known")
            }
            true => reach.is_silent.then_some(NO_ANSWER),
        };
        match why.filter(|_| self.out.is_on_terminal()) {
            Some(why) => self.rooms.list(&[], why, &mut self.out),
            None => self.ask(Inquiry::of(RequestKind::Rooms)),
        }
    }
}
