//! The server's history, as it is, on a simulated disk.

use super::*;
use crate::protocol::{ChatMessage, Nick, Place, RoomName, SentId, Session, Timestamp};
use crate::server::core::record::{Arrived, Keep};
use crate::server::store::engine::Engine;
use crate::server::store::sqlite::{Database, Error};

fn open(disk: &Disk) -> Result<Database, Error> {
    Database::over(connect(disk)?, Rng::new(1).random())
}

fn keep(number: u64) -> Keep {
    let (nick, room) = (Nick::parse("alice").unwrap(), Place::Room(RoomName::lobby()));
    let message = ChatMessage {
        timestamp: Timestamp::parse("2026-11-22T20:30:00.000+00:00"),
        id: SentId::new(Session::from_random([1; 12]), number),
        ..ChatMessage::new(nick, room, format!("message number {number}"))
    };
    Keep::Message(Arrived { message, received: 1_795_374_000_000 + number as i64 })
}

/// How many messages there are in the room.
fn stored(history: &Database) -> u64 {
    history.questions().rooms().unwrap().iter().map(|(_, messages)| messages).sum()
}

#[test]
fn no_message_that_was_committed_is_lost() {
    for changes in (0..).step_by(3) {
        let disk = Disk::new();
        disk.kill_after(changes);
        let mut committed = 0;
        let result = open(&disk).and_then(|mut history| {
            (1..=15).try_for_each(|number| {
                history.commit(&[keep(number)], &[])?;
                committed = number;
                assert_eq!(disk.unsynced_bytes("chat.db"), 0);
                Ok(())
            })
        });
        let is_dead = disk.is_dead();
        assert!(is_dead || result.is_ok(), "{result:?}");
        disk.power_loss(&mut Rng::new(changes));
        let mut history = open(&disk).unwrap();
        let left = stored(&history);
        assert!(left == committed || left == committed + 1, "{left} of {committed} are left");
        history.commit(&[keep(left + 1)], &[]).unwrap();
        assert_eq!(stored(&history), left + 1);
        if !is_dead {
            return;
        }
    }
}

#[test]
fn what_a_killed_process_did_not_sync_is_synced_before_it_counts() {
    for has_reader in [false, true] {
        for changes in 0.. {
            let disk = Disk::new();
            let mut history = open(&disk).unwrap();
            history.commit(&[keep(1)], &[]).unwrap();
            // An export, say. It prevents a checkpoint of what follows.
            let other = disk.beside();
            let reader = has_reader.then(|| {
                let sql = connect(&other).unwrap();
                sql.execute_batch("BEGIN; SELECT count(*) FROM messages").unwrap();
                sql
            });
            disk.kill_after(changes);
            let result = history.commit(&[keep(2)], &[]);
            disk.kill();
            // It is not closed, which would sync it.
            let next = open(&disk).unwrap();
            let found = stored(&next);
            disk.lose_power(Loss::Everything, &mut Rng::new(changes));
            drop(reader);
            assert_eq!(stored(&open(&disk).unwrap()), found, "killed after {changes} changes");
            if result.is_ok() {
                break;
            }
        }
    }
}
