//! What a conversation puts out, in order. Every part is handed it and adds to it.

use super::Output;
use crate::client::core::memo::Memo;
use crate::client::core::news::News;
use crate::link::Publication;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Display;

/// Topics that are warned of at most: anybody can invent them.
const WARNINGS: usize = 1_000;

pub struct Outputs {
    on_terminal: bool,
    list: Vec<Output>,
    /// Topics that were warned of.
    warned: HashSet<String>,
}

impl Outputs {
    /// `on_terminal`: somebody reads along who can be given hints and asked.
    pub fn new(on_terminal: bool) -> Outputs {
        Outputs { on_terminal, list: Vec::new(), warned: HashSet::new() }
    }

    pub fn is_on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// Everything since the last call.
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

    /// To be kept beyond this run.
    pub fn remember(&mut self, memo: Memo) {
        self.push(Output::Remember(memo));
    }

    pub fn tell(&mut self, news: News) {
        self.push(Output::Tell(news));
    }

    pub fn error(&mut self, text: impl Into<String>, reference: Option<Value>) {
        self.tell(News::Error { text: text.into(), reference });
    }

    pub fn hint(&mut self, text: impl Into<String>) {
        self.tell(News::Hint(text.into()));
    }

    /// Says once of a topic that something is wrong with it.
    pub fn warn(&mut self, topic: &str, why: impl Display) {
        if self.warned.len() < WARNINGS && self.warned.insert(topic.to_owned()) {
            self.hint(format!("ignored on {topic}: {why}"));
        }
    }

    /// The answer to a command. On a terminal it is shown even to those who want to see no hints.
    pub fn answer(&mut self, text: impl Into<String>) {
        self.tell(if self.on_terminal { News::Answer(text.into()) } else { News::Hint(text.into()) });
    }
}
