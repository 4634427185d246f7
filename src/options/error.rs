//! What is wrong with the options, in one line.

use std::fmt;
use std::io;
use std::path::Path;

use super::table::Subcommand;

/// What is wrong and what to do about it, in one line that `main` prints; the exit code is 1. Quotes what was typed, with
/// control characters escaped, but never a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError {
    problem: String,
    /// The help that the line points to; `None` for an unusable file.
    help: Option<Option<Subcommand>>,
}

impl UsageError {
    /// A mistake in what was typed or configured.
    pub(super) fn new(problem: impl Into<String>) -> Self {
        UsageError { problem: problem.into(), help: Some(None) }
    }

    /// No mistake but a text that was asked for, for a caller that can only return an error.
    pub(super) fn help(text: impl Into<String>) -> Self {
        UsageError { problem: text.into(), help: None }
    }

    /// What is wrong, without the reference to the help.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// A file that cannot be used, named by `origin` (`--cafile`, …).
    pub(super) fn file(origin: &str, path: &Path, why: &str) -> Self {
        UsageError { problem: format!("{origin}: cannot use {path:?}: {why}"), help: None }
    }

    /// Points to the help of `subcommand` instead of the general one.
    pub(super) fn of(self, subcommand: Subcommand) -> Self {
        UsageError { help: self.help.map(|_| Some(subcommand)), ..self }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        match self.help {
            None => Ok(()),
            Some(None) => f.write_str(" (see mqttchat --help)"),
            Some(Some(subcommand)) => write!(f, " (see mqttchat {} --help)", subcommand.name()),
        }
    }
}

impl std::error::Error for UsageError {}

/// An I/O error's text without the number that std appends: "No such file or directory".
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}
