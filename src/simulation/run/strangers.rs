//! Strangers on the broker: they take over a client identifier, or publish what nobody should.

use super::happening::Happening;
use super::stage::{LinkTerms, Stage};
use crate::link::machine::Input;
use crate::link::{Event, LONGEST_WAIT, Publication, Qos, Version};
use crate::protocol::SentId;
use crate::simulation::ledger::{STRANGE_TEXT, STRANGER};
use crate::simulation::network::{ConnId, Parcel};
use crate::simulation::plan::Stray;
use crate::simulation::tether::Tether;
use crate::simulation::world::{Micros, NodeId, S};

/// All of them, on a node of their own.
pub struct Strangers {
    node: NodeId,
    links: Vec<Stranger>,
}

struct Stranger {
    link: Tether,
    /// To be published once it is connected.
    words: Vec<Publication>,
    until: Micros,
}

/// How long a stranger stays.
const STAY: Micros = 2 * S;

pub fn take_over(client_id: String, strangers: &mut Strangers, stage: &mut Stage) {
    strangers.come(client_id, Vec::new(), stage);
}

pub fn publish(stray: Stray, strangers: &mut Strangers, stage: &mut Stage) {
    let word = |topic: &str, payload: Vec<u8>, retain: bool| Publication {
        topic: topic.to_owned(),
        payload,
        qos: Qos::AtLeastOnce,
        retain,
        ticket: None,
    };
    let words = match stray {
        Stray::Garbage => [
            "chat/messages",
            "chat/messages/ann",
            "chat/rooms/red/ann",
            "chat/private/ann/ben",
            "chat/private/ann/server",
            "chat/presence/ann",
            "chat/presence",
            "chat/request/users/ann",
            "chat/request/history",
            "chat/marks/lobby",
            "chat/system",
            "chat/users",
            "chat/server",
        ]
        .iter()
        .map(|topic| word(topic, b"\xff{nonsense".to_vec(), false))
        .collect(),
        Stray::TooLarge => {
            let text = "x".repeat(66_000);
            let payload = format!(r#"{{"type":"chat","username":"ann","message":"{text}"}}"#);
            vec![word("chat/messages", payload.into_bytes(), false)]
        }
        Stray::WrongSender => {
            let payload = r#"{"type":"chat","username":"ben","message":"forged","session":"zzzzzzzzzzzz","seq":1}"#;
            vec![word("chat/messages/ann", payload.into(), false), word("chat/rooms/red/ann", payload.into(), false)]
        }
        Stray::TakenIds => {
            let places = [("chat/messages/zoe", "lobby"), ("chat/rooms/red/zoe", "red")];
            let ids = stage.coming_ids();
            let words = ids.iter().flat_map(|id| places.map(|place| (id, place))).map(|(id, (topic, room))| {
                let SentId { session, seq } = id;
                let payload = format!(
                    r#"{{"type":"chat","username":"{STRANGER}","message":"{STRANGE_TEXT}","session":"{session}","seq":{seq},"room":"{room}"}}"#
                );
                word(topic, payload.into_bytes(), false)
            });
            words.collect()
        }
        Stray::Offline => {
            let payload = r#"{"type":"server","status":"offline","instance":"earlier","version":"0"}"#;
            vec![word("chat/server", payload.into(), true)]
        }
    };
    let client_id = format!("stranger-{}", stage.stream().draw());
    strangers.come(client_id, words, stage);
}

impl Strangers {
    pub fn new(node: NodeId) -> Strangers {
        Strangers { node, links: Vec::new() }
    }

    pub fn node(&self) -> NodeId {
        self.node
    }

    fn come(&mut self, client_id: String, words: Vec<Publication>, stage: &mut Stage) {
        let terms = LinkTerms {
            client_id,
            persistent: false,
            will: None,
            subscriptions: Vec::new(),
            patient: false,
            longest_wait: LONGEST_WAIT,
            version: Version::V311,
            lookout: None,
        };
        let config = stage.link_config(terms);
        let link = Tether::new(self.node, stage.world.timeline, config, stage.now());
        self.links.push(Stranger { link, words, until: stage.now() + STAY });
        stage.after(STAY, Happening::StrangersLeave);
    }

    pub fn due(&self) -> Option<Micros> {
        self.links.iter().filter_map(|stranger| stranger.link.due()).min()
    }

    pub fn turn(&mut self, stage: &mut Stage) {
        let now = stage.now();
        for stranger in &mut self.links {
            let events = stranger.link.turn(now, &mut stage.outside);
            stranger.heard(&events, stage);
        }
    }

    pub fn received(&mut self, conn: ConnId, parcel: &Parcel, stage: &mut Stage) {
        let now = stage.now();
        for stranger in &mut self.links {
            let events = stranger.link.received(now, conn, parcel.clone(), &mut stage.outside);
            stranger.heard(&events, stage);
        }
    }

    /// Those whose time is over.
    pub fn leave(&mut self, stage: &mut Stage) {
        let now = stage.now();
        let (gone, here) = std::mem::take(&mut self.links).into_iter().partition(|stranger| stranger.until <= now);
        self.links = here;
        let gone: Vec<Stranger> = gone;
        gone.into_iter().for_each(|stranger| stranger.link.kill(now, &mut stage.outside));
    }
}

impl Stranger {
    fn heard(&mut self, events: &[Event], stage: &mut Stage) {
        if events.iter().any(|event| matches!(event, Event::Connected { .. })) {
            for word in std::mem::take(&mut self.words) {
                self.link.handle(stage.now(), Input::Publish(word), &mut stage.outside);
            }
        }
    }
}
