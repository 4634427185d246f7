//! The options of this process: its arguments, variables and files. All else in `options` is pure.

use super::given::Level;
use super::{ClientOptions, Environment, Invocation, Subcommand, UsageError, parse, to_utf8};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any file that options name.
const MOST_BYTES: u64 = 16 << 20;

impl Environment<'static> {
    /// The process's own.
    pub fn process() -> Self {
        Environment {
            variable: &|name| std::env::var_os(name),
            read: &read,
            list: &|path| std::fs::read_dir(path).map(drop),
        }
    }
}

/// A file's bytes. A device such as `/dev/zero` has no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it has more than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

/// The options of a program that is a member of a chat (a bot, a device): those of `mqttchat client`, from its
/// arguments, the process's environment and the option file. Only its arguments can give it another nick than `nick`:
/// elsewhere, the nick and the login are those of the user who starts it, and who may be in the chat.
///
/// # Errors
/// A mistake that [`parse`] finds; for `--help`, `--version` and `--print-config`, what they print.
pub fn of_a_member(nick: &str, arguments: &[OsString]) -> Result<ClientOptions, UsageError> {
    member(nick, arguments, &Environment::process())
}

fn member(nick: &str, arguments: &[OsString], environment: &Environment) -> Result<ClientOptions, UsageError> {
    let typed = Level::from_arguments(Subcommand::Client, &to_utf8(arguments)?);
    let names_none = typed.is_ok_and(|typed| typed.item("nick").is_none());
    let default = ["--nick", nick].map(OsString::from).into_iter().filter(|_| names_none);
    let arguments: Vec<OsString> =
        std::iter::once("client".into()).chain(default).chain(arguments.iter().cloned()).collect();
    match parse(&arguments, environment)? {
        Invocation::Client(options) => Ok(options),
        Invocation::Print(text) => Err(UsageError::help(text.trim_end())),
        // This does not occur: the subcommand is `client`.
        _ => Err(UsageError::help("a member has no subcommand")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_files_and_folders() {
        let process = Environment::process();
        assert!((process.read)(Path::new("Cargo.toml")).is_ok());
        assert!((process.list)(Path::new("src")).is_ok());
        assert!((process.read)(Path::new("src")).is_err());
        assert!((process.list)(Path::new("Cargo.toml")).is_err());
    }

    #[test]
    fn a_file_without_an_end_is_an_error() {
        let endless = (Environment::process().read)(Path::new("/dev/zero"));
        assert_eq!(endless.unwrap_err().to_string(), "it has more than 16 MiB");
    }

    #[test]
    fn only_its_arguments_rename_a_member() {
        let variable = |name: &str| matches!(name, "HOME" | "MQTTCHAT_NICK").then(|| OsString::from("/alice"));
        let read = |_: &Path| Ok(b"--nick alice\n-u alice\n--room dev\n".to_vec());
        let environment = Environment { variable: &variable, read: &read, ..Environment::process() };
        for (line, nick) in [
            ("", "parrot"),
            ("-u bob", "parrot"),
            ("-m --nick", "parrot"),
            ("--nick polly", "polly"),
            ("--nick=polly h", "polly"),
        ] {
            let arguments: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            let options = member("parrot", &arguments, &environment).unwrap();
            assert_eq!((options.nick.as_deref(), &options.rooms[..]), (Some(nick), &["dev".to_owned()][..]), "{line}");
        }
        assert!(member("parrot", &["--nik".into()], &environment).is_err());
    }
}
