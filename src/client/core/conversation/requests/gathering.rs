//! Joins the pages that answer one question of the user: the server cuts each page at 48 KiB.

use super::{Inquiry, OpenRequest, PATIENCE, Requests};
use crate::client::core::conversation::outputs::Outputs;
use crate::protocol::history::Span;
use crate::protocol::limits::PAGE_MESSAGES;
use crate::protocol::{Cursor, History, HistoryRequest};
use std::time::{Duration, Instant};

/// How long to wait for a further page. Its request is retransmitted once meanwhile.
const FURTHER_PAGE_WAIT: Duration = PATIENCE.saturating_mul(3);

/// The pages that have arrived so far.
#[derive(Debug)]
pub struct Gathered {
    /// The whole question.
    asked: HistoryRequest,
    /// The pages, joined into one. It has no time: by the time it is shown, that says nothing about the server's clock.
    page: History,
    /// The user gets these pages then, unless another one arrives.
    give_up_at: Instant,
}

impl Requests {
    /// Handles a page that answers this request. `Some`: the whole question, and the page to show. `None`: the question
    /// is open again, because the page was cut. `default_limit`: how many messages the server sends if the request has
    /// no number.
    pub fn gather(
        &mut self,
        now: Instant,
        mut open: OpenRequest,
        page: History,
        default_limit: Option<usize>,
        out: &mut Outputs,
    ) -> Option<(OpenRequest, History)> {
        if !open.by_user {
            return Some((open, page));
        }
        let is_empty = page.messages.is_empty();
        let (asked, page, is_cut_off) = match open.gathered.take().map(|gathered| *gathered) {
            None => (open.inquiry.history.clone(), page, false),
            Some(Gathered { asked, page: earlier, .. }) if page.span.as_ref().is_none_or(|span| span.gap) => {
                let which = if asked.after.is_some() { "later" } else { "earlier" };
                out.answer(format!("{which} messages of #{} were removed meanwhile", asked.room));
                (asked, earlier, true)
            }
            Some(Gathered { asked, page: earlier, .. }) => {
                let page = joined(earlier, page, asked.after.is_some());
                (asked, page, false)
            }
        };
        let Some(next) = rest(&asked, &page, default_limit).filter(|_| !is_empty && !is_cut_off) else {
            open.inquiry = Inquiry::page(asked);
            return Some((open, page));
        };
        let page = History { timestamp: None, ..page };
        let gathered = Some(Box::new(Gathered { asked, page, give_up_at: now + FURTHER_PAGE_WAIT }));
        let (token, inquiry, sent, again_at, wait) = (self.random.token(), Inquiry::page(next), None, None, PATIENCE);
        // It keeps its turn, so only one question gathers pages at a time.
        self.open.insert(0, OpenRequest { token, inquiry, gathered, sent, again_at, wait, ..open });
        None
    }

    /// Waits for no further page any longer.
    pub fn give_up_further_pages(&mut self, now: Instant) {
        self.open.iter_mut().filter_map(|open| open.gathered.as_mut()).for_each(|gathered| gathered.give_up_at = now);
    }

    /// A question for which no further page arrives in time, and what did arrive.
    pub fn given_up(&mut self, now: Instant) -> Option<(OpenRequest, History)> {
        let at = self.open.iter().position(|open| open.gives_up_at().is_some_and(|at| at <= now))?;
        self.open.remove(at).into_gathered()
    }
}

impl OpenRequest {
    pub fn gives_up_at(&self) -> Option<Instant> {
        self.gathered.as_ref().map(|gathered| gathered.give_up_at)
    }

    /// The whole question, as typed.
    pub fn command(&self) -> String {
        let gathered = self.gathered.as_ref().map(|gathered| Inquiry::page(gathered.asked.clone()));
        gathered.as_ref().unwrap_or(&self.inquiry).command()
    }

    /// The whole question and the pages that have arrived. `None`: none has.
    pub fn into_gathered(mut self) -> Option<(OpenRequest, History)> {
        let Gathered { asked, page, .. } = *self.gathered.take()?;
        Some((OpenRequest { inquiry: Inquiry::page(asked), ..self }, page))
    }
}

/// Adds a further page at its end of the pages so far.
fn joined(so_far: History, further: History, forward: bool) -> History {
    let History { timestamp, request, .. } = &further;
    let (timestamp, request) = (timestamp.clone(), request.clone());
    let span = so_far.span.zip(further.span).map(|(so_far, further)| {
        let (from, to) = if forward { (so_far.from, further.to) } else { (further.from, so_far.to) };
        Span { from, to, complete: further.complete, ..so_far }
    });
    let (mut messages, newer) =
        if forward { (so_far.messages, further.messages) } else { (further.messages, so_far.messages) };
    messages.extend(newer);
    History { messages, timestamp, request, span }
}

/// The request for what is missing after a page that was cut.
fn rest(asked: &HistoryRequest, page: &History, default_limit: Option<usize>) -> Option<HistoryRequest> {
    let Span { epoch, from, to, .. } = page.span.as_ref().filter(|span| !span.complete)?;
    let wanted = asked.limit.or(default_limit)?.min(PAGE_MESSAGES);
    let missing = wanted.saturating_sub(page.messages.len());
    let cursor = |pos: &u64| Some(Cursor { epoch: epoch.clone(), pos: *pos });
    let (before, after) = if asked.after.is_some() { (None, cursor(to)) } else { (cursor(from), None) };
    (missing > 0).then(|| HistoryRequest { room: asked.room.clone(), limit: Some(missing), before, after })
}
