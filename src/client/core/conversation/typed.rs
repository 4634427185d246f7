//! What the user wants: typed lines and commands, and what they mean for the broker and the chat server.

use super::requests::Inquiry;
use super::rooms::NO_ANSWER;
use super::{Conversation, Output, Role};
use crate::client::core::command::{self, Command, PageRequest, Target, TypedLine};
use crate::client::core::news::{News, Place, Said};
use crate::client::core::outbox::OwnMessage;
use crate::now::Now;
use crate::protocol::limits::TEXT_CHARS;
use crate::protocol::presence::Action;
use crate::protocol::{HistoryRequest, Nick, RequestKind, RoomName, Timestamp, text};
use std::time::Duration;

/// Replaces a tab, because control characters are removed.
const TAB: &str = "    ";

impl Conversation {
    pub(super) fn typed(&mut self, now: Now, line: TypedLine) {
        if self.naming.is_choosing() && !line.is_unasked && !line.text.starts_with('/') {
            let nick = self.naming.choose(line.text.trim(), &mut self.out);
            return nick.into_iter().for_each(|nick| self.become_known_as(nick, None));
        }
        match line.command {
            Ok(Command::Say { text, .. }) if text.trim().is_empty() => {}
            Ok(command) => self.command(now, command),
            Err(error) => self.out.error(error),
        }
    }

    pub(super) fn command(&mut self, now: Now, command: Command) {
        match command {
            Command::Nick(nick) if self.naming.is_choosing() => self.become_known_as(nick, None),
            // This includes pasted text: it would be sent under a nick that is not known yet.
            command if self.naming.is_choosing() && !works_without_a_nick(&command) => {
                self.out.error("type a nick first, or /quit");
            }
            Command::Say { text, to, action } => self.say(now, &text, to, action),
            // The line editor has already filled in the addressee, if there was one. Somebody who has written since is
            // not meant.
            Command::Reply(_) => self.out.error("not sent: nobody to reply to; use /msg NICK TEXT"),
            Command::Users => self.ask(Inquiry::of(RequestKind::Users)),
            Command::Rooms => self.ask_rooms(),
            Command::Ping => self.ask(Inquiry::of(RequestKind::Ping)),
            Command::Nick(nick) => {
                let is_delayed = self.connection.is_up() && self.sending.is_delayed();
                self.naming.change(now.instant, nick, is_delayed, &mut self.out);
            }
            Command::Ignore(Some(nick)) => self.people.ignore(nick, self.naming.nick(), &mut self.out),
            Command::Ignore(None) => self.people.list_ignored(&mut self.out),
            Command::Unignore(nick) => self.people.unignore(&nick, &mut self.out),
            Command::Quiet => self.people.toggle_quiet(&mut self.out),
            Command::History(PageRequest { room, limit, before, after }) => {
                let room = room.unwrap_or_else(|| self.rooms.here().clone());
                self.ask(Inquiry::page(HistoryRequest { room, limit, before, after }));
            }
            Command::Search(search) => {
                if let Some(inquiry) = self.requests.search(search, &mut self.out) {
                    self.ask(inquiry);
                }
            }
            Command::Join(room) => self.join_room(now, room),
            Command::Part(room) => self.part(now, room),
            Command::Room(room) if self.rooms.is_in(&room) => self.rooms.talk_in(room, &mut self.out),
            Command::Room(room) => self.join_room(now, room),
            Command::Status => self.status(now),
            Command::Help(None) => command::help().into_iter().for_each(|line| self.out.answer(line)),
            Command::Help(Some(name)) => command::help_on(name).into_iter().for_each(|line| self.out.answer(line)),
            Command::Clear => self.out.push(Output::Clear),
            Command::Quit => self.out.push(Output::Quit),
        }
    }

    fn say(&mut self, now: Now, typed: &str, to: Target, action: bool) {
        let typed = typed.replace('\t', TAB);
        let text = text::clean(&typed).into_owned();
        if text.trim().is_empty() {
            return self.out.error("there is nothing to send");
        }
        if !text::fits(&text) {
            return self.out.error(format!("not sent: a message has at most {TEXT_CHARS} characters"));
        }
        let to = match self.place(to) {
            Ok(place) => place,
            Err(room) => return self.out.error(format!("not sent: you are not in #{room}; join it first")),
        };
        let (nick, timestamp) = (self.naming.nick().clone(), Some(Timestamp::new(now.wall)));
        let message = OwnMessage { nick, to, text, timestamp, id: None, action, late: false };
        let Some(message) = self.sending.take(now.instant, message, &mut self.out) else { return };
        if let Place::Direct(to) = &message.to {
            self.doubt(to);
        }
        // The message goes out before it is shown to its sender.
        self.sending.flush(now.instant, &self.passage(), &self.config.topics, &mut self.out);
        if self.config.role == Role::Member {
            let said = Said { own: true, ..Said::live(now.wall, message.clone()) };
            self.out.reply(News::Said(said), self.out.reference());
            self.rooms.said(now, &message, &mut self.out);
        }
    }

    /// At a terminal, tells that a message may reach nobody if no server will confirm it.
    fn doubt(&mut self, to: &Nick) {
        self.lookout.doubt(to, &mut self.out);
        if self.out.is_on_terminal()
            && self.connection.is_up()
            && self.lookout.is_silent()
            && let Some(nobody) = self.people.stranger(to, self.naming.key())
        {
            self.out.answer(format!("{nobody}; without a chat server only who is connected gets it"));
        }
    }

    /// `Err`: we are not in that room. A sender is in no room and may speak in any.
    fn place(&self, to: Target) -> Result<Place, RoomName> {
        match to {
            Target::Here => Ok(Place::Room(self.rooms.here().clone())),
            Target::Nick(nick) => Ok(Place::Direct(nick)),
            Target::Room(room) if self.config.role == Role::Sender || self.rooms.is_in(&room) => Ok(Place::Room(room)),
            Target::Room(room) => Err(room),
        }
    }

    fn join_room(&mut self, now: Now, room: RoomName) {
        if !self.rooms.is_in(&room) {
            if !self.rooms.join(room.clone(), &mut self.out) {
                return;
            }
            self.out.extend(self.room_filters(&room).map(Output::Subscribe));
            self.tell_rooms(now);
            self.ask_history(&room);
            if self.out.is_on_terminal() && self.lookout.is_known() {
                self.rooms.wonder_about(room.clone());
                self.requests.open_own(Inquiry::of(RequestKind::Rooms));
            }
        }
        self.rooms.talk_in(room, &mut self.out);
    }

    fn part(&mut self, now: Now, room: Option<RoomName>) {
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

    fn ask_rooms(&mut self) {
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

    fn status(&mut self, now: Now) {
        let rooms = self.rooms.own().iter().map(|room| format!("#{room}")).collect::<Vec<_>>();
        let mut lines = vec![
            format!("broker       {}", self.connection.status(now)),
            format!("you          {}, session {}", self.naming.nick(), self.naming.session()),
            format!("rooms        {}; you talk in #{}", rooms.join(" "), self.rooms.here()),
            format!("outbox       {}", self.sending.status(now)),
            format!("chat server  {}", self.lookout.status(now, self.connection.is_up())),
        ];
        lines.extend(self.people.status());
        lines.into_iter().for_each(|line| self.out.answer(line));
        if self.connection.is_up() {
            // Measures the current round trip.
            self.requests.open_own(Inquiry::of(RequestKind::Ping));
        }
    }
}

fn works_without_a_nick(command: &Command) -> bool {
    matches!(command, Command::Quit | Command::Help(_) | Command::Status | Command::Clear)
}

/// "40 s", "12 min", "3 h 5 min".
pub fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, words) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (11_100, "3 h 5 min")]
        {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
