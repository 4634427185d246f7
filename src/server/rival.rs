//! Finding out whether another server serves this chat. What is retained proves nothing, it may be stale: only an
//! answer does. So a users request goes out from a throw-away identifier while this server is not connected.

use crate::link::{Config, Event, Failure, FailureKind, Gate, Link, Publication, Qos, Settings};
use crate::protocol::{FromServer, Nick, Request, RequestKind, Session, Topic, Topics};
use crate::random;
use crossbeam_channel::{Receiver, unbounded};
use std::time::{Duration, Instant};

/// How long another server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the broker may take to let the asking connection in; above what paho takes to give up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// `Barred` where another server answers. Blocks for [`ANSWER_TIMEOUT`] where none does.
pub fn look(settings: &Settings, topics: &Topics) -> Gate {
    let word = random::word();
    let Ok(nick) = Nick::parse(&format!("probe-{word}")) else { return Gate::Open };
    let (sender, events) = unbounded();
    let config = Config {
        settings: settings.clone(),
        client_id: format!("mqttchat-{word}"),
        persistent: false,
        will: None,
        // With the flat topic, on which an original server answers.
        subscriptions: vec![(topics.private_to(nick.key()), Qos::AtLeastOnce)],
        patient: false,
        gate: None,
    };
    let link = match Link::open(config, move |event| drop(sender.send(event))) {
        Ok(link) => link,
        Err(error) => {
            return Gate::Unknown(Failure::new(
                FailureKind::Other,
                format!("no thread for the connection: {error}"),
                "see the limits of this machine",
            ));
        }
    };
    let gate = ask(&link, &events, topics, nick);
    link.close(None, Duration::ZERO);
    gate
}

fn ask(link: &Link, events: &Receiver<Event>, topics: &Topics, nick: Nick) -> Gate {
    let mut deadline = Instant::now() + CONNECT_TIMEOUT;
    loop {
        match events.recv_deadline(deadline) {
            Ok(Event::Connected { .. }) => {
                for publication in requests(topics, &nick) {
                    link.publish(publication);
                }
                deadline = Instant::now() + ANSWER_TIMEOUT;
            }
            Ok(Event::Message(message)) => {
                if matches!(FromServer::parse(&message.payload), Ok(FromServer::OnlineUsers(_))) {
                    return Gate::Barred;
                }
            }
            Ok(Event::Failed(failure)) => return Gate::Unknown(failure),
            Ok(Event::Lost { reason }) => {
                return Gate::Unknown(Failure::new(
                    FailureKind::Other,
                    format!("the connection was lost while looking for another server: {reason}"),
                    "see the broker's log",
                ));
            }
            Ok(_) => {}
            Err(_) => return Gate::Open,
        }
    }
}

/// To a server of ours, and to an original one, which knows the flat topic and no session.
fn requests(topics: &Topics, nick: &Nick) -> [Publication; 2] {
    let publication = |sender: bool, session: Option<Session>| {
        let request =
            Request { requester: nick.clone(), timestamp: None, session, token: None, history: Default::default() };
        let topic = Topic::Request { what: RequestKind::Users, sender: sender.then(|| nick.key().clone()) };
        Publication {
            topic: topics.name(&topic),
            payload: request.to_json(RequestKind::Users),
            qos: Qos::AtLeastOnce,
            retain: false,
            ticket: None,
        }
    };
    [publication(true, Some(random::session())), publication(false, None)]
}
