//! Assigns a new id to a message whose id another message already has. This happens if a copy of this program goes on
//! from the same memory (a virtual machine that was set back), or if another run used a copy of the `--outbox` file.

use super::{Kept, Outbox};
use crate::protocol::{SentId, Session};
use std::time::Instant;

/// The most new ids for one message. If all are refused, the cause is not a copy of this program.
const RENEWALS: u32 = 3;

impl Outbox {
    /// Another message of ours has this id: a copy of this program or of its outbox used it. The message goes out again
    /// under a new id, marked late. `None`: it is not here, or it has had enough new ids.
    pub fn renew(&mut self, now: Instant, id: &SentId, sessions: impl FnOnce() -> Session) -> Option<Kept> {
        let ticket = *self.tickets.get(&id.session)?.get(&id.seq)?;
        let entry = self.entries.get(&ticket).filter(|entry| entry.renewals < RENEWALS)?;
        let (mut message, reference, renewals) = (entry.message.clone(), entry.reference.clone(), entry.renewals + 1);
        self.settle(ticket);
        // A copy that uses the same numbers has used the next ones too, or will.
        if id.session == self.session {
            (self.session, self.last_seq) = (sessions(), 0);
        }
        self.last_seq += 1;
        let new_id = SentId { session: self.session.clone(), seq: self.last_seq };
        (message.id, message.late) = (Some(new_id.clone()), true);
        let kept = Kept { message, reference };
        self.insert(new_id, kept.clone(), Some(now));
        if let Some(entry) = self.entries.get_mut(&self.last_ticket) {
            entry.renewals = renewals;
        }
        Some(kept)
    }
}
