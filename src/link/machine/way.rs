//! The way to a connection: wait, look, CONNECT, SUBSCRIBE; and the explanation of a failed attempt.

use super::{Accepted, Attempt, Machine, NotConnected, Output, Phase};
use crate::link::lookout::{Clearance, Guise, Sight};
use crate::link::{Event, Failure, FailureKind, Version};
use std::time::{Duration, Instant};

/// How long the broker may take to answer a SUBSCRIBE.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the broker may take to accept a look; longer than an attempt takes to fail.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// A look under way.
#[derive(Debug)]
pub(super) struct Look {
    guise: Guise,
    pub until: Instant,
}

impl Machine {
    pub(super) fn attempt(&mut self, now: Instant) {
        if let Some(lookout) = &mut self.config.lookout {
            let guise = lookout.begin(&self.config.random);
            self.look = Some(Look { guise, until: now + LOOK_TIMEOUT });
        }
        self.connect();
    }

    fn connect(&mut self) {
        self.generation += 1;
        self.window.clear();
        self.enter(Phase::Connecting, None);
        let (client_id, persistent, will) = match &self.look {
            Some(look) => (&look.guise.client_id, false, None),
            None => {
                let will = self.config.will.as_ref().map(|will| will(self.conn + 1));
                (&self.config.client_id, self.config.persistent, will)
            }
        };
        self.outputs.push(Output::Connect(Attempt {
            generation: self.generation,
            version: self.version,
            client_id: client_id.clone(),
            persistent,
            will,
            is_look: self.look.is_some(),
        }));
    }

    pub(super) fn connected(
        &mut self,
        now: Instant,
        generation: u64,
        session_present: bool,
        tls: Option<(String, String)>,
    ) {
        match self.phase {
            Phase::Connecting if generation == self.generation => {}
            Phase::Abandoned if generation == self.generation => return self.disconnect(now),
            // It is no longer needed.
            _ => return self.outputs.push(Output::GiveUp { generation }),
        }
        let subscriptions = match &self.look {
            Some(look) => &look.guise.subscriptions,
            None => {
                self.conn += 1;
                &self.config.subscriptions
            }
        };
        if subscriptions.is_empty() {
            return self.up(now, Accepted { session_present, tls, operation: 0 }, Vec::new());
        }
        // Even if the session is present: the filters may have changed since it was made.
        let operation = self.window.subscribe(subscriptions.iter().map(|known| known.filter.clone()).collect());
        self.outputs.push(Output::Subscribe { operation, subscriptions: subscriptions.clone() });
        let accepted = Accepted { operation, session_present, tls };
        self.enter(Phase::Subscribing(accepted), Some(now + SUBSCRIBE_TIMEOUT));
    }

    pub(super) fn subscribed(&mut self, now: Instant, operation: u64, granted: Option<Vec<bool>>) {
        let Some(filters) = self.window.subscribed(operation) else { return };
        let refused = granted.map(|granted| {
            let refused = filters.into_iter().zip(granted).filter(|(_, granted)| !granted);
            refused.map(|(filter, _)| filter).collect::<Vec<_>>()
        });
        match &mut self.phase {
            Phase::Subscribing(accepted) if accepted.operation == operation => match refused {
                Some(refused) => {
                    let accepted = std::mem::take(accepted);
                    self.up(now, accepted, refused);
                }
                None => self.give_up(now, "the broker did not answer SUBSCRIBE"),
            },
            _ => refused.into_iter().flatten().for_each(|filter| self.emit(Event::Refused { filter })),
        }
    }

    fn up(&mut self, now: Instant, accepted: Accepted, refused: Vec<String>) {
        if self.look.is_some() {
            self.enter(Phase::Looking, None);
            return self.see(now, Sight::Connected);
        }
        self.enter(Phase::Up(now), None);
        self.publish_queued(now);
        let Accepted { session_present, tls, .. } = accepted;
        self.emit(Event::Connected { session_present, version: self.version, conn: self.conn, refused, tls });
    }

    // ---- failing ----

    pub(super) fn not_connected(&mut self, now: Instant, why: NotConnected) {
        match self.phase {
            Phase::Connecting => {}
            Phase::Abandoned => return self.end(),
            _ => return,
        }
        match why {
            NotConnected::Unusable(failure) => self.failed(now, failure),
            NotConnected::Refused(1 | 0x84) | NotConnected::Failed { silent: true, .. } if self.may_fall_back() => {
                self.fall_back();
            }
            NotConnected::Refused(code) => self.not_let_in(now, Failure::connack(code)),
            NotConnected::Failed { error, .. } => {
                self.enter(Phase::Explaining(error), None);
                self.outputs.push(Output::Explain { generation: self.generation });
            }
        }
    }

    pub(super) fn explained(&mut self, now: Instant, walked: Result<(), Failure>) {
        let Phase::Explaining(error) = &self.phase else { return };
        match walked {
            // The probe speaks 3.1.1. Some brokers wait forever for the rest of a CONNECT of version 5, which they read
            // as 3.1.1.
            Ok(()) if self.may_fall_back() => self.fall_back(),
            Ok(()) => {
                let failure = Failure::unexplained(&self.config.settings.address, error);
                self.not_let_in(now, failure);
            }
            Err(failure) => self.not_let_in(now, failure),
        }
    }

    /// Whether an older version may work.
    fn may_fall_back(&self) -> bool {
        self.config.settings.version == Version::Auto && self.version == Version::V5
    }

    fn fall_back(&mut self) {
        self.version = Version::V311;
        self.connect();
    }

    fn not_let_in(&mut self, now: Instant, failure: Failure) {
        self.version = first_version(self.config.settings.version);
        self.failed(now, failure);
    }

    pub(super) fn failed(&mut self, now: Instant, failure: Failure) {
        self.look = None;
        let is_hopeless = self.conn == 0 && (failure.is_lasting() || !self.config.patient);
        self.emit(Event::Failed(failure));
        self.end_or_wait(now, is_hopeless);
    }

    fn end_or_wait(&mut self, now: Instant, ends: bool) {
        if ends { self.end() } else { self.wait(now) }
    }

    pub(super) fn wait(&mut self, now: Instant) {
        let delay = self.backoff.next(&self.config.random);
        self.enter(Phase::Waiting, Some(now + delay));
        self.emit(Event::Waiting { delay });
    }

    // ---- looking ----

    /// Shows something to the lookout and does what it decides.
    pub(super) fn see(&mut self, now: Instant, sight: Sight) {
        let (Some(look), Some(lookout)) = (&mut self.look, &mut self.config.lookout) else { return };
        let judgement = lookout.see(now, sight);
        judgement.publish.into_iter().for_each(|publication| self.window.push(publication));
        match judgement.clearance {
            Clearance::Unsure { until } => look.until = until.unwrap_or(look.until),
            Clearance::Open => {
                self.end_look(now);
                self.connect();
            }
            Clearance::Barred { why } => {
                self.end_look(now);
                self.emit(Event::Barred { why });
                self.end_or_wait(now, self.conn == 0);
            }
        }
    }

    pub(super) fn look_is_due(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Looking) {
            return self.see(now, Sight::Due);
        }
        self.end_look(now);
        let what = "the broker did not let in who looks for another server in time";
        self.failed(now, Failure::new(FailureKind::Other, what, "run mqttchat check"));
    }

    /// Ends the connection of the look, if there is one, after its publications.
    pub(super) fn end_look(&mut self, now: Instant) {
        self.publish_queued(now);
        if self.look.take().is_some() && matches!(self.phase, Phase::Subscribing(_) | Phase::Looking) {
            self.outputs.push(Output::GiveUp { generation: self.generation });
        }
    }
}

pub(super) fn first_version(version: Version) -> Version {
    match version {
        Version::Auto | Version::V5 => Version::V5,
        Version::V311 => Version::V311,
    }
}
