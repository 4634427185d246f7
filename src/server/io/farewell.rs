//! A clean stop. The broker sends nothing more, then everything that it was told has arrived is stored, and its senders
//! are told so. That takes a second connection, one without subscriptions: over the first, more would come with every
//! moment that goes by while the answers go out.
//!
//! ```text
//! stop ─► second connection ─► DISCONNECT of the first ─► commit ─► stored, marks ─► offline, DISCONNECT
//! ```
//!
//! If the broker lets no second one in, the first carries the last words: what it receives meanwhile is stored too, and its
//! senders are told when they send it again.

use super::shell::{self, Hands, Inboxes};
use crate::link::{Config, Event, LONGEST_WAIT, Link, Publication, Settings};
use crate::now::Now;
use crate::protocol::Status;
use crate::random;
use crate::server::core::chat::{Chat, Input};
use crate::server::core::record::{StoreAnswer, StoreTask};
use crate::server::store::Job;
use crossbeam_channel::{select, unbounded};
use log::{info, warn};
use std::time::{Duration, Instant};

/// How long the broker may take to let the second connection in.
const SECOND_CONNECTION: Duration = Duration::from_secs(2);
/// How long all that arrived may take to be committed, so that a full disk does not keep the server from stopping.
const TIME: Duration = Duration::from_secs(10);
/// How long each connection's last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Ends the run without losing anything that the broker was told has arrived.
pub fn take_leave(chat: &mut Chat, hands: &mut Hands, inboxes: &Inboxes, settings: &Settings) {
    let deadline = Instant::now() + TIME;
    let offline = chat.server_info(Status::Offline);
    if chat.is_connected()
        && let Some(second) = second_connection(settings, offline.clone())
    {
        hands.hang_up(None, LAST_WORDS, Some(second));
    }
    let is_settled = settle(chat, hands, inboxes, deadline);
    hands.hang_up(Some(offline), LAST_WORDS, None);
    // Without a second connection more has come meanwhile.
    if !is_settled || !settle(chat, hands, inboxes, deadline) {
        warn!("stopping although not everything that arrived is stored");
    }
}

/// Waits until all that arrived is committed, and tells its senders. False at the deadline, or at a second signal.
fn settle(chat: &mut Chat, hands: &mut Hands, inboxes: &Inboxes, deadline: Instant) -> bool {
    // No more than is here now: without a second connection, more may come without end.
    for (event, mut held) in inboxes.link.try_iter().take(inboxes.link.len()) {
        if let Event::Message(message) = &event {
            hands.obey(shell::heard(chat, Now::read(), message), &mut held);
        }
    }
    hands.give_last_seats();
    hands.give(Job { task: StoreTask::Settle, pass: None });
    loop {
        select! {
            recv(inboxes.store) -> answer => {
                let Ok(answer) = answer else { return false };
                if answer == StoreAnswer::Settled {
                    break;
                }
                hands.answered(&answer);
                hands.obey(chat.handle(Now::read(), Input::Store(answer)), &mut None);
            }
            recv(inboxes.stop) -> _ => return false,
            default(deadline.saturating_duration_since(Instant::now())) => return false,
        }
    }
    hands.obey(chat.handle(Now::read(), Input::Leaving), &mut None);
    true
}

/// A connection that nothing comes in by. `None`: the broker does not let it in.
fn second_connection(settings: &Settings, will: Publication) -> Option<Link> {
    let (sender, events) = unbounded();
    let config = Config {
        settings: settings.clone(),
        client_id: format!("mqttchat-{}", random::word()),
        persistent: false,
        will: Some(Box::new(move |_| will.clone())),
        subscriptions: Vec::new(),
        patient: false,
        longest_wait: LONGEST_WAIT,
        lookout: None,
    };
    let link = Link::open(config, move |event| drop(sender.send(event))).ok()?;
    let why = match events.recv_timeout(SECOND_CONNECTION) {
        Ok(Event::Connected { .. }) => return Some(link),
        Ok(Event::Failed(failure)) => failure.what,
        _ => "the broker does not answer in time".to_owned(),
    };
    info!("no second connection, the last words go over the first: {why}");
    None
}
