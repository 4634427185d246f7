//! What surrounds a run: variables and files, behind functions, so that a test can supply its own.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// A view of variables and files.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The value of a variable; `None` if it is not set.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// A file's bytes.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// Whether the entries of a folder can be listed.
    pub list: &'a dyn Fn(&Path) -> io::Result<()>,
}

impl Environment<'_> {
    /// A variable's value. An empty one counts as not set, because container files leave variables empty.
    pub(super) fn set(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The option file: `$XDG_CONFIG_HOME/mqttchat`, else `~/.config/mqttchat`; a file without a folder of its own, as
    /// `mosquitto_sub`'s. `None` if neither variable is set.
    pub fn option_file(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    /// `$STATE_DIRECTORY` (set by systemd; the first of several), else `$XDG_STATE_HOME/mqttchat`,
    /// else `~/.local/state/mqttchat`. `None` if no variable is set.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let given = self.set("STATE_DIRECTORY").and_then(|folders| {
            let first = std::env::split_paths(&folders).next();
            first.filter(|folder| folder.is_absolute())
        });
        given.or_else(|| self.base("XDG_STATE_HOME", ".local/state"))
    }

    /// `$XDG_STATE_HOME/mqttchat/client.state`, else `~/.local/state/mqttchat/client.state`. `None` if neither variable
    /// is set. Histories of servers, which may be in the same folder, end in `.db`.
    pub fn client_state_file(&self) -> Option<PathBuf> {
        Some(self.base("XDG_STATE_HOME", ".local/state")?.join("client.state"))
    }

    /// The XDG base directory specification: a relative path in such a variable is ignored.
    fn base(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let folder = |name| self.set(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = folder(variable).or_else(|| Some(folder("HOME")?.join(below_home)))?;
        Some(base.join("mqttchat"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `variables` as `NAME=value` pairs.
    #[track_caller]
    fn check(variables: &str, option_file: Option<&str>, state_dir: Option<&str>) {
        let variable = |name: &str| {
            let mut pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs.find(|pair| pair.0 == name).map(|pair| OsString::from(pair.1))
        };
        let environment = Environment { variable: &variable, ..Environment::process() };
        assert_eq!(environment.option_file(), option_file.map(PathBuf::from));
        assert_eq!(environment.state_dir(), state_dir.map(PathBuf::from));
        // A client's file belongs to its user, whatever systemd gives a service.
        let client = environment.client_state_file();
        match variables.contains("STATE_DIRECTORY=/") {
            true => assert_ne!(client.as_ref().and_then(|path| path.parent()), environment.state_dir().as_deref()),
            false => assert_eq!(client, state_dir.map(|folder| Path::new(folder).join("client.state"))),
        }
    }

    #[test]
    fn folders() {
        check("", None, None);
        check("HOME=", None, None);
        check("HOME=/h", Some("/h/.config/mqttchat"), Some("/h/.local/state/mqttchat"));
        check("HOME=/h XDG_CONFIG_HOME=/c XDG_STATE_HOME=/s", Some("/c/mqttchat"), Some("/s/mqttchat"));
        check("XDG_STATE_HOME=/s STATE_DIRECTORY=/var/lib/chat", None, Some("/var/lib/chat"));
        check("STATE_DIRECTORY=/var/lib/a:/var/lib/b", None, Some("/var/lib/a"));
        check(
            "HOME=/h XDG_CONFIG_HOME=rel STATE_DIRECTORY=rel",
            Some("/h/.config/mqttchat"),
            Some("/h/.local/state/mqttchat"),
        );
    }
}
