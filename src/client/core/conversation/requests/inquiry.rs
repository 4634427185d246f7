//! The content of a request, and which reply answers it.

use crate::protocol::{History, HistoryRequest, RequestKind, SearchQuery, SearchRequest, SearchResult};

/// The content of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Inquiry {
    pub kind: RequestKind,
    /// For the kind `History`.
    pub history: HistoryRequest,
    /// For the kind `Search`.
    pub search: SearchRequest,
}

impl Inquiry {
    pub fn of(kind: RequestKind) -> Inquiry {
        Inquiry { kind, history: HistoryRequest::default(), search: SearchRequest::default() }
    }

    pub fn page(history: HistoryRequest) -> Inquiry {
        Inquiry { history, ..Inquiry::of(RequestKind::History) }
    }

    pub fn search(search: SearchRequest) -> Inquiry {
        Inquiry { search, ..Inquiry::of(RequestKind::Search) }
    }

    /// Whether this can be the requested page.
    pub fn is_answered_by_page(&self, page: &History) -> bool {
        let HistoryRequest { room, before, after, .. } = &self.history;
        let fits = match (&page.span, after, before) {
            // A page of an original server has neither a token nor a span.
            (None, ..) => page.request.is_none(),
            (Some(span), ..) if span.room != *room || span.from > span.to => false,
            (Some(span), Some(after), _) => span.gap || (&span.epoch, span.from) == (&after.epoch, after.pos),
            (Some(span), None, Some(before)) => span.gap || (&span.epoch, span.to) == (&before.epoch, before.pos),
            (Some(_), None, None) => true,
        };
        self.kind == RequestKind::History && fits
    }

    /// Whether this can be the requested search result.
    pub fn is_answered_by_search(&self, result: &SearchResult) -> bool {
        let typed = SearchQuery::parse(&self.search.text).ok().and_then(|query| query.room);
        let room = typed.as_ref().or(self.search.room.as_ref());
        self.kind == RequestKind::Search
            && result.messages.iter().all(|found| room.is_none_or(|room| found.room == *room))
    }

    /// Why an original server is not asked this.
    pub fn refused_by_originals(&self) -> Option<String> {
        let what = match self.kind {
            RequestKind::Rooms => "rooms",
            RequestKind::History if !self.history.room.is_lobby() => "rooms",
            RequestKind::Search => "search",
            RequestKind::History | RequestKind::Users | RequestKind::Ping => return None,
        };
        Some(format!("not asked: the chat server here is an original one, which has no {what}"))
    }

    /// Whether an original server would answer this with something else: it knows only the lobby, and always sends a
    /// page.
    pub fn misleads_originals(&self) -> bool {
        let is_beyond_it = !self.history.room.is_lobby() || self.history.limit == Some(0);
        self.kind == RequestKind::History && is_beyond_it
    }

    /// The command, as typed.
    pub fn command(&self) -> String {
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
