//! The client's shell: it owns the threads, the clock, the link and the terminal, and lets the conversation decide.
//! `main` calls [`run`].

pub mod command;
pub mod conversation;
mod heartbeat;
mod input;
pub mod json;
pub mod news;
pub mod outbox;
mod screen;
mod start;
mod terminal;
mod view;

use crate::link::{Config, Event as LinkEvent, Failure, Link, Publication, Qos, Version};
use crate::now::Now;
use crate::options::{ClientOptions, Color};
use crate::protocol::{Nick, Topics};
use crate::{random, signals};
use chrono::Local;
use command::{Command, Names, Target};
use conversation::{Conversation, Input, Kind, Output, Role};
use crossbeam_channel::{Receiver, Sender, never, select};
use heartbeat::Heartbeat;
use input::{LineEditor, Typed};
use news::News;
use screen::Screen;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use start::{Mode, Refusal};
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use terminal::Terminal;
use view::{Line, Stream, View};

/// Exit codes, as mosquitto_sub's where it has them.
const FAILURE: u8 = 1;
const TIME_OUT: u8 = 27;
const NICK_IN_USE: u8 = 73;
/// And this plus the signal's number.
const SIGNAL: u8 = 128;

/// Piped lines are not read while more messages than this wait for the broker.
const INPUT_WINDOW: usize = 1_000;
/// How long `/quit` waits for what is unsent, and the end of a program's input for answers.
const QUIT_WAIT: Duration = Duration::from_secs(5);
/// How long a sender waits for the broker without getting on.
const SENDER_WAIT: Duration = Duration::from_secs(30);
/// How long the last word may take.
const LEAVE_WAIT: Duration = Duration::from_secs(2);

/// Runs the client to its end; what is wrong is told on standard error.
pub fn run(options: ClientOptions) -> ExitCode {
    let ended = Shell::start(options).map(Shell::run);
    ExitCode::from(match ended {
        Ok(code) => code,
        Err(Refusal::Signal(signal)) => SIGNAL + signal as u8,
        Err(Refusal::Usage(text)) => {
            eprintln!("mqttchat: {text}");
            FAILURE
        }
    })
}

/// Everything that wakes the main thread.
enum Event {
    /// From the link of this number: one that was replaced may still have something to say.
    Link(u32, LinkEvent),
    Typed(Typed),
    Tick,
    Signal(i32),
    /// Nobody reads standard output any more.
    OutputClosed,
}

struct Shell {
    options: ClientOptions,
    mode: Mode,
    conversation: Conversation,
    view: View,
    /// `--to`.
    addressee: Option<Nick>,
    link: Option<Link>,
    /// Counts the links.
    link_number: u32,
    connected_once: bool,
    failure: Option<Failure>,
    screen: Screen,
    heartbeat: Heartbeat,
    terminal: Option<Terminal>,
    link_events: (Sender<(u32, LinkEvent)>, Receiver<(u32, LinkEvent)>),
    typed: Receiver<Typed>,
    signals: Receiver<i32>,
    output_closed: Receiver<()>,
    /// On a terminal: asks for a line.
    prompts: Sender<String>,
    names: (Sender<Names>, Receiver<Names>),
    /// When a run that has a time ends.
    deadline: Option<Instant>,
    /// When the user said that it is to end, or the input ended.
    ending: Option<Ending>,
    /// Since when a sender has not got on.
    stalled_since: Instant,
    /// Messages from others still to come, where they are counted.
    countdown: Option<u64>,
    went_wrong: bool,
}

#[derive(Clone, Copy)]
enum Ending {
    /// `/quit`: at this time at the latest.
    Quit { until: Instant },
    /// The input ended: with the last message sent, and answers until this time.
    Input { until: Instant },
}

impl Shell {
    fn start(mut options: ClientOptions) -> Result<Shell, Refusal> {
        let mode = Mode::of(&options);
        let broken = |what: &str, error: io::Error| Refusal::Usage(format!("cannot start the {what}: {error}"));
        let signals = signals::catch(&[SIGINT, SIGTERM, SIGHUP]).map_err(|error| broken("signals", error))?;
        for warning in &options.connection.warnings {
            eprintln!("mqttchat: {warning}");
        }

        let terminal = Terminal::remember();
        let asked = terminal.as_ref().filter(|_| mode == Mode::Chat);
        let nick = start::nick(&options, asked, &signals)?;
        let (rooms, addressee) = (start::rooms(&options)?, start::addressee(&options)?);
        let settings = &mut options.connection.settings;
        if let (true, Some(user), Some(terminal)) = (options.connection.ask_password, &settings.username, &terminal) {
            settings.password = Some(start::password(user, terminal, &signals)?);
        }

        let tls = if settings.tls.is_some() { " (TLS)" } else { "" };
        let conversation = Conversation::new(conversation::Config {
            nick,
            role: if mode == Mode::Sender { Role::Sender } else { Role::Member },
            rooms,
            session: random::session(),
            topics: Topics::new(&options.connection.topic_root),
            broker: format!("{}{tls}", settings.address),
            history: options.history,
            can_choose_nick: mode == Mode::Chat,
            jitter: Duration::from_millis(500).mul_f64(f64::from(random::bytes()[0]) / 255.0),
        });

        let (to_closed, output_closed) = crossbeam_channel::bounded(1);
        let (to_typed, typed) = crossbeam_channel::bounded(64);
        let (prompts, prompted) = crossbeam_channel::bounded(1);
        let names = crossbeam_channel::bounded(1);
        let mut above = None;
        if mode == Mode::Chat {
            let editor = LineEditor::new(names.1.clone());
            let mut editor = editor.map_err(|error| Refusal::Usage(format!("cannot use the terminal: {error}")))?;
            above = editor.above();
            editor.start(prompted, to_typed).map_err(|error| broken("input", error))?;
        } else if options.message.is_none() {
            input::start_pipe(to_typed).map_err(|error| broken("input", error))?;
        }
        let on_closed = move || {
            // Without a shell there is nobody to end.
            let _ = to_closed.send(());
        };
        let color = match options.connection.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => mode == Mode::Chat && above.is_some(),
        };
        let started = Instant::now();
        Ok(Shell {
            view: View {
                format: mode.format(),
                color,
                quiet: options.connection.quiet,
                zone: |at| at.with_timezone(&Local).fixed_offset(),
            },
            mode,
            conversation,
            addressee,
            link: None,
            link_number: 0,
            connected_once: false,
            failure: None,
            screen: Screen::start(above, on_closed).map_err(|error| broken("screen", error))?,
            heartbeat: Heartbeat::start().map_err(|error| broken("heartbeat", error))?,
            terminal,
            link_events: crossbeam_channel::unbounded(),
            typed,
            signals,
            output_closed,
            prompts,
            names,
            deadline: options.wait.filter(|_| mode != Mode::Sender).map(|wait| started + wait),
            ending: None,
            stalled_since: started,
            countdown: options.count,
            went_wrong: false,
            options,
        })
    }

    fn run(mut self) -> u8 {
        let code = self.chat();
        self.end();
        code
    }

    /// The turns of the loop, until one of them ends it with an exit code.
    fn chat(&mut self) -> u8 {
        if let Err(code) = self.begin() {
            return code;
        }
        loop {
            let event = self.next_event();
            if let Err(code) = self.turn(Now::read(), event) {
                return code;
            }
        }
    }

    fn begin(&mut self) -> Result<(), u8> {
        let connection = &self.options.connection;
        let host = &connection.settings.address.host;
        if let Some(warning) = start::public_broker_warning(host, &connection.topic_root) {
            self.tell(Now::read(), &News::Hint(warning))?;
        }
        self.open_link()?;
        if let Some(text) = self.options.message.take() {
            self.say(Now::read(), text)?;
            self.typed(Now::read(), Typed::End)?;
        }
        self.prompt();
        Ok(())
    }

    fn next_event(&self) -> Event {
        let nothing = never();
        let has_room = self.conversation.unsent() < INPUT_WINDOW || self.mode == Mode::Chat;
        let is_open = self.ending.is_none() || self.mode == Mode::Chat;
        let typed = if has_room && is_open { &self.typed } else { &nothing };
        // None of these channels closes while the shell lives, but that of an input which has said that it ends.
        select! {
            recv(self.link_events.1) -> event => event.map_or(Event::Tick, |(link, event)| Event::Link(link, event)),
            recv(typed) -> typed => Event::Typed(typed.unwrap_or(Typed::End)),
            recv(self.heartbeat.ticks()) -> _ => Event::Tick,
            recv(self.signals) -> signal => signal.map_or(Event::Tick, Event::Signal),
            recv(self.output_closed) -> _ => Event::OutputClosed,
        }
    }

    /// `Err`: the run ends with this exit code.
    fn turn(&mut self, now: Now, event: Event) -> Result<(), u8> {
        match event {
            Event::Link(link, event) if link == self.link_number => self.link_says(now, event)?,
            Event::Link(..) => {}
            Event::Typed(typed) => {
                self.typed(now, typed)?;
                self.prompt();
            }
            Event::Tick => {
                self.handle(now, Input::Tick)?;
                self.offer_names();
            }
            Event::Signal(signal) => return Err(SIGNAL + signal as u8),
            Event::OutputClosed => return Err(0),
        }
        self.check_end(now)
    }

    fn link_says(&mut self, now: Now, event: LinkEvent) -> Result<(), u8> {
        let input = match event {
            LinkEvent::Connected { version, conn, refused, .. } => {
                self.connected_once = true;
                let version = if version == Version::V5 { "MQTT 5" } else { "MQTT 3.1.1" };
                Input::Connected { conn, version, refused }
            }
            LinkEvent::Message(message) => {
                Input::Arrived { topic: message.topic, payload: message.payload, retained: message.retained }
            }
            LinkEvent::Published { ticket } => {
                self.stalled_since = now.instant;
                Input::Published(ticket)
            }
            LinkEvent::Rejected { ticket, reason } => Input::Rejected { ticket, reason },
            LinkEvent::Refused { filter } => Input::Refused(filter),
            LinkEvent::Failed(failure) if self.connected_once => Input::Failed(failure.to_string()),
            LinkEvent::Failed(failure) => {
                self.failure = Some(failure);
                return Ok(());
            }
            LinkEvent::Lost { reason } => Input::Lost { reason },
            LinkEvent::Waiting { delay } => Input::Waiting(delay),
            LinkEvent::Barred | LinkEvent::Ended => return Err(self.link_ended()),
        };
        self.handle(now, input)
    }

    fn link_ended(&mut self) -> u8 {
        match self.failure.take() {
            Some(failure) => {
                self.complain(failure.to_string());
                failure.exit_code()
            }
            None => FAILURE,
        }
    }

    fn typed(&mut self, now: Now, typed: Typed) -> Result<(), u8> {
        match (typed, self.mode) {
            (Typed::Line(line), Mode::Chat) => self.handle(now, Input::Typed(line)),
            (Typed::Line(line), Mode::Json) if line.trim().is_empty() => Ok(()),
            (Typed::Line(line), Mode::Json) => match json::parse(&line) {
                Ok((command, reference)) => self.handle(now, Input::Command(command, reference)),
                Err((text, reference)) => self.tell(now, &News::Error { text, reference }),
            },
            (Typed::Line(line), _) if line.trim().is_empty() => Ok(()),
            (Typed::Line(line), _) => self.say(now, line),
            (Typed::TooLong, _) => {
                self.tell(now, &News::Error { text: "the line is too long".to_owned(), reference: None })
            }
            (Typed::Interrupt, _) => Err(SIGNAL + SIGINT as u8),
            (Typed::End, Mode::Chat) => self.quit(now),
            (Typed::End, _) => {
                self.stalled_since = now.instant;
                let stays = self.options.listen;
                self.ending = (!stays).then_some(Ending::Input { until: now.instant + QUIT_WAIT });
                // Its channel has nothing more to say.
                self.typed = never();
                Ok(())
            }
        }
    }

    /// A line that is sent literally.
    fn say(&mut self, now: Now, text: String) -> Result<(), u8> {
        if self.conversation.unsent() == 0 {
            self.stalled_since = now.instant;
        }
        let to = self.addressee.clone().map_or(Target::Here, Target::Nick);
        self.handle(now, Input::Command(Command::Say { text, to, action: false }, None))
    }

    fn quit(&mut self, now: Now) -> Result<(), u8> {
        self.ending = Some(Ending::Quit { until: now.instant + QUIT_WAIT });
        self.check_end(now)
    }

    fn handle(&mut self, now: Now, input: Input) -> Result<(), u8> {
        for output in self.conversation.handle(now, input) {
            match output {
                Output::Publish(publication) => {
                    let qos = match publication.kind {
                        Kind::Message => self.options.connection.qos,
                        Kind::Control => Qos::AtLeastOnce,
                    };
                    let conversation::Publication { topic, payload, ticket, .. } = publication;
                    self.with_link(|link| link.publish(Publication { topic, payload, qos, retain: false, ticket }));
                }
                Output::Subscribe(filter) => {
                    let qos = self.subscription_qos();
                    self.with_link(|link| link.subscribe(filter, qos));
                }
                Output::Unsubscribe(filter) => self.with_link(|link| link.unsubscribe(filter)),
                Output::Tell(news) => self.tell(now, &news)?,
                Output::Clear => self.screen.clear(),
                Output::Renamed => self.open_link()?,
                Output::Quit => self.quit(now)?,
                Output::NickInUse => {
                    self.complain(format!(
                        "the nick {} is in use; choose another with --nick",
                        self.conversation.nick()
                    ));
                    return Err(NICK_IN_USE);
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, now: Now, news: &News) -> Result<(), u8> {
        self.went_wrong |= matches!(news, News::Error { .. } | News::Refused { .. });
        if let Some(line) = self.view.line(now.wall, news) {
            self.screen.print(line);
        }
        match (news, &mut self.countdown) {
            (News::Said(said), Some(left)) if !said.own && !said.history => {
                *left -= 1;
                if *left == 0 { Err(0) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// A last line on standard error (on a terminal: above the line editor), and for a program as an event too.
    fn complain(&mut self, text: String) {
        let text = crate::protocol::text::visible(&text).into_owned();
        if self.mode == Mode::Json {
            let news = News::Error { text: text.clone(), reference: None };
            self.screen.print(Line { stream: Stream::Out, text: json::event(&news) });
        }
        self.screen.print(Line { stream: Stream::Err, text: format!("mqttchat: {text}") });
    }

    fn check_end(&mut self, now: Now) -> Result<(), u8> {
        let unsent = self.conversation.unsent();
        if self.mode == Mode::Sender {
            let wait = self.options.wait.unwrap_or(SENDER_WAIT);
            if unsent > 0 && now.instant >= self.stalled_since + wait {
                self.complain(format!("{unsent} messages are unconfirmed after {} s", wait.as_secs()));
                return Err(TIME_OUT);
            }
        } else if self.deadline.is_some_and(|deadline| now.instant >= deadline) {
            return Err(TIME_OUT);
        }
        match self.ending {
            Some(Ending::Quit { .. }) if unsent == 0 => Err(0),
            Some(Ending::Quit { until }) if now.instant >= until => {
                self.complain(format!("{unsent} messages are unsent"));
                Err(FAILURE)
            }
            Some(Ending::Input { until }) if unsent == 0 => {
                let waits = self.conversation.has_questions() && now.instant < until;
                let code = if self.mode == Mode::Sender && self.went_wrong { FAILURE } else { 0 };
                if waits { Ok(()) } else { Err(code) }
            }
            _ => Ok(()),
        }
    }

    /// Connects, or connects anew under another nick.
    fn open_link(&mut self) -> Result<(), u8> {
        self.link = None;
        self.link_number += 1;
        let (events, number) = (self.link_events.0.clone(), self.link_number);
        let qos = self.subscription_qos();
        let connection = &self.options.connection;
        let will = self.conversation.will().map(|will| {
            let will = move |conn| {
                let (topic, payload) = will(conn);
                Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None }
            };
            Box::new(will) as crate::link::WillOf
        });
        let config = Config {
            settings: connection.settings.clone(),
            // Never told to anybody, so that nobody can throw us off by taking it.
            client_id: connection.client_id.clone().unwrap_or_else(|| format!("mqttchat-{}", random::word())),
            persistent: false,
            will,
            subscriptions: self.conversation.subscriptions().into_iter().map(|filter| (filter, qos)).collect(),
            patient: self.connected_once,
            gate: None,
        };
        match Link::open(config, move |event| drop(events.send((number, event)))) {
            Ok(link) => {
                self.link = Some(link);
                Ok(())
            }
            Err(error) => {
                self.complain(format!("cannot start the link: {error}"));
                Err(FAILURE)
            }
        }
    }

    fn subscription_qos(&self) -> Qos {
        self.options.connection.qos.max(Qos::AtLeastOnce)
    }

    fn with_link(&self, order: impl FnOnce(&Link)) {
        if let Some(link) = &self.link {
            order(link);
        }
    }

    /// Lets the user type the next line.
    fn prompt(&self) {
        if self.mode == Mode::Chat {
            // What the last line led to comes before the next one.
            self.screen.settle();
            // The input thread takes one a line, and one line is answered at a time.
            let _ = self.prompts.try_send(self.conversation.prompt());
        }
    }

    fn offer_names(&mut self) {
        if self.mode == Mode::Chat
            && let Some(names) = self.conversation.new_names()
        {
            let _ = self.names.1.try_recv();
            let _ = self.names.0.try_send(names);
        }
    }

    /// Leaves the chat, prints what is still to be printed and puts the terminal back.
    fn end(self) {
        if let Some(link) = self.link {
            let leave = self.conversation.leave(Now::read());
            let leave = leave.map(|conversation::Publication { topic, payload, .. }| Publication {
                topic,
                payload,
                qos: Qos::AtLeastOnce,
                retain: false,
                ticket: None,
            });
            link.close(leave, LEAVE_WAIT);
        }
        self.heartbeat.stop();
        self.screen.finish();
        if self.mode == Mode::Chat {
            terminal::clear_line();
        }
        drop(self.terminal);
    }
}
