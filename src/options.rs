//! The command line, the environment and the option file, read into typed options.
//!
//! Pure but for [`io`]: the process's variables and files come in as an [`Environment`]. `main` calls [`parse`] and hands
//! each subcommand its options. Nothing here connects, prints or asks.

mod address;
mod broker;
mod completion;
mod config;
mod connection;
mod environment;
mod error;
mod given;
mod help;
mod io;
mod manual;
mod other_broker;
mod table;
mod transfer;
mod typed;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use environment::Environment;
pub use error::{UsageError, reason};
pub use io::of_a_member;
pub use manual::manual;
pub use table::{Flag, GROUPS, Group, Subcommand};
pub use typed::{
    Bell, CheckOptions, ClientOptions, Color, Connection, ExportOptions, ExportSince, ImportOptions, Invocation,
    ServerOptions,
};

use crate::nearest::nearest;
use crate::protocol::limits::PAGE_MESSAGES;
use completion::{SHELLS, first_words};
use connection::{choice, connection, seconds};
use given::{Given, Level};

const VERSION: &str = concat!("mqttchat ", env!("CARGO_PKG_VERSION"), "\n");

/// The largest `--retention`, in days: a century means forever.
const MAX_RETENTION_DAYS: u64 = 36_500;

/// The smallest `--max-size`, in bytes: an empty database takes about a fifth of it.
const MIN_MAX_SIZE: u64 = 1 << 20;

/// Original clients send a heartbeat every 30 s and cannot be told to send it more often. A timeout below this, which
/// allows 5 s of delay, times them out.
const ORIGINAL_CLIENTS_TIMEOUT: Duration = Duration::from_secs(35);

/// Reads the arguments (without the program's name) and the environment.
///
/// # Errors
/// The first mistake, including a file that an option names and that cannot be used.
pub fn parse(arguments: &[OsString], environment: &Environment) -> Result<Invocation, UsageError> {
    let arguments = to_utf8(arguments)?;
    let Some((first, rest)) = arguments.split_first() else {
        return Err(UsageError::new("no subcommand; use server, client, check, export or import"));
    };
    let text = match (first.as_str(), rest) {
        ("--version", _) => VERSION.to_owned(),
        ("--help", _) | ("help", []) => help::general(),
        ("help", [topic]) if topic == "help" || topic == "--help" => help::general(),
        ("help", [topic]) => match help::of_other(topic) {
            Some(text) => text,
            None => help::of(subcommand(topic)?),
        },
        ("help", [_, extra, ..]) => {
            return Err(UsageError::new(format!("help takes one subcommand; {extra:?} is too many")));
        }
        ("completion" | "manual", [option]) if option == "--help" => help::of_other(first).unwrap_or_default(),
        ("completion", rest) => completion(rest)?,
        ("manual", []) => return Ok(Invocation::Manual),
        ("manual", [extra, ..]) => return Err(UsageError::new(format!("manual takes nothing; {extra:?} is too many"))),
        _ => {
            let subcommand = subcommand(first)?;
            return invocation(subcommand, rest, environment).map_err(|error| error.of(subcommand));
        }
    };
    Ok(Invocation::Print(text))
}

fn completion(words: &[String]) -> Result<String, UsageError> {
    let script = match words {
        [shell] => SHELLS.iter().find(|(name, _)| name == shell),
        _ => None,
    };
    let names = SHELLS.map(|(name, _)| name).join(", ");
    script.map(|(_, script)| script()).ok_or_else(|| UsageError::new(format!("completion takes one of {names}")))
}

fn to_utf8(arguments: &[OsString]) -> Result<Vec<String>, UsageError> {
    // Not quoted in the error, because it may be a password.
    let wrong = |index| UsageError::new(format!("argument {} is not UTF-8", index + 1));
    let text = |(index, argument): (usize, &OsString)| Ok(argument.to_str().ok_or_else(|| wrong(index))?.to_owned());
    arguments.iter().enumerate().map(text).collect()
}

fn subcommand(word: &str) -> Result<Subcommand, UsageError> {
    if let Some(subcommand) = Subcommand::ALL.into_iter().find(|sub| sub.name() == word) {
        return Ok(subcommand);
    }
    Err(UsageError::new(match nearest(word, first_words().map(|(name, _)| name)) {
        _ if word.starts_with('-') => {
            format!("{word:?} comes before the subcommand; begin with server, client, check, export or import")
        }
        Some(near) => format!("unknown subcommand {word:?}; did you mean {near}?"),
        None => format!("unknown subcommand {word:?}; there are server, client, check, export, import and help"),
    }))
}

fn invocation(
    subcommand: Subcommand,
    arguments: &[String],
    environment: &Environment,
) -> Result<Invocation, UsageError> {
    let typed = Level::from_arguments(subcommand, arguments)?;
    if typed.item("help").is_some() {
        return Ok(Invocation::Print(help::of(subcommand)));
    }
    if typed.item("version").is_some() {
        return Ok(Invocation::Print(VERSION.to_owned()));
    }
    let mut warnings = Vec::new();
    let in_file = option_file(subcommand, &typed, environment, &mut warnings)?;
    let in_environment = Level::from_environment(subcommand, environment)?;
    let mut given = Given { levels: [typed, in_environment, in_file], named: None, left_out: Vec::new() };
    if subcommand.flag("host").is_some() {
        warnings.extend(other_broker::leave_out(&mut given)?);
        address::settle(&mut given)?;
    }
    let given = given;
    let connected = |warnings| connection(&given, environment, warnings);
    let invocation = match subcommand {
        Subcommand::Server => Invocation::Server(server(&given, connected(warnings)?, environment)?),
        Subcommand::Client => Invocation::Client(client(&given, connected(warnings)?, environment)?),
        Subcommand::Check => {
            Invocation::Check(CheckOptions { connection: connected(warnings)?, json: given.is_on("json") })
        }
        Subcommand::Export => Invocation::Export(transfer::export(&given, environment)?),
        Subcommand::Import => Invocation::Import(transfer::import(&given, environment)?),
    };
    // Mistakes take precedence over --print-config.
    match given.is_on("print-config") {
        true => Ok(Invocation::Print(config::config(subcommand, &given, invocation.connection()))),
        false => Ok(invocation),
    }
}

fn is_absent(path: &Path, environment: &Environment) -> bool {
    (environment.read)(path).is_err_and(|error| tells_of_absence(&error))
}

fn tells_of_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// The option file. One that is named must exist. The default one may be missing; if it cannot be read (a server locked
/// out of its home), that is only a warning.
fn option_file(
    subcommand: Subcommand,
    typed: &Level,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Level, UsageError> {
    let (path, bytes) = match (typed.item("options-file"), environment.option_file()) {
        (Some(item), _) => (PathBuf::from(&item.value), item.read(environment)?),
        (None, None) => return Ok(Level::default()),
        (None, Some(path)) => match (environment.read)(&path) {
            Ok(bytes) => (path, bytes),
            Err(error) => {
                if !tells_of_absence(&error) {
                    let reason = error::reason(&error);
                    warnings.push(format!("continuing without the option file {path:?}: {reason}"));
                }
                return Ok(Level::default());
            }
        },
    };
    match String::from_utf8(bytes) {
        Ok(text) => Level::from_file(subcommand, &path, &text),
        Err(_) => Err(UsageError::file("option file", &path, "it is not UTF-8")),
    }
}

fn server(given: &Given, mut connection: Connection, environment: &Environment) -> Result<ServerOptions, UsageError> {
    let chosen = given.one_of(&["memory", "data-dir"])?;
    let data_dir_is_chosen = chosen.is_some() || environment.set("STATE_DIRECTORY").is_some();
    let data_dir = match chosen {
        Some(item) if item.flag.is_switch() => None,
        Some(item) => Some(PathBuf::from(&item.value)),
        None => Some(environment.state_dir().ok_or_else(|| {
            UsageError::new("no folder for the history because HOME is not set; give --data-dir or --memory")
        })?),
    };
    let retention = given.item("retention").map(|item| item.number(1..=MAX_RETENTION_DAYS)).transpose()?;
    let history_limit = given.item("history-limit").map(|item| item.number(0..=PAGE_MESSAGES));
    // The server announces half of it as the heartbeat, in whole seconds. A day means forever.
    let timeout = seconds(given, "timeout", 2, 86_400)?.unwrap_or(Duration::from_secs(60));
    if timeout < ORIGINAL_CLIENTS_TIMEOUT {
        let limit = ORIGINAL_CLIENTS_TIMEOUT.as_secs();
        connection.warnings.push(format!(
            "original clients send a heartbeat every 30 s: with a timeout below {limit} s they \
             will be timed out"
        ));
    }
    Ok(ServerOptions {
        connection,
        data_dir,
        data_dir_is_chosen,
        retention: retention.map(|days| Duration::from_secs(days * 24 * 3_600)),
        max_size: given.item("max-size").map(|item| item.size(MIN_MAX_SIZE)).transpose()?,
        history_limit: history_limit.transpose()?.unwrap_or(50),
        timeout,
    })
}

fn client(given: &Given, connection: Connection, environment: &Environment) -> Result<ClientOptions, UsageError> {
    let alone = |long| given.one_of(&["message", long]).map(|item| item.map(|item| item.flag.long));
    let (json, listen) = (alone("json")?, alone("listen")?);
    let count = given.item("count").map(|item| item.number(1..=u64::MAX));
    Ok(ClientOptions {
        nick: given.text("nick").or_else(|| connection.settings.username.clone()),
        rooms: given.items("room").map(|item| item.value.clone()).collect(),
        message: given.text("message").filter(|_| json != Some("json") && listen != Some("listen")),
        to: given.text("to"),
        json: json == Some("json"),
        listen: listen == Some("listen"),
        count: count.transpose()?,
        wait: seconds(given, "wait", 1, u32::MAX)?,
        history: !given.is_on("no-history"),
        bell: choice(
            given,
            "bell",
            &[("never", Bell::Never), ("mention", Bell::Mention), ("direct", Bell::Direct), ("all", Bell::All)],
        )?
        .unwrap_or(Bell::Direct),
        notify: given.is_on("notify"),
        outbox: given.text("outbox").map(PathBuf::from),
        first_start: environment.option_file().filter(|path| given.is_silent() && is_absent(path, environment)),
        state_file: environment.client_state_file(),
        connection,
    })
}
