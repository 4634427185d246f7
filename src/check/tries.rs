//! The steps that need connections besides the main one: will, retained message, QoS 2, persistent session. And the
//! round trip.

use super::Check;
use super::core::judge::{self, SessionKept, Trouble};
use super::core::report::{Finding, Step};
use super::peer::{PATIENCE, Peer};
use crate::link::{Config, Failure, LONGEST_WAIT, Publication, Qos, Settings, Subscription, Version, probe};
use std::time::{Duration, Instant};

/// How many round trips to measure, and for how long at most.
const ROUND_TRIPS: u32 = 100;
const ROUND_TRIP_TIME: Duration = Duration::from_secs(10);

/// A connection that ends with its first failure.
pub fn config(check: &Check, client_id: String, subscriptions: Vec<Subscription>) -> Config {
    Config {
        settings: Settings { version: check.version, ..check.connection.settings.clone() },
        client_id,
        persistent: false,
        will: None,
        subscriptions,
        patient: false,
        longest_wait: LONGEST_WAIT,
        random: check.random.clone(),
        lookout: None,
    }
}

/// Drops a connection without a DISCONNECT, like a killed client. The link cannot do that; a probe can.
pub fn will(check: &mut Check) -> Finding {
    let topic = format!("{}/will", check.base);
    let result = match leave_a_will(check, &topic) {
        Ok(()) => check.on_main(|main| main.receive(PATIENCE, |message| message.topic == topic)),
        Err(failure) => Err(Trouble::Failed(failure)),
    };
    match result {
        Ok(_) => Finding::pass(Step::Will, "sent when a connection was lost"),
        Err(why) => judge::trouble(Step::Will, &why, check.topics.root()),
    }
}

fn leave_a_will(check: &Check, topic: &str) -> Result<(), Failure> {
    let settings = &check.connection.settings;
    let addresses = probe::resolve(&settings.address)?;
    let tcp = probe::reach(&settings.address, &addresses)?;
    let (channel, _) = probe::secure(settings, tcp)?;
    let hello = probe::Hello {
        v5: check.version == Version::V5,
        client_id: &check.random.client_id(),
        username: settings.username.as_deref(),
        password: settings.password.as_deref(),
        will: Some(probe::Will { topic, payload: b"gone" }),
    };
    match probe::hello(channel, settings, &hello)? {
        (0, _channel) => Ok(()),
        (code, _) => Err(Failure::connack(code)),
    }
}

pub fn retained(check: &mut Check) -> Finding {
    judge::retained(retain(check), check.topics.root())
}

fn retain(check: &Check) -> Result<(), Trouble> {
    let topic = format!("{}/retained", check.base);
    let clear =
        Publication { topic: topic.clone(), payload: Vec::new(), qos: Qos::AtLeastOnce, retain: true, ticket: None };
    let mut config = config(check, check.random.client_id(), Vec::new());
    // If this program is killed before it clears the message, the broker clears it.
    config.will = Some(Box::new(move |_| clear.clone()));
    let (mut peer, _) = Peer::open(config)?;
    peer.publish(&topic, b"kept", Qos::AtLeastOnce, true)?;
    peer.subscribe(&topic, Qos::AtLeastOnce);
    let kept = peer.receive(PATIENCE, |message| message.topic == topic && message.retained);
    peer.publish(&topic, b"", Qos::AtLeastOnce, true)?;
    peer.close();
    kept.map(|_| ())
}

/// QoS 2 on a separate connection: brokers without it close the connection.
pub fn exactly_once(check: &mut Check) -> Finding {
    let topic = format!("{}/qos2", check.base);
    let echo = || {
        let filter = Subscription::new(topic.clone(), Qos::ExactlyOnce);
        let (mut peer, joined) = Peer::open(config(check, check.random.client_id(), vec![filter]))?;
        if let Some(filter) = joined.refused.into_iter().next() {
            return Err(Trouble::Refused(filter));
        }
        let message = peer.echo(&topic, b"hello", Qos::ExactlyOnce)?;
        peer.close();
        Ok(message.qos)
    };
    judge::qos(Qos::ExactlyOnce, echo(), check.topics.root())
}

/// A session that persists while its client is offline, with a message published meanwhile. It is ended in any case.
pub fn session(check: &mut Check) -> Finding {
    let topic = format!("{}/session", check.base);
    let id = check.random.client_id();
    let config = |check: &Check, persistent| Config {
        persistent,
        ..config(check, id.clone(), vec![Subscription::new(topic.clone(), Qos::AtLeastOnce)])
    };
    let come_back = |check: &mut Check| {
        let (peer, _) = Peer::open(config(check, true))?;
        peer.close();
        check.on_main(|main| main.publish(&topic, b"meanwhile", Qos::AtLeastOnce, false))?;
        let (mut peer, joined) = Peer::open(config(check, true))?;
        let kept = match joined.session_present {
            false => SessionKept::Nothing,
            true => match peer.receive(PATIENCE, |message| message.topic == topic) {
                Ok(_) => SessionKept::Both,
                Err(Trouble::Silent(_)) => SessionKept::SessionOnly,
                Err(why) => return Err(why),
            },
        };
        peer.close();
        Ok(kept)
    };
    let result = come_back(check);
    // Connecting with a clean session ends the persistent one; if that fails, nothing more can be done.
    if let Ok((peer, _)) = Peer::open(config(check, false)) {
        peer.close();
    }
    judge::session(result, check.topics.root())
}

/// Measures from publication to arrival, one at a time, so that none waits behind another.
pub fn round_trip(check: &mut Check) -> Finding {
    let topic = format!("{}/trip", check.base);
    let mut times = Vec::new();
    let begun = Instant::now();
    let result = check.on_main(|main| {
        for number in 0..ROUND_TRIPS {
            if begun.elapsed() > ROUND_TRIP_TIME {
                break;
            }
            let payload = number.to_string().into_bytes();
            let sent = Instant::now();
            main.send(&topic, &payload, Qos::AtLeastOnce, false);
            main.receive(PATIENCE, |message| message.topic == topic && message.payload == payload)?;
            times.push(sent.elapsed());
        }
        Ok(())
    });
    match (result, judge::round_trip(times)) {
        (Err(why), _) => judge::trouble(Step::RoundTrip, &why, check.topics.root()),
        (Ok(()), Some(finding)) => finding,
        (Ok(()), None) => judge::trouble(Step::RoundTrip, &Trouble::Silent(ROUND_TRIP_TIME), check.topics.root()),
    }
}
