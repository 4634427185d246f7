//! The link of a session, opened and replaced as the session says.

use crate::client::core::session::{LinkOrder, Opening};
use crate::link::machine::Input;
use crate::link::{Event, Publication, Version};
use crate::simulation::network::{ConnId, Parcel};
use crate::simulation::outside::Outside;
use crate::simulation::run::stage::Stage;
use crate::simulation::tether::Tether;
use crate::simulation::world::{Micros, NodeId};
use std::time::Duration;

pub struct Uplink {
    node: NodeId,
    pub client_id: String,
    /// With its number.
    link: Option<(u32, Tether)>,
    /// Links that were let go. The next one waits for the last of them.
    farewells: Vec<Tether>,
    events: Vec<(u32, Event)>,
}

impl Uplink {
    pub fn new(node: NodeId) -> Uplink {
        Uplink { node, client_id: String::new(), link: None, farewells: Vec::new(), events: Vec::new() }
    }

    pub fn is_open(&self) -> bool {
        self.link.is_some()
    }

    /// Nothing is left to be said.
    pub fn is_silent(&self) -> bool {
        self.link.is_none() && self.farewells.iter().all(Tether::has_ended)
    }

    pub fn take_events(&mut self) -> Vec<(u32, Event)> {
        std::mem::take(&mut self.events)
    }

    pub fn carry_out(&mut self, order: LinkOrder, stage: &mut Stage) {
        match order {
            LinkOrder::Open(opening) => self.open(opening, stage),
            LinkOrder::LetGo(leave) => self.end_link(leave, Opening::FAREWELL, stage),
            LinkOrder::Publish(publication) => self.order(Input::Publish(publication), stage),
            LinkOrder::Subscribe(subscription) => self.order(Input::Subscribe(subscription), stage),
            LinkOrder::Unsubscribe(filter) => self.order(Input::Unsubscribe { filter }, stage),
        }
    }

    fn open(&mut self, opening: Opening, stage: &mut Stage) {
        self.end_link(None, Duration::ZERO, stage);
        self.client_id.clone_from(&opening.client_id);
        let number = opening.number;
        let config = opening.config(stage.link_settings(Version::Auto), stage.stream().random());
        let waits = self.farewells.last().is_some_and(|farewell| !farewell.has_ended());
        let begin = stage.now() + if waits { Opening::FAREWELL.as_micros() as Micros } else { 0 };
        let link = Tether::new(self.node, stage.world.timeline, config, begin);
        self.link = Some((number, link));
    }

    /// The run ends.
    pub fn close(&mut self, leave: Option<Publication>, within: Duration, stage: &mut Stage) {
        self.end_link(leave, within, stage);
    }

    fn end_link(&mut self, last: Option<Publication>, within: Duration, stage: &mut Stage) {
        if let Some((_, mut link)) = self.link.take() {
            link.handle(stage.now(), Input::Close { last, within }, &mut stage.outside);
            self.farewells.push(link);
        }
    }

    fn order(&mut self, input: Input, stage: &mut Stage) {
        if let Some((number, link)) = &mut self.link {
            let events = link.handle(stage.now(), input, &mut stage.outside);
            self.events.extend(events.into_iter().map(|event| (*number, event)));
        }
    }

    pub fn received(&mut self, conn: ConnId, parcel: &Parcel, stage: &mut Stage) {
        let now = stage.now();
        for farewell in &mut self.farewells {
            farewell.received(now, conn, parcel.clone(), &mut stage.outside);
        }
        if let Some((number, link)) = &mut self.link {
            let events = link.received(now, conn, parcel.clone(), &mut stage.outside);
            self.events.extend(events.into_iter().map(|event| (*number, event)));
        }
        self.look_at_farewells(stage);
    }

    pub fn due(&self) -> Option<Micros> {
        let link = self.link.as_ref().and_then(|(_, link)| link.due());
        self.farewells.iter().filter_map(Tether::due).chain(link).min()
    }

    pub fn turn(&mut self, stage: &mut Stage) {
        let now = stage.now();
        for farewell in &mut self.farewells {
            farewell.turn(now, &mut stage.outside);
        }
        if let Some((number, link)) = &mut self.link {
            let events = link.turn(now, &mut stage.outside);
            self.events.extend(events.into_iter().map(|event| (*number, event)));
        }
        self.look_at_farewells(stage);
    }

    /// When the last word is said, the next link need not wait any longer.
    fn look_at_farewells(&mut self, stage: &mut Stage) {
        if !self.farewells.is_empty() && self.farewells.iter().all(Tether::has_ended) {
            self.farewells.clear();
            self.order(Input::Begin, stage);
        }
    }

    pub fn kill(self, now: Micros, outside: &mut Outside) {
        self.farewells.into_iter().chain(self.link.map(|(_, link)| link)).for_each(|link| link.kill(now, outside));
    }
}
