//! What a client's news means for the ledger.

use super::screen::Shown;
use super::{ClientNode, ClientProcess};
use crate::client::core::news::{News, Said};
use crate::client::core::session::SessionEffect;
use crate::link::{Event, Publication};
use crate::protocol::{FromServer, MessageId, SentId, Status, Topic};
use crate::simulation::ledger::{Fact, RunNumber, SenderNews, Showing};
use crate::simulation::run::stage::Stage;
use crate::simulation::run::wire;

/// Whether these effects answer the user's question for a page.
pub fn is_asked(effects: &[SessionEffect]) -> bool {
    effects.iter().any(|effect| matches!(effect, SessionEffect::Tell(News::Page { by_user: true, .. }, _)))
}

/// What is true once this is printed.
pub fn of_news(run: RunNumber, news: &News, asked: bool, stage: &Stage) -> Vec<Fact> {
    let told = |id: &MessageId, news| {
        let number = sent(id).and_then(|id| stage.number_of(id));
        number.map(|number| Fact::Told { run, number, news }).into_iter().collect()
    };
    match news {
        News::Said(said) => vec![of_said(run, said, asked, stage)],
        News::Stored(id) => told(id, SenderNews::Stored),
        News::Delivered(id) => told(id, SenderNews::Delivered),
        News::Waiting { id, .. } => told(id, SenderNews::Waiting),
        News::Refused(error) => error.of.iter().flat_map(|id| told(id, SenderNews::Refused)).collect(),
        News::Gap(room) => vec![Fact::Gap { run, room: room.to_string() }],
        News::Page { room, by_user: false, .. } => vec![Fact::InRoom { run, room: room.to_string() }],
        _ => Vec::new(),
    }
}

fn of_said(run: RunNumber, said: &Said, asked: bool, stage: &Stage) -> Fact {
    match stage.ledger.number(&said.text) {
        Some(number) => {
            let how = Showing { late: said.late, asked: asked && said.history, counted: false };
            Fact::Shown { run, number, how }
        }
        None => Fact::ShownStrange { run, text: said.text.clone() },
    }
}

/// What is true before this is printed: the client knows it.
pub fn at_once(run: RunNumber, news: &News, stage: &Stage) -> Option<Fact> {
    match news {
        News::Sent(id) => sent(id).and_then(|id| stage.number_of(id)).map(|number| Fact::Acknowledged { run, number }),
        News::Server(info) => Some(Fact::ServerTold { run, is_there: info.status == Status::Online }),
        _ => None,
    }
}

/// Whether a server says on chat/server that it is there, or is not.
pub fn is_of_server(event: &Event, stage: &Stage) -> bool {
    let Event::Message(message) = event else { return false };
    message.topic == stage.topics.name(&Topic::Server)
        && matches!(FromServer::parse(&message.payload), Ok(FromServer::Server(_)))
}

fn sent(id: &MessageId) -> Option<&SentId> {
    match id {
        MessageId::Sent(id) => Some(id),
        MessageId::Row(_) => None,
    }
}

impl ClientProcess {
    /// Without history, the client asks only for the end of a room.
    pub(super) fn note_question(&mut self, publication: &Publication) {
        if publication.topic.contains("/request/history")
            && let Some((room, request)) = wire::asks_for_end(&publication.payload)
        {
            self.ends_asked.insert(room, request);
        }
    }

    /// The room with a cursor from now on, because this answers the last question for its end.
    pub(super) fn learns_end(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Lost { .. } => self.ends_asked.clear(),
            Event::Message(message) if !self.ends_asked.is_empty() && message.topic.ends_with("/server") => {
                let (room, request) = wire::page_of(&message.payload)?;
                if self.ends_asked.get(&room) == Some(&request) {
                    self.ends_asked.remove(&room);
                    return Some(room);
                }
            }
            _ => {}
        }
        None
    }
}

impl ClientNode {
    pub(super) fn note_room(&mut self, room: Option<String>, stage: &mut Stage) {
        if let (Some(room), Some(process)) = (room, &mut self.process) {
            let fact = Fact::InRoom { run: process.run, room };
            match process.unread {
                Some(_) => stage.note(fact),
                // After what the page made it tell.
                None => self.show(Shown::News(vec![fact]), stage),
            }
        }
    }

    pub fn note_left(&mut self, room: String, stage: &mut Stage) {
        let Some(process) = &self.process else { return };
        let fact = Fact::LeftRoom { run: process.run, room };
        stage.note(fact.clone());
        // Once more after a page of the room that waits to be printed.
        self.show(Shown::News(vec![fact]), stage);
    }

    /// Its nick may be another one now.
    pub(super) fn note_nick(&mut self, stage: &mut Stage) {
        let Some(process) = &self.process else { return };
        if process.session.conversation().nick().as_str() != self.nick {
            self.nick = process.session.conversation().nick().to_string();
            stage.ledger.reached.insert("a new nick");
            stage.note(Fact::Nick { run: process.run, nick: self.nick.clone() });
        }
    }
}
