//! The text form of a plan: comments, a line for each participant, a line for each step. Defaults are left out.
//!
//! ```text
//! # Found: a receiver that stood still while the server restarted never asked for what it had missed.
//! seed 7
//! broker queue=10
//! server main
//! client ann
//! client bob rooms=red
//! at 20000 freeze bob for=6000
//! at 20200 crash main back=500
//! at 20300 say ann lobby times=60
//! at 30000 heal
//! at 90000 end
//! ```

use super::check::check;
use super::line::{PlanLine, Word};
use super::{
    ClientKind, ClientTraits, Crash, Direction, DiskTrouble, KEEP_ALIVE_S, Knowing, Ms, Plan, PlanStep, SaidTo,
    ServerTraits, Stray, What,
};
use crate::simulation::broker::Recovery;
use crate::simulation::broker::manners::Manners;
use crate::simulation::network::Latency;
use std::fmt::{self, Display};

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{}", format!("# {note}").trim_end())?;
        }
        writeln!(f, "seed {}", self.seed)?;
        let mut put = |head: &str, describe: &mut dyn FnMut(&mut PlanLine)| {
            let mut line = PlanLine::to_write();
            describe(&mut line);
            writeln!(f, "{}", format!("{head} {}", line.into_text()).trim_end())
        };
        put("broker", &mut |line| broker(line, &mut self.broker.clone()))?;
        put("network", &mut |line| network(line, &mut self.latency.clone(), &mut self.keep_alive_s.clone()))?;
        for one in &self.servers {
            put("server", &mut |line| server(line, &mut one.clone()))?;
        }
        for one in &self.clients {
            put("client", &mut |line| client(line, &mut one.clone()))?;
        }
        for step in &self.steps {
            put(&format!("at {} {}", step.at, verb(&step.what)), &mut |line| what(line, &mut step.what.clone()))?;
        }
        writeln!(f, "at {} heal", self.heal)?;
        writeln!(f, "at {} end", self.end)
    }
}

/// Reads a plan.
///
/// # Errors
/// Names the line that is wrong, and why.
pub fn parse(text: &str) -> Result<Plan, String> {
    let mut plan = Plan {
        notes: Vec::new(),
        seed: 0,
        broker: Manners::good(),
        latency: Latency::LOCAL,
        keep_alive_s: KEEP_ALIVE_S,
        servers: Vec::new(),
        clients: Vec::new(),
        steps: Vec::new(),
        heal: Ms::MAX,
        end: 0,
    };
    for (number, line) in text.lines().enumerate() {
        read(&mut plan, line.trim()).map_err(|trouble| format!("line {}: {trouble}", number + 1))?;
    }
    check(&plan)?;
    plan.sort();
    Ok(plan)
}

fn read(plan: &mut Plan, text: &str) -> Result<(), String> {
    if let Some(note) = text.strip_prefix('#') {
        plan.notes.push(note.trim().to_owned());
        return Ok(());
    }
    let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut line = PlanLine::to_read(rest);
    match head {
        "" => {}
        "seed" => line.word(&mut plan.seed),
        "broker" => broker(&mut line, &mut plan.broker),
        "network" => network(&mut line, &mut plan.latency, &mut plan.keep_alive_s),
        "server" => {
            let mut one = ServerTraits::new("");
            server(&mut line, &mut one);
            plan.servers.push(one);
        }
        "client" => {
            let mut one = ClientTraits::new("");
            client(&mut line, &mut one);
            plan.clients.push(one);
        }
        "at" => {
            let (mut at, mut verb) = (0, String::new());
            line.word(&mut at);
            line.word(&mut verb);
            match (verb.as_str(), blank(&verb)) {
                ("heal", _) => plan.heal = at,
                ("end", _) => plan.end = at,
                (_, Some(mut step)) => {
                    what(&mut line, &mut step);
                    plan.push(at, step);
                }
                // The missing word is reported below.
                ("", None) => {}
                (_, None) => return Err(format!("there is no step {verb:?}")),
            }
        }
        _ => return Err(format!("a line cannot begin with {head:?}")),
    }
    line.finish()
}

/// Times are in microseconds here, as in [`Manners`] and [`Latency`].
fn broker(line: &mut PlanLine, it: &mut Manners) {
    let usual = Manners::good();
    line.key("speaks", &mut it.speaks, &usual.speaks);
    line.key("queue", &mut it.queue, &usual.queue);
    line.key("window", &mut it.window, &usual.window);
    line.key("keeps-sessions", &mut it.keeps_sessions, &usual.keeps_sessions);
    line.key("keeps-retained", &mut it.keeps_retained, &usual.keeps_retained);
    line.key("will-delay", &mut it.will_delay, &usual.will_delay);
    line.key("wills-outlast-return", &mut it.wills_outlast_return, &usual.wills_outlast_return);
    line.key("wills-after-restart", &mut it.wills_after_restart, &usual.wills_after_restart);
    line.key("lost-wills", &mut it.lost_wills, &usual.lost_wills);
    line.key("duplicates", &mut it.duplicates, &usual.duplicates);
    line.key("losses", &mut it.losses, &usual.losses);
    line.key("repeats-overlaps", &mut it.repeats_overlaps, &usual.repeats_overlaps);
    line.key("early-retained", &mut it.early_retained, &usual.early_retained);
    line.key("max-packet", &mut it.max_packet, &usual.max_packet);
    line.key("closed-filters", &mut it.closed_filters, &usual.closed_filters);
    line.key("closed-topics", &mut it.closed_topics, &usual.closed_topics);
    line.key("nodes", &mut it.cluster.nodes, &usual.cluster.nodes);
    line.key("node-delay", &mut it.cluster.delay, &usual.cluster.delay);
    line.key("reorders-topics", &mut it.cluster.reorders_topics, &usual.cluster.reorders_topics);
}

fn network(line: &mut PlanLine, latency: &mut Latency, keep_alive_s: &mut u32) {
    let usual = Latency::LOCAL;
    line.key("least", &mut latency.least, &usual.least);
    line.key("most", &mut latency.most, &usual.most);
    line.key("hiccups", &mut latency.hiccups, &usual.hiccups);
    line.key("keep-alive", keep_alive_s, &KEEP_ALIVE_S);
}

fn server(line: &mut PlanLine, it: &mut ServerTraits) {
    let usual = ServerTraits::new("");
    line.word(&mut it.name);
    line.key("memory", &mut it.memory, &usual.memory);
    line.key("timeout", &mut it.timeout_s, &usual.timeout_s);
    line.key("retention", &mut it.retention_s, &usual.retention_s);
    line.key("max-size", &mut it.max_size_kb, &usual.max_size_kb);
    line.key("starts", &mut it.starts, &usual.starts);
}

fn client(line: &mut PlanLine, it: &mut ClientTraits) {
    line.word(&mut it.name);
    let usual = ClientTraits::new(&it.name);
    if it.nick.is_empty() {
        it.nick.clone_from(&it.name);
    }
    line.key("nick", &mut it.nick, &usual.nick);
    line.key("kind", &mut it.kind, &ClientKind::Member);
    line.key("memory", &mut it.memory, &usual.memory);
    line.key("outbox", &mut it.outbox, &usual.outbox);
    line.key("history", &mut it.history, &usual.history);
    line.key("rooms", &mut it.rooms, &usual.rooms);
    line.key("starts", &mut it.starts, &usual.starts);
}

fn verb(what: &What) -> &'static str {
    match what {
        What::Say { to: SaidTo::Room(_), .. } => "say",
        What::Say { to: SaidTo::Client(_), .. } => "tell",
        What::Nick { .. } => "nick",
        What::Join { .. } => "join",
        What::Part { .. } => "part",
        What::Page { .. } => "page",
        What::Search { .. } => "search",
        What::Quit { .. } => "quit",
        What::Start { .. } => "start",
        What::Crash(Crash { power: false, .. }) => "crash",
        What::Crash(_) => "power-loss",
        What::Save => "broker-saves",
        What::BrokerCrash { .. } => "broker-crash",
        What::Freeze { .. } => "freeze",
        What::Clock { .. } => "clock",
        What::Disk { .. } => "disk",
        What::Screen { .. } => "screen",
        What::Cut { .. } => "cut",
        What::Block { .. } => "block",
        What::HalfOpen { .. } => "half-open",
        What::Delay { .. } => "delay",
        What::Lose { .. } => "lose",
        What::Will { .. } => "will",
        What::Takeover { .. } => "takeover",
        What::Stray(_) => "stray",
    }
}

/// A step of this verb with empty fields.
fn blank(verb: &str) -> Option<What> {
    let who = String::new();
    let (time, room) = (0, String::new());
    Some(match verb {
        "say" => What::Say { who, to: SaidTo::Room(room), count: 1 },
        "tell" => What::Say { who, to: SaidTo::Client(String::new()), count: 1 },
        "nick" => What::Nick { who, nick: String::new() },
        "join" => What::Join { who, room },
        "part" => What::Part { who, room },
        "page" => What::Page { who, room },
        "search" => What::Search { who, word: String::new() },
        "quit" => What::Quit { who, back: None },
        "start" => What::Start { who, rooms: Vec::new() },
        "crash" => What::Crash(Crash { back: None, ..Crash::of("") }),
        "power-loss" => What::Crash(Crash { power: true, back: None, ..Crash::of("") }),
        "broker-saves" => What::Save,
        "broker-crash" => What::BrokerCrash { keeps: Recovery::Everything, back: time },
        "freeze" => What::Freeze { who, time },
        "clock" => What::Clock { who, by_s: 0 },
        "disk" => What::Disk { who, trouble: DiskTrouble::Full, time },
        "screen" => What::Screen { who, time },
        "cut" => What::Cut { who },
        "block" => What::Block { who, direction: Direction::Both, time },
        "half-open" => What::HalfOpen { who, known_to: Knowing::Broker },
        "delay" => What::Delay { who, by: 0, time },
        "lose" => What::Lose { who, percent: 0, time },
        "will" => What::Will { who, late: None },
        "takeover" => What::Takeover { who },
        "stray" => What::Stray(Stray::Garbage),
        _ => return None,
    })
}

fn what(line: &mut PlanLine, it: &mut What) {
    match it {
        What::Say { who, to, count } => {
            line.word(who);
            match to {
                SaidTo::Room(room) => line.word(room),
                SaidTo::Client(name) => line.word(name),
            }
            line.key("times", count, &1);
        }
        What::Nick { who, nick: word }
        | What::Join { who, room: word }
        | What::Part { who, room: word }
        | What::Page { who, room: word }
        | What::Search { who, word } => {
            line.word(who);
            line.word(word);
        }
        What::Quit { who, back } => {
            line.word(who);
            line.maybe("back", back);
        }
        What::Start { who, rooms } => {
            line.word(who);
            line.key("rooms", rooms, &Vec::new());
        }
        What::Crash(crash) => {
            line.word(&mut crash.who);
            line.maybe("at", &mut crash.point);
            line.maybe("back", &mut crash.back);
            line.key("times", &mut crash.times, &1);
            line.key("up", &mut crash.up, &0);
            line.key("rooms", &mut crash.rooms, &Vec::new());
        }
        What::Save => {}
        What::BrokerCrash { keeps, back } => {
            line.key("keeps", keeps, &Recovery::Everything);
            line.key("back", back, &0);
        }
        What::Freeze { who, time } | What::Screen { who, time } => timed(line, who, time),
        What::Clock { who, by_s } => {
            line.word(who);
            line.key("by", by_s, &0);
        }
        What::Disk { who, trouble, time } => kind_of(line, who, trouble, time),
        What::Block { who, direction, time } => kind_of(line, who, direction, time),
        What::Cut { who } | What::Takeover { who } => line.word(who),
        What::HalfOpen { who, known_to } => {
            line.word(who);
            line.key("known-to", known_to, &Knowing::Broker);
        }
        What::Delay { who, by, time } => {
            timed(line, who, time);
            line.key("by", by, &0);
        }
        What::Lose { who, percent, time } => {
            timed(line, who, time);
            line.key("percent", percent, &0);
        }
        What::Will { who, late } => {
            line.word(who);
            line.maybe("late", late);
        }
        What::Stray(stray) => line.word(stray),
    }
}

fn timed(line: &mut PlanLine, who: &mut String, time: &mut Ms) {
    line.word(who);
    line.key("for", time, &0);
}

fn kind_of<T: Word>(line: &mut PlanLine, who: &mut String, kind: &mut T, time: &mut Ms) {
    line.word(who);
    line.word(kind);
    line.key("for", time, &0);
}

/// The step's line, without its time.
impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = PlanLine::to_write();
        what(&mut line, &mut self.clone());
        f.write_str(format!("{} {}", verb(self), line.into_text()).trim_end())
    }
}

impl Display for PlanStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} {}", self.at, self.what)
    }
}
