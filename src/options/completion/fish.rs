//! The completion for fish, one line per option.

use super::{Completes, argument, first_words, operand, second_words};
use crate::options::table::{Flag, Subcommand};

pub(super) fn script() -> String {
    let mut text = String::from(
        "# fish completion for mqttchat, printed by `mqttchat completion fish`.\n\ncomplete -c mqttchat -f\n\
         complete -c mqttchat -n __fish_use_subcommand -l help -d 'print everything there is'\n\
         complete -c mqttchat -n __fish_use_subcommand -l version -d 'print the version'\n",
    );
    for (name, summary) in first_words() {
        let summary = quoted(summary);
        text.push_str(&format!("complete -c mqttchat -n __fish_use_subcommand -a {name} -d '{summary}'\n"));
    }
    for (name, words) in second_words() {
        text.push_str(&format!("complete -c mqttchat -n '__fish_seen_subcommand_from {name}' -a '{words}'\n"));
    }
    for subcommand in Subcommand::ALL {
        // `help client` is about the subcommand after it.
        let begin = format!(
            "complete -c mqttchat -n '__fish_seen_subcommand_from {}; and not __fish_seen_subcommand_from help'",
            subcommand.name()
        );
        match operand(subcommand) {
            Completes::Host => text.push_str(&format!("{begin} -a '(__fish_print_hostnames)'\n")),
            Completes::File => text.push_str(&format!("{begin} -F\n")),
            _ => {}
        }
        for flag in subcommand.flags() {
            text.push_str(&format!("{begin}{}\n", option(flag)));
        }
    }
    text
}

fn option(flag: &Flag) -> String {
    let short = if flag.short.is_empty() { String::new() } else { format!(" -s {}", flag.short) };
    let argument = match argument(flag) {
        Completes::Nothing => String::new(),
        Completes::Words(words) => format!(" -x -a '{}'", words.join(" ")),
        Completes::Host => " -x -a '(__fish_print_hostnames)'".to_owned(),
        Completes::File => " -r -F".to_owned(),
        Completes::Folder => " -x -a '(__fish_complete_directories)'".to_owned(),
        Completes::Anything => " -x".to_owned(),
    };
    format!("{short} -l {}{argument} -d '{}'", flag.long, quoted(flag.help))
}

/// For within single quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
