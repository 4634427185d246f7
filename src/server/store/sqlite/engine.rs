//! The database as the engine of the store.

use super::batch::{BatchWriter, KnownState};
use super::{Database, Error, HistoryReader, diagnosis, trim};
use crate::server::core::record::{Committed, Keep, Retention, SeatChange, StoreAnswer, StoreQuestion, Trimmed};
use crate::server::store::engine::{Answering, Diagnosis, Engine};
use std::time::Duration;

impl Answering for HistoryReader {
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, Error> {
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
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, Error> {
        self.questions().answer(question, search_time)
    }
}

impl Engine for Database {
    /// A message that was stored before, by its sender's key and id, is not stored again, even if it is gone since
    /// (delivered, or trimmed). A message with the id of another existing one is refused.
    fn commit(&mut self, keeps: &[Keep], seats: &[SeatChange]) -> Result<Committed, Error> {
        self.transact(|sql, state| {
            let mut batch = BatchWriter::begin(sql, state)?;
            for keep in keeps {
                batch.keep(keep)?;
            }
            for change in seats {
                batch.seats(change)?;
            }
            batch.finish()
        })
    }

    fn trim(&mut self, retention: &Retention, now: i64) -> Result<Trimmed, Error> {
        trim::step(self, retention, now)
    }

    fn diagnose(&mut self, failed: Option<&Keep>) -> Diagnosis {
        diagnosis::diagnose(self, failed)
    }

    fn renew_words(&mut self) -> Result<(), Error> {
        self.transact(|sql, _| diagnosis::begin_part(sql))?;
        // The cache knows the part before.
        self.state = KnownState::default();
        Ok(())
    }
}
