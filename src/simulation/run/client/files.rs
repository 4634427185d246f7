//! A client's files: the memory, whose thread carries out one order at a time, and the outbox on disk.

use super::ClientNode;
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::session::{OutboxChange, SessionEvent};
use crate::client::io::keeper::KeeperOrder;
use crate::client::io::memory::{ChatOwner, Memory, OutboxFile};
use crate::protocol::{Nick, NickKey};
use crate::simulation::disk::Disk;
use crate::simulation::ledger::Fact;
use crate::simulation::run::happening::{Happening, OfRun};
use crate::simulation::run::stage::Stage;

const MEMORY: &str = "/seen.db";
const OUTBOX: &str = "/outbox.db";

pub struct ClientFiles {
    memory: Option<Memory>,
    outbox: Option<OutboxFile>,
    /// No further order is taken.
    is_closed: bool,
    /// What was ordered last contains direct messages, whose receipts wait.
    has_receipts: bool,
    /// The last order could not be carried out.
    is_failing: bool,
    /// An order that began on a slow disk is being carried out.
    is_slow: bool,
    /// The outbox could not be written last.
    outbox_fails: bool,
    pub nick_is_taken: bool,
}

impl ClientFiles {
    pub fn new(memory: Option<Memory>, outbox: Option<OutboxFile>) -> ClientFiles {
        ClientFiles {
            memory,
            outbox,
            is_closed: false,
            has_receipts: false,
            is_failing: false,
            is_slow: false,
            outbox_fails: false,
            nick_is_taken: false,
        }
    }

    pub fn close(&mut self) {
        self.is_closed = true;
    }

    pub fn is_open(&self) -> bool {
        !self.is_closed
    }

    pub fn is_failing(&self) -> bool {
        self.is_failing
    }

    pub fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// The order is carried out. Whether receipts wait for that.
    pub fn reported(&mut self) -> bool {
        self.is_slow = false;
        std::mem::take(&mut self.has_receipts)
    }
}

fn owner(key: NickKey) -> ChatOwner {
    ChatOwner { broker: "broker:1883".to_owned(), root: "chat".to_owned(), key }
}

pub fn open_memory(disk: &Disk, nick: &Nick) -> Result<(Memory, Remembered), String> {
    let sql = disk.open(MEMORY).map_err(|error| error.to_string())?;
    let memory = Memory::over(sql, owner(nick.key().clone())).map_err(|error| error.to_string())?;
    let remembered = memory.recall().map_err(|error| error.to_string())?;
    Ok((memory, remembered))
}

/// Whose outbox it is, if it is anybody's.
pub fn owner_of_outbox(disk: &Disk) -> Option<String> {
    let sql = disk.open(OUTBOX).ok()?;
    sql.query_row("SELECT key FROM owner", [], |row| row.get(0)).ok()
}

pub fn open_outbox(disk: &Disk, nick: &Nick) -> Result<(OutboxFile, Remembered), String> {
    let sql = disk.open(OUTBOX).map_err(|error| error.to_string())?;
    sql.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(|error| error.to_string())?;
    let outbox = OutboxFile::over(sql, &owner(nick.key().clone())).map_err(|error| error.to_string())?;
    let messages = outbox.messages().map_err(|error| error.to_string())?;
    let server_seen = outbox.server_seen().map_err(|error| error.to_string())?;
    Ok((outbox, Remembered { outbox: messages, server_seen, ..Remembered::default() }))
}

impl ClientNode {
    /// The memory's thread carries this out.
    pub(super) fn keep(&mut self, order: KeeperOrder, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let files = &mut process.files;
        if files.is_closed {
            return;
        }
        let is_receipt = |memo: &Memo| matches!(memo, Memo::Shown { room: None, .. });
        files.has_receipts = matches!(&order, KeeperOrder::Keep(memos) if memos.iter().any(is_receipt));
        files.is_slow = self.machine.is_slow(stage.now());
        let report = order.carry_out(files.memory.as_mut());
        if let SessionEvent::Committed(result) = &report {
            files.is_failing = result.is_err();
            if files.is_failing {
                stage.ledger.reached.insert("a full disk that failed a client");
                stage.note(Fact::NotRemembered { run: process.run });
            }
        }
        self.note_standing(stage);
        let cost = self.machine.take_cost(stage.now(), &mut stage.rng);
        if let Some(process) = &self.process {
            stage.after(cost, Happening::Of(self.machine.node, process.run, OfRun::Report(report)));
        }
    }

    pub(super) fn change_outbox(&mut self, change: &OutboxChange, stage: &mut Stage) -> Option<SessionEvent> {
        let process = self.process.as_mut()?;
        let report = process.files.outbox.as_mut()?.change(change);
        let fails = matches!(report, Some(SessionEvent::OutboxFailed(_)));
        if std::mem::replace(&mut process.files.outbox_fails, fails) != fails {
            stage.note(Fact::OutboxFails { run: process.run, fails });
        }
        if let OutboxChange::Add(kept) = change {
            if let Some(id) = &kept.message.id
                && let Some(number) = stage.ledger.number(&kept.message.text)
            {
                stage.know(id.clone(), number);
                if report.is_none() {
                    stage.note(Fact::Taken { number });
                }
            }
            process.outbox_failed |= report.is_some();
        }
        report
    }

    /// It stands still while it is frozen, its output is blocked, or it cannot remember what it shows. At the end of a run
    /// that no longer changes.
    pub fn note_standing(&mut self, stage: &mut Stage) {
        let (now, at) = (stage.now(), stage.at());
        let Some(process) = self.process.as_ref().filter(|process| process.files.is_open()) else { return };
        let is_slow = self.machine.is_slow(now) || process.files.is_slow();
        let cannot_remember = process.files.is_failing() || (self.traits.memory && is_slow);
        match self.machine.is_frozen(now) || self.is_blocked(now) || cannot_remember {
            true => stage.ledger.run_stands_still(at, process.run),
            false => stage.ledger.run_goes_on(at, process.run),
        }
    }
}
