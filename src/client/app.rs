//! The wiring of the client: `main` calls [`run`], which starts the threads and lets the shell turn what happens into what is done.

mod login;
pub mod member;
mod setup;
mod shell;
mod start;

use crate::client::core::conversation::{Conversation, Role};
use crate::client::core::ending::Ending;
use crate::client::io::heartbeat::Heartbeat;
use crate::client::io::input::{self, LineEditor, Question};
use crate::client::io::keeper::Keeper;
use crate::client::io::memory::{Memory, OutboxFile};
use crate::client::io::screen::Screen;
use crate::client::io::uplink::Uplink;
use crate::client::ui::reading::Reading;
use crate::client::ui::view::alert::Notify;
use crate::client::ui::view::{Reader, View};
use crate::options::{ClientOptions, Color};
use crate::random::Random;
use crate::terminal::{self, Terminal};
use crate::{logging, signals};
use chrono::Local;
use crossbeam_channel::Receiver;
use shell::Shell;
use start::{Mode, Refusal};
use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

/// Exit codes, as mosquitto_sub's where it has them.
const FAILURE: u8 = 1;
const TIME_OUT: u8 = 27;
const NICK_IN_USE: u8 = 73;
/// And this plus the signal's number.
const SIGNAL: u8 = 128;

/// Piped lines that wait for the conversation.
const INPUT_BACKLOG: usize = 64;

/// Runs the client to its end; what is wrong is told on standard error.
pub fn run(options: ClientOptions) -> ExitCode {
    // What goes on inside is told only where RUST_LOG asks for it.
    logging::start("off");
    terminal::end_on_panic();
    ExitCode::from(match start(options).map(Shell::run) {
        Ok(code) => code,
        Err(Refusal::Signal(signal)) => SIGNAL + signal as u8,
        Err(Refusal::Quit) => 0,
        Err(Refusal::Usage(text)) => {
            eprintln!("mqttchat: {text}");
            FAILURE
        }
    })
}

fn start(mut options: ClientOptions) -> Result<Shell, Refusal> {
    let mode = Mode::of(&options);
    let addressee = start::addressee(&options, mode)?;
    let signals = signals::channel().map_err(|error| broken("signals", error))?;
    for warning in &options.connection.warnings {
        eprintln!("mqttchat: {warning}");
    }
    let mut terminal = Terminal::remember();
    let mut to_keep = None;
    if let (Mode::Chat, Some(path), Some(terminal)) = (mode, options.first_start.clone(), &terminal) {
        (options, to_keep) = setup::ask(&path, &options, terminal, &signals)?;
    }
    let Begun { conversation, memory, outbox_file, typed: earlier } =
        begin(&mut options, mode, terminal.as_ref(), &signals)?;

    let (to_closed, output_closed) = crossbeam_channel::bounded(1);
    let (to_typed, typed) = crossbeam_channel::bounded(INPUT_BACKLOG);
    let (prompts, prompted) = crossbeam_channel::bounded(1);
    let (names, correspondents) = (crossbeam_channel::bounded(1), crossbeam_channel::bounded(1));
    let question = Question::default();
    let mut above = None;
    if mode == Mode::Chat {
        let editor = LineEditor::new(names.1.clone(), correspondents.1.clone(), question.clone());
        let mut editor = editor.map_err(|error| Refusal::Usage(format!("cannot use the terminal: {error}")))?;
        above = editor.above();
        if above.is_some() {
            terminal.iter_mut().for_each(Terminal::take_over);
            signals::on_continue(terminal::resume).map_err(|error| broken("signals", error))?;
        }
        editor.start(prompted, to_typed).map_err(|error| broken("input", error))?;
    } else if options.message.is_none() {
        input::start_pipe(to_typed, mode.has_input()).map_err(|error| broken("input", error))?;
    }
    let color = match options.connection.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => above.is_some(),
    };
    let on_closed = move || {
        // Without a shell there is nobody to end.
        let _ = to_closed.send(());
    };
    let notify = options.notify.then(|| Notify::of(|name| std::env::var(name).ok()));
    let reader = Reader {
        nick: conversation.nick().clone(),
        here: conversation.here().clone(),
        rooms_are_many: conversation.is_in_rooms(),
        columns: terminal::columns(),
    };
    let now = Instant::now();
    Ok(Shell {
        mode,
        conversation,
        addressee,
        view: View {
            format: mode.format(),
            color,
            quiet: options.connection.quiet,
            zone: |at| at.with_timezone(&Local).fixed_offset(),
            reader,
        },
        reading: Reading::new(options.bell, notify),
        uplink: Uplink::new(options.connection.qos, &options.connection.topic_root),
        ending: Ending::new(now, mode == Mode::Sender, options.wait, options.count),
        went_wrong: false,
        screen: Screen::start(above, on_closed).map_err(|error| broken("screen", error))?,
        heartbeat: Heartbeat::start().map_err(|error| broken("heartbeat", error))?,
        keeper: Keeper::start(now, memory).map_err(|error| broken("memory", error))?,
        has_heard_enough: false,
        held: VecDeque::new(),
        outbox_file,
        told_of_outbox: false,
        terminal,
        typed,
        signals,
        output_closed,
        prompts,
        earlier: Some(earlier),
        to_keep,
        question,
        names,
        names_offered: now,
        correspondents,
        now,
        ticked: now,
        options,
    })
}

/// A conversation and the files that it goes on from.
struct Begun {
    conversation: Conversation,
    memory: Option<Memory>,
    outbox_file: Option<OutboxFile>,
    /// Lines typed in earlier runs.
    typed: Vec<String>,
}

fn begin(
    options: &mut ClientOptions,
    mode: Mode,
    terminal: Option<&Terminal>,
    signals: &Receiver<i32>,
) -> Result<Begun, Refusal> {
    let asked = terminal.filter(|_| mode == Mode::Chat);
    let nick = start::nick(options, asked, signals)?;
    let rooms = start::rooms(options)?;
    let place = start::place(options, &nick);
    let (outbox_file, earlier) = start::outbox(options, &place)?;
    terminal::password(&mut options.connection, terminal, signals)?;
    let role = if mode == Mode::Sender { Role::Sender } else { Role::Member };
    let (memory, mut remembered) = match role {
        Role::Member => start::memory(options, place),
        Role::Sender => start::memory_of_a_sender(options, place),
    };
    remembered.outbox = earlier;
    let typed = std::mem::take(&mut remembered.typed);
    let config = start::config(options, nick, rooms, role, mode == Mode::Chat, remembered);
    Ok(Begun { conversation: Conversation::new(config, Random::of_the_system()), memory, outbox_file, typed })
}

fn broken(what: &str, error: io::Error) -> Refusal {
    Refusal::Usage(format!("cannot start the {what}: {error}"))
}
