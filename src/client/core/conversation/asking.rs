//! What the user asks the chat's server: sent as soon as there is a connection, and what is told where there is none.

use super::Conversation;
use super::requests::{CAPACITY as MOST_OPEN, Open, Origin, Question, TooMany, Unanswered};
use crate::client::core::command::PageRequest;
use crate::now::Now;
use crate::protocol::{HistoryRequest, RequestKind, SearchRequest};
use serde_json::Value;

impl Conversation {
    pub(super) fn ask(&mut self, now: Now, question: Question, reference: Option<Value>) {
        if self.refuse_of_original(&question, reference.clone()) {
            return;
        }
        let (command, is_ping) = (question.command(), question.kind == RequestKind::Ping);
        if self.out.is_on_terminal() && !self.connection_is_up && is_ping {
            return self.out.error("not connected: there is nothing to measure", reference);
        }
        let waits = self.out.is_on_terminal() && (!self.connection_is_up || self.told_silence && !is_ping);
        match self.requests.open_for_user(question, reference.clone()) {
            Ok(()) if waits => {
                self.requests.expect_nothing_of_the_last();
                self.out.answer(match self.connection_is_up {
                    true => format!("no chat server is answering: {command} waits for one"),
                    false => format!("not connected: {command} goes out as soon as there is a connection"),
                });
                self.send_requests(now);
            }
            Ok(()) => self.send_requests(now),
            Err(TooMany) => {
                self.out.error(format!("not asked: {MOST_OPEN} questions wait for an answer already"), reference)
            }
        }
    }

    pub(super) fn ask_page(&mut self, now: Now, page: PageRequest, reference: Option<Value>) {
        let room = page.room.unwrap_or_else(|| self.here.clone());
        let history = HistoryRequest { room, limit: page.limit, before: page.before, after: page.after };
        self.ask(now, Question::page(history), reference);
    }

    /// `None`: go on with the last search.
    pub(super) fn ask_search(&mut self, now: Now, search: Option<SearchRequest>, reference: Option<Value>) {
        let asked = match search {
            Some(search) => self.search.begin(search, self.config.local).map_err(|error| error.to_string()),
            None => self.search.go_on().map_err(str::to_owned),
        };
        match asked {
            Ok(search) => self.ask(now, Question::search(search), reference),
            Err(text) => self.out.error(text, reference),
        }
    }

    /// A question was not answered in time.
    pub(super) fn tell_unanswered(&mut self, unanswered: Unanswered) {
        let Unanswered { question, reference } = unanswered;
        let what = question.kind.as_str();
        let text = match (self.out.is_on_terminal(), question.kind) {
            (false, _) => format!("no chat server answers the request for {what}"),
            (true, RequestKind::Ping) => "no chat server answers /ping".to_owned(),
            (true, _) => format!("no answer to {} yet: it will be shown when it comes", question.command()),
        };
        self.out.error(text, reference);
    }

    /// An answer that was given up needs a word before it: what it answers has scrolled away.
    pub(super) fn introduce(&mut self, open: &Open) {
        if self.out.is_on_terminal() && open.is_late && matches!(open.origin, Origin::User { .. }) {
            self.out.answer(format!("the answer to your {}:", open.question.command()));
        }
    }
}

impl Question {
    /// As it is typed.
    fn command(&self) -> String {
        match self.kind {
            RequestKind::History => match self.history.limit {
                Some(limit) => format!("/history {limit} of #{}", self.history.room),
                None => format!("/history of #{}", self.history.room),
            },
            RequestKind::Search => format!("/search {}", self.search.text),
            kind => format!("/{}", kind.as_str()),
        }
    }
}
