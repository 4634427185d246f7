//! `mqttchat server`: keeps presence and history for a chat. It sets up the threads, the connection and the database
//! around the pure [`core`].
//!
//! ```text
//! paho callback ─ door ─ event (unbounded) ──┐
//! "sweep" thread ── tick ────────────────────┤
//! "store" thread ── what is committed ───────┼─► main thread: service.handle ─► link.publish, store jobs
//! "reader" thread ── pages, search ──────────┤
//! "signals" thread ──────────────────────────┘
//! ```

pub mod core;
pub mod io;
pub mod store;

use self::core::chat::{self, ServerChat};
use self::core::exchange::ServerExit;
use self::core::record::Retention;
use self::core::rival::Rivals;
use self::core::service::{self, Service};
use self::io::door::StoreDoor;
use self::io::folder;
use self::io::shell::{self, Inboxes};
use self::store::sqlite::{self, Database};
use crate::link::{self, Link, canonical_host};
use crate::now::Now;
use crate::options::ServerOptions;
use crate::protocol::{Status, Topics};
use crate::random::Random;
use crate::terminal::{self, NoAnswer, Terminal};
use crate::{logging, signals};
use crossbeam_channel::{Receiver, bounded, unbounded};
use log::{error, info, warn};
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The exit code of a server that found another one serving the chat (EX_TEMPFAIL: try again later).
const ANOTHER_SERVER: u8 = 75;
/// How often the chat looks for people who are gone: often enough for a will to be believed within half a second of its
/// time.
const TICK: Duration = Duration::from_millis(500);
/// The longest wait before the next attempt to connect. It is short because there is one server, and everybody misses
/// it.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// The longest client identifier that every MQTT 3.1.1 broker accepts.
const CLIENT_ID_BYTES: usize = 23;

/// Runs until a signal ends it, or a failure that cannot mend itself.
pub fn run(options: ServerOptions) -> ExitCode {
    logging::start(match (options.connection.verbose, options.connection.quiet) {
        (true, _) => "mqttchat=debug",
        (_, true) => "mqttchat=warn",
        _ => "mqttchat=info",
    });
    for warning in &options.connection.warnings {
        warn!("{warning}");
    }
    match start(options) {
        Ok(code) => code,
        Err(message) => {
            error!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn start(mut options: ServerOptions) -> Result<ExitCode, String> {
    let signals = signals::channel().map_err(|error| format!("signals cannot be caught: {error}"))?;
    match terminal::password(&mut options.connection, Terminal::remember().as_ref(), &signals) {
        Ok(()) => serve(options, signals),
        Err(NoAnswer::Signal(_)) => Ok(ExitCode::SUCCESS),
        Err(why) => Err(why.to_string()),
    }
}

fn serve(options: ServerOptions, stop: Receiver<i32>) -> Result<ExitCode, String> {
    let connection = &options.connection;
    let topics = Topics::new(&connection.topic_root);
    let random = Random::of_the_system();
    // Held to the end. It is dropped after the store has closed the history.
    let Some((_lock, history)) = open_history(options.data_dir.as_deref(), topics.root(), random.clone())? else {
        return Ok(ExitCode::from(ANOTHER_SERVER));
    };
    claim(&history, &options)?;
    let secret = history.secret().map_err(|error| format!("the database cannot be read: {error}"))?;
    let earlier = history.earlier_run().map_err(|error| format!("the database cannot be read: {error}"))?;
    let config = chat::Config {
        topics: topics.clone(),
        timeout: options.timeout,
        history_limit: options.history_limit,
        instance: random.word(),
        durable: options.data_dir.is_some(),
    };
    let chat = ServerChat::new(config, earlier, Now::read());

    let thread = |error: std::io::Error| format!("no thread could be started: {error}");
    // The door bounds messages, and the service bounds questions and presences under way. The store answers each job once
    // at most.
    let (jobs, job_inbox) = unbounded();
    let (answers, store_inbox) = unbounded();
    let reader = history.reader().map_err(|error| format!("the database cannot be read: {error}"))?;
    let retention = Retention { age: options.retention, size: options.max_size };
    let store = io::store::start(history, reader, retention, job_inbox, answers).map_err(thread)?;
    let ticks = sweep().map_err(thread)?;
    // The door bounds messages of all kinds. Of other events there are a few per connection.
    let (link_events, link_inbox) = unbounded();
    let link_config = link_config(&options, &topics, &secret, &chat, random.clone());
    info!(
        "server starting broker={} root={} version={}",
        connection.settings.address,
        topics.root(),
        env!("CARGO_PKG_VERSION")
    );
    if let Some(age) = options.retention {
        info!("messages are removed when they are {} days old", age.as_secs() / 86_400);
    }
    let door = Arc::new(StoreDoor::new(topics.clone()));
    let doorkeeper = door.clone();
    let on_event = move |event| {
        let pass = match &event {
            link::Event::Message(message) => match doorkeeper.enter(message, Instant::now()) {
                None => return,
                pass => pass,
            },
            _ => None,
        };
        drop(link_events.send((event, pass)));
    };
    let link = Link::open(link_config, on_event).map_err(thread)?;

    let inboxes = Inboxes { link: link_inbox, store: store_inbox, ticks, stop, door };
    let service = Service::new(chat, random.clone());
    let exit = shell::main_loop(service, link, jobs, inboxes, connection.settings.clone(), random);
    // It ends when the last sender of jobs is gone.
    if store.join().is_err() {
        return Err("the store ended by a fault of its own".to_owned());
    }
    info!("server stopped");
    Ok(match exit {
        ServerExit::Stopped => ExitCode::SUCCESS,
        ServerExit::AnotherServer => ExitCode::from(ANOTHER_SERVER),
        ServerExit::LinkEnded { code } => ExitCode::from(code),
    })
}

fn link_config(
    options: &ServerOptions,
    topics: &Topics,
    secret: &str,
    chat: &ServerChat,
    random: Random,
) -> link::Config {
    let connection = &options.connection;
    let will = chat.server_info(Status::Offline);
    link::Config {
        settings: connection.settings.clone(),
        client_id: connection.client_id.clone().unwrap_or_else(|| client_id(topics.root(), secret)),
        // A history in memory has no use for what arrives in its absence.
        persistent: options.data_dir.is_some(),
        will: Some(Box::new(move |_| will.clone())),
        subscriptions: service::subscriptions(topics, connection.qos),
        patient: true,
        longest_wait: LONGEST_WAIT,
        random,
        lookout: Some(Box::new(Rivals::new(topics.clone(), chat.instance().to_owned()))),
    }
}

/// `{root}-server-{secret}`, so that only servers over one database share it, cut to what every broker accepts.
pub(crate) fn client_id(root: &str, secret: &str) -> String {
    const MIDDLE: &str = "-server-";
    const ROOT_BYTES: usize = 4;
    let root: String = root.chars().filter(char::is_ascii_alphanumeric).take(ROOT_BYTES).collect();
    let mut id = format!("{root}{MIDDLE}{secret}");
    id.truncate(CLIENT_ID_BYTES);
    id
}

/// Claims the history for the options' broker, so that what was said on one broker is not told on another. A folder
/// that somebody chose is accepted: brokers move.
fn claim(history: &Database, options: &ServerOptions) -> Result<(), String> {
    let unusable = |error: sqlite::Error| format!("the database cannot be used: {error}");
    let broker = options.connection.settings.address.to_string();
    match history.broker().map_err(unusable)? {
        Some(known) if canonical(&known) == canonical(&broker) => return Ok(()),
        // That server heard nobody. It may never have reached its broker.
        Some(_) if history.is_empty().map_err(unusable)? => {}
        Some(known) if !options.data_dir_is_chosen => {
            let folder = options.data_dir.as_deref().unwrap_or(Path::new("")).display();
            return Err(format!(
                "the history in the default folder is that of the broker {known}; for {broker} give a --data-dir, \
                 another one or, if it is the same chat, --data-dir {folder}"
            ));
        }
        Some(known) => warn!("the history of the broker {known} is from now on that of {broker}"),
        None => {}
    }
    history.set_broker(&broker).map_err(unusable)
}

/// `host:port` with the canonical name of the host.
fn canonical(address: &str) -> String {
    let Some((host, port)) = address.rsplit_once(':') else { return address.to_owned() };
    format!("{}:{port}", canonical_host(host.trim_start_matches('[').trim_end_matches(']')))
}

/// The history, with its locked file, if it has one. `None`: another server uses the file, perhaps on another broker. The
/// two would use the same positions twice.
fn open_history(
    data_dir: Option<&Path>,
    root: &str,
    random: Random,
) -> Result<Option<(Option<File>, Database)>, String> {
    let Some(dir) = data_dir else {
        let history = Database::in_memory(random).map_err(|error| format!("no database in memory: {error}"))?;
        return Ok(Some((None, history)));
    };
    let path = folder::database(dir, root);
    let file = folder::make(dir, &path)?;
    if folder::is_locked(&file) {
        error!(
            "another server serves this chat from {}; stop that one first, or, for a chat on another broker, give this \
             one another --data-dir",
            path.display()
        );
        return Ok(None);
    }
    let unusable = |error: sqlite::Error| format!("the database {} cannot be used: {error}", path.display());
    let history = Database::open(&path, random).map_err(unusable)?;
    Ok(Some((Some(file), history)))
}

/// The "sweep" thread: sends ticks, of which at most one waits.
fn sweep() -> std::io::Result<Receiver<()>> {
    let (sender, ticks) = bounded(1);
    std::thread::Builder::new().name("sweep".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(TICK);
            if let Err(crossbeam_channel::TrySendError::Disconnected(())) = sender.try_send(()) {
                return;
            }
        }
    })?;
    Ok(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_several_names() {
        assert_eq!(canonical("127.0.0.1:1883"), canonical("localhost:1883"));
        assert_eq!(canonical("[::1]:1883"), canonical("localhost:1883"));
        assert_ne!(canonical("localhost:1884"), canonical("localhost:1883"));
        assert_eq!(canonical("Broker.example.com:1883"), "broker.example.com:1883");
    }

    #[test]
    fn a_client_id_fits_every_broker_and_differs_by_its_secret() {
        assert_eq!(client_id("chat", "abcdefghjkmn"), "chat-server-abcdefghjkm");
        assert_eq!(client_id("home/attic", "abcdefghjkmn"), "home-server-abcdefghjkm");
        assert_eq!(client_id("日本", "abcdefghjkmn"), "-server-abcdefghjkmn");
    }
}
