//! What others send: messages, notices, and the server's replies.

use super::Conversation;
use super::requests::{Open, Origin};
use crate::client::news::{News, Place, Said};
use crate::now::Now;
use crate::protocol::{
    Chat, Entry, ErrorCode, ErrorReply, FromServer, History, Invalid, MessageId, Nick, Notice, NoticeKind, Pong,
    Private, RequestKind, RoomName, SentId, Timestamp, Token, Topic,
};
use chrono::{DateTime, FixedOffset, NaiveDateTime};

/// Topics that are told of at most: anybody can invent them.
const WARNINGS: usize = 1_000;

impl Conversation {
    pub(super) fn arrived(&mut self, now: Now, topic: &str, payload: &[u8], retained: bool) {
        let Some(parsed) = self.config.topics.parse(topic) else { return };
        if let Err(invalid) = self.receive(now, parsed, payload, retained)
            && self.config.verbose
            && self.warned.len() < WARNINGS
            && self.warned.insert(topic.to_owned())
        {
            self.hint(format!("ignored on {topic}: {invalid}"));
        }
    }

    fn receive(&mut self, now: Now, topic: Topic, payload: &[u8], retained: bool) -> Result<(), Invalid> {
        if self.choosing_nick && topic != Topic::Server {
            // Nobody is let in yet: the question for another nick stays the last line, and its page comes with that nick.
            // But what is stored under the one before must not go out again under another.
            if let Topic::PrivateServer { to } = topic
                && to == *self.nick.key()
                && let FromServer::Stored(stored) = FromServer::parse(payload)?
            {
                self.stored(now, &stored);
            }
            return Ok(());
        }
        match topic {
            Topic::Messages { sender } => {
                let Some(chat) = Chat::parse(payload, RoomName::lobby())? else { return Ok(()) };
                must(sender.is_none_or(|sender| sender == *chat.nick.key()))?;
                self.heard_chat(now, chat);
            }
            Topic::Room { room, sender } if self.rooms.contains(&room) => {
                let Some(chat) = Chat::parse(payload, room)? else { return Ok(()) };
                must(sender == *chat.nick.key())?;
                self.heard_chat(now, chat);
            }
            Topic::Private { to, sender } if to == *self.nick.key() => {
                let Some(private) = Private::parse(payload)? else { return Ok(()) };
                must(*private.nick.key() == sender && *private.to.key() == to)?;
                self.heard_private(now, private);
            }
            Topic::PrivateServer { to } if to == *self.nick.key() => self.replied(now, FromServer::parse(payload)?),
            Topic::PrivateFlat { to } if to.key() == self.nick.key() => self.replied(now, FromServer::parse(payload)?),
            Topic::System => {
                if let FromServer::Notice(notice) = FromServer::parse(payload)? {
                    self.server_is_heard();
                    self.noticed(notice);
                }
            }
            Topic::Users => {
                if let FromServer::OnlineUsers(list) = FromServer::parse(payload)? {
                    // A retained list proves no living server.
                    if !retained {
                        self.server_is_heard();
                    }
                    self.people.seen(&list.users);
                }
            }
            Topic::Server => {
                if let FromServer::Server(info) = FromServer::parse(payload)? {
                    self.server_says(now, info);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn heard_chat(&mut self, now: Now, chat: Chat) {
        let seen = self.seen.entry(chat.room.clone()).or_default();
        let id = chat.id.map(MessageId::Sent);
        match &id {
            Some(id) if !seen.is_new(chat.nick.key(), id.clone()) => return,
            Some(_) => {}
            None => seen.nameless(chat.nick.key(), chat.timestamp.as_ref(), &chat.text),
        }
        self.people.spoke(&chat.nick);
        self.tell(News::Said(Said {
            own: false,
            place: Place::Room(chat.room),
            text: chat.text,
            at: chat.timestamp.as_ref().and_then(Timestamp::at).unwrap_or(now.wall),
            timestamp: chat.timestamp,
            id,
            action: chat.action,
            late: chat.late,
            history: false,
            pos: None,
            reference: None,
            nick: chat.nick,
        }));
    }

    fn heard_private(&mut self, now: Now, private: Private) {
        let id = private.id.map(MessageId::Sent);
        if id.as_ref().is_some_and(|id| !self.seen_direct.is_new(private.nick.key(), id.clone())) {
            return;
        }
        self.people.spoke(&private.nick);
        self.correspondent = Some(private.nick.clone());
        self.tell(News::Said(Said {
            own: false,
            place: Place::Direct(private.to),
            text: private.text,
            at: private.timestamp.as_ref().and_then(Timestamp::at).unwrap_or(now.wall),
            timestamp: private.timestamp,
            id,
            action: private.action,
            late: private.late,
            history: false,
            pos: None,
            reference: None,
            nick: private.nick,
        }));
    }

    fn noticed(&mut self, notice: Notice) {
        let nicks = || notice.nicks.iter().chain([&notice.nick]);
        match notice.kind {
            NoticeKind::Join => self.people.seen(nicks()),
            NoticeKind::Leave | NoticeKind::Timeout => nicks().for_each(|nick| self.people.gone(nick)),
        }
        self.people.seen(notice.users_list.iter().flatten());
        // Of our own coming and going we need no notice.
        if notice.count.unwrap_or(1) > 1 || notice.nick.key() != self.nick.key() {
            self.tell(News::Presence(notice));
        }
    }

    /// A reply of the server, to us or to another client with our nick.
    fn replied(&mut self, now: Now, reply: FromServer) {
        self.server_is_heard();
        match reply {
            FromServer::Welcome(welcome) if welcome.session == self.config.session => self.welcomed(now),
            FromServer::Error(error) => self.refused(now, error),
            FromServer::Stored(stored) => self.stored(now, &stored),
            FromServer::History(page) => {
                if let Some(open) = self.answered(page.request.as_ref(), RequestKind::History) {
                    self.page(now, open, page);
                }
            }
            FromServer::OnlineUsers(list) => {
                if let Some(open) = self.answered(list.request.as_ref(), RequestKind::Users) {
                    self.people.seen(&list.users);
                    let by_user = matches!(open.origin, Origin::User { .. });
                    // With every join it is asked, and told with the first.
                    if by_user || !std::mem::replace(&mut self.told_users, true) {
                        self.tell(News::Users { list, reference: open.origin.into_reference() });
                    }
                }
            }
            FromServer::Rooms(list) => {
                if let Some(open) = self.answered(list.request.as_ref(), RequestKind::Rooms) {
                    self.tell(News::Rooms { list, reference: open.origin.into_reference() });
                }
            }
            FromServer::Pong(pong) => self.ponged(now, pong),
            _ => {}
        }
    }

    /// The request that a reply answers. One that names none can only come from an original server.
    fn answered(&mut self, token: Option<&Token>, kind: RequestKind) -> Option<Open> {
        let answered = match token {
            Some(token) => self.requests.answer(token),
            None if self.server.is_none() => self.requests.answer_without_token(kind),
            None => None,
        };
        answered.filter(|open| open.kind == kind)
    }

    fn ponged(&mut self, now: Now, pong: Pong) {
        if let Some(open) = self.answered(pong.request.as_ref(), RequestKind::Ping)
            && let Some(sent) = open.sent
        {
            let time = now.instant.saturating_duration_since(sent);
            self.tell(News::ServerRoundTrip { pong, time, reference: open.origin.into_reference() });
        }
    }

    fn refused(&mut self, now: Now, error: ErrorReply) {
        if self.is_refused_for_good(now, &error) {
            return;
        }
        // Another client with our nick may have been meant.
        if error.session.as_ref().is_some_and(|session| *session != self.config.session) {
            return;
        }
        if error.code == ErrorCode::NickInUse {
            return self.nick_in_use();
        }
        let open = error.request.as_ref().and_then(|token| self.requests.answer(token));
        let reference = open.and_then(|open| open.origin.into_reference());
        self.tell(News::Refused { error, reference });
    }

    fn page(&mut self, now: Now, open: Open, page: History) {
        let room = open.history.room;
        let by_user = matches!(open.origin, Origin::User { .. });
        let seen = self.seen.entry(room.clone()).or_default();
        if let Some(span) = &page.span {
            seen.pages_are_of(&span.epoch);
        }
        let fresh = seen.merge(&page.messages);
        for (entry, fresh) in page.messages.iter().zip(fresh) {
            // Who asks for the past wants to see it again.
            if fresh || by_user {
                self.people.spoke(&entry.nick);
                let own = self.is_own(&entry.nick, entry.id.as_ref());
                self.tell(News::Said(said_then(now, entry, &room, own)));
            }
        }
        self.tell(News::Page { room, page, reference: open.origin.into_reference() });
    }

    fn is_own(&self, nick: &Nick, id: Option<&MessageId>) -> bool {
        matches!(id, Some(MessageId::Sent(SentId { session, .. })) if *session == self.config.session)
            && nick.key() == self.nick.key()
    }
}

/// Where a topic names people, they are those that the payload names.
fn must(same: bool) -> Result<(), Invalid> {
    if same { Ok(()) } else { Err(Invalid::WrongSender) }
}

/// A message of a page.
fn said_then(now: Now, entry: &Entry, room: &RoomName, own: bool) -> Said {
    Said {
        nick: entry.nick.clone(),
        place: Place::Room(room.clone()),
        text: entry.text.clone(),
        at: moment(now, entry),
        timestamp: entry.timestamp.clone(),
        id: entry.id.clone(),
        action: entry.action,
        late: entry.late,
        own,
        history: true,
        pos: entry.pos,
        reference: None,
    }
}

/// When a stored message was said: as its sender tells, else as the server does. An original's time names no zone: it is
/// taken for ours.
fn moment(now: Now, entry: &Entry) -> DateTime<FixedOffset> {
    let told = entry.timestamp.as_ref().and_then(Timestamp::at);
    let told = told.or_else(|| entry.received.as_ref().and_then(Timestamp::at));
    let naive = || {
        let text = entry.timestamp.as_ref()?.as_str();
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        naive.and_local_timezone(*now.wall.offset()).single()
    };
    told.or_else(naive).unwrap_or(now.wall)
}

impl Origin {
    fn into_reference(self) -> Option<serde_json::Value> {
        match self {
            Origin::Join => None,
            Origin::User { reference } => reference,
        }
    }
}
