//! The steps of a check and which of them a chat needs, their findings as lines of text or JSON, and the verdict.

use crate::protocol::text::{visible, visible_json};
use serde_json::{Map, Value, json};

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Resolve,
    Tcp,
    Tls,
    Login,
    /// Only with a given identifier.
    ClientId,
    Subscriptions,
    /// Publish and receive at this quality of service.
    Qos(u8),
    Retained,
    Will,
    Session,
    RoundTrip,
    Server,
    Steady,
}

impl Step {
    pub fn name(self) -> &'static str {
        match self {
            Step::Resolve => "resolve",
            Step::Tcp => "TCP",
            Step::Tls => "TLS",
            Step::Login => "login",
            Step::ClientId => "client identifier",
            Step::Subscriptions => "subscriptions",
            Step::Qos(0) => "QoS 0",
            Step::Qos(1) => "QoS 1",
            Step::Qos(_) => "QoS 2",
            Step::Retained => "retained",
            Step::Will => "will",
            Step::Session => "persistent session",
            Step::RoundTrip => "round trip",
            Step::Server => "chat server",
            Step::Steady => "stays connected",
        }
    }

    /// Whether a chat needs it. A persistent session only keeps messages for an absent server, QoS 2 is a choice
    /// (`exactly_once`), a slow chat still works, and one without a server only lacks history and the user list.
    fn is_needed(self, exactly_once: bool) -> bool {
        match self {
            Step::Qos(2..) => exactly_once,
            Step::Session | Step::RoundTrip | Step::Server => false,
            _ => true,
        }
    }
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    /// With the way to fix it.
    Fail(String),
    /// The broker lacks the feature; with the consequence.
    NotSupported(String),
}

/// What one step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub step: Step,
    pub outcome: Outcome,
    /// One line. May contain what a peer sent; it is made harmless when it is printed.
    pub detail: String,
    /// The numbers and names in the detail, for programs.
    pub facts: Map<String, Value>,
}

impl Finding {
    pub fn pass(step: Step, detail: impl Into<String>) -> Finding {
        Finding { step, outcome: Outcome::Pass, detail: detail.into(), facts: Map::new() }
    }

    pub fn fail(step: Step, detail: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { step, outcome: Outcome::Fail(cure.into()), detail: detail.into(), facts: Map::new() }
    }

    pub fn not_supported(step: Step, detail: impl Into<String>, cost: impl Into<String>) -> Finding {
        Finding { step, outcome: Outcome::NotSupported(cost.into()), detail: detail.into(), facts: Map::new() }
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Finding {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The result, and its colour.
    fn word(&self, is_needed: bool) -> (&'static str, &'static str) {
        match self.outcome {
            Outcome::Pass => ("pass", "32"),
            Outcome::Fail(_) if is_needed => ("fail", "1;31"),
            Outcome::Fail(_) => ("warn", "33"),
            Outcome::NotSupported(_) => ("not supported", "33"),
        }
    }

    /// The way to fix it, or the consequence.
    fn advice(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Pass => None,
            Outcome::Fail(advice) | Outcome::NotSupported(advice) => Some(advice),
        }
    }
}

/// How a report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// One object per line.
    pub json: bool,
    pub colors: bool,
    /// The text contains only what prevents a chat.
    pub quiet: bool,
}

/// Collects the findings of one check.
#[derive(Debug)]
pub struct Report {
    style: Style,
    exactly_once: bool,
    /// Steps that a chat needs and that failed.
    missing: Vec<Step>,
    found: usize,
}

impl Report {
    /// `exactly_once`: QoS 2 was requested, so the chat needs it.
    pub fn new(style: Style, exactly_once: bool) -> Report {
        Report { style, exactly_once, missing: Vec::new(), found: 0 }
    }

    /// Adds a finding and returns its lines.
    pub fn add(&mut self, finding: &Finding) -> Vec<String> {
        let is_needed = finding.step.is_needed(self.exactly_once);
        let is_wrong = is_needed && finding.outcome != Outcome::Pass;
        self.found += 1;
        if is_wrong {
            self.missing.push(finding.step);
        }
        match self.style {
            Style { json: true, .. } => vec![json_line(finding, is_needed)],
            Style { quiet: true, .. } if !is_wrong => Vec::new(),
            Style { colors, .. } => text_lines(finding, is_needed, colors),
        }
    }

    /// The last line; `None`: with `--quiet`, if a chat can run.
    pub fn verdict(&self) -> Option<String> {
        let names: Vec<&str> = self.missing.iter().map(|step| step.name()).collect();
        match (self.style.json, self.is_good()) {
            (true, good) => Some(json!({"verdict": if good { "pass" } else { "fail" }, "missing": names}).to_string()),
            (false, true) => (!self.style.quiet).then(|| "A chat can run on this broker.".to_owned()),
            (false, false) => Some(format!("A chat cannot run on this broker yet. Failed: {}.", names.join(", "))),
        }
    }

    /// Everything that a chat needs passes.
    pub fn is_good(&self) -> bool {
        self.found > 0 && self.missing.is_empty()
    }
}

fn text_lines(finding: &Finding, is_needed: bool, colors: bool) -> Vec<String> {
    let (word, colour) = finding.word(is_needed);
    let word = if colors { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
    let mut lines = vec![format!("{word}  {}: {}", finding.step.name(), visible(&finding.detail))];
    lines.extend(finding.advice().map(|advice| format!("      {}", visible(advice))));
    lines
}

fn json_line(finding: &Finding, is_needed: bool) -> String {
    let mut object = Map::new();
    object.insert("step".to_owned(), finding.step.name().into());
    object.insert("result".to_owned(), finding.word(is_needed).0.into());
    object.insert("needed".to_owned(), is_needed.into());
    object.insert("detail".to_owned(), finding.detail.as_str().into());
    let key = if matches!(finding.outcome, Outcome::Fail(_)) { "cure" } else { "cost" };
    if let Some(advice) = finding.advice() {
        object.insert(key.to_owned(), advice.into());
    }
    object.extend(finding.facts.clone());
    visible_json(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { json: false, colors: false, quiet: false };

    #[track_caller]
    fn check(finding: &Finding, style: Style, lines: &[&str]) {
        assert_eq!(Report::new(style, false).add(finding), lines);
    }

    #[test]
    fn lines() {
        let pass = Finding::pass(Step::Resolve, "127.0.0.1").with("addresses", vec!["127.0.0.1"]);
        let fail = Finding::fail(Step::Will, "it did \x1b[31m not come", "read the log");
        let cost = Finding::not_supported(Step::Session, "not kept", "less");
        check(&pass, PLAIN, &["pass  resolve: 127.0.0.1"]);
        check(&fail, PLAIN, &["fail  will: it did \\x1b[31m not come", "      read the log"]);
        check(&cost, PLAIN, &["not supported  persistent session: not kept", "      less"]);
        let warning = Finding::fail(Step::Server, "no answer", "start one");
        check(&warning, PLAIN, &["warn  chat server: no answer", "      start one"]);
        let quiet = Style { quiet: true, ..PLAIN };
        check(&pass, quiet, &[]);
        check(&warning, quiet, &[]);
        check(&cost, quiet, &[]);
        check(&fail, quiet, &["fail  will: it did \\x1b[31m not come", "      read the log"]);
        check(&pass, Style { colors: true, ..PLAIN }, &["\x1b[32mpass\x1b[0m  resolve: 127.0.0.1"]);
        let json = Style { json: true, ..PLAIN };
        check(
            &pass,
            json,
            &[r#"{"addresses":["127.0.0.1"],"detail":"127.0.0.1","needed":true,"result":"pass","step":"resolve"}"#],
        );
        let hostile = Finding::pass(Step::Tls, "\u{9b}2J").with("subject", "\u{202e}");
        check(
            &hostile,
            json,
            &[r#"{"detail":"\u009b2J","needed":true,"result":"pass","step":"TLS","subject":"\u202e"}"#],
        );
        check(
            &cost,
            json,
            &[
                r#"{"cost":"less","detail":"not kept","needed":false,"result":"not supported","step":"persistent session"}"#,
            ],
        );
    }

    #[test]
    fn a_chat_needs_some_steps_and_not_others() {
        let fail = |step| Finding::fail(step, "", "");
        let verdict = |exactly_once, steps: &[Step]| {
            let mut report = Report::new(PLAIN, exactly_once);
            report.add(&Finding::pass(Step::Resolve, ""));
            for step in steps {
                report.add(&fail(*step));
            }
            (report.is_good(), report.verdict())
        };
        let tolerated = [Step::Qos(2), Step::Session, Step::RoundTrip, Step::Server];
        assert_eq!(verdict(false, &tolerated), (true, Some("A chat can run on this broker.".to_owned())));
        let unfit = "A chat cannot run on this broker yet. Failed: will, QoS 1.".to_owned();
        assert_eq!(verdict(false, &[Step::Will, Step::Session, Step::Qos(1)]), (false, Some(unfit)));
        assert!(!verdict(true, &[Step::Qos(2)]).0, "QoS 2 was asked for");
        assert!(!Report::new(PLAIN, false).is_good(), "nothing was found out");
        let mut quiet = Report::new(Style { quiet: true, ..PLAIN }, false);
        quiet.add(&Finding::pass(Step::Resolve, ""));
        assert_eq!(quiet.verdict(), None);
    }
}
