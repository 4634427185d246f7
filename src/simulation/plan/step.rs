//! What happens in a plan, and when: what people do, and faults.

use super::{BROKER, Ms, Name};
use crate::simulation::broker::Recovery;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    pub at: Ms,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    // What people do.
    /// `count` messages at once.
    Say {
        who: Name,
        to: SaidTo,
        count: u32,
    },
    Nick {
        who: Name,
        nick: String,
    },
    Join {
        who: Name,
        room: String,
    },
    Part {
        who: Name,
        room: String,
    },
    /// `/history`.
    Page {
        who: Name,
        room: String,
    },
    Search {
        who: Name,
        word: String,
    },
    /// Ends a client or a server cleanly, and starts it again after `back`. Without `back`, a later step starts it.
    Quit {
        who: Name,
        back: Option<Ms>,
    },
    /// Starts a program that does not run; `rooms` replaces its rooms unless it is empty.
    Start {
        who: Name,
        rooms: Vec<String>,
    },
    // Faults.
    Crash(Crash),
    /// The broker saves its sessions and retained messages.
    Save,
    BrokerCrash {
        keeps: Recovery,
        back: Ms,
    },
    Freeze {
        who: Name,
        time: Ms,
    },
    /// The wall clock of its machine jumps.
    Clock {
        who: Name,
        by_s: i64,
    },
    Disk {
        who: Name,
        trouble: DiskTrouble,
        time: Ms,
    },
    /// Nothing reads its output.
    Screen {
        who: Name,
        time: Ms,
    },
    /// Resets the connection; both ends learn of it.
    Cut {
        who: Name,
    },
    Block {
        who: Name,
        direction: Direction,
        time: Ms,
    },
    /// Ends the connection; only one end learns of it.
    HalfOpen {
        who: Name,
        known_to: Knowing,
    },
    /// Everything sent in either direction arrives `by` later.
    Delay {
        who: Name,
        by: Ms,
        time: Ms,
    },
    /// Drops `percent` of what the broker sends, on a connection that stays up.
    Lose {
        who: Name,
        percent: u32,
        time: Ms,
    },
    /// Delays the next will of this program; `None`: drops it.
    Will {
        who: Name,
        late: Option<Ms>,
    },
    /// A stranger connects with this program's client identifier.
    Takeover {
        who: Name,
    },
    /// A stranger publishes.
    Stray(Stray),
}

/// Where a message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaidTo {
    Room(String),
    /// A direct message, to the nick that this client has at that moment.
    Client(Name),
}

/// `kill -9` or a power loss, and the restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub who: Name,
    /// Crashes the next time the program reaches this point; `None`: at once.
    pub point: Option<CrashPoint>,
    /// Power loss: what was not fsynced is gone.
    pub power: bool,
    /// Restarts after this time; `None`: a later step or the heal restarts it.
    pub back: Option<Ms>,
    /// The number of crashes, at least 1; each but the first comes `up` after the restart.
    pub times: u32,
    pub up: Ms,
    /// Replaces its rooms at the restart unless it is empty.
    pub rooms: Vec<String>,
}

/// A point between two steps of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    // A client.
    BeforePrint,
    /// The message is shown, but not yet remembered.
    BeforeRemember,
    /// The message is remembered, but no receipt is sent yet.
    BeforeReceipt,
    // A server.
    /// A message has arrived and is not in a batch yet.
    BeforeKeep,
    /// The batch is written, but not committed.
    BeforeCommit,
    /// The batch is committed, but nobody is told yet.
    BeforeTell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTrouble {
    /// Every write fails.
    Full,
    /// Every write takes long.
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the broker to the program.
    In,
    /// From the program to the broker.
    Out,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowing {
    Broker,
    Program,
}

/// What a stranger publishes. None of it may end a program, be stored or shown as somebody's message, or displace one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// Something other than JSON, on each topic of the chat.
    Garbage,
    /// A payload of more than 64 KiB.
    TooLarge,
    /// A message whose payload names another sender than its topic.
    WrongSender,
    /// Messages under a nick of its own, with the ids that the clients' next messages will have.
    TakenIds,
    /// A retained `offline` on `chat/server`, as an earlier server's late will would be.
    Offline,
}

impl What {
    /// The number of faults; repeated crashes count each time.
    pub fn faults(&self) -> usize {
        use What::*;
        match self {
            Say { .. } | Nick { .. } | Join { .. } | Part { .. } | Page { .. } | Search { .. } | Start { .. } => 0,
            Quit { .. } => 1,
            Save => 0,
            Crash(crash) => crash.times as usize,
            _ => 1,
        }
    }

    /// The participants that it is about.
    pub fn names(&self) -> Vec<&str> {
        use What::*;
        match self {
            Say { who, to: SaidTo::Client(to), .. } => vec![who, to],
            Crash(crash) => vec![&crash.who],
            Save | BrokerCrash { .. } => vec![BROKER],
            Stray(_) => Vec::new(),
            Say { who, .. }
            | Nick { who, .. }
            | Join { who, .. }
            | Part { who, .. }
            | Page { who, .. }
            | Search { who, .. }
            | Quit { who, .. }
            | Start { who, .. }
            | Freeze { who, .. }
            | Clock { who, .. }
            | Disk { who, .. }
            | Screen { who, .. }
            | Cut { who }
            | Block { who, .. }
            | HalfOpen { who, .. }
            | Delay { who, .. }
            | Lose { who, .. }
            | Will { who, .. }
            | Takeover { who } => vec![who],
        }
    }

    pub fn concerns(&self, name: &str) -> bool {
        self.names().contains(&name)
    }
}

impl Crash {
    /// A `kill -9` at once, with a restart after a second.
    pub fn of(who: &str) -> Crash {
        Crash { who: who.to_owned(), point: None, power: false, back: Some(1_000), times: 1, up: 0, rooms: Vec::new() }
    }
}
