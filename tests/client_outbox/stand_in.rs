//! A scripted chat server: lets everybody in, and stores, ignores or refuses messages.

use crate::support::{Broker, PATIENCE, link_config, settings, wait_until};
use crossbeam_channel::{Receiver, Sender, unbounded};
use mqttchat::link::{Config, Event, Link, Message, Publication, Qos, Subscription};
use mqttchat::protocol::{Ranges, Session, Stored};
use mqttchat::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The fate of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Store,
    Silence,
    /// An error for messages with this text; all others are stored.
    Refuse(&'static str),
    /// Another message has the id of the first message with this text; all others are stored.
    Taken(&'static str),
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Heard {
    pub topic: String,
    pub payload: Value,
}

impl Heard {
    pub fn text(&self) -> &str {
        self.payload["message"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> String {
        format!("{}-{}", self.payload["session"].as_str().unwrap_or_default(), self.payload["seq"])
    }

    pub fn is_late(&self) -> bool {
        self.payload["late"] == true
    }
}

struct State {
    answer: Answer,
    heard: Vec<Heard>,
    is_connected: bool,
}

pub struct StandIn {
    state: Arc<Mutex<State>>,
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Publish(Publication),
    Stop,
}

impl StandIn {
    /// Connects and announces itself. `rate`: its limit per second.
    #[track_caller]
    pub fn start_with(broker: &Broker, answer: Answer, rate: Option<u64>) -> StandIn {
        let mut info = json!({"type": "server", "status": "online", "instance": Random::of_the_system().word(),
            "started": "2026-11-22T20:30:00.000+01:00", "version": "0", "identity": "open"});
        if let Some(rate) = rate {
            info["rate"] = rate.into();
        }
        let state = Arc::new(Mutex::new(State { answer, heard: Vec::new(), is_connected: false }));
        let (sender, events) = unbounded();
        let link = Link::open(config(broker), move |event| drop(sender.send(event))).expect("a thread");
        let (orders, inbox) = unbounded();
        let server = Server { info: info.to_string(), link, state: state.clone(), events, orders: inbox };
        let thread = std::thread::spawn(move || server.run());
        let stand_in = StandIn { state, orders, thread: Some(thread) };
        wait_until(PATIENCE, "the stand-in is connected", || stand_in.state.lock().unwrap().is_connected);
        stand_in
    }

    #[track_caller]
    pub fn start(broker: &Broker, answer: Answer) -> StandIn {
        StandIn::start_with(broker, answer, None)
    }

    pub fn answer(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    /// All messages so far, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    pub fn count(&self) -> usize {
        self.state.lock().unwrap().heard.len()
    }

    /// The first message for which `wanted` holds.
    #[track_caller]
    pub fn wait_for(&self, what: &str, mut wanted: impl FnMut(&Heard) -> bool) -> Heard {
        let mut found = None;
        wait_until(PATIENCE, what, || {
            found = self.state.lock().unwrap().heard.iter().find(|heard| wanted(heard)).cloned();
            found.is_some()
        });
        found.expect("wait_until returns only with one")
    }

    /// Announces `offline` and ends.
    pub fn stop(self) {
        self.publish("chat/server", &json!({"type": "server", "status": "offline"}), true);
    }

    fn publish(&self, topic: &str, payload: &Value, retain: bool) {
        let _ = self.orders.send(Order::Publish(publication(topic, payload.to_string().into_bytes(), retain)));
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn publication(topic: &str, payload: Vec<u8>, retain: bool) -> Publication {
    Publication { topic: topic.to_owned(), payload, qos: Qos::AtLeastOnce, retain, ticket: None }
}

fn config(broker: &Broker) -> Config {
    let filters = ["messages/#", "rooms/#", "private/+/+", "presence/#", "request/#"];
    let subscribe = |filter| Subscription { filter: format!("chat/{filter}"), qos: Qos::AtLeastOnce, no_local: true };
    let client_id = format!("stand-in-{}", Random::of_the_system().word());
    let config = link_config(settings(broker.port()), &client_id, filters.map(subscribe).to_vec());
    Config { patient: true, ..config }
}

struct Server {
    /// Published with every connection, because the broker may have lost it.
    info: String,
    link: Link,
    state: Arc<Mutex<State>>,
    events: Receiver<Event>,
    orders: Receiver<Order>,
}

impl Server {
    fn run(self) {
        loop {
            crossbeam_channel::select! {
                recv(self.orders) -> order => match order {
                    Ok(Order::Publish(publication)) => self.link.publish(publication),
                    Ok(Order::Stop) | Err(_) => return self.link.close(None, Duration::from_secs(2)),
                },
                recv(self.events) -> event => {
                    let mut stored = BTreeMap::new();
                    for event in event.into_iter().chain(self.events.try_iter()) {
                        self.hears(event, &mut stored);
                    }
                    for ((key, session), seq) in stored {
                        self.say(&key, Stored { session, seq }.to_json());
                    }
                }
            }
        }
    }

    fn hears(&self, event: Event, stored: &mut BTreeMap<(String, Session), Ranges>) {
        match event {
            Event::Connected { .. } => {
                self.link.publish(publication("chat/server", self.info.clone().into_bytes(), true));
                self.state.lock().unwrap().is_connected = true;
            }
            Event::Message(message) if !message.retained => self.arrived(&message, stored),
            _ => {}
        }
    }

    fn arrived(&self, message: &Message, stored: &mut BTreeMap<(String, Session), Ranges>) {
        let Ok(payload) = serde_json::from_slice::<Value>(&message.payload) else { return };
        let text = |name: &str| payload[name].as_str().unwrap_or_default();
        let nick = if payload["requester"].is_string() { text("requester") } else { text("username") };
        let key = nick.to_lowercase();
        match message.topic.split('/').nth(1) {
            Some("presence") if text("action") == "join" => {
                self.say(&key, json!({"type": "welcome", "session": text("session")}).to_string().into());
            }
            Some("request") if message.topic.contains("/history") => {
                let page = json!({"type": "history", "messages": [], "request": text("request"),
                    "room": payload["room"].as_str().unwrap_or("lobby"), "epoch": "rkrxc5f0sqnm", "from": 0, "to": 0,
                    "complete": true, "gap": false});
                self.say(&key, page.to_string().into());
            }
            Some("request") if message.topic.contains("/users") => {
                let list = json!({"type": "online_users", "users": [nick], "request": text("request")});
                self.say(&key, list.to_string().into());
            }
            Some("messages" | "rooms" | "private") if ["chat", "private"].contains(&text("type")) => {
                let mut state = self.state.lock().unwrap();
                let (session, seq) = (text("session").to_owned(), payload["seq"].as_u64().unwrap_or_default());
                let refuse = |code: &str| {
                    let error = json!({"type": "error", "code": code, "message": "not that", "session": session,
                        "of": format!("{session}-{seq}")});
                    self.say(&key, error.to_string().into());
                };
                let is_first = |taken: &str| {
                    let first = state.heard.iter().find(|heard| heard.text() == taken);
                    text("message") == taken && first.is_none_or(|first| first.id() == format!("{session}-{seq}"))
                };
                match state.answer {
                    Answer::Silence => {}
                    Answer::Refuse(refused) if text("message") == refused => refuse("bad_message"),
                    Answer::Taken(taken) if is_first(taken) => refuse("id_taken"),
                    Answer::Store | Answer::Refuse(_) | Answer::Taken(_) => {
                        let session = Session::parse(&session).expect("a session");
                        stored.entry((key, session)).or_default().insert(seq);
                    }
                }
                state.heard.push(Heard { topic: message.topic.clone(), payload: payload.clone() });
            }
            _ => {}
        }
    }

    fn say(&self, key: &str, payload: Vec<u8>) {
        self.link.publish(publication(&format!("chat/private/{key}/server"), payload, false));
    }
}
