//! Draws plans by swarm testing: each run has a random cast and broker, and enables a random subset of the faults at a random
//! intensity. Many runs add a combination of faults that independent draws would almost never bring together. Every plan ends
//! with a heal and a quiet phase that is long enough for back-off, timeouts and catching up.

mod combined;
mod single;
mod stage;

use super::plan::{ClientKind, ClientTraits, Ms, Plan, SaidTo, What};
use super::rng::Rng;
use single::FaultClass;

pub use stage::{LOBBY, ROOMS};

/// Time for everybody to connect and join before the first fault.
const WARM_UP: Ms = 12_000;
/// The longest time during which faults happen.
const LONGEST_TROUBLE: Ms = 200_000;
/// The shortest quiet phase: a presence timeout and the longest wait before a message is sent again.
const SHORTEST_QUIET: Ms = 130_000;
/// The random stream that plans are drawn from.
const STREAM: u64 = 0x706c_616e;

/// Draws the plan of a seed.
pub fn draw(seed: u64) -> Plan {
    let mut rng = Rng::stream(seed, STREAM);
    let trouble = *rng.pick(&[20_000, 40_000, 80_000, LONGEST_TROUBLE]);
    let trouble = rng.range(trouble / 2, trouble);
    let heal = WARM_UP + trouble;
    // Back-off grows with the length of the trouble.
    let end = heal + SHORTEST_QUIET + trouble / 2;
    let mut plan = stage::draw(&mut rng, seed, heal, end);
    let combines = rng.chance(40);
    if combines {
        let at = WARM_UP + rng.range(0, trouble / 3);
        combined::draw(&mut rng, &mut plan, at);
    }
    // A combination on its own is easier to read when it finds something.
    if !combines || rng.chance(60) {
        swarm(&mut rng, &mut plan);
    }
    talk(&mut rng, &mut plan);
    epilogue(&mut rng, &mut plan);
    plan.sort();
    plan
}

/// Adds faults of a random subset of the classes.
fn swarm(rng: &mut Rng, plan: &mut Plan) {
    let share = rng.range(15, 85);
    let mut classes: Vec<FaultClass> = FaultClass::ALL.iter().copied().filter(|_| rng.chance(share)).collect();
    if classes.is_empty() {
        classes.push(*rng.pick(FaultClass::ALL));
    }
    let gap = *rng.pick(&[300, 800, 2_000, 5_000]);
    let mut at = WARM_UP;
    loop {
        at += rng.range(gap / 4, gap * 7 / 4);
        if at >= plan.heal {
            return;
        }
        let class = *rng.pick(&classes);
        single::draw(rng, plan, class, at);
    }
}

/// Adds messages, at a random pace.
fn talk(rng: &mut Rng, plan: &mut Plan) {
    let gap = *rng.pick(&[100, 300, 800, 1_500]);
    let (direct, bursts) = (*rng.pick(&[0, 10, 30, 80]), *rng.pick(&[0, 2, 4]));
    let mut left = 1_500;
    let mut at = WARM_UP;
    while left > 0 {
        at += rng.range(gap / 4, gap * 7 / 4);
        if at >= plan.heal {
            return;
        }
        let count = if rng.chance(bursts) { rng.range(20, 250) } else { 1 };
        left = u64::saturating_sub(left, count);
        let who = rng.pick(&plan.clients).name.clone();
        let to = said_to(rng, plan, &who, direct);
        plan.push(at, What::Say { who, to, count: count as u32 });
    }
}

fn said_to(rng: &mut Rng, plan: &Plan, from: &str, direct: u64) -> SaidTo {
    let others: Vec<&ClientTraits> =
        plan.clients.iter().filter(|client| client.kind.listens() && client.name != from).collect();
    if !others.is_empty() && rng.chance(direct) {
        return SaidTo::Client(rng.pick(&others).name.clone());
    }
    let original = plan.client(from).is_some_and(|client| client.kind == ClientKind::Original);
    if original { SaidTo::Room(LOBBY.to_owned()) } else { SaidTo::Room((*rng.pick(ROOMS)).to_owned()) }
}

/// After the heal everybody says something. In half of the plans everybody also quits and starts once more, which must not
/// show anything a second time.
fn epilogue(rng: &mut Rng, plan: &mut Plan) {
    let again = rng.chance(50);
    for (number, client) in plan.clients.clone().into_iter().enumerate() {
        let at = plan.heal + 8_000 + 100 * number as Ms;
        let (who, to) = (client.name.clone(), SaidTo::Room(LOBBY.to_owned()));
        plan.push(at, What::Say { who, to, count: 1 });
        if again {
            let at = plan.end - 70_000 + 100 * number as Ms;
            plan.push(at, What::Quit { who: client.name, back: Some(2_000) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::plan::text::parse;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_gives_the_same_plan_each_time_and_another_one_another() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn every_plan_is_sound() {
        for seed in 0..500 {
            let plan = draw(seed);
            assert!(plan.end <= 480_000, "seed {seed} takes {} ms", plan.end);
            assert!(plan.end - plan.heal >= SHORTEST_QUIET, "seed {seed} is not quiet for long");
            assert!(plan.clients.len() >= 2, "seed {seed} has nobody to talk to");
            let late: Vec<_> = plan.steps.iter().filter(|step| step.at >= plan.heal).collect();
            let is_quiet = |what: &What| matches!(what, What::Say { .. } | What::Quit { back: Some(_), .. });
            assert!(late.iter().all(|step| is_quiet(&step.what)), "seed {seed} has faults after the heal");
            // Reading checks that all names are known.
            assert_eq!(parse(&plan.to_string()), Ok(plan));
        }
    }

    #[test]
    fn everything_is_drawn_now_and_then() {
        let plans: Vec<Plan> = (0..400).map(draw).collect();
        let verbs: BTreeSet<String> = plans
            .iter()
            .flat_map(|plan| &plan.steps)
            .map(|step| step.what.to_string().split(' ').next().unwrap_or_default().to_owned())
            .collect();
        let all = "block broker-crash broker-saves clock crash cut delay disk freeze half-open join lose nick page part \
                   power-loss quit say screen search start stray takeover tell will";
        assert_eq!(verbs.into_iter().collect::<Vec<_>>().join(" "), all);
        let share = |wanted: &dyn Fn(&Plan) -> bool| plans.iter().filter(|plan| wanted(plan)).count();
        assert!(share(&|plan| plan.servers.iter().any(|server| server.memory)) > 5);
        assert!(share(&|plan| plan.servers.len() == 2) > 5);
        assert!(share(&|plan| plan.servers.is_empty()) > 2);
        assert!(share(&|plan| plan.broker.cluster.nodes > 1) > 20);
        assert!(share(&|plan| plan.broker.queue == 10) > 50);
        for kind in [ClientKind::Json, ClientKind::Library, ClientKind::Sender, ClientKind::Original] {
            assert!(share(&|plan| plan.clients.iter().any(|client| client.kind == kind)) > 20, "{kind:?}");
        }
        let faults: usize = plans.iter().map(Plan::faults).sum();
        assert!(faults > 400 * 20, "{faults} faults in 400 plans");
    }
}
