//! What others send: messages, notices, and the server's replies.

use super::requests::{Open, Origin, Question};
use super::seen::Was;
use super::{Conversation, Kind, Output, Publication};
use crate::client::memo::Memo;
use crate::client::news::{News, Place, Said};
use crate::now::Now;
use crate::protocol::{
    Chat, Entry, ErrorCode, ErrorReply, FromServer, History, Invalid, MessageId, Nick, NickKey, Notice, NoticeKind,
    Pong, Private, Receipt, ReceiptOf, RequestKind, RoomName, SentId, Timestamp, Token, Topic,
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
                if let Some(private) = Private::parse(payload)? {
                    must(*private.nick.key() == sender && *private.to.key() == to)?;
                    self.heard_private(now, private);
                } else if let Some(receipt) = Receipt::parse(payload)? {
                    must(*receipt.nick.key() == sender)?;
                    self.delivered(&receipt);
                }
            }
            Topic::Marks { room } if self.is_in(&room) => {
                if let FromServer::Mark(mark) = FromServer::parse(payload)? {
                    must(mark.room == room)?;
                    let seen = self.seen.get(&room);
                    let is_seen = |key: &NickKey, id: &SentId| seen.is_some_and(|seen| seen.has(key, id));
                    let moved = self.cursors.mark(now.instant, mark, is_seen);
                    self.cursor_moved(moved, &room);
                    self.look_for_holes(now);
                }
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
        let (room, key) = (chat.room.clone(), chat.nick.key().clone());
        let seen = self.seen.entry(room.clone()).or_default();
        let id = chat.id.map(MessageId::Sent);
        let mut late = chat.late;
        match &id {
            Some(id) if !seen.is_new(&key, id.clone()) => return,
            Some(id) => late |= seen.is_late(&key, id),
            None => seen.nameless(&key, chat.timestamp.as_ref(), &chat.text),
        }
        self.people.spoke(&chat.nick);
        self.tell(News::Said(Said {
            own: false,
            place: Place::Room(chat.room),
            text: chat.text,
            at: chat.timestamp.as_ref().and_then(Timestamp::at).unwrap_or(now.wall),
            timestamp: chat.timestamp,
            id: id.clone(),
            action: chat.action,
            late,
            history: false,
            pos: None,
            reference: None,
            nick: chat.nick,
        }));
        match id {
            Some(id) => self.shown(now, &room, &key, id),
            None => {
                let moved = self.cursors.heard_nameless(now.instant, &room, &key);
                self.cursor_moved(moved, &room);
            }
        }
    }

    /// A message of a room was told.
    pub(super) fn shown(&mut self, now: Now, room: &RoomName, key: &NickKey, id: MessageId) {
        let moved = match &id {
            MessageId::Sent(id) => self.cursors.saw(now.instant, room, key, id),
            MessageId::Row(_) => false,
        };
        self.remember(Memo::Shown { room: room.clone(), key: key.clone(), id });
        self.cursor_moved(moved, room);
    }

    fn cursor_moved(&mut self, moved: bool, room: &RoomName) {
        if let Some(cursor) = self.cursors.of(room).filter(|_| moved) {
            self.remember(Memo::Cursor { room: room.clone(), cursor: cursor.clone() });
        }
    }

    fn heard_private(&mut self, now: Now, private: Private) {
        let id = private.id.map(MessageId::Sent);
        let receipt = id.clone().map(|id| self.receipt(now, private.nick.clone(), id));
        if id.as_ref().is_some_and(|id| !self.seen_direct.is_new(private.nick.key(), id.clone())) {
            // Its receipt did not arrive, or its sender has not heard of it yet.
            self.out.extend(receipt);
            return;
        }
        let memo = id.clone().map(|id| Memo::ShownDirect { key: private.nick.key().clone(), id });
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
        self.out.extend(memo.map(Output::Remember));
        self.out.extend(receipt);
    }

    /// Says that a direct message was shown, once it was.
    fn receipt(&self, now: Now, sender: Nick, id: MessageId) -> Output {
        let topic = Topic::Private { to: sender.key().clone(), sender: self.nick.key().clone() };
        let receipt = Receipt {
            nick: self.nick.clone(),
            of: ReceiptOf { nick: sender, id },
            timestamp: Some(Timestamp::new(now.wall)),
        };
        Output::PublishWhenShown(Publication {
            topic: self.config.topics.name(&topic),
            payload: receipt.to_json(),
            kind: Kind::Control,
            ticket: None,
        })
    }

    /// A direct message was shown to its addressee.
    fn delivered(&mut self, receipt: &Receipt) {
        let of = &receipt.of;
        if of.nick.key() == self.nick.key()
            && let Some(reference) = self.undelivered.delivered(&of.id, receipt.nick.key())
        {
            self.tell(News::Delivered { id: of.id.clone(), reference });
        }
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
            FromServer::SearchResult(result) => {
                if let Some(open) = self.answered(result.request.as_ref(), RequestKind::Search) {
                    self.search.answered(&open.question.search, &result);
                    self.tell(News::Found { result, reference: open.origin.into_reference() });
                }
            }
            FromServer::Private(private) if private.to.key() == self.nick.key() => self.heard_private(now, private),
            FromServer::Receipt(receipt) => self.delivered(&receipt),
            FromServer::Waiting(waiting) => {
                if let Some(reference) = self.undelivered.waiting(&waiting.of) {
                    self.tell(News::Waiting { id: waiting.of, to: waiting.to, reference });
                }
            }
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
        answered.filter(|open| open.question.kind == kind)
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
        if let Some(Open { question, origin: Origin::Own, .. }) = &open
            && question.kind == RequestKind::History
        {
            self.cursors.refused(now.instant, &question.history.room);
        }
        let reference = open.and_then(|open| open.origin.into_reference());
        self.tell(News::Refused { error, reference });
    }

    /// A page that the user wanted to see, or one that fills what was missed.
    fn page(&mut self, now: Now, open: Open, page: History) {
        let (asked, room) = (&open.question.history, &open.question.history.room);
        let by_user = matches!(open.origin, Origin::User { .. });
        let span = page.span.clone();
        // Who wants no history asks only where it ends.
        if by_user || asked.limit != Some(0) {
            self.tell_page(now, room, &page, by_user);
            self.tell(News::Page { room: room.clone(), page, reference: open.origin.into_reference() });
        }
        if !by_user {
            let filled = self.cursors.page(now.instant, asked, span.as_ref());
            self.cursor_moved(filled.moved, room);
            if let Some(next) = filled.next {
                self.requests.open_of_our_own(Question::page(next));
                self.send_requests(now);
            }
        }
    }

    fn tell_page(&mut self, now: Now, room: &RoomName, page: &History, by_user: bool) {
        let seen = self.seen.entry(room.clone()).or_default();
        if let Some(span) = &page.span {
            seen.pages_are_of(&span.epoch);
        }
        let were = seen.merge(&page.messages);
        if !by_user && page.span.as_ref().is_some_and(|span| span.gap) {
            self.tell(News::Gap { room: room.clone() });
        }
        for (entry, was) in page.messages.iter().zip(were) {
            let (key, is_new) = (entry.nick.key(), was == Was::New);
            if was == Was::ShownNameless {
                self.cursors.found_nameless(now.instant, room, key);
            }
            // Who asks for the past wants to see it again.
            if !is_new && !by_user {
                continue;
            }
            if !by_user && self.cursors.take_unread(room) {
                self.tell(News::Unread { room: room.clone() });
            }
            self.people.spoke(&entry.nick);
            let own = self.is_own(&entry.nick, entry.id.as_ref());
            let mut said = said_then(now, entry, room, own);
            let overtaken = |id| self.seen.get(room).is_some_and(|seen| seen.is_late(key, id));
            said.late |= !by_user && entry.id.as_ref().is_some_and(overtaken);
            self.tell(News::Said(said));
            if let Some(id) = entry.id.clone().filter(|_| is_new) {
                self.shown(now, room, key, id);
            }
        }
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
            Origin::Own => None,
            Origin::User { reference } => reference,
        }
    }
}
