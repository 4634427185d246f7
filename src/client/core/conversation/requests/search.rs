//! The user's last search, which `/search` continues. Converts the user's dates to moments.

use crate::client::core::conversation::Local;
use crate::protocol::search::with_times;
use crate::protocol::{SearchQuery, SearchRequest, SearchResult};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};

#[derive(Debug)]
pub struct Search {
    local: Local,
    last: Option<SearchRequest>,
    /// The request for older messages.
    next: Option<SearchRequest>,
}

impl Search {
    pub fn new(local: Local) -> Search {
        Search { local, last: None, next: None }
    }

    /// Begins a search, or requests older messages than in the last result. A new request has RFC 3339 times in place of
    /// the user's dates.
    ///
    /// # Errors
    ///
    /// No server could search for that; or there was no search, it was not answered, or it found everything.
    pub fn ask(&mut self, search: Option<SearchRequest>) -> Result<SearchRequest, String> {
        let request = match search {
            Some(mut request) => {
                request.text = with_times(&request.text, |text| moment(text, self.local));
                SearchQuery::parse(&request.text)?;
                self.next = None;
                request
            }
            None => self.next.take().ok_or(match self.last {
                Some(_) => "the last search has found all there is; /search TEXT starts a new one",
                None => "what is to be found? /search TEXT",
            })?,
        };
        self.last = Some(request.clone());
        Ok(request)
    }

    pub fn answered(&mut self, asked: &SearchRequest, result: &SearchResult) {
        if self.last.as_ref() == Some(asked) {
            let next = result.next.clone().filter(|_| !result.complete);
            self.next = next.map(|next| SearchRequest { before: Some(next), ..asked.clone() });
        }
    }
}

/// Converts `2026-11-22` (its first moment), `2026-11-22T20:30` or `2026-11-22T20:30:00` to RFC 3339.
fn moment(text: &str, local: Local) -> Option<String> {
    let day = || Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN));
    let time = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let naive = day().or_else(|| time("%Y-%m-%dT%H:%M")).or_else(|| time("%Y-%m-%dT%H:%M:%S"))?;
    // At the limits of the library's years, adding a zone overflows.
    (0..=9999).contains(&naive.year()).then(|| local(naive))?.map(|at| at.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Cursor;
    use chrono::{DateTime, FixedOffset};

    fn search(text: &str) -> SearchRequest {
        SearchRequest { text: text.to_owned(), ..SearchRequest::default() }
    }

    /// Half of the year in each zone.
    fn local(naive: NaiveDateTime) -> Option<DateTime<FixedOffset>> {
        let hours = if (4..=9).contains(&naive.month()) { 2 } else { 1 };
        naive.and_local_timezone(FixedOffset::east_opt(hours * 3_600)?).single()
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let asked = Search::new(local).ask(Some(search(text))).map(|request| request.text);
        match (&asked, expected) {
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            _ => assert_eq!(asked, Ok(expected.unwrap().to_owned())),
        }
    }

    #[test]
    fn the_readers_dates_are_moments() {
        check("pump after:2026-11-22", Ok("pump after:2026-11-22T00:00:00+01:00"));
        check("pump before:2026-07-22T20:30", Ok("pump before:2026-07-22T20:30:00+02:00"));
        check("after:2026-07-22T20:30:15 x", Ok("after:2026-07-22T20:30:15+02:00 x"));
        check("after:2026-07-22T20:30:15Z", Ok("after:2026-07-22T20:30:15Z"));
        check("from:bob pump*", Ok("from:bob pump*"));
        check("after:yesterday", Err("after:yesterday is not a time"));
        check("after:+99999-01-01", Err("is not a time"));
        check("after:2026-02-30", Err("is not a time"));
        check("p*", Err("at least 2 characters"));
        check("", Err("nothing to search for"));
    }

    #[test]
    fn it_goes_on_where_the_answer_ended() {
        let result = |next: Option<&str>| SearchResult {
            messages: Vec::new(),
            timestamp: None,
            request: None,
            complete: next.is_none(),
            next: next.and_then(Cursor::parse),
            cut: false,
        };
        let mut last = Search::new(local);
        assert!(last.ask(None).is_err());
        let asked = last.ask(Some(search("pump"))).unwrap();
        assert!(last.ask(None).is_err(), "not answered");
        last.answered(&search("other"), &result(Some("rkrxc5f0sqnm:9")));
        assert!(last.ask(None).is_err(), "not that one");
        last.answered(&asked, &result(Some("rkrxc5f0sqnm:7")));
        let on = last.ask(None).unwrap();
        assert_eq!((on.text.as_str(), &on.before), ("pump", &Cursor::parse("rkrxc5f0sqnm:7")));
        assert!(last.ask(None).is_err(), "asked once");
        last.answered(&on, &result(None));
        assert!(last.ask(None).is_err());
    }
}
