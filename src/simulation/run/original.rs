//! The chat's original client, as small as it can be: it speaks at quality of service 0, without identifiers and
//! receipts, heartbeats, and prints what comes.

use super::happening::{Happening, OfRun};
use super::machine::NodeMachine;
use super::stage::{LinkTerms, Stage};
use crate::link::machine::Input;
use crate::link::{Event, LONGEST_WAIT, Message, Publication, Qos, Subscription, Version};
use crate::simulation::ledger::{Addressed, Fact, Ledger, RunEnd, RunNumber, Showing};
use crate::simulation::network::{ConnId, Parcel};
use crate::simulation::plan::ClientTraits;
use crate::simulation::tether::Tether;
use crate::simulation::world::{MS, Micros, S};
use serde_json::{Value, json};
use std::time::Duration;

pub struct OriginalNode {
    pub index: usize,
    pub machine: NodeMachine,
    traits: ClientTraits,
    heartbeat: Micros,
    pub process: Option<OriginalProcess>,
}

pub struct OriginalProcess {
    pub run: RunNumber,
    link: Tether,
    pub client_id: String,
    is_connected: bool,
    is_leaving: bool,
    turned: Micros,
    pub ended: Option<RunEnd>,
}

impl OriginalNode {
    /// `timeout_s`: the server's.
    pub fn new(index: usize, machine: NodeMachine, traits: ClientTraits, timeout_s: u32) -> OriginalNode {
        let heartbeat = (u64::from(timeout_s) * S / 3).min(30 * S);
        OriginalNode { index, machine, traits, heartbeat, process: None }
    }

    pub fn start(&mut self, stage: &mut Stage) {
        let client_id = format!("original-{}", stage.stream().random().word());
        let nick = &self.traits.nick;
        let filters = ["chat/messages", "chat/system", "chat/users", "chat/presence", &format!("chat/private/{nick}")]
            .map(|filter| Subscription::new(filter.to_owned(), Qos::AtMostOnce));
        let config = stage.link_config(LinkTerms {
            client_id: client_id.clone(),
            persistent: false,
            will: None,
            subscriptions: filters.to_vec(),
            patient: true,
            longest_wait: LONGEST_WAIT,
            version: Version::V311,
            lookout: None,
        });
        let link = Tether::new(self.machine.node, stage.world.timeline, config, stage.now());
        let run = stage.ledger.run_started(stage.at(), self.machine.party);
        let (is_connected, is_leaving, turned, ended) = (false, false, 0, None);
        self.process = Some(OriginalProcess { run, link, client_id, is_connected, is_leaving, turned, ended });
        stage.after(self.heartbeat, Happening::Of(self.machine.node, run, OfRun::Tick));
    }

    pub fn kill(&mut self, power: bool, stage: &mut Stage) {
        if let Some(OriginalProcess { run, link, .. }) = self.process.take() {
            let now = stage.now();
            if power {
                stage.outside.network().sever(self.machine.node, None, Some(now + S));
            }
            link.kill(now, &mut stage.outside);
            self.machine.run_ended(run, if power { RunEnd::PowerLost } else { RunEnd::Crashed }, stage);
        }
    }

    pub fn bury(&mut self, stage: &mut Stage) -> Option<RunEnd> {
        let end = self.process.as_ref()?.ended.clone()?;
        let OriginalProcess { run, link, .. } = self.process.take()?;
        link.kill(stage.now(), &mut stage.outside);
        self.machine.run_ended(run, end.clone(), stage);
        Some(end)
    }

    // ---- what happens ----

    pub fn received(&mut self, conn: ConnId, parcel: &Parcel, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let events = process.link.received(stage.now(), conn, parcel.clone(), &mut stage.outside);
        self.heard(events, stage);
    }

    pub fn due(&self) -> Option<Micros> {
        let process = self.process.as_ref()?;
        process.link.due().map(|due| due.max(self.machine.frozen_until()).max(process.turned + 100))
    }

    pub fn turn(&mut self, stage: &mut Stage) {
        let now = stage.now();
        let Some(process) = &mut self.process else { return };
        process.turned = now;
        stage.woken(self.machine.party);
        let events = process.link.turn(now, &mut stage.outside);
        self.heard(events, stage);
    }

    pub fn happened(&mut self, what: OfRun, stage: &mut Stage) {
        let Some(process) = &self.process else { return };
        let run = process.run;
        match what {
            OfRun::Tick => {
                stage.after(self.heartbeat, Happening::Of(self.machine.node, run, OfRun::Tick));
                self.presence("heartbeat", stage);
            }
            OfRun::Quit => self.leave(stage),
            OfRun::Gone => {
                if let Some(process) = &mut self.process {
                    process.ended = Some(RunEnd::Quit);
                }
            }
            _ => {}
        }
    }

    fn heard(&mut self, events: Vec<Event>, stage: &mut Stage) {
        for event in events {
            let Some(process) = &mut self.process else { return };
            match event {
                Event::Connected { .. } => {
                    process.is_connected = true;
                    self.presence("join", stage);
                    let request = json!({"requester": self.traits.nick});
                    self.publish("chat/request/history", &request, stage);
                }
                Event::Lost { .. } => process.is_connected = false,
                Event::Message(message) => self.print(&message, stage),
                Event::Ended if process.is_leaving => process.ended = Some(RunEnd::Quit),
                Event::Ended => process.ended = Some(RunEnd::NoBroker),
                _ => {}
            }
        }
    }

    fn print(&mut self, message: &Message, stage: &mut Stage) {
        let Some(process) = &self.process else { return };
        let Ok(Value::Object(payload)) = serde_json::from_slice::<Value>(&message.payload) else { return };
        let run = process.run;
        let mut show = |text: &Value, asked: bool| {
            if let Some(number) = text.as_str().and_then(|text| stage.ledger.number(text)) {
                stage.note(Fact::Shown { run, number, how: Showing { asked, ..Showing::default() } });
            }
        };
        match payload.get("messages") {
            Some(Value::Array(messages)) => messages.iter().for_each(|entry| show(&entry["message"], true)),
            _ => {
                if let Some(text) = payload.get("message") {
                    show(text, false);
                }
            }
        }
    }

    pub fn say(&mut self, to: Addressed, filler: usize, stage: &mut Stage) {
        let Some(process) = &self.process else { return };
        if process.is_leaving {
            return;
        }
        let (at, run, nick) = (stage.at(), process.run, self.traits.nick.clone());
        let number = stage.ledger.give(at, self.index, run, to.clone());
        let text = Ledger::text(number, filler);
        let timestamp = stage.moment(self.machine.node).wall.naive_utc().to_string();
        let (topic, payload) = match to {
            Addressed::Room(_) => (
                "chat/messages".to_owned(),
                json!({"type": "chat", "username": nick, "message": text, "timestamp": timestamp}),
            ),
            Addressed::Client { nick: to, .. } => (
                format!("chat/private/{to}"),
                json!({"type": "private", "from": nick, "to": to, "message": text, "timestamp": timestamp}),
            ),
        };
        self.publish(&topic, &payload, stage);
    }

    fn presence(&mut self, action: &str, stage: &mut Stage) {
        let payload = json!({"action": action, "username": self.traits.nick});
        self.publish("chat/presence", &payload, stage);
    }

    fn publish(&mut self, topic: &str, payload: &Value, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        if !process.is_connected {
            return;
        }
        let (topic, payload) = (topic.to_owned(), payload.to_string().into_bytes());
        let publication = Publication { topic, payload, qos: Qos::AtMostOnce, retain: false, ticket: None };
        stage.client_publishes(process.run, &publication);
        let events = process.link.handle(stage.now(), Input::Publish(publication), &mut stage.outside);
        self.heard(events, stage);
    }

    fn leave(&mut self, stage: &mut Stage) {
        self.presence("leave", stage);
        let Some(process) = &mut self.process else { return };
        process.is_leaving = true;
        stage.after(900 * MS, Happening::Of(self.machine.node, process.run, OfRun::Gone));
        let close = Input::Close { last: None, within: Duration::from_millis(500) };
        let events = process.link.handle(stage.now(), close, &mut stage.outside);
        self.heard(events, stage);
    }
}
