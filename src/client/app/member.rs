//! A member for programs built on this crate, bots and devices: it takes part in a chat from a thread of its own, with
//! everything that the client does by itself (joining, heartbeats, coming back, nothing shown twice).
//!
//! ```no_run
//! use mqttchat::client::{member::Member, news::News};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let arguments = ["localhost", "--nick", "echo"].map(Into::into);
//! let member = Member::join(mqttchat::options::of_a_member(&arguments)?)?;
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
use crate::client::core::conversation::{Conversation, Input, Output, Role};
use crate::client::core::ending::messages_are;
use crate::client::core::memo::Remembered;
use crate::client::core::news::{News, Place, Said};
use crate::client::io::uplink::{Heard, Uplink};
use crate::now::Now;
use crate::options::{ClientOptions, Connection};
use crate::protocol::{Nick, RoomName, Topics};
use crate::random::Random;
use crossbeam_channel::{Receiver, Sender, at, never, select, unbounded};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a member that is told to leave waits for what is not settled.
const LEAVE_WAIT: Duration = Duration::from_secs(5);
/// And then for its last word to arrive.
const LAST_WORD: Duration = Duration::from_millis(900);
/// News that nobody has taken may hold so many bytes. Past that messages are dropped, until half of it is taken.
const UNREAD: usize = 12 * 1024 * 1024;
/// With news of one's own messages, and of everything else. Past that nothing is told but the end.
const ALL_UNREAD: usize = 16 * 1024 * 1024;
/// What a piece of news holds beside what it was made from.
const NEWS: usize = 512;
/// How often it is looked whether news was taken.
const FULL: Duration = Duration::from_millis(50);

/// Why nobody joined.
#[derive(Debug)]
pub enum JoinError {
    /// A nick or room that is none, or no nick where the login name is none.
    Options(String),
    /// A thread could not be started.
    Thread(io::Error),
}

/// Takes part until it is told to leave or dropped.
pub struct Member {
    nick: Nick,
    commands: Sender<Command>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    /// Begins to connect and join, as `mqttchat client` would with these options. What happens comes as
    /// [`Member::news`], which ends where the first connection fails or the nick is in use; the last news says so.
    ///
    /// # Errors
    /// Options that name no valid nick or room; no thread to be had.
    pub fn join(options: ClientOptions) -> Result<Member, JoinError> {
        let nick = start::nick(&options, None, &never()).map_err(refused)?;
        let rooms = start::rooms(&options).map_err(refused)?;
        let mut config = start::config(&options, nick.clone(), rooms, Role::Member, false, Remembered::default());
        // Nothing of a program built on this crate outlives its run.
        config.keeps_outbox = false;
        let (commands, orders) = unbounded();
        let (teller, news) = unbounded();
        let connection = options.connection;
        let conversation = Conversation::new(config, Random::of_the_system());
        let uplink = Uplink::new(connection.qos, &connection.topic_root);
        let topics = Topics::new(&connection.topic_root);
        let (leave_by, now) = (None, Instant::now());
        let unread = Unread::default();
        let mut attendance = Attendance { conversation, uplink, topics, teller, unread, leave_by, now };
        let attend = move || {
            attendance.attend(&connection, &orders);
            attendance.uplink.close(attendance.conversation.leave(Now::read()), LAST_WORD);
        };
        let thread = thread::Builder::new().name("member".to_owned()).spawn(attend).map_err(JoinError::Thread)?;
        Ok(Member { nick, commands, news, thread: Some(thread) })
    }

    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// What happens, oldest first. It ends when the member has left. If 12 MiB of it are not taken, messages that come are
    /// told later, from the history, and who comes and goes is not told at all. Past 16 MiB only the end is told.
    pub fn news(&self) -> &Receiver<News> {
        &self.news
    }

    /// Says something in a room that it is in.
    pub fn say(&self, room: &RoomName, text: &str) {
        self.send(text, Target::Room(room.clone()));
    }

    /// Sends a direct message.
    pub fn tell(&self, nick: &Nick, text: &str) {
        self.send(text, Target::Nick(nick.clone()));
    }

    /// Says something where this was said: in its room, or to its sender.
    pub fn answer(&self, said: &Said, text: &str) {
        match &said.place {
            Place::Room(room) => self.say(room, text),
            Place::Direct(_) => self.tell(&said.nick, text),
        }
    }

    fn send(&self, text: &str, to: Target) {
        // After its end there is nobody to send anything; news has ended too.
        let _ = self.commands.send(Command::Say { text: text.to_owned(), to, action: false });
    }

    /// Leaves the chat, once what was said is settled: stored, if there is a server. It waits for that for five seconds;
    /// what is not by then is lost, and the last news says how many messages that are.
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
        // Nobody was asked.
        Refusal::Quit => "ended".to_owned(),
    })
}

/// What the member's thread owns.
struct Attendance {
    conversation: Conversation,
    uplink: Uplink,
    topics: Topics,
    teller: Sender<News>,
    unread: Unread,
    /// It was told to leave, and does so by then.
    leave_by: Option<Instant>,
    /// The last turn's time.
    now: Instant,
}

/// News that nobody has taken yet.
#[derive(Debug, Default)]
struct Unread {
    /// Of each, oldest first, how many bytes it holds.
    sizes: VecDeque<usize>,
    bytes: usize,
    is_full: bool,
    /// Messages that were dropped since.
    dropped: u64,
    /// What the next news is made from.
    source: usize,
}

impl Unread {
    fn add(&mut self) {
        let size = NEWS + std::mem::take(&mut self.source);
        self.sizes.push_back(size);
        self.bytes += size;
    }

    /// Whether there is room for this.
    fn takes(&self, news: &News) -> bool {
        let waits = self.is_full && matches!(news, News::Presence(_));
        !waits && self.bytes <= ALL_UNREAD
    }

    /// So many wait. What the conversation is to be told of that, if anything.
    fn look(&mut self, waiting: usize) -> Option<Input> {
        while self.sizes.len() > waiting
            && let Some(size) = self.sizes.pop_front()
        {
            self.bytes -= size;
        }
        match self.is_full {
            false if self.bytes > UNREAD => {
                self.is_full = true;
                Some(Input::Full)
            }
            true if self.bytes <= UNREAD / 2 => {
                self.is_full = false;
                Some(Input::Missed(std::mem::take(&mut self.dropped)))
            }
            _ => None,
        }
    }
}

/// The member is to leave.
struct Leaving;

impl Attendance {
    fn attend(&mut self, connection: &Connection, orders: &Receiver<Command>) {
        if let Err(error) = self.uplink.open(connection, &self.conversation) {
            return self.tell_last(format!("cannot start the link: {error}"));
        }
        while self.turn(connection, orders).is_ok() {}
    }

    fn turn(&mut self, connection: &Connection, orders: &Receiver<Command>) -> Result<(), Leaving> {
        let input = match self.unread.look(self.teller.len()) {
            Some(input) => input,
            None => match self.next(orders)? {
                Some(input) => input,
                None => return Ok(()),
            },
        };
        self.unread.source = match &input {
            Input::Arrived { payload, .. } => payload.len(),
            Input::Command(Command::Say { text, .. }, _) => text.len(),
            _ => 0,
        };
        let now = Now::read();
        self.now = now.instant;
        for output in self.conversation.handle(now, input) {
            match output {
                // What was told to a program is shown.
                Output::Publish(publication) | Output::PublishWhenShown(publication) => {
                    self.uplink.publish(publication);
                }
                Output::Subscribe(filter) => self.uplink.subscribe(filter),
                Output::Unsubscribe(filter) => self.uplink.unsubscribe(filter),
                Output::Tell(news) => self.tell(news),
                Output::NickInUse => {
                    self.tell_last(format!("the nick {} is in use", self.conversation.nick()));
                    return Err(Leaving);
                }
                Output::Quit => self.leave_by = Some(now.instant + LEAVE_WAIT),
                Output::Reconnect => {
                    self.uplink.let_go(None);
                    self.uplink.open(connection, &self.conversation).map_err(|_| Leaving)?;
                }
                // There is no screen, nobody to choose another nick, and nothing outlives the run.
                Output::Clear | Output::Renamed { .. } => {}
                Output::Remember(_) | Output::Queued(_) | Output::Settled(_) => {}
            }
        }
        match (self.leave_by, self.conversation.unsettled()) {
            (Some(_), 0) => Err(Leaving),
            (Some(by), unsettled) if now.instant >= by => {
                self.tell_last(format!("{} unconfirmed", messages_are(unsettled)));
                Err(Leaving)
            }
            _ => Ok(()),
        }
    }

    /// What happens next; `None`: nothing that the conversation is to know.
    fn next(&mut self, orders: &Receiver<Command>) -> Result<Option<Input>, Leaving> {
        let look = self.unread.is_full.then(|| Instant::now() + FULL);
        let due = self.conversation.due(self.now).into_iter().chain(self.leave_by).chain(look).min();
        let alarm = due.map_or_else(never, at);
        select! {
            recv(self.uplink.events()) -> event => match event.map(|event| self.uplink.hear(event)) {
                Ok(Heard::Input(Input::Arrived { topic, .. }))
                    if self.unread.is_full && self.topics.carries_messages(&topic) =>
                {
                    self.unread.dropped += 1;
                    Ok(None)
                }
                Ok(Heard::Input(input)) => Ok(Some(input)),
                Ok(Heard::Nothing) => Ok(None),
                Ok(Heard::Ended(failure)) => {
                    self.tell_last(failure.map_or("the connection has ended".to_owned(), |failure| failure.to_string()));
                    Err(Leaving)
                }
                Err(_) => Err(Leaving),
            },
            recv(orders) -> command => Ok(Some(Input::Command(command.map_err(|_| Leaving)?, None))),
            recv(alarm) -> _ => Ok(Some(Input::Tick)),
        }
    }

    fn tell(&mut self, news: News) {
        if self.unread.takes(&news) {
            self.unread.add();
            // Whoever does not listen to news does not want to know.
            let _ = self.teller.send(news);
        }
    }

    /// Why it ends: there is always room for that.
    fn tell_last(&self, text: String) {
        let _ = self.teller.send(News::Error { text, reference: None });
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
