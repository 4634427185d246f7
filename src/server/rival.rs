//! Finding out whether another server serves this chat. What is retained proves nothing, it may be stale: only an
//! answer does. So a users request goes out from a throw-away identifier while this server is not connected.
//!
//! Servers that look at the same time find each other too: each hears the others' requests, and the one that asked
//! first answers those that asked after it.

use crate::link::{
    Config, Event, Failure, FailureKind, Gate, LONGEST_WAIT, Link, Publication, Qos, Settings, Subscription,
};
use crate::protocol::{FromServer, Nick, NickKey, OnlineUsers, Request, RequestKind, Session, Token, Topic, Topics};
use crate::random;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long another server may take to answer each of two requests. Two, so that one of them meets a server that was
/// just between looking and serving.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the broker may take to let the asking connection in; above what paho takes to give up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How a server's nick begins while it looks.
const PREFIX: &str = "probe-";

/// `Barred` where another server answers, or one that began to look before this one. Blocks for a second where none
/// does.
pub fn look(settings: &Settings, topics: &Topics) -> Gate {
    let word = random::word();
    let Ok(nick) = Nick::parse(&format!("{PREFIX}{word}")) else { return Gate::Open };
    let (sender, events) = unbounded();
    let config = Config {
        settings: settings.clone(),
        client_id: format!("mqttchat-{word}"),
        persistent: false,
        will: None,
        subscriptions: vec![
            // With the flat topic, on which an original server answers.
            Subscription::new(topics.private_to(nick.key()), Qos::AtLeastOnce),
            Subscription::new(topics.all_requests(), Qos::AtLeastOnce),
        ],
        patient: false,
        longest_wait: LONGEST_WAIT,
        gate: None,
    };
    let link = match Link::open(config, move |event| drop(sender.send(event))) {
        Ok(link) => link,
        Err(error) => {
            let what = format!("no thread for the connection: {error}");
            return Gate::Unknown(Failure::new(FailureKind::Other, what, "see the limits of this machine"));
        }
    };
    let asking = Asking { link: &link, topics, nick: &nick, session: random::session() };
    let gate = asking.look(&events, CONNECT_TIMEOUT);
    link.close(None, Duration::ZERO);
    gate
}

struct Asking<'a> {
    link: &'a Link,
    topics: &'a Topics,
    nick: &'a Nick,
    session: Session,
}

impl Asking<'_> {
    fn look(&self, events: &Receiver<Event>, connect_within: Duration) -> Gate {
        let mut order = Order::new(self.nick.key().clone());
        let mut asked = 0;
        let mut deadline = Instant::now() + connect_within;
        loop {
            match events.recv_deadline(deadline) {
                Ok(Event::Connected { .. }) => {
                    asked += 1;
                    self.ask(asked);
                    deadline = Instant::now() + ANSWER_TIMEOUT;
                }
                // It may be stale. Some brokers send what matches no subscription, too.
                Ok(Event::Message(message)) if message.retained => {}
                Ok(Event::Message(message)) => match self.topics.parse(&message.topic) {
                    Some(Topic::Request { sender: Some(sender), .. }) => match order.heard(&sender, &message.payload) {
                        Heard::Nothing => {}
                        Heard::Junior => self.answer(&sender),
                        Heard::Senior => return Gate::Barred,
                    },
                    _ if matches!(FromServer::parse(&message.payload), Ok(FromServer::OnlineUsers(_))) => {
                        return Gate::Barred;
                    }
                    _ => {}
                },
                Ok(Event::Failed(failure)) => return Gate::Unknown(failure),
                Ok(Event::Lost { reason }) => {
                    let what = format!("the connection was lost while looking for another server: {reason}");
                    return Gate::Unknown(Failure::new(FailureKind::Other, what, "see the broker's log"));
                }
                Ok(_) => {}
                Err(_) if asked == 1 => {
                    asked += 1;
                    self.ask(asked);
                    deadline = Instant::now() + ANSWER_TIMEOUT;
                }
                Err(_) if asked == 0 => {
                    let what = "the broker did not let in who looks for another server in time";
                    return Gate::Unknown(Failure::new(FailureKind::Other, what, "run mqttchat check"));
                }
                Err(_) => return Gate::Open,
            }
        }
    }

    /// Asks a server of ours, and an original one, which knows the flat topic and no session.
    fn ask(&self, time: u64) {
        for ours in [true, false] {
            let request = Request {
                requester: self.nick.clone(),
                timestamp: None,
                session: ours.then(|| self.session.clone()),
                token: ours.then(|| Token::from_number(time)),
                history: Default::default(),
                search: Default::default(),
            };
            let sender = ours.then(|| self.nick.key().clone());
            self.publish(&Topic::Request { what: RequestKind::Users, sender }, request.to_json(RequestKind::Users));
        }
    }

    /// What a server answers: this one is about to be it.
    fn answer(&self, to: &NickKey) {
        let nobody =
            OnlineUsers { users: Vec::new(), count: Some(0), timestamp: None, request: None, truncated: false };
        self.publish(&Topic::PrivateServer { to: to.clone() }, nobody.to_json());
    }

    fn publish(&self, topic: &Topic, payload: Vec<u8>) {
        let topic = self.topics.name(topic);
        self.link.publish(Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None });
    }
}

/// Pure: who of those that look at the same time asked first, as the broker put their requests in order.
struct Order {
    own: NickKey,
    own_heard: bool,
    juniors: HashSet<NickKey>,
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// It has nothing to do with looking.
    Nothing,
    /// Another one that asked after this one: it is to be answered.
    Junior,
    /// Another one that asked before.
    Senior,
}

impl Order {
    fn new(own: NickKey) -> Order {
        Order { own, own_heard: false, juniors: HashSet::new() }
    }

    fn heard(&mut self, sender: &NickKey, payload: &[u8]) -> Heard {
        if *sender == self.own {
            self.own_heard = true;
            return Heard::Nothing;
        }
        let Ok(request) = Request::parse(payload, RequestKind::Users) else { return Heard::Nothing };
        if !sender.as_str().starts_with(PREFIX) || request.requester.key() != sender {
            return Heard::Nothing;
        }
        // A second request whose first was not heard comes from one that asked before this one could hear it.
        let first = request.token == Some(Token::from_number(1));
        if self.own_heard && first {
            self.juniors.insert(sender.clone());
        }
        if self.juniors.contains(sender) { Heard::Junior } else { Heard::Senior }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of two that look hears, `(who asks, which time)` in the broker's order; and what it makes of the last.
    #[track_caller]
    fn check(own: &str, heard: &[(&str, u64)], expected: Heard) {
        let nick = |name: &str| Nick::parse(&format!("{PREFIX}{name}")).unwrap();
        let mut order = Order::new(nick(own).key().clone());
        let mut last = Heard::Nothing;
        for (name, time) in heard {
            let request = Request {
                requester: nick(name),
                timestamp: None,
                session: None,
                token: Some(Token::from_number(*time)),
                history: Default::default(),
                search: Default::default(),
            };
            last = order.heard(nick(name).key(), &request.to_json(RequestKind::Users));
        }
        assert_eq!(last, expected, "{own} heard {heard:?}");
    }

    #[test]
    fn whoever_asked_first_is_senior_for_both() {
        // Both subscribed before either asked.
        check("a", &[("a", 1), ("b", 1)], Heard::Junior);
        check("b", &[("a", 1)], Heard::Senior);
        // B came when A had asked: A hears B's request, B only A's second one.
        check("a", &[("a", 1), ("b", 1), ("a", 2), ("b", 2)], Heard::Junior);
        check("b", &[("b", 1), ("a", 2)], Heard::Senior);
    }

    #[test]
    fn who_could_not_ask_does_not_know() {
        use crate::link::{Address, Transport, Version};
        let address = Address { transport: Transport::Tcp, host: "127.0.0.1".to_owned(), port: 1, path: String::new() };
        let settings = Settings {
            address,
            tls: None,
            username: None,
            password: None,
            keep_alive: Duration::from_secs(30),
            version: Version::Auto,
        };
        let config = Config {
            settings,
            client_id: "x".to_owned(),
            persistent: false,
            will: None,
            subscriptions: Vec::new(),
            patient: false,
            longest_wait: LONGEST_WAIT,
            gate: None,
        };
        let link = Link::open(config, |_| ()).unwrap();
        let (topics, nick) = (Topics::new("chat"), Nick::parse("probe-a").unwrap());
        let asking = Asking { link: &link, topics: &topics, nick: &nick, session: Session::from_random([0; 12]) };
        // The channel stays open and silent, as while a connection takes too long.
        let (_silent, events) = unbounded();
        assert!(matches!(asking.look(&events, Duration::ZERO), Gate::Unknown(_)));
    }

    #[test]
    fn others_requests_say_nothing() {
        let mut order = Order::new(NickKey::parse("probe-a").unwrap());
        let alice = NickKey::parse("alice").unwrap();
        assert_eq!(order.heard(&alice, br#"{"requester":"alice"}"#), Heard::Nothing);
        let b = NickKey::parse("probe-b").unwrap();
        assert_eq!(order.heard(&b, b"not json"), Heard::Nothing);
        assert_eq!(order.heard(&b, br#"{"requester":"alice"}"#), Heard::Nothing);
    }
}
