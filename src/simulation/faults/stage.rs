//! The cast, broker and network of a drawn plan.

use crate::simulation::broker::manners::{Cluster, Manners, Speaks};
use crate::simulation::network::Latency;
use crate::simulation::plan::{ClientKind, ClientTraits, KEEP_ALIVE_S, Ms, Plan, ServerTraits};
use crate::simulation::rng::Rng;
use crate::simulation::world::{MS, S};

/// The room that everybody is in.
pub const LOBBY: &str = "lobby";
/// All rooms of drawn plans.
pub const ROOMS: &[&str] = &[LOBBY, "red", "blue"];

const NAMES: [&str; 6] = ["ann", "ben", "cat", "dan", "eve", "fay"];

/// A plan without steps.
pub fn draw(rng: &mut Rng, seed: u64, heal: Ms, end: Ms) -> Plan {
    Plan {
        notes: Vec::new(),
        seed,
        broker: broker(rng),
        latency: latency(rng),
        keep_alive_s: *rng.pick(&[5, 5, KEEP_ALIVE_S]),
        servers: servers(rng, heal, end),
        clients: clients(rng),
        steps: Vec::new(),
        heal,
        end,
    }
}

fn broker(rng: &mut Rng) -> Manners {
    let speaks = *rng.pick(&[
        Speaks::Both,
        Speaks::Both,
        Speaks::Both,
        Speaks::Both,
        Speaks::Refuses5(132),
        Speaks::Closes5,
        Speaks::Ignores5,
    ]);
    let cluster = match rng.chance(20) {
        true => Cluster { nodes: rng.range(2, 3), delay: rng.range(1, 100) * MS, reorders_topics: rng.chance(70) },
        false => Manners::good().cluster,
    };
    Manners {
        speaks,
        queue: *rng.pick(&[10, 10, 30, 100, 1_000]),
        window: *rng.pick(&[1, 20, 20, 20, 100]),
        keeps_sessions: rng.chance(75),
        keeps_retained: rng.chance(75),
        will_delay: *rng.pick(&[0, 0, 0, 500 * MS, 6 * S]),
        wills_outlast_return: rng.chance(20),
        wills_after_restart: rng.chance(20),
        lost_wills: *rng.pick(&[0, 0, 5, 50]),
        duplicates: *rng.pick(&[0, 0, 0, 1, 10]),
        losses: *rng.pick(&[0, 0, 0, 0, 2, 10]),
        repeats_overlaps: rng.chance(30),
        early_retained: *rng.pick(&[0, 0, 50]),
        // No payload of this chat is larger than 64 KiB; names and headers come on top.
        max_packet: *rng.pick(&[0, 0, 0, 70_000]),
        cluster,
        ..Manners::good()
    }
}

fn latency(rng: &mut Rng) -> Latency {
    let (least, most) =
        *rng.pick(&[(80, 700), (80, 700), (MS, 5 * MS), (MS, 40 * MS), (20 * MS, 80 * MS), (MS, 300 * MS)]);
    Latency { least, most, hiccups: *rng.pick(&[0, 2, 10]) }
}

fn servers(rng: &mut Rng, heal: Ms, end: Ms) -> Vec<ServerTraits> {
    if rng.chance(3) {
        return Vec::new();
    }
    let mut main =
        ServerTraits { memory: rng.chance(8), timeout_s: *rng.pick(&[20, 60, 60]), ..ServerTraits::new("main") };
    if rng.chance(6) {
        // At the end some messages are old enough, and others are not.
        let (any, between) = (rng.range(20, 400), rng.range(end - heal, end) / 1_000);
        main.retention_s = *rng.pick(&[any, between]) as u32;
    }
    if rng.chance(6) {
        main.max_size_kb = *rng.pick(&[256, 256, 512]);
    }
    let mut servers = vec![main];
    if rng.chance(8) {
        servers.push(ServerTraits { starts: false, memory: rng.chance(30), ..ServerTraits::new("rival") });
    }
    servers
}

fn clients(rng: &mut Rng) -> Vec<ClientTraits> {
    use ClientKind::*;
    let mut clients: Vec<ClientTraits> = Vec::new();
    let count = rng.range(2, NAMES.len() as u64) as usize;
    for name in &NAMES[..count] {
        // The first two have everything, so that every promise applies to somebody.
        let kind =
            if clients.len() < 2 { Member } else { *rng.pick(&[Member, Member, Json, Library, Sender, Original]) };
        let full = clients.len() < 2;
        let has = |rng: &mut Rng, share| full || rng.chance(share);
        let mut rooms: Vec<String> = match kind {
            Original => Vec::new(),
            _ => ROOMS[1..].iter().filter(|_| has(rng, 80)).map(|room| (*room).to_owned()).collect(),
        };
        if rng.chance(50) {
            rooms.reverse();
        }
        clients.push(ClientTraits {
            kind,
            memory: matches!(kind, Member | Json) && has(rng, 60),
            outbox: matches!(kind, Member | Json | Sender) && has(rng, 60),
            history: has(rng, 85),
            rooms,
            starts: has(rng, 90),
            ..ClientTraits::new(name)
        });
    }
    // A second device of the first person.
    if let [first, .., last] = clients.as_mut_slice()
        && count > 2
        && rng.chance(8)
    {
        last.nick.clone_from(&first.nick);
    }
    clients
}
