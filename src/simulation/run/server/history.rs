//! What a server has at the end of a run, as its own reader sees it.

use super::{FILE, ServerNode};
use crate::protocol::{Cursor, RoomName};
use crate::server::core::record::{PagePosition, PageQuery};
use crate::server::store::sqlite::HistoryReader;
use crate::simulation::disk::Disk;
use crate::simulation::ledger::{Addressed, Fact, HistoryEntry, HistoryRecord, StateSize};
use crate::simulation::run::stage::Stage;
use std::collections::BTreeMap;

/// Messages in a page.
const PAGE: usize = 500;
/// Bytes of a service that has come to rest, as text: people, rooms and counters. The largest of 120 plans took 4 KB.
const SERVICE: usize = 32 * 1_024;

pub fn reader(disk: &Disk) -> Result<HistoryReader, String> {
    let sql = disk.open_to_read(FILE).map_err(|error| error.to_string())?;
    HistoryReader::on(sql).map_err(|error| error.to_string())
}

impl ServerNode {
    /// Its histories and its roster go into the ledger. It does nothing afterwards.
    pub fn account(&mut self, stage: &mut Stage) -> Result<(), String> {
        let now = stage.moment(self.machine.node);
        let serves = self.serves();
        if let Some(process) = &self.process {
            let size = format!("{:?}", process.service).len();
            let (party, what, bound) = (self.machine.party, "the service, as text,", SERVICE);
            stage.ledger.end.sizes.push(StateSize { party, what, size, bound });
        }
        let Some(database) = self.take_database(now.instant) else { return Ok(()) };
        let text = |error: crate::server::store::sqlite::Error| error.to_string();
        let roster = database.earlier_run().map_err(text)?;
        // One that another server keeps away knows nobody.
        if serves {
            let nicks = roster.seats.iter().map(|seat| seat.nick.to_string()).collect();
            stage.ledger.end.rosters.push((self.machine.party, nicks));
        }
        let reader = database.questions();
        let mut begins = BTreeMap::new();
        for (room, _) in reader.rooms().map_err(text)? {
            let (record, from) = self.history(reader, room)?;
            begins.insert(record.room.clone(), from);
            stage.ledger.end.histories.push(record);
        }
        self.note_removed(&begins, stage);
        Ok(())
    }

    /// The room's history, and the position before which retention has removed everything.
    fn history(&self, reader: &HistoryReader, room: RoomName) -> Result<(HistoryRecord, u64), String> {
        let mut record = HistoryRecord { server: self.index, room: room.to_string(), entries: Vec::new() };
        let (mut pos, mut begin) = (0, None);
        loop {
            let position = PagePosition::After(Cursor { epoch: reader.epoch().clone(), pos });
            let query = PageQuery { room: room.clone(), limit: PAGE, position };
            let page = reader.page(&query).map_err(|error| error.to_string())?;
            begin.get_or_insert(page.span.from);
            record.entries.extend(page.messages.into_iter().map(|entry| HistoryEntry {
                pos: entry.pos.unwrap_or_default(),
                nick: entry.nick.to_string(),
                text: entry.text,
                late: entry.late,
            }));
            if page.span.complete || page.span.to <= pos {
                return Ok((record, begin.unwrap_or_default()));
            }
            pos = page.span.to;
        }
    }

    fn note_removed(&mut self, begins: &BTreeMap<String, u64>, stage: &mut Stage) {
        for (number, (room, pos)) in std::mem::take(&mut self.places) {
            if begins.get(&room).is_none_or(|begin| pos <= *begin) {
                stage.note(Fact::Removed { server: self.index, number });
            }
        }
        if self.removes() {
            let is_direct = |number: &usize| matches!(stage.ledger.messages[*number].to, Addressed::Client { .. });
            let direct: Vec<usize> = (0..stage.ledger.messages.len()).filter(is_direct).collect();
            for number in direct {
                stage.note(Fact::Removed { server: self.index, number });
            }
        }
    }
}
