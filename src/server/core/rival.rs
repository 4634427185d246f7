//! Pure: whether another server serves this chat. A retained message proves nothing, because it may be stale; only an
//! answer does. So a users request goes out under a throw-away identifier while this server is not connected.
//!
//! Servers that look at the same time find each other, too: each receives the others' requests, and the one that asked
//! first answers the later ones.

mod seniority;

use crate::link::{Clearance, Guise, Judgement, Lookout, Message, Publication, Qos, Sight, Subscription};
use crate::protocol::text::visible;
use crate::protocol::{
    FromServer, Nick, NickKey, OnlineUsers, Request, RequestKind, ServerInfo, Session, Status, Token, Topic, Topics,
};
use crate::random::Random;
use seniority::{Seniority, Standing};
use std::time::{Duration, Instant};

/// How long another server may take to answer a request.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// Requests per look. Two, so one of them reaches a server that was just between looking and serving.
const TIMES: u64 = 2;
/// The longest text of another program in a log line, in characters.
const SHOWN_CHARS: usize = 40;
/// The prefix of a server's nick while it looks.
const PREFIX: &str = "probe-";

/// Bars this server's link if another server answers, or if another one began to look earlier. A look takes a second if
/// nobody answers.
pub struct Rivals {
    topics: Topics,
    /// This server's own instance, which chat/server may still name.
    instance: String,
    asking: Option<Asking>,
}

/// A look under way.
struct Asking {
    nick: Nick,
    session: Session,
    /// The random part of the tokens.
    word: String,
    /// Requests so far.
    asked: u64,
    seniority: Seniority,
    /// The other server that chat/server names.
    online: Option<ServerInfo>,
}

impl Rivals {
    pub fn new(topics: Topics, instance: String) -> Rivals {
        Rivals { topics, instance, asking: None }
    }
}

impl Lookout for Rivals {
    fn begin(&mut self, random: &Random) -> Guise {
        // Different from the nick: readers of the requests must not be able to take this connection over.
        let client_id = random.client_id();
        let nick = Nick::parse(&format!("{PREFIX}{}", random.word()));
        self.asking = nick.ok().map(|nick| Asking::new(nick, random));
        let subscriptions = self.asking.iter().flat_map(|asking| {
            [
                // Includes the flat topic, on which an original server answers.
                self.topics.private_to(asking.nick.key()),
                self.topics.all_requests(),
                // It proves nothing, but may tell which server answers.
                self.topics.name(&Topic::Server),
            ]
        });
        let subscriptions = subscriptions.map(|filter| Subscription::new(filter, Qos::AtLeastOnce)).collect();
        Guise { client_id, subscriptions }
    }

    fn see(&mut self, now: Instant, sight: Sight) -> Judgement {
        let open = Judgement { publish: Vec::new(), clearance: Clearance::Open };
        let Some(asking) = &mut self.asking else { return open };
        match sight {
            Sight::Due if asking.asked >= TIMES => open,
            Sight::Connected | Sight::Due => {
                let until = Some(now + ANSWER_TIMEOUT);
                Judgement { publish: asking.ask(&self.topics), clearance: Clearance::Unsure { until } }
            }
            Sight::Message(message) => asking.heard(message, &self.topics, &self.instance),
        }
    }
}

impl Asking {
    fn new(nick: Nick, random: &Random) -> Asking {
        let seniority = Seniority::new(nick.key().clone());
        Asking { nick, session: random.session(), word: random.word(), asked: 0, seniority, online: None }
    }

    /// Asks a server of ours, and an original one, which knows only the flat topic and no session.
    fn ask(&mut self, topics: &Topics) -> Vec<Publication> {
        self.asked += 1;
        let request = |is_ours: bool| {
            let request = Request {
                requester: self.nick.clone(),
                timestamp: None,
                session: is_ours.then(|| self.session.clone()),
                token: is_ours.then(|| self.token(self.asked)).flatten(),
                history: Default::default(),
                search: Default::default(),
            };
            let sender = is_ours.then(|| self.nick.key().clone());
            let topic = Topic::Request { what: RequestKind::Users, sender };
            publication(topics, &topic, request.to_json(RequestKind::Users))
        };
        [true, false].map(request).into()
    }

    /// What a message shows about other servers.
    fn heard(&mut self, message: &Message, topics: &Topics, instance: &str) -> Judgement {
        let mut publish = Vec::new();
        // What another server does, if the message proves that there is one.
        let rival = match topics.parse(&message.topic) {
            Some(Topic::Server) => {
                self.online = another_online(&message.payload, instance);
                None
            }
            // It may be stale. Some brokers also deliver messages that match no subscription.
            _ if message.retained => None,
            Some(Topic::Request { sender: Some(sender), .. }) => {
                match self.seniority.heard(&sender, &message.payload) {
                    Standing::Nothing => None,
                    Standing::Junior(token) => {
                        publish.push(answer(topics, &sender, token));
                        None
                    }
                    Standing::Senior => {
                        Some(format!("it began earlier to look for others, as {}", visible(sender.as_str())))
                    }
                }
            }
            Some(topic) => self.answered(&topic, &message.payload).map(str::to_owned),
            None => None,
        };
        let clearance = match rival {
            Some(who) => Clearance::Barred { why: described(&who, self.online.as_ref()) },
            None => Clearance::Unsure { until: None },
        };
        Judgement { publish, clearance }
    }

    fn token(&self, time: u64) -> Option<Token> {
        Token::parse(&format!("{}-{time}", self.word))
    }

    /// The server that this proves, if it answers one of the requests so far.
    fn answered(&self, topic: &Topic, payload: &[u8]) -> Option<&'static str> {
        let Ok(FromServer::OnlineUsers(list)) = FromServer::parse(payload) else { return None };
        match topic {
            Topic::PrivateServer { to } if to == self.nick.key() => {
                let own = |time| self.token(time).is_some_and(|token| list.request.as_ref() == Some(&token));
                (1..=self.asked).any(own).then_some("it answers requests")
            }
            Topic::PrivateFlat { to } if *to == self.nick => Some("it answers requests as an original server does"),
            _ => None,
        }
    }
}

/// The server that is online according to chat/server, unless it is this one.
fn another_online(payload: &[u8], instance: &str) -> Option<ServerInfo> {
    match FromServer::parse(payload) {
        Ok(FromServer::Server(info)) => Some(info),
        _ => None,
    }
    .filter(|info| info.status == Status::Online && info.instance != instance)
}

/// This server's answer to the request of another one that looks, as if it served the chat already.
fn answer(topics: &Topics, to: &NickKey, token: Token) -> Publication {
    let nobody =
        OnlineUsers { users: Vec::new(), count: Some(0), timestamp: None, request: Some(token), truncated: false };
    publication(topics, &Topic::PrivateServer { to: to.clone() }, nobody.to_json())
}

fn publication(topics: &Topics, topic: &Topic, payload: Vec<u8>) -> Publication {
    Publication { topic: topics.name(topic), payload, qos: Qos::AtLeastOnce, retain: false, ticket: None }
}

/// What is known of another server, for a log line. In an open chat, all of this can be forged.
fn described(who: &str, online: Option<&ServerInfo>) -> String {
    let Some(info) = online else { return format!("{who}; chat/server names no other server") };
    let short = |text: &str| visible(text).chars().take(SHOWN_CHARS).collect::<String>();
    let started = info.started.as_ref().map(|started| format!(", started {}", short(started.as_str())));
    let (instance, version, started) = (short(&info.instance), short(&info.version), started.unwrap_or_default());
    format!("{who}; chat/server names instance {instance} of version {version}{started}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// A look that has asked once, as probe-a.
    fn asking() -> Asking {
        let mut asking = Asking::new(Nick::parse("probe-a").unwrap(), &Random::new(|bytes| bytes.fill(0)));
        asking.word = "abcabcabcabc".to_owned();
        asking.ask(&Topics::new("chat"));
        asking
    }

    fn message(topic: &str, payload: &str) -> Message {
        Message { topic: topic.to_owned(), payload: payload.into(), qos: Qos::AtLeastOnce, retained: false }
    }

    /// A look with its nick, connected at this time, and its first publications.
    fn look(now: Instant) -> (Rivals, String, Judgement) {
        let mut rivals = Rivals::new(Topics::new("chat"), "own".to_owned());
        let guise = rivals.begin(&Random::new(|bytes| bytes.fill(7)));
        let nick = guise.subscriptions[0].filter.split('/').nth(2).unwrap().to_owned();
        let view = rivals.see(now, Sight::Connected);
        (rivals, nick, view)
    }

    #[test]
    fn asks_twice_and_finds_the_way_open() {
        let start = an_instant();
        let (mut rivals, nick, first) = look(start);
        let after = |times: u32| start + ANSWER_TIMEOUT * times;
        let topics = |view: &Judgement| view.publish.iter().map(|sent| sent.topic.clone()).collect::<Vec<_>>();
        let questions = [format!("chat/request/users/{nick}"), "chat/request/users".to_owned()];
        assert_eq!(
            (topics(&first), first.clearance),
            (questions.to_vec(), Clearance::Unsure { until: Some(after(1)) })
        );
        let second = rivals.see(after(1), Sight::Due);
        assert_eq!(
            (topics(&second), second.clearance),
            (questions.to_vec(), Clearance::Unsure { until: Some(after(2)) })
        );
        assert_eq!(rivals.see(after(2), Sight::Due), Judgement { publish: Vec::new(), clearance: Clearance::Open });
    }

    #[test]
    fn each_look_is_another_client() {
        let count = AtomicU8::new(0);
        let random = Random::new(move |bytes| bytes.fill(count.fetch_add(1, Ordering::Relaxed)));
        let mut rivals = Rivals::new(Topics::new("chat"), "own".to_owned());
        let (first, second) = (rivals.begin(&random), rivals.begin(&random));
        assert_ne!(first.client_id, second.client_id);
        assert_ne!(first.subscriptions[0], second.subscriptions[0]);
        // The nick does not reveal the client identifier.
        let word = first.client_id.strip_prefix("mqttchat-").unwrap();
        assert!(!first.subscriptions[0].filter.contains(word));
    }

    #[test]
    fn an_answer_bars_the_way_and_a_retained_one_does_not() {
        let start = an_instant();
        let (mut rivals, nick, first) = look(start);
        let request = String::from_utf8(first.publish[0].payload.clone()).unwrap();
        let token = request.split(r#""request":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let list = format!(r#"{{"type":"online_users","users":[],"request":"{token}"}}"#);
        let answer = message(&format!("chat/private/{nick}/server"), &list);
        let unsure = Clearance::Unsure { until: None };
        let stale = Message { retained: true, ..answer.clone() };
        assert_eq!(rivals.see(start, Sight::Message(&stale)).clearance, unsure);
        let server = r#"{"type":"server","status":"online","instance":"other","version":"9"}"#;
        assert_eq!(rivals.see(start, Sight::Message(&message("chat/server", server))).clearance, unsure);
        let why = "it answers requests; chat/server names instance other of version 9".to_owned();
        assert_eq!(rivals.see(start, Sight::Message(&answer)).clearance, Clearance::Barred { why });
    }

    #[test]
    fn the_first_of_two_looking_servers_answers_and_the_second_exits() {
        let start = an_instant();
        let (mut rivals, nick, first) = look(start);
        let own = Message { retained: false, ..message(&first.publish[0].topic, "") };
        rivals.see(start, Sight::Message(&own));
        let asks = |nick: &str| {
            let request = format!(r#"{{"requester":"{nick}","request":"bbbbbbbbbbbb-1"}}"#);
            message(&format!("chat/request/users/{nick}"), &request)
        };
        let junior = rivals.see(start, Sight::Message(&asks("probe-b")));
        assert_eq!(junior.publish[0].topic, "chat/private/probe-b/server");
        assert!(String::from_utf8_lossy(&junior.publish[0].payload).contains("bbbbbbbbbbbb-1"));
        assert_eq!(junior.clearance, Clearance::Unsure { until: None });

        let (mut rivals, ..) = look(start);
        let why = "it began earlier to look for others, as probe-b; chat/server names no other server".to_owned();
        assert_eq!(rivals.see(start, Sight::Message(&asks("probe-b"))).clearance, Clearance::Barred { why });
        assert_ne!(nick, "probe-b");
    }

    #[test]
    fn only_an_answer_to_its_request_proves_a_server() {
        let judge = |topic: &str, payload: &str| {
            let judgement = asking().heard(&message(topic, payload), &Topics::new("chat"), "own");
            matches!(judgement.clearance, Clearance::Barred { .. })
        };
        let list = |more: &str| format!(r#"{{"type":"online_users","users":[]{more}}}"#);
        let answer = list(r#","request":"abcabcabcabc-1""#);
        assert!(judge("chat/private/probe-a/server", &answer));
        // Not for this nick, no token, a wrong token, a token not used yet, not a list.
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
    fn chat_server_counts_only_if_it_names_another_server() {
        let online = |payload: &str| another_online(payload.as_bytes(), "own");
        let say = |payload: &str| described("it answers requests", online(payload).as_ref());
        let other = r#"{"type":"server","status":"online","instance":"o\u001b[2J","version":"9","started":"2026-11-22T20:30:00Z"}"#;
        let text =
            r"it answers requests; chat/server names instance o\x1b[2J of version 9, started 2026-11-22T20:30:00Z";
        assert_eq!(say(other), text);
        let unknown = "it answers requests; chat/server names no other server";
        assert_eq!(say(&other.replace("online", "offline")), unknown);
        assert_eq!(say(r#"{"type":"server","status":"online","instance":"own"}"#), unknown);
    }
}
