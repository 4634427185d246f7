//! `mqttchat server`: keeps presence and history for a chat. The shell around the pure [`chat`]: it owns the threads,
//! the clock, the connection and the database.
//!
//! ```text
//! paho callback ── event (unbounded) ──┐
//! "sweep" thread ── tick ──────────────┤
//! "store" thread ── pages, rooms ──────┼─► main thread: next_event, chat.handle ─► link.publish, store jobs
//! "signals" thread ────────────────────┘
//! ```

mod chat;
pub mod folder;
pub mod history;
mod notices;
mod rival;
mod roster;
mod stats;
mod store;

use crate::link::{self, Link, Qos, Subscription, Version};
use crate::now::Now;
use crate::options::ServerOptions;
use crate::protocol::{Status, Topic, Topics};
use crate::terminal::{self, NoAnswer, Terminal};
use crate::{logging, random, signals};
use chat::{Chat, Input, Output};
use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use history::History;
use log::{debug, error, info, warn};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store::{Answer, Job};

/// The exit code of a server that found another one serving the chat (EX_TEMPFAIL: try again later).
const ANOTHER_SERVER: u8 = 75;
/// How often the chat looks for who is gone; fine enough for a will to be believed within half a second of its time.
const TICK: Duration = Duration::from_millis(500);
/// The longest wait before the next attempt to connect: there is one server, and everybody misses it.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// How long the last words may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest client identifier that every MQTT 3.1.1 broker takes.
const CLIENT_ID_BYTES: usize = 23;

/// Everything that the main thread waits for.
enum Event {
    Link(link::Event),
    Store(Answer),
    Tick,
    Stop,
}

struct Inboxes {
    link: Receiver<link::Event>,
    store: Receiver<Answer>,
    ticks: Receiver<()>,
    stop: Receiver<i32>,
}

/// Runs until a signal ends it, or something that cannot mend itself.
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
    // Held to the end: dropped after the history, which the store owns, is closed.
    let (_lock, history) = match open_history(options.data_dir.as_deref(), topics.root())? {
        Opened::Ours(lock, history) => (lock, *history),
        Opened::AnothersOf(path) => {
            error!(
                "another server serves this chat from {}; stop that one first, or give this one another --data-dir",
                path.display()
            );
            return Ok(ExitCode::from(ANOTHER_SERVER));
        }
    };
    claim(&history, &options)?;
    let secret = history.secret().map_err(|error| format!("the database cannot be read: {error}"))?;
    let kept = history.roster().map_err(|error| format!("the database cannot be read: {error}"))?;
    let config = chat::Config {
        topics: topics.clone(),
        timeout: options.timeout,
        history_limit: options.history_limit,
        instance: random::word(),
    };
    let mut chat = Chat::new(config, kept, Now::read());

    let thread = |error: io::Error| format!("no thread could be started: {error}");
    let (jobs, job_inbox) = unbounded();
    let (answers, store_inbox) = unbounded();
    let store = store::start(history, job_inbox, answers).map_err(thread)?;
    let ticks = sweep().map_err(thread)?;
    let (link_events, link_inbox) = unbounded();
    let link_config = link_config(&options, &topics, &secret, &chat);
    info!(
        "server starting broker={} root={} version={}",
        connection.settings.address,
        topics.root(),
        env!("CARGO_PKG_VERSION")
    );
    let link = Link::open(link_config, move |event| drop(link_events.send(event))).map_err(thread)?;

    let inboxes = Inboxes { link: link_inbox, store: store_inbox, ticks, stop };
    let code = main_loop(&mut chat, &link, &jobs, &inboxes);
    link.close(Some(chat.server_info(Status::Offline)), CLOSE_TIMEOUT);
    // The store ends when nobody can give it jobs any more.
    drop(jobs);
    if store.join().is_err() {
        return Err("the store ended by a fault of its own".to_owned());
    }
    info!("server stopped");
    Ok(code)
}

fn main_loop(chat: &mut Chat, link: &Link, jobs: &Sender<Job>, inboxes: &Inboxes) -> ExitCode {
    let mut failure = None;
    loop {
        let event = next_event(inboxes);
        let now = Now::read();
        let outputs = match event {
            Event::Stop => return ExitCode::SUCCESS,
            Event::Tick => chat.handle(now, Input::Tick),
            Event::Store(answer) => chat.handle(now, answer.into_input()),
            // Nothing that is to be heard is retained: this would be counted again with every connection.
            Event::Link(link::Event::Message(message)) if message.retained => Vec::new(),
            Event::Link(link::Event::Message(message)) => {
                chat.handle(now, Input::Message { topic: &message.topic, payload: &message.payload })
            }
            Event::Link(link::Event::Connected { session_present, version, refused, .. }) => {
                let version = if version == Version::V5 { "5" } else { "3.1.1" };
                info!("connected mqtt={version} session_present={session_present}");
                for filter in refused {
                    error!("the broker does not let the server subscribe to {filter}: its access rules must allow it");
                }
                chat.handle(now, Input::Connected)
            }
            Event::Link(link::Event::Lost { reason }) => {
                warn!("connection lost: {reason}");
                chat.handle(now, Input::Lost)
            }
            Event::Link(link::Event::Failed(reason)) => {
                warn!("cannot connect: {reason}");
                failure = Some(reason);
                Vec::new()
            }
            Event::Link(link::Event::Waiting { delay }) => {
                info!("trying again in {:.0} s", delay.as_secs_f64().ceil());
                Vec::new()
            }
            Event::Link(link::Event::Barred) => {
                error!("another server serves this chat; stop that one first, or give this one another --topic-root");
                return ExitCode::from(ANOTHER_SERVER);
            }
            Event::Link(link::Event::Ended) => {
                return ExitCode::from(failure.map_or(1, |failure| failure.exit_code()));
            }
            Event::Link(other) => {
                debug!("{other:?}");
                Vec::new()
            }
        };
        for output in outputs {
            perform(output, link, jobs);
        }
    }
}

fn next_event(inboxes: &Inboxes) -> Event {
    // The link holds its sender until it has said Ended, the threads theirs as long as the program: no channel closes
    // while this waits. If one did, stopping would be all there is to do.
    select! {
        recv(inboxes.stop) -> _ => Event::Stop,
        recv(inboxes.link) -> event => event.map_or(Event::Stop, Event::Link),
        recv(inboxes.store) -> answer => answer.map_or(Event::Stop, Event::Store),
        recv(inboxes.ticks) -> tick => tick.map_or(Event::Stop, |()| Event::Tick),
    }
}

fn perform(output: Output, link: &Link, jobs: &Sender<Job>) {
    let job = match output {
        Output::Publish(publication) => return link.publish(publication),
        Output::Keep(message) => Job::Keep(message),
        Output::Seats(changes) => Job::Seats(changes),
        Output::Page { query, reply } => Job::Page { query, reply },
        Output::Rooms { reply } => Job::Rooms { reply },
    };
    // The store lives until the main thread drops this sender.
    let _ = jobs.send(job);
}

fn link_config(options: &ServerOptions, topics: &Topics, secret: &str, chat: &Chat) -> link::Config {
    let connection = &options.connection;
    let will = chat.server_info(Status::Offline);
    let settings = connection.settings.clone();
    let asked = topics.clone();
    link::Config {
        settings: settings.clone(),
        client_id: connection.client_id.clone().unwrap_or_else(|| client_id(topics.root(), secret)),
        // A history that is gone with the process has no use for what comes in its absence.
        persistent: options.data_dir.is_some(),
        will: Some(Box::new(move |_| will.clone())),
        subscriptions: vec![
            Subscription::new(topics.all_messages(), connection.qos),
            Subscription::new(topics.all_rooms(), connection.qos),
            // Queued heartbeats would push messages out of the queue of a server that is away.
            Subscription::new(topics.all_presence(), Qos::AtMostOnce),
            Subscription::new(topics.all_requests(), Qos::AtLeastOnce),
            // To hear when an earlier server's will says that this one is offline.
            Subscription::new(topics.name(&Topic::Server), Qos::AtLeastOnce),
        ],
        patient: true,
        longest_wait: LONGEST_WAIT,
        gate: Some(Box::new(move || rival::look(&settings, &asked))),
    }
}

/// `{root}-server-{secret}`, so that only servers over one database share it; cut to what every broker takes.
fn client_id(root: &str, secret: &str) -> String {
    const MIDDLE: &str = "-server-";
    const ROOT_BYTES: usize = 4;
    let root: String = root.chars().filter(char::is_ascii_alphanumeric).take(ROOT_BYTES).collect();
    let mut id = format!("{root}{MIDDLE}{secret}");
    id.truncate(CLIENT_ID_BYTES);
    id
}

/// Takes the history for that of the options' broker, so that what was said on one broker is not told on another. A
/// folder that somebody chose is obeyed: brokers move.
fn claim(history: &History, options: &ServerOptions) -> Result<(), String> {
    let unusable = |error: history::Error| format!("the database cannot be used: {error}");
    let broker = options.connection.settings.address.to_string();
    match history.broker().map_err(unusable)? {
        Some(known) if known == broker => return Ok(()),
        Some(known) if !options.data_dir_is_chosen => {
            return Err(format!(
                "the history in the default folder is that of the broker {known}; for {broker} give a --data-dir, \
                 another one or, if it is the same chat, this one"
            ));
        }
        Some(known) => warn!("the history of the broker {known} is from now on that of {broker}"),
        None => {}
    }
    history.set_broker(&broker).map_err(unusable)
}

enum Opened {
    /// With its file, locked, where it has one.
    Ours(Option<File>, Box<History>),
    /// Another server has this file, be it on another broker: two would give out the same positions.
    AnothersOf(PathBuf),
}

fn open_history(data_dir: Option<&Path>, root: &str) -> Result<Opened, String> {
    let Some(dir) = data_dir else {
        let history = History::in_memory().map_err(|error| format!("no database in memory: {error}"))?;
        return Ok(Opened::Ours(None, Box::new(history)));
    };
    let path = folder::database(dir, root);
    let file = folder::make(dir, &path)?;
    let unusable = |error: history::Error| format!("the database {} cannot be used: {error}", path.display());
    if folder::is_locked(&file) {
        return Ok(Opened::AnothersOf(path));
    }
    let history = History::open(&path).map_err(unusable)?;
    Ok(Opened::Ours(Some(file), Box::new(history)))
}

/// The "sweep" thread: ticks, and never more than one that waits.
fn sweep() -> io::Result<Receiver<()>> {
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
    fn a_client_id_fits_every_broker_and_differs_by_its_secret() {
        assert_eq!(client_id("chat", "abcdefghjkmn"), "chat-server-abcdefghjkm");
        assert_eq!(client_id("home/attic", "abcdefghjkmn"), "home-server-abcdefghjkm");
        assert_eq!(client_id("日本", "abcdefghjkmn"), "-server-abcdefghjkmn");
    }
}
