//! What a run reached: which faults did something, and which parts of the programs took part. What few seeds reach is hardly
//! tested, so the totals name it.

use super::ledger::{Addressed, Fact, Ledger, Party, RunEnd, SenderNews};
use super::plan::{ClientKind, CrashPoint, Direction, DiskTrouble, Knowing, Plan, What};
use std::collections::BTreeSet;

/// Everything that a run can reach. `Ledger::reached` holds what cannot be told from the ledger afterwards.
pub const ALL: &[&str] = &[
    "a block in",
    "a block of both directions",
    "a block out",
    "a broker's duplicate",
    "a broker's lost will",
    "a broker's random loss",
    "a broker's session that was present",
    "a broker that drops beyond its queue",
    "a broker that refuses MQTT 5",
    "a client that dropped arrivals",
    "a client that ended because its nick was in use",
    "a client that found no broker",
    "a client without history",
    "a cluster",
    "a crash at before-commit",
    "a crash at before-keep",
    "a crash at before-print",
    "a crash at before-receipt",
    "a crash at before-remember",
    "a crash at before-tell",
    "a crash in a series",
    "a crash of a client",
    "a crash of a server",
    "a crash of the broker",
    "a cut",
    "a delay",
    "a direct message that waited",
    "a full disk",
    "a full disk that failed a client",
    "a gap",
    "a half-open connection known to the broker",
    "a half-open connection known to the program",
    "a json client",
    "a late message",
    "a library client",
    "a loss",
    "a message that was refused",
    "a new nick",
    "a page that was asked for",
    "a power loss of a client",
    "a power loss of a server",
    "a quit",
    "a receipt",
    "a restart of the broker from what it saved",
    "a rival that ended",
    "a rival that served",
    "a room that was joined",
    "a room that was left",
    "a search that was answered",
    "a sender",
    "a set clock",
    "a slow disk",
    "a start of somebody new",
    "a stray",
    "a takeover",
    "a will that came late or never",
    "an original client",
    "blocked output",
    "chatting without a server",
    "retention",
    "two devices of one person",
    "--memory",
    "--max-size",
];

/// What a step reaches if it does something.
pub fn of_step(what: &What, is_server: bool) -> Option<&'static str> {
    Some(match what {
        What::Crash(crash) if crash.power && is_server => "a power loss of a server",
        What::Crash(crash) if crash.power => "a power loss of a client",
        What::Crash(_) if is_server => "a crash of a server",
        What::Crash(_) => "a crash of a client",
        What::BrokerCrash { keeps: super::broker::Recovery::Saved, .. } => "a restart of the broker from what it saved",
        What::BrokerCrash { .. } => "a crash of the broker",
        What::Quit { .. } => "a quit",
        What::Start { .. } => "a start of somebody new",
        What::Clock { .. } => "a set clock",
        What::Disk { trouble: DiskTrouble::Full, .. } => "a full disk",
        What::Disk { trouble: DiskTrouble::Slow, .. } => "a slow disk",
        What::Screen { .. } => "blocked output",
        What::Cut { .. } => "a cut",
        What::Block { direction: Direction::In, .. } => "a block in",
        What::Block { direction: Direction::Out, .. } => "a block out",
        What::Block { direction: Direction::Both, .. } => "a block of both directions",
        What::HalfOpen { known_to: Knowing::Broker, .. } => "a half-open connection known to the broker",
        What::HalfOpen { known_to: Knowing::Program, .. } => "a half-open connection known to the program",
        What::Delay { .. } => "a delay",
        What::Lose { .. } => "a loss",
        What::Will { .. } => "a will that came late or never",
        What::Takeover { .. } => "a takeover",
        What::Stray(_) => "a stray",
        What::Join { .. } => "a room that was joined",
        _ => return None,
    })
}

pub fn of_point(point: CrashPoint) -> &'static str {
    match point {
        CrashPoint::BeforePrint => "a crash at before-print",
        CrashPoint::BeforeRemember => "a crash at before-remember",
        CrashPoint::BeforeReceipt => "a crash at before-receipt",
        CrashPoint::BeforeKeep => "a crash at before-keep",
        CrashPoint::BeforeCommit => "a crash at before-commit",
        CrashPoint::BeforeTell => "a crash at before-tell",
    }
}

/// Everything that a run of this plan reached.
pub fn of_run(plan: &Plan, ledger: &Ledger) -> BTreeSet<&'static str> {
    let mut reached = ledger.reached.clone();
    let mut note = |is_reached: bool, what| _ = is_reached.then(|| reached.insert(what));
    let runs = |party: Party| ledger.runs.iter().any(|run| run.party == party);
    for (number, client) in plan.clients.iter().enumerate().filter(|(number, _)| runs(Party::Client(*number))) {
        note(client.kind == ClientKind::Json, "a json client");
        note(client.kind == ClientKind::Library, "a library client");
        note(client.kind == ClientKind::Sender, "a sender");
        note(client.kind == ClientKind::Original, "an original client");
        note(!client.history, "a client without history");
        note(plan.clients[..number].iter().any(|other| other.nick == client.nick), "two devices of one person");
    }
    note(plan.servers.first().is_some_and(|server| server.memory), "--memory");
    note(plan.servers.first().is_some_and(|server| server.max_size_kb > 0), "--max-size");
    note(plan.servers.is_empty(), "chatting without a server");
    note(plan.broker.cluster.nodes > 1, "a cluster");
    for run in &ledger.runs {
        match &run.ended {
            Some((_, RunEnd::NickInUse)) => note(true, "a client that ended because its nick was in use"),
            Some((_, RunEnd::NoBroker)) => note(true, "a client that found no broker"),
            Some((_, RunEnd::Rival)) => note(true, "a rival that ended"),
            _ => {}
        }
    }
    for (_, fact) in &ledger.facts {
        match fact {
            Fact::Told { news: SenderNews::Waiting, .. } => note(true, "a direct message that waited"),
            Fact::Told { news: SenderNews::Delivered, .. } => note(true, "a receipt"),
            Fact::Told { news: SenderNews::Refused, .. } => note(true, "a message that was refused"),
            Fact::Shown { how, .. } => {
                note(how.late, "a late message");
                note(how.asked, "a page that was asked for");
            }
            Fact::Gap { .. } => note(true, "a gap"),
            Fact::LeftRoom { .. } => note(true, "a room that was left"),
            Fact::Removed { number, .. } => {
                note(matches!(ledger.messages[*number].to, Addressed::Room(_)), "retention");
            }
            Fact::Connected { run } => {
                note(matches!(ledger.runs[*run].party, Party::Server(server) if server > 0), "a rival that served");
            }
            _ => {}
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_reached_is_known() {
        let plan = super::super::faults::draw(3);
        let mut ledger = Ledger::default();
        ledger.reached.insert("a cut");
        ledger.run_started(Duration::ZERO, Party::Client(0));
        ledger.note(Duration::ZERO, Fact::Gap { run: 0, room: "red".to_owned() });
        let reached = of_run(&plan, &ledger);
        assert!(reached.contains("a cut") && reached.contains("a gap"), "{reached:?}");
        assert!(reached.iter().all(|what| ALL.contains(what)), "{reached:?}");
    }
}
