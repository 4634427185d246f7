//! Presence: joins, leaves, and their notices.

use super::invalid::agree;
use super::{ServerChat, shown};
use crate::protocol::{Action, ErrorCode, ErrorReply, Invalid, Nick, NickKey, NoticeKind, Presence, Topic, Welcome};
use crate::server::core::notices::Telling;
use crate::server::core::record::ReplyTo;
use crate::server::core::roster::PresenceOutcome;
use log::info;

impl ServerChat {
    pub(super) fn presence(&mut self, payload: &[u8], sender: Option<&NickKey>) -> Result<(), Invalid> {
        let Some(presence) = Presence::parse(payload)? else { return Ok(()) };
        agree(sender, &presence.nick)?;
        self.stats.presence_total += 1;
        match presence.action {
            Action::Join | Action::Heartbeat => self.arrive(presence),
            Action::Leave if presence.will => self.roster.doubt(&presence, self.now.instant),
            Action::Leave => {
                if self.roster.leave(&presence) {
                    self.gone(NoticeKind::Leave, presence.nick);
                }
            }
        }
        Ok(())
    }

    fn arrive(&mut self, presence: Presence) {
        let arrival = self.roster.arrive(&presence, self.now.instant);
        let key = presence.nick.key().clone();
        let joined = presence.action == Action::Join;
        if arrival == PresenceOutcome::New {
            self.stats.joins_total += 1;
            self.schedule.users_changed();
            info!("joined nick={} online={}", shown(&presence.nick), self.roster.online());
            if let Some(telling) = self.notices.add(NoticeKind::Join, presence.nick.clone(), self.now.instant) {
                self.tell(telling);
            }
        }
        match (arrival, &presence.session) {
            (PresenceOutcome::NickInUse, Some(session)) => {
                let message = format!("{} is in use", presence.nick);
                let error = ErrorReply::new(ErrorCode::NickInUse, message, Some(session.clone()));
                self.tell_client(presence.nick.key(), error.to_json());
            }
            (_, Some(session)) if joined => {
                let welcome = Welcome {
                    session: session.clone(),
                    online_users: Some(self.roster.online() as u64),
                    timestamp: Some(self.timestamp()),
                };
                self.tell_client(presence.nick.key(), welcome.to_json());
            }
            // The original answers a join with the list of users.
            (_, None) if joined => {
                self.reply_users(&ReplyTo { requester: presence.nick, session: None, token: None });
            }
            _ => {}
        }
        // After a repeated join, everything under way would be retransmitted.
        if matches!(arrival, PresenceOutcome::New | PresenceOutcome::Back) {
            let steps = self.directs.joined(&key, self.now.instant);
            self.take_steps(steps);
        } else if presence.session.is_none() {
            self.original_is_there(&key, joined);
        }
    }

    pub(super) fn gone(&mut self, kind: NoticeKind, nick: Nick) {
        self.schedule.users_changed();
        let (word, counter) = match kind {
            NoticeKind::Timeout => ("timed out", &mut self.stats.timeouts_total),
            _ => ("left", &mut self.stats.leaves_total),
        };
        *counter += 1;
        info!("{word} nick={} online={}", shown(&nick), self.roster.online());
        let steps = self.directs.gone(nick.key());
        self.take_steps(steps);
        if let Some(telling) = self.notices.add(kind, nick, self.now.instant) {
            self.tell(telling);
        }
    }

    pub(super) fn tell(&mut self, telling: Telling) {
        let nicks: Vec<&Nick> = self.roster.nicks().collect();
        let notice = telling.notice(nicks.into_iter(), self.timestamp());
        self.publish(&Topic::System, notice.to_json(), false);
    }
}
