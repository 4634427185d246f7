//! What the server answers, to us or to another client with our nick.

use super::Conversation;
use super::requests::{Open, Origin, Question};
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::{ErrorCode, ErrorReply, FromServer, Pong, RequestKind, Token};
use serde_json::Value;

impl Conversation {
    /// A reply of the server, to us or to another client with our nick.
    pub(super) fn replied(&mut self, now: Now, reply: FromServer) {
        match reply {
            FromServer::Welcome(welcome) if welcome.session == self.config.session => self.welcomed(now),
            FromServer::Error(error) => self.refused(now, error),
            FromServer::Stored(stored) => self.stored(now, &stored),
            FromServer::History(page) => {
                let fits = |question: &Question| question.is_answered_by_page(&page);
                if let Some(open) = self.answered(now, page.request.as_ref(), fits) {
                    self.page(now, open, page);
                }
            }
            FromServer::OnlineUsers(list) => {
                if let Some(open) =
                    self.answered(now, list.request.as_ref(), |question| question.kind == RequestKind::Users)
                {
                    self.people.seen(&list.users);
                    let by_user = matches!(open.origin, Origin::User { .. });
                    // With every join it is asked, and told with the first, unless the user has asked too.
                    let is_first = !std::mem::replace(&mut self.told_users, true);
                    if by_user || is_first && !self.requests.is_asked_by_user(RequestKind::Users) {
                        self.out.tell(News::Users { list, by_user, reference: open.origin.into_reference() });
                    }
                }
            }
            FromServer::Rooms(list) => {
                if let Some(open) =
                    self.answered(now, list.request.as_ref(), |question| question.kind == RequestKind::Rooms)
                {
                    self.rooms_are(list, open.origin);
                }
            }
            FromServer::Pong(pong) => self.ponged(now, pong),
            FromServer::SearchResult(mut result) => {
                let fits = |question: &Question| question.is_answered_by_search(&result);
                if let Some(open) = self.answered(now, result.request.as_ref(), fits) {
                    self.search.answered(&open.question.search, &result);
                    result.messages.retain(|found| !self.people.ignores(found.entry.nick.key()));
                    self.out.tell(News::Found { result, reference: open.origin.into_reference() });
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
    fn answered(&mut self, now: Now, token: Option<&Token>, fits: impl Fn(&Question) -> bool) -> Option<Open> {
        let open = match token {
            Some(token) => self.requests.answer_if(token, fits),
            None if self.server.is_none() => self.requests.answer_without_token(fits),
            None => None,
        }?;
        if token.is_none() {
            self.original_answers(now);
        }
        self.introduce(&open);
        Some(open)
    }

    fn ponged(&mut self, now: Now, pong: Pong) {
        if let Some(open) = self.answered(now, pong.request.as_ref(), |question| question.kind == RequestKind::Ping)
            && let Some(sent) = open.sent
        {
            let time = now.instant.saturating_duration_since(sent);
            self.out.tell(News::ServerRoundTrip { pong, time, reference: open.origin.into_reference() });
        }
    }

    fn refused(&mut self, now: Now, error: ErrorReply) {
        if self.is_sent_under_another_id(now, &error) || self.is_refused_for_good(now, &error) {
            return;
        }
        // Another client with our nick was meant.
        if error.session.as_ref().is_some_and(|session| *session != self.config.session) {
            return;
        }
        let open = error.request.as_ref().and_then(|token| self.requests.answer(token));
        // As well, one whose session has no valid form.
        if error.session.is_none() && open.is_none() {
            return;
        }
        if error.code == ErrorCode::NickInUse {
            return self.nick_in_use();
        }
        if let Some(Open { question, origin: Origin::Own, .. }) = &open
            && question.kind == RequestKind::History
        {
            self.cursors.refused(now.instant, &question.history.room);
        }
        let reference = open.and_then(|open| open.origin.into_reference());
        self.out.tell(News::Refused { error, reference });
    }
}

impl Origin {
    pub(super) fn into_reference(self) -> Option<Value> {
        match self {
            Origin::Own => None,
            Origin::User { reference } => reference,
        }
    }
}
