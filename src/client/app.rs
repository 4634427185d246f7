//! The wiring of the client: turns options into a session and its resources.

mod login;
pub mod member;
mod setup;
mod shell;
mod start;

use crate::client::core::news::News;
use crate::client::core::session::{ClientExit, ClientSession, Mode, SessionConfig, SessionEvent};
use crate::client::io::heartbeat::Heartbeat;
use crate::client::io::keeper::Keeper;
use crate::client::io::memory::{Memory, OutboxFile};
use crate::client::io::uplink::Uplink;
use crate::options::ClientOptions;
use crate::random::Random;
use crate::terminal::{self, Terminal};
use crate::{logging, signals};
use crossbeam_channel::Receiver;
use shell::display::NewsDisplay;
use shell::keyboard::{Keyboard, broken};
use shell::{ClientFiles, Shell};
use start::Refusal;
use std::process::ExitCode;
use std::time::Instant;

/// Exit codes, like mosquitto_sub's where that has one.
const FAILURE: u8 = 1;
const TIME_OUT: u8 = 27;
const NICK_IN_USE: u8 = 73;

/// Runs the client to its end. Problems are reported on standard error.
pub fn run(options: ClientOptions) -> ExitCode {
    // Internal logs appear only if RUST_LOG asks for them.
    logging::start("off");
    terminal::end_on_panic();
    ExitCode::from(match start(options) {
        Ok((shell, first)) => code(shell.run(first)),
        Err(Refusal::Signal(signal)) => signals::exit_code(signal),
        Err(Refusal::Quit) => 0,
        Err(Refusal::Usage(text)) => {
            logging::tell(&format!("mqttchat: {text}"));
            FAILURE
        }
    })
}

fn code(exit: ClientExit) -> u8 {
    match exit {
        ClientExit::Done => 0,
        ClientExit::Failed => FAILURE,
        ClientExit::TimeIsUp => TIME_OUT,
        ClientExit::NickInUse => NICK_IN_USE,
        ClientExit::NotConnected(kind) => kind.exit_code(),
        ClientExit::Signal(signal) => signals::exit_code(signal),
    }
}

/// The shell and its first events.
fn start(mut options: ClientOptions) -> Result<(Shell, Vec<SessionEvent>), Refusal> {
    let mode = start::mode(&options);
    let addressee = start::addressee(&options, mode)?;
    let signals = signals::channel().map_err(|error| broken("signals", error))?;
    for warning in &options.connection.warnings {
        logging::tell(&format!("mqttchat: {warning}"));
    }
    let terminal = Terminal::remember();
    let mut to_keep = None;
    if let (Mode::Chat, Some(path), Some(terminal)) = (mode, options.first_start.clone(), &terminal) {
        (options, to_keep) = setup::ask(&path, &options, terminal, &signals)?;
    }
    let (config, memory, outbox) = begin(&mut options, mode, terminal.as_ref(), &signals)?;
    let (keyboard, above) = match mode {
        Mode::Chat => Keyboard::at_terminal(terminal)?,
        _ if options.message.is_some() => (Keyboard::none(), None),
        _ => (Keyboard::at_pipe(mode)?, None),
    };
    let random = Random::of_the_system();
    let session = ClientSession::new(SessionConfig { addressee, ..config }, random.clone(), Instant::now());
    let display = NewsDisplay::start(&session, &options, above)?;
    let keeper = Keeper::start(memory).map_err(|error| broken("memory", error))?;
    let files = ClientFiles { keeper, outbox, to_keep };
    let uplink = Uplink::new(&options.connection, random);
    let heartbeat = Heartbeat::start().map_err(|error| broken("heartbeat", error))?;
    Ok((Shell::new(session, uplink, display, keyboard, files, signals, heartbeat), first_events(options)))
}

fn first_events(options: ClientOptions) -> Vec<SessionEvent> {
    let host = &options.connection.settings.address.host;
    let warning = start::public_broker_warning(host, &options.connection.topic_root);
    let warning = warning.map(|warning| SessionEvent::Noticed(News::Hint(warning), None));
    let message = options.message.map(|text| [SessionEvent::Texts(vec![text]), SessionEvent::InputEnded]);
    warning.into_iter().chain([SessionEvent::Start]).chain(message.into_iter().flatten()).collect()
}

/// The settings of a session, and the files that it writes.
fn begin(
    options: &mut ClientOptions,
    mode: Mode,
    terminal: Option<&Terminal>,
    signals: &Receiver<i32>,
) -> Result<(SessionConfig, Option<Memory>, Option<OutboxFile>), Refusal> {
    let asked = terminal.filter(|_| mode == Mode::Chat);
    let nick = start::nick(options, asked, signals)?;
    let rooms = start::rooms(options)?;
    let owner = start::owner(options, &nick);
    let (outbox, unsettled) = start::outbox(options, &owner)?;
    terminal::password(&mut options.connection, terminal, signals)?;
    let mut config = start::config(options, mode, nick, rooms);
    let (memory, mut remembered) = start::memory(options, owner, config.conversation.role);
    remembered.outbox = unsettled.outbox;
    remembered.server_seen |= unsettled.server_seen;
    config.has_memory = memory.is_some();
    config.conversation.remembered = remembered;
    Ok((config, memory, outbox))
}
