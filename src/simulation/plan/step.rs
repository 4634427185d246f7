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
    /// So many messages at once.
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
    /// A clean end, of a client or a server, and a start so long after; without `back` a step starts it again.
    Quit {
        who: Name,
        back: Option<Ms>,
    },
    /// Starts who does not run; with other rooms if some are given.
    Start {
        who: Name,
        rooms: Vec<String>,
    },
    // Faults.
    Crash(Crash),
    /// The broker writes down what it would come back with.
    Save,
    BrokerCrash {
        keeps: Recovery,
        back: Ms,
    },
    Freeze {
        who: Name,
        time: Ms,
    },
    /// The wall clock of this machine jumps.
    Clock {
        who: Name,
        by_s: i64,
    },
    Disk {
        who: Name,
        trouble: DiskTrouble,
        time: Ms,
    },
    /// Nobody reads what it prints.
    Screen {
        who: Name,
        time: Ms,
    },
    /// The connection is reset; both ends learn of it.
    Cut {
        who: Name,
    },
    Block {
        who: Name,
        direction: Direction,
        time: Ms,
    },
    /// The connection is gone, and only that end knows.
    HalfOpen {
        who: Name,
        known_to: Knowing,
    },
    /// What is sent comes so much later.
    Delay {
        who: Name,
        by: Ms,
        time: Ms,
    },
    /// So many per cent of what is sent never come, on a connection that stays up.
    Lose {
        who: Name,
        percent: u32,
        time: Ms,
    },
    /// The next will of that participant comes so late, or not at all.
    Will {
        who: Name,
        late: Option<Ms>,
    },
    /// A stranger connects with its client identifier.
    Takeover {
        who: Name,
    },
    /// A stranger publishes something.
    Stray(Stray),
}

/// Where a message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaidTo {
    Room(String),
    /// Whoever of the cast this is, under the nick of that moment.
    Client(Name),
}

/// `kill -9` or a power cut, and how it comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub who: Name,
    /// It ends the next time it comes to that point; else at once.
    pub point: Option<CrashPoint>,
    /// What was not fsynced is gone.
    pub power: bool,
    /// It starts so long after; without, a step or the end of all faults starts it.
    pub back: Option<Ms>,
    /// It falls so many times, at least once, each time `up` after its start.
    pub times: u32,
    pub up: Ms,
    /// It comes back with its rooms in this order; none: as before.
    pub rooms: Vec<String>,
}

/// Between two steps of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    // A client.
    BeforePrint,
    /// It is shown, but that is not written down.
    BeforeRemember,
    /// It is remembered, but no receipt is sent.
    BeforeReceipt,
    // A server.
    /// A message has arrived and is in no batch.
    BeforeKeep,
    /// It is in the transaction.
    BeforeCommit,
    /// It is on the disk, and nobody is told.
    BeforeTell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTrouble {
    /// Nothing can be written.
    Full,
    /// Everything takes long.
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the broker to it.
    In,
    /// From it to the broker.
    Out,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowing {
    Broker,
    Program,
}

/// What a stranger publishes. None of it may end a program, or be stored or shown as what it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// No JSON, on each topic of the chat.
    Garbage,
    /// More than 64 KiB.
    TooLarge,
    /// The payload names another sender than the topic.
    WrongSender,
    /// A late will of an earlier server: `chat/server` turns offline.
    Offline,
}

impl What {
    /// How many faults it is: a crash counts each time.
    pub fn faults(&self) -> usize {
        use What::*;
        match self {
            Say { .. } | Nick { .. } | Join { .. } | Part { .. } | Page { .. } | Search { .. } | Start { .. } => 0,
            // A clean end is none either, unless somebody has to do without it meanwhile: it counts as one.
            Quit { .. } => 1,
            Save => 0,
            Crash(crash) => crash.times as usize,
            _ => 1,
        }
    }

    /// Who of the cast it is about.
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
    /// At once, and back after a second.
    pub fn of(who: &str) -> Crash {
        Crash { who: who.to_owned(), point: None, power: false, back: Some(1_000), times: 1, up: 0, rooms: Vec::new() }
    }
}
