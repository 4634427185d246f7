//! A clean stop: everything acknowledged to the broker is stored and confirmed to its senders. That takes a second
//! connection without subscriptions: over the first one, more would arrive while the confirmations go out.
//!
//! ```text
//!   leave ─► calling ─── up ──► switching ─── hung up ──► telling ─── settled ──► hanging up ─── hung up ──► storing
//!     │         └─ failed, 2 s ──────────────────────────► ▲  └─ 10 s, 2nd stop ──► ▲  └─ not settled: exit     │
//!     └─ not connected ────────────────────────────────────┘                                settled, 10 s: exit ─┘
//! ```
//!
//! If the broker refuses a second connection, the first one carries the last publications. Arrivals of that time are
//! stored, too, and confirmed when their senders retransmit them.

use super::Service;
use crate::now::Now;
use crate::protocol::Status;
use crate::server::core::exchange::{ServerExit, ServiceEffect, ServiceEvent};
use crate::server::core::record::StoreTask;
use log::{info, warn};
use std::time::{Duration, Instant};

/// How long the broker may take to accept the second connection.
const SECOND_CONNECTION: Duration = Duration::from_secs(2);
/// How long the final commit may take, so a full disk cannot keep the server from stopping.
const TIME: Duration = Duration::from_secs(10);
/// How long the last publications may take on each connection.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
pub struct CleanStop {
    exit: ServerExit,
    step: StopStep,
    /// The deadline, apart from the last publications.
    deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopStep {
    /// The second connection is being made, until this time.
    Calling {
        until: Instant,
    },
    /// The first connection is being closed.
    Switching,
    /// Everything that arrived is being committed and confirmed.
    Telling,
    /// The last connection is being closed. `settled`: everything was committed in time.
    HangingUp {
        settled: bool,
    },
    /// What arrived while the last connection was being closed is committed.
    Storing,
    Over,
}

impl CleanStop {
    /// The deadline of the step; `None` while a connection is being closed, which has its own.
    pub fn next_due(&self) -> Option<Instant> {
        match self.step {
            StopStep::Calling { until } => Some(until.min(self.deadline)),
            StopStep::Telling | StopStep::Storing => Some(self.deadline),
            StopStep::Switching | StopStep::HangingUp { .. } | StopStep::Over => None,
        }
    }
}

impl Service {
    /// A signal arrived. The second one stops at once.
    pub(super) fn stop(&mut self, now: Now) {
        match &mut self.leaving {
            None => self.leave(now, ServerExit::Stopped),
            Some(leaving) => leaving.deadline = now.instant,
        }
    }

    pub(super) fn leave(&mut self, now: Now, exit: ServerExit) {
        let until = now.instant + SECOND_CONNECTION;
        let (step, deadline) = (StopStep::Calling { until }, now.instant + TIME);
        self.leaving = Some(CleanStop { exit, step, deadline });
        if self.chat.is_connected() {
            let client_id = self.random.client_id();
            self.effects.push(ServiceEffect::OpenSecond { client_id, will: self.chat.server_info(Status::Offline) });
        } else {
            self.settle(StopStep::Telling);
        }
    }

    pub(super) fn second(&mut self, result: Result<(), String>) {
        if !matches!(self.step(), Some(StopStep::Calling { .. })) {
            return;
        }
        match result {
            Ok(()) => {
                self.set_step(StopStep::Switching);
                self.effects.push(ServiceEffect::HangUp { last: None, within: LAST_WORDS });
            }
            Err(why) => {
                info!("no second connection, the last words go over the first: {why}");
                self.effects.push(ServiceEffect::DropSecond);
                self.settle(StopStep::Telling);
            }
        }
    }

    pub(super) fn hung_up(&mut self) {
        match self.step() {
            Some(StopStep::Switching) => self.settle(StopStep::Telling),
            Some(StopStep::HangingUp { settled: true }) => self.settle(StopStep::Storing),
            Some(StopStep::HangingUp { settled: false }) => self.exit(false),
            _ => {}
        }
    }

    /// Everything before [`StoreTask::Settle`] is committed.
    pub(super) fn settled(&mut self, now: Now) {
        match self.step() {
            Some(StopStep::Telling) => {
                self.chat.hurry(now.instant);
                self.chat(now, ServiceEvent::Due);
                self.hang_up(true);
            }
            Some(StopStep::Storing) => self.exit(true),
            _ => {}
        }
    }

    /// Goes on if the current step takes too long.
    pub(super) fn leave_in_time(&mut self, now: Now) {
        let Some(CleanStop { step, deadline, .. }) = self.leaving else { return };
        match step {
            _ if now.instant < deadline => {
                if matches!(step, StopStep::Calling { until } if now.instant >= until) {
                    self.second(Err("the broker does not answer in time".to_owned()));
                }
            }
            StopStep::Calling { .. } => {
                self.effects.push(ServiceEffect::DropSecond);
                self.hang_up(false);
            }
            StopStep::Telling => self.hang_up(false),
            StopStep::Storing => self.exit(false),
            StopStep::Switching | StopStep::HangingUp { .. } | StopStep::Over => {}
        }
    }

    /// Has everything that arrived so far committed.
    fn settle(&mut self, step: StopStep) {
        self.set_step(step);
        self.give_seats();
        self.effects.push(ServiceEffect::Store(StoreTask::Settle));
    }

    fn hang_up(&mut self, settled: bool) {
        self.set_step(StopStep::HangingUp { settled });
        let last = Some(self.chat.server_info(Status::Offline));
        self.effects.push(ServiceEffect::HangUp { last, within: LAST_WORDS });
    }

    fn exit(&mut self, settled: bool) {
        self.set_step(StopStep::Over);
        if !settled {
            warn!("stopping although not everything that arrived is stored");
        }
        self.effects.extend(self.leaving.as_ref().map(|leaving| ServiceEffect::Exit(leaving.exit)));
    }

    fn step(&self) -> Option<StopStep> {
        self.leaving.as_ref().map(|leaving| leaving.step)
    }

    fn set_step(&mut self, step: StopStep) {
        if let Some(leaving) = &mut self.leaving {
            leaving.step = step;
        }
    }
}
