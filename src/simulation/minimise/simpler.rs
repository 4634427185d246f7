//! Simplifications that keep every step: a better broker, a default cast, shorter times, smaller bursts. Each function
//! returns `None` if it would change nothing.

use crate::simulation::broker::manners::Manners;
use crate::simulation::network::Latency;
use crate::simulation::plan::{ClientTraits, Crash, KEEP_ALIVE_S, Ms, Plan, ServerTraits, What};

/// A simplification of a whole plan.
pub type Simpler = Box<dyn Fn(&Plan) -> Option<Plan>>;

/// Times up to this are not shortened further.
const SHORT: Ms = 100;

/// All simplifications for this plan. Each applies to the plan that the ones before it left.
pub fn of_the_whole(plan: &Plan) -> Vec<Simpler> {
    let mut all: Vec<Simpler> = vec![
        Box::new(|plan| changed(plan, |plan| plan.broker = Manners::good())),
        usual_manner(|it, usual| it.speaks = usual.speaks),
        usual_manner(|it, usual| it.queue = usual.queue),
        usual_manner(|it, usual| it.window = usual.window),
        usual_manner(|it, usual| it.keeps_sessions = usual.keeps_sessions),
        usual_manner(|it, usual| it.keeps_retained = usual.keeps_retained),
        usual_manner(|it, usual| it.will_delay = usual.will_delay),
        usual_manner(|it, usual| it.wills_outlast_return = usual.wills_outlast_return),
        usual_manner(|it, usual| it.wills_after_restart = usual.wills_after_restart),
        usual_manner(|it, usual| it.lost_wills = usual.lost_wills),
        usual_manner(|it, usual| it.duplicates = usual.duplicates),
        usual_manner(|it, usual| it.losses = usual.losses),
        usual_manner(|it, usual| it.repeats_overlaps = usual.repeats_overlaps),
        usual_manner(|it, usual| it.early_retained = usual.early_retained),
        usual_manner(|it, usual| it.max_packet = usual.max_packet),
        usual_manner(|it, usual| it.cluster = usual.cluster),
        Box::new(|plan| changed(plan, |plan| plan.latency = Latency::LOCAL)),
        Box::new(|plan| changed(plan, |plan| plan.keep_alive_s = KEEP_ALIVE_S)),
        Box::new(sooner_over),
        Box::new(sooner_begun),
    ];
    for at in 0..plan.servers.len() {
        all.push(Box::new(move |plan| {
            changed(plan, |plan| plan.servers[at] = ServerTraits::new(&plan.servers[at].name.clone()))
        }));
    }
    for at in 0..plan.clients.len() {
        let usual = move |plan: &mut Plan, change: fn(&mut ClientTraits)| plan.clients.get_mut(at).map_or((), change);
        all.push(Box::new(move |plan| {
            changed(plan, |plan| usual(plan, |client| *client = ClientTraits::new(&client.name.clone())))
        }));
        all.push(Box::new(move |plan| {
            changed(plan, |plan| {
                usual(plan, |client| (client.memory, client.outbox, client.history) = (true, true, true))
            })
        }));
        all.push(Box::new(move |plan| changed(plan, |plan| usual(plan, |client| client.rooms.clear()))));
    }
    all
}

/// Gives the broker one habit of a good one.
fn usual_manner(change: fn(&mut Manners, Manners)) -> Simpler {
    Box::new(move |plan| changed(plan, |plan| change(&mut plan.broker, Manners::good())))
}

fn changed(plan: &Plan, change: impl FnOnce(&mut Plan)) -> Option<Plan> {
    let mut candidate = plan.clone();
    change(&mut candidate);
    (candidate != *plan).then_some(candidate)
}

/// Heals right after the last fault. The quiet phase keeps its length.
fn sooner_over(plan: &Plan) -> Option<Plan> {
    let last = plan.steps.iter().filter(|step| step.at < plan.heal).map(|step| step.at).max()?;
    let earlier = plan.heal.checked_sub(last + 1_000).filter(|earlier| *earlier > 0)?;
    let mut candidate = plan.clone();
    candidate.heal -= earlier;
    candidate.end -= earlier;
    for step in candidate.steps.iter_mut().filter(|step| step.at >= plan.heal) {
        step.at -= earlier;
    }
    Some(candidate)
}

/// Begins right after the warm-up.
fn sooner_begun(plan: &Plan) -> Option<Plan> {
    /// The warm-up of drawn plans.
    const BEGIN: Ms = 12_000;
    let first = plan.steps.iter().map(|step| step.at).min()?;
    let earlier = first.checked_sub(BEGIN).filter(|earlier| *earlier > 0 && first < plan.heal)?;
    let mut candidate = plan.clone();
    candidate.heal -= earlier;
    candidate.end -= earlier;
    candidate.steps.iter_mut().for_each(|step| step.at -= earlier);
    Some(candidate)
}

/// All simplifications of one step.
pub const OF_A_STEP: &[fn(&What) -> Option<What>] =
    &[one_message, half_the_messages, once, no_point, usual_rooms, half_the_time, half_the_absence];

fn one_message(what: &What) -> Option<What> {
    let mut simpler = what.clone();
    match &mut simpler {
        What::Say { count, .. } if *count > 1 => *count = 1,
        _ => return None,
    }
    Some(simpler)
}

fn half_the_messages(what: &What) -> Option<What> {
    let mut simpler = what.clone();
    match &mut simpler {
        What::Say { count, .. } if *count > 1 => *count = count.div_ceil(2),
        _ => return None,
    }
    (simpler != *what).then_some(simpler)
}

/// One crash instead of several.
fn once(what: &What) -> Option<What> {
    match what {
        What::Crash(crash) if crash.times > 1 => Some(What::Crash(Crash { times: 1, up: 0, ..crash.clone() })),
        _ => None,
    }
}

/// A crash at once; `kill -9` instead of a power loss.
fn no_point(what: &What) -> Option<What> {
    match what {
        What::Crash(crash) if crash.power => Some(What::Crash(Crash { power: false, ..crash.clone() })),
        What::Crash(crash) if crash.point.is_some() => Some(What::Crash(Crash { point: None, ..crash.clone() })),
        _ => None,
    }
}

fn usual_rooms(what: &What) -> Option<What> {
    match what {
        What::Crash(crash) if !crash.rooms.is_empty() => {
            Some(What::Crash(Crash { rooms: Vec::new(), ..crash.clone() }))
        }
        _ => None,
    }
}

fn half_the_time(what: &What) -> Option<What> {
    let mut simpler = what.clone();
    match &mut simpler {
        What::Freeze { time, .. }
        | What::Disk { time, .. }
        | What::Screen { time, .. }
        | What::Block { time, .. }
        | What::Delay { time, .. }
        | What::Lose { time, .. }
            if *time > SHORT =>
        {
            *time /= 2;
        }
        _ => return None,
    }
    Some(simpler)
}

fn half_the_absence(what: &What) -> Option<What> {
    let mut simpler = what.clone();
    match &mut simpler {
        What::Crash(Crash { back: Some(back), .. })
        | What::Quit { back: Some(back), .. }
        | What::BrokerCrash { back, .. }
            if *back > SHORT =>
        {
            *back /= 2;
        }
        _ => return None,
    }
    Some(simpler)
}
