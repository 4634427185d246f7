//! When time alone changes something: until then nobody need wake the conversation.

use super::{Conversation, Join};
use std::time::Instant;

impl Conversation {
    /// By when an [`super::Input::Tick`] is to come; `None`: not before anything else does. What is due at once is due `now`.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let joining = match self.join {
            Join::Listening { until } => Some(until),
            Join::Due { at } => Some(at),
            Join::Away | Join::Asked | Join::Welcomed => None,
        };
        let renaming = self.renaming.as_ref().map(|renaming| renaming.until);
        let waits = [joining, self.silence_at, self.server_due(), self.hold_until, self.undecided_until, renaming];
        let all = waits
            .into_iter()
            .chain([self.outbox_due(now), self.delay_due(now), self.requests.due(), self.rooms.due()])
            .chain(self.presence_due());
        all.flatten().min()
    }

    /// What matters only to somebody who is there.
    fn presence_due(&self) -> [Option<Instant>; 2] {
        if !self.is_joined() {
            return [None; 2];
        }
        let join_again = self.join_again_at.filter(|_| self.join == Join::Asked);
        [join_again, self.heartbeat_at]
    }

    fn outbox_due(&self, now: Instant) -> Option<Instant> {
        if !self.connection_is_up {
            return None;
        }
        let again = self.outbox.next_expiry(self.server.is_some());
        let next = if self.may_go_out() { self.outbox.next_turn(now, self.rate_now()) } else { None };
        again.into_iter().chain(next).min()
    }
}
