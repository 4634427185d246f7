//! The options as given, by source: command line, environment, option file, in order of precedence. Says nothing about
//! what the values mean.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use getopts::{Fail, Options};

use super::broker::{self, Broker, split_login};
use super::environment::Environment;
use super::error::{UsageError, reason};
use super::table::{Flag, GROUPS, Group, Subcommand};
use crate::nearest::nearest;

/// The level of the environment, and of the option file.
pub(super) const ENVIRONMENT: usize = 1;
pub(super) const OPTION_FILE: usize = 2;
/// The source of what BROKER says.
pub(super) const BROKER: &str = "BROKER";

/// One option with its value.
#[derive(Debug)]
pub(super) struct Item {
    pub flag: &'static Flag,
    /// Empty for a switch.
    pub value: String,
    /// How an error names its source: `--port`, `MQTT_BROKER_PORT`, `"/home/a/.config/mqttchat" line 3: --port`; for what
    /// an address says, `BROKER` or the source of the URL.
    pub origin: String,
    /// Index in [`Given::levels`].
    pub level: usize,
}

impl Item {
    /// Its value as a whole number within `range`.
    pub fn number<T>(&self, range: RangeInclusive<T>) -> Result<T, UsageError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let digits = self.value.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.value.parse().ok().filter(|number| digits && range.contains(number));
        number.ok_or_else(|| {
            let span = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(&format!("{:?} is not {span}", self.value))
        })
    }

    /// Its value as a number of bytes, at least `least`: `500M`, `2G`, or digits only.
    pub fn size(&self, least: u64) -> Result<u64, UsageError> {
        let (digits, unit) = match self.value.char_indices().last() {
            Some((end, letter)) if !letter.is_ascii_digit() => (&self.value[..end], letter.to_ascii_uppercase()),
            _ => (self.value.as_str(), 'B'),
        };
        let shift = ['B', 'K', 'M', 'G', 'T'].iter().position(|known| *known == unit);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u64>().ok().filter(|_| is_number).zip(shift);
        let bytes = number.and_then(|(number, shift)| number.checked_mul(1 << (10 * shift)));
        bytes.filter(|bytes| (least..=i64::MAX as u64).contains(bytes)).ok_or_else(|| {
            self.wrong(&format!("{:?} is not a size such as 500M or 2G, at least {}M", self.value, least >> 20))
        })
    }

    /// Its value as a port.
    pub fn port(&self) -> Result<u16, UsageError> {
        broker::parse_port(&self.value).map_err(|error| self.wrong(&error))
    }

    /// The bytes of the file that it names.
    pub fn read(&self, environment: &Environment) -> Result<Vec<u8>, UsageError> {
        let bytes = (environment.read)(self.value.as_ref());
        bytes.map_err(|error| self.unusable(&reason(&error)))
    }

    /// The error for the file that it names.
    pub fn unusable(&self, why: &str) -> UsageError {
        UsageError::file(&self.origin, self.value.as_ref(), why)
    }

    /// Its source, for people.
    pub fn source(&self) -> String {
        let place = self.origin.rsplit_once(": --").map_or(self.origin.as_str(), |(place, _)| place);
        match self.level {
            ENVIRONMENT => format!("environment: {}", self.flag.variable),
            OPTION_FILE => format!("option file: {place}"),
            _ if self.origin == BROKER => format!("command line: {BROKER}"),
            _ => "command line".to_owned(),
        }
    }

    /// The error for its value.
    pub fn wrong(&self, problem: &str) -> UsageError {
        UsageError::new(format!("{}: {problem}", self.origin))
    }
}

/// What one source gives.
#[derive(Debug, Default)]
pub(super) struct Level {
    index: usize,
    items: Vec<Item>,
    /// The operands on the command line: BROKER, as one word or two.
    pub words: Vec<String>,
    /// The broker that it names.
    pub broker: Option<Broker>,
}

impl Level {
    /// The option of that long name, if it is given.
    pub fn item(&self, long: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.flag.long == long)
    }

    /// Whether it names the broker by a URL.
    pub fn names_url(&self) -> bool {
        self.broker.as_ref().is_some_and(|broker| broker.scheme.is_some())
    }

    /// Removes and returns every option of these long names.
    pub fn take(&mut self, longs: &[&str]) -> Vec<Item> {
        self.items.extract_if(.., |item| longs.contains(&item.flag.long)).collect()
    }

    pub fn drop_login_of_url(&mut self) {
        if let Some(broker) = &mut self.broker {
            (broker.username, broker.password) = (None, None);
        }
        let url = self.items.iter_mut().find(|item| item.flag.long == "url");
        if let Some(Item { value, .. }) = url
            && let Some((scheme, _, address)) = split_login(value)
        {
            *value = format!("{scheme}{address}");
        }
    }

    fn add(&mut self, flag: &'static Flag, value: String, origin: String) -> Result<(), UsageError> {
        let item = Item { flag, value, origin, level: self.index };
        if item.value.contains('\0') {
            return Err(item.wrong("a value cannot hold the character U+0000"));
        }
        if item.value.is_empty() && !flag.is_switch() && flag.long != "password" {
            return Err(item.wrong(&format!("{} must not be empty", flag.argument)));
        }
        if !flag.repeatable && !flag.is_switch() && self.item(flag.long).is_some() {
            return Err(item.wrong("given twice; once is enough"));
        }
        self.items.push(item);
        Ok(())
    }

    /// Reads the arguments after the subcommand.
    pub fn from_arguments(subcommand: Subcommand, arguments: &[String]) -> Result<Level, UsageError> {
        let mut parser = Options::new();
        for flag in subcommand.flags() {
            if flag.is_switch() {
                parser.optflagmulti(flag.short, flag.long, flag.help);
            } else {
                parser.optmulti(flag.short, flag.long, flag.help, flag.argument);
            }
        }
        let matches = parser.parse(arguments).map_err(|fail| explain(subcommand, fail))?;
        let mut level = Level { words: matches.free.clone(), ..Level::default() };
        for flag in subcommand.flags() {
            let values = match flag.is_switch() {
                true => vec![String::new(); matches.opt_count(flag.long)],
                false => matches.opt_strs(flag.long),
            };
            for value in values {
                level.add(flag, value, format!("--{}", flag.long))?;
            }
        }
        Ok(level)
    }

    /// Reads every variable that stands for an option of this subcommand.
    pub fn from_environment(subcommand: Subcommand, environment: &Environment) -> Result<Level, UsageError> {
        let mut level = Level { index: ENVIRONMENT, ..Level::default() };
        for flag in subcommand.flags().filter(|flag| !flag.variable.is_empty()) {
            let name = flag.variable;
            let Some(value) = environment.set(name) else { continue };
            let value = match value.into_string() {
                // no-color.org: any value means this.
                _ if name == "NO_COLOR" => "never".to_string(),
                Ok(value) => value,
                Err(_) => return Err(UsageError::new(format!("{name} is not UTF-8"))),
            };
            level.add(flag, value, name.to_string())?;
        }
        Ok(level)
    }

    /// Reads an option file: one `--option value`, `--option=value` or `-o value` per line. Skips blank lines, lines that
    /// begin with `#`, and options of other subcommands, so that one file serves all.
    pub fn from_file(subcommand: Subcommand, path: &Path, text: &str) -> Result<Level, UsageError> {
        let mut level = Level { index: OPTION_FILE, ..Level::default() };
        // Editors on Windows begin a file with a byte order mark.
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("{path:?} line {}", index + 1);
            let (option, value) = match line.find(|c: char| c == '=' || c.is_whitespace()) {
                Some(end) => (&line[..end], line[end..].trim_start()),
                None => (line, ""),
            };
            let value = value.strip_prefix('=').unwrap_or(value).trim_start();
            let wrong = |problem: &str| UsageError::new(format!("{place}: {problem}"));
            let Some(name) = name_of(option) else {
                // Not quoted, because it may be a misplaced password.
                return Err(wrong("an option file holds one \"--option value\" a line"));
            };
            let flag = match subcommand.flag(name) {
                Some(flag) => flag,
                None if owner(name).is_some() => continue,
                None => return Err(wrong(&unknown(subcommand, name))),
            };
            let stands_in_file = |group: &Group| group.in_file && group.has(flag);
            if !subcommand.groups().any(stands_in_file) {
                if GROUPS.iter().any(|group| stands_in_file(group) && !group.subcommands.contains(&subcommand)) {
                    continue;
                }
                return Err(wrong(&format!("--{} cannot stand in an option file", flag.long)));
            }
            if flag.is_switch() && !value.is_empty() {
                return Err(wrong(&format!("--{} takes no argument", flag.long)));
            }
            level.add(flag, value.to_string(), format!("{place}: --{}", flag.long))?;
        }
        Ok(level)
    }
}

/// An option of the environment or the option file that belongs to another broker than the one in use.
#[derive(Debug)]
pub(super) struct LeftOut {
    pub item: Item,
    /// `host:port` of the broker that it belongs to.
    pub broker: String,
}

/// Every level, in order of precedence.
#[derive(Debug)]
pub(super) struct Given {
    pub levels: [Level; 3],
    /// The index of the level whose broker is in use; `None`: the default broker is.
    pub named: Option<usize>,
    /// Options that were removed from their level.
    pub left_out: Vec<LeftOut>,
}

impl Given {
    /// The option of that long name, from the first level that has it.
    pub fn item(&self, long: &str) -> Option<&Item> {
        self.levels.iter().find_map(|level| level.item(long))
    }

    pub fn text(&self, long: &str) -> Option<String> {
        Some(self.item(long)?.value.clone())
    }

    /// Every time that a repeatable option is given, in the first level that has it.
    pub fn items(&self, long: &str) -> impl Iterator<Item = &Item> {
        let level = self.levels.iter().find(|level| level.item(long).is_some());
        level.into_iter().flat_map(|level| &level.items).filter(move |item| item.flag.long == long)
    }

    /// The broker, if that level names the one in use.
    pub fn broker_at(&self, level: usize) -> Option<&Broker> {
        self.levels[level].broker.as_ref().filter(|_| self.named == Some(level))
    }

    /// The broker in use; `None`: the default one.
    pub fn broker(&self) -> Option<&Broker> {
        self.broker_at(self.named?)
    }

    pub fn is_on(&self, long: &str) -> bool {
        self.item(long).is_some()
    }

    /// Adds what the address of that level's broker says in place of the option `longs[0]`, unless a higher level has one of
    /// `longs`. Returns whether it was added. `problem`: the error if that level has one of `longs`, too.
    pub fn add_of_address(
        &mut self,
        level: usize,
        value: Option<String>,
        longs: &[&str],
        problem: &str,
    ) -> Result<bool, UsageError> {
        let given = |level: &Level| longs.iter().any(|long| level.item(long).is_some());
        let flag = GROUPS.iter().flat_map(|group| group.flags).find(|flag| flag.long == longs[0]);
        let (Some(value), Some(flag)) = (value, flag) else { return Ok(false) };
        if self.levels[..level].iter().any(given) {
            return Ok(false);
        }
        let level = &mut self.levels[level];
        if let Some(item) = longs.iter().find_map(|long| level.item(long)) {
            return Err(item.wrong(problem));
        }
        let origin = level.item("url").map_or(BROKER, |url| url.origin.as_str()).to_owned();
        level.add(flag, value, origin).map(|()| true)
    }

    /// Whether the command line is empty and the environment names no broker.
    pub fn is_silent(&self) -> bool {
        let [typed, environment, _] = &self.levels;
        typed.items.is_empty() && typed.words.is_empty() && environment.item("host").is_none()
    }

    /// The one of several options that exclude each other, from the first level that has any. Two in that level are an
    /// error.
    pub fn one_of(&self, longs: &[&str]) -> Result<Option<&Item>, UsageError> {
        for level in &self.levels {
            let mut items = longs.iter().filter_map(|long| level.item(long));
            match (items.next(), items.next()) {
                (None, _) => {}
                (item, None) => return Ok(item),
                (Some(one), Some(other)) => {
                    let problem = format!("does not go together with --{}", one.flag.long);
                    return Err(other.wrong(&problem));
                }
            }
        }
        Ok(None)
    }
}

/// The name in `--name` or `-n`.
fn name_of(option: &str) -> Option<&str> {
    match option.strip_prefix("--") {
        Some(long) => Some(long).filter(|long| long.chars().count() > 1),
        None => option.strip_prefix('-').filter(|short| short.chars().count() == 1),
    }
}

/// A subcommand that takes the option of that name.
fn owner(name: &str) -> Option<Subcommand> {
    Subcommand::ALL.into_iter().find(|subcommand| subcommand.flag(name).is_some())
}

fn dashed(name: &str) -> String {
    let dashes = if name.chars().count() == 1 { "-" } else { "--" };
    format!("{dashes}{}", name.escape_debug())
}

fn unknown(subcommand: Subcommand, name: &str) -> String {
    let longs = subcommand.flags().map(|flag| flag.long);
    match (owner(name), nearest(name, longs)) {
        (Some(owner), _) => {
            let (owner, asked) = (owner.name(), subcommand.name());
            format!("{} is an option of mqttchat {owner}, not of mqttchat {asked}", dashed(name))
        }
        (None, Some(near)) if name.chars().count() > 1 => {
            format!("unknown option {}; did you mean --{near}?", dashed(name))
        }
        (None, _) => format!("unknown option {}", dashed(name)),
    }
}

fn explain(subcommand: Subcommand, fail: Fail) -> UsageError {
    UsageError::new(match fail {
        Fail::UnrecognizedOption(name) => unknown(subcommand, &name),
        Fail::ArgumentMissing(name) => {
            let argument = subcommand.flag(&name).map_or("an argument", |flag| flag.argument);
            format!("{} needs {argument}", dashed(&name))
        }
        Fail::UnexpectedArgument(name) => format!("{} takes no argument", dashed(&name)),
        other => other.to_string(),
    })
}
