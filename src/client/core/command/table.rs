//! The table of commands, and their names in other chats.

use super::{Command, PageRequest, Target, addressee, find, own_nick};
use crate::protocol::limits::PAGE_MESSAGES;
use crate::protocol::{Nick, RoomName, SearchRequest};

/// What a command's first argument is, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Nick,
    Ignored,
    Room,
    Command,
    /// Words and filters, any number of them.
    Search,
}

#[derive(Debug)]
pub(super) struct CommandEntry {
    pub name: &'static str,
    /// A shorter name; may be empty.
    pub alias: &'static str,
    pub arguments: &'static str,
    /// What they may be, if an error should say so; may be empty.
    pub limits: &'static str,
    /// A line of `/help`.
    pub help: &'static str,
    /// Further lines of `/help COMMAND`.
    pub details: &'static [&'static str],
    pub completes: Argument,
    pub read: ReadArguments,
}

/// Reads the arguments, trimmed. `Ok(None)`: they do not fit.
type ReadArguments = fn(&str) -> Result<Option<Command>, String>;

impl CommandEntry {
    pub fn is_called(&self, name: &str) -> bool {
        !name.is_empty() && (name == self.name || name == self.alias)
    }

    pub fn usage(&self) -> String {
        format!("/{} {}", self.name, self.arguments).trim_end().to_owned()
    }

    /// For an error about the arguments.
    pub fn usage_with_limits(&self) -> String {
        match (self.arguments, self.limits) {
            ("", _) => format!("{}, without arguments", self.usage()),
            (_, "") => self.usage(),
            (_, limits) => format!("{}, where {limits}", self.usage()),
        }
    }

    const fn alias(self, alias: &'static str) -> CommandEntry {
        CommandEntry { alias, ..self }
    }

    const fn limits(self, limits: &'static str) -> CommandEntry {
        CommandEntry { limits, ..self }
    }

    const fn details(self, details: &'static [&'static str]) -> CommandEntry {
        CommandEntry { details, ..self }
    }

    const fn completes(self, completes: Argument) -> CommandEntry {
        CommandEntry { completes, ..self }
    }
}

/// A command with what `/help` says of it, and how its arguments are read.
const fn command(name: &'static str, arguments: &'static str, help: &'static str, read: ReadArguments) -> CommandEntry {
    CommandEntry { name, alias: "", arguments, limits: "", help, details: &[], completes: Argument::None, read }
}

const ROOM: &str = "ROOM is 1 to 32 of a-z, 0-9, - and _";

pub(super) const TABLE: &[CommandEntry] = &[
    command("help", "[COMMAND]", "this list, or more about one command", |rest| match some(rest) {
        None => Ok(Some(Command::Help(None))),
        Some(name) => find(name.strip_prefix('/').unwrap_or(name)).map(|entry| Some(Command::Help(Some(entry.name)))),
    })
    .completes(Argument::Command),
    command("quit", "", "leave the chat", |rest| Ok(none(rest, Command::Quit))).alias("q").details(&[
        "Waits up to 5 seconds for unstored messages, then says how many are left.",
        "With --outbox they are kept for the next run. Ctrl-D does the same.",
    ]),
    command("users", "", "who is online", |rest| Ok(none(rest, Command::Users))).alias("who"),
    command("msg", "NICK TEXT", "a direct message", |rest| {
        let (name, text) = addressee::split(rest);
        let Some(text) = some(text) else { return Ok(None) };
        let to = Target::Nick(nick(&name)?);
        Ok(Some(Command::Say { text: text.to_owned(), to, action: false }))
    })
    .alias("w")
    .completes(Argument::Nick)
    .details(&[
        "Nobody else sees it. Whoever is away receives it on return.",
        "Put a nick that contains a blank in quotes.",
    ]),
    command("reply", "TEXT", "answer the last direct message", |rest| {
        Ok(some(rest).map(|text| Command::Reply(text.to_owned())))
    })
    .details(&[
        "A blank after it turns it into /msg and the nick of the last sender,",
        "so that you see whom you answer even if others write meanwhile.",
    ]),
    command("me", "TEXT", "an action: * alice waves", |rest| {
        Ok(some(rest).map(|text| Command::Say { text: text.to_owned(), to: Target::Here, action: true }))
    }),
    command("nick", "NICK", "change your nick", |rest| one(rest, own_nick, Command::Nick))
        .limits("NICK is 1 to 32 letters, digits, - and _")
        .details(&["Unsent messages go out under the new nick.", "If it is in use, you keep the old one."]),
    command("join", "ROOM", "join a room and talk there", |rest| one(rest, room, Command::Join))
        .limits(ROOM)
        .completes(Argument::Room)
        .details(&["A room exists as soon as somebody is in it. You stay in your other rooms."]),
    command("part", "[ROOM]", "leave a room (default: this one)", |rest| {
        Ok(Some(Command::Part(some(rest).map(room).transpose()?)))
    })
    .limits(ROOM)
    .completes(Argument::Room)
    .details(&["Nobody can leave the lobby."]),
    command("room", "ROOM", "talk in ROOM; everybody is in the lobby", |rest| one(rest, room, Command::Room))
        .limits(ROOM)
        .completes(Argument::Room)
        .details(&["The prompt shows the room that you talk in."]),
    command("rooms", "", "all rooms, and unread messages", |rest| Ok(none(rest, Command::Rooms))).details(&[
        "> marks the room you talk in, + the others that you are in.",
        "Unread: since you last talked there.",
    ]),
    command("history", "[N]", "the last N messages of this room", |rest| {
        let limit = match some(rest).map(str::parse) {
            Some(Ok(number @ 1..=PAGE_MESSAGES)) => Some(number),
            Some(_) => return Ok(None),
            None => None,
        };
        Ok(Some(Command::History(PageRequest { limit, ..PageRequest::default() })))
    })
    .limits("N is 1 to 500"),
    command("search", "[TEXT]", "find messages; alone: continue the search", |rest| {
        let search = |text: &str| SearchRequest { text: text.to_owned(), ..SearchRequest::default() };
        Ok(Some(Command::Search(some(rest).map(search))))
    })
    .completes(Argument::Search)
    .details(&[
        "words, a \"phrase in quotes\", the beginning* of a word; all must match",
        "from:NICK  room:ROOM  restrict it,",
        "after:2026-11-22  before:2026-11-22T20:30  too, in your time zone",
    ]),
    command("ignore", "[NICK]", "hide messages of NICK; alone: list the hidden", |rest| {
        Ok(Some(Command::Ignore(some(rest).map(nick_of).transpose()?)))
    })
    .completes(Argument::Nick)
    .details(&["Direct messages too, in this and later runs. NICK is not told."]),
    command("unignore", "NICK", "show messages of NICK again", |rest| one(rest, nick_of, Command::Unignore))
        .completes(Argument::Ignored),
    command("quiet", "", "hide joins and leaves; again: show them", |rest| Ok(none(rest, Command::Quiet))),
    command("ping", "", "round-trip times to broker and chat server", |rest| Ok(none(rest, Command::Ping))),
    command("status", "", "connection, session, rooms, unstored messages", |rest| Ok(none(rest, Command::Status))),
    command("clear", "", "clear the screen", |rest| Ok(none(rest, Command::Clear))),
];

/// Commands of other chats, and what they may mean here.
pub(super) const SYNONYMS: &[(&[&str], &[&str])] = &[
    (&["exit", "bye", "logout", "disconnect", "stop"], &["quit"]),
    (&["leave", "close"], &["part", "quit"]),
    (&["names", "online", "people", "whois"], &["users"]),
    (&["query", "tell", "whisper", "dm", "pm", "message", "privmsg", "private"], &["msg"]),
    (&["list", "ls", "channels"], &["rooms"]),
    (&["channel", "switch", "go", "cd"], &["room"]),
    (&["commands", "h", "?", "man"], &["help"]),
    (&["block", "mute"], &["ignore"]),
    (&["unblock", "unmute"], &["unignore"]),
    (&["name", "rename", "username"], &["nick"]),
    (&["find", "grep"], &["search"]),
    (&["log", "backlog", "last"], &["history"]),
    (&["cls"], &["clear"]),
    (&["version", "info", "server", "connection"], &["status"]),
    (&["r", "answer"], &["reply"]),
    (&["action", "emote"], &["me"]),
    (&["lag"], &["ping"]),
];

fn none(rest: &str, command: Command) -> Option<Command> {
    rest.is_empty().then_some(command)
}

fn some(rest: &str) -> Option<&str> {
    (!rest.is_empty()).then_some(rest)
}

/// A command with exactly one argument.
fn one<T>(
    rest: &str,
    read: fn(&str) -> Result<T, String>,
    command: fn(T) -> Command,
) -> Result<Option<Command>, String> {
    some(rest).map(|text| read(text).map(command)).transpose()
}

/// Somebody else's nick: any that the wire allows.
fn nick(text: &str) -> Result<Nick, String> {
    Nick::parse(text).map_err(|error| format!("not a nick: {error}"))
}

/// A nick that is the only argument, with or without quotes.
fn nick_of(text: &str) -> Result<Nick, String> {
    match addressee::split(text) {
        (quoted, "") => nick(&quoted),
        _ => nick(text),
    }
}

fn room(text: &str) -> Result<RoomName, String> {
    RoomName::choose(text).map_err(|error| format!("not a room: {error}; rooms are of a-z, 0-9, - and _"))
}
