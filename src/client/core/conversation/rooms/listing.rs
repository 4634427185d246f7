//! `/rooms`, and who else is in a room that was just joined.

use super::OwnRooms;
use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::conversation::requests::OpenRequest;
use crate::client::core::news::News;
use crate::nearest::nearest;
use crate::protocol::{RoomInfo, RoomName, Rooms};

/// How many rooms of others a terminal lists: a screenful.
const LISTED: usize = 50;

/// Why there is no list of rooms, unless there is another reason.
pub const NO_ANSWER: &str = "no chat server is answering: which others there are is not known";

impl OwnRooms {
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
}

fn room_line(name: &RoomName, info: Option<&RoomInfo>, width: usize) -> String {
    let numbers = info.map_or(String::new(), |info| {
        let people = if info.members == 1 { "person" } else { "people" };
        let messages = if info.messages == 1 { "message" } else { "messages" };
        format!("{:>4} {people}, {} {messages}", info.members, info.messages)
    });
    format!("#{:<width$}{numbers}", name.as_str())
}
