//! Both files on a disk: what comes back, what is refused, and what several processes do to each other.

use super::*;
use crate::client::outbox::{Kept, Message};
use crate::protocol::{Chat, Nick, SentId, Session};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const SESSION: &str = "k3v9x2m1q8f0";

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
        self.0.join("state").join("client.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn chat(nick: &str) -> Place {
    let key = NickKey::parse(nick).unwrap();
    Place { broker: "localhost:1883".to_owned(), root: "chat".to_owned(), key }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn id(seq: usize) -> MessageId {
    MessageId::parse(&format!("{SESSION}-{seq}")).unwrap()
}

fn shown(name: &str, seq: usize) -> Memo {
    Memo::Shown { room: room(name), key: NickKey::parse("bob").unwrap(), id: id(seq) }
}

fn cursor(name: &str, pos: u64) -> Memo {
    Memo::Cursor { room: room(name), cursor: Cursor { epoch: Epoch::parse("rkrxc5f0sqnm").unwrap(), pos } }
}

#[test]
fn what_is_kept_comes_back_and_is_its_users_own() {
    let folder = Folder::new();
    let mut memory = Memory::open(&folder.file(), chat("alice")).unwrap();
    let direct = Memo::ShownDirect { key: NickKey::parse("bob").unwrap(), id: id(9) };
    memory.keep(&[cursor("lobby", 3), shown("dev", 1), shown("dev", 2), shown("dev", 1), direct]).unwrap();
    memory.keep(&[cursor("lobby", 7), Memo::ServerSeen]).unwrap();
    drop(memory);
    let memory = Memory::open(&folder.file(), chat("alice")).unwrap();
    let remembered = memory.recall().unwrap();
    assert_eq!(remembered.cursors[&room("lobby")].pos, 7);
    let ids: Vec<_> = remembered.shown[&room("dev")].iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(ids, [id(1), id(2)]);
    assert_eq!(remembered.shown_direct, [(NickKey::parse("bob").unwrap(), id(9))]);
    assert!(remembered.server_seen);

    let mut memory = Memory::open(&folder.file(), chat("carol")).unwrap();
    let remembered = memory.recall().unwrap();
    assert!(remembered.cursors.is_empty() && remembered.shown.is_empty() && remembered.server_seen);
    memory.be(NickKey::parse("alice").unwrap()).unwrap();
    assert_eq!(memory.recall().unwrap().cursors.len(), 1);

    assert!(memory.server_seen().unwrap(), "whoever saw it");

    let elsewhere = Place { root: "ours".to_owned(), ..chat("alice") };
    let remembered = Memory::open(&folder.file(), elsewhere).unwrap().recall().unwrap();
    assert!(remembered.cursors.is_empty() && !remembered.server_seen);
}

#[test]
fn only_the_last_are_kept() {
    let folder = Folder::new();
    let mut memory = Memory::open(&folder.file(), chat("alice")).unwrap();
    for first in (0..SHOWN + 2 * SLACK).step_by(SLACK / 2) {
        let memos: Vec<_> = (first..first + SLACK / 2).map(|seq| shown("lobby", seq + 1)).collect();
        memory.keep(&memos).unwrap();
    }
    let lobby = memory.recall().unwrap().shown.remove(&room("lobby")).unwrap();
    assert!((SHOWN..=SHOWN + SLACK).contains(&lobby.len()), "{}", lobby.len());
    assert_eq!(lobby.last().unwrap().1, id(SHOWN + 2 * SLACK));
}

/// The test runs itself as further processes, each of which keeps so many.
#[test]
fn two_processes_share_it() {
    const FILE: &str = "MQTTCHAT_TEST_MEMORY";
    const NAME: &str = "MQTTCHAT_TEST_NAME";
    const TURNS: usize = 100;
    if let (Some(file), Ok(name)) = (std::env::var_os(FILE), std::env::var(NAME)) {
        let mut memory = Memory::open(Path::new(&file), chat("alice")).unwrap();
        for seq in 1..=TURNS {
            memory.keep(&[shown(&name, seq), cursor(&name, seq as u64)]).unwrap();
        }
        return;
    }
    let folder = Folder::new();
    let run = |name: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["client::memory::tests::two_processes_share_it", "--exact"]);
        command.env(FILE, folder.file()).env(NAME, name).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    for mut process in ["one", "two", "three"].map(run) {
        assert!(process.wait().unwrap().success());
    }
    let remembered = Memory::open(&folder.file(), chat("alice")).unwrap().recall().unwrap();
    for name in ["one", "two", "three"] {
        assert_eq!(remembered.shown[&room(name)].len(), TURNS);
        assert_eq!(remembered.cursors[&room(name)].pos, TURNS as u64);
    }
}

#[test]
fn what_cannot_be_used_is_said_in_a_line() {
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
        let text = match id {
            APPLICATION_ID => Memory::open(&later, chat("alice")).err().unwrap().to_string(),
            _ => OutboxFile::open(&later, &chat("alice")).err().unwrap().to_string(),
        };
        assert_eq!(text, "it has version 99, this program knows 1");
    }
}

fn kept(seq: u64, name: &str) -> Kept {
    Kept {
        message: Message::Chat(Chat {
            nick: Nick::parse("Alice").unwrap(),
            text: format!("text {seq}"),
            timestamp: None,
            id: SentId::new(Session::parse(SESSION).unwrap(), seq),
            room: room(name),
            action: false,
            late: false,
        }),
        reference: (seq == 2).then(|| seq.into()),
    }
}

#[test]
fn an_outbox_gives_back_what_is_not_settled() {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    let mut file = OutboxFile::open(&path, &chat("alice")).unwrap();
    let all = [kept(1, "lobby"), kept(2, "dev"), kept(3, "lobby")];
    all.iter().for_each(|kept| file.add(kept).unwrap());
    file.remove(&[all[0].message.id().unwrap().clone()]).unwrap();
    drop(file);
    let file = OutboxFile::open(&path, &chat("alice")).unwrap();
    assert_eq!(file.messages().unwrap(), all[1..]);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_outbox_has_one_run_and_one_owner() {
    let folder = Folder::new();
    let path = folder.0.join("outbox");
    let open = |place: &Place| OutboxFile::open(&path, place).map_err(|error| error.to_string());
    let first = open(&chat("alice")).unwrap();
    assert_eq!(open(&chat("alice")).err().unwrap(), "another run uses it");
    drop(first);
    let others = [
        chat("bob"),
        Place { root: "ours".to_owned(), ..chat("alice") },
        Place { broker: "b".to_owned(), ..chat("alice") },
    ];
    for other in &others {
        let text = open(other).err().unwrap();
        assert!(text.starts_with("it belongs to alice at localhost:1883 with the topic root chat"), "{text}");
    }
    assert!(open(&chat("alice")).is_ok());
}
