//! Pure: what somebody types on the terminal → [`Command`], by one table that parser, `/help` and completion share.
//! The conversation carries commands out; `input` asks for completions.

mod completion;

use crate::nearest::nearest;
use crate::protocol::limits::PAGE_MESSAGES;
use crate::protocol::{Cursor, NameError, Nick, RoomName, SearchRequest};
use std::fmt;

pub use completion::{Names, complete};

/// What a user or a program wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Say {
        text: String,
        to: Target,
        /// /me: something done, not said.
        action: bool,
    },
    /// A direct message to whoever sent the last one.
    Reply(String),
    Users,
    Rooms,
    Join(RoomName),
    /// `None`: the room that is talked in.
    Part(Option<RoomName>),
    /// Talk in this room from now on.
    Room(RoomName),
    History(Page),
    /// `None`: go on with the last one.
    Search(Option<SearchRequest>),
    Ping,
    Status,
    Clear,
    Help,
    Quit,
}

impl Command {
    /// It says something, or changes where that goes: such commands keep their order among each other.
    pub fn keeps_its_turn(&self) -> bool {
        match self {
            Command::Say { .. } | Command::Reply(_) | Command::Join(_) | Command::Part(_) | Command::Room(_) => true,
            Command::Users | Command::Rooms | Command::History(_) | Command::Search(_) | Command::Ping => false,
            Command::Status | Command::Clear | Command::Help | Command::Quit => false,
        }
    }
}

/// Which past messages: the newest, or those `before` or `after` a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// `None`: the room that is talked in.
    pub room: Option<RoomName>,
    /// `None`: as many as the server gives.
    pub limit: Option<usize>,
    pub before: Option<Cursor>,
    pub after: Option<Cursor>,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The room that is talked in.
    Here,
    Room(RoomName),
    Nick(Nick),
}

/// Why a line was not understood, for the one who typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    Unknown {
        typed: String,
        near: Option<&'static str>,
    },
    /// The command as the table writes it.
    Usage(String),
    Nick(NameError),
    Room(NameError),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Unknown { typed, near: Some(near) } => {
                write!(f, "there is no command /{typed}; did you mean /{near}? (//{typed} sends it as text)")
            }
            CommandError::Unknown { typed, near: None } => {
                write!(f, "there is no command /{typed}; /help lists them (//{typed} sends it as text)")
            }
            CommandError::Usage(usage) => write!(f, "usage: {usage}"),
            CommandError::Nick(cause) => write!(f, "not a nick: {cause}"),
            CommandError::Room(cause) => write!(f, "not a room: {cause}; rooms are of a-z, 0-9, - and _"),
        }
    }
}

impl std::error::Error for CommandError {}

/// What a command's first argument is, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    None,
    Nick,
    Room,
    /// Words and filters, any number of them.
    Search,
}

struct Entry {
    name: &'static str,
    /// A shorter name; may be empty.
    alias: &'static str,
    arguments: &'static str,
    help: &'static str,
    completes: Argument,
    /// Reads what follows the name, without blanks at its ends. `Ok(None)`: the arguments do not fit.
    read: fn(&str) -> Result<Option<Command>, CommandError>,
}

impl Entry {
    fn is_called(&self, name: &str) -> bool {
        !name.is_empty() && (name == self.name || name == self.alias)
    }
}

const TABLE: &[Entry] = &[
    entry("help", "", "", "this list", Argument::None, |rest| Ok(none(rest, Command::Help))),
    entry("quit", "q", "", "leave", Argument::None, |rest| Ok(none(rest, Command::Quit))),
    entry("users", "who", "", "who is online", Argument::None, |rest| Ok(none(rest, Command::Users))),
    entry("msg", "w", "NICK TEXT", "a direct message", Argument::Nick, |rest| {
        let Some((nick, text)) = rest.split_once(char::is_whitespace) else { return Ok(None) };
        let to = Target::Nick(Nick::parse(nick).map_err(CommandError::Nick)?);
        Ok(Some(Command::Say { text: text.trim_start().to_owned(), to, action: false }))
    }),
    entry("reply", "", "TEXT", "answer the last direct message", Argument::None, |rest| {
        Ok(some(rest).map(|text| Command::Reply(text.to_owned())))
    }),
    entry("me", "", "TEXT", "say what you do: * alice waves", Argument::None, |rest| {
        Ok(some(rest).map(|text| Command::Say { text: text.to_owned(), to: Target::Here, action: true }))
    }),
    entry("join", "", "ROOM", "join a room and talk there", Argument::Room, |rest| {
        some(rest).map(|name| room(name).map(Command::Join)).transpose()
    }),
    entry("part", "", "[ROOM]", "leave a room, or the one you talk in", Argument::Room, |rest| {
        Ok(Some(Command::Part(some(rest).map(room).transpose()?)))
    }),
    entry("room", "", "ROOM", "talk in this room (lobby is the public one)", Argument::Room, |rest| {
        some(rest).map(|name| room(name).map(Command::Room)).transpose()
    }),
    entry("rooms", "", "", "the rooms that there are", Argument::None, |rest| Ok(none(rest, Command::Rooms))),
    entry("history", "", "[N]", "the last messages of this room", Argument::None, |rest| {
        let limit = match some(rest) {
            Some(number) => match number.parse() {
                Ok(number @ 1..=PAGE_MESSAGES) => Some(number),
                _ => return Ok(None),
            },
            None => None,
        };
        Ok(Some(Command::History(Page { limit, ..Page::default() })))
    }),
    entry("search", "", "[TEXT]", SEARCH, Argument::Search, |rest| {
        let search = |text: &str| SearchRequest { text: text.to_owned(), ..SearchRequest::default() };
        Ok(Some(Command::Search(some(rest).map(search))))
    }),
    entry("ping", "", "", "how long a round trip takes", Argument::None, |rest| Ok(none(rest, Command::Ping))),
    entry("status", "", "", "what you are connected to", Argument::None, |rest| Ok(none(rest, Command::Status))),
    entry("clear", "", "", "an empty screen", Argument::None, |rest| Ok(none(rest, Command::Clear))),
];

const SEARCH: &str = "find words, \"a phrase\", prefix*; narrow with from:NICK room:ROOM after:2026-11-22 \
                      before:2026-11-22T20:30; alone: go on with the last one";
const fn entry(
    name: &'static str,
    alias: &'static str,
    arguments: &'static str,
    help: &'static str,
    completes: Argument,
    read: fn(&str) -> Result<Option<Command>, CommandError>,
) -> Entry {
    Entry { name, alias, arguments, help, completes, read }
}

fn none(rest: &str, command: Command) -> Option<Command> {
    rest.is_empty().then_some(command)
}

fn some(rest: &str) -> Option<&str> {
    (!rest.is_empty()).then_some(rest)
}

/// A room as it is typed, with or without its `#`.
fn room(text: &str) -> Result<RoomName, CommandError> {
    RoomName::parse(text.strip_prefix('#').unwrap_or(text)).map_err(CommandError::Room)
}

/// Reads a typed line: text to say, `/command`, or `//text` for a text that begins with `/`.
pub fn parse(line: &str) -> Result<Command, CommandError> {
    let say = |text: &str| Command::Say { text: text.to_owned(), to: Target::Here, action: false };
    let Some(typed) = line.strip_prefix('/') else { return Ok(say(line)) };
    if typed.starts_with('/') {
        return Ok(say(typed));
    }
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let lower = name.to_lowercase();
    let Some(entry) = TABLE.iter().find(|entry| entry.is_called(&lower)) else {
        let near = nearest(&lower, TABLE.iter().map(|entry| entry.name));
        let near = near.and_then(|near| TABLE.iter().map(|entry| entry.name).find(|name| *name == near));
        return Err(CommandError::Unknown { typed: name.to_owned(), near });
    };
    (entry.read)(rest.trim())?.ok_or_else(|| CommandError::Usage(usage(entry)))
}

fn usage(entry: &Entry) -> String {
    format!("/{} {}", entry.name, entry.arguments).trim_end().to_owned()
}

/// What `/help` shows, a line each.
pub fn help() -> Vec<String> {
    let lines = TABLE.iter().map(|entry| {
        let alias = match entry.alias {
            "" => String::new(),
            alias => format!(" (/{alias})"),
        };
        format!("{:<16} {}{alias}", usage(entry), entry.help)
    });
    lines.chain(["//text           send text that begins with /".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command, &str>) {
        let parsed = parse(line).map_err(|error| error.to_string());
        assert_eq!(parsed, expected.map_err(str::to_owned), "{line}");
    }

    fn say(text: &str, to: Target, action: bool) -> Result<Command, &'static str> {
        Ok(Command::Say { text: text.to_owned(), to, action })
    }

    fn bob() -> Target {
        Target::Nick(Nick::parse("bob").unwrap())
    }

    fn dev() -> RoomName {
        RoomName::parse("dev").unwrap()
    }

    #[test]
    fn lines() {
        check("hello", say("hello", Target::Here, false));
        check("  a / b ", say("  a / b ", Target::Here, false));
        check("//usr/bin", say("/usr/bin", Target::Here, false));
        check("/msg bob hi there", say("hi there", bob(), false));
        check("/w bob  hi", say("hi", bob(), false));
        check("/MSG bob hi", say("hi", bob(), false));
        check("/msg bob two\nlines", say("two\nlines", bob(), false));
        check("/me waves", say("waves", Target::Here, true));
        check("/reply yes", Ok(Command::Reply("yes".to_owned())));
        check("/quit", Ok(Command::Quit));
        check("/q ", Ok(Command::Quit));
        check("/who", Ok(Command::Users));
        check("/join dev", Ok(Command::Join(dev())));
        check("/join #dev", Ok(Command::Join(dev())));
        check("/part", Ok(Command::Part(None)));
        check("/part dev", Ok(Command::Part(Some(dev()))));
        check("/room dev", Ok(Command::Room(dev())));
        check("/history", Ok(Command::History(Page::default())));
        let search = SearchRequest { text: "from:bob pump*".to_owned(), ..SearchRequest::default() };
        check("/search  from:bob pump* ", Ok(Command::Search(Some(search))));
        check("/search", Ok(Command::Search(None)));
        check("/history 20", Ok(Command::History(Page { limit: Some(20), ..Page::default() })));
    }

    #[test]
    fn mistakes_are_never_said() {
        check("/jion dev", Err("there is no command /jion; did you mean /join? (//jion sends it as text)"));
        check("/Quti", Err("there is no command /Quti; did you mean /quit? (//Quti sends it as text)"));
        check("/xyzzy", Err("there is no command /xyzzy; /help lists them (//xyzzy sends it as text)"));
        check("/", Err("there is no command /; /help lists them (// sends it as text)"));
        check("/msg bob", Err("usage: /msg NICK TEXT"));
        check("/msg b/b hi", Err("not a nick: a name cannot hold /"));
        check("/join", Err("usage: /join ROOM"));
        check("/join Dev", Err("not a room: a name cannot hold D; rooms are of a-z, 0-9, - and _"));
        check("/history 0", Err("usage: /history [N]"));
        check("/history many", Err("usage: /history [N]"));
        check("/quit now", Err("usage: /quit"));
    }

    #[test]
    fn every_command_is_in_the_help() {
        let help = help().join("\n");
        for entry in TABLE {
            assert!(help.contains(&usage(entry)), "{}", entry.name);
        }
    }
}
