//! `mqttchat check`: tests on a broker, step by step, what a chat needs, and says how to fix what fails.
//!
//! This part connects and prints. [`core::judge`] decides what a result means, [`core::report`] how it looks. The check
//! uses its own identifiers and topics and leaves nothing at the broker: it clears the message that it retains (by a will,
//! if it does not get that far) and ends its persistent session.

mod chat_server;
mod core;
mod peer;
mod tries;

use self::core::judge::{self, Trouble};
use self::core::report::{Finding, Report, Step, Style};
use crate::link::{Failure, Qos, Subscription, Version, probe};
use crate::logging::tell;
use crate::options::{CheckOptions, Color, Connection};
use crate::protocol::{Nick, Topic, Topics};
use crate::random::Random;
use crate::signals;
use crate::terminal::{self, NoAnswer, Terminal};
use peer::{Joined, Peer};
use std::io::{IsTerminal, Write};
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

/// How long to wait for another program with the same client identifier to reconnect; most wait a second.
const CONFLICT_WATCH: Duration = Duration::from_secs(3);

/// Tries everything and prints a line per step. The exit code is 0 if everything that a chat needs passes, else 1.
pub fn run(options: CheckOptions) -> ExitCode {
    let CheckOptions { mut connection, json } = options;
    for warning in &connection.warnings {
        tell(&format!("mqttchat: {warning}"));
    }
    if let Err(code) = ask_password(&mut connection) {
        return code;
    }
    let style = Style { json, colors: !json && has_colors(connection.color), quiet: connection.quiet };
    let report = Report::new(style, connection.qos == Qos::ExactlyOnce);
    let mut check = Check::new(&connection, report);
    check.all();
    check.report.verdict().iter().for_each(|line| print(line));
    if check.report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Asks for the password if needed. Signals are caught meanwhile, so that the terminal's echo is restored; afterwards they
/// end the check as usual.
fn ask_password(connection: &mut Connection) -> Result<(), ExitCode> {
    let Some(terminal) = Terminal::remember().filter(|_| connection.ask_password) else { return Ok(()) };
    let asked = match signals::channel() {
        Ok(signals) => {
            let answer = terminal::password(connection, Some(&terminal), &signals);
            thread::spawn(move || {
                if let Ok(signal) = signals.recv() {
                    process::exit(signals::exit_code(signal).into());
                }
            });
            answer
        }
        Err(error) => Err(NoAnswer::Failed(error)),
    };
    asked.map_err(|why| match why {
        NoAnswer::Signal(signal) => ExitCode::from(signals::exit_code(signal)),
        _ => {
            tell(&format!("mqttchat: {why}"));
            ExitCode::FAILURE
        }
    })
}

fn has_colors(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal(),
    }
}

/// Prints a line at once; it does not matter whether anybody reads it.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A check under way.
struct Check<'a> {
    connection: &'a Connection,
    topics: Topics,
    /// The nick that asks the chat server.
    nick: Option<Nick>,
    /// All topics of the check are below this one: `{root}/check/{random}`.
    base: String,
    report: Report,
    main: Option<Peer>,
    /// The given identifier; `None` once it has turned out to be in use.
    client_id: Option<String>,
    version: Version,
    random: Random,
    /// Why connections were lost.
    losses: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(connection: &'a Connection, report: Report) -> Check<'a> {
        let topics = Topics::new(&connection.topic_root);
        let random = Random::of_the_system();
        let word = random.word();
        // Access rules may depend on the user name, so the answers must go to a nick that this user may read.
        let nick = connection.settings.username.as_deref().and_then(|name| Nick::parse(name).ok());
        Check {
            base: format!("{}/check/{word}", topics.root()),
            nick: nick.or_else(|| Nick::parse(&format!("check-{word}")).ok()),
            topics,
            report,
            main: None,
            client_id: connection.client_id.clone(),
            version: connection.settings.version,
            random,
            losses: Vec::new(),
            connection,
        }
    }

    fn all(&mut self) {
        if let Err((step, failure)) = self.reach() {
            return self.add(Finding::fail(step, failure.what, failure.cure));
        }
        let joined = match self.open_main() {
            Ok(joined) => joined,
            Err(why) => return self.add(judge::trouble(Step::Login, &why, self.topics.root())),
        };
        self.version = joined.version;
        let version = if joined.version == Version::V5 { "5" } else { "3.1.1" };
        self.add(Finding::pass(Step::Login, format!("MQTT {version}")).with("version", version));
        self.watch_client_id();
        let count = self.filters().len();
        self.add(judge::subscriptions(count, &joined.refused, self.topics.root()));

        if self.messages_pass() {
            self.try_on(tries::will);
            self.try_on(tries::retained);
            self.try_on(tries::exactly_once);
            self.try_on(tries::session);
            self.try_on(tries::round_trip);
        }
        self.try_on(chat_server::ask);
        self.add(judge::steady(&self.losses));
        if let Some(main) = self.main.take() {
            main.close();
        }
    }

    /// The steps below MQTT, one by one, so that each has its line.
    fn reach(&mut self) -> Result<(), (Step, Failure)> {
        let settings = &self.connection.settings;
        let addresses = probe::resolve(&settings.address).map_err(|failure| (Step::Resolve, failure))?;
        let mut shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        shown.dedup();
        self.add(Finding::pass(Step::Resolve, shown.join(", ")).with("addresses", shown));
        let tcp = probe::reach(&settings.address, &addresses).map_err(|failure| (Step::Tcp, failure))?;
        let peer = tcp.peer().to_string();
        self.add(Finding::pass(Step::Tcp, format!("connected to {peer}")).with("address", peer));
        if let Some(tls) = &settings.tls {
            probe::check_files(tls).map_err(|failure| (Step::Tls, failure))?;
        }
        let (_, facts) = probe::secure(settings, tcp).map_err(|failure| (Step::Tls, failure))?;
        if let Some(facts) = facts {
            self.add(judge::tls(&facts));
        }
        Ok(())
    }

    /// Tries QoS 0 and 1. If neither works, no step that needs messages can be tried.
    fn messages_pass(&mut self) -> bool {
        let mut passed = false;
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            let topic = format!("{}/qos{}", self.base, qos as u8);
            let result = self.on_main(|main| main.echo(&topic, b"hello", qos));
            passed |= result.is_ok();
            self.add(judge::qos(qos, result.map(|message| message.qos), self.topics.root()));
        }
        passed
    }

    /// Checks whether another program uses the given identifier. If so, the other steps go without it.
    fn watch_client_id(&mut self) {
        let Some(id) = self.client_id.clone() else { return };
        let Some(mut main) = self.main.take() else { return };
        let lost = match main.idle(CONFLICT_WATCH) {
            Ok(()) => {
                self.main = Some(main);
                None
            }
            Err(Trouble::Lost(reason)) => {
                self.client_id = None;
                Some(reason)
            }
            Err(_) => None,
        };
        self.add(judge::client_id(&id, lost.as_deref()));
    }

    fn try_on(&mut self, step: fn(&mut Check<'a>) -> Finding) {
        let finding = step(self);
        self.add(finding);
    }

    fn add(&mut self, finding: Finding) {
        for line in self.report.add(&finding) {
            print(&line);
        }
    }

    /// What a client subscribes to, and the topics of the check.
    fn filters(&self) -> Vec<Subscription> {
        let chat = [Topic::System, Topic::Users, Topic::Server];
        let mut filters: Vec<String> = chat.iter().map(|topic| self.topics.name(topic)).collect();
        filters.push(self.topics.all_messages());
        filters.extend(self.nick.as_ref().map(|nick| self.topics.private_to(nick.key())));
        filters.push(format!("{}/#", self.base));
        filters.into_iter().map(|filter| Subscription::new(filter, Qos::AtLeastOnce)).collect()
    }

    fn open_main(&mut self) -> Result<Joined, Trouble> {
        let id = self.client_id.clone().unwrap_or_else(|| self.random.client_id());
        let (main, joined) = Peer::open(tries::config(self, id, self.filters()))?;
        self.main = Some(main);
        Ok(joined)
    }

    /// Does something on the main connection, which is opened again if it was lost.
    fn on_main<T>(&mut self, act: impl FnOnce(&mut Peer) -> Result<T, Trouble>) -> Result<T, Trouble> {
        if self.main.is_none() {
            self.open_main()?;
        }
        let Some(main) = &mut self.main else { return Err(Trouble::Lost("there is no connection".to_owned())) };
        let result = act(main);
        if let Err(Trouble::Lost(reason)) = &result {
            self.losses.push(reason.clone());
            self.main = None;
        }
        result
    }
}
