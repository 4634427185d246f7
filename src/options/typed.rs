//! The typed options that a run starts from.

use crate::link::{Qos, Settings};
use crate::protocol::RoomName;
use chrono::{DateTime, FixedOffset, NaiveDateTime};
use std::path::PathBuf;
use std::time::Duration;

/// What to do.
#[derive(Debug)]
pub enum Invocation {
    Server(ServerOptions),
    Client(ClientOptions),
    Check(CheckOptions),
    Export(ExportOptions),
    Import(ImportOptions),
    /// Print this text.
    Print(String),
    /// Print [`manual`].
    Manual,
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

/// The options of every subcommand that connects.
#[derive(Debug)]
pub struct Connection {
    pub settings: Settings,
    /// MQTT's client identifier, if one is given.
    pub client_id: Option<String>,
    /// The quality of service of chat messages.
    pub qos: Qos,
    /// The beginning of every topic: not empty, no `+ #` or control character, no leading or trailing `/`, no leading
    /// `$`.
    pub topic_root: String,
    pub verbose: bool,
    /// Never together with `verbose`.
    pub quiet: bool,
    pub color: Color,
    /// Lines to print once.
    pub warnings: Vec<String>,
    /// There is a user name but no password: ask for it if there is a terminal.
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

/// When a client rings the terminal's bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bell {
    Never,
    /// When somebody mentions the user's nick.
    Mention,
    /// And on a direct message.
    Direct,
    /// On every message of somebody else.
    All,
}

/// `mqttchat server`.
#[derive(Debug)]
pub struct ServerOptions {
    pub connection: Connection,
    /// The folder of the database; `None` with `--memory`: nothing on disk.
    pub data_dir: Option<PathBuf>,
    /// The folder was given; otherwise it is the default one.
    pub data_dir_is_chosen: bool,
    /// How long to keep messages; `None`: forever.
    pub retention: Option<Duration>,
    /// The largest size of the database in bytes; `None`: no limit.
    pub max_size: Option<u64>,
    /// How many messages a joiner gets, 0 to a page.
    pub history_limit: usize,
    /// The silence after which a session is timed out, at least 2 seconds.
    pub timeout: Duration,
}

/// `mqttchat client`.
#[derive(Debug)]
pub struct ClientOptions {
    pub connection: Connection,
    /// `--nick`, else MQTTCHAT_NICK, else the option file's, else the user name; not validated.
    pub nick: Option<String>,
    /// Rooms besides the lobby; not validated.
    pub rooms: Vec<String>,
    /// Send this and end. Never together with `json` or `listen`.
    pub message: Option<String>,
    /// The nick that direct messages go to; not validated.
    pub to: Option<String>,
    pub json: bool,
    pub listen: bool,
    /// End after this many messages from others, at least 1.
    pub count: Option<u64>,
    /// End after this time, at least a second.
    pub wait: Option<Duration>,
    /// Whether to ask for past messages.
    pub history: bool,
    pub bell: Bell,
    /// Also show notifications, for what rings the bell and at least for mentions and direct messages.
    pub notify: bool,
    /// The file that keeps unstored messages.
    pub outbox: Option<PathBuf>,
    /// The option file to write after the first start's questions; `None` if they need not be asked.
    pub first_start: Option<PathBuf>,
    /// The file of the client's memory; `None` if no folder is known.
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
    /// Only this room.
    pub room: Option<RoomName>,
    /// Only what was received at or after this time.
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
    /// In the user's zone.
    Local(NaiveDateTime),
}
