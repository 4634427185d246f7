//! What the log says about the connection to the broker, and about a rival server.

use crate::link::{Failure, Version};
use crate::server::core::exchange::ServerExit;
use log::{debug, error, info, warn};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Contact {
    /// The last failure to connect.
    failure: Option<Failure>,
    /// The rival that the last look found.
    rival: Option<String>,
    /// The log has named it since the last connection.
    told_of_rival: bool,
}

impl Contact {
    pub fn connected(&mut self, session_present: bool, version: Version, refused: &[String]) {
        (self.rival, self.told_of_rival) = (None, false);
        let version = if version == Version::V5 { "5" } else { "3.1.1" };
        info!("connected mqtt={version} session_present={session_present}");
        for filter in refused {
            error!("the broker does not let the server subscribe to {filter}: its access rules must allow it");
        }
    }

    /// Advice about a failure is logged once.
    pub fn failed(&mut self, failure: &Failure) {
        self.rival = None;
        match self.failure.replace(failure.clone()) {
            Some(known) if known == *failure => warn!("cannot connect: {}", failure.what),
            _ => warn!("cannot connect: {failure}"),
        }
    }

    pub fn barred(&mut self, why: &str) {
        self.rival = Some(why.to_owned());
    }

    pub fn waiting(&mut self, delay: Duration) {
        match &self.rival {
            Some(why) if !std::mem::replace(&mut self.told_of_rival, true) => warn!(
                "another server seems to serve this chat now ({why}); this one stays away, keeps looking, and goes on \
                 when nothing answers. If there is no other, somebody forges one: the broker's access rules can \
                 prevent that, see \"Security\" in docs/protocol.md"
            ),
            Some(_) => debug!("looking again for another server in {:.1} s", delay.as_secs_f64()),
            None => info!("trying again in {:.1} s", delay.as_secs_f64()),
        }
    }

    /// The link gave up.
    pub fn ended(&self) -> ServerExit {
        match &self.rival {
            Some(why) => {
                error!(
                    "another server serves this chat ({why}); stop that one first, or give this one another --topic-root"
                );
                ServerExit::AnotherServer
            }
            None => ServerExit::LinkEnded { code: self.failure.as_ref().map_or(1, |failure| failure.kind.exit_code()) },
        }
    }
}
