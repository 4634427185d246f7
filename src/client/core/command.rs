//! A line typed on the terminal → [`Command`]. The parser, `/help` and the completion share one [`table`].

mod addressee;
mod completion;
mod help;
mod table;

use crate::nearest::nearest;
use crate::protocol::{Cursor, Nick, RoomName, SearchRequest};
use table::{CommandEntry, SYNONYMS, TABLE};

pub use addressee::address_reply;
pub use completion::{Names, complete};
pub use help::{help, help_on, list};

/// What a user or a program wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Say {
        text: String,
        to: Target,
        /// /me: an action.
        action: bool,
    },
    /// A reply without an addressee. The line editor turns it into a direct message if somebody has sent one.
    Reply(String),
    Users,
    Rooms,
    Join(RoomName),
    /// `None`: the current room.
    Part(Option<RoomName>),
    /// Make this the current room.
    Room(RoomName),
    History(PageRequest),
    /// `None`: continue the last search.
    Search(Option<SearchRequest>),
    /// Change the nick.
    Nick(Nick),
    /// Hide the messages of this nick; `None`: list who is hidden.
    Ignore(Option<Nick>),
    Unignore(Nick),
    /// Hide joins and leaves, or show them again.
    Quiet,
    Ping,
    Status,
    Clear,
    /// `None`: all commands; otherwise the name of one.
    Help(Option<&'static str>),
    Quit,
}

impl Command {
    /// Whether it sends something or changes where that goes. Such commands keep their order.
    pub fn keeps_its_turn(&self) -> bool {
        use Command::*;
        matches!(self, Say { .. } | Reply(_) | Join(_) | Part(_) | Room(_) | Nick(_))
    }
}

/// Which past messages: the newest, or those `before` or `after` a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// `None`: the current room.
    pub room: Option<RoomName>,
    /// `None`: the server's default.
    pub limit: Option<usize>,
    pub before: Option<Cursor>,
    pub after: Option<Cursor>,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The current room.
    Here,
    Room(RoomName),
    Nick(Nick),
}

/// A line typed on the terminal, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedLine {
    /// As typed: it may answer a question instead.
    pub text: String,
    pub command: Result<Command, String>,
    /// Its typing began while no question was on the screen, so it answers none.
    pub is_unasked: bool,
}

impl TypedLine {
    pub fn parse(text: &str) -> TypedLine {
        TypedLine { text: text.to_owned(), command: parse(text), is_unasked: false }
    }
}

/// Reads a typed line: text to say, `/command`, or `//text` for a text that begins with `/`.
pub fn parse(line: &str) -> Result<Command, String> {
    let say = |text: &str| Command::Say { text: text.to_owned(), to: Target::Here, action: false };
    // A blank before the slash is a typo; sending the command to everybody could reveal a secret.
    let Some(typed) = line.trim_start().strip_prefix('/') else { return Ok(say(line)) };
    if typed.starts_with('/') {
        return Ok(say(typed));
    }
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let entry = find(name)?;
    (entry.read)(rest.trim())?.ok_or_else(|| format!("usage: {}", entry.usage_with_limits()))
}

/// The command of this name, or the error with similar names.
fn find(name: &str) -> Result<&'static CommandEntry, String> {
    let lower = name.to_lowercase();
    let unknown = || {
        let near = near(&lower);
        let advice = match near.is_empty() {
            true => "/help lists them".to_owned(),
            false => format!("did you mean /{}?", near.join(" or /")),
        };
        format!("there is no command /{name}; {advice} (//{name} sends it as text)")
    };
    TABLE.iter().find(|entry| entry.is_called(&lower)).ok_or_else(unknown)
}

/// A nick that the user chooses.
pub fn own_nick(name: &str) -> Result<Nick, String> {
    Nick::choose(name).map_err(|error| format!("not a nick: {error}; choose letters, digits, - and _"))
}

/// The command that has this name in other chats, else the one with the most similar name.
fn near(name: &str) -> Vec<&'static str> {
    if let Some((_, meant)) = SYNONYMS.iter().find(|(words, _)| words.contains(&name)) {
        return meant.to_vec();
    }
    nearest(name, TABLE.iter().map(|entry| entry.name)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command, &str>) {
        let parsed = parse(line);
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
        check(" //usr/bin", say("/usr/bin", Target::Here, false));
        check(" /w bob psst", say("psst", bob(), false));
        check("/msg bob hi there", say("hi there", bob(), false));
        check("/w bob  hi", say("hi", bob(), false));
        check("/MSG bob hi", say("hi", bob(), false));
        check("/msg \"bob\" hi", say("hi", bob(), false));
        check("/msg \"Tom T.\" hi", say("hi", Target::Nick(Nick::parse("Tom T.").unwrap()), false));
        check("/msg \"Tom T.\"", Err("usage: /msg NICK TEXT"));
        check("/ignore \"Tom T.\"", Ok(Command::Ignore(Some(Nick::parse("Tom T.").unwrap()))));
        check("/ignore Tom T.", Ok(Command::Ignore(Some(Nick::parse("Tom T.").unwrap()))));
        check("/msg bob two\nlines", say("two\nlines", bob(), false));
        check("/me waves", say("waves", Target::Here, true));
        check("/reply yes", Ok(Command::Reply("yes".to_owned())));
        check("/quit", Ok(Command::Quit));
        check("/q ", Ok(Command::Quit));
        check("/who", Ok(Command::Users));
        check("/join dev", Ok(Command::Join(dev())));
        check("/join #Dev", Ok(Command::Join(dev())));
        check("/join #dev", Ok(Command::Join(dev())));
        check("/part", Ok(Command::Part(None)));
        check("/part dev", Ok(Command::Part(Some(dev()))));
        check("/room dev", Ok(Command::Room(dev())));
        check("/history", Ok(Command::History(PageRequest::default())));
        let search = SearchRequest { text: "from:bob pump*".to_owned(), ..SearchRequest::default() };
        check("/search  from:bob pump* ", Ok(Command::Search(Some(search))));
        check("/search", Ok(Command::Search(None)));
        check("/nick Bob2", Ok(Command::Nick(Nick::parse("Bob2").unwrap())));
        check("/ignore", Ok(Command::Ignore(None)));
        check("/ignore bob", Ok(Command::Ignore(Some(Nick::parse("bob").unwrap()))));
        check("/unignore bob", Ok(Command::Unignore(Nick::parse("bob").unwrap())));
        check("/quiet", Ok(Command::Quiet));
        check("/help", Ok(Command::Help(None)));
        check("/help msg", Ok(Command::Help(Some("msg"))));
        check("/help /W", Ok(Command::Help(Some("msg"))));
        check("/history 20", Ok(Command::History(PageRequest { limit: Some(20), ..PageRequest::default() })));
    }

    #[test]
    fn mistakes_are_never_said() {
        check("/jion dev", Err("there is no command /jion; did you mean /join? (//jion sends it as text)"));
        check("/Quti", Err("there is no command /Quti; did you mean /quit? (//Quti sends it as text)"));
        check("/xyzzy", Err("there is no command /xyzzy; /help lists them (//xyzzy sends it as text)"));
        check("/", Err("there is no command /; /help lists them (// sends it as text)"));
        check("/msg bob", Err("usage: /msg NICK TEXT"));
        check("/msg b/b hi", Err("not a nick: a name cannot contain /"));
        check("/join", Err("usage: /join ROOM, where ROOM is 1 to 32 of a-z, 0-9, - and _"));
        check("/join de/v", Err("not a room: a name cannot contain /; rooms are of a-z, 0-9, - and _"));
        check("/history 0", Err("usage: /history [N], where N is 1 to 500"));
        check("/history many", Err("usage: /history [N], where N is 1 to 500"));
        check("  /quiit", Err("there is no command /quiit; did you mean /quit? (//quiit sends it as text)"));
        check("/quit now", Err("usage: /quit, without arguments"));
        check("/nick a b", Err("not a nick: a name cannot contain a blank; choose letters, digits, - and _"));
        check("/nick", Err("usage: /nick NICK, where NICK is 1 to 32 letters, digits, - and _"));
        check("/unignore", Err("usage: /unignore NICK"));
        check("/help hlep", Err("there is no command /hlep; did you mean /help? (//hlep sends it as text)"));
    }

    #[test]
    fn words_of_other_chats_are_understood_as_questions() {
        check("/exit", Err("there is no command /exit; did you mean /quit? (//exit sends it as text)"));
        check("/leave dev", Err("there is no command /leave; did you mean /part or /quit? (//leave sends it as text)"));
        check("/?", Err("there is no command /?; did you mean /help? (//? sends it as text)"));
        for (words, meant) in SYNONYMS {
            assert!(meant.iter().all(|meant| find(meant).is_ok()), "{meant:?}");
            assert!(words.iter().all(|word| find(word).is_err()), "{words:?}");
        }
    }
}
