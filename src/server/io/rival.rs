//! Finding out whether another server serves this chat. What is retained proves nothing, it may be stale: only an
//! answer does. So a users request goes out from a throw-away identifier while this server is not connected.
//!
//! Servers that look at the same time find each other too: each hears the others' requests, and the one that asked
//! first answers those that asked after it.

mod order;

use crate::link::{
    Config, Event, Failure, FailureKind, Gate, LONGEST_WAIT, Link, Publication, Qos, Settings, Subscription,
};
use crate::protocol::text::visible;
use crate::protocol::{
    FromServer, Nick, NickKey, OnlineUsers, Request, RequestKind, ServerInfo, Session, Status, Token, Topic, Topics,
};
use crate::random;
use crossbeam_channel::{Receiver, unbounded};
use order::{Heard, Order};
use std::fmt;
use std::time::{Duration, Instant};

/// How long another server may take to answer each of two requests. Two, so that one of them meets a server that was
/// just between looking and serving.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the broker may take to let the asking connection in; above what paho takes to give up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest part of a log line that another program chooses, in characters.
const SHOWN_CHARS: usize = 40;
/// How a server's nick begins while it looks.
const PREFIX: &str = "probe-";

/// `Barred` if another server answers, or one that began to look before this one. Blocks for a second if none does.
/// `instance`: this server's own, which chat/server may still hold.
pub fn look(settings: &Settings, topics: &Topics, instance: &str) -> Gate {
    let Ok(nick) = Nick::parse(&format!("{PREFIX}{}", random::word())) else { return Gate::Open };
    let (sender, events) = unbounded();
    let config = Config {
        settings: settings.clone(),
        // Another word than the nick's: whoever reads the requests cannot take this connection over.
        client_id: format!("mqttchat-{}", random::word()),
        persistent: false,
        will: None,
        subscriptions: vec![
            // With the flat topic, on which an original server answers.
            Subscription::new(topics.private_to(nick.key()), Qos::AtLeastOnce),
            Subscription::new(topics.all_requests(), Qos::AtLeastOnce),
            // It proves nothing, but may say which server it is that answers.
            Subscription::new(topics.name(&Topic::Server), Qos::AtLeastOnce),
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
    let asking =
        Asking { link: &link, topics, nick: &nick, instance, session: random::session(), word: random::word() };
    let gate = asking.look(&events, CONNECT_TIMEOUT);
    link.close(None, Duration::ZERO);
    gate
}

struct Asking<'a> {
    link: &'a Link,
    topics: &'a Topics,
    nick: &'a Nick,
    instance: &'a str,
    session: Session,
    /// The random part of the tokens.
    word: String,
}

impl Asking<'_> {
    fn look(&self, events: &Receiver<Event>, connect_within: Duration) -> Gate {
        let mut order = Order::new(self.nick.key().clone());
        let mut online = None;
        let mut asked = 0;
        let mut deadline = Instant::now() + connect_within;
        loop {
            match events.recv_deadline(deadline) {
                Ok(Event::Connected { .. }) => {
                    asked += 1;
                    self.ask(asked);
                    deadline = Instant::now() + ANSWER_TIMEOUT;
                }
                Ok(Event::Message(message)) => match self.topics.parse(&message.topic) {
                    Some(Topic::Server) => online = self.another_online(&message.payload),
                    // It may be stale. Some brokers send what matches no subscription, too.
                    _ if message.retained => {}
                    Some(Topic::Request { sender: Some(sender), .. }) => match order.heard(&sender, &message.payload) {
                        Heard::Nothing => {}
                        Heard::Junior(token) => self.answer(&sender, token),
                        Heard::Senior => return Gate::Barred(Rival { who: Who::Looks(sender), online }.to_string()),
                    },
                    Some(topic) => {
                        if let Some(who) = self.answered(&topic, &message.payload, asked) {
                            return Gate::Barred(Rival { who, online }.to_string());
                        }
                    }
                    None => {}
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
                token: ours.then(|| self.token(time)).flatten(),
                history: Default::default(),
                search: Default::default(),
            };
            let sender = ours.then(|| self.nick.key().clone());
            self.publish(&Topic::Request { what: RequestKind::Users, sender }, request.to_json(RequestKind::Users));
        }
    }

    fn token(&self, time: u64) -> Option<Token> {
        Token::parse(&format!("{}-{time}", self.word))
    }

    /// Which server this proves, if it is the answer to one of the requests so far.
    fn answered(&self, topic: &Topic, payload: &[u8], asked: u64) -> Option<Who> {
        let Ok(FromServer::OnlineUsers(list)) = FromServer::parse(payload) else { return None };
        match topic {
            Topic::PrivateServer { to } if to == self.nick.key() => {
                let own = |time| self.token(time).is_some_and(|token| list.request.as_ref() == Some(&token));
                (1..=asked).any(own).then_some(Who::Answers)
            }
            Topic::PrivateFlat { to } if to == self.nick => Some(Who::AnswersAsOriginal),
            _ => None,
        }
    }

    /// The server that says on chat/server that it is online, if that is another one.
    fn another_online(&self, payload: &[u8]) -> Option<ServerInfo> {
        match FromServer::parse(payload) {
            Ok(FromServer::Server(info)) => Some(info),
            _ => None,
        }
        .filter(|info| info.status == Status::Online && info.instance != self.instance)
    }

    /// What a server answers: this one is about to be it.
    fn answer(&self, to: &NickKey, token: Token) {
        let nobody =
            OnlineUsers { users: Vec::new(), count: Some(0), timestamp: None, request: Some(token), truncated: false };
        self.publish(&Topic::PrivateServer { to: to.clone() }, nobody.to_json());
    }

    fn publish(&self, topic: &Topic, payload: Vec<u8>) {
        let topic = self.topics.name(topic);
        self.link.publish(Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None });
    }
}

/// Another server, as far as anything can be known of it: in an open chat every bit of this can be forged.
struct Rival {
    who: Who,
    /// What chat/server says.
    online: Option<ServerInfo>,
}

enum Who {
    Answers,
    AnswersAsOriginal,
    /// It looks too, under this nick, and began before.
    Looks(NickKey),
}

impl fmt::Display for Rival {
    /// For a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Answers => f.write_str("it answers requests"),
            Who::AnswersAsOriginal => f.write_str("it answers requests as an original server does"),
            Who::Looks(nick) => write!(f, "it began earlier to look for others, as {}", visible(nick.as_str())),
        }?;
        let Some(info) = &self.online else { return f.write_str("; chat/server names no other server") };
        let short = |text: &str| visible(text).chars().take(SHOWN_CHARS).collect::<String>();
        write!(f, "; chat/server names instance {} of version {}", short(&info.instance), short(&info.version))?;
        match &info.started {
            Some(started) => write!(f, ", started {}", short(started.as_str())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls this with one that asks over a link that never connects.
    fn with_asking<T>(ask: impl FnOnce(&Asking) -> T) -> T {
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
        let (session, word) = (Session::from_random([0; 12]), "abcabcabcabc".to_owned());
        ask(&Asking { link: &link, topics: &topics, nick: &nick, instance: "own", session, word })
    }

    #[test]
    fn who_could_not_ask_does_not_know() {
        // The channel stays open and silent, as while a connection takes too long.
        let (_silent, events) = unbounded();
        let gate = with_asking(|asking| asking.look(&events, Duration::ZERO));
        assert!(matches!(gate, Gate::Unknown(_)));
    }

    #[test]
    fn only_an_answer_to_an_own_request_proves_a_server() {
        let judge = |topic: &str, payload: &str| {
            let topic = Topics::new("chat").parse(topic).unwrap();
            with_asking(|asking| asking.answered(&topic, payload.as_bytes(), 1)).is_some()
        };
        let list = |more: &str| format!(r#"{{"type":"online_users","users":[]{more}}}"#);
        let answer = list(r#","request":"abcabcabcabc-1""#);
        assert!(judge("chat/private/probe-a/server", &answer));
        // Another nick's, without a token, with another's, with one that was not asked with yet; no list.
        assert!(!judge("chat/private/probe-b/server", &answer));
        assert!(!judge("chat/private/probe-a/server", &list("")));
        assert!(!judge("chat/private/probe-a/server", &list(r#","request":"r1""#)));
        assert!(!judge("chat/private/probe-a/server", &list(r#","request":"abcabcabcabc-2""#)));
        assert!(!judge("chat/private/probe-a/server", r#"{"type":"pong","request":"abcabcabcabc-1"}"#));
        // An original server knows no tokens.
        assert!(judge("chat/private/probe-a", &list("")));
        assert!(!judge("chat/private/alice", &list("")));
    }

    #[test]
    fn what_chat_server_says_is_told_of_another_one_only() {
        let online = |payload: &str| with_asking(|asking| asking.another_online(payload.as_bytes()));
        let say = |payload: &str| Rival { who: Who::Answers, online: online(payload) }.to_string();
        let other = r#"{"type":"server","status":"online","instance":"o\u001b[2J","version":"9","started":"2026-11-22T20:30:00Z"}"#;
        let text =
            r"it answers requests; chat/server names instance o\x1b[2J of version 9, started 2026-11-22T20:30:00Z";
        assert_eq!(say(other), text);
        let unknown = "it answers requests; chat/server names no other server";
        assert_eq!(say(&other.replace("online", "offline")), unknown);
        assert_eq!(say(r#"{"type":"server","status":"online","instance":"own"}"#), unknown);
    }
}
