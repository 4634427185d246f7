//! A plain connection that speaks the chat's protocol: publishes messages within a client's window, and sends requests
//! to the server.

use super::support::{Broker, PATIENCE};
use crossbeam_channel::{Receiver, unbounded};
use mqttchat::link::{
    Address, Config, Event, LONGEST_WAIT, Link, Publication, Qos, Settings, Subscription, Transport, Version,
};
use mqttchat::protocol::{
    Chat, FromServer, HistoryRequest, Nick, Request, RequestKind, RoomName, SearchRequest, SentId, Session, Timestamp,
    Token, Topic, Topics,
};
use mqttchat::random::Random;
use std::time::{Duration, Instant};

/// The most messages that a client of ours has under way.
const WINDOW: u64 = 1_000;
const DEADLINE: Duration = Duration::from_secs(120);
/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

pub struct Publisher {
    link: Link,
    events: Receiver<Event>,
    topics: Topics,
    nick: Nick,
    session: Session,
    last_seq: u64,
    unsettled: u64,
}

impl Publisher {
    pub fn connect(broker: &Broker, name: &str) -> Publisher {
        let topics = Topics::new("chat");
        let nick = Nick::parse(name).expect("a nick");
        let (sender, events) = unbounded();
        let config = Config {
            settings: settings(broker.port()),
            client_id: name.to_owned(),
            persistent: false,
            will: None,
            subscriptions: vec![Subscription::new(topics.private_to(nick.key()), Qos::AtLeastOnce)],
            patient: false,
            longest_wait: LONGEST_WAIT,
            random: Random::of_the_system(),
            lookout: None,
        };
        let link = Link::open(config, move |event| drop(sender.send(event))).expect("a thread");
        let connected = events.recv_timeout(PATIENCE);
        assert!(matches!(connected, Ok(Event::Connected { .. })), "{connected:?}");
        let session = Random::of_the_system().session();
        Publisher { link, events, topics, nick, session, last_seq: 0, unsettled: 0 }
    }

    /// Messages of about 110 bytes, with a client's window.
    pub fn publish(&mut self, count: u64, qos: Qos) {
        for _ in 0..count {
            self.say(qos);
            while self.unsettled >= WINDOW {
                self.settle(DEADLINE);
            }
        }
    }

    /// Publishes at this rate for this time, at QoS 1.
    pub fn publish_steadily(&mut self, per_second: u32, time: Duration) {
        let (started, pause) = (Instant::now(), Duration::from_secs(1) / per_second);
        let mut due = started;
        while started.elapsed() < time {
            self.say(Qos::AtLeastOnce);
            due += pause;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            while !self.events.is_empty() {
                self.settle(Duration::ZERO);
            }
        }
    }

    fn say(&mut self, qos: Qos) {
        self.last_seq += 1;
        self.unsettled += 1;
        let chat = Chat {
            nick: self.nick.clone(),
            text: format!("message {}", self.last_seq),
            timestamp: Timestamp::parse("2026-11-22T20:30:00.123+01:00"),
            id: SentId::new(self.session.clone(), self.last_seq),
            to: RoomName::lobby(),
            action: false,
            late: false,
        };
        self.link.publish(Publication {
            topic: self.topics.name(&Topic::Messages { sender: None }),
            payload: chat.to_json(),
            qos,
            retain: false,
            ticket: Some(self.last_seq),
        });
    }

    fn settle(&mut self, patience: Duration) {
        match self.events.recv_timeout(patience) {
            Ok(Event::Published { .. }) => self.unsettled -= 1,
            // Confirmations of the server.
            Ok(Event::Message(_)) => {}
            other => println!("  ({other:?})"),
        }
    }

    /// How many messages of the lobby the server has committed; `None` without an answer.
    pub fn stored(&mut self) -> Option<u64> {
        match self.ask(RequestKind::Rooms, HistoryRequest::default(), SearchRequest::default())?.0 {
            FromServer::Rooms(rooms) => {
                Some(rooms.rooms.iter().find(|room| room.name.is_lobby()).map_or(0, |room| room.messages))
            }
            _ => None,
        }
    }

    /// The answer, and how long it took; `None` without one.
    pub fn ask(
        &mut self,
        kind: RequestKind,
        history: HistoryRequest,
        search: SearchRequest,
    ) -> Option<(FromServer, Duration)> {
        let token = Random::of_the_system().token();
        let request = Request {
            requester: self.nick.clone(),
            timestamp: None,
            session: Some(self.session.clone()),
            token: Some(token.clone()),
            history,
            search,
        };
        let asked = Instant::now();
        self.link.publish(Publication {
            topic: self.topics.name(&Topic::Request { what: kind, sender: Some(self.nick.key().clone()) }),
            payload: request.to_json(kind),
            qos: Qos::AtLeastOnce,
            retain: false,
            ticket: None,
        });
        while let Ok(event) = self.events.recv_deadline(asked + ANSWER) {
            match event {
                Event::Published { .. } => self.unsettled -= 1,
                Event::Message(message) => {
                    let taken = asked.elapsed();
                    let said = FromServer::parse(&message.payload).unwrap_or(FromServer::Unknown);
                    if answers(&said) == Some(&token) {
                        return Some((said, taken));
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// The request that this answers.
fn answers(said: &FromServer) -> Option<&Token> {
    match said {
        FromServer::Rooms(rooms) => rooms.request.as_ref(),
        FromServer::History(page) => page.request.as_ref(),
        FromServer::SearchResult(result) => result.request.as_ref(),
        FromServer::Pong(pong) => pong.request.as_ref(),
        _ => None,
    }
}

/// A plain connection to a broker on this machine.
fn settings(port: u16) -> Settings {
    Settings {
        address: Address { transport: Transport::Tcp, host: "127.0.0.1".to_owned(), port, path: String::new() },
        tls: None,
        username: None,
        password: None,
        keep_alive: Duration::from_secs(30),
        version: Version::Auto,
    }
}
