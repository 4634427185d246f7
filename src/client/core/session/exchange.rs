//! What a session is told, and what it has done: plain values between it and its driver.

use crate::client::core::command::{Command, Names, TypedLine};
use crate::client::core::conversation::Config;
use crate::client::core::ending::ClientExit;
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::news::News;
use crate::client::core::outbox::Kept;
use crate::link::{Event as LinkEvent, Publication, Subscription, WillOf};
use crate::protocol::{Nick, NickKey, SentId};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// How the client is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// People at a terminal.
    Chat,
    /// Sends and ends.
    Sender,
    /// Prints what arrives, sends what it is given, literally.
    Listen,
    /// Programs that read and write JSON.
    Json,
    /// Programs that are built on this crate.
    Embedded,
}

/// What a session is told when it begins.
pub struct SessionConfig {
    pub mode: Mode,
    /// Whom texts go to; `None`: the room that is talked in.
    pub addressee: Option<Nick>,
    /// `-W`.
    pub wait: Option<Duration>,
    /// `-C`.
    pub count: Option<u64>,
    /// The end of the input does not end the run.
    pub outlives_input: bool,
    /// What is shown can be remembered beyond this run.
    pub has_memory: bool,
    pub conversation: Config,
}

/// What happens to a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// The run begins. Comes once, before anything but news of the driver's own.
    Start,
    /// The link of this number says something.
    Link { number: u32, event: LinkEvent },
    /// So much of what arrived by the link of this number was dropped, because what came before was not taken in time.
    Missed { number: u32, count: u64 },
    /// The link that was to be opened cannot be started, and why.
    NoLink(String),
    /// News is not taken as fast as it is told: until [`SessionEvent::HasRoom`] nothing that can wait is asked for.
    Full,
    /// News is taken again; so many messages were dropped in between.
    HasRoom { dropped: u64 },
    /// A line was typed on a terminal.
    Typed(TypedLine),
    /// Texts, each a message of its own, never a command.
    Texts(Vec<String>),
    /// A program's command, with the `ref` for its answers.
    Ordered(Command, Option<Value>),
    /// The driver has something to tell: a line that is no command, what became of a file.
    Noticed(News),
    /// This line is to be offered again in later runs.
    Recallable(String),
    /// The input of a program or a pipe has ended.
    InputEnded,
    /// Whoever is at the terminal ends it.
    Quit,
    /// A signal of this number asks for the end.
    Signal(i32),
    /// Nobody reads the output any more.
    OutputClosed,
    /// What [`SessionEffect::Keep`] named is committed, or cannot be.
    Committed(Result<(), Uncommitted>),
    /// The answer to [`SessionEffect::Become`]: what earlier runs under that nick left, or why it cannot be read.
    Became(Result<Remembered, String>),
    /// The outbox on disk cannot be written, and why.
    OutboxFailed(String),
    /// [`SessionEffect::RenameOutbox`] is done.
    OutboxRenamed,
    /// Time has passed.
    Tick,
}

/// Memos that could not be written.
#[derive(Debug)]
pub struct Uncommitted {
    pub memos: Vec<Memo>,
    pub why: String,
}

/// What is to be done, in this order.
#[derive(Debug)]
pub enum SessionEffect {
    /// Connect, once the last word of the link that was let go before is said.
    OpenLink(Opening),
    /// Close the link, with this last word.
    LetGo(Option<Publication>),
    Publish(Publication),
    Subscribe(Subscription),
    Unsubscribe(String),
    Tell(News),
    /// Tell what went wrong, whatever else is told: the run ends because of it.
    Complain(String),
    /// Empty the screen.
    Clear,
    /// Another nick is asked for from now on, or no longer is; this takes the place of a prompt that is there.
    AskForNick(bool),
    /// Have the next line typed.
    Prompt(Prompt),
    /// These can be completed from now on.
    Complete(Names),
    /// Once everything told before is on the screen, commit these, which may be none, and report with
    /// [`SessionEvent::Committed`]. Until then no other `Keep` or [`SessionEffect::Become`] follows.
    Keep(Vec<Memo>),
    /// What is kept from now on is another person's; recall what there is of it, once everything told before is on the
    /// screen, and report with [`SessionEvent::Became`].
    Become(NickKey),
    /// Put this into the outbox on disk, before what follows is published.
    AddToOutbox(Kept),
    RemoveFromOutbox(Vec<SentId>),
    /// The outbox on disk is this nick's from now on. Reported with [`SessionEvent::OutboxRenamed`].
    RenameOutbox(Nick),
    /// The run ends. Nothing follows but the effects of [`SessionEvent::Committed`], as long as the session
    /// [is keeping](super::ClientSession::is_keeping).
    End(ClientExit),
}

/// A link to be opened.
pub struct Opening {
    /// To be named with everything that comes by it.
    pub number: u32,
    /// Made from the number of the link's connection, which it counts from 1.
    pub will: Option<WillOf>,
    pub subscriptions: Vec<Subscription>,
    /// Try again also where the very first attempt fails.
    pub patient: bool,
}

/// A line that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub text: String,
    /// Lines typed before, the last one last, where they are others than so far.
    pub earlier: Option<Vec<String>>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Opening { number, will, subscriptions, patient } = self;
        let mut opening = f.debug_struct("Opening");
        opening.field("number", number).field("will", &will.is_some());
        opening.field("subscriptions", subscriptions).field("patient", patient).finish()
    }
}
