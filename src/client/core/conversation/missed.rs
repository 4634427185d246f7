//! What was dropped because nobody took what came before it: it is fetched, as after a connection that was lost.

use super::{Conversation, Output};
use crate::now::Now;
use crate::protocol::Topic;

impl Conversation {
    pub(super) fn missed(&mut self, now: Now, count: u64) {
        self.rooms.missed();
        // It may have been among what was dropped; with a subscription it comes again, where the broker allows that.
        if self.server_read.is_some() {
            self.out.push(Output::Subscribe(self.config.topics.name(&Topic::Server)));
        }
        if self.server.is_none() && count > 0 {
            let messages = if count == 1 { "message was" } else { "messages were" };
            return self
                .out
                .hint(format!("{count} {messages} not read in time and dropped: there is no history to fetch them"));
        }
        // Who has not joined yet asks then. Direct messages come again, since nobody confirmed them.
        if self.server.is_some() && self.is_joined() {
            for room in self.rooms.own() {
                self.ask_history(&room);
            }
            self.send_requests(now);
        }
    }
}
