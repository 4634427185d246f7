//! The user's requests to the chat server, and what the user is told if an answer is late.

use super::{CAPACITY, Inquiry, OpenRequest, Requests};
use crate::client::core::conversation::outputs::Outputs;
use crate::client::core::conversation::people::People;
use crate::client::core::news::News;
use crate::protocol::{RequestKind, SearchRequest, SearchResult};
use crate::random::Random;

/// Who could answer now.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub is_connected: bool,
    /// The user was told that no server answers.
    pub is_silent: bool,
    /// The server is an original one.
    pub is_original: bool,
}

impl Requests {
    /// Opens a request of the user. It goes out with the next [`Requests::take_due`]. Tells the user if the answer will
    /// take a while.
    pub fn ask(&mut self, inquiry: Inquiry, reach: Reach, random: &mut Random, out: &mut Outputs) {
        if let Some(why) = inquiry.refused_by_originals().filter(|_| reach.is_original) {
            return out.error(why);
        }
        let (command, is_ping) = (inquiry.command(), inquiry.kind == RequestKind::Ping);
        if out.is_on_terminal() && !reach.is_connected && is_ping {
            return out.error("not connected: there is nothing to measure");
        }
        if self.open.len() >= CAPACITY {
            return out.error(format!("not asked: {CAPACITY} questions wait for an answer already"));
        }
        self.open(inquiry, true, out.reference(), random);
        if out.is_on_terminal() && (!reach.is_connected || reach.is_silent && !is_ping) {
            // It was already told that the answer is late.
            self.open.iter_mut().next_back().into_iter().for_each(|open| open.is_late = true);
            out.answer(match reach.is_connected {
                true => format!("no chat server is answering: {command} waits for one"),
                false => format!("not connected: {command} goes out as soon as there is a connection"),
            });
        }
    }

    /// What to search for. `None`: continue the last search with older messages. Tells why nothing can be searched.
    pub fn search(&mut self, search: Option<SearchRequest>, out: &mut Outputs) -> Option<Inquiry> {
        self.search.ask(search).map(Inquiry::search).map_err(|text| out.error(text)).ok()
    }

    /// The result of a search.
    pub fn found(&mut self, mut result: SearchResult, open: OpenRequest, people: &People, out: &mut Outputs) {
        self.search.answered(&open.inquiry.search, &result);
        result.messages.retain(|found| !people.ignores(found.entry.nick.key()));
        out.reply(News::Found(result), open.reference);
    }

    /// The server has turned out to be an original one, which cannot answer some of the user's requests.
    pub fn refuse_of_original(&mut self, out: &mut Outputs) {
        let is_refused = |open: &mut OpenRequest| open.by_user && open.inquiry.refused_by_originals().is_some();
        for open in self.open.extract_if(.., is_refused) {
            let why = open.inquiry.refused_by_originals().map(News::Error);
            why.into_iter().for_each(|why| out.reply(why, open.reference.clone()));
        }
    }
}

impl OpenRequest {
    /// A late answer gets an introduction, because the question has scrolled away.
    pub fn introduce(&self, out: &mut Outputs) {
        if out.is_on_terminal() && self.is_late && self.by_user {
            out.answer(format!("the answer to your {}:", self.inquiry.command()));
        }
    }

    /// Tells the user that there is no answer yet.
    pub fn is_unanswered(&self, out: &mut Outputs) {
        let text = match (out.is_on_terminal(), self.inquiry.kind) {
            (false, kind) => format!("no chat server answers the request for {}", kind.as_str()),
            (true, RequestKind::Ping) => "no chat server answers /ping".to_owned(),
            (true, _) => format!("no answer to {} yet: it will be shown when it comes", self.inquiry.command()),
        };
        out.reply(News::Error(text), self.reference.clone());
    }
}
