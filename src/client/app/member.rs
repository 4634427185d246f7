//! A member of a chat for bots and devices built on this crate. It runs in a thread of its own and does everything that
//! the client does by itself: joining, heartbeats, reconnecting, showing nothing twice.
//!
//! ```no_run
//! use mqttchat::client::{member::Member, news::News};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let arguments = ["localhost"].map(Into::into);
//! let member = Member::join(mqttchat::options::of_a_member("echo", &arguments)?)?;
//! for news in member.news() {
//!     if let News::Said(said) = news
//!         && !said.own
//!         && !said.history
//!     {
//!         member.answer(&said, &said.text);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use super::start::{self, Refusal};
use crate::client::core::command::{Command, Target};
use crate::client::core::ending::END;
use crate::client::core::news::{News, Place, Said};
use crate::client::core::session::{ClientSession, Mode, SessionEffect, SessionEvent};
use crate::client::core::unread::Unread;
use crate::client::io::keeper::KeeperOrder;
use crate::client::io::uplink::Uplink;
use crate::now::Now;
use crate::options::ClientOptions;
use crate::protocol::{Nick, RoomName, Topics};
use crate::random::Random;
use crossbeam_channel::{Receiver, Sender, at, bounded, never, select, unbounded};
use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often to check whether news was taken.
const FULL: Duration = Duration::from_millis(50);
/// The most commands that wait for the member's thread. It takes them at once, because it waits for nobody.
const COMMANDS: usize = 100;

/// Why a member could not join.
#[derive(Debug)]
pub enum JoinError {
    /// A nick or room is invalid, or no nick is given and the login name is none.
    Options(String),
    /// A thread could not be started.
    Thread(io::Error),
}

/// A member of a chat, until it leaves or is dropped.
pub struct Member {
    nick: Nick,
    commands: Sender<Command>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    /// Begins to connect and join, like `mqttchat client` with these options. [`Member::news`] tells what happens. It
    /// ends if the first connection fails or the nick is in use; the last news says why.
    ///
    /// # Errors
    ///
    /// The options name no valid nick or room, or a thread cannot be started.
    pub fn join(options: ClientOptions) -> Result<Member, JoinError> {
        let nick = start::nick(&options, None, &never()).map_err(refused)?;
        let rooms = start::rooms(&options).map_err(refused)?;
        let mut config = start::config(&options, Mode::Embedded, nick.clone(), rooms);
        // A program built on this crate leaves nothing behind, and only the program ends the run.
        config.conversation.keeps_outbox = false;
        (config.wait, config.count) = (None, None);
        let (commands, orders) = bounded(COMMANDS);
        // `unread` bounds it.
        let (teller, news) = unbounded();
        let random = Random::of_the_system();
        let mut attendance = Attendance {
            session: ClientSession::new(config, random.clone(), Instant::now()),
            uplink: Uplink::new(&options.connection, random),
            unread: Unread::new(Topics::new(&options.connection.topic_root)),
            teller,
            is_over: false,
        };
        let attend = move || {
            attendance.handle(SessionEvent::Start);
            while !attendance.is_over {
                attendance.turn(&orders);
            }
            attendance.uplink.close(attendance.session.leave(Now::read()), END);
        };
        let thread = thread::Builder::new().name("member".to_owned()).spawn(attend).map_err(JoinError::Thread)?;
        Ok(Member { nick, commands, news, thread: Some(thread) })
    }

    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// What happens, oldest first. Ends after the member has left. If 12 MiB are not taken, later messages are told
    /// from the history, and joins and leaves are not told at all. Beyond 16 MiB only the end is told.
    pub fn news(&self) -> &Receiver<News> {
        &self.news
    }

    /// Sends a message to a room of this member. Up to 10,000 messages may be unsettled; news tells that more are refused.
    pub fn say(&self, room: &RoomName, text: &str) {
        self.send(text, Target::Room(room.clone()));
    }

    /// Sends a direct message.
    pub fn tell(&self, nick: &Nick, text: &str) {
        self.send(text, Target::Nick(nick.clone()));
    }

    /// Replies in the same room, or to the sender of a direct message.
    pub fn answer(&self, said: &Said, text: &str) {
        match &said.place {
            Place::Room(room) => self.say(room, text),
            Place::Direct(_) => self.tell(&said.nick, text),
        }
    }

    fn send(&self, text: &str, to: Target) {
        // After the member's end nobody sends anything; news has ended too.
        let _ = self.commands.send(Command::Say { text: text.to_owned(), to, action: false });
    }

    /// Leaves the chat once all messages are settled: stored, if there is a server. Waits up to five seconds. Then the
    /// rest is lost, and the last news says how many messages that are.
    pub fn leave(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.commands.send(Command::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

fn refused(refusal: Refusal) -> JoinError {
    JoinError::Options(match refusal {
        Refusal::Usage(text) => text,
        Refusal::Signal(signal) => format!("ended by signal {signal}"),
        // A member asks no questions, so this does not occur.
        Refusal::Quit => "ended".to_owned(),
    })
}

/// Everything that the member's thread owns.
struct Attendance {
    session: ClientSession,
    uplink: Uplink,
    teller: Sender<News>,
    unread: Unread,
    is_over: bool,
}

impl Attendance {
    fn turn(&mut self, orders: &Receiver<Command>) {
        let event = self.unread.look(self.teller.len()).unwrap_or_else(|| self.next(orders));
        if self.unread.admits(&event) {
            self.handle(event);
        }
    }

    fn next(&self, orders: &Receiver<Command>) -> SessionEvent {
        let look = self.unread.is_full().then(|| Instant::now() + FULL);
        let alarm = self.session.due().into_iter().chain(look).min().map_or_else(never, at);
        select! {
            // The uplink keeps its channel open.
            recv(self.uplink.events()) -> come => come.map_or(SessionEvent::Tick, |come| self.uplink.take(come)),
            recv(orders) -> command => {
                command.map_or(SessionEvent::Quit, |command| SessionEvent::Ordered(command, None))
            }
            recv(alarm) -> _ => SessionEvent::Tick,
        }
    }

    fn handle(&mut self, event: SessionEvent) {
        for effect in self.session.handle(Now::read(), event) {
            if let Some(event) = self.carry_out(effect) {
                self.handle(event);
            }
        }
    }

    /// Carries out an effect. Returns an event that follows at once.
    fn carry_out(&mut self, effect: SessionEffect) -> Option<SessionEvent> {
        match effect {
            SessionEffect::Link(order) => return self.uplink.carry_out(order),
            SessionEffect::Tell(news, _) if self.unread.takes(&news) => self.tell(news),
            // The reason of the end always has room.
            SessionEffect::Complain(text) => self.tell(News::Error(text)),
            // News told to a program counts as shown.
            SessionEffect::Keep(memos) => return Some(KeeperOrder::Keep(memos).carry_out(None)),
            SessionEffect::Become(key) => return Some(KeeperOrder::Become(key).carry_out(None)),
            SessionEffect::End(_) => self.is_over = true,
            // A member has no screen, no keyboard and no files.
            SessionEffect::Tell(..)
            | SessionEffect::Clear
            | SessionEffect::AskForNick(_)
            | SessionEffect::Prompt(_)
            | SessionEffect::Complete(_)
            | SessionEffect::Outbox(_) => {}
        }
        None
    }

    fn tell(&self, news: News) {
        // A program may drop the receiver of news.
        let _ = self.teller.send(news);
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Options(text) => f.write_str(text),
            JoinError::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for JoinError {}
