//! What options become: the typed values that a run is made from. Pure.

use crate::link::{Qos, Settings};
use crate::protocol::RoomName;
use chrono::{DateTime, FixedOffset, NaiveDateTime};
use std::path::PathBuf;
use std::time::Duration;

/// What a run is asked to do.
#[derive(Debug)]
pub enum Invocation {
    Server(ServerOptions),
    Client(ClientOptions),
    Check(CheckOptions),
    Export(ExportOptions),
    Import(ImportOptions),
    /// Print this text.
    Help(String),
    /// Print this, what holds and where it is from.
    Config(String),
    /// Print this script for a shell.
    Completion(String),
    /// Print [`manual`].
    Manual,
    /// Print the version.
    Version,
}

impl Invocation {
    pub(super) fn connection(&self) -> Option<&Connection> {
        match self {
            Invocation::Server(options) => Some(&options.connection),
            Invocation::Client(options) => Some(&options.connection),
            Invocation::Check(options) => Some(&options.connection),
            _ => None,
        }
    }
}

/// What every subcommand has.
#[derive(Debug)]
pub struct Connection {
    pub settings: Settings,
    /// MQTT's client identifier, where one was given.
    pub client_id: Option<String>,
    /// Of chat messages.
    pub qos: Qos,
    /// What every topic begins with: not empty, no `+ #` or control character, no `/` at its
    /// ends, no `$` at its begin.
    pub topic_root: String,
    pub verbose: bool,
    /// Never together with `verbose`.
    pub quiet: bool,
    pub color: Color,
    /// To be told once, a line each.
    pub warnings: Vec<String>,
    /// There is a user name, but no password: ask for it where there is a terminal.
    pub ask_password: bool,
}

/// When to print colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    Auto,
    Always,
    Never,
}

/// When a client on a terminal rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bell {
    Never,
    /// Somebody names one's nick.
    Mention,
    /// And at a direct message.
    Direct,
    /// At every message of somebody else.
    All,
}

/// `mqttchat server`.
#[derive(Debug)]
pub struct ServerOptions {
    pub connection: Connection,
    /// The folder of the database; `None` with `--memory`: nothing on disk.
    pub data_dir: Option<PathBuf>,
    /// Somebody chose that folder; else it is the default one.
    pub data_dir_is_chosen: bool,
    /// How long messages are kept; `None`: for ever.
    pub retention: Option<Duration>,
    /// Bytes that the database may take; `None`: as many as it needs.
    pub max_size: Option<u64>,
    /// How many messages a joiner gets, 0 to [`super::MAX_HISTORY_LIMIT`].
    pub history_limit: usize,
    /// The silence after which somebody is taken off the chat, 2 seconds at least.
    pub timeout: Duration,
}

/// `mqttchat client`.
#[derive(Debug)]
pub struct ClientOptions {
    pub connection: Connection,
    /// `--nick`, else MQTTCHAT_NICK, else the option file's, else the user name; not validated.
    pub nick: Option<String>,
    /// Rooms beside the lobby, as given; not validated.
    pub rooms: Vec<String>,
    /// Send this and end. Never together with `json` or `listen`.
    pub message: Option<String>,
    /// The nick that direct messages go to; not validated.
    pub to: Option<String>,
    pub json: bool,
    pub listen: bool,
    /// End after so many messages from others, at least 1.
    pub count: Option<u64>,
    /// End after so long, at least a second.
    pub wait: Option<Duration>,
    /// Whether to ask for past messages.
    pub history: bool,
    pub bell: Bell,
    /// Have the terminal notify, too: of what rings, and of mentions and direct messages at least.
    pub notify: bool,
    /// Keep here what is not stored yet.
    pub outbox: Option<PathBuf>,
    /// Nobody said anything: the option file that is not there yet, for what will be answered.
    pub first_start: Option<PathBuf>,
    /// Where what was shown is remembered; `None` where there is no place for it.
    pub state_file: Option<PathBuf>,
}

/// `mqttchat check`.
#[derive(Debug)]
pub struct CheckOptions {
    pub connection: Connection,
    pub json: bool,
}

/// `mqttchat export`.
#[derive(Debug)]
pub struct ExportOptions {
    /// The folder of the database.
    pub data_dir: PathBuf,
    pub topic_root: String,
    /// This room only.
    pub room: Option<RoomName>,
    /// What was received then or later.
    pub since: Option<ExportSince>,
}

/// `mqttchat import`.
#[derive(Debug)]
pub struct ImportOptions {
    pub data_dir: PathBuf,
    pub topic_root: String,
    /// `None`: the standard input.
    pub file: Option<PathBuf>,
    pub quiet: bool,
}

/// A moment as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportSince {
    At(DateTime<FixedOffset>),
    /// In the zone of whoever typed it.
    Local(NaiveDateTime),
}
