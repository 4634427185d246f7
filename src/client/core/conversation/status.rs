//! What `/status` says: the connection, who one is, the rooms, what waits in the outbox, the chat's server.

use super::Conversation;
use super::requests::Inquiry;
use crate::now::Now;
use crate::protocol::RequestKind;
use std::time::Duration;

impl Conversation {
    pub(super) fn status(&mut self, now: Now) {
        let rooms = self.rooms.own().iter().map(|room| format!("#{room}")).collect::<Vec<_>>();
        let mut lines = vec![
            format!("broker       {}", self.connection(now)),
            format!("you          {}, session {}", self.nick, self.session),
            format!("rooms        {}; you talk in #{}", rooms.join(" "), self.rooms.here()),
            format!("outbox       {}", self.outbox_in_words(now)),
            format!("chat server  {}", self.server_in_words(now)),
        ];
        lines.extend(self.people.status());
        lines.into_iter().for_each(|line| self.out.answer(line));
        if self.connection_is_up {
            // What it takes now, not what it took once.
            self.requests.open_own(Inquiry::of(RequestKind::Ping), &mut self.random);
            self.send_requests(now);
        }
    }

    fn connection(&self, now: Now) -> String {
        let broker = &self.config.broker;
        let Some(since) = self.connected_at.filter(|_| self.connection_is_up) else {
            return format!("{broker}: not connected");
        };
        let tls = match &self.tls {
            Some((version, cipher)) => format!(", {version} with {cipher}"),
            None => String::new(),
        };
        let age = in_words(now.instant.saturating_duration_since(since.instant));
        format!("{broker}, {}{tls}, connected since {} ({age})", self.version, since.wall.format("%H:%M:%S"))
    }

    fn outbox_in_words(&self, now: Now) -> String {
        let (all, sent) = (self.outbox.len(), self.outbox.acknowledged());
        let kept = if self.config.keeps_outbox { "; kept in a file until then" } else { "" };
        let age = self.outbox.oldest().map(|since| in_words(now.instant.saturating_duration_since(since)));
        let age = age.map_or(String::new(), |age| format!(", the oldest for {age}"));
        match (all, all - sent) {
            (0, _) => "empty: nothing waits to be sent or stored".to_owned(),
            (_, 0) => format!("{all} not stored yet{age}{kept}"),
            (_, unsent) if unsent == all => format!("{all} not sent yet{age}{kept}"),
            (_, unsent) => format!("{unsent} not sent yet, {sent} not stored yet{age}{kept}"),
        }
    }

    fn server_in_words(&self, now: Now) -> String {
        let Some(server) = &self.server else {
            return match (self.connection_is_up, self.is_original, self.told_silence) {
                (false, ..) => "not known while there is no connection",
                (true, true, _) => "an original one: it has no rooms and no search, and does not say what it stores",
                (true, false, true) => "none is answering",
                (true, false, false) => "none has said that it is there",
            }
            .to_owned();
        };
        let keeps = if server.durable { "stores what is said" } else { "forgets what is said when it ends" };
        let since = server.started.as_ref().and_then(|started| started.at());
        let since = since.map(|at| at.with_timezone(now.wall.offset()).format(", since %Y-%m-%d %H:%M").to_string());
        format!("version {}, {keeps}{}", server.version, since.unwrap_or_default())
    }
}

/// "40 s", "12 min", "3 h 5 min".
fn in_words(time: Duration) -> String {
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
