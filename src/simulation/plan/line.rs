//! One line of a plan, read and written by the same description: `line.word(…)` and `line.key(…)` either read a value from
//! the line or write it there. Defaults are not written.

use crate::simulation::broker::Recovery;
use crate::simulation::broker::manners::Speaks;
use crate::simulation::plan::{ClientKind, CrashPoint, Direction, DiskTrouble, Knowing, Stray};
use std::collections::BTreeMap;
use std::collections::VecDeque;

/// A line that is being read or written.
pub struct PlanLine<'a> {
    /// `None` when writing.
    read: Option<LineWords<'a>>,
    written: String,
    trouble: Option<String>,
}

struct LineWords<'a> {
    plain: VecDeque<&'a str>,
    keyed: BTreeMap<&'a str, &'a str>,
}

/// A value that is one word in a plan.
pub trait Word: Sized {
    fn read(text: &str) -> Option<Self>;
    fn write(&self) -> String;
}

impl<'a> PlanLine<'a> {
    pub fn to_write() -> PlanLine<'a> {
        PlanLine { read: None, written: String::new(), trouble: None }
    }

    pub fn to_read(text: &'a str) -> PlanLine<'a> {
        let mut words = LineWords { plain: VecDeque::new(), keyed: BTreeMap::new() };
        let mut trouble = None;
        for word in text.split_whitespace() {
            match word.split_once('=') {
                None => words.plain.push_back(word),
                Some((key, value)) => {
                    if words.keyed.insert(key, value).is_some() {
                        trouble = Some(format!("{key} is given twice"));
                    }
                }
            }
        }
        PlanLine { read: Some(words), written: String::new(), trouble }
    }

    /// The next positional word; it must be there.
    pub fn word<T: Word>(&mut self, value: &mut T) {
        match &mut self.read {
            None => self.put(&value.write()),
            Some(words) => match words.plain.pop_front() {
                None => self.fail("something is missing".to_owned()),
                Some(word) => match T::read(word) {
                    Some(read) => *value = read,
                    None => self.fail(format!("{word:?} does not belong there")),
                },
            },
        }
    }

    /// `name=value`; absent if the value is `usual`.
    pub fn key<T: Word + PartialEq>(&mut self, name: &str, value: &mut T, usual: &T) {
        match &mut self.read {
            None if value == usual => {}
            None => self.put(&format!("{name}={}", value.write())),
            Some(words) => {
                if let Some(word) = words.keyed.remove(name) {
                    match T::read(word) {
                        Some(read) => *value = read,
                        None => self.fail(format!("{name} cannot be {word:?}")),
                    }
                }
            }
        }
    }

    /// `name=value`; absent if there is no value.
    pub fn maybe<T: Word>(&mut self, name: &str, value: &mut Option<T>) {
        match (&mut self.read, &value) {
            (None, None) => {}
            (None, Some(value)) => self.put(&format!("{name}={}", value.write())),
            (Some(words), _) => {
                if let Some(word) = words.keyed.remove(name) {
                    match T::read(word) {
                        Some(read) => *value = Some(read),
                        None => self.fail(format!("{name} cannot be {word:?}")),
                    }
                }
            }
        }
    }

    fn put(&mut self, word: &str) {
        if !self.written.is_empty() {
            self.written.push(' ');
        }
        self.written.push_str(word);
    }

    fn fail(&mut self, trouble: String) {
        self.trouble.get_or_insert(trouble);
    }

    /// The written line.
    pub fn into_text(self) -> String {
        self.written
    }

    /// # Errors
    /// If a word is missing, invalid or unexpected.
    pub fn finish(self) -> Result<(), String> {
        let left = self.read.and_then(|words| {
            let keyed = words.keyed.first_key_value().map(|(key, value)| format!("{key}={value}"));
            words.plain.front().map(|word| (*word).to_owned()).or(keyed)
        });
        match (self.trouble, left) {
            (Some(trouble), _) => Err(trouble),
            (None, Some(left)) => Err(format!("{left:?} does not belong there")),
            (None, None) => Ok(()),
        }
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Word for $type {
            fn read(text: &str) -> Option<$type> {
                text.parse().ok()
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

numbers!(u32, u64, i64, usize);

macro_rules! names {
    ($($type:ident { $($variant:ident = $name:literal),* })*) => {$(
        impl Word for $type {
            fn read(text: &str) -> Option<$type> {
                match text {
                    $($name => Some($type::$variant),)*
                    _ => None,
                }
            }

            fn write(&self) -> String {
                match self {
                    $($type::$variant => $name,)*
                }
                .to_owned()
            }
        }
    )*};
}

names! {
    ClientKind { Member = "member", Json = "json", Library = "library", Sender = "sender", Original = "original" }
    CrashPoint {
        BeforePrint = "before-print", BeforeRemember = "before-remember", BeforeReceipt = "before-receipt",
        BeforeKeep = "before-keep", BeforeCommit = "before-commit", BeforeTell = "before-tell"
    }
    Recovery { Everything = "everything", Saved = "saved", Nothing = "nothing" }
    DiskTrouble { Full = "full", Slow = "slow" }
    Direction { In = "in", Out = "out", Both = "both" }
    Knowing { Broker = "broker", Program = "program" }
    Stray { Garbage = "garbage", TooLarge = "too-large", WrongSender = "wrong-sender", TakenIds = "taken-ids", Offline = "offline" }
}

impl Word for bool {
    fn read(text: &str) -> Option<bool> {
        match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    fn write(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

/// `both`, `refuses-5:132`
impl Word for Speaks {
    fn read(text: &str) -> Option<Speaks> {
        match text {
            "both" => Some(Speaks::Both),
            "closes-5" => Some(Speaks::Closes5),
            "ignores-5" => Some(Speaks::Ignores5),
            _ => text.strip_prefix("refuses-5:")?.parse().ok().map(Speaks::Refuses5),
        }
    }

    fn write(&self) -> String {
        match self {
            Speaks::Both => "both".to_owned(),
            Speaks::Closes5 => "closes-5".to_owned(),
            Speaks::Ignores5 => "ignores-5".to_owned(),
            Speaks::Refuses5(code) => format!("refuses-5:{code}"),
        }
    }
}

impl Word for String {
    fn read(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn write(&self) -> String {
        self.clone()
    }
}

/// `red,blue`
impl Word for Vec<String> {
    fn read(text: &str) -> Option<Vec<String>> {
        let words: Vec<String> = text.split(',').map(str::to_owned).collect();
        words.iter().all(|word| !word.is_empty()).then_some(words)
    }

    fn write(&self) -> String {
        self.join(",")
    }
}
