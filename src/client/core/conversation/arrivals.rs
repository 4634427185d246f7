//! What arrives: messages, notices and marks, and replies of the server, to us or to another client with our nick.

use super::requests::{Inquiry, OpenRequest};
use super::rooms::PageReader;
use super::sending::RefusedMessage;
use super::{Conversation, Role};
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::{
    Chat, Entry, ErrorCode, ErrorReply, FromServer, History, Invalid, MessageId, NickKey, Private, Receipt,
    RequestKind, RoomName, Token, Topic,
};

impl Conversation {
    pub(super) fn arrived(&mut self, now: Now, topic: &str, payload: &[u8], retained: bool) {
        let Some(parsed) = self.config.topics.parse(topic) else { return };
        let may_be_retained = matches!(parsed, Topic::Marks { .. } | Topic::Users | Topic::Server);
        // Any other retained message would be shown at every start. An empty payload only clears a retained one.
        if retained && !may_be_retained || payload.is_empty() {
            return;
        }
        if let Err(invalid) = self.receive(now, parsed, payload, retained)
            && self.config.verbose
        {
            self.out.warn(topic, invalid);
        }
    }

    fn receive(&mut self, now: Now, topic: Topic, payload: &[u8], retained: bool) -> Result<(), Invalid> {
        if self.naming.is_choosing() && topic != Topic::Server {
            // The nick is in use, and the prompt for another one stays the last line. Messages arrive again in the page
            // for the new nick. But confirmations for the old nick still count: a stored message must not go out again
            // under the new one.
            if let Topic::PrivateServer { to } = topic
                && to == *self.naming.key()
                && let FromServer::Stored(stored) = FromServer::parse(payload)?
            {
                self.sending.stored(&stored, &mut self.out);
            }
            return Ok(());
        }
        match topic {
            Topic::Messages { sender } => self.heard(now, payload, RoomName::lobby(), sender)?,
            Topic::Room { room, sender } if self.rooms.joined().contains(&room) => {
                self.heard(now, payload, room, Some(sender))?;
            }
            Topic::Private { to, sender } if to == *self.naming.key() => {
                if let Some(private) = Private::parse(payload)? {
                    must(*private.nick.key() == sender && *private.to.key() == to)?;
                    self.heard_private(now, private);
                } else if let Some(receipt) = Receipt::parse(payload)? {
                    must(*receipt.nick.key() == sender)?;
                    self.sending.delivered(&receipt, self.naming.key(), &mut self.out);
                }
            }
            Topic::Marks { room } if self.rooms.is_in(&room) => {
                if let FromServer::Mark(mark) = FromServer::parse(payload)? {
                    must(mark.room == room)?;
                    if !retained {
                        self.lookout.is_shown(&mut self.out);
                    }
                    self.rooms.mark(now.instant, mark, retained, &mut self.out);
                }
            }
            Topic::PrivateServer { to } if to == *self.naming.key() => {
                let reply = FromServer::parse(payload)?;
                self.lookout.is_shown(&mut self.out);
                self.replied(now, reply);
            }
            Topic::PrivateFlat { to } if to.key() == self.naming.key() => {
                let reply = FromServer::parse(payload)?;
                self.lookout.is_heard(&mut self.out);
                self.replied(now, reply);
            }
            Topic::System => {
                if let FromServer::Notice(notice) = FromServer::parse(payload)? {
                    self.lookout.is_heard(&mut self.out);
                    self.people.noticed(notice, self.naming.nick(), &mut self.out);
                }
            }
            Topic::Users => {
                if let FromServer::OnlineUsers(list) = FromServer::parse(payload)? {
                    // A retained list does not prove that the server is alive.
                    if !retained {
                        self.lookout.is_heard(&mut self.out);
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

    /// A message in a room. `sender`: the one in the topic, if it has one.
    fn heard(&mut self, now: Now, payload: &[u8], room: RoomName, sender: Option<NickKey>) -> Result<(), Invalid> {
        if let Some(chat) = Chat::parse(payload, room)? {
            must(sender.is_none_or(|sender| sender == *chat.nick.key()))?;
            self.rooms.hear(now, chat, self.naming.key(), &mut self.people, &mut self.out);
        }
        Ok(())
    }

    fn replied(&mut self, now: Now, reply: FromServer) {
        match reply {
            FromServer::Welcome(welcome) if welcome.session == *self.naming.session() => self.welcomed(now),
            FromServer::Error(error) => self.refused(now, error),
            FromServer::Stored(stored) => self.sending.stored(&stored, &mut self.out),
            FromServer::History(page) => {
                let fits = |inquiry: &Inquiry| inquiry.is_answered_by_page(&page);
                if let Some(open) = self.answered(page.request.as_ref(), fits) {
                    self.page(now, open, page);
                }
            }
            FromServer::OnlineUsers(list) => {
                if let Some(open) = self.answered(list.request.as_ref(), |inquiry| inquiry.kind == RequestKind::Users) {
                    self.people.seen(&list.users);
                    self.requests.users_are(list, open, &mut self.out);
                }
            }
            FromServer::Rooms(list) => {
                if let Some(open) = self.answered(list.request.as_ref(), |inquiry| inquiry.kind == RequestKind::Rooms) {
                    self.rooms.listed(list, open, &mut self.out);
                }
            }
            FromServer::Pong(pong) => {
                if let Some(open) = self.answered(pong.request.as_ref(), |inquiry| inquiry.kind == RequestKind::Ping) {
                    self.requests.ponged(now.instant, pong, open, &mut self.out);
                }
            }
            FromServer::SearchResult(result) => {
                let fits = |inquiry: &Inquiry| inquiry.is_answered_by_search(&result);
                if let Some(open) = self.answered(result.request.as_ref(), fits) {
                    self.requests.found(result, open, &self.people, &mut self.out);
                }
            }
            FromServer::Private(private) if private.to.key() == self.naming.key() => self.heard_private(now, private),
            FromServer::Receipt(receipt) => self.sending.delivered(&receipt, self.naming.key(), &mut self.out),
            FromServer::Waiting(waiting) => {
                self.sending.waits(waiting, self.naming.key(), &self.people, &mut self.out);
            }
            _ => {}
        }
    }

    /// A page has arrived. If it was cut and the user requested it, nothing is shown until the rest has arrived.
    fn page(&mut self, now: Now, open: OpenRequest, page: History) {
        let default_limit = self.lookout.server().and_then(|server| server.history_limit);
        let gathered = self.requests.gather(now.instant, open, page, default_limit, &mut self.out);
        if let Some((open, page)) = gathered {
            self.show_page(now, open, page);
        }
    }

    /// Shows what arrived of an answer if the rest does not arrive in time.
    pub(super) fn show_pages_without_the_rest(&mut self, now: Now) {
        if let Some((open, page)) = self.requests.given_up(now.instant) {
            let (count, room, reference) =
                (page.messages.len(), open.inquiry.history.room.clone(), open.reference.clone());
            self.show_page(now, open, page);
            let text = format!("only {count} messages of #{room} arrived: no answer to the request for more");
            self.out.reply(News::Error(text), reference);
        }
    }

    fn show_page(&mut self, now: Now, open: OpenRequest, page: History) {
        open.introduce(&mut self.out);
        let (naming, sending) = (&self.naming, &self.sending);
        let is_own = |entry: &Entry| match &entry.id {
            Some(MessageId::Sent(id)) => {
                let session = &id.session;
                let is_of_this_run = session == naming.session() || sending.outbox().is_of_this_run(session);
                is_of_this_run && entry.nick.key() == naming.key()
            }
            _ => false,
        };
        let reader = PageReader { people: &mut self.people, is_own };
        if let Some(next) = self.rooms.page(now, open, page, reader, &mut self.out) {
            self.requests.open_own(Inquiry::page(next));
        }
    }

    /// The request that a reply answers. A reply without a token comes from an original server.
    fn answered(&mut self, token: Option<&Token>, fits: impl Fn(&Inquiry) -> bool) -> Option<OpenRequest> {
        let open = match token {
            Some(token) => self.requests.answered(token, fits),
            None if !self.lookout.is_known() => self.requests.answered_without_token(fits),
            None => None,
        }?;
        if token.is_none() && self.lookout.original_answers() {
            self.sending.settle_acknowledged(&self.passage(), &mut self.out);
            self.requests.refuse_of_original(&mut self.out);
        }
        if open.inquiry.kind != RequestKind::History {
            open.introduce(&mut self.out);
        }
        Some(open)
    }

    fn refused(&mut self, now: Now, error: ErrorReply) {
        match self.sending.refused(now.instant, &error, &self.random, &mut self.out) {
            RefusedMessage::NotOurs => {}
            RefusedMessage::Settled => return,
            RefusedMessage::Renewed(message) => {
                if self.config.role == Role::Member {
                    self.rooms.said(now, &message, &mut self.out);
                }
                return;
            }
        }
        // It is for another client with our nick.
        if error.session.as_ref().is_some_and(|session| session != self.naming.session()) {
            return;
        }
        let open = error.request.as_ref().and_then(|token| self.requests.answered(token, |_| true));
        // The same if its session had no valid form.
        if error.session.is_none() && open.is_none() {
            return;
        }
        if error.code == ErrorCode::NickInUse {
            return self.nick_in_use();
        }
        if let Some(OpenRequest { inquiry, by_user: false, .. }) = &open
            && inquiry.kind == RequestKind::History
        {
            self.rooms.refused(now.instant, &inquiry.history.room);
        }
        let reference = open.as_ref().and_then(|open| open.reference.clone());
        if let Some((open, page)) = open.and_then(OpenRequest::into_gathered) {
            self.show_page(now, open, page);
        }
        self.out.reply(News::Refused(error), reference);
    }
}

/// If a topic names people, the payload must name the same ones.
fn must(same: bool) -> Result<(), Invalid> {
    if same { Ok(()) } else { Err(Invalid::WrongSender) }
}
