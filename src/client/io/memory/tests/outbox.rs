//! The outbox on disk: what it returns to a later run, and whose it is.

use super::*;
use crate::client::core::session::OutboxChange;
use crossbeam_channel::bounded;
use std::path::PathBuf;
use std::time::Instant;

/// A test fails after this time. It takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);

fn kept(seq: u64, name: &str) -> Kept {
    kept_by("Alice", seq, name)
}

fn kept_by(nick: &str, seq: u64, name: &str) -> Kept {
    Kept {
        message: OwnMessage {
            nick: Nick::parse(nick).unwrap(),
            text: format!("text {seq}"),
            timestamp: None,
            id: SentId::new(Session::parse(SESSION).unwrap(), seq),
            to: Place::Room(room(name)),
            action: false,
            late: false,
        },
        reference: (seq == 2).then(|| seq.into()),
    }
}

impl OutboxFile {
    fn add(&mut self, kept: &Kept) -> Result<(), Error> {
        self.write(&OutboxChange::Add(kept.clone()))
    }

    fn be(&mut self, nick: &str) -> Result<(), Error> {
        self.write(&OutboxChange::Rename(Nick::parse(nick).unwrap()))
    }

    fn remove(&mut self, ids: &[SentId]) -> Result<(), Error> {
        self.write(&OutboxChange::Remove(ids.to_vec()))
    }

    fn note_server(&mut self) -> Result<(), Error> {
        self.write(&OutboxChange::NoteServer)
    }
}

/// An outbox of Alice with one message, its path, and its folder.
fn with_one_message() -> (OutboxFile, PathBuf, Folder) {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    let mut outbox = opened(&path, "alice");
    outbox.add(&kept(1, "lobby")).unwrap();
    (outbox, path, folder)
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "in vain");
        std::thread::yield_now();
    }
}

#[track_caller]
fn opened(path: &Path, nick: &str) -> OutboxFile {
    OutboxFile::open(path, &chat(nick)).unwrap()
}

#[track_caller]
fn messages(outbox: &OutboxFile) -> Vec<Kept> {
    outbox.messages().unwrap()
}

#[test]
fn an_outbox_follows_a_change_of_nick() {
    let (mut outbox, path, _folder) = with_one_message();
    outbox.be("Bob").unwrap();
    outbox.add(&kept(2, "dev")).unwrap();
    drop(outbox);
    assert!(OutboxFile::open(&path, &chat("alice")).err().unwrap().to_string().contains("it belongs to bob"));
    let messages = messages(&opened(&path, "bob"));
    let nicks = messages.iter().map(|kept| kept.message.nick.as_str());
    assert_eq!(nicks.collect::<Vec<_>>(), ["Bob", "Alice"]);
    assert_eq!(messages[0].message.id, kept(1, "lobby").message.id);
}

#[test]
fn an_outbox_on_a_full_disk_follows_a_change_of_nick_with_the_next_message() {
    let (mut outbox, path, _folder) = with_one_message();
    outbox.take_no_writes(true);
    outbox.be("Bob").unwrap_err();
    outbox.add(&kept_by("Bob", 2, "lobby")).unwrap_err();
    outbox.take_no_writes(false);
    assert_eq!(messages(&outbox), [kept(1, "lobby")]);
    outbox.add(&kept_by("Bob", 3, "lobby")).unwrap();
    drop(outbox);
    let outbox = opened(&path, "bob");
    assert_eq!(messages(&outbox), [kept_by("Bob", 1, "lobby"), kept_by("Bob", 3, "lobby")]);
}

#[test]
fn an_outbox_returns_unsettled_messages() {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    let mut file = opened(&path, "alice");
    let all = [kept(1, "lobby"), kept(2, "dev"), kept(3, "lobby")];
    all.iter().for_each(|kept| file.add(kept).unwrap());
    file.remove(&[all[0].message.id.as_ref().unwrap().clone()]).unwrap();
    drop(file);
    let file = opened(&path, "alice");
    assert_eq!(messages(&file), all[1..]);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_an_outbox_could_not_remove_is_removed_with_the_next_or_before_a_change_of_nick() {
    let all = [kept(1, "lobby"), kept(2, "dev"), kept(3, "lobby")];
    let ids = all.each_ref().map(|kept| kept.message.id.as_ref().unwrap().clone());
    for is_renamed in [false, true] {
        let mut outbox = OutboxFile::over(Connection::open_in_memory().unwrap(), &chat("alice")).unwrap();
        all.iter().for_each(|kept| outbox.add(kept).unwrap());
        outbox.take_no_writes(true);
        outbox.remove(&ids[..1]).unwrap_err();
        outbox.take_no_writes(false);
        assert_eq!(messages(&outbox), all);
        match is_renamed {
            true => outbox.be("Alice").unwrap(),
            false => outbox.remove(&ids[1..2]).unwrap(),
        }
        let left = messages(&outbox);
        assert_eq!(left, if is_renamed { &all[1..] } else { &all[2..] });
    }
}

#[test]
fn what_an_outbox_could_not_write_is_written_at_its_end() {
    let (mut outbox, path, _folder) = with_one_message();
    let second = kept(2, "lobby");
    outbox.add(&second).unwrap();
    outbox.take_no_writes(true);
    outbox.remove(&[kept(1, "lobby").message.id.unwrap()]).unwrap_err();
    outbox.note_server().unwrap_err();
    outbox.take_no_writes(false);
    drop(outbox);
    let outbox = opened(&path, "alice");
    assert_eq!((messages(&outbox), outbox.server_seen().unwrap()), (vec![second], true));
}

#[test]
fn the_end_of_an_outbox_does_not_wait_for_a_disk_that_does_not_answer() {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    // In the place of a stalled disk, another process keeps the file locked.
    let sql = Connection::open(&path).unwrap();
    sql.busy_handler(Some(|_| {
        std::thread::yield_now();
        true
    }))
    .unwrap();
    let mut outbox = OutboxFile::over(sql, &chat("alice")).unwrap();
    outbox.take_no_writes(true);
    outbox.note_server().unwrap_err();
    outbox.take_no_writes(false);
    let mut other = Connection::open(&path).unwrap();
    let stalled = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let (finished, done) = bounded(1);
    std::thread::spawn(move || {
        outbox.close()(Duration::ZERO);
        let _ = finished.send(());
    });
    done.recv_timeout(DEADLINE).expect("it does not wait");
    drop(stalled);
    let server_seen = || other.query_row("SELECT server_seen FROM owner", [], |row| row.get::<_, bool>(0)).unwrap();
    wait_until(server_seen);
}

#[test]
fn an_outbox_is_closed_while_nobody_waits_for_that() {
    let (mut outbox, path, _folder) = with_one_message();
    outbox.take_no_writes(true);
    outbox.note_server().unwrap_err();
    outbox.take_no_writes(false);
    let finish = outbox.close();
    wait_until(|| OutboxFile::open(&path, &chat("alice")).is_ok_and(|next| next.server_seen().unwrap()));
    finish(Duration::ZERO);
}

#[test]
fn an_outbox_remembers_that_a_server_was_seen() {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    let open = || opened(&path, "alice");
    let mut sql = Connection::open(&path).unwrap();
    prepare(&mut sql, 0x6d71_636f, &outbox_file::MIGRATIONS[..1]).unwrap();
    drop(sql);
    let mut outbox = open();
    assert!(!outbox.server_seen().unwrap(), "a file of an earlier version does not know");
    outbox.note_server().unwrap();
    drop(outbox);
    assert!(open().server_seen().unwrap());
}

#[test]
fn an_outbox_has_one_run_and_one_owner() {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    let open = |place: &ChatOwner| OutboxFile::open(&path, place).map_err(|error| error.to_string());
    let first = open(&chat("alice")).unwrap();
    assert_eq!(open(&chat("alice")).err().unwrap(), "another run uses it");
    drop(first);
    let others = [
        chat("bob"),
        ChatOwner { root: "ours".to_owned(), ..chat("alice") },
        ChatOwner { broker: "b".to_owned(), ..chat("alice") },
    ];
    for other in &others {
        let text = open(other).err().unwrap();
        assert!(text.starts_with("it belongs to alice at localhost:1883 with the topic root chat"), "{text}");
    }
    assert!(open(&chat("alice")).is_ok());
}
