//! The help texts, generated from the table.

use super::completion::OTHERS;
use super::table::{Flag, GROUPS, Group, Subcommand};

/// The width of a standard terminal.
const WIDTH: usize = 80;
/// The column of an option's explanation.
const INDENT: usize = 30;

/// Here and in the manual page.
pub(super) const BROKER: &str = "\
BROKER is host, host:port, [IPv6]:port, host and port as two words, or a URL:
mqtt://, mqtts://, ws:// or wss://[user[:password]@]host[:port][/path] (the path for ws and wss, default /mqtt; user and
password percent-encoded).";

pub(super) const ORDER: &str = "\
An option takes precedence over the environment, then the option file, then the default. An option file has one
\"--option value\" per line; lines that begin with # are comments; options of other subcommands are skipped.
A login, port, client identifier and TLS options in it apply only to the broker that it names (localhost if none); MQTT_
variables only to MQTT_BROKER_HOST, if that is set. With another broker they are not used, and a line says so.";

pub(super) const EXIT_CODES: [(&str, &str); 8] = [
    ("0", "success"),
    ("1", "usage or failure, or (check) something that a chat needs fails"),
    ("4, 5, 134, 135 ...", "the broker refused with this CONNACK code"),
    ("14", "no connection, or a TLS failure"),
    ("27", "timeout (-W)"),
    ("73", "the nick is in use"),
    ("75", "another server serves the chat"),
    ("129, 130, 143", "ended by a signal"),
];

/// What `mqttchat --help` prints.
pub(super) fn general() -> String {
    let mut text = String::from("Chat over the MQTT broker you already have.\n\n");
    for subcommand in Subcommand::ALL {
        let usage = format!("  {}", usage(subcommand));
        wrap(&mut text, &usage, 37, &format!("  {}", subcommand.summary()));
    }
    for (name, summary, words) in OTHERS {
        wrap(&mut text, &format!("  {}", usage_of_other(name, words)), 37, &format!("  {summary}"));
    }
    text.push_str("  mqttchat --help | --version\n\n");
    wrap(&mut text, "", 0, BROKER);
    finish(text, GROUPS.iter())
}

/// What `mqttchat SUBCOMMAND --help` prints.
pub(super) fn of(subcommand: Subcommand) -> String {
    let mut text = format!("{}\n", usage(subcommand));
    wrap(&mut text, "", 2, subcommand.summary());
    text.push('\n');
    if subcommand.operand() == "[BROKER]" {
        wrap(&mut text, "", 0, BROKER);
    }
    finish(text, subcommand.groups())
}

/// The help of one of [`OTHERS`]; `None` for another word.
pub(super) fn of_other(name: &str) -> Option<String> {
    let (name, summary, words) = OTHERS.into_iter().find(|(known, ..)| *known == name)?;
    Some(format!("{}\n  {summary}\n", usage_of_other(name, words)))
}

fn usage_of_other(name: &str, words: &[&str]) -> String {
    let words = if name == "help" { "[SUBCOMMAND]".to_owned() } else { words.join("|") };
    format!("mqttchat {name} {words}").trim_end().to_owned()
}

fn usage(subcommand: Subcommand) -> String {
    let words = ["mqttchat", subcommand.name(), subcommand.operand(), "[options]"];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn finish(mut text: String, groups: impl Iterator<Item = &'static Group>) -> String {
    for group in groups {
        if !text.ends_with("\n\n") {
            text.push('\n');
        }
        text.push_str(&format!("{}:\n", group.title));
        for flag in group.flags {
            wrap(&mut text, &names(flag), INDENT, &explanation(flag));
        }
    }
    text.push('\n');
    wrap(&mut text, "", 0, ORDER);
    text.push('\n');
    let codes = EXIT_CODES.map(|(code, meaning)| format!("{code} {meaning}")).join("; ");
    wrap(&mut text, "", 0, &format!("Exit codes: {codes}. RUST_LOG in the environment sets what is logged."));
    text
}

/// `  -p, --port PORT`.
fn names(flag: &Flag) -> String {
    let short = match flag.short {
        "" => "   ".to_string(),
        letter => format!("-{letter},"),
    };
    format!("  {short} --{} {}", flag.long, flag.argument).trim_end().to_string()
}

pub(super) fn explanation(flag: &Flag) -> String {
    let mut text = flag.help.to_string();
    if !flag.default.is_empty() {
        text.push_str(&format!(" [default: {}]", flag.default));
    }
    if !flag.variable.is_empty() {
        text.push_str(&format!(" [environment: {}]", flag.variable));
    }
    text
}

/// Appends `head`, then `body` from column `indent` on, broken between words before [`WIDTH`].
fn wrap(text: &mut String, head: &str, indent: usize, body: &str) {
    let mut line = head.to_string();
    if !line.is_empty() && line.len() >= indent {
        text.push_str(&line);
        text.push('\n');
        line.clear();
    }
    let mut is_first = true;
    for word in body.split_whitespace() {
        if !is_first && line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.clear();
            is_first = true;
        }
        if is_first {
            line = format!("{line:indent$}");
            is_first = false;
        } else {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A help text on one line, so that breaks do not matter.
    fn flat(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(text: &str, flags: impl Iterator<Item = &'static Flag>) {
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH && !line.ends_with(' ')));
        let text = flat(text);
        for flag in flags {
            let entry = flat(&format!("{} {}", names(flag), explanation(flag)));
            assert!(text.contains(&entry), "{entry}");
            for part in [flag.long, flag.short, flag.argument, flag.default, flag.variable] {
                assert!(entry.contains(part), "{part}");
            }
        }
    }

    #[test]
    fn every_option_is_told_with_its_default() {
        check(&general(), GROUPS.iter().flat_map(|group| group.flags));
        for subcommand in Subcommand::ALL {
            check(&of(subcommand), subcommand.flags());
        }
    }

    #[test]
    fn others_options_are_not_told() {
        assert!(!of(Subcommand::Client).contains("--data-dir"));
        assert!(!of(Subcommand::Server).contains("MQTT_CLIENT_ID"));
    }
}
