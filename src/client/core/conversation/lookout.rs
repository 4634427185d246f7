//! What is known of the chat's server: what chat/server says, and what else shows that one is there.
//!
//! A broker that has too much for us drops some of it, and chat/server may be among that. So while no server is known,
//! chat/server is read again: with a SUBSCRIBE the broker sends again what it retains.

use super::requests::{LONGEST, PATIENCE};
use super::{Conversation, Join, Output};
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::{ServerInfo, Status, Timestamp, Topic};
use std::time::{Duration, Instant};

/// Told once where nobody answers a join.
pub const NO_SERVER: &str = "no chat server is answering: history and the user list are unavailable";
/// How long the retained chat/server may take after the subscription.
pub const LISTEN: Duration = Duration::from_secs(1);

/// When chat/server was last read.
#[derive(Debug)]
pub(super) struct Read {
    at: Instant,
    /// How long after that it is read again.
    pause: Duration,
}

impl Conversation {
    /// What chat/server says.
    pub(super) fn server_says(&mut self, now: Now, info: ServerInfo) {
        let started = |server: &ServerInfo| server.started.as_ref().and_then(Timestamp::at);
        if info.status == Status::Offline
            && let (Some(known), Some(this)) = (self.server.as_ref().and_then(started), started(&info))
            && this < known
        {
            // A will that came late: this server's successor is here already.
            return;
        }
        let before = match info.status {
            Status::Online => {
                self.is_original = false;
                self.server.replace(info.clone())
            }
            Status::Offline => self.server.take(),
        };
        self.server_confirms(now, &info);
        let is_another = |known: &ServerInfo| (&known.instance, &known.started) != (&info.instance, &info.started);
        match (info.status, before) {
            (Status::Online, Some(known)) if !is_another(&known) => return,
            (Status::Offline, None) => return self.look_for_an_original(now),
            (Status::Online, _) => {
                self.outbox.server_came(now.instant);
                self.requests.pause();
                self.join = match self.join {
                    Join::Away => Join::Away,
                    Join::Listening { .. } => Join::Due { at: now.instant },
                    // A server that comes again and again puts it off no further.
                    Join::Due { at } => Join::Due { at },
                    _ => Join::Due { at: now.instant + self.jitter },
                };
            }
            // It may only be starting anew.
            (Status::Offline, Some(_)) => {
                self.silence_at = Some(now.instant + PATIENCE);
                self.server_was_read(now);
            }
        }
        self.out.tell(News::Server(info));
        self.tick(now);
    }

    /// chat/server was read just now, where the broker allows that.
    pub(super) fn server_was_read(&mut self, now: Now) {
        self.server_read = Some(Read { at: now.instant, pause: PATIENCE });
    }

    /// When chat/server is to be read again.
    pub(super) fn server_due(&self) -> Option<Instant> {
        let read = self.server_read.as_ref().filter(|_| self.server.is_none())?;
        Some(read.at + read.pause)
    }

    /// Time has passed.
    pub(super) fn look_for_a_server(&mut self, now: Now) {
        if self.silence_at.is_some_and(|at| now.instant >= at) {
            self.silence_at = None;
            self.silence();
        }
        if self.server_due().is_some_and(|at| now.instant >= at)
            && let Some(read) = &mut self.server_read
        {
            *read = Read { at: now.instant, pause: (read.pause * 2).min(LONGEST) };
            self.out.push(Output::Subscribe(self.config.topics.name(&Topic::Server)));
        }
    }

    /// What only a server of ours says was said just now: if none is known, what chat/server said was missed.
    pub(super) fn server_shows(&mut self) {
        self.server_is_heard();
        if let Some(read) = &mut self.server_read {
            read.pause = read.pause.min(LISTEN);
        }
    }

    /// A server, ours or an original one, has said something to somebody.
    pub(super) fn server_is_heard(&mut self) {
        self.silence_at = None;
        let again = std::mem::replace(&mut self.server_was_heard, true);
        if std::mem::take(&mut self.told_silence) {
            self.out.hint(if again { "the chat server answers again" } else { "a chat server answers now" });
        }
    }

    fn silence(&mut self) {
        if !std::mem::replace(&mut self.told_silence, true) {
            self.out.hint(NO_SERVER);
        }
    }

    pub(super) fn subscription_refused(&mut self, filter: &str) {
        if filter == self.config.topics.name(&Topic::Server) {
            self.server_read = None;
        }
        self.out.error(format!("the broker does not allow a subscription to {filter}"), None);
    }
}
