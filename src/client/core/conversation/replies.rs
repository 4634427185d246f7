//! Replies of the server, to us or to another client with our nick.

use super::requests::{Inquiry, OpenRequest};
use super::rooms::PageReader;
use super::sending::RefusedMessage;
use super::{Conversation, Role};
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::{Entry, ErrorCode, ErrorReply, FromServer, MessageId, RequestKind, Token};

impl Conversation {
    pub(super) fn replied(&mut self, now: Now, reply: FromServer) {
        match reply {
            FromServer::Welcome(welcome) if welcome.session == *self.naming.session() => self.welcomed(now),
            FromServer::Error(error) => self.refused(now, error),
            FromServer::Stored(stored) => self.sending.stored(&stored, &mut self.out),
            FromServer::History(page) => {
                let fits = |inquiry: &Inquiry| inquiry.is_answered_by_page(&page);
                if let Some(open) = self.answered(page.request.as_ref(), fits) {
                    let (naming, sending) = (&self.naming, &self.sending);
                    let is_own = |entry: &Entry| match &entry.id {
                        Some(MessageId::Sent(id)) => {
                            let session = &id.session;
                            let is_of_this_run =
                                session == naming.session() || sending.outbox().is_of_this_run(session);
                            is_of_this_run && entry.nick.key() == naming.key()
                        }
                        _ => false,
                    };
                    let reader = PageReader { people: &mut self.people, is_own };
                    let next = self.rooms.page(now, open, page, reader, &mut self.out);
                    if let Some(next) = next {
                        self.requests.open_own(Inquiry::page(next), &mut self.random);
                    }
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
        open.introduce(&mut self.out);
        Some(open)
    }

    fn refused(&mut self, now: Now, error: ErrorReply) {
        match self.sending.refused(now.instant, &error, &mut self.random, &mut self.out) {
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
        let open = error.request.as_ref().and_then(|token| self.requests.refused(token));
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
        let reference = open.and_then(|open| open.reference);
        self.out.reply(News::Refused(error), reference);
    }
}
