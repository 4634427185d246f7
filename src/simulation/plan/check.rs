//! What no single line of a plan shows: unique and known names, times, and limits without which a run has no end in sight.

use super::{BROKER, Ms, Plan, SaidTo, What};
use crate::protocol::{Nick, RoomName};

/// A day.
const LONGEST_MS: Ms = 24 * 3_600_000;
const MOST_PARTICIPANTS: usize = 100;
const MOST_MESSAGES: u64 = 100_000;
const MOST_NODES: u64 = 100;
/// All jumps of all clocks together: a hundred years, which every clock can show.
const FURTHEST_CLOCK_S: u64 = 100 * 365 * 86_400;

/// Checks a plan whose lines were read.
pub fn check(plan: &Plan) -> Result<(), String> {
    if plan.heal > plan.end {
        return Err("a plan has a line `at MS heal`, and after it one `at MS end`".to_owned());
    }
    limits(plan)?;
    let names = || plan.servers.iter().map(|server| &server.name).chain(plan.clients.iter().map(|client| &client.name));
    for (at, name) in names().enumerate() {
        if name == BROKER || names().take(at).any(|other| other == name) {
            return Err(format!("there are two called {name:?}"));
        }
    }
    for client in &plan.clients {
        let trouble = nick(&client.nick).and_then(|()| rooms(&client.rooms));
        trouble.map_err(|trouble| format!("client {}: {trouble}", client.name))?;
    }
    for step in &plan.steps {
        for name in step.what.names() {
            if name != BROKER && !names().any(|known| known == name) {
                return Err(format!("at {}: nobody is called {name:?}", step.at));
            }
        }
        said(&step.what).map_err(|trouble| format!("at {}: {trouble}", step.at))?;
    }
    Ok(())
}

fn limits(plan: &Plan) -> Result<(), String> {
    let most = |what: &str, limit: u64| Err(format!("a plan has at most {limit} {what}"));
    if plan.end > LONGEST_MS {
        return most("milliseconds", LONGEST_MS);
    }
    if plan.servers.len() + plan.clients.len() > MOST_PARTICIPANTS {
        return most("participants", MOST_PARTICIPANTS as u64);
    }
    if plan.broker.cluster.nodes > MOST_NODES {
        return most("nodes of the broker", MOST_NODES);
    }
    let (mut messages, mut seconds) = (0_u64, 0_u64);
    for step in &plan.steps {
        match &step.what {
            What::Say { count, .. } => messages += u64::from(*count),
            What::Clock { by_s, .. } => seconds = seconds.saturating_add(by_s.unsigned_abs()),
            _ => {}
        }
    }
    if messages > MOST_MESSAGES {
        return most("messages", MOST_MESSAGES);
    }
    if seconds > FURTHEST_CLOCK_S {
        return most("seconds in the jumps of its clocks", FURTHEST_CLOCK_S);
    }
    Ok(())
}

/// The nicks and rooms of a step.
fn said(what: &What) -> Result<(), String> {
    match what {
        What::Nick { nick: name, .. } => nick(name),
        What::Say { to: SaidTo::Room(room), .. }
        | What::Join { room, .. }
        | What::Part { room, .. }
        | What::Page { room, .. } => rooms(std::slice::from_ref(room)),
        What::Start { rooms: names, .. } => rooms(names),
        What::Crash(crash) => rooms(&crash.rooms),
        _ => Ok(()),
    }
}

fn nick(name: &str) -> Result<(), String> {
    Nick::parse(name).map(drop).map_err(|error| format!("nick {name:?}: {error}"))
}

fn rooms(names: &[String]) -> Result<(), String> {
    names.iter().try_for_each(|name| RoomName::parse(name).map(drop).map_err(|error| format!("room {name:?}: {error}")))
}
