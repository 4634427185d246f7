//! The outputs of a conversation, in order. Every part adds to them.

use super::Output;
use crate::client::core::memo::Memo;
use crate::client::core::news::News;
use crate::link::Publication;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Display;

/// The most topics to warn about: anybody can invent them.
const WARNINGS: usize = 1_000;

#[derive(Debug)]
pub struct Outputs {
    on_terminal: bool,
    list: Vec<Output>,
    /// The `ref` of the program's command that is being handled.
    reference: Option<Value>,
    /// Topics that the user was warned about.
    warned: HashSet<String>,
}

impl Outputs {
    /// `on_terminal`: a person is there who can get hints and be asked questions.
    pub fn new(on_terminal: bool) -> Outputs {
        Outputs { on_terminal, list: Vec::new(), reference: None, warned: HashSet::new() }
    }

    pub fn is_on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// All outputs since the last call.
    pub fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.list)
    }

    pub fn push(&mut self, output: Output) {
        self.list.push(output);
    }

    pub fn extend(&mut self, outputs: impl IntoIterator<Item = Output>) {
        self.list.extend(outputs);
    }

    pub fn publish(&mut self, publication: Publication) {
        self.push(Output::Publish(publication));
    }

    /// Remembers something beyond this run.
    pub fn remember(&mut self, memo: Memo) {
        self.push(Output::Remember(memo));
    }

    /// A program's command begins, with this `ref`, or ends.
    pub fn refer_to(&mut self, reference: Option<Value>) {
        self.reference = reference;
    }

    /// The `ref` of the program's command that is being handled.
    pub fn reference(&self) -> Option<Value> {
        self.reference.clone()
    }

    pub fn tell(&mut self, news: News) {
        self.reply(news, None);
    }

    /// Tells what follows from a program's command with this `ref`.
    pub fn reply(&mut self, news: News, reference: Option<Value>) {
        self.push(Output::Tell(news, reference));
    }

    /// Something is wrong, perhaps with the command that is being handled.
    pub fn error(&mut self, text: impl Into<String>) {
        self.reply(News::Error(text.into()), self.reference());
    }

    pub fn hint(&mut self, text: impl Into<String>) {
        self.tell(News::Hint(text.into()));
    }

    /// Warns once about a topic.
    pub fn warn(&mut self, topic: &str, why: impl Display) {
        if self.warned.len() < WARNINGS && self.warned.insert(topic.to_owned()) {
            self.hint(format!("ignored on {topic}: {why}"));
        }
    }

    /// The answer to a command. A terminal shows it even if hints are off.
    pub fn answer(&mut self, text: impl Into<String>) {
        self.tell(if self.on_terminal { News::Answer(text.into()) } else { News::Hint(text.into()) });
    }
}
