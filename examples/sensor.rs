//! A device in a chat: every few seconds it posts its reading to a room, and it obeys a word from there or from a direct
//! message.
//!
//!     cargo run --example sensor -- localhost --nick attic --room sensors
//!
//! `attic: now` reads at once, `attic: every 60` sets the seconds between readings, `attic: off` and `attic: on` say when
//! to be quiet. In a direct message the name can be left out.

use crossbeam_channel::{Receiver, after, never, select};
use mqttchat::client::member::Member;
use mqttchat::client::news::{News, Place, Said};
use mqttchat::protocol::RoomName;
use mqttchat::{options, signals};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    match join() {
        Ok((member, room, signals)) => report(&member, &room, &signals),
        Err(error) => {
            eprintln!("sensor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The member, its room for reports, and the channel that tells it to end.
fn join() -> Result<(Member, RoomName, Receiver<i32>), Box<dyn std::error::Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut options = options::of_a_member("sensor", &arguments)?;
    options.history = false;
    let named = options.rooms.first().cloned();
    let signals = signals::channel()?;
    // Join first: it explains an invalid name better.
    let member = Member::join(options)?;
    let room = named.map_or(Ok(RoomName::lobby()), |name| RoomName::choose(&name))?;
    Ok((member, room, signals))
}

fn report(member: &Member, room: &RoomName, signals: &Receiver<i32>) -> ExitCode {
    let mut every = Some(EVERY);
    let mut next = Instant::now() + EVERY;
    loop {
        let timer = every.map_or(never(), |_| after(next.saturating_duration_since(Instant::now())));
        select! {
            recv(signals) -> _ => return ExitCode::SUCCESS,
            recv(timer) -> _ => {
                member.say(room, &reading());
                next = Instant::now() + every.unwrap_or(EVERY);
            }
            recv(member.news()) -> news => match news {
                Ok(News::Said(said)) if !said.own && !said.history => {
                    if let Some(words) = order(member, &said) {
                        member.answer(&said, &obey(words, &mut every));
                        next = Instant::now() + every.unwrap_or(EVERY);
                    }
                }
                Ok(News::Connected { broker, .. }) => println!("sensor: connected to {broker}"),
                Ok(News::Error(text)) => eprintln!("sensor: {text}"),
                Ok(_) => {}
                Err(_) => return ExitCode::FAILURE,
            }
        }
    }
}

/// The words for this device.
fn order<'a>(member: &Member, said: &'a Said) -> Option<&'a str> {
    let spoken_to = said.text.strip_prefix(member.nick().as_str()).and_then(|rest| rest.strip_prefix([':', ',']));
    match said.place {
        Place::Direct(_) => Some(spoken_to.unwrap_or(&said.text).trim()),
        Place::Room(_) => spoken_to.map(str::trim),
    }
}

/// Obeys and reports it.
fn obey(words: &str, every: &mut Option<Duration>) -> String {
    match words.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["now"] => reading(),
        ["on"] => {
            *every = every.or(Some(EVERY));
            "reporting".to_owned()
        }
        ["off"] => {
            *every = None;
            "quiet".to_owned()
        }
        ["every", seconds] => match seconds.parse() {
            Ok(seconds @ 1..=86_400) => {
                *every = Some(Duration::from_secs(seconds));
                format!("reporting every {seconds} s")
            }
            _ => "every takes 1 to 86400 seconds".to_owned(),
        },
        _ => "I know: now, every SECONDS, on, off".to_owned(),
    }
}

/// What this machine can measure without a sensor: its load, and its temperature if it has one.
fn reading() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    match std::fs::read_to_string("/sys/class/thermal/thermal_zone0/temp").map(|text| text.trim().parse::<f64>()) {
        Ok(Ok(millidegrees)) => format!("load {load}, {:.1} °C", millidegrees / 1000.0),
        _ => format!("load {load}"),
    }
}
