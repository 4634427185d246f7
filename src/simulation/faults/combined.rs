//! Combinations of faults that independent draws did not bring together in hundreds of runs. Times are drawn around those
//! that matter.

use super::stage::{LOBBY, ROOMS};
use crate::simulation::broker::Recovery;
use crate::simulation::broker::manners::Cluster;
use crate::simulation::plan::{
    BROKER, ClientKind, ClientTraits, Crash, CrashPoint, Direction, DiskTrouble, KEEP_ALIVE_S, Knowing, Ms, Name, Plan,
    SaidTo, What,
};
use crate::simulation::rng::Rng;
use crate::simulation::world::MS;

/// A room in which nobody speaks but a combination.
const SILENT: &str = "green";

type Combination = fn(&mut Rng, &mut Scene);

const ALL: &[Combination] = &[
    freeze_restart_burst,
    slow_answers_while_a_client_restarts,
    one_direct_message_under_delays,
    many_directs_to_somebody_away,
    clock_set_back_between_two_runs,
    will_around_a_restart,
    crash_during_catch_up,
    power_loss_after_a_burst,
    full_disk_and_crash,
    broker_forgets_while_clients_are_away,
    half_open_and_return,
    quick_restarts_of_both_ends,
    nick_change_while_the_server_is_away,
    rooms_change_while_answers_are_slow,
    last_message_and_its_mark_are_lost,
    clean_stop_under_load,
    more_waiting_directs_than_fit,
];

/// Adds one combination that begins at `at`. Some change the broker or the cast to what they need.
pub fn draw(rng: &mut Rng, plan: &mut Plan, at: Ms) {
    if plan.servers.is_empty() {
        return;
    }
    let combination = *rng.pick(ALL);
    combination(rng, &mut Scene { plan, at });
    plan.steps.retain(|step| step.at < plan.heal);
}

/// Where a combination adds its steps.
struct Scene<'a> {
    plan: &'a mut Plan,
    at: Ms,
}

impl Scene<'_> {
    fn server(&self) -> Name {
        self.plan.servers[0].name.clone()
    }

    /// The two clients that have everything, in random order.
    fn pair(&self, rng: &mut Rng) -> (Name, Name) {
        let (one, other) = (self.plan.clients[0].name.clone(), self.plan.clients[1].name.clone());
        if rng.chance(50) { (one, other) } else { (other, one) }
    }

    fn traits(&mut self, who: &str) -> Option<&mut ClientTraits> {
        self.plan.clients.iter_mut().find(|client| client.name == who)
    }

    /// Adds a step, `after` milliseconds after the beginning.
    fn push(&mut self, after: Ms, what: What) {
        self.plan.push(self.at + after, what);
    }

    fn say(&mut self, after: Ms, who: &Name, to: &SaidTo, count: u64) {
        self.push(after, What::Say { who: who.clone(), to: to.clone(), count: count as u32 });
    }

    fn crash(&mut self, after: Ms, who: &Name, back: Ms) {
        self.push(after, What::Crash(Crash { back: Some(back), ..Crash::of(who) }));
    }

    fn freeze(&mut self, after: Ms, who: &Name, time: Ms) {
        self.push(after, What::Freeze { who: who.clone(), time });
    }
}

fn lobby() -> SaidTo {
    SaidTo::Room(LOBBY.to_owned())
}

/// The broker drops what the restarted server says, because the frozen client's queue is full.
fn freeze_restart_burst(rng: &mut Rng, scene: &mut Scene) {
    scene.plan.broker.queue = 10;
    scene.plan.keep_alive_s = KEEP_ALIVE_S;
    let (speaker, still) = scene.pair(rng);
    let server = scene.server();
    scene.freeze(0, &still, rng.range(4_000, 8_000));
    scene.crash(rng.range(50, 500), &server, rng.range(200, 1_000));
    match rng.chance(50) {
        true => scene.say(rng.range(0, 400), &speaker, &lobby(), rng.range(40, 80)),
        false => (0..60).for_each(|n| scene.say(n * 50, &speaker, &lobby(), 1)),
    }
    scene.say(30_000, &still, &lobby(), 1);
}

/// Replies to an earlier run reach the next one, which has its rooms in another order.
fn slow_answers_while_a_client_restarts(rng: &mut Rng, scene: &mut Scene) {
    let (who, other) = scene.pair(rng);
    let server = scene.server();
    scene.say(0, &other, &SaidTo::Room(ROOMS[1].to_owned()), rng.range(1, 20));
    scene.crash(200, &who, rng.range(200, 1_000));
    let time = rng.range(3_000, 6_000);
    scene.freeze(rng.range(250, 1_500), &server, time);
    let rooms = vec![ROOMS[2].to_owned(), ROOMS[1].to_owned()];
    let (again, back) = (rng.range(1_600, 3_000), rng.range(50, 600));
    scene.push(again, What::Crash(Crash { back: Some(back), rooms, ..Crash::of(&who) }));
}

/// The receipt can reach the server before its message. In half of the plans its addressee then starts anew without a memory.
fn one_direct_message_under_delays(rng: &mut Rng, scene: &mut Scene) {
    let (from, to) = scene.pair(rng);
    let server = scene.server();
    for who in [&from, &server] {
        let (by, time) = (rng.range(50, 900), rng.range(2_000, 8_000));
        scene.push(0, What::Delay { who: who.clone(), by, time });
    }
    if rng.chance(50) {
        scene.plan.broker.cluster = Cluster { nodes: 3, delay: 100 * MS, reorders_topics: true };
    }
    if rng.chance(50) {
        if let Some(traits) = scene.traits(&to) {
            (traits.memory, traits.outbox) = (false, false);
        }
        let (lost, still) = (rng.range(5, 100), rng.range(150, 400));
        scene.push(0, What::Lose { who: server, percent: 100, time: 1_500 + lost });
        scene.freeze(10, &to, 1_500 + still);
        scene.say(1_500, &from, &SaidTo::Client(to.clone()), 1);
        scene.push(rng.range(10_000, 20_000), What::Quit { who: to.clone(), back: Some(rng.range(200, 5_000)) });
    }
    scene.say(rng.range(0, 1_500), &from, &SaidTo::Client(to), 1);
}

/// More direct messages wait than the broker queues, and its window is 1.
fn many_directs_to_somebody_away(rng: &mut Rng, scene: &mut Scene) {
    (scene.plan.broker.queue, scene.plan.broker.window) = (10, 1);
    let (from, to) = scene.pair(rng);
    scene.push(0, What::Quit { who: to.clone(), back: Some(rng.range(3_000, 12_000)) });
    scene.say(rng.range(500, 2_000), &from, &SaidTo::Client(to.clone()), 217);
    if rng.chance(50) {
        scene.crash(rng.range(3_000, 16_000), &to, rng.range(50, 2_000));
    }
}

/// A limited size has no room for the last of the waiting direct messages, so the server refuses them.
fn more_waiting_directs_than_fit(rng: &mut Rng, scene: &mut Scene) {
    let (from, to) = scene.pair(rng);
    let server = scene.server();
    scene.plan.servers[0].max_size_kb = 256;
    scene.push(0, What::Quit { who: to.clone(), back: Some(rng.range(10_000, 25_000)) });
    scene.say(rng.range(500, 2_000), &from, &SaidTo::Client(to), rng.range(120, 180));
    if rng.chance(30) {
        scene.crash(rng.range(1_000, 8_000), &server, rng.range(50, 2_000));
    }
}

/// The wall clock gives the wrong order of two runs' messages.
fn clock_set_back_between_two_runs(rng: &mut Rng, scene: &mut Scene) {
    let (who, _) = scene.pair(rng);
    let server = scene.server();
    scene.say(0, &who, &lobby(), rng.range(1, 30));
    if rng.chance(50) {
        scene.push(0, What::Disk { who: server, trouble: DiskTrouble::Slow, time: rng.range(500, 5_000) });
    }
    let (crash, down) = (rng.range(5, 400), rng.range(200, 1_500));
    scene.crash(crash, &who, down);
    scene.push(crash + 10, What::Clock { who: who.clone(), by_s: -(rng.range(301, 7_200) as i64) });
    scene.say(2_500 + down, &who, &lobby(), rng.range(1, 30));
}

/// A will arrives late, in the next run, or never.
fn will_around_a_restart(rng: &mut Rng, scene: &mut Scene) {
    let who = if rng.chance(40) { scene.server() } else { scene.pair(rng).0 };
    let late = rng.chance(75).then(|| rng.range(200, 6_000));
    scene.push(0, What::Will { who: who.clone(), late });
    scene.crash(10, &who, rng.range(100, 2_000));
    if rng.chance(40) {
        scene.push(rng.range(500, 4_000), What::Cut { who: who.clone() });
    }
    // Whoever connects now sees what the late will left, and its message gets lost.
    if who == scene.server() && rng.chance(50) {
        let speaker = scene.pair(rng).0;
        let after = 8_000 + rng.range(0, 4_000);
        scene.crash(after, &speaker, rng.range(100, 1_000));
        scene.push(after + 3_000, What::Lose { who, percent: 100, time: 500 });
        scene.say(after + 3_100, &speaker, &lobby(), 1);
    }
}

/// Only a repeated mark tells of them: the connection stays up, and nobody else speaks in the room.
fn last_message_and_its_mark_are_lost(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, who) = scene.pair(rng);
    for name in [&speaker, &who] {
        if let Some(traits) = scene.traits(name) {
            traits.rooms.push(SILENT.to_owned());
        }
    }
    scene.push(0, What::Lose { who, percent: 100, time: rng.range(1_500, 5_000) });
    scene.say(rng.range(10, 500), &speaker, &SaidTo::Room(SILENT.to_owned()), rng.range(1, 5));
}

/// Messages wait in the server when it is told to stop.
fn clean_stop_under_load(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, other) = scene.pair(rng);
    let server = scene.server();
    let still = rng.range(200, 2_000);
    scene.freeze(0, &server, still);
    scene.say(20, &speaker, &lobby(), rng.range(20, 100));
    scene.say(40, &other, &SaidTo::Client(speaker.clone()), rng.range(1, 20));
    // Its main thread is still behind.
    scene.push(still + 1, What::Quit { who: server, back: Some(rng.range(100, 3_000)) });
    // Then nobody sends again.
    if let Some(traits) = scene.traits(&speaker).filter(|_| rng.chance(50)) {
        traits.outbox = false;
        scene.crash(150, &speaker, rng.range(100, 3_000));
    }
}

/// The client crashes while it fetches what it missed.
fn crash_during_catch_up(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, who) = scene.pair(rng);
    let away = rng.range(2_000, 5_000);
    scene.crash(0, &who, away);
    scene.say(300, &speaker, &lobby(), rng.range(100, 600));
    let point = *rng.pick(&[CrashPoint::BeforePrint, CrashPoint::BeforeRemember, CrashPoint::BeforeReceipt]);
    let (times, up) = (rng.range(1, 4) as u32, rng.range(20, 800));
    let crash = Crash { point: Some(point), back: Some(rng.range(50, 900)), times, up, ..Crash::of(&who) };
    scene.push(away + rng.range(20, 900), What::Crash(crash));
}

/// What the server called stored must be on the disk.
fn power_loss_after_a_burst(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, _) = scene.pair(rng);
    let server = scene.server();
    scene.say(0, &speaker, &lobby(), rng.range(20, 200));
    let point = rng.chance(50).then_some(CrashPoint::BeforeTell);
    let crash = Crash { power: true, point, back: Some(rng.range(100, 2_000)), ..Crash::of(&server) };
    scene.push(rng.range(20, 400), What::Crash(crash));
}

/// The server crashes while its disk is full, and restarts while it may still be full.
fn full_disk_and_crash(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, other) = scene.pair(rng);
    let server = scene.server();
    let time = rng.range(1_000, 5_000);
    scene.push(0, What::Disk { who: server.clone(), trouble: DiskTrouble::Full, time });
    scene.say(50, &speaker, &lobby(), rng.range(1, 60));
    scene.say(80, &speaker, &SaidTo::Client(other), rng.range(1, 10));
    scene.crash(rng.range(100, time), &server, rng.range(50, 1_000));
}

/// The broker loses sessions and retained messages while a client is frozen.
fn broker_forgets_while_clients_are_away(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, still) = scene.pair(rng);
    scene.say(0, &speaker, &lobby(), rng.range(1, 40));
    scene.freeze(10, &still, rng.range(1_000, 7_000));
    let keeps = *rng.pick(&[Recovery::Nothing, Recovery::Saved]);
    scene.push(rng.range(20, 900), What::BrokerCrash { keeps, back: rng.range(50, 2_000) });
    scene.say(rng.range(1_000, 5_000), &speaker, &lobby(), rng.range(1, 40));
}

/// One end keeps sending into a connection that the other end has left.
fn half_open_and_return(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, who) = scene.pair(rng);
    let known_to = *rng.pick(&[Knowing::Program, Knowing::Broker]);
    scene.push(0, What::HalfOpen { who: who.clone(), known_to });
    scene.say(5, &speaker, &SaidTo::Client(who.clone()), rng.range(1, 30));
    scene.say(10, &speaker, &lobby(), rng.range(1, 30));
    let direction = *rng.pick(&[Direction::In, Direction::Out]);
    scene.push(rng.range(200, 3_000), What::Block { who, direction, time: rng.range(200, 4_000) });
}

fn quick_restarts_of_both_ends(rng: &mut Rng, scene: &mut Scene) {
    let (speaker, who) = scene.pair(rng);
    for party in [scene.server(), who] {
        let (times, up, back) = (rng.range(2, 6) as u32, rng.range(5, 1_200), rng.range(20, 500));
        let crash = Crash { times, up, back: Some(back), ..Crash::of(&party) };
        scene.push(rng.range(0, 500), What::Crash(crash));
    }
    (0..20).for_each(|n| scene.say(n * 150, &speaker, &lobby(), 1));
}

/// Unconfirmed messages go out under the new nick.
fn nick_change_while_the_server_is_away(rng: &mut Rng, scene: &mut Scene) {
    let (who, other) = scene.pair(rng);
    let server = scene.server();
    scene.crash(0, &server, rng.range(500, 8_000));
    scene.say(50, &who, &lobby(), rng.range(1, 20));
    scene.say(60, &other, &SaidTo::Client(who.clone()), rng.range(1, 5));
    scene.push(rng.range(100, 2_000), What::Nick { who: who.clone(), nick: format!("{who}9") });
    scene.say(rng.range(2_000, 6_000), &who, &lobby(), 3);
}

/// A room is left and joined again while the replies to the first join are still under way.
fn rooms_change_while_answers_are_slow(rng: &mut Rng, scene: &mut Scene) {
    let (who, other) = scene.pair(rng);
    let server = scene.server();
    if let Some(traits) = scene.traits(&who)
        && traits.kind != ClientKind::Original
    {
        traits.rooms = vec![ROOMS[1].to_owned()];
    }
    let room = ROOMS[2].to_owned();
    scene.freeze(0, &server, rng.range(500, 5_000));
    scene.push(50, What::Join { who: who.clone(), room: room.clone() });
    scene.say(100, &other, &SaidTo::Room(room.clone()), rng.range(1, 20));
    scene.push(rng.range(200, 1_500), What::Part { who: who.clone(), room: room.clone() });
    scene.push(rng.range(1_600, 4_000), What::Join { who, room });
    if rng.chance(30) {
        scene.freeze(rng.range(0, 2_000), &BROKER.to_owned(), rng.range(100, 3_000));
    }
}
