//! The files of a run: the memory (in its own thread), the outbox on disk, and the option file of a first start.

use crate::client::app::setup::ToKeep;
use crate::client::core::news::News;
use crate::client::core::session::SessionEvent;
use crate::client::io::keeper::Keeper;
use crate::client::io::memory::OutboxFile;

pub struct ClientFiles {
    pub keeper: Keeper,
    /// `--outbox`.
    pub outbox: Option<OutboxFile>,
    /// The answers of a first start, until a connection succeeds.
    pub to_keep: Option<ToKeep>,
}

impl ClientFiles {
    /// Saves the answers of a first start after the first connection.
    pub fn keep_answers(&mut self) -> Option<SessionEvent> {
        let to_keep = self.to_keep.take()?;
        let path = to_keep.path().display();
        let news = match to_keep.write() {
            Ok(()) => News::Hint(format!("broker and nick are kept in {path}; change them there")),
            Err(why) => News::Error(format!("broker and nick are not kept: {why}")),
        };
        Some(SessionEvent::Noticed(news, None))
    }
}
