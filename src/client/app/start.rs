//! Derives a run from the options: mode, nick, rooms, and hints about the broker. Asks on the terminal for what is
//! missing. `client::start` and members call this at their start, the shell also later.

use super::login;
use super::setup::{self, choose};
use crate::client::core::conversation::{Config, Role};
use crate::client::core::memo::Remembered;
use crate::client::core::session::{Mode, SessionConfig};
use crate::client::io::memory::{ChatOwner, Memory, OutboxFile};
use crate::logging::tell;
use crate::now;
use crate::options::ClientOptions;
use crate::protocol::limits::ROOMS_PER_SESSION;
use crate::protocol::{Nick, RoomName, Topics};
use crate::terminal::Terminal;
use crossbeam_channel::Receiver;
use std::io::{self, IsTerminal};

pub use super::setup::Refusal;

/// The mode, from the options and the terminal.
pub fn mode(options: &ClientOptions) -> Mode {
    let on_terminal = || io::stdin().is_terminal() && io::stdout().is_terminal();
    match options {
        ClientOptions { message: Some(_), .. } => Mode::Sender,
        ClientOptions { json: true, .. } => Mode::Json,
        ClientOptions { listen: true, .. } => Mode::Listen,
        _ if on_terminal() => Mode::Chat,
        _ => Mode::Sender,
    }
}

/// Whether to read input. A listener with redirected output must leave the terminal's keys alone: reading them would
/// stop a background job, and would send the keys meant for a pager to the chat.
pub fn has_input(mode: Mode) -> bool {
    mode != Mode::Listen || !io::stdin().is_terminal() || io::stdout().is_terminal()
}

/// The nick: from the options, else as typed on the terminal, else the login name.
pub fn nick(options: &ClientOptions, terminal: Option<&Terminal>, signals: &Receiver<i32>) -> Result<Nick, Refusal> {
    if let Some(name) = &options.nick {
        return choose(name).map_err(|why| Refusal::Usage(format!("{why}; give another with --nick")));
    }
    if let Some(terminal) = terminal {
        return setup::ask_nick(terminal, signals, None);
    }
    let login = login::name().ok_or_else(|| Refusal::Usage("no nick: give one with --nick".to_owned()))?;
    choose(&login).map_err(|why| Refusal::Usage(format!("the login name is no nick: {why}; give --nick")))
}

/// The settings of a session without earlier runs.
pub fn config(options: &ClientOptions, mode: Mode, nick: Nick, rooms: Vec<RoomName>) -> SessionConfig {
    let settings = &options.connection.settings;
    let tls = if settings.tls.is_some() { " (TLS)" } else { "" };
    SessionConfig {
        mode,
        client_id: options.connection.client_id.clone(),
        addressee: None,
        wait: options.wait,
        count: options.count,
        outlives_input: options.listen,
        has_memory: false,
        conversation: Config {
            nick,
            role: if mode == Mode::Sender { Role::Sender } else { Role::Member },
            rooms,
            topics: Topics::new(&options.connection.topic_root),
            qos: options.connection.qos,
            broker: format!("{}{tls}", settings.address),
            history: options.history,
            on_terminal: mode == Mode::Chat,
            verbose: options.connection.verbose,
            local: now::local,
            remembered: Remembered::default(),
            keeps_outbox: options.outbox.is_some(),
        },
    }
}

/// Identifies this chat and nick in the client's files.
pub fn owner(options: &ClientOptions, nick: &Nick) -> ChatOwner {
    let address = &options.connection.settings.address;
    ChatOwner {
        broker: format!("{address}{}", address.path),
        root: options.connection.topic_root.clone(),
        key: nick.key().clone(),
    }
}

/// Opens the memory of earlier runs. A sender only needs to know whether it must wait for a chat server. If that fails,
/// tells why and goes on without it.
pub fn memory(options: &ClientOptions, owner: ChatOwner, role: Role) -> (Option<Memory>, Remembered) {
    match recall(options, owner, role) {
        Ok((memory, remembered)) => (Some(memory), remembered),
        Err(why) => {
            let what = match role {
                Role::Member => "what is shown will not be remembered",
                Role::Sender => "whether a chat server was here is not known",
            };
            tell(&format!("mqttchat: {what}: {why}"));
            (None, Remembered::default())
        }
    }
}

fn recall(options: &ClientOptions, owner: ChatOwner, role: Role) -> Result<(Memory, Remembered), String> {
    let path = options.state_file.as_ref().ok_or("HOME is not set")?;
    let recalled = Memory::open(path, owner).and_then(|memory| {
        let remembered = match role {
            Role::Member => memory.recall()?,
            Role::Sender => Remembered { server_seen: memory.server_seen()?, ..Remembered::default() },
        };
        Ok((memory, remembered))
    });
    recalled.map_err(|error| format!("{path:?}: {error}"))
}

/// `--outbox`, and what earlier runs with it left.
pub fn outbox(options: &ClientOptions, owner: &ChatOwner) -> Result<(Option<OutboxFile>, Remembered), Refusal> {
    let Some(path) = &options.outbox else { return Ok((None, Remembered::default())) };
    let opened = OutboxFile::open(path, owner).and_then(|file| {
        let (outbox, server_seen) = (file.messages()?, file.server_seen()?);
        Ok((Some(file), Remembered { outbox, server_seen, ..Remembered::default() }))
    });
    opened.map_err(|error| Refusal::Usage(format!("cannot use the outbox {path:?}: {error}")))
}

/// The rooms besides the lobby, without duplicates.
pub fn rooms(options: &ClientOptions) -> Result<Vec<RoomName>, Refusal> {
    let mut rooms = Vec::new();
    for name in &options.rooms {
        let room = RoomName::choose(name).map_err(|error| {
            Refusal::Usage(format!("{name:?} cannot be a room: {error}; rooms are of a-z, 0-9, - and _"))
        })?;
        if !room.is_lobby() && !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    match rooms.len() <= ROOMS_PER_SESSION {
        true => Ok(rooms),
        false => Err(Refusal::Usage(format!("at most {ROOMS_PER_SESSION} rooms"))),
    }
}

/// The addressee given with `--to`. A mode that cannot use it is refused: otherwise a private text would go to
/// everybody.
pub fn addressee(options: &ClientOptions, mode: Mode) -> Result<Option<Nick>, Refusal> {
    let instead = match mode {
        Mode::Chat => "in the chat there is /msg NICK TEXT",
        Mode::Json => r#"an object names its addressee itself: {"message":…,"to":…}"#,
        Mode::Sender | Mode::Listen | Mode::Embedded => "",
    };
    if options.to.is_some() && !instead.is_empty() {
        return Err(Refusal::Usage(format!("--to is for -m and for lines of text from a pipe; {instead}")));
    }
    let parse = |name: &String| {
        Nick::parse(name).map_err(|error| Refusal::Usage(format!("--to: {name:?} cannot be a nick: {error}")))
    };
    options.to.as_ref().map(parse).transpose()
}

/// Public brokers that need no account.
const PUBLIC_BROKERS: [&str; 9] = [
    "test.mosquitto.org",
    "broker.hivemq.com",
    "mqtt-dashboard.com",
    "broker.emqx.io",
    "broker-cn.emqx.io",
    "mqtt.eclipseprojects.io",
    "iot.eclipse.org",
    "public.mqtthq.com",
    "public.cloud.shiftr.io",
];

/// A warning about chatting on a public broker under the default root.
pub fn public_broker_warning(host: &str, root: &str) -> Option<String> {
    let is_public = PUBLIC_BROKERS.iter().any(|known| host.trim_end_matches('.').eq_ignore_ascii_case(known));
    (is_public && root == "chat").then(|| {
        format!(
            "{host} is public: strangers share this chat; --topic-root NAME makes one that they do not find by chance"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_brokers_cause_a_warning() {
        assert!(public_broker_warning("Test.Mosquitto.org", "chat").is_some_and(|line| line.contains("--topic-root")));
        assert!(public_broker_warning("test.mosquitto.org", "ours").is_none());
        assert!(public_broker_warning("localhost", "chat").is_none());
    }
}
