//! Answers questions from a database that may fail. Whoever asked asks again, so only the first of several failures in a
//! row is logged.

use super::engine::{Answering, Error};
use crate::server::core::record::{StoreAnswer, StoreQuestion};
use log::error;
use std::time::Duration;

/// What is known of the reads so far.
#[derive(Debug, Default)]
pub struct Reads {
    is_failing: bool,
}

impl Reads {
    /// The answer, or that there is none. `search_time`: a search that takes longer is cut.
    pub fn answer(&mut self, database: &impl Answering, question: StoreQuestion, search_time: Duration) -> StoreAnswer {
        let unanswered = question.unanswered();
        let answer = database.answer(question, search_time);
        if let Some(failure) = self.first_failure(&answer) {
            error!("the history cannot be read: {failure}");
        }
        answer.unwrap_or(unanswered)
    }

    fn first_failure<'a>(&mut self, answer: &'a Result<StoreAnswer, Error>) -> Option<&'a Error> {
        let was_failing = std::mem::replace(&mut self.is_failing, answer.is_err());
        answer.as_ref().err().filter(|_| !was_failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_and_the_first_after_a_success() {
        let mut reads = Reads::default();
        let failed = Err(Error { what: "disk I/O error".to_owned(), may_pass: false });
        let mut told = |answer| reads.first_failure(answer).is_some();
        assert_eq!([&failed, &failed, &failed].map(&mut told), [true, false, false]);
        assert_eq!([&Ok(StoreAnswer::Settled), &failed, &failed].map(&mut told), [false, true, false]);
    }
}
