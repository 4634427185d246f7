//! The start of a client, as `client::app` starts it from options.

use super::files::{self, ClientFiles};
use super::terminal::Terminal;
use super::uplink::Uplink;
use super::{ClientNode, ClientProcess};
use crate::client::core::conversation::{Config, Role};
use crate::client::core::memo::Remembered;
use crate::client::core::session::{ClientSession, Mode, SessionConfig, SessionEvent};
use crate::client::core::unread::Unread;
use crate::client::io::door::Door;
use crate::link::Qos;
use crate::protocol::{Nick, RoomName};
use crate::simulation::faults::LOBBY;
use crate::simulation::ledger::Fact;
use crate::simulation::plan::ClientKind;
use crate::simulation::run::machine::Inbox;
use crate::simulation::run::stage::Stage;
use std::collections::BTreeMap;
use std::time::Duration;

/// A sender does not give up.
const WAIT: Duration = Duration::from_secs(86_400);

impl ClientNode {
    /// Starts it.
    ///
    /// # Errors
    /// Its files cannot be used now.
    pub fn start(&mut self, stage: &mut Stage) -> Result<(), String> {
        let now = stage.moment(self.machine.node);
        self.machine.disk.set_wall(now.wall.timestamp_millis());
        if self.traits.outbox
            && let Some(key) = files::owner_of_outbox(&self.machine.disk)
        {
            self.nick_is(key);
        }
        let parse = |name: &str| Nick::parse(name).map_err(|error| error.to_string());
        let nick = parse(&self.nick)?;
        let mode = match self.traits.kind {
            ClientKind::Member => Mode::Chat,
            ClientKind::Json => Mode::Json,
            ClientKind::Library => Mode::Embedded,
            ClientKind::Sender | ClientKind::Original => Mode::Sender,
        };
        let (memory, mut remembered) = match self.traits.memory {
            true => {
                let (memory, remembered) = files::open_memory(&self.machine.disk, &nick)?;
                (Some(memory), remembered)
            }
            false => (None, Remembered::default()),
        };
        let outbox = match self.traits.outbox {
            true => {
                let (outbox, unsettled) = files::open_outbox(&self.machine.disk, &nick)?;
                remembered.outbox = unsettled.outbox;
                remembered.server_seen |= unsettled.server_seen;
                Some(outbox)
            }
            false => None,
        };
        let rooms: Vec<RoomName> = self.rooms.iter().filter_map(|room| RoomName::parse(room).ok()).collect();
        let run = stage.ledger.run_started(stage.at(), self.machine.party);
        stage.note(Fact::Nick { run, nick: self.nick.clone() });
        let here = [LOBBY].into_iter().chain(self.rooms.iter().map(String::as_str));
        for room in here.filter(|_| self.traits.history) {
            if RoomName::parse(room).is_ok_and(|room| remembered.cursors.contains_key(&room)) {
                stage.note(Fact::InRoom { run, room: room.to_owned() });
            }
        }
        // To the chat, what is in an outbox is sent again.
        for kept in &remembered.outbox {
            if let Some(number) = stage.ledger.number(&kept.message.text) {
                stage.note(Fact::SentAgain { number });
            }
        }
        let is_sender = mode == Mode::Sender;
        let config = SessionConfig {
            mode,
            client_id: None,
            addressee: None,
            wait: is_sender.then_some(WAIT),
            count: None,
            outlives_input: false,
            has_memory: memory.is_some(),
            conversation: Config {
                nick,
                role: if is_sender { Role::Sender } else { Role::Member },
                rooms,
                topics: stage.topics.clone(),
                qos: Qos::AtLeastOnce,
                broker: "broker:1883".to_owned(),
                history: self.traits.history,
                on_terminal: mode == Mode::Chat,
                verbose: false,
                local: |naive| Some(naive.and_utc().fixed_offset()),
                remembered,
                keeps_outbox: outbox.is_some(),
            },
        };
        let random = stage.stream().random();
        let session = ClientSession::new(config, random, now.instant);
        self.process = Some(ClientProcess {
            run,
            terminal: (mode == Mode::Chat).then(|| Terminal::new(session.conversation())),
            session,
            uplink: Uplink::new(self.machine.node),
            files: ClientFiles::new(memory, outbox),
            screen: ClientNode::draw_screen(stage),
            unread: (mode == Mode::Embedded).then(|| Unread::new(stage.topics.clone())),
            door: Door::new(stage.topics.clone(), ClientNode::draw_limits(stage)),
            inbox: Inbox::new(),
            ticked: stage.now(),
            has_seen_server: false,
            giving: None,
            outbox_failed: false,
            quits: false,
            ending: None,
            ended: None,
            ends_asked: BTreeMap::new(),
        });
        self.handle(SessionEvent::Start, stage);
        self.heard();
        self.note_standing(stage);
        Ok(())
    }

    /// The outbox is another nick's: `--nick` has to be that one.
    fn nick_is(&mut self, key: String) {
        if !self.nick.eq_ignore_ascii_case(&key) {
            self.nick = key;
        }
    }
}
