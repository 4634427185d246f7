//! Pure: what a conversation is told and what it has done: plain values between it and its shell.

use crate::client::core::command::{Command, TypedLine};
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::news::News;
use crate::client::core::outbox::Kept;
use crate::link::{Publication, Qos};
use crate::protocol::{Nick, RoomName, SentId, Topics};
use chrono::{DateTime, FixedOffset, NaiveDateTime};
use serde_json::Value;
use std::time::Duration;

/// The moment that a time of the reader's clocks means.
pub type Local = fn(NaiveDateTime) -> Option<DateTime<FixedOffset>>;

/// What a conversation is told when it begins.
pub struct Config {
    pub nick: Nick,
    pub role: Role,
    /// Rooms to be in beside the lobby. The first is talked in.
    pub rooms: Vec<RoomName>,
    pub topics: Topics,
    /// The quality of service of messages. Presence, requests and receipts take QoS 1.
    pub qos: Qos,
    /// Where the broker is, for people.
    pub broker: String,
    /// Ask for past messages when joining.
    pub history: bool,
    /// Somebody sits at a terminal, types commands, and can be asked.
    pub on_terminal: bool,
    /// Tell what is not valid, too.
    pub verbose: bool,
    /// The moment that a time of the reader's clocks means: their zone, which is not the same in summer and winter.
    pub local: Local,
    /// What earlier runs left behind.
    pub remembered: Remembered,
    /// Messages are kept beyond this run: tell of each that is taken and settled.
    pub keeps_outbox: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Joins, hears and is seen.
    Member,
    /// Only sends: nobody notices it but by its messages.
    Sender,
}

/// What happens to a conversation.
#[derive(Debug)]
pub enum Input {
    Connected(Up),
    /// An attempt to connect failed, and why.
    Failed(String),
    Lost {
        reason: String,
    },
    /// The next attempt to connect starts after this time.
    Waiting(Duration),
    /// The broker did not grant a subscription.
    Refused(String),
    Arrived {
        topic: String,
        payload: Vec<u8>,
        /// It was there before we came.
        retained: bool,
    },
    /// What is told is more than is taken: until [`Input::Missed`] nothing that can wait is asked for.
    Full,
    /// So much of what arrived in the meantime was dropped, messages and other things; now there is room again.
    Missed(u64),
    /// The broker has what was published with this ticket.
    Published(u64),
    /// The broker will not take it.
    Rejected {
        ticket: u64,
        reason: String,
    },
    /// A line from the terminal: text or a command.
    Typed(TypedLine),
    /// A command of a program, with the `ref` for its answers.
    Command(Command, Option<Value>),
    /// Time has passed.
    Tick,
}

/// A connection that has just been made.
#[derive(Debug)]
pub struct Up {
    /// Counts the connections of this run.
    pub conn: u32,
    /// For people: "MQTT 5".
    pub version: &'static str,
    /// For people: protocol version and cipher of TLS.
    pub tls: Option<(String, String)>,
    /// Subscriptions that the broker did not grant.
    pub refused: Vec<String>,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Output {
    Publish(Publication),
    Subscribe(String),
    Unsubscribe(String),
    Tell(News),
    /// To be remembered once what was told before it is printed.
    Remember(Memo),
    /// To be published once what was told before it is printed, and what was to be remembered before it is.
    PublishWhenShown(Publication),
    /// A message was taken: to be kept before what follows is published.
    Queued(Kept),
    /// No more is to be done for this message.
    Settled(SentId),
    /// Empty the screen.
    Clear,
    /// Connect anew: the nick, and with it the will, is another one. `leave`: the last word under the one before.
    Renamed {
        leave: Option<Publication>,
    },
    /// Connect anew: the will is another one.
    Reconnect,
    /// The user wants to leave once everything is sent.
    Quit,
    /// Somebody else has the nick, and no other can be asked for.
    NickInUse,
}
