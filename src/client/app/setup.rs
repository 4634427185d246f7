//! The first start: on a terminal without options, an option file or a broker in the environment, the user is asked for
//! a broker and a nick, as by the original client. `client::start` calls it. The shell saves the answers in the option
//! file after the first successful connection.

use super::login;
use crate::link::{Settings, Transport};
use crate::logging::tell;
use crate::options::{self, ClientOptions, Environment, Invocation, reason};
use crate::protocol::Nick;
use crate::terminal::{NoAnswer, Terminal};
use crossbeam_channel::Receiver;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const DEFAULT_BROKER: &str = "localhost";

/// Why the client does not start.
pub enum Refusal {
    /// One line, exit code 1.
    Usage(String),
    Signal(i32),
    /// The user quit; exit code 0.
    Quit,
}

impl From<NoAnswer> for Refusal {
    fn from(why: NoAnswer) -> Refusal {
        match why {
            NoAnswer::Signal(signal) => Refusal::Signal(signal),
            _ => Refusal::Usage(why.to_string()),
        }
    }
}

/// An option file to write.
pub struct ToKeep {
    path: PathBuf,
    text: String,
}

/// Asks for a broker, then for a nick. Reports an invalid address and asks again.
///
/// # Errors
///
/// A signal, the end of the input, or `/quit`.
pub fn ask(
    path: &Path,
    given: &ClientOptions,
    terminal: &Terminal,
    signals: &Receiver<i32>,
) -> Result<(ClientOptions, Option<ToKeep>), Refusal> {
    tell("Where to chat, and as whom? Enter takes what is in [brackets].");
    tell("A broker that wants a login is mqtt://USER@HOST; TLS is mqtts://HOST.");
    let mut options = ask_until(terminal, signals, &format!("broker [{DEFAULT_BROKER}]: "), at_broker)?;
    let nick = match &given.nick {
        Some(_) => None,
        None => Some(ask_nick(terminal, signals, options.nick.as_deref())?),
    };
    options.nick = nick.as_ref().map(|nick| nick.as_str().to_owned()).or(given.nick.clone());
    tell(&format!("This can be kept in {}.", path.display()));
    let wants_it = ask_until(terminal, signals, "keep it, and ask no more? [Y/n]: ", |answer| {
        match answer.to_lowercase().as_str() {
            "" | "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("y or n".to_owned()),
        }
    })?;
    let text = option_file(&options.connection.settings, nick.as_ref());
    Ok((options, wants_it.then(|| ToKeep { path: path.to_owned(), text })))
}

/// The typed nick, or the suggested one: the user name for the broker, else the login name.
pub fn ask_nick(terminal: &Terminal, signals: &Receiver<i32>, username: Option<&str>) -> Result<Nick, Refusal> {
    let names = username.map(str::to_owned).into_iter().chain(login::name());
    let offered = names.filter_map(|name| Nick::choose(&name).ok()).next();
    let question = match &offered {
        Some(nick) => format!("your nick [{nick}]: "),
        None => "your nick: ".to_owned(),
    };
    ask_until(terminal, signals, &question, |answer| match (answer, &offered) {
        ("", Some(nick)) => Ok(nick.clone()),
        (name, _) => choose(name),
    })
}

/// Asks until an answer can be used, and says why another cannot.
fn ask_until<T>(
    terminal: &Terminal,
    signals: &Receiver<i32>,
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Refusal> {
    loop {
        match terminal.ask(question, true, signals)?.trim() {
            "/quit" | "/q" => return Err(Refusal::Quit),
            answer => match read(answer) {
                Ok(answer) => return Ok(answer),
                Err(why) => tell(&why),
            },
        }
    }
}

/// This name as a nick, if a user of this client may choose it.
pub fn choose(name: &str) -> Result<Nick, String> {
    Nick::choose(name).map_err(|error| format!("{name:?} cannot be a nick: {error}"))
}

/// Parses the answer like `mqttchat client ANSWER`.
fn at_broker(answer: &str) -> Result<ClientOptions, String> {
    if answer.starts_with('-') {
        return Err("a host, host:port or a URL is wanted, no option".to_owned());
    }
    let words = std::iter::once("client").chain(answer.split_whitespace());
    let words: Vec<OsString> = words.map(OsString::from).collect();
    match options::parse(&words, &Environment::process()) {
        Ok(Invocation::Client(options)) => Ok(options),
        Ok(_) => Err("a host, host:port or a URL is wanted".to_owned()),
        Err(error) => Err(error.problem().to_owned()),
    }
}

/// The options that lead to the same broker again, without the password. An unprotected file is no place for it, so the
/// user is asked each time.
fn option_file(settings: &Settings, nick: Option<&Nick>) -> String {
    let mut lines =
        vec!["# written by mqttchat at its first start; mqttchat help client lists what can stand here".into()];
    let address = &settings.address;
    match (address.transport, settings.tls.is_some()) {
        (Transport::WebSocket, is_secure) => {
            let scheme = if is_secure { "wss" } else { "ws" };
            lines.push(format!("--url {scheme}://{address}{}", address.path));
        }
        (Transport::Tcp, is_secure) => {
            lines.extend([format!("--host {}", address.host), format!("--port {}", address.port)]);
            lines.extend(is_secure.then(|| "--tls".to_owned()));
        }
    }
    lines.extend(settings.username.iter().map(|name| format!("--username {name}")));
    lines.extend(nick.map(|nick| format!("--nick {nick}")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

impl ToKeep {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file, readable for its owner only. Leaves a file alone that has appeared meanwhile.
    ///
    /// # Errors
    ///
    /// The file exists or cannot be written. No part of it is left then.
    pub fn write(&self) -> Result<(), String> {
        if let Some(folder) = self.path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| format!("the folder {} cannot be made: {}", folder.display(), reason(&error)))?;
        }
        self.write_anew().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => format!("{} is there by now", self.path.display()),
            _ => format!("{} cannot be written: {}", self.path.display(), reason(&error)),
        })
    }

    fn write_anew(&self) -> io::Result<()> {
        let new = self.path.with_extension(format!("new-{}", std::process::id()));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(self.text.as_bytes())?;
            file.sync_all()?;
            // Unlike a rename, this fails if a file of that name exists.
            fs::hard_link(&new, &self.path)
        };
        let written = write();
        // It does not exist if it could not be created.
        let _ = fs::remove_file(&new);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        let options = at_broker(answer).unwrap();
        let nick = Nick::parse("alice").unwrap();
        let text = option_file(&options.connection.settings, Some(&nick));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines.join(" "), format!("{expected} --nick alice"), "{answer}");
        assert!(!text.contains("secret"));
    }

    #[test]
    fn saved_answers_lead_to_the_same_broker() {
        check("", "--host localhost --port 1883");
        check("broker.example.com:1884", "--host broker.example.com --port 1884");
        check("h 8883", "--host h --port 8883 --tls");
        check("mqtts://bob:secret@h", "--host h --port 8883 --tls --username bob");
        check("ws://[::1]/chat", "--url ws://[::1]:80/chat");
    }

    #[test]
    fn an_invalid_address_is_asked_for_again() {
        assert!(at_broker("--nick bob").unwrap_err().contains("no option"));
        assert!(at_broker("a b c").unwrap_err().contains("one word too many"));
        let why = at_broker("h:99999").unwrap_err();
        assert!(why.contains("99999") && !why.contains("--help"), "{why}");
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("mqttchat-setup-{}", std::process::id()));
        let path = folder.join("config/mqttchat");
        let to_keep = |text: &str| ToKeep { path: path.clone(), text: text.to_owned() };
        to_keep("first").write().unwrap();
        assert!(to_keep("second").write().is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
        fs::remove_dir_all(&folder).unwrap();
    }
}
