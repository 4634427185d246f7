//! The options of `export` and `import`.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use super::connection::topic_root;
use super::environment::Environment;
use super::error::UsageError;
use super::given::{Given, Item};
use super::typed::{ExportOptions, ExportSince, ImportOptions};
use crate::protocol::RoomName;

pub(super) fn export(given: &Given, environment: &Environment) -> Result<ExportOptions, UsageError> {
    no_more_words(given, 0)?;
    Ok(ExportOptions {
        data_dir: data_dir(given, environment)?,
        topic_root: topic_root(given)?,
        room: given.item("room").map(room).transpose()?,
        since: given.item("since").map(since).transpose()?,
    })
}

pub(super) fn import(given: &Given, environment: &Environment) -> Result<ImportOptions, UsageError> {
    no_more_words(given, 1)?;
    let [typed, ..] = &given.levels;
    Ok(ImportOptions {
        data_dir: data_dir(given, environment)?,
        topic_root: topic_root(given)?,
        file: typed.words.first().filter(|word| *word != "-").map(PathBuf::from),
        quiet: given.is_on("quiet"),
    })
}

fn no_more_words(given: &Given, than: usize) -> Result<(), UsageError> {
    let [typed, ..] = &given.levels;
    match typed.words.get(than) {
        Some(word) => Err(UsageError::new(format!("{word:?} is one word too many"))),
        None => Ok(()),
    }
}

fn data_dir(given: &Given, environment: &Environment) -> Result<PathBuf, UsageError> {
    let given = given.item("data-dir").map(|item| PathBuf::from(&item.value));
    given
        .or_else(|| environment.state_dir())
        .ok_or_else(|| UsageError::new("no folder with a history because HOME is not set; give --data-dir"))
}

fn room(item: &Item) -> Result<RoomName, UsageError> {
    RoomName::choose(&item.value).map_err(|error| {
        item.wrong(&format!("{:?} names no room: {error}; rooms are of a-z, 0-9, - and _", item.value))
    })
}

fn since(item: &Item) -> Result<ExportSince, UsageError> {
    let text = &item.value;
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(ExportSince::At(at));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    let minute = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M");
    let second = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
    let local = day.or_else(|_| minute()).or_else(|_| second());
    // RFC 3339's years; near chrono's own limits, adding a zone overflows.
    let local = local.ok().filter(|local| (0..=9999).contains(&chrono::Datelike::year(local)));
    local.map(ExportSince::Local).ok_or_else(|| {
        item.wrong(&format!("{text:?} is not a time such as 2026-11-22, 2026-11-22T20:30 or 2026-11-22T20:30:00+01:00"))
    })
}
