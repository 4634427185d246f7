//! The files of a run: the memory (in its own thread), the outbox on disk, and the option file of a first start.

use super::keyboard::broken;
use crate::client::app::setup::ToKeep;
use crate::client::app::start::Refusal;
use crate::client::core::news::News;
use crate::client::core::outbox::Kept;
use crate::client::core::session::SessionEvent;
use crate::client::io::keeper::Keeper;
use crate::client::io::memory::{Error, Memory, OutboxFile};
use crate::protocol::{Nick, SentId};

pub struct ClientFiles {
    pub keeper: Keeper,
    /// `--outbox`.
    outbox: Option<OutboxFile>,
    /// The answers of a first start, until a connection succeeds.
    to_keep: Option<ToKeep>,
}

impl ClientFiles {
    pub fn start(
        memory: Option<Memory>,
        outbox: Option<OutboxFile>,
        to_keep: Option<ToKeep>,
    ) -> Result<ClientFiles, Refusal> {
        let keeper = Keeper::start(memory).map_err(|error| broken("memory", error))?;
        Ok(ClientFiles { keeper, outbox, to_keep })
    }

    pub fn add_to_outbox(&mut self, kept: &Kept) -> Option<SessionEvent> {
        failed(self.outbox.as_mut()?.add(kept))
    }

    pub fn remove_from_outbox(&mut self, ids: &[SentId]) -> Option<SessionEvent> {
        failed(self.outbox.as_mut()?.remove(ids))
    }

    pub fn rename_outbox(&mut self, nick: &Nick) -> Option<SessionEvent> {
        failed(self.outbox.as_mut()?.be(nick)).or(Some(SessionEvent::OutboxRenamed))
    }

    pub fn note_server_in_outbox(&mut self) -> Option<SessionEvent> {
        failed(self.outbox.as_mut()?.note_server())
    }

    /// Saves the answers of a first start after the first connection.
    pub fn keep_answers(&mut self) -> Option<SessionEvent> {
        let to_keep = self.to_keep.take()?;
        let path = to_keep.path().display();
        Some(SessionEvent::Noticed(match to_keep.write() {
            Ok(()) => News::Hint(format!("broker and nick are kept in {path}; change them there")),
            Err(why) => News::Error { text: format!("broker and nick are not kept: {why}"), reference: None },
        }))
    }
}

fn failed(result: Result<(), Error>) -> Option<SessionEvent> {
    result.err().map(|error| SessionEvent::OutboxFailed(error.to_string()))
}
