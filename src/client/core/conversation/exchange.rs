//! Pure: the inputs and outputs of a conversation: plain values between it and its session.

use crate::client::core::command::{Command, TypedLine};
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::news::News;
use crate::client::core::outbox::Kept;
use crate::link::{Event, Publication, Qos};
use crate::protocol::{Nick, RoomName, SentId, Topics};
use chrono::{DateTime, FixedOffset, NaiveDateTime};
use serde_json::Value;

/// Converts a time of the user's time zone.
pub type Local = fn(NaiveDateTime) -> Option<DateTime<FixedOffset>>;

/// The settings of a conversation.
#[derive(Debug)]
pub struct Config {
    pub nick: Nick,
    pub role: Role,
    /// Rooms to join besides the lobby. The first becomes the current room.
    pub rooms: Vec<RoomName>,
    pub topics: Topics,
    /// The quality of service of messages. Presence, requests and receipts take QoS 1.
    pub qos: Qos,
    /// The broker's address, for people.
    pub broker: String,
    /// Request past messages when joining a room.
    pub history: bool,
    /// A person at a terminal types commands and can be asked questions.
    pub on_terminal: bool,
    /// Also tell about invalid messages.
    pub verbose: bool,
    /// Converts a time of the user's time zone. The offset depends on the season.
    pub local: Local,
    /// What earlier runs left behind.
    pub remembered: Remembered,
    /// The outbox outlives this run: report each message that is taken and settled.
    pub keeps_outbox: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Joins, receives and is visible.
    #[default]
    Member,
    /// Only sends, and is visible only by its messages.
    Sender,
}

/// What happens to a conversation.
#[derive(Debug)]
pub enum Input {
    /// An event of the current link, of which `conn` counts the connections of this run.
    Link(Event),
    /// News is not taken as fast as it is told. Until [`Input::Missed`], nothing that can wait is requested.
    Full,
    /// Now there is room again. This many arrivals were dropped in between.
    Missed(u64),
    /// A line from the terminal: text or a command.
    Typed(TypedLine),
    /// A command of a program, with the `ref` for its answers.
    Command(Command, Option<Value>),
    /// The run is about to end: what waits for more is told now.
    Closing,
    /// A deadline has passed.
    Tick,
}

/// What the session must do.
#[derive(Debug, PartialEq)]
pub enum Output {
    Publish(Publication),
    Subscribe(String),
    Unsubscribe(String),
    /// With the `ref` of the program's command that it follows from.
    Tell(News, Option<Value>),
    /// Remember this after everything told before is printed.
    Remember(Memo),
    /// Publish this after everything told before is printed and everything before is remembered.
    PublishWhenShown(Publication),
    /// A message was taken. Store it before anything that follows is published.
    Queued(Kept),
    /// This message is done.
    Settled(SentId),
    /// Clear the screen.
    Clear,
    /// Connect again under the new nick, with a new will, after this leave message under the old one.
    Renamed(Option<Publication>),
    /// Connect again with a new will.
    Reconnect,
    /// The user wants to leave once everything is sent.
    Quit,
    /// The nick is in use, and the user cannot be asked for another one.
    NickInUse,
}
