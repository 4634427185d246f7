//! The order in which the reader answers questions. Searches take long and anybody may request them, so they come last.

use crate::protocol::NickKey;
use crate::server::core::record::StoreQuestion;
use std::collections::VecDeque;
use std::time::Duration;

/// The most waiting searches of different requesters. The last one waits 4 s.
const SEARCHES_WAITING: usize = 20;
/// A search that takes longer is cut and says so, because others wait behind it.
pub const SEARCH_TIME: Duration = Duration::from_millis(200);

/// Questions that wait for the reader.
#[derive(Debug, Default)]
pub struct ReaderQueue {
    questions: VecDeque<StoreQuestion>,
    /// One per requester.
    searches: VecDeque<StoreQuestion>,
}

impl ReaderQueue {
    /// Adds a question. Returns the one that is dropped for it: an earlier search by the same requester, who no longer
    /// waits for it, or this one if too many searches wait.
    pub fn put(&mut self, question: StoreQuestion) -> Option<StoreQuestion> {
        let Some(requester) = searcher(&question) else {
            self.questions.push_back(question);
            return None;
        };
        if let Some(earlier) = self.searches.iter_mut().find(|other| searcher(other) == Some(requester)) {
            return Some(std::mem::replace(earlier, question));
        }
        if self.searches.len() >= SEARCHES_WAITING {
            return Some(question);
        }
        self.searches.push_back(question);
        None
    }

    /// The question to answer next.
    pub fn take(&mut self) -> Option<StoreQuestion> {
        self.questions.pop_front().or_else(|| self.searches.pop_front())
    }

    pub fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.searches.is_empty()
    }
}

fn searcher(question: &StoreQuestion) -> Option<&NickKey> {
    match question {
        StoreQuestion::Search { reply, .. } => Some(reply.requester.key()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nick, SearchQuery};
    use crate::server::core::record::ReplyTo;

    fn reply(nick: &str) -> ReplyTo {
        ReplyTo { requester: Nick::parse(nick).unwrap(), session: None, token: None }
    }

    fn rooms(nick: &str) -> StoreQuestion {
        StoreQuestion::Rooms { reply: reply(nick) }
    }

    fn search(nick: &str, text: &str) -> StoreQuestion {
        StoreQuestion::Search { query: SearchQuery::parse(text).unwrap(), limit: 1, before: None, reply: reply(nick) }
    }

    /// The requester and, for a search, the filter that tells it apart.
    fn short(question: &StoreQuestion) -> String {
        match question {
            StoreQuestion::Search { query, reply, .. } => {
                format!("{} {}", reply.requester, query.from.as_ref().unwrap())
            }
            StoreQuestion::Rooms { reply } => reply.requester.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn searches_come_last_and_a_newer_one_takes_the_place_of_an_earlier() {
        let mut queue = ReaderQueue::default();
        assert_eq!(queue.put(search("alice", "from:a")), None);
        assert_eq!(queue.put(search("bob", "from:b")), None);
        assert_eq!(queue.put(rooms("carol")), None);
        assert_eq!(queue.put(search("alice", "from:c")), Some(search("alice", "from:a")));
        assert_eq!(queue.put(rooms("dave")), None);
        let mut next = || queue.take().map(|question| short(&question)).unwrap();
        assert_eq!([next(), next(), next()], ["carol", "dave", "alice c"]);
        // This also holds for one that waited already.
        queue.put(rooms("erin"));
        let mut next = || queue.take().map(|question| short(&question));
        assert_eq!([next(), next(), next()], [Some("erin".to_owned()), Some("bob b".to_owned()), None]);
        assert!(queue.is_empty());
    }

    #[test]
    fn few_searches_wait_and_hold_up_no_other_question() {
        let mut queue = ReaderQueue::default();
        let dropped = (0..100).filter_map(|n| queue.put(search(&format!("user{n}"), "from:a"))).count();
        assert_eq!(dropped, 100 - SEARCHES_WAITING);
        queue.put(rooms("carol"));
        assert_eq!(queue.take(), Some(rooms("carol")));
    }
}
