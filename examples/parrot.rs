//! A bot that answers: it greets who joins, repeats what is said to it, and knows a few words.
//!
//!     cargo run --example parrot -- localhost            # takes every option of `mqttchat client`
//!
//! Its nick is parrot, or what `--nick` says on the command line; it never takes yours from the option file.
//! Say something in the lobby or tell it something with `/msg parrot …`; `parrot: help` lists what it knows.

use crossbeam_channel::{Receiver, select};
use mqttchat::client::member::Member;
use mqttchat::client::news::{News, Place, Said};
use mqttchat::protocol::{NoticeKind, RoomName};
use mqttchat::{options, signals};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    match join() {
        Ok((member, signals)) => talk(&member, &signals),
        Err(error) => {
            eprintln!("parrot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn join() -> Result<(Member, Receiver<i32>), Box<dyn std::error::Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let options = options::of_a_member("parrot", &arguments)?;
    let signals = signals::channel()?;
    Ok((Member::join(options)?, signals))
}

/// Runs until a signal, or until the member's news end, which means a failure.
fn talk(member: &Member, signals: &Receiver<i32>) -> ExitCode {
    loop {
        select! {
            recv(signals) -> _ => return ExitCode::SUCCESS,
            recv(member.news()) -> news => match news {
                Ok(news) => hear(member, news),
                Err(_) => return ExitCode::FAILURE,
            }
        }
    }
}

fn hear(member: &Member, news: News) {
    match news {
        News::Connected { broker, .. } => println!("parrot: connected to {broker}"),
        News::Presence(notice) if notice.kind == NoticeKind::Join => {
            let welcome = format!("welcome, {}! say something, or try: {}: help", notice.nick, member.nick());
            member.say(&RoomName::lobby(), &welcome);
        }
        News::Said(said) if !said.own && !said.history => answer(member, &said),
        News::Error(text) => eprintln!("parrot: {text}"),
        _ => {}
    }
}

fn answer(member: &Member, said: &Said) {
    let name = member.nick().as_str();
    let spoken_to = said.text.strip_prefix(name).and_then(|rest| rest.strip_prefix([':', ',']));
    let text = match (&said.place, spoken_to) {
        (Place::Direct(_), rest) => rest.unwrap_or(&said.text),
        (Place::Room(_), Some(rest)) => rest,
        // It repeats room messages, except those for somebody else, such as another bot.
        (Place::Room(_), None) if said.text.split_once(": ").is_some() => return,
        (Place::Room(_), None) => &said.text,
    };
    member.answer(said, &reply(text, said));
}

/// Ends in a way that no parrot repeats; otherwise two of them would never stop.
fn reply(text: &str, said: &Said) -> String {
    match text.trim().to_lowercase().as_str() {
        "help" => format!("{}: I know help, who, time, and how to repeat what you say", said.nick),
        "who" => format!("{}: I am the example bot of mqttchat, examples/parrot.rs", said.nick),
        "time" => format!("{}: your message says {}", said.nick, said.at.format("%H:%M:%S")),
        _ => format!("{}: {}! squawk!", said.nick, text.trim()),
    }
}
