//! The connections of a server's process: the one in use, the second one at a clean stop, and those that are closed.

use super::ServerProcess;
use crate::link::machine::Input;
use crate::link::{Event, LONGEST_WAIT, Publication, Version};
use crate::server::core::exchange::ServiceEvent;
use crate::simulation::run::machine::Channel;
use crate::simulation::run::stage::{LinkTerms, Stage};
use crate::simulation::tether::Tether;
use crate::simulation::world::{MS, Micros, NodeId};
use std::time::Duration;

/// What a hang-up takes beyond its time.
const GRACE: Micros = 100 * MS;

impl ServerProcess {
    pub(super) fn links(&self) -> impl Iterator<Item = &Tether> {
        let hanging = self.hanging.as_ref().map(|(link, _)| link);
        self.link.iter().chain(&self.second).chain(hanging).chain(&self.dropped)
    }

    /// As the connection's callback: through the door, into the inbox.
    pub(super) fn heard(&mut self, events: impl Iterator<Item = Event>, stage: &mut Stage) {
        for event in events {
            let pass = match &event {
                Event::Message(message) => match self.door.enter(message, stage.world.timeline.instant(stage.now())) {
                    None => continue,
                    pass => {
                        stage.server_hears(self.index, message);
                        pass
                    }
                },
                _ => None,
            };
            self.inbox.put(Channel::Link, (ServiceEvent::Link(event), pass));
        }
    }

    pub(super) fn second_says(&mut self, events: impl Iterator<Item = Event>) {
        for event in events {
            let result = match event {
                Event::Connected { .. } => Ok(()),
                Event::Failed(failure) => Err(failure.what),
                _ => continue,
            };
            self.inbox.put(Channel::Own, (ServiceEvent::Second(result), None));
        }
    }

    pub(super) fn publish(&mut self, publication: Publication, stage: &mut Stage) {
        let Some(link) = &mut self.link else { return };
        stage.server_publishes(self.index, &publication);
        let events = link.handle(stage.now(), Input::Publish(publication), &mut stage.outside);
        self.heard(events.into_iter(), stage);
    }

    pub(super) fn open_second(&mut self, node: NodeId, client_id: String, will: Publication, stage: &mut Stage) {
        let terms = LinkTerms {
            client_id,
            persistent: false,
            will: Some(Box::new(move |_| will.clone())),
            subscriptions: Vec::new(),
            patient: false,
            longest_wait: LONGEST_WAIT,
            version: Version::Auto,
            lookout: None,
        };
        self.second = Some(open(node, terms, stage));
    }

    pub(super) fn drop_link(&mut self, link: Option<Tether>, stage: &mut Stage) {
        if let Some(mut link) = link {
            link.handle(stage.now(), Input::Close { last: None, within: Duration::ZERO }, &mut stage.outside);
            self.dropped.push(link);
        }
    }

    pub(super) fn hang_up(&mut self, last: Option<Publication>, within: Duration, stage: &mut Stage) {
        let now = stage.now();
        let until = now + within.as_micros() as Micros + GRACE;
        match std::mem::replace(&mut self.link, self.second.take()) {
            Some(mut link) => {
                let events = link.handle(now, Input::Close { last, within }, &mut stage.outside);
                self.heard(events.into_iter(), stage);
                self.hanging = Some((link, until));
            }
            // There is nothing to wait for.
            None => self.inbox.put(Channel::Link, (ServiceEvent::HungUp, None)),
        }
    }
}

pub fn open(node: NodeId, terms: LinkTerms, stage: &mut Stage) -> Tether {
    let config = stage.link_config(terms);
    Tether::new(node, stage.world.timeline, config, stage.now())
}
