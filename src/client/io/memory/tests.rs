//! Both files on a disk: what they return, what they refuse, and how several processes share them.

mod outbox;

use super::shown::{SERIES, SLACK};
use super::*;
use crate::client::core::memo::Shown;
use crate::client::core::outbox::{Kept, OwnMessage};
use crate::protocol::{Nick, Place, Ranges, SentId, Session};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const SESSION: &str = "k3v9x2m1q8f0";

impl Memory {
    /// Makes other accesses fail until it is called with swapped arguments.
    pub fn hide(&self, table: &str, name: &str) {
        self.sql.execute_batch(&format!("ALTER TABLE {table} RENAME TO {name}")).unwrap();
    }
}

/// A folder of its own, removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mqttchat-memory-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state").join("client.state")
    }

    #[track_caller]
    fn memory(&self, nick: &str) -> Memory {
        Memory::open(&self.file(), chat(nick)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn keep(memory: &mut Memory, memos: &[Memo]) {
    memory.keep(memos).unwrap();
}

#[track_caller]
fn recall(memory: &Memory) -> Remembered {
    memory.recall().unwrap()
}

fn chat(nick: &str) -> ChatOwner {
    let key = NickKey::parse(nick).unwrap();
    ChatOwner { broker: "localhost:1883".to_owned(), root: "chat".to_owned(), key }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn bob() -> Series {
    Series::Sent(NickKey::parse("bob").unwrap(), Session::parse(SESSION).unwrap())
}

fn shown(name: &str, number: u64) -> Memo {
    Memo::Shown { room: Some(room(name)), series: bob(), number }
}

/// Memos of another run for each number.
fn of_runs(numbers: std::ops::Range<usize>) -> Vec<Memo> {
    let session = |number| Session::parse(&format!("{number:012}")).unwrap();
    let series = |number| Series::Sent(NickKey::parse("bob").unwrap(), session(number));
    numbers.map(|number| Memo::Shown { room: Some(room("lobby")), series: series(number), number: 1 }).collect()
}

fn cursor(name: &str, pos: u64) -> Memo {
    Memo::Cursor { room: room(name), cursor: Cursor { epoch: Epoch::parse("rkrxc5f0sqnm").unwrap(), pos } }
}

#[test]
fn memory_comes_back_and_belongs_to_its_user() {
    let folder = Folder::new();
    let mut memory = folder.memory("alice");
    let direct = Memo::Shown { room: None, series: bob(), number: 9 };
    let history = Series::Stored(Epoch::parse("rkrxc5f0sqnm").unwrap());
    let stored = Memo::Shown { room: Some(room("dev")), series: history.clone(), number: 7 };
    keep(&mut memory, &[cursor("lobby", 3), shown("dev", 1), shown("dev", 2), stored, shown("dev", 1), direct]);
    keep(&mut memory, &[shown("dev", 3), shown("dev", 5)]);
    keep(&mut memory, &[cursor("lobby", 7), Memo::ServerSeen]);
    drop(memory);
    let memory = folder.memory("alice");
    let remembered = recall(&memory);
    assert_eq!(remembered.cursors[&room("lobby")].pos, 7);
    let numbers = |numbers: &[u64]| numbers.iter().copied().collect::<Ranges>();
    let dev = &remembered.shown[&room("dev")];
    assert_eq!(*dev, [(history, numbers(&[7])), (bob(), numbers(&[1, 2, 3, 5]))], "bob was heard of last");
    assert_eq!(remembered.shown_direct, [(bob(), numbers(&[9]))]);
    assert!(remembered.server_seen);

    let mut memory = folder.memory("carol");
    let remembered = recall(&memory);
    assert!(remembered.cursors.is_empty() && remembered.shown.is_empty() && remembered.server_seen);
    memory.be(NickKey::parse("alice").unwrap()).unwrap();
    assert_eq!(recall(&memory).cursors.len(), 1);

    assert!(memory.server_seen().unwrap(), "whoever saw it");

    let elsewhere = ChatOwner { root: "ours".to_owned(), ..chat("alice") };
    let remembered = recall(&Memory::open(&folder.file(), elsewhere).unwrap());
    assert!(remembered.cursors.is_empty() && !remembered.server_seen);
}

#[test]
fn the_last_runs_are_remembered_completely() {
    let folder = Folder::new();
    let open = || folder.memory("alice");
    let mut memory = open();
    let end = SERIES + 2 * SLACK;
    for first in (0..end).step_by(SLACK / 2) {
        keep(&mut memory, &of_runs(first..first + SLACK / 2));
    }
    let lobby = recall(&memory).shown.remove(&room("lobby")).unwrap();
    assert!((SERIES..=SERIES + SLACK).contains(&lobby.len()), "{}", lobby.len());
    let last = |lobby: &Shown| of_runs(end - 1..end) == [shown_of(lobby.last().unwrap())];
    assert!(last(&lobby));
    let all: Vec<_> = (1..=3 * SLACK as u64).map(|number| shown("lobby", number)).collect();
    keep(&mut memory, &all);
    let lobby = recall(&memory).shown.remove(&room("lobby")).unwrap();
    assert_eq!(lobby.last().unwrap().1.ranges(), [(1, 3 * SLACK as u64)]);
}

fn shown_of((series, numbers): &(Series, Ranges)) -> Memo {
    Memo::Shown { room: Some(room("lobby")), series: series.clone(), number: numbers.last().unwrap() }
}

#[test]
fn many_short_runs_leave_no_more_than_a_long_one() {
    let folder = Folder::new();
    let open = || folder.memory("alice");
    let step = SLACK / 2;
    for first in (0..SERIES + 4 * step).step_by(step) {
        keep(&mut open(), &of_runs(first..first + step));
    }
    let lobby = recall(&open()).shown.remove(&room("lobby")).unwrap();
    assert_eq!(lobby.len(), SERIES);
    assert_eq!(of_runs(SERIES + 4 * step - 1..SERIES + 4 * step), [shown_of(lobby.last().unwrap())]);
    // Memos that take too much are dropped, too: numbers full of holes.
    let hole = |number: u64| match of_runs(number as usize % 20..number as usize % 20 + 1).remove(0) {
        Memo::Shown { room, series, .. } => Memo::Shown { room, series, number: 1 << 52 | number << 4 },
        other => other,
    };
    keep(&mut open(), &(1..=80_000).map(hole).collect::<Vec<_>>());
    let size = |memory: &Memory| -> i64 {
        memory.sql.query_row("SELECT sum(length(numbers)) FROM shown", [], |row| row.get(0)).unwrap()
    };
    assert!(size(&open()) <= 2_000_000);
}

/// The test runs itself as further processes. Each stores this many memos.
#[test]
fn two_processes_share_it() {
    const FILE: &str = "MQTTCHAT_TEST_MEMORY";
    const NAME: &str = "MQTTCHAT_TEST_NAME";
    const TURNS: u64 = 100;
    if let (Some(file), Ok(name)) = (std::env::var_os(FILE), std::env::var(NAME)) {
        let mut memory = Memory::open(Path::new(&file), chat("alice")).unwrap();
        for seq in 1..=TURNS {
            keep(&mut memory, &[shown(&name, seq), cursor(&name, seq)]);
        }
        return;
    }
    let folder = Folder::new();
    let run = |name: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["client::io::memory::tests::two_processes_share_it", "--exact"]);
        command.env(FILE, folder.file()).env(NAME, name).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    for mut process in ["one", "two", "three"].map(run) {
        assert!(process.wait().unwrap().success());
    }
    let remembered = recall(&folder.memory("alice"));
    for name in ["one", "two", "three"] {
        assert_eq!(remembered.shown[&room(name)][0].1.ranges(), [(1, TURNS)]);
        assert_eq!(remembered.cursors[&room(name)].pos, TURNS);
    }
}

#[test]
fn unusable_files_are_explained_in_a_line() {
    let folder = Folder::new();
    let path = folder.0.join("file");
    #[track_caller]
    fn check(path: &Path, part: &str) {
        let memory = Memory::open(path, chat("alice")).err().map(|error| error.to_string());
        let outbox = OutboxFile::open(path, &chat("alice")).err().map(|error| error.to_string());
        for text in [memory, outbox] {
            let text = text.unwrap();
            assert!(text.contains(part) && !text.contains('\n'), "{text}");
        }
    }
    std::fs::write(&path, "something else, and long enough to be no header of a database at all: ".repeat(20)).unwrap();
    check(&path, "not a database");
    std::fs::remove_file(&path).unwrap();
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE t (x)").unwrap();
    check(&path, "another program's database");
    drop(foreign);
    check(&path.join("below"), "os error");
    let later = folder.0.join("later");
    for id in [APPLICATION_ID, 0x6d71_636f] {
        let _ = std::fs::remove_file(&later);
        let sql = Connection::open(&later).unwrap();
        sql.execute_batch("CREATE TABLE t (x)").unwrap();
        sql.pragma_update(None, "application_id", id).unwrap();
        sql.pragma_update(None, "user_version", 99).unwrap();
        let known = if id == APPLICATION_ID { MIGRATIONS.len() } else { outbox_file::MIGRATIONS.len() };
        let text = match id {
            APPLICATION_ID => Memory::open(&later, chat("alice")).err().unwrap().to_string(),
            _ => OutboxFile::open(&later, &chat("alice")).err().unwrap().to_string(),
        };
        assert_eq!(text, format!("it has version 99, this program knows {known}"));
    }
}

#[test]
fn a_file_of_any_earlier_version_is_brought_up_to_date() {
    for version in 1..=MIGRATIONS.len() {
        let folder = Folder::new();
        std::fs::create_dir(folder.file().parent().unwrap()).unwrap();
        let mut sql = Connection::open(folder.file()).unwrap();
        prepare(&mut sql, APPLICATION_ID, &MIGRATIONS[..version]).unwrap();
        sql.execute_batch("INSERT INTO places (broker, root, server_seen) VALUES ('localhost:1883', 'chat', 1)")
            .unwrap();
        drop(sql);
        let mut memory = folder.memory("alice");
        assert!(memory.server_seen().unwrap(), "what was there stays");
        keep(&mut memory, &[Memo::Ignored(Nick::parse("Eve").unwrap())]);
        assert_eq!(recall(&memory).ignored, [Nick::parse("Eve").unwrap()]);
    }
}

#[test]
fn the_ignore_list_belongs_to_one_chat_and_every_nick() {
    let folder = Folder::new();
    let nick = |name| Nick::parse(name).unwrap();
    let mut alice = folder.memory("alice");
    keep(&mut alice, &[Memo::Ignored(nick("Eve")), Memo::Ignored(nick("carl")), Memo::Ignored(nick("eve"))]);
    let mut bob = folder.memory("bob");
    assert_eq!(recall(&bob).ignored, [nick("carl"), nick("eve")]);
    keep(&mut bob, &[Memo::Unignored(nick("EVE").key().clone())]);
    assert_eq!(recall(&alice).ignored, [nick("carl")]);
    let elsewhere = ChatOwner { root: "other".to_owned(), ..chat("alice") };
    assert!(recall(&Memory::open(&folder.file(), elsewhere).unwrap()).ignored.is_empty());
}

#[test]
fn a_memory_that_cannot_be_written_still_follows_a_change_of_nick() {
    let folder = Folder::new();
    let mut memory = folder.memory("alice");
    keep(&mut memory, &[cursor("lobby", 7)]);
    let refuses = |memory: &Memory, yes: bool| memory.sql.pragma_update(None, "query_only", yes).unwrap();
    refuses(&memory, true);
    for (nick, remembered) in [("bob", 0), ("alice", 1), ("bob", 0)] {
        memory.be(NickKey::parse(nick).unwrap()).unwrap();
        assert_eq!(recall(&memory).cursors.len(), remembered, "{nick}");
    }
    memory.keep(&[cursor("lobby", 8)]).unwrap_err();
    refuses(&memory, false);
    keep(&mut memory, &[cursor("lobby", 8)]);
    let recalled = recall(&folder.memory("bob"));
    assert_eq!(recalled.cursors[&room("lobby")].pos, 8);
}

#[test]
fn the_lines_somebody_typed_are_their_own() {
    let folder = Folder::new();
    let mut memory = folder.memory("alice");
    let typed = |lines: &[&str]| lines.iter().map(|line| Memo::Typed((*line).to_owned())).collect::<Vec<_>>();
    keep(&mut memory, &typed(&["one", "two", "two", "one", "two\nlines"]));
    keep(&mut memory, &typed(&["two\nlines"]));
    assert_eq!(recall(&memory).typed, ["one", "two", "one", "two\nlines"]);
    memory.be(NickKey::parse("bob").unwrap()).unwrap();
    assert!(recall(&memory).typed.is_empty());
    keep(&mut memory, &(1..=600).map(|number| Memo::Typed(number.to_string())).collect::<Vec<_>>());
    let last: Vec<_> = (101..=600).map(|number| number.to_string()).collect();
    assert_eq!(recall(&memory).typed, last);
    memory.be(NickKey::parse("alice").unwrap()).unwrap();
    assert_eq!(recall(&memory).typed.len(), 4);
}

#[test]
fn both_work_in_memory() {
    let mut memory = Memory::over(Connection::open_in_memory().unwrap(), chat("alice")).unwrap();
    keep(&mut memory, &[shown("dev", 1)]);
    assert_eq!(recall(&memory).shown[&room("dev")][0].1.ranges(), [(1, 1)]);
    let outbox = OutboxFile::over(Connection::open_in_memory().unwrap(), &chat("alice")).unwrap();
    assert_eq!(outbox.messages().unwrap(), []);
}
