//! What the server answers, to us or to another client with our nick.

use super::Conversation;
use super::requests::{Inquiry, OpenRequest, Origin};
use super::rooms::PageReader;
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::{Entry, ErrorCode, ErrorReply, FromServer, MessageId, RequestKind, Token};

impl Conversation {
    /// A reply of the server, to us or to another client with our nick.
    pub(super) fn replied(&mut self, now: Now, reply: FromServer) {
        match reply {
            FromServer::Welcome(welcome) if welcome.session == self.session => self.welcomed(now),
            FromServer::Error(error) => self.refused(now, error),
            FromServer::Stored(stored) => self.stored(now, &stored),
            FromServer::History(page) => {
                let fits = |inquiry: &Inquiry| inquiry.is_answered_by_page(&page);
                if let Some(open) = self.answered(now, page.request.as_ref(), fits) {
                    let (key, session, outbox) = (self.nick.key(), &self.session, &self.outbox);
                    let is_own = |entry: &Entry| match &entry.id {
                        Some(MessageId::Sent(id)) => {
                            let is_of_this_run = id.session == *session || outbox.is_of_this_run(&id.session);
                            is_of_this_run && entry.nick.key() == key
                        }
                        _ => false,
                    };
                    let reader = PageReader { people: &mut self.people, is_own };
                    let next = self.rooms.page(now, open, page, reader, &mut self.out);
                    if let Some(next) = next {
                        self.requests.open_own(Inquiry::page(next), &mut self.random);
                        self.send_requests(now);
                    }
                }
            }
            FromServer::OnlineUsers(list) => {
                if let Some(open) =
                    self.answered(now, list.request.as_ref(), |inquiry| inquiry.kind == RequestKind::Users)
                {
                    self.people.seen(&list.users);
                    self.requests.users_are(list, open, &mut self.out);
                }
            }
            FromServer::Rooms(list) => {
                if let Some(open) =
                    self.answered(now, list.request.as_ref(), |inquiry| inquiry.kind == RequestKind::Rooms)
                {
                    self.rooms.listed(list, open.origin, &mut self.out);
                }
            }
            FromServer::Pong(pong) => {
                if let Some(open) =
                    self.answered(now, pong.request.as_ref(), |inquiry| inquiry.kind == RequestKind::Ping)
                {
                    self.requests.ponged(now.instant, pong, open, &mut self.out);
                }
            }
            FromServer::SearchResult(result) => {
                let fits = |inquiry: &Inquiry| inquiry.is_answered_by_search(&result);
                if let Some(open) = self.answered(now, result.request.as_ref(), fits) {
                    self.requests.found(result, open, &self.people, &mut self.out);
                }
            }
            FromServer::Private(private) if private.to.key() == self.nick.key() => self.heard_private(now, private),
            FromServer::Receipt(receipt) => self.delivered(&receipt),
            FromServer::Waiting(waiting) => {
                if let Some(reference) = self.undelivered.waiting(&waiting.of) {
                    self.addressee_is_away(waiting, reference);
                }
            }
            _ => {}
        }
    }

    /// The request that a reply answers. One that names none can only come from an original server.
    fn answered(&mut self, now: Now, token: Option<&Token>, fits: impl Fn(&Inquiry) -> bool) -> Option<OpenRequest> {
        let open = match token {
            Some(token) => self.requests.answered(token, fits),
            None if self.server.is_none() => self.requests.answered_without_token(fits),
            None => None,
        }?;
        if token.is_none() {
            self.original_answers(now);
        }
        open.introduce(&mut self.out);
        Some(open)
    }

    fn refused(&mut self, now: Now, error: ErrorReply) {
        if self.is_sent_under_another_id(now, &error) || self.is_refused_for_good(now, &error) {
            return;
        }
        // Another client with our nick was meant.
        if error.session.as_ref().is_some_and(|session| *session != self.session) {
            return;
        }
        let open = error.request.as_ref().and_then(|token| self.requests.refused(token));
        // As well, one whose session has no valid form.
        if error.session.is_none() && open.is_none() {
            return;
        }
        if error.code == ErrorCode::NickInUse {
            return self.nick_in_use();
        }
        if let Some(OpenRequest { inquiry, origin: Origin::Own, .. }) = &open
            && inquiry.kind == RequestKind::History
        {
            self.rooms.refused(now.instant, &inquiry.history.room);
        }
        let reference = open.and_then(|open| open.origin.into_reference());
        self.out.tell(News::Refused { error, reference });
    }
}
