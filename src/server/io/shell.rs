//! The main thread's loop: waits for whatever happens, gives it to the chat, and does what the chat says.

use super::door::Door;
use super::farewell;
use crate::link::{self, Link, Message, Publication, Settings, Version};
use crate::now::Now;
use crate::protocol::NickKey;
use crate::server::ANOTHER_SERVER;
use crate::server::core::chat::{Chat, Input, Output};
use crate::server::core::record::{SeatChange, StoreAnswer, StoreQuestion, StoreTask};
use crate::server::store::{Job, Pass};
use crossbeam_channel::{Receiver, Sender, select};
use log::{debug, error, info, warn};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Any time that is longer than what comes of itself.
const LONG: Duration = Duration::from_secs(3600);

/// Everything that the main thread waits for.
enum Event {
    Link(link::Event, Option<Pass>),
    Store(StoreAnswer),
    Tick,
    Due,
    Stop,
}

/// Another server, since the last connection of this one.
#[derive(Default)]
struct Rival {
    /// The last look found it; what is known of it.
    answers: Option<String>,
    /// The log tells of it.
    is_told: bool,
}

/// Where it comes from.
pub struct Inboxes {
    pub link: Receiver<(link::Event, Option<Pass>)>,
    pub store: Receiver<StoreAnswer>,
    pub ticks: Receiver<()>,
    pub stop: Receiver<i32>,
    pub door: Arc<Door>,
}

/// Runs until a signal ends it, or something that cannot mend itself. The store ends with its jobs, after this.
pub fn main_loop(chat: &mut Chat, link: Link, jobs: Sender<Job>, inboxes: &Inboxes, settings: &Settings) -> ExitCode {
    let mut hands = Hands::new(link, jobs);
    let code = run(chat, &mut hands, inboxes);
    farewell::take_leave(chat, &mut hands, inboxes, settings);
    code
}

fn run(chat: &mut Chat, hands: &mut Hands, inboxes: &Inboxes) -> ExitCode {
    let mut failure = None;
    let mut rival = Rival::default();
    loop {
        let event = next_event(inboxes, chat.next_due());
        let now = Now::read();
        let mut held = None;
        let outputs = match event {
            Event::Stop => return ExitCode::SUCCESS,
            Event::Tick => {
                let refused = inboxes.door.take_refused();
                let mut outputs = Vec::new();
                if refused > 0 {
                    outputs = chat.handle(now, Input::TurnedAway(refused));
                }
                outputs.extend(chat.handle(now, Input::Tick));
                outputs
            }
            Event::Due => chat.handle(now, Input::Due),
            Event::Store(answer) => {
                hands.answered(&answer);
                chat.handle(now, Input::Store(answer))
            }
            Event::Link(link::Event::Message(message), weight) => {
                held = weight;
                heard(chat, now, &message)
            }
            Event::Link(link::Event::Connected { session_present, version, refused, .. }, _) => {
                rival = Rival::default();
                let version = if version == Version::V5 { "5" } else { "3.1.1" };
                info!("connected mqtt={version} session_present={session_present}");
                for filter in refused {
                    error!("the broker does not let the server subscribe to {filter}: its access rules must allow it");
                }
                chat.handle(now, Input::Connected)
            }
            Event::Link(link::Event::Lost { reason }, _) => {
                warn!("connection lost: {reason}");
                chat.handle(now, Input::Lost)
            }
            Event::Link(link::Event::Failed(reason), _) => {
                rival.answers = None;
                // What to do about it is said once.
                match failure.replace(reason.clone()) {
                    Some(known) if known == reason => warn!("cannot connect: {}", reason.what),
                    _ => warn!("cannot connect: {reason}"),
                }
                Vec::new()
            }
            Event::Link(link::Event::Barred { why }, _) => {
                rival.answers = Some(why);
                Vec::new()
            }
            Event::Link(link::Event::Waiting { delay }, _) => {
                match &rival.answers {
                    Some(why) if !rival.is_told => {
                        rival.is_told = true;
                        warn!(
                            "another server seems to serve this chat now ({why}); this one stays away, keeps looking, \
                             and goes on when nothing answers. If there is no other, somebody forges one: the broker's \
                             access rules can prevent that, see \"Security\" in docs/protocol.md"
                        );
                    }
                    Some(_) => debug!("looking again for another server in {:.1} s", delay.as_secs_f64()),
                    None => info!("trying again in {:.1} s", delay.as_secs_f64()),
                }
                Vec::new()
            }
            Event::Link(link::Event::Ended, _) => match rival.answers {
                Some(why) => {
                    error!(
                        "another server serves this chat ({why}); stop that one first, or give this one another \
                         --topic-root"
                    );
                    return ExitCode::from(ANOTHER_SERVER);
                }
                None => return ExitCode::from(failure.map_or(1, |failure| failure.exit_code())),
            },
            Event::Link(other, _) => {
                debug!("{other:?}");
                Vec::new()
            }
        };
        hands.obey(outputs, &mut held);
        hands.give_seats();
    }
}

pub fn heard(chat: &mut Chat, now: Now, message: &Message) -> Vec<Output> {
    let topic = &message.topic;
    match message.retained {
        true => chat.handle(now, Input::Retained { topic }),
        false => chat.handle(now, Input::Message { topic, payload: &message.payload }),
    }
}

fn next_event(inboxes: &Inboxes, due: Option<Instant>) -> Event {
    let wait = due.map_or(LONG, |due| due.saturating_duration_since(Instant::now()));
    // The link holds its sender until it has said Ended, the threads theirs as long as the program: no channel closes
    // while this waits. If one did, stopping would be all there is to do.
    select! {
        recv(inboxes.stop) -> _ => Event::Stop,
        recv(inboxes.link) -> event => event.map_or(Event::Stop, |(event, held)| Event::Link(event, held)),
        recv(inboxes.store) -> answer => answer.map_or(Event::Stop, Event::Store),
        recv(inboxes.ticks) -> tick => tick.map_or(Event::Stop, |()| Event::Tick),
        default(wait) => Event::Due,
    }
}

/// Does what the chat says.
pub struct Hands {
    /// `None`: closed.
    link: Option<Link>,
    jobs: Sender<Job>,
    /// Questions, and searches, that the store has not answered yet.
    questions: usize,
    searches: usize,
    /// Presences that the store was not given yet, the latest of each person: it is given more when it has kept those
    /// before, so that what waits for a stalled disk stays bounded.
    seats: BTreeMap<NickKey, SeatChange>,
    seats_given: bool,
}

/// Questions that are under way at most, searches aside; whoever asks and gets no answer asks again.
const QUESTIONS: usize = 1_000;
/// Searches under way at most, until the thread has sorted them.
const SEARCHES: usize = 100;

impl Hands {
    fn new(link: Link, jobs: Sender<Job>) -> Hands {
        let seats = BTreeMap::new();
        Hands { link: Some(link), jobs, questions: 0, searches: 0, seats, seats_given: false }
    }

    pub fn answered(&mut self, answer: &StoreAnswer) {
        match answer {
            StoreAnswer::SeatsDone { .. } => self.seats_given = false,
            StoreAnswer::Found { .. } | StoreAnswer::Unanswered { is_search: true } => self.searches -= 1,
            StoreAnswer::Page { .. } | StoreAnswer::Rooms { .. } | StoreAnswer::Waiting { .. } => self.questions -= 1,
            StoreAnswer::Unanswered { is_search: false } => self.questions -= 1,
            _ => {}
        }
    }

    fn may_ask(&mut self, question: &StoreQuestion) -> bool {
        let (count, limit) = match question.is_search() {
            true => (&mut self.searches, SEARCHES),
            false => (&mut self.questions, QUESTIONS),
        };
        let may = *count < limit;
        *count += usize::from(may);
        may
    }

    /// `held`: by what is handled just now; it goes with what is kept of it.
    pub fn obey(&mut self, outputs: Vec<Output>, held: &mut Option<Pass>) {
        for output in outputs {
            match output {
                Output::Publish(publication) => {
                    if let Some(link) = &self.link {
                        link.publish(publication);
                    }
                }
                Output::Keep(keep) => self.give(Job { task: StoreTask::Keep(keep), pass: held.take() }),
                Output::Seats(changes) => {
                    self.seats.extend(changes.into_iter().map(|change| (change.key.clone(), change)));
                }
                Output::Ask(question) if self.may_ask(&question) => {
                    self.give(Job { task: StoreTask::Ask(question), pass: None });
                }
                Output::Ask(_) => debug!("a question was not asked: too many wait"),
            }
        }
    }

    /// Closes the connection; what is published from now on goes out by `next`.
    pub fn hang_up(&mut self, last: Option<Publication>, within: Duration, next: Option<Link>) {
        if let Some(link) = std::mem::replace(&mut self.link, next) {
            link.close(last, within);
        }
    }

    fn give_seats(&mut self) {
        if !self.seats.is_empty() && !std::mem::replace(&mut self.seats_given, true) {
            self.give_last_seats();
        }
    }

    pub fn give_last_seats(&mut self) {
        let seats = std::mem::take(&mut self.seats).into_values().collect();
        self.give(Job { task: StoreTask::Seats(seats), pass: None });
    }

    pub fn give(&self, job: Job) {
        // The store lives until the main thread drops this sender.
        let _ = self.jobs.send(job);
    }
}
