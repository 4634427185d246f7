//! The options of this process: its arguments, variables and files. All else in `options` is pure.

use super::{ClientOptions, Environment, Invocation, UsageError, parse};
use std::ffi::OsString;

impl Environment<'static> {
    /// The process's own.
    pub fn process() -> Self {
        Environment {
            variable: &|name| std::env::var_os(name),
            read: &|path| std::fs::read(path),
            list: &|path| std::fs::read_dir(path).map(drop),
        }
    }
}

/// The options of a program that is a member of a chat (a bot, a device): those of `mqttchat client`, from its
/// arguments, the process's environment and the option file.
///
/// # Errors
/// A mistake that [`parse`] finds; for `--help`, `--version` and `--print-config`, what they print.
pub fn of_a_member(arguments: &[OsString]) -> Result<ClientOptions, UsageError> {
    let arguments: Vec<OsString> = std::iter::once("client".into()).chain(arguments.iter().cloned()).collect();
    match parse(&arguments, &Environment::process())? {
        Invocation::Client(options) => Ok(options),
        Invocation::Print(text) => Err(UsageError::help(text.trim_end())),
        // This does not occur: the subcommand is `client`.
        _ => Err(UsageError::help("a member has no subcommand")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_process_has_files_and_folders() {
        let process = Environment::process();
        assert!((process.read)(Path::new("Cargo.toml")).is_ok());
        assert!((process.list)(Path::new("src")).is_ok());
        assert!((process.read)(Path::new("src")).is_err());
        assert!((process.list)(Path::new("Cargo.toml")).is_err());
    }
}
