//! What `--print-config` prints: the value of every option of a subcommand, and its source. Never a password.

use super::Connection;
use super::given::{Given, Item, LeftOut};
use super::table::{Flag, Subcommand};
use super::{address, broker};

/// Printed in place of a password.
const HIDDEN: &str = "(hidden)";
/// The column of the origin.
const INDENT: usize = 40;

/// A line for each option that an option file may contain. `connection` is the result of the options that name a broker
/// and log in, because one of them may set several values.
pub(super) fn config(subcommand: Subcommand, given: &Given, connection: Option<&Connection>) -> String {
    let mut text = String::new();
    for flag in subcommand.groups().filter(|group| group.in_file).flat_map(|group| group.flags) {
        match connection.and_then(|connection| of_broker(flag, given, connection)) {
            Some((value, origin)) => line(&mut text, flag, &value, &origin),
            None => option(&mut text, flag, given),
        }
        for LeftOut { item, broker } in given.left_out.iter().filter(|out| out.item.flag.long == flag.long) {
            let origin = format!("not used, it is for {broker}: {}", item.source());
            line(&mut text, flag, &printable(item), &origin);
        }
    }
    text
}

fn option(text: &mut String, flag: &Flag, given: &Given) {
    for item in given.items(flag.long) {
        // These also arrive here if another option overrides them.
        let not_used = if matches!(flag.long, "url" | "password" | "password-file") { "not used: " } else { "" };
        line(text, flag, &printable(item), &format!("{not_used}{}", item.source()));
    }
    if !given.is_on(flag.long) {
        let default = match (flag.default, flag.is_switch()) {
            ("", true) => "default: off".to_owned(),
            ("", false) => "not given".to_owned(),
            (default, _) => format!("default: {default}"),
        };
        line(text, flag, "", &default);
    }
}

/// The value and its source, if they are not those of the option itself: another option or a URL set them.
fn of_broker(flag: &Flag, given: &Given, connection: &Connection) -> Option<(String, String)> {
    let settings = &connection.settings;
    let printed = |item: &Item| (printable(item), item.source());
    let named = given.named.map(|level| &given.levels[level]);
    match flag.long {
        "host" => {
            let item = named.map(|level| level.item("url").or(level.item("host")));
            let origin =
                item.map_or("default".to_owned(), |item| item.map_or("command line: BROKER".to_owned(), Item::source));
            Some((settings.address.host.clone(), origin))
        }
        "port" => {
            let origin = address::port(given).map_or("default".to_owned(), Item::source);
            Some((settings.address.port.to_string(), origin))
        }
        "url" => named?.item("url").map(printed),
        // The first level that has either decides between these two.
        "password" | "password-file" => {
            settings.password.as_ref()?;
            let item = given.one_of(&["password", "password-file"]).ok()??;
            (item.flag.long == flag.long).then(|| printed(item))
        }
        "tls" if settings.tls.is_some() && !given.is_on("tls") => {
            Some((String::new(), "default: on with this broker, or these files".to_owned()))
        }
        _ => None,
    }
}

fn line(text: &mut String, flag: &Flag, value: &str, origin: &str) {
    let option = format!("--{} {value}", flag.long);
    text.push_str(&format!("{:<INDENT$} {origin}\n", option.trim_end()));
}

/// An option's value without a password.
fn printable(item: &Item) -> String {
    match item.flag.long {
        "password" => HIDDEN.to_owned(),
        "url" => without_password(&item.value),
        _ => item.value.clone(),
    }
}

/// `mqtt://alice:secret@host` with its password hidden.
fn without_password(url: &str) -> String {
    let parts = broker::split_login(url).and_then(|(scheme, login, address)| {
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}{user}:{HIDDEN}@{address}"))
    });
    parts.unwrap_or_else(|| url.to_owned())
}
