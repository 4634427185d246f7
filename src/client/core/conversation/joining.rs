//! The steps of joining: when a join goes out, when it is retransmitted, when heartbeats follow, and whether messages may
//! go out.
//!
//! ```text
//!          connected            chat/server online, or 1 s without          welcome
//!  Away ──────────────► Listening ───────────────────────────────► Asked ─────────────► Welcomed
//!   ▲                                                                ▲                      │
//!   │ lost, from anywhere                    jitter: Due ────────────┘◄── another server ───┘
//! ```

use super::lookout::LISTEN;
use super::requests::PATIENCE;
use crate::protocol::presence::Action;
use std::time::{Duration, Instant};

/// The longest jitter with which clients spread their joins to a server that has just started.
const JITTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JoinStep {
    Away,
    Listening,
    Due,
    Asked,
    Welcomed,
}

pub struct Joining {
    step: JoinStep,
    /// When the next join goes out: the first one, or a retransmission without a welcome.
    join_at: Option<Instant>,
    heartbeat_at: Option<Instant>,
    /// This nick was let in, or no server was there to ask. Messages may go out on every connection.
    may_send: bool,
    /// Until when messages wait for the answer to a first join.
    hold_until: Option<Instant>,
    /// How long to wait before joining a server that has just started.
    jitter: Duration,
}

impl Joining {
    /// `is_let_in`: messages may go out without a join. `jitter`: the fraction of the longest jitter, in 1/255.
    pub fn new(is_let_in: bool, jitter: u8) -> Joining {
        Joining {
            step: JoinStep::Away,
            join_at: None,
            heartbeat_at: None,
            may_send: is_let_in,
            hold_until: None,
            jitter: JITTER.mul_f64(f64::from(jitter) / 255.0),
        }
    }

    /// Whether a join went out on this connection, to the current server.
    pub fn is_joined(&self) -> bool {
        matches!(self.step, JoinStep::Asked | JoinStep::Welcomed)
    }

    pub fn may_send(&self) -> bool {
        self.may_send
    }

    /// A connection was made. `server_is_known`: chat/server arrived before.
    pub fn connected(&mut self, now: Instant, server_is_known: bool) {
        match server_is_known {
            true => self.go(JoinStep::Due, Some(now)),
            false => self.go(JoinStep::Listening, Some(now + LISTEN)),
        }
    }

    /// A server has come, perhaps replacing another one.
    pub fn server_came(&mut self, now: Instant) {
        match self.step {
            // A server that restarts repeatedly does not postpone this any further.
            JoinStep::Away | JoinStep::Due => {}
            JoinStep::Listening => self.go(JoinStep::Due, Some(now)),
            JoinStep::Asked | JoinStep::Welcomed => self.go(JoinStep::Due, Some(now + self.jitter)),
        }
    }

    /// Whether a join must go out now. `period`: of heartbeats; `server_is_known`: without it, a server may be an
    /// original one, which sends no welcome.
    pub fn begins(&mut self, now: Instant, period: Duration, server_is_known: bool) -> bool {
        let is_due = !self.is_joined() && self.join_at.is_some_and(|at| now >= at);
        if is_due {
            let patience = Some(now + PATIENCE);
            self.go(JoinStep::Asked, patience.filter(|_| server_is_known));
            self.heartbeat_at = Some(now + period);
            self.hold_until = patience.filter(|_| !self.may_send);
        }
        is_due
    }

    /// The presence to publish again now, after joining.
    pub fn says_again(&mut self, now: Instant, period: Duration) -> Option<Action> {
        let (at, action) = match self.join_at {
            Some(at) if self.is_joined() && now >= at => (&mut self.join_at, Action::Join),
            _ => (&mut self.heartbeat_at, Action::Heartbeat),
        };
        at.take_if(|at| now >= *at)?;
        *at = Some(now + period);
        Some(action)
    }

    /// Whether messages have waited long enough: nobody says that the nick is in use.
    pub fn holds_no_longer(&mut self, now: Instant) -> bool {
        self.hold_until.take_if(|until| now >= *until).is_some()
    }

    /// When [`Joining::begins`], [`Joining::says_again`] or [`Joining::holds_no_longer`] has work.
    pub fn due(&self) -> Option<Instant> {
        [self.join_at, self.heartbeat_at, self.hold_until].into_iter().flatten().min()
    }

    /// The server welcomes us. `false`: we did not ask.
    pub fn welcomed(&mut self) -> bool {
        let is_asked = self.step == JoinStep::Asked;
        if is_asked {
            (self.step, self.join_at) = (JoinStep::Welcomed, None);
        }
        is_asked
    }

    /// The server says that the nick is in use. `false`: we did not ask.
    pub fn refused(&mut self) -> bool {
        let is_asked = self.step == JoinStep::Asked;
        if is_asked {
            self.lost();
            self.may_send = false;
        }
        is_asked
    }

    /// We are let in, or no server is there to refuse us.
    pub fn let_in(&mut self) {
        self.may_send = true;
        self.hold_until = None;
    }

    /// The connection is lost.
    pub fn lost(&mut self) {
        self.go(JoinStep::Away, None);
        self.hold_until = None;
    }

    /// A new nick must be let in again.
    pub fn renamed(&mut self) {
        self.lost();
        self.may_send = false;
    }

    fn go(&mut self, step: JoinStep, join_at: Option<Instant>) {
        (self.step, self.join_at, self.heartbeat_at) = (step, join_at, None);
    }
}
