//! What the result of each step means: from what happened to a finding.

use super::report::{Finding, Step};
use crate::link::probe::TlsFacts;
use crate::link::{Failure, FailureKind, Qos};
use std::time::Duration;

/// A longer round trip slows a conversation down.
const SLOW: Duration = Duration::from_millis(500);

/// Why something did not work on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No connection was made.
    Failed(Failure),
    /// The broker does not grant this subscription.
    Refused(String),
    /// The broker rejected a publication.
    Rejected(String),
    /// The connection was lost.
    Lost(String),
    /// Nothing arrived within this time.
    Silent(Duration),
}

/// A step that did not work. `root` is the chat's.
pub fn trouble(step: Step, trouble: &Trouble, root: &str) -> Finding {
    let rules = format!("let the broker's access rules allow this account to read and write {root}/#");
    match trouble {
        Trouble::Failed(failure) => Finding::fail(step, failure.what.as_str(), failure.cure.as_str()),
        Trouble::Refused(filter) => {
            Finding::fail(step, format!("the broker refuses the subscription to {filter}"), rules)
        }
        Trouble::Rejected(reason) => Finding::fail(step, format!("the broker rejects the message: {reason}"), rules),
        Trouble::Lost(reason) => {
            Finding::fail(step, reason.as_str(), "the broker's log may say why it closed the connection")
        }
        Trouble::Silent(within) => Finding::fail(
            step,
            format!("nothing arrived within {} s", within.as_secs()),
            format!("the broker may drop messages silently: {rules}"),
        ),
    }
}

/// A retained message; `Ok`: a later subscriber received it.
pub fn retained(result: Result<(), Trouble>, root: &str) -> Finding {
    /// MQTT 5's code; the first to be refused is the will that would clear the message.
    const RETAIN_NOT_SUPPORTED: u8 = 0x9A;
    match result {
        Ok(()) => Finding::pass(Step::Retained, "delivered to a later subscriber, and cleared"),
        Err(Trouble::Failed(failure)) if failure.kind == FailureKind::Connack(RETAIN_NOT_SUPPORTED) => Finding::fail(
            Step::Retained,
            "the broker keeps no retained messages",
            "allow them in its configuration (Mosquitto: retain_available true)",
        ),
        Err(why) => trouble(Step::Retained, &why, root),
    }
}

pub fn tls(facts: &TlsFacts) -> Finding {
    let certificate = &facts.certificate;
    let names = certificate.names.join(", ");
    let detail = format!(
        "{}, {}; certificate of {} for {}, issued by {}, {} days left",
        facts.version,
        facts.cipher,
        certificate.subject,
        if names.is_empty() { "no names" } else { &names },
        certificate.issuer,
        certificate.days_left
    );
    Finding::pass(Step::Tls, detail)
        .with("version", facts.version.as_str())
        .with("cipher", facts.cipher.as_str())
        .with("subject", certificate.subject.as_str())
        .with("names", certificate.names.clone())
        .with("issuer", certificate.issuer.as_str())
        .with("not_after", certificate.not_after.as_str())
        .with("days_left", certificate.days_left)
}

/// A message published at `qos`, and the quality of service with which it arrived.
pub fn qos(qos: Qos, result: Result<Qos, Trouble>, root: &str) -> Finding {
    let step = Step::Qos(qos as u8);
    const COST: &str =
        "-q 2 does not work; a chat only needs QoS 1, because a message that arrives twice is shown once";
    match result {
        Ok(delivered) if delivered >= qos => Finding::pass(step, "published and received"),
        Ok(delivered) if qos == Qos::ExactlyOnce => {
            Finding::not_supported(step, format!("delivered with QoS {}", delivered as u8), COST)
        }
        Ok(delivered) => Finding::fail(
            step,
            format!("delivered with QoS {}", delivered as u8),
            "see the broker's configuration for its highest QoS",
        ),
        // Brokers without QoS 2 close the connection or do not answer.
        Err(Trouble::Lost(_) | Trouble::Silent(_) | Trouble::Rejected(_)) if qos == Qos::ExactlyOnce => {
            Finding::not_supported(step, "the broker accepts no message with it", COST)
        }
        Err(why) => trouble(step, &why, root),
    }
}

/// What remains of a persistent session that was offline, and of a message published meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKept {
    /// The session and the message in it.
    Both,
    SessionOnly,
    Nothing,
}

pub fn session(result: Result<SessionKept, Trouble>, root: &str) -> Finding {
    const COST: &str = "messages sent while the chat server is offline do not get into the history";
    match result {
        Ok(SessionKept::Both) => Finding::pass(Step::Session, "a message published meanwhile was waiting"),
        Ok(SessionKept::SessionOnly) => {
            Finding::not_supported(Step::Session, "the session is kept, but no message waits in it", COST)
        }
        Ok(SessionKept::Nothing) => Finding::not_supported(Step::Session, "the broker does not keep it", COST),
        Err(why) => trouble(Step::Session, &why, root),
    }
}

/// The measured round trips; `None` if none was completed.
pub fn round_trip(mut times: Vec<Duration>) -> Option<Finding> {
    times.sort();
    // The nearest rank: the smallest time that this percentage of them does not exceed.
    let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    let (minimum, median, p99) = (at(0)?, at(50)?, at(99)?);
    let detail = format!("minimum {}, median {}, 99th percentile {}", shown(minimum), shown(median), shown(p99));
    let finding = match median > SLOW {
        false => Finding::pass(Step::RoundTrip, detail),
        true => Finding::fail(
            Step::RoundTrip,
            format!("{detail}: high latency"),
            "check the network and the broker's load; a broker closer to its users answers sooner",
        ),
    };
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let finding = finding.with("messages", times.len()).with("minimum_us", micros(minimum));
    Some(finding.with("median_us", micros(median)).with("p99_us", micros(p99)))
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// Whether the given identifier is free; `lost`: why the connection was lost.
pub fn client_id(id: &str, lost: Option<&str>) -> Finding {
    match lost {
        None => Finding::pass(Step::ClientId, format!("no other program connected as {id}")),
        Some(reason) => Finding::fail(
            Step::ClientId,
            format!("another program connects as {id} and takes over the connection ({reason})"),
            "give each program its own identifier with --id, or omit --id and MQTT_CLIENT_ID",
        ),
    }
}

pub fn subscriptions(count: usize, refused: &[String], root: &str) -> Finding {
    match refused {
        [] => Finding::pass(Step::Subscriptions, format!("all {count} granted")),
        refused => trouble(Step::Subscriptions, &Trouble::Refused(refused.join(", ")), root),
    }
}

/// The connections that were lost during the steps.
pub fn steady(losses: &[String]) -> Finding {
    match losses {
        [] => Finding::pass(Step::Steady, "no connection was lost"),
        [first, ..] => Finding::fail(
            Step::Steady,
            format!("connections lost: {}; the first: {first}", losses.len()),
            "see the broker's log; if the network drops idle connections, use a shorter --keepalive",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Outcome;
    use super::*;

    #[test]
    fn round_trips() {
        let millis = |times: std::ops::RangeInclusive<u64>| times.map(Duration::from_millis).collect::<Vec<_>>();
        let finding = round_trip(millis(1..=100)).unwrap();
        assert_eq!(finding.outcome, Outcome::Pass);
        assert_eq!(finding.detail, "minimum 1.0 ms, median 50.0 ms, 99th percentile 99.0 ms");
        assert_eq!(finding.facts["p99_us"], 99_000);
        let slow = round_trip(millis(501..=501)).unwrap();
        assert!(matches!(slow.outcome, Outcome::Fail(_)) && slow.detail.contains("high latency"), "{slow:?}");
        assert_eq!(round_trip(Vec::new()), None);
    }

    #[track_caller]
    fn check(finding: Finding, word: &str, part: &str) {
        let is = match &finding.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::NotSupported(_) => "not supported",
        };
        assert_eq!(is, word, "{finding:?}");
        assert!(finding.detail.contains(part), "{finding:?}");
    }

    #[test]
    fn a_broker_may_lack_only_qos_2() {
        let lost = || Err(Trouble::Lost("gone".to_owned()));
        check(qos(Qos::ExactlyOnce, Ok(Qos::ExactlyOnce), "chat"), "pass", "received");
        check(qos(Qos::ExactlyOnce, Ok(Qos::AtLeastOnce), "chat"), "not supported", "QoS 1");
        check(qos(Qos::ExactlyOnce, lost(), "chat"), "not supported", "accepts no message");
        check(qos(Qos::AtLeastOnce, Ok(Qos::AtMostOnce), "chat"), "fail", "QoS 0");
        check(qos(Qos::AtLeastOnce, lost(), "chat"), "fail", "gone");
        check(qos(Qos::ExactlyOnce, Err(Trouble::Refused("x/#".to_owned())), "chat"), "fail", "x/#");
    }

    #[test]
    fn troubles_say_what_to_do() {
        let silent = qos(Qos::AtMostOnce, Err(Trouble::Silent(Duration::from_secs(5))), "home/chat");
        assert!(matches!(&silent.outcome, Outcome::Fail(cure) if cure.contains("home/chat/#")), "{silent:?}");
        check(client_id("me", Some("broke")), "fail", "another program connects as me");
        check(steady(&["first".to_owned(), "second".to_owned()]), "fail", "lost: 2; the first: first");
        check(subscriptions(5, &["chat/system".to_owned()], "chat"), "fail", "chat/system");
        check(session(Ok(SessionKept::SessionOnly), "chat"), "not supported", "no message waits");
    }
}
