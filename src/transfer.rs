//! `mqttchat export` and `mqttchat import`: a history as lines of JSON, from a database and into one. A server may be
//! using it meanwhile.

mod core;

use self::core::line;
use crate::logging::tell;
use crate::now;
use crate::options::{ExportOptions, ExportSince, ImportOptions};
use crate::random::Random;
use crate::server::core::record::Arrived;
use crate::server::io::folder;
use crate::server::store::sqlite::{Database, Error, HistoryReader, Imported, NamelessCounts};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// Records per transaction: few, because a running server waits.
const BATCH: usize = 500;

/// Why an export or import fails.
enum TransferError {
    /// With the line to print.
    Told(String),
    /// Nobody reads the output any longer.
    Unread,
}

/// Prints the history that the options name.
pub fn export(options: &ExportOptions) -> ExitCode {
    finish(print(options, io::stdout().lock()))
}

/// Reads lines into the history that the options name.
pub fn import(options: &ImportOptions) -> ExitCode {
    finish(read(options))
}

fn finish(result: Result<(), TransferError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(TransferError::Unread) => ExitCode::FAILURE,
        Err(TransferError::Told(line)) => {
            tell(&format!("mqttchat: {line}"));
            ExitCode::FAILURE
        }
    }
}

fn print(options: &ExportOptions, output: impl Write) -> Result<(), TransferError> {
    let path = folder::database(&options.data_dir, &options.topic_root);
    if !path.is_file() {
        return Err(TransferError::Told(format!(
            "there is no history {}; check --data-dir and --topic-root",
            path.display()
        )));
    }
    let unusable = unusable(&path);
    let reader = HistoryReader::open(&path).map_err(&unusable)?;
    let since = options.since.map_or(i64::MIN, milliseconds);
    let mut output = BufWriter::new(output);
    let mut all = |next: &dyn Fn(i64) -> Result<(Vec<Arrived>, Option<i64>), Error>| {
        let mut after = Some(0);
        while let Some(row) = after {
            let (records, next) = next(row).map_err(&unusable)?;
            for record in &records {
                writeln!(output, "{}", line::write(record)).map_err(unwritten)?;
            }
            after = next;
        }
        Ok(())
    };
    all(&|row| reader.messages_after(row, options.room.as_ref(), since))?;
    if options.room.is_none() {
        all(&|row| reader.direct_after(row, since))?;
    }
    output.flush().map_err(unwritten)
}

fn unwritten(error: io::Error) -> TransferError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => TransferError::Unread,
        _ => TransferError::Told(format!("the output cannot be written: {error}")),
    }
}

fn unusable(path: &Path) -> impl Fn(Error) -> TransferError {
    move |error| TransferError::Told(format!("the database {} cannot be used: {error}", path.display()))
}

/// In Unix milliseconds.
fn milliseconds(since: ExportSince) -> i64 {
    match since {
        ExportSince::At(at) => at.timestamp_millis(),
        ExportSince::Local(at) => now::local(at).map_or(at.and_utc().timestamp_millis(), |at| at.timestamp_millis()),
    }
}

fn read(options: &ImportOptions) -> Result<(), TransferError> {
    let (name, input) = open(options)?;
    let path = folder::database(&options.data_dir, &options.topic_root);
    drop(folder::make(&options.data_dir, &path).map_err(TransferError::Told)?);
    let unusable = unusable(&path);
    let mut history = Database::open(&path, Random::of_the_system()).map_err(&unusable)?;
    let mut lines = Lines { name, input, number: 0 };
    let (mut imported, mut nameless) = (Imported::default(), NamelessCounts::default());
    loop {
        let so_far = match lines.number {
            0 => "nothing was imported".to_owned(),
            begun => format!("lines 1 to {begun} are imported"),
        };
        let batch = lines
            .batch()
            .map_err(|why| TransferError::Told(format!("{} line {}: {why}; {so_far}", lines.name, lines.number)))?;
        if batch.is_empty() {
            break;
        }
        let Imported { new, known, no_room, taken } = history.import(&batch, &mut nameless).map_err(|error| {
            TransferError::Told(format!("the database {} cannot be written: {error}; {so_far}", path.display()))
        })?;
        imported.new += new;
        imported.known += known;
        imported.no_room += no_room;
        imported.taken += taken;
    }
    if options.quiet {
        return Ok(());
    }
    let Imported { new, known, no_room, taken } = imported;
    let mut told = format!("{new} new messages in {}, {known} already there", path.display());
    if no_room > 0 {
        told +=
            &format!(", {no_room} direct messages skipped: waiting messages already fill their share of --max-size");
    }
    if taken > 0 {
        told += &format!(", {taken} skipped: another message of the same sender has their id");
    }
    writeln!(io::stdout(), "{told}").map_err(unwritten)
}

/// The input, and its name in errors.
fn open(options: &ImportOptions) -> Result<(String, Box<dyn BufRead>), TransferError> {
    let Some(path) = &options.file else { return Ok(("the input,".to_owned(), Box::new(io::stdin().lock()))) };
    match File::open(path) {
        Ok(file) => Ok((format!("{}", path.display()), Box::new(BufReader::new(file)))),
        Err(error) => Err(TransferError::Told(format!("{} cannot be read: {error}", path.display()))),
    }
}

struct Lines {
    name: String,
    input: Box<dyn BufRead>,
    /// The number of the last line read, from 1.
    number: u64,
}

impl Lines {
    /// The next records, at most [`BATCH`]; none at the end.
    ///
    /// # Errors
    /// What is wrong with the last line read.
    fn batch(&mut self) -> Result<Vec<Arrived>, String> {
        let mut batch = Vec::new();
        let mut bytes = Vec::new();
        while batch.len() < BATCH {
            bytes.clear();
            self.number += 1;
            let mut limited = (&mut self.input).take(line::MAX_BYTES as u64 + 1);
            let read = limited.read_until(b'\n', &mut bytes).map_err(|error| error.to_string())?;
            if read == 0 {
                break;
            }
            if !bytes.trim_ascii().is_empty() {
                batch.push(line::read(bytes.trim_ascii())?);
            }
        }
        Ok(batch)
    }
}
