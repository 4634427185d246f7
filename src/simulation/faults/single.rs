//! Single faults, and commands other than messages. Each is drawn on its own.

use super::stage::{LOBBY, ROOMS};
use crate::simulation::broker::Recovery;
use crate::simulation::plan::{
    BROKER, Crash, CrashPoint, Direction, DiskTrouble, Knowing, Ms, Name, Plan, Stray, What,
};
use crate::simulation::rng::Rng;

/// A class of faults that a run enables or leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    Crash,
    CrashAt,
    QuickRestarts,
    PowerLoss,
    Quit,
    BrokerCrash,
    Freeze,
    Cut,
    HalfOpen,
    Block,
    Delay,
    Lose,
    Disk,
    Clock,
    Screen,
    Takeover,
    Will,
    Stray,
    Rival,
    Nick,
    Rooms,
    Asking,
}

impl FaultClass {
    pub const ALL: &[FaultClass] = {
        use FaultClass::*;
        &[
            Crash,
            CrashAt,
            QuickRestarts,
            PowerLoss,
            Quit,
            BrokerCrash,
            Freeze,
            Cut,
            HalfOpen,
            Block,
            Delay,
            Lose,
            Disk,
            Clock,
            Screen,
            Takeover,
            Will,
            Stray,
            Rival,
            Nick,
            Rooms,
            Asking,
        ]
    };
}

const CLIENT_POINTS: &[CrashPoint] = &[CrashPoint::BeforePrint, CrashPoint::BeforeRemember, CrashPoint::BeforeReceipt];
const SERVER_POINTS: &[CrashPoint] = &[CrashPoint::BeforeKeep, CrashPoint::BeforeCommit, CrashPoint::BeforeTell];

/// Adds one fault of this class; nothing if the cast has no participant for it.
pub fn draw(rng: &mut Rng, plan: &mut Plan, class: FaultClass, at: Ms) {
    let who = somebody(rng, plan);
    let what = match class {
        FaultClass::Crash => What::Crash(crash(rng, who)),
        FaultClass::CrashAt => {
            let points = if plan.server(&who).is_some() { SERVER_POINTS } else { CLIENT_POINTS };
            What::Crash(Crash { point: Some(*rng.pick(points)), ..crash(rng, who) })
        }
        FaultClass::QuickRestarts => {
            What::Crash(Crash { times: rng.range(2, 5) as u32, up: rng.range(5, 1_500), ..crash(rng, who) })
        }
        FaultClass::PowerLoss => What::Crash(Crash { power: true, ..crash(rng, who) }),
        FaultClass::Quit => What::Quit { who, back: Some(away(rng)) },
        FaultClass::BrokerCrash => {
            let keeps = *rng.pick(&[Recovery::Everything, Recovery::Saved, Recovery::Saved, Recovery::Nothing]);
            if keeps == Recovery::Saved {
                plan.push(at.saturating_sub(rng.range(0, 1_000)), What::Save);
            }
            What::BrokerCrash { keeps, back: away(rng) }
        }
        FaultClass::Freeze => {
            let who = if rng.chance(12) { BROKER.to_owned() } else { who };
            What::Freeze { who, time: standstill(rng) }
        }
        FaultClass::Cut => What::Cut { who },
        FaultClass::HalfOpen => {
            What::HalfOpen { who, known_to: *rng.pick(&[Knowing::Broker, Knowing::Broker, Knowing::Program]) }
        }
        FaultClass::Block => {
            let direction = *rng.pick(&[Direction::In, Direction::Out, Direction::Both]);
            What::Block { who, direction, time: standstill(rng) }
        }
        FaultClass::Delay => What::Delay { who, by: rng.range(20, 800), time: rng.range(1_000, 8_000) },
        FaultClass::Lose => What::Lose { who, percent: rng.range(5, 100) as u32, time: rng.range(20, 8_000) },
        FaultClass::Disk => {
            let trouble = *rng.pick(&[DiskTrouble::Full, DiskTrouble::Slow]);
            let time = rng.range(50, 8_000);
            let who = server(plan).filter(|_| !time.is_multiple_of(4)).unwrap_or(who);
            What::Disk { who, trouble, time }
        }
        FaultClass::Clock => {
            let by_s = *rng.pick(&[10, 400, 3_600, 90_000]);
            let by_s = rng.range(1, by_s) as i64;
            What::Clock { who, by_s: if rng.chance(50) { by_s } else { -by_s } }
        }
        FaultClass::Screen => What::Screen { who: client(rng, plan), time: rng.range(50, 5_000) },
        FaultClass::Takeover => What::Takeover { who },
        FaultClass::Will => {
            let late = rng.chance(70).then(|| rng.range(50, 8_000));
            plan.push(at + 5, What::HalfOpen { who: who.clone(), known_to: Knowing::Broker });
            What::Will { who, late }
        }
        FaultClass::Stray => {
            use Stray::*;
            What::Stray(*rng.pick(&[Garbage, TooLarge, WrongSender, TakenIds, TakenIds, Offline]))
        }
        FaultClass::Rival => {
            let Some(rival) = plan.servers.get(1).map(|rival| rival.name.clone()) else { return };
            if rng.chance(50) { start(rival) } else { What::Quit { who: rival, back: None } }
        }
        FaultClass::Nick => {
            let who = client(rng, plan);
            let nick = format!("{who}{}", rng.range(2, 4));
            What::Nick { who, nick }
        }
        FaultClass::Rooms => {
            let (who, room) = (client(rng, plan), (*rng.pick(&ROOMS[1..])).to_owned());
            if rng.chance(60) { What::Join { who, room } } else { What::Part { who, room } }
        }
        FaultClass::Asking => {
            let who = client(rng, plan);
            match rng.chance(60) {
                true => What::Page { who, room: (*rng.pick(&[LOBBY, ROOMS[1]])).to_owned() },
                false => What::Search { who, word: format!("m{}", rng.range(0, 300)) },
            }
        }
    };
    plan.push(at, what);
}

/// A crash at once, with a restart after a random time.
fn crash(rng: &mut Rng, who: Name) -> Crash {
    Crash { back: Some(away(rng)), ..Crash::of(&who) }
}

fn start(who: Name) -> What {
    What::Start { who, rooms: Vec::new() }
}

/// The server with 35 %: everything depends on it.
fn somebody(rng: &mut Rng, plan: &Plan) -> Name {
    match server(plan) {
        Some(server) if rng.chance(35) => server,
        _ => client(rng, plan),
    }
}

fn server(plan: &Plan) -> Option<Name> {
    plan.servers.first().map(|server| server.name.clone())
}

fn client(rng: &mut Rng, plan: &Plan) -> Name {
    rng.pick(&plan.clients).name.clone()
}

/// How long a program stays away.
fn away(rng: &mut Rng) -> Ms {
    if rng.chance(10) { rng.range(8_000, 40_000) } else { rng.range(50, 3_000) }
}

/// Mostly short, sometimes longer than a keep alive of 5 s, rarely longer than every timeout.
fn standstill(rng: &mut Rng) -> Ms {
    match rng.below(12) {
        0 => rng.range(20_000, 90_000),
        1 => rng.range(8_000, 12_000),
        _ => rng.range(20, 3_000),
    }
}
