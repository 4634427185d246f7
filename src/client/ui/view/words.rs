//! News other than messages, in words.

use crate::client::core::news::{News, Obstacle};
use crate::link::BROKE;
use crate::protocol::{Notice, NoticeKind, text};
use std::time::Duration;

/// The text of an error.
pub fn wrong(news: &News) -> Option<String> {
    match news {
        News::Error(text) => Some(text::visible(text).into_owned()),
        News::Refused(error) => Some(format!("the chat server refuses: {}", text::visible(&error.message))),
        _ => None,
    }
}

/// Whether to show it even in quiet mode: the user asked for it, or would otherwise believe that nothing is missing.
pub fn is_wanted(news: &News) -> bool {
    matches!(
        news,
        News::Users { by_user: true, .. }
            | News::Rooms(_)
            | News::BrokerRoundTrip(_)
            | News::ServerRoundTrip { .. }
            | News::Disconnected(_)
            | News::Connected { again: true, .. }
            | News::Answer(_)
            | News::Delayed(_)
            | News::Gap(_)
            | News::Waiting { .. }
    )
}

/// The text of everything that is neither a message nor an error.
pub fn notice(news: &News) -> Option<String> {
    Some(match news {
        News::Presence(notice) => presence(notice),
        News::Users { list, .. } => {
            let count = list.count.unwrap_or(list.users.len() as u64);
            let names: Vec<_> = list.users.iter().map(|nick| text::visible(nick.as_str())).collect();
            let more = if list.truncated { ", …" } else { "" };
            format!("{count} online: {}{more}", names.join(", "))
        }
        News::Rooms(list) if list.rooms.is_empty() => "there are no rooms yet; /join ROOM creates one".to_owned(),
        News::Rooms(list) => {
            let rooms = list.rooms.iter();
            let rooms =
                rooms.map(|room| format!("#{} ({} in it, {} messages)", room.name, room.members, room.messages));
            format!("rooms: {}", rooms.collect::<Vec<_>>().join(", "))
        }
        News::BrokerRoundTrip(time) => format!("to the broker and back: {}", milliseconds(*time)),
        News::ServerRoundTrip { time, .. } => format!("to the chat server and back: {}", milliseconds(*time)),
        News::Connecting(broker) => format!("connecting to {broker}"),
        News::Connected { broker, again: false } => format!("connected to {broker}"),
        News::Connected { again: true, .. } => "connected again".to_owned(),
        // Nothing more is known.
        News::Disconnected(reason) if reason == BROKE => "connection lost".to_owned(),
        News::Disconnected(reason) => format!("connection lost: {}", text::visible(reason)),
        News::Reconnecting(delay) => format!("trying again in {} s", delay.as_secs_f64().round().max(1.0)),
        News::Waiting { to, .. } => format!("{} is away and will receive it on return", text::visible(to.as_str())),
        News::Gap(room) => format!("#{room}: messages may be missing here"),
        News::Unread(room) => format!("#{room}: since you left"),
        News::Delayed(obstacle) => match obstacle {
            Obstacle::Connection => "not sent yet: it will be sent when there is a connection",
            Obstacle::Broker => "not sent yet: the broker has not confirmed it",
            Obstacle::Server => "not stored yet: the chat server is away and will receive it on return",
            Obstacle::Silence => "not stored yet: the chat server has not confirmed it",
        }
        .to_owned(),
        News::AllArrived { stored, others_failed } => {
            let which = if *others_failed { "all your other messages" } else { "all your messages" };
            format!("{which} are {} now", if *stored { "stored" } else { "sent" })
        }
        News::Hint(line) | News::Answer(line) => text::visible(line).into_owned(),
        News::Said(_)
        | News::Page { .. }
        | News::Server(_)
        | News::Sent(_)
        | News::Delivered(_)
        | News::Found(_)
        | News::Stored(_)
        | News::Refused(_)
        | News::Error(_) => return None,
    })
}

fn presence(notice: &Notice) -> String {
    let count = notice.count.unwrap_or(1).try_into().unwrap_or(usize::MAX);
    let line = Notice::text(notice.kind, &notice.nick, count);
    let online = match (notice.kind, notice.online_users) {
        (NoticeKind::Join, Some(online)) => format!(" ({online} online)"),
        _ => String::new(),
    };
    text::visible(&line).into_owned() + &online
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
