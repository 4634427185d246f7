//! Single calls, without SQLite.

use super::*;
use crate::simulation::disk::files::{CallError, How, Pid};
use crate::simulation::disk::locks::Lock;

const NEW: How = How { creates: true, is_new: false, only_reads: false };

fn machine() -> (Files, Pid) {
    let mut files = Files::default();
    let pid = files.start();
    (files, pid)
}

#[test]
fn every_call_of_a_dead_process_fails_and_changes_nothing() {
    let (mut files, dead) = machine();
    let (handle, _) = files.open(dead, Some("a"), NEW).unwrap();
    files.write(handle, 0, b"old").unwrap();
    assert!(files.map(handle, 0, 64, true).unwrap().is_some());
    files.kill(dead);
    let error = CallError::Dead;
    assert_eq!(files.read(handle, 0, &mut [0; 3]), Err(error));
    assert_eq!(files.size(handle), Err(error));
    assert_eq!(files.write(handle, 0, b"new"), Err(error));
    assert_eq!(files.truncate(handle, 0), Err(error));
    assert_eq!(files.sync(handle), Err(error));
    assert_eq!(files.lock(handle, Lock::Exclusive), Err(error));
    assert_eq!(files.unlock(handle, Lock::None), Err(error));
    assert_eq!(files.is_reserved(handle), Err(error));
    assert_eq!(files.map(handle, 0, 64, true).err(), Some(error));
    assert_eq!(files.take(handle, 1, true), Err(error));
    assert_eq!(files.release(handle, 1), Err(error));
    assert_eq!(files.unmap(handle), Err(error));
    assert_eq!(files.open(dead, Some("b"), NEW).err(), Some(error));
    assert_eq!(files.exists(dead, "a"), Err(error));
    assert_eq!(files.delete(dead, "a", true), Err(error));
    let alive = files.start();
    let (handle, _) = files.open(alive, Some("a"), NEW).unwrap();
    assert!(files.map(handle, 0, 64, false).unwrap().is_none());
    files.lock(handle, Lock::Exclusive).unwrap();
    files.take(handle, 1, true).unwrap();
    assert_eq!(files.content("a"), Some(b"old".as_slice()));
    assert_eq!((files.unsynced("a"), files.content("b")), (3, None));
}

#[test]
fn a_power_loss_takes_everything_that_was_not_synced() {
    let (mut files, pid) = machine();
    let (old, _) = files.open(pid, Some("old"), NEW).unwrap();
    files.write(old, 0, b"synced").unwrap();
    files.sync(old).unwrap();
    files.write(old, 0, b"lost").unwrap();
    let (new, _) = files.open(pid, Some("new"), NEW).unwrap();
    files.write(new, 0, b"lost").unwrap();
    files.lose_power(Loss::Everything, &mut Rng::new(1));
    assert_eq!((files.content("old"), files.content("new")), (Some(b"synced".as_slice()), None));
}

#[test]
fn names_become_durable_with_the_next_sync_of_any_file() {
    let (mut files, pid) = machine();
    let (a, _) = files.open(pid, Some("a"), NEW).unwrap();
    let (b, _) = files.open(pid, Some("b"), NEW).unwrap();
    files.write(a, 0, b"a").unwrap();
    files.sync(b).unwrap();
    files.delete(pid, "b", false).unwrap();
    files.open(pid, Some("b"), NEW).unwrap();
    files.lose_power(Loss::Everything, &mut Rng::new(1));
    assert_eq!((files.content("a"), files.content("b")), (Some(b"".as_slice()), Some(b"".as_slice())));
    let pid = files.start();
    files.delete(pid, "a", false).unwrap();
    files.delete(pid, "b", true).unwrap();
    files.lose_power(Loss::Everything, &mut Rng::new(1));
    assert_eq!((files.content("a"), files.content("b")), (None, None));
}

#[test]
fn a_deleted_file_is_there_for_those_who_have_it_open() {
    let (mut files, pid) = machine();
    let (old, _) = files.open(pid, Some("a"), NEW).unwrap();
    files.write(old, 0, b"old").unwrap();
    files.delete(pid, "a", true).unwrap();
    let (new, _) = files.open(pid, Some("a"), NEW).unwrap();
    assert_eq!((files.size(old), files.size(new)), (Ok(3), Ok(0)));
    let is_new = How { is_new: true, ..NEW };
    assert_eq!(files.open(pid, Some("a"), is_new).err(), Some(CallError::There));
}

#[test]
fn a_full_disk_takes_what_there_is_room_for() {
    let (mut files, pid) = machine();
    let (handle, _) = files.open(pid, Some("a"), NEW).unwrap();
    files.write(handle, 0, b"12345").unwrap();
    files.set_room(Some(2));
    assert_eq!(files.write(handle, 3, b"abcdef"), Err(CallError::Full));
    assert_eq!(files.content("a"), Some(b"123abcd".as_slice()));
    assert_eq!(files.write(handle, 100, b"x"), Err(CallError::Full));
    assert_eq!(files.map(handle, 0, 64, true).err(), Some(CallError::Full));
    files.write(handle, 0, b"overwrite".get(..7).unwrap()).unwrap();
    files.truncate(handle, 1).unwrap();
    files.write(handle, 1, b"234567").unwrap();
    assert_eq!((files.truncate(handle, 8), files.size(handle)), (Err(CallError::Full), Ok(7)));
}

#[test]
fn a_temporary_file_is_gone_when_it_is_closed() {
    let (mut files, pid) = machine();
    let (handle, _) = files.open(pid, None, How::default()).unwrap();
    files.write(handle, 0, b"x").unwrap();
    files.set_room(Some(0));
    files.close(handle);
    let (handle, _) = files.open(pid, None, How::default()).unwrap();
    files.write(handle, 0, b"y").unwrap();
    assert_eq!(files.write(handle, 1, b"z"), Err(CallError::Full));
}
