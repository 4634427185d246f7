//! What can never be written: a message, a room, a presence, the index of words.

use super::*;
use crate::protocol::RoomName;
use crate::random::Random;
use crate::server::core::record::KeptSeat;

fn chat(room: &str, seq: u64) -> Keep {
    let mut arrived = arrived(seq);
    arrived.message.to = Place::Room(RoomName::parse(room).unwrap());
    Keep::Message(arrived)
}

impl Desk {
    /// The numbers of stored and refused messages, until both together reach this many.
    fn told(&mut self, count: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut stored, mut refused) = (Vec::new(), Vec::new());
        while stored.len() + refused.len() < count {
            // A room may be forgotten meanwhile.
            let StoreAnswer::Committed { committed, .. } = self.answer() else { continue };
            stored.extend(committed.stored.iter().map(|(_, id)| id.seq));
            for Refused { sender, id, why } in committed.refused {
                assert_eq!((sender, why), (key(), StoreRefusal::Unwritable));
                refused.push(id.seq);
            }
        }
        (stored, refused)
    }
}

#[test]
fn an_unwritable_message_is_set_aside_and_blocks_no_other() {
    let mut desk = Desk::new("aside");
    desk.chat(1);
    desk.committed();
    desk.sql(
        "CREATE TRIGGER never BEFORE INSERT ON messages WHEN NEW.seq IN (7, 8, 150)
         BEGIN SELECT RAISE(ABORT, 'never'); END",
    );
    let gauge = crate::gauge::Gauge::default();
    for seq in 2..=200 {
        desk.give_held(Keep::Message(arrived(seq)), gauge.take(1, 1_000).unwrap());
    }
    let (stored, refused) = desk.told(199);
    assert_eq!(refused, [7, 8, 150]);
    assert_eq!(stored, (2..=200).filter(|seq| ![7, 8, 150].contains(seq)).collect::<Vec<_>>(), "in order");
    assert_eq!(desk.count(), 197);
    assert!(gauge.take(1_000, 1_000).is_some(), "nothing is held any more");
    // Retransmitted, it is refused again. Once it can be written, it is stored.
    desk.chat(7);
    assert_eq!(desk.told(1), (vec![], vec![7]));
    desk.sql("DROP TRIGGER never");
    desk.chat(7);
    assert_eq!(desk.told(1), (vec![7], vec![]));
    desk.stop();
}

#[test]
fn an_unwritable_room_blocks_no_other() {
    let mut desk = Desk::new("room");
    // Its next position is taken already.
    desk.sql(
        "INSERT INTO rooms (id, name, last_pos, messages) VALUES (99, 'dev', 0, 1);
         INSERT INTO messages (room, pos, key, nick, text, timestamp, action, late, received)
         VALUES (99, 1, 'x', 'x', 'x', '2026-11-22T19:11:34', 0, 0, 0)",
    );
    for (seq, room) in [(1, "lobby"), (2, "dev"), (3, "lobby"), (4, "dev"), (5, "lobby")] {
        desk.give(StoreTask::Keep(chat(room, seq)));
    }
    assert_eq!(desk.told(5), (vec![1, 3, 5], vec![2, 4]));
    desk.stop();
}

#[test]
fn unwritable_presences_block_no_message() {
    let mut desk = Desk::new("seats");
    desk.sql("CREATE TRIGGER never BEFORE INSERT ON roster BEGIN SELECT RAISE(ABORT, 'never'); END");
    let seat = KeptSeat { nick: Nick::parse("a").unwrap(), session: None, conn: 1, rooms: Vec::new() };
    let change = || SeatChange { key: key(), seats: vec![seat.clone()] };
    for seq in 1..=2 {
        desk.give(StoreTask::Seats(vec![change()]));
        desk.chat(seq);
        assert_eq!(desk.told(1), (vec![seq], vec![]));
        assert_eq!(desk.answer(), StoreAnswer::SeatsDone { dropped: vec![change()] });
        assert_eq!(desk.count(), seq as usize);
    }
    desk.sql("DROP TRIGGER never");
    desk.give(StoreTask::Seats(vec![change()]));
    desk.stop();
    let history = Database::open(&desk.folder.join("chat.db"), Random::of_the_system()).unwrap();
    assert_eq!(history.earlier_run().unwrap().seats.len(), 1);
}

#[test]
fn a_damaged_index_continues_in_a_new_part() {
    let mut desk = Desk::new("words");
    desk.chat(1);
    desk.committed();
    desk.sql("UPDATE words_1_data SET block = zeroblob(3) WHERE id = 10");
    for seq in 2..=9 {
        desk.chat(seq);
    }
    assert_eq!(desk.told(8), ((2..=9).collect(), vec![]));
    assert_eq!(desk.count(), 9);
    let parts = "SELECT count(*) FROM word_parts";
    assert_eq!(desk.other().query_row(parts, [], |row| row.get(0)), Ok(2));
    desk.stop();
}

#[test]
fn nobody_is_refused_while_the_database_takes_nothing() {
    let mut desk = Desk::new("nothing");
    desk.chat(1);
    desk.committed();
    desk.sql("ALTER TABLE messages RENAME COLUMN late TO later");
    for seq in 2..=9 {
        desk.chat(seq);
    }
    for _ in 0..3 {
        assert_eq!(desk.turn(), [], "it waits");
        desk.now += RETRY;
    }
    desk.sql("ALTER TABLE messages RENAME COLUMN later TO late");
    assert_eq!(desk.told(8), ((2..=9).collect(), vec![]));
    desk.stop();
}

#[test]
fn when_all_that_waited_is_set_aside_nothing_is_tried_again() {
    let mut desk = Desk::new("nothing-left");
    desk.sql(
        "CREATE TRIGGER never BEFORE INSERT ON messages WHEN NEW.key = 'a'
         BEGIN SELECT RAISE(ABORT, 'never'); END",
    );
    // As if another attempt had failed for another reason.
    desk.store.as_mut().unwrap().retry = Some(desk.now);
    desk.chat(1);
    desk.turn();
    let store = desk.store.as_ref().unwrap();
    assert_eq!((store.batches.len(), store.retry), (0, None), "the thread would never rest");
}
