//! What `--print-config` prints: the value of every option of a subcommand, and its source. Never a password.

use super::Connection;
use super::address::Named;
use super::broker;
use super::given::{Given, Item, LeftOut};
use super::table::{Flag, Subcommand};

/// Printed in place of a password.
const HIDDEN: &str = "(hidden)";
/// The column of the origin.
const INDENT: usize = 40;

/// A line for each option that an option file may contain. `connection` is the result of the options that name a broker
/// and log in, because one of them may set several values.
pub(super) fn config(subcommand: Subcommand, given: &Given, connection: Option<&Connection>) -> String {
    let mut text = String::new();
    let connected = connection.zip(Named::find(given).ok());
    for group in subcommand.groups().filter(|group| group.in_file) {
        for flag in group.flags {
            match connected.as_ref().and_then(|(connection, named)| of_broker(flag, given, connection, named)) {
                Some((value, origin)) => line(&mut text, flag, &value, &origin),
                None => option(&mut text, flag, given),
            }
            for LeftOut { level, item, broker } in given.left_out.iter().filter(|out| out.item.flag.long == flag.long) {
                line(
                    &mut text,
                    flag,
                    &printable(item),
                    &format!("not used, it is for {broker}: {}", origin(*level, item)),
                );
            }
        }
    }
    text
}

fn option(text: &mut String, flag: &'static Flag, given: &Given) {
    let all = given.levels.iter().map(|level| level.items().iter().filter(|item| item.flag.long == flag.long));
    let items = all.map(Iterator::collect::<Vec<&Item>>).enumerate().find(|(_, items)| !items.is_empty());
    let Some((level, items)) = items else {
        let default = match (flag.default, flag.is_switch()) {
            ("", true) => "default: off".to_owned(),
            ("", false) => "not given".to_owned(),
            (default, _) => format!("default: {default}"),
        };
        return line(text, flag, "", &default);
    };
    for item in items {
        // These also arrive here if another option overrides them.
        let not_used = if matches!(flag.long, "url" | "password" | "password-file") { "not used: " } else { "" };
        line(text, flag, &printable(item), &format!("{not_used}{}", origin(level, item)));
    }
}

/// Value and origin of what an address may set too: broker, port, login, TLS.
fn of_broker(flag: &Flag, given: &Given, connection: &Connection, named: &Named) -> Option<(String, String)> {
    let settings = &connection.settings;
    let host = || match named.item(given) {
        Some((level, item)) => origin(level, item),
        None if named.is_default() => "default".to_owned(),
        None => "command line: BROKER".to_owned(),
    };
    // The first level that has either decides between an address and an option.
    let or_address = |long: &str, in_address: bool| {
        given.levels.iter().enumerate().find_map(|(level, options)| match options.item(long) {
            Some(item) => Some(origin(level, item)),
            None => named.at(level).filter(|_| in_address).map(|_| host()),
        })
    };
    match flag.long {
        "host" => Some((settings.address.host.clone(), host())),
        "port" => {
            let is_of_scheme = named.broker.port.is_none() && named.broker.scheme.is_some();
            let origin = match or_address("port", named.broker.port.is_some() || is_of_scheme) {
                Some(origin) if !is_of_scheme => origin,
                _ => "default".to_owned(),
            };
            Some((settings.address.port.to_string(), origin))
        }
        "url" => {
            let (level, item) = named.item(given).filter(|(_, item)| item.flag.long == "url")?;
            Some((printable(item), origin(level, item)))
        }
        "username" => {
            let origin = or_address("username", named.broker.username.is_some())?;
            Some((settings.username.clone()?, origin))
        }
        // The first level that has either decides between these two.
        "password" | "password-file" => {
            settings.password.as_ref()?;
            let (level, item) = given.levels.iter().enumerate().find_map(|(level, options)| {
                let here = options.item("password").or(options.item("password-file"));
                let in_address = named.at(level).filter(|broker| broker.password.is_some());
                here.map(Some).or(in_address.map(|_| None)).map(|item| (level, item))
            })?;
            match item {
                Some(item) if item.flag.long == flag.long => Some((printable(item), origin(level, item))),
                None if flag.long == "password" => Some((HIDDEN.to_owned(), host())),
                _ => None,
            }
        }
        "tls" if settings.tls.is_some() && given.item("tls").is_none() => {
            Some((String::new(), "default: on with this broker, or these files".to_owned()))
        }
        _ => None,
    }
}

fn origin(level: usize, item: &Item) -> String {
    match level {
        0 => "command line".to_owned(),
        1 => format!("environment: {}", item.flag.variable),
        _ => format!("option file: {}", item.origin.trim_end_matches(&format!(": --{}", item.flag.long))),
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
