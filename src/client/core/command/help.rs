//! The texts of `/help`, from the table of commands.

use super::table::{CommandEntry, TABLE};

/// The lines of `/help`.
pub fn help() -> Vec<String> {
    list().into_iter().map(|(usage, help)| format!("{usage:<18}{help}")).collect()
}

/// Each command with its arguments, and what it does, for the manual page.
pub fn list() -> Vec<(String, String)> {
    let entries = TABLE.iter().map(|entry| (entry.usage(), format!("{}{}", entry.help, also(entry))));
    entries.chain([("//text".to_owned(), "send text that begins with /".to_owned())]).collect()
}

/// The lines of `/help COMMAND`.
pub fn help_on(name: &str) -> Vec<String> {
    let Some(entry) = TABLE.iter().find(|entry| entry.name == name) else { return Vec::new() };
    let first = format!("{}: {}{}", entry.usage(), entry.help, also(entry));
    let limits = Some(entry.limits).filter(|limits| !limits.is_empty());
    std::iter::once(first).chain(entry.details.iter().copied().chain(limits).map(str::to_owned)).collect()
}

fn also(entry: &CommandEntry) -> String {
    match entry.alias {
        "" => String::new(),
        alias => format!(" (also /{alias})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::{NAME_CHARS, PAGE_MESSAGES};

    /// Of a terminal, and of what stands before each of its lines.
    const WIDTH: usize = 80 - "-- ".len();

    #[test]
    fn every_command_is_in_it_on_a_line_that_fits() {
        let lines = help();
        for entry in TABLE {
            assert!(lines.iter().any(|line| line.starts_with(&entry.usage())), "{}", entry.name);
            let about = help_on(entry.name);
            assert!(about[0].starts_with(&entry.usage()), "{about:?}");
            assert!(about.iter().all(|line| line.chars().count() <= WIDTH), "{about:#?}");
        }
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
        assert!(lines.len() < 24, "it fits on a screen");
        assert!(help_on("no such").is_empty());
    }

    #[test]
    fn its_numbers_are_the_limits() {
        let last = |name| help_on(name).pop().unwrap();
        assert_eq!(last("history"), format!("N is 1 to {PAGE_MESSAGES}"));
        assert!(last("nick").contains(&format!("1 to {NAME_CHARS} letters")));
        assert!(last("join").contains(&format!("1 to {NAME_CHARS} of")));
    }
}
