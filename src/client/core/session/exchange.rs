//! The events and effects of a session: plain values between it and its driver.

use crate::client::core::command::{Command, Names, TypedLine};
use crate::client::core::conversation::Config;
use crate::client::core::ending::ClientExit;
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::news::News;
use crate::client::core::outbox::Kept;
use crate::link::{
    Config as LinkConfig, Event as LinkEvent, LONGEST_WAIT, Publication, Settings, Subscription, WillOf,
};
use crate::protocol::{Nick, NickKey, SentId};
use crate::random::Random;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// How the client is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A person at a terminal.
    Chat,
    /// Sends and ends.
    Sender,
    /// Prints what arrives, and sends its input literally.
    Listen,
    /// A program that reads and writes JSON.
    Json,
    /// A program that is built on this crate.
    Embedded,
}

/// The settings of a session.
#[derive(Debug)]
pub struct SessionConfig {
    pub mode: Mode,
    /// `--id`.
    pub client_id: Option<String>,
    /// Who receives texts; `None`: the current room.
    pub addressee: Option<Nick>,
    /// `-W`.
    pub wait: Option<Duration>,
    /// `-C`.
    pub count: Option<u64>,
    /// The end of the input does not end the run.
    pub outlives_input: bool,
    /// Shown messages can be remembered beyond this run.
    pub has_memory: bool,
    pub conversation: Config,
}

/// What happens to a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// The run begins. Comes once. Only the driver's own news may come before it.
    Start,
    /// An event of the link with this number.
    Link { number: u32, event: LinkEvent },
    /// This many arrivals on the link with this number were dropped, because earlier ones were not taken in time.
    Missed { number: u32, count: u64 },
    /// The link cannot be opened, and why.
    NoLink(String),
    /// News is not taken as fast as it is told. Until [`SessionEvent::HasRoom`], nothing that can wait is requested.
    Full,
    /// News is taken again. This many messages were dropped in between.
    HasRoom { dropped: u64 },
    /// A line was typed on a terminal.
    Typed(TypedLine),
    /// Texts. Each is a message of its own, never a command.
    Texts(Vec<String>),
    /// A program's command, with the `ref` for its answers.
    Ordered(Command, Option<Value>),
    /// The driver's own news, such as an invalid line or the result of a file transfer.
    /// With the `ref` of a program's line.
    Noticed(News, Option<Value>),
    /// Later runs offer this line again.
    Recallable(String),
    /// The input of a program or a pipe has ended.
    InputEnded,
    /// The person at the terminal quits.
    Quit,
    /// This signal asks for the end.
    Signal(i32),
    /// Nobody reads the output any longer, or it cannot be written.
    OutputClosed { has_failed: bool },
    /// The memos of [`SessionEffect::Keep`] are committed, or cannot be.
    Committed(Result<(), Uncommitted>),
    /// The answer to [`SessionEffect::Become`]: what earlier runs under that nick left, or why it cannot be read.
    Became(Result<Remembered, String>),
    /// The outbox on disk cannot be written, and why.
    OutboxFailed(String),
    /// [`OutboxChange::Retry`] has worked.
    OutboxWritten,
    /// [`OutboxChange::Rename`] is done.
    OutboxRenamed,
    /// A deadline has passed.
    Tick,
}

/// Memos that could not be written.
#[derive(Debug)]
pub struct Uncommitted {
    pub memos: Vec<Memo>,
    pub why: String,
}

/// What the driver must do, in this order.
#[derive(Debug)]
pub enum SessionEffect {
    Link(LinkOrder),
    /// With the `ref` of the program's command that it follows from.
    Tell(News, Option<Value>),
    /// Tell what went wrong, even if other news is held back: the run ends because of it.
    Complain(String),
    /// Empty the screen.
    Clear,
    /// Start or stop asking for another nick. This replaces the current prompt.
    AskForNick(bool),
    /// Read the next line.
    Prompt(Prompt),
    /// Names to complete from now on.
    Complete(Names),
    /// After everything told before is on the screen, commit these memos (perhaps none), and report
    /// [`SessionEvent::Committed`]. No other `Keep` or [`SessionEffect::Become`] follows until then.
    Keep(Vec<Memo>),
    /// From now on, the memory belongs to another nick. After everything told before is on the screen, recall what is
    /// stored for it, and report [`SessionEvent::Became`].
    Become(NickKey),
    Outbox(OutboxChange),
    /// The run ends. Only effects of [`SessionEvent::Committed`] follow, as long as the session [is
    /// keeping](super::ClientSession::is_keeping).
    End(ClientExit),
}

/// What the link must do.
#[derive(Debug)]
pub enum LinkOrder {
    /// Connect, after the leave message of the previous link is sent.
    Open(Opening),
    /// Close the link, with this leave message.
    LetGo(Option<Publication>),
    Publish(Publication),
    Subscribe(Subscription),
    Unsubscribe(String),
}

/// A change of the outbox on disk.
#[derive(Debug)]
pub enum OutboxChange {
    /// Add this before anything that follows is published.
    Add(Kept),
    Remove(Vec<SentId>),
    /// It now belongs to this nick. Report [`SessionEvent::OutboxRenamed`].
    Rename(Nick),
    /// A chat server was seen: later runs with this outbox wait for its word.
    NoteServer,
    /// Write what could not be written before. Report [`SessionEvent::OutboxWritten`].
    Retry,
}

/// A link to be opened.
pub struct Opening {
    /// Names the link in its events.
    pub number: u32,
    pub client_id: String,
    /// Takes the number of the link's connection, which counts from 1.
    pub will: Option<WillOf>,
    pub subscriptions: Vec<Subscription>,
    /// Retry even if the first attempt fails.
    pub patient: bool,
}

/// A line to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub text: String,
    /// Earlier lines, newest last, if they have changed.
    pub earlier: Option<Vec<String>>,
}

impl Opening {
    /// How long the leave message of the link before may take, which this one waits for.
    pub const FAREWELL: Duration = Duration::from_millis(500);

    pub fn config(self, settings: Settings, random: Random) -> LinkConfig {
        let Opening { client_id, will, subscriptions, patient, .. } = self;
        let (persistent, longest_wait, lookout) = (false, LONGEST_WAIT, None);
        LinkConfig { settings, client_id, persistent, will, subscriptions, patient, longest_wait, random, lookout }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Opening { number, client_id, will, subscriptions, patient } = self;
        let mut opening = f.debug_struct("Opening");
        opening.field("number", number).field("client_id", client_id).field("will", &will.is_some());
        opening.field("subscriptions", subscriptions).field("patient", patient).finish()
    }
}
