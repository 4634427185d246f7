//! The database as the engine of the store.

use super::{Database, Error, HistoryReader};
use crate::server::core::record::{Committed, Keep, Retention, SeatChange, StoreAnswer, StoreQuestion, Trimmed};
use crate::server::store::engine::{Answering, Diagnosis, Engine, EngineFailure};
use std::time::Duration;

impl Answering for HistoryReader {
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, EngineFailure> {
        Ok(match question {
            StoreQuestion::Page { query, reply } => StoreAnswer::Page { page: self.page(&query)?, reply },
            StoreQuestion::Rooms { reply } => StoreAnswer::Rooms { rooms: self.rooms()?, reply },
            StoreQuestion::Search { query, limit, before, reply } => {
                StoreAnswer::Found { found: self.search(&query, limit, before.as_ref(), search_time)?, reply }
            }
            StoreQuestion::Waiting { to, after, limit } => {
                let found = self.waiting_for(&to, after, limit)?;
                StoreAnswer::Waiting { to, after, found }
            }
        })
    }
}

impl Answering for Database {
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, EngineFailure> {
        self.questions().answer(question, search_time)
    }
}

impl Engine for Database {
    fn commit(&mut self, keeps: &[Keep], seats: &[SeatChange]) -> Result<Committed, EngineFailure> {
        Ok(Database::commit(self, keeps, seats)?)
    }

    fn trim(&mut self, retention: &Retention, now: i64) -> Result<Trimmed, EngineFailure> {
        Ok(Database::trim(self, retention, now)?)
    }

    fn diagnose(&mut self, failed: Option<&Keep>) -> Diagnosis {
        Database::diagnose(self, failed)
    }

    fn renew_words(&mut self) -> Result<(), EngineFailure> {
        Ok(self.begin_part_of_words()?)
    }
}

impl From<Error> for EngineFailure {
    fn from(error: Error) -> EngineFailure {
        EngineFailure { what: error.to_string(), may_pass: error.may_pass() }
    }
}
