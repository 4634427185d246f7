//! `/status`: the connection, the nick, the rooms, the outbox, the chat server.

use super::Conversation;
use super::requests::Inquiry;
use crate::now::Now;
use crate::protocol::RequestKind;
use std::time::Duration;

impl Conversation {
    pub(super) fn status(&mut self, now: Now) {
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
            self.requests.open_own(Inquiry::of(RequestKind::Ping), &mut self.random);
        }
    }
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
