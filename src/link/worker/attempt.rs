//! The way to a connection: gate, CONNECT, SUBSCRIBE; and, where an attempt fails, why it did.

use super::{Finding, Job, Operation, Signal, State, Worker};
use crate::link::{BROKE, Event, Failure, Gate, Version, paho, probe, retired, tls_in_use};
use paho_mqtt as mqtt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the broker may take to answer a SUBSCRIBE.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

impl Worker {
    pub(super) fn attempt(&mut self) {
        match self.has_gate {
            true => {
                self.state = State::AtTheGate;
                self.have_done(Job::AskGate);
            }
            false => self.connect(),
        }
    }

    fn have_done(&self, job: Job) {
        // The thread takes jobs until this end is dropped.
        let _ = self.jobs.send(job);
    }

    /// What was asked for in this state: the link leaves it only with the answer, or for good.
    pub(super) fn found(&mut self, finding: Finding) {
        match (finding, std::mem::replace(&mut self.state, State::Ended)) {
            (Finding::Gate(Gate::Open), State::AtTheGate) => self.connect(),
            (Finding::Gate(Gate::Barred(why)), State::AtTheGate) => {
                self.emit(Event::Barred { why });
                self.end_or_wait(self.conn == 0);
            }
            (Finding::Gate(Gate::Unknown(failure)), State::AtTheGate) => self.failed(failure),
            // The walk speaks 3.1.1: some brokers wait for ever in a CONNECT of 5, which they read as one of 3.1.1.
            (Finding::Walked(Ok(())), State::Explaining { may_fall_back: true, .. }) => self.fall_back(),
            (Finding::Walked(walked), State::Explaining { error, .. }) => {
                let unexplained = || probe::unexplained(&self.config.settings, &error);
                let failure = walked.err().unwrap_or_else(unexplained);
                self.not_let_in(failure);
            }
            (_, state) => self.state = state,
        }
    }

    fn connect(&mut self) {
        self.generation += 1;
        let options = match paho::connect_options(&self.config, self.version, self.conn + 1) {
            Ok(options) => options,
            Err(failure) => return self.failed(failure),
        };
        let client = match paho::create(&self.config, self.version) {
            Ok(client) => client,
            Err(error) => return self.explain(&error, false),
        };
        self.set_callbacks(&client);
        let token = client.connect(options);
        self.forget_operations();
        if let Some(before) = self.client.replace(client) {
            retired::keep(before);
        }
        retired::free_rested();
        self.state = State::Connecting;
        self.watch(Operation::Connect(token));
    }

    fn set_callbacks(&self, client: &mqtt::AsyncClient) {
        let generation = self.generation;
        self.heard.store(generation, Ordering::Relaxed);
        let (on_event, heard) = (self.on_event.clone(), self.heard.clone());
        client.set_message_callback(move |_, message| {
            // Without a message it is paho's way to say that the stream ends; that comes as Down.
            if let Some(message) = message
                && heard.load(Ordering::Relaxed) == generation
            {
                on_event(paho::arrived(&message));
            }
        });
        let signals = self.signals.clone();
        client.set_connection_lost_callback(move |_| {
            let reason = BROKE.to_owned();
            let _ = signals.send(Signal::Down { generation, reason });
        });
        let signals = self.signals.clone();
        client.set_disconnected_callback(move |_, _, code| {
            let reason = format!("ended by the broker: {code}");
            let _ = signals.send(Signal::Down { generation, reason });
        });
    }

    pub(super) fn connected(&mut self, result: mqtt::Result<mqtt::ServerResponse>) {
        if matches!(self.state, State::Abandoned) {
            return match result {
                Ok(_) => self.disconnect(),
                Err(_) => self.state = State::Ended,
            };
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.refused(error),
        };
        self.conn += 1;
        let session_present = response.connect_response().is_some_and(|connect| connect.session_present);
        self.session_present = session_present;
        match &self.client {
            Some(client) if !self.config.subscriptions.is_empty() => {
                // Again even where the session is there: the set of filters may have changed since it was made.
                let token = paho::subscribe(client, &self.config.subscriptions, self.version);
                let filters = self.config.subscriptions.iter().map(|known| known.filter.clone()).collect();
                self.state = State::Subscribing { until: Instant::now() + SUBSCRIBE_TIMEOUT };
                self.watch(Operation::SubscribeAll(token, filters));
            }
            _ => self.up(Vec::new()),
        }
    }

    pub(super) fn up(&mut self, refused: Vec<String>) {
        self.state = State::Up;
        self.up_since = Some(Instant::now());
        self.publish_queued();
        let version = if self.version >= mqtt::MQTT_VERSION_5 { Version::V5 } else { Version::V311 };
        // The SUBSCRIBE, or CONNECT, was the last thing written, if not for another connection of this process.
        let tls = self.config.settings.tls.as_ref().and_then(|_| tls_in_use());
        let (session_present, conn) = (self.session_present, self.conn);
        self.emit(Event::Connected { session_present, version, conn, refused, tls });
    }

    /// The attempt failed at or after the TCP connection; an older version may do.
    fn refused(&mut self, error: mqtt::Error) {
        let may_fall_back = self.config.settings.version == Version::Auto && self.version >= mqtt::MQTT_VERSION_5;
        if may_fall_back && paho::wants_older_version(&error) {
            return self.fall_back();
        }
        match paho::connack(&error) {
            Some(code) => self.not_let_in(Failure::connack(code)),
            None => self.explain(&error, may_fall_back),
        }
    }

    fn explain(&mut self, error: &mqtt::Error, may_fall_back: bool) {
        self.state = State::Explaining { error: error.to_string(), may_fall_back };
        self.have_done(Job::Walk);
    }

    fn fall_back(&mut self) {
        self.version = mqtt::MQTT_VERSION_3_1_1;
        self.connect();
    }

    fn not_let_in(&mut self, failure: Failure) {
        self.version = first_version(self.config.settings.version);
        self.failed(failure);
    }

    fn failed(&mut self, failure: Failure) {
        let hopeless = self.conn == 0 && (failure.is_lasting() || !self.config.patient);
        self.emit(Event::Failed(failure));
        self.end_or_wait(hopeless);
    }

    fn end_or_wait(&mut self, ends: bool) {
        match ends {
            true => self.state = State::Ended,
            false => self.wait(),
        }
    }
}

pub(super) fn first_version(version: Version) -> u32 {
    match version {
        Version::Auto | Version::V5 => mqtt::MQTT_VERSION_5,
        Version::V311 => mqtt::MQTT_VERSION_3_1_1,
    }
}
