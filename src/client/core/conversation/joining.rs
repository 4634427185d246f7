//! Coming, being there and going: connections, the steps of joining, heartbeats, and what is asked again.

use super::lookout::LISTEN;
use super::requests::{Inquiry, PATIENCE, Reach};
use super::{Conversation, Join, Role, Up};
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{RequestKind, RoomName};
use serde_json::Value;
use std::time::Duration;

/// A wait for the next attempt of which it is time to say that they are long now.
const LONG: Duration = Duration::from_secs(30);

impl Conversation {
    pub(super) fn connected(&mut self, now: Now, up: Up) {
        self.connection_is_up = true;
        self.rooms.connected();
        self.connected_at = Some(now);
        let again = self.connected_before;
        self.connected_before = true;
        (self.conn, self.version, self.tls) = (up.conn, up.version, up.tls);
        (self.told_failure, self.told_retry, self.told_long_retry) = (None, false, false);
        // What matters to somebody with a new nick is whether it is theirs.
        if !std::mem::take(&mut self.connects_anew) {
            self.out.tell(News::Connected { broker: self.config.broker.clone(), again });
        }
        self.server_was_read(now);
        for filter in up.refused {
            self.subscription_refused(&filter);
        }
        if self.config.role == Role::Member && !self.choosing_nick {
            self.requests.pause();
            // A retained chat/server that came first left a join that is due.
            self.join = match self.server {
                Some(_) => Join::Due { at: now.instant },
                None => Join::Listening { until: now.instant + LISTEN },
            };
        }
        if self.config.role == Role::Sender && self.server.is_none() {
            self.undecided_until = Some(now.instant + LISTEN);
        }
        self.flush(now);
        self.tick(now);
    }

    pub(super) fn failed(&mut self, text: String) {
        if self.told_failure.as_ref() == Some(&text) {
            return;
        }
        match self.out.is_on_terminal() {
            true => self.out.hint(format!("{text}; still trying")),
            false => {
                self.out.hint(text.clone());
                self.told_retry = false;
            }
        }
        self.told_failure = Some(text);
    }

    pub(super) fn lost(&mut self, now: Now, reason: String) {
        let was_up = self.connection_is_up;
        self.no_connection();
        let given_up = self.outbox.lost(now.instant);
        // Whether a server is there is told within a connection, or not at all.
        self.undecided_until = None;
        // It may break before it was ready, too.
        if was_up {
            self.out.tell(News::Disconnected { reason });
        }
        if let Some(given_up) = given_up {
            self.given_up(&given_up);
        }
    }

    /// All that holds only on a connection is over.
    pub(super) fn no_connection(&mut self) {
        self.connection_is_up = false;
        self.join = Join::Away;
        self.server = None;
        self.server_read = None;
        self.heartbeat_at = None;
        self.silence_at = None;
        self.hold_until = None;
        self.requests.lost();
        self.rooms.lost();
    }

    pub(super) fn waiting(&mut self, delay: Duration) {
        if !std::mem::replace(&mut self.told_retry, true) {
            self.out.tell(News::Reconnecting { delay });
        } else if self.out.is_on_terminal() && delay >= LONG && !std::mem::replace(&mut self.told_long_retry, true) {
            // The waits have grown without a word; that they grow no more is the last one.
            self.out.hint("still not connected: trying again about once a minute");
        }
    }

    pub(super) fn welcomed(&mut self, now: Now) {
        if self.join == Join::Asked {
            self.join = Join::Welcomed;
            self.let_in();
            // What chat/server says may have outlived the server's session on the broker: only now it surely hears us.
            self.outbox.server_came(now.instant);
            self.flush(now);
        }
    }

    pub(super) fn tick(&mut self, now: Now) {
        match self.join {
            Join::Listening { until } if now.instant >= until => self.ask_to_join(now),
            Join::Due { at } if now.instant >= at => self.ask_to_join(now),
            _ => {}
        }
        self.look_for_a_server(now);
        if self.hold_until.is_some_and(|until| now.instant >= until) {
            // Nobody says that the nick is in use.
            self.hold_until = None;
            self.let_in();
        }
        self.look_at_the_outbox(now);
        if !self.is_joined() {
            return;
        }
        if self.join == Join::Asked && self.join_again_at.is_some_and(|at| now.instant >= at) {
            self.join_again_at = Some(now.instant + self.heartbeat_period());
            let join = self.author().presence(now, Action::Join);
            self.out.publish(join);
        }
        if self.heartbeat_at.is_some_and(|at| now.instant >= at) {
            self.heartbeat_at = Some(now.instant + self.heartbeat_period());
            let heartbeat = self.author().presence(now, Action::Heartbeat);
            self.out.publish(heartbeat);
        }
        self.look_for_holes(now);
        self.send_requests(now);
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.join, Join::Asked | Join::Welcomed)
    }

    fn ask_to_join(&mut self, now: Now) {
        self.join = Join::Asked;
        self.silence_at = Some(now.instant + PATIENCE);
        self.hold_until = self.silence_at.filter(|_| !self.may_send);
        self.heartbeat_at = Some(now.instant + self.heartbeat_period());
        // An original server says no welcome.
        self.join_again_at = self.silence_at.filter(|_| self.server.is_some());
        if self.server.is_none() {
            // An original server never says that a nick is in use.
            self.hear_flat_replies();
            self.let_in();
        }
        let join = self.author().presence(now, Action::Join);
        self.out.publish(join);
        self.flush(now);
        self.requests.again();
        self.requests.open_own(Inquiry::of(RequestKind::Users), &mut self.random);
        for room in self.rooms.own() {
            self.ask_history(&room);
        }
        self.send_requests(now);
    }

    pub(super) fn ask_history(&mut self, room: &RoomName) {
        let history = self.rooms.ask(room);
        self.requests.open_own(Inquiry::page(history), &mut self.random);
    }

    /// Asks for what marks announce and nobody has seen. An original server sends no marks.
    pub(super) fn look_for_holes(&mut self, now: Now) {
        let can_ask = self.is_joined() && self.server.is_some();
        let holes = self.rooms.holes(now.instant, can_ask);
        if !holes.is_empty() {
            for history in holes {
                self.requests.open_own(Inquiry::page(history), &mut self.random);
            }
            self.send_requests(now);
        }
    }

    /// Asks what is to be asked by now, where anybody can be asked.
    pub(super) fn send_requests(&mut self, now: Now) {
        if self.is_joined() {
            self.send_due_requests(now);
        }
    }

    pub(super) fn send_due_requests(&mut self, now: Now) {
        let (due, unanswered) = self.requests.take_due(now.instant);
        for open in due {
            if self.server.is_some() || !open.inquiry.misleads_originals() {
                let request = self.author().request(now, &open);
                self.out.publish(request);
            }
        }
        unanswered.into_iter().for_each(|unanswered| unanswered.tell(&mut self.out));
    }

    pub(super) fn reach(&self) -> Reach {
        Reach { is_connected: self.connection_is_up, is_silent: self.told_silence, is_original: self.is_original }
    }

    /// A question of the user.
    pub(super) fn ask(&mut self, now: Now, inquiry: Inquiry, reference: Option<Value>) {
        self.requests.ask(inquiry, reference, self.reach(), &mut self.random, &mut self.out);
        self.send_requests(now);
    }
}
