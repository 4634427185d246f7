//! Draws faults and their times from the seed alone, so a seed identifies a schedule. Pure.

use crate::cast::{KEEP_ALIVE, Member, Who};
use crate::random::Random;
use std::time::Duration;

/// Faults in order, about one per second. It never ends: the round takes as many as it wants.
pub struct Schedule {
    random: Random,
    at: Duration,
}

/// One of the two directions through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToBroker,
    FromBroker,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and a restart after the pause. `again`: the same once more, this long after the restart.
    Kill { who: Who, pause: Duration, again: Option<Duration> },
    /// The same for the broker. `forgets`: it restarts without its store.
    KillBroker { pause: Duration, forgets: bool },
    /// SIGSTOP, and SIGCONT after the time.
    Stop { who: Who, time: Duration },
    /// A reset of the connection to the broker, on both sides.
    Cut { who: Who },
    /// Nothing passes in these directions, and nothing is lost.
    Stall { who: Who, ways: Vec<Way>, time: Duration },
    /// Everything arrives later.
    Delay { who: Who, by: Duration, time: Duration },
    /// One direction ends properly, the other stays.
    HalfClose { who: Who, way: Way },
    /// The server cannot write any more. Not `at_once`: its files may grow to their current size again, which makes it
    /// fail in the middle of something. `killed`: it is killed meanwhile, this long after, for this pause.
    DiskFull { at_once: bool, time: Duration, killed: Option<(Duration, Duration)> },
}

/// A fault and its time since the beginning of the faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub at: Duration,
    pub fault: Fault,
}

#[derive(Clone, Copy)]
enum Kind {
    Kill,
    Stop,
    Cut,
    Stall,
    Delay,
    HalfClose,
    DiskFull,
}

/// The relative frequency of each kind.
const KINDS: &[(usize, Kind)] = &[
    (26, Kind::Kill),
    (20, Kind::Stop),
    (14, Kind::Cut),
    (16, Kind::Stall),
    (9, Kind::Delay),
    (8, Kind::HalfClose),
    (8, Kind::DiskFull),
];

impl Schedule {
    pub fn new(seed: u64) -> Schedule {
        Schedule { random: Random::stream(seed, 1), at: Duration::ZERO }
    }

    fn draw(&mut self) -> Fault {
        let random = &mut self.random;
        match random.weighted(KINDS) {
            Kind::Kill => match anybody(random) {
                Who::Broker => Fault::KillBroker { pause: random.millis(50, 3_000), forgets: random.chance(50) },
                who => {
                    let again = random.chance(25).then(|| random.millis(5, 700));
                    Fault::Kill { who, pause: random.millis(50, 3_000), again }
                }
            },
            Kind::Stop => Fault::Stop { who: anybody(random), time: pause(random) },
            Kind::Cut => Fault::Cut { who: connected(random) },
            Kind::Stall => {
                let ways = [&[Way::ToBroker, Way::FromBroker][..], &[Way::ToBroker], &[Way::FromBroker]];
                Fault::Stall { who: connected(random), ways: random.pick(&ways).to_vec(), time: pause(random) }
            }
            Kind::Delay => {
                Fault::Delay { who: connected(random), by: random.millis(20, 800), time: random.millis(1_000, 8_000) }
            }
            Kind::HalfClose => {
                Fault::HalfClose { who: connected(random), way: *random.pick(&[Way::ToBroker, Way::FromBroker]) }
            }
            Kind::DiskFull => {
                let time = random.millis(300, 5_000);
                let kill = |random: &mut Random| (time * random.below(10) as u32 / 10, random.millis(50, 3_000));
                let killed = random.chance(40).then(|| kill(random));
                Fault::DiskFull { at_once: random.chance(60), time, killed }
            }
        }
    }
}

impl Iterator for Schedule {
    type Item = Timed;

    fn next(&mut self) -> Option<Timed> {
        self.at += self.random.millis(200, 1_800);
        let at = self.at;
        Some(Timed { at, fault: self.draw() })
    }
}

/// Mostly shorter than the keep alive, sometimes long enough for the broker to give the connection up (after one and a
/// half).
fn pause(random: &mut Random) -> Duration {
    let keep_alive = KEEP_ALIVE.as_millis() as u64;
    match random.chance(70) {
        true => random.millis(100, keep_alive * 6 / 10),
        false => random.millis(keep_alive * 16 / 10, keep_alive * 24 / 10),
    }
}

/// The broker and the server are only one each, but most depends on them.
fn anybody(random: &mut Random) -> Who {
    match random.chance(20) {
        true => Who::Broker,
        false => connected(random),
    }
}

fn connected(random: &mut Random) -> Who {
    match random.chance(25) {
        true => Who::Server,
        false => Who::Member(*random.pick(&Member::ALL)),
    }
}

impl Fault {
    /// Whom it hits.
    pub fn who(&self) -> Who {
        match self {
            Fault::Kill { who, .. }
            | Fault::Stop { who, .. }
            | Fault::Cut { who }
            | Fault::Stall { who, .. }
            | Fault::Delay { who, .. }
            | Fault::HalfClose { who, .. } => *who,
            Fault::KillBroker { .. } => Who::Broker,
            Fault::DiskFull { .. } => Who::Server,
        }
    }

    /// Its name in the statistics.
    pub fn kind(&self) -> String {
        let whom = match self.who() {
            Who::Broker => "broker",
            Who::Server => "server",
            Who::Member(member) if member.is_sender() => "sender",
            Who::Member(_) => "receiver",
        };
        match self {
            Fault::KillBroker { forgets: true, .. } => "kill -9 broker, store lost".to_owned(),
            Fault::KillBroker { .. } => "kill -9 broker, store kept".to_owned(),
            Fault::Kill { again: Some(_), .. } => format!("kill -9 {whom} twice"),
            Fault::Kill { .. } => format!("kill -9 {whom}"),
            Fault::Stop { time, .. } if *time > KEEP_ALIVE => format!("stop {whom}, beyond the keep alive"),
            Fault::Stop { .. } => format!("stop {whom}"),
            Fault::Cut { .. } => "cut connection".to_owned(),
            Fault::Stall { ways, time, .. } => {
                let ways = if ways.len() == 2 { "both ways" } else { "one way" };
                let long = if *time > KEEP_ALIVE { ", beyond the keep alive" } else { "" };
                format!("stall {ways}{long}")
            }
            Fault::Delay { .. } => "delay".to_owned(),
            Fault::HalfClose { .. } => "half-close".to_owned(),
            Fault::DiskFull { killed: Some(_), .. } => "disk full, and kill -9 server".to_owned(),
            Fault::DiskFull { .. } => "disk full".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn schedule(seed: u64, faults: usize) -> Vec<Timed> {
        Schedule::new(seed).take(faults).collect()
    }

    #[test]
    fn a_seed_names_a_schedule() {
        assert_eq!(schedule(1, 200), schedule(1, 200));
        assert_ne!(schedule(1, 200), schedule(2, 200));
        assert_eq!(schedule(1, 200)[..20], schedule(1, 20), "a shorter round is the beginning of a longer one");
    }

    #[test]
    fn about_one_fault_comes_per_second() {
        let last = schedule(3, 1_000).pop().expect("a fault").at.as_secs();
        assert!((900..1_100).contains(&last), "{last} s");
    }

    #[test]
    fn every_kind_comes_to_everybody() {
        let kinds: BTreeSet<String> = schedule(4, 500).iter().map(|timed| timed.fault.kind()).collect();
        let expected = [
            "cut connection",
            "delay",
            "disk full",
            "disk full, and kill -9 server",
            "half-close",
            "kill -9 broker, store kept",
            "kill -9 broker, store lost",
            "kill -9 receiver",
            "kill -9 receiver twice",
            "kill -9 sender",
            "kill -9 sender twice",
            "kill -9 server",
            "kill -9 server twice",
            "stall both ways",
            "stall both ways, beyond the keep alive",
            "stall one way",
            "stall one way, beyond the keep alive",
            "stop broker",
            "stop broker, beyond the keep alive",
            "stop receiver",
            "stop receiver, beyond the keep alive",
            "stop sender",
            "stop sender, beyond the keep alive",
            "stop server",
            "stop server, beyond the keep alive",
        ];
        assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}
