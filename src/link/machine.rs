//! Pure: every decision of a link. It knows no clock, thread, socket or MQTT library: a driver carries out its
//! [`Output`]s in order and reports their results as [`Input`]s. [`super::paho`] is one such driver; a simulation with a
//! model network is another.
//!
//! ```text
//! let mut machine = Machine::new(config, first_attempt);
//! loop {
//!     // The next input; Input::Tick at machine.due() if nothing comes before.
//!     for output in machine.handle(now, input) { … }
//!     if machine.has_ended() { break }
//! }
//! ```
//!
//! - Each [`Output::Connect`] has a new *generation*. Inputs of an earlier one change nothing, except that a connection
//!   that is made too late is given up.
//! - Each [`Output::Publish`] and [`Output::Subscribe`] has an *operation*, a number that is never used again. Answers
//!   to operations of an earlier connection change nothing.
//! - The driver passes messages of the current connection straight to the owner, without the machine, from
//!   [`Output::Connect`] until the next one or [`Output::GiveUp`]. Messages of a look are inputs.
//! - [`Event::Ended`] is the last output.
//!
//! ```text
//!  with a lookout   waiting ─► connecting ─► subscribing ─► looking ─┐ open
//!                                 ┌──────────────────────────────────┘
//!                                 ▼
//!  without one      waiting ─► connecting ─► subscribing ─► up
//!
//!  failed           connecting ─► explaining ─► connecting (with an older version), or waiting
//!  lost, barred     any ─► waiting, for a jittered time; ended if the link gives up
//!  close            up ─► closing ─► disconnecting ─► ended
//!                   connecting ─► abandoned ─► disconnecting ─► ended
//!                   any other ─► ended
//! ```

mod exchange;
#[cfg(test)]
mod tests;
mod way;
mod window;

pub use exchange::{Attempt, Input, NotConnected, Output, Settlement};

use super::backoff::Backoff;
use super::lookout::Sight;
use super::{Config, Event, Failure, FailureKind, Publication, Subscription, Version, topic};
use std::time::{Duration, Instant};
use way::Look;
use window::Window;

/// How long a DISCONNECT may take. The owner does not wait that long.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The phase of a link. A phase with a deadline ends at [`Machine::until`].
#[derive(Debug)]
enum Phase {
    Waiting,
    Connecting,
    /// The attempt failed with this error, and the probe is looking for the cause.
    Explaining(String),
    /// One request for all subscriptions is under way.
    Subscribing(Accepted),
    /// The connection of the look is up.
    Looking,
    /// Since this time.
    Up(Instant),
    /// Publications under way are settled before the DISCONNECT.
    Closing,
    /// Closed while connecting. If the connection succeeds, it is ended.
    Abandoned,
    Disconnecting,
    Ended,
}

/// A connection without its subscriptions yet.
#[derive(Debug, Default)]
struct Accepted {
    /// The operation of the SUBSCRIBE.
    operation: u64,
    session_present: bool,
    tls: Option<(String, String)>,
}

/// A link's decisions.
pub struct Machine {
    config: Config,
    phase: Phase,
    /// The deadline of the phase, if it has one.
    until: Option<Instant>,
    /// The look under way. The current attempt or connection belongs to it.
    look: Option<Look>,
    generation: u64,
    version: Version,
    /// Connections made so far, without those of looks.
    conn: u32,
    backoff: Backoff,
    window: Window,
    outputs: Vec<Output>,
}

impl Machine {
    /// A link that makes its first attempt at this time, or after [`Input::Begin`].
    pub fn new(mut config: Config, first_attempt: Instant) -> Machine {
        config.subscriptions.retain(|known| is_fit(&known.filter, topic::fault_of_filter(&known.filter)));
        Machine {
            phase: Phase::Waiting,
            until: Some(first_attempt),
            look: None,
            generation: 0,
            version: way::first_version(config.settings.version),
            conn: 0,
            backoff: Backoff::new(config.longest_wait),
            window: Window::default(),
            outputs: Vec::new(),
            config,
        }
    }

    /// Handles an input and everything that is due.
    pub fn handle(&mut self, now: Instant, input: Input) -> Vec<Output> {
        if self.has_ended() {
            return Vec::new();
        }
        match input {
            Input::Publish(publication) => self.publish(publication),
            Input::Subscribe(subscription) => self.subscribe(subscription),
            Input::Unsubscribe { filter } => self.unsubscribe(filter),
            Input::Close { last, within } => self.close(now, last, within),
            Input::Connected { generation, session_present, tls } => {
                self.connected(now, generation, session_present, tls);
            }
            Input::NotConnected { generation, why } if generation == self.generation => self.not_connected(now, why),
            Input::Explained { generation, walked } if generation == self.generation => self.explained(now, walked),
            Input::Subscribed { operation, granted } => self.subscribed(now, operation, granted),
            Input::Settled { operation, outcome } => self.settled(operation, outcome),
            Input::Down { generation, reason } if generation == self.generation => self.lost(now, reason),
            Input::Disconnected { generation } if generation == self.generation => self.disconnected(),
            Input::Message { generation, message } if generation == self.generation => {
                self.see(now, Sight::Message(&message));
            }
            Input::Begin if self.generation == 0 => self.until = Some(now),
            // It belongs to an earlier attempt.
            Input::NotConnected { .. } | Input::Explained { .. } | Input::Down { .. } => {}
            Input::Disconnected { .. } | Input::Message { .. } | Input::Begin | Input::Tick => {}
        }
        self.publish_queued(now);
        if matches!(self.phase, Phase::Closing) && self.window.is_settled() {
            self.disconnect(now);
        }
        if self.due().is_some_and(|due| due <= now) {
            self.time_is_up(now);
        }
        std::mem::take(&mut self.outputs)
    }

    /// The next deadline. The driver must pass [`Input::Tick`] then.
    pub fn due(&self) -> Option<Instant> {
        match &self.look {
            Some(look) => Some(look.until),
            None => self.until.or_else(|| self.window.due()),
        }
    }

    /// Whether [`Event::Ended`] was emitted. No output follows it.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    fn time_is_up(&mut self, now: Instant) {
        match self.phase {
            _ if self.look.is_some() => self.look_is_due(now),
            Phase::Waiting => self.attempt(now),
            Phase::Subscribing(_) => self.give_up(now, "the broker does not answer SUBSCRIBE"),
            Phase::Up(_) => self.give_places_back(now),
            Phase::Closing => self.disconnect(now),
            Phase::Disconnecting => self.end(),
            _ => {}
        }
    }

    // ---- orders of the owner ----

    fn publish(&mut self, publication: Publication) {
        // This includes the time of subscribing: messages of a kept session arrive before the link is up, and so do the
        // replies to them.
        let is_taken = matches!(self.phase, Phase::Connecting | Phase::Subscribing(_) | Phase::Up(_));
        if self.may_be_published(&publication) && is_taken && self.look.is_none() {
            self.window.push(publication);
        }
    }

    fn may_be_published(&mut self, publication: &Publication) -> bool {
        let fault = topic::fault_of_name(&publication.topic);
        if let (Some(fault), Some(ticket)) = (fault, publication.ticket) {
            self.emit(Event::Rejected { ticket, reason: format!("not a topic: {fault}") });
        }
        is_fit(&publication.topic, fault)
    }

    fn subscribe(&mut self, subscription: Subscription) {
        let filter = &subscription.filter;
        if !is_fit(filter, topic::fault_of_filter(filter)) {
            return self.emit(Event::Refused { filter: subscription.filter });
        }
        if self.takes_subscriptions() {
            let operation = self.window.subscribe(vec![filter.clone()]);
            self.outputs.push(Output::Subscribe { operation, subscriptions: vec![subscription.clone()] });
        }
        self.config.subscriptions.retain(|known| known.filter != subscription.filter);
        self.config.subscriptions.push(subscription);
    }

    fn unsubscribe(&mut self, filter: String) {
        self.config.subscriptions.retain(|known| known.filter != filter);
        if self.takes_subscriptions() {
            self.outputs.push(Output::Unsubscribe { filter });
        }
    }

    /// This includes the time of subscribing, because the request under way does not name new filters.
    fn takes_subscriptions(&self) -> bool {
        self.look.is_none() && matches!(self.phase, Phase::Subscribing(_) | Phase::Up(_))
    }

    fn close(&mut self, now: Instant, last: Option<Publication>, within: Duration) {
        match self.phase {
            Phase::Up(_) => {
                if let Some(last) = last.filter(|last| self.may_be_published(last)) {
                    self.window.push(last);
                }
                self.enter(Phase::Closing, Some(now + within));
            }
            // An attempt cannot be cancelled. There is nothing to say, so nobody waits.
            Phase::Connecting => {
                self.look = None;
                self.outputs.push(Output::LetGo);
                self.enter(Phase::Abandoned, None);
            }
            // The connection exists, so only a DISCONNECT prevents the will.
            Phase::Subscribing(_) if self.look.is_none() => self.disconnect(now),
            _ => {
                self.end_look(now);
                self.end();
            }
        }
    }

    // ---- operations under way ----

    fn publish_queued(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Up(_) | Phase::Looking | Phase::Closing) {
            while let Some((operation, publication)) = self.window.next(now) {
                self.outputs.push(Output::Publish { operation, publication });
            }
        }
    }

    fn settled(&mut self, operation: u64, outcome: Settlement) {
        let Some(ticket) = self.window.settled(operation) else { return };
        match outcome {
            Settlement::Published => self.emit(Event::Published { ticket }),
            Settlement::Rejected { reason } => self.emit(Event::Rejected { ticket, reason }),
            Settlement::Unknown => {}
        }
    }

    fn give_places_back(&mut self, now: Instant) {
        while let Some(operation) = self.window.expired(now) {
            log::debug!("a publication was not answered within {} s", window::UNANSWERED.as_secs());
            self.outputs.push(Output::Forget { operation });
        }
        self.publish_queued(now);
    }

    // ---- the end of a connection ----

    /// The connection exists but is useless.
    fn give_up(&mut self, now: Instant, reason: &str) {
        self.outputs.push(Output::GiveUp { generation: self.generation });
        self.lost(now, reason.to_owned());
    }

    fn lost(&mut self, now: Instant, reason: String) {
        match self.phase {
            Phase::Subscribing(_) | Phase::Looking if self.look.is_some() => {
                let what = format!("the connection was lost while looking for another server: {reason}");
                return self.failed(now, Failure::new(FailureKind::Other, what, "see the broker's log"));
            }
            Phase::Up(since) => self.backoff.connection_lasted(now.saturating_duration_since(since)),
            Phase::Subscribing(_) => {}
            Phase::Closing | Phase::Disconnecting => return self.end(),
            // While connecting, the result of the attempt tells. In the other phases there is no connection.
            _ => return,
        }
        self.window.clear();
        self.emit(Event::Lost { reason });
        self.wait(now);
    }

    fn disconnect(&mut self, now: Instant) {
        self.outputs.push(Output::Disconnect { generation: self.generation });
        self.enter(Phase::Disconnecting, Some(now + DISCONNECT_TIMEOUT));
    }

    fn disconnected(&mut self) {
        if matches!(self.phase, Phase::Disconnecting) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.enter(Phase::Ended, None);
        self.window.clear();
        self.outputs.push(Output::LetGo);
        self.emit(Event::Ended);
    }

    fn enter(&mut self, phase: Phase, until: Option<Instant>) {
        self.phase = phase;
        self.until = until;
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push(Output::Emit(event));
    }
}

/// Logs the fault, if there is one.
fn is_fit(topic: &str, fault: Option<&str>) -> bool {
    if let Some(fault) = fault {
        log::warn!("{topic:?} is not a topic, and does not go to the broker: {fault}");
    }
    fault.is_none()
}
