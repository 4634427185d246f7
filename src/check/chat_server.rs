//! Whether a chat server answers. Its retained description proves nothing; an answer to a request does.

use super::Check;
use super::core::judge::{self, Trouble};
use super::core::report::{Finding, Step};
use crate::link::{Message, Qos};
use crate::now::Now;
use crate::protocol::{
    FromServer, Nick, OnlineUsers, Request, RequestKind, ServerInfo, Status, Timestamp, Token, Topic,
};
use std::time::Duration;

/// The retained description arrives with the subscription, which is seconds old by now.
const RETAINED_PATIENCE: Duration = Duration::from_secs(1);
/// For an answer; a working server answers at once.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);
/// Identifies the request in its answer.
const TOKEN: &str = "check";

pub fn ask(check: &mut Check) -> Finding {
    let Some(nick) = check.nick.clone() else {
        return Finding::fail(Step::Server, "skipped: there is no valid nick to ask with", "give another --username");
    };
    let topic = check.topics.name(&Topic::Server);
    let known = check.on_main(|main| main.receive(RETAINED_PATIENCE, |message| message.topic == topic));
    let known = known.ok().and_then(|message| match FromServer::parse(&message.payload) {
        Ok(FromServer::Server(info)) => Some(info),
        _ => None,
    });
    let answer = request(check, &nick, known.is_some());
    finding(check, known.as_ref(), answer)
}

fn request(check: &mut Check, nick: &Nick, is_ours: bool) -> Result<OnlineUsers, Trouble> {
    // An original server reads flat topics and answers on flat topics.
    let sender = is_ours.then(|| nick.key().clone());
    let topic = check.topics.name(&Topic::Request { what: RequestKind::Users, sender });
    let request = Request {
        requester: nick.clone(),
        timestamp: Some(Timestamp::new(Now::read().wall)),
        session: is_ours.then(|| check.random.session()),
        token: Token::parse(TOKEN),
        history: Default::default(),
        search: Default::default(),
    };
    let payload = request.to_json(RequestKind::Users);
    let private = check.topics.private_to(nick.key());
    let private = private.trim_end_matches("/#").to_owned();
    check.on_main(|main| {
        main.publish(&topic, &payload, Qos::AtLeastOnce, false)?;
        let message =
            main.receive(ANSWER_PATIENCE, |message| message.topic.starts_with(&private) && users(message).is_some())?;
        users(&message).ok_or(Trouble::Silent(ANSWER_PATIENCE))
    })
}

/// An answer to this request; an original server does not name the request.
fn users(message: &Message) -> Option<OnlineUsers> {
    match FromServer::parse(&message.payload) {
        Ok(FromServer::OnlineUsers(users)) if users.request.as_ref().is_none_or(|token| token.as_str() == TOKEN) => {
            Some(users)
        }
        _ => None,
    }
}

fn finding(check: &Check, known: Option<&ServerInfo>, answer: Result<OnlineUsers, Trouble>) -> Finding {
    const CURE: &str = "start one with mqttchat server; without it there is no history and no user list";
    match (answer, known) {
        (Ok(users), known) => {
            let online = users.count.unwrap_or(users.users.len() as u64);
            let who = match known {
                Some(info) => format!("mqttchat {}", info.version),
                None => "a server without a description, such as the original's,".to_owned(),
            };
            Finding::pass(Step::Server, format!("{who} answers, {online} online")).with("online", online)
        }
        (Err(Trouble::Silent(within)), known) => {
            let within = within.as_secs();
            let detail = match known.map(|info| info.status) {
                None => format!("no answer within {within} s"),
                Some(Status::Offline) => "it is offline".to_owned(),
                Some(Status::Online) => format!("announced as online, but no answer within {within} s"),
            };
            Finding::fail(Step::Server, detail, CURE)
        }
        (Err(why), _) => judge::trouble(Step::Server, &why, check.topics.root()),
    }
}
