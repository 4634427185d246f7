//! The cause if a message cannot be written.

use super::*;
use crate::server::store::engine::Diagnosis;

impl Database {
    fn sql(&self, text: &str) {
        self.own.sql.execute_batch(text).unwrap();
    }

    /// Why this message of Alice's cannot be stored.
    #[track_caller]
    fn fails(&mut self, number: u64) -> Diagnosis {
        let message = Keep::Message(numbered("dev", [number]).remove(0));
        assert!(!self.commit(std::slice::from_ref(&message), &[]).unwrap_err().may_pass);
        self.diagnose(Some(&message))
    }
}

#[test]
fn one_message_or_all_of_them() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=3));
    history.sql("CREATE TRIGGER one BEFORE INSERT ON messages WHEN NEW.seq = 4 BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_eq!((history.fails(4), history.diagnose(None)), (Diagnosis::Message, Diagnosis::Message));
    history.sql("CREATE TRIGGER all_of_them BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_eq!((history.fails(4), history.diagnose(None)), (Diagnosis::Database, Diagnosis::Database));
    history.sql("DROP TRIGGER one; DROP TRIGGER all_of_them");
    let fourth = Keep::Message(numbered("dev", [4]).remove(0));
    assert_eq!(history.diagnose(Some(&fourth)), Diagnosis::Database, "it can be written, so it cannot be said");
    keep(&mut history, &numbered("dev", 4..=5));
    // The diagnosis leaves nothing behind.
    assert_eq!(rooms(&history), [(room("dev"), 5)]);
    assert_eq!(searched::texts(&history, "number"), ["number 5", "number 4", "number 3", "number 2", "number 1"]);
}

#[test]
fn a_damaged_index_of_words_continues_in_a_new_part() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=3));
    history.sql("UPDATE words_1_data SET block = x'ffffffffffffffffffff' WHERE id = 10");
    assert_eq!(history.fails(4), Diagnosis::Words);
    history.renew_words().unwrap();
    keep(&mut history, &numbered("dev", 4..=5));
    // The texts still contain the words of the damaged part.
    assert_eq!(searched::texts(&history, "number"), ["number 5", "number 4", "number 3", "number 2", "number 1"]);
}

#[test]
fn if_no_new_part_can_be_made_the_database_is_at_fault() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=3));
    history.sql("UPDATE words_1_data SET block = x'ffffffffffffffffffff' WHERE id = 10; DROP TABLE word_parts");
    assert_eq!(history.fails(4), Diagnosis::Database);
    assert!(history.renew_words().is_err());
}
