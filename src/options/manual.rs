//! The manual page mqttchat(1), generated from the table, in the macros of man(7).

use super::completion::{OTHERS, first_words};
use super::help::{BROKER, EXIT_CODES, ORDER, explanation};
use super::table::{Flag, GROUPS, Group, Subcommand};

/// A command on the client's terminal with its arguments, and what it does.
pub type CommandLine = (String, String);

const DESCRIPTION: &str = "\
mqttchat is a chat over an existing MQTT broker. The server keeps presence and history. People type into the client, and
programs send and receive with it. The broker routes between them.

On a terminal the client is a chat: it sends lines as messages, and takes lines that begin with / as commands. With -m, or
with input from a pipe, it is a sender: every line is a message, and it ends when all are stored. With --listen it stays
and prints one message per line. With --json it reads and writes one JSON object per line, for programs.";

const TLS: &str = "\
TLS is on for mqtts and wss, for port 8883, and with any of --cafile, --capath and --cert; it checks the certificate's
chain and host name.";

const FILES: [(&str, &str); 3] = [
    ("$XDG_CONFIG_HOME/mqttchat, else ~/.config/mqttchat", "the option file"),
    (
        "$XDG_STATE_HOME/mqttchat, else ~/.local/state/mqttchat",
        "the folder of the client's memory (client.state) and of a server's history ({topic-root}.db)",
    ),
    ("$STATE_DIRECTORY", "the folder of a server that systemd starts"),
];

const EXAMPLES: [(&str, &str); 5] = [
    ("mqttchat server", "keep presence and history for a broker on this machine"),
    ("mqttchat client broker.example.com --nick alice --room dev", "chat"),
    ("mqttchat client -m \"the build is green\" --room builds --nick ci", "send one message and end"),
    ("make 2>&1 | mqttchat client --room builds --nick ci", "send each line"),
    ("mqttchat check broker.example.com", "see what works, what fails, and what to do"),
];

/// The page; `commands` are those of the client's terminal, in order.
pub fn manual(commands: &[CommandLine]) -> String {
    let mut page =
        ManualPage(format!(".TH MQTTCHAT 1 \"\" \"mqttchat {}\" \"User Commands\"\n", env!("CARGO_PKG_VERSION")));
    // No hyphenation and no justification, so that options can be copied.
    page.text(".nh\n.ad l");
    page.section("NAME");
    page.text("mqttchat \\- chat over the MQTT broker you already have");
    page.section("SYNOPSIS");
    for subcommand in Subcommand::ALL {
        page.usage(subcommand.name(), subcommand.operand(), true);
    }
    for (name, _, words) in OTHERS {
        page.usage(name, &words.join("|"), false);
    }
    page.section("DESCRIPTION");
    page.paragraphs(DESCRIPTION);
    page.paragraphs(BROKER);
    page.paragraphs(TLS);
    page.section("SUBCOMMANDS");
    for (name, summary) in first_words() {
        page.item(name, summary);
    }
    page.section("OPTIONS");
    page.paragraphs(ORDER);
    for group in GROUPS {
        page.group(group);
    }
    page.section("COMMANDS ON THE TERMINAL");
    for (usage, help) in commands {
        page.item(usage, help);
    }
    page.section("ENVIRONMENT");
    for (variable, flag) in variables() {
        page.item(variable, &format!("in place of --{}", flag.long));
    }
    page.item("RUST_LOG", "what is logged; mqttchat=debug logs most");
    page.section("FILES");
    FILES.iter().for_each(|(path, what)| page.item(path, what));
    page.section("EXIT STATUS");
    EXIT_CODES.iter().for_each(|(code, what)| page.item(code, what));
    page.section("EXAMPLES");
    EXAMPLES.iter().for_each(|(command, what)| page.item(command, what));
    page.section("SEE ALSO");
    page.text("mosquitto(8), mosquitto_pub(1), mosquitto_sub(1)");
    page.0
}

/// Each variable once, with its option.
fn variables() -> Vec<(&'static str, &'static Flag)> {
    let mut variables: Vec<(&str, &Flag)> = Vec::new();
    for flag in GROUPS.iter().flat_map(|group| group.flags).filter(|flag| !flag.variable.is_empty()) {
        if variables.iter().all(|(known, _)| *known != flag.variable) {
            variables.push((flag.variable, flag));
        }
    }
    variables
}

struct ManualPage(String);

impl ManualPage {
    fn section(&mut self, title: &str) {
        self.0.push_str(&format!(".SH {title}\n"));
    }

    /// A line that already has macros or escapes.
    fn text(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn paragraphs(&mut self, text: &str) {
        for paragraph in text.split("\n\n") {
            self.text(".PP");
            self.text(&escaped(&paragraph.replace('\n', " ")));
        }
    }

    fn usage(&mut self, name: &str, operands: &str, has_options: bool) {
        let operands = if operands.is_empty() { String::new() } else { format!(" {}", escaped(operands)) };
        let options = if has_options { " [options]" } else { "" };
        self.text(&format!("\\fBmqttchat {name}\\fR{operands}{options}\n.br"));
    }

    fn group(&mut self, group: &Group) {
        let takers: Vec<_> = group.subcommands.iter().map(|subcommand| subcommand.name()).collect();
        self.text(&format!(".SS \"{}\"", escaped(group.title)));
        if takers.len() < Subcommand::ALL.len() {
            self.text(&escaped(&format!("Taken by {}.", takers.join(", "))));
        }
        for flag in group.flags {
            let short = if flag.short.is_empty() { String::new() } else { format!("\\fB\\-{}\\fR, ", flag.short) };
            let argument = match flag.argument {
                "" => String::new(),
                argument => format!(" \\fI{}\\fR", escaped(argument)),
            };
            let term = format!("{short}\\fB\\-\\-{}\\fR{argument}", escaped(flag.long));
            self.text(&format!(".TP\n{term}\n{}", escaped(&explanation(flag))));
        }
    }

    fn item(&mut self, term: &str, text: &str) {
        self.text(&format!(".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(text)));
    }
}

/// Escapes what troff would interpret: backslashes, hyphens (so that they can be copied), and a leading dot or quote.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('~', "\\(ti").replace('`', "\\(ga");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_every_option_and_command() {
        let page = manual(&[("/msg NICK TEXT".to_owned(), "a direct message".to_owned())]);
        for flag in GROUPS.iter().flat_map(|group| group.flags) {
            assert!(page.contains(&format!("\\fB\\-\\-{}\\fR", escaped(flag.long))), "{}", flag.long);
            assert!(page.contains(&escaped(flag.variable)), "{}", flag.variable);
        }
        assert!(page.contains(".TP\n\\fB/msg NICK TEXT\\fR\na direct message\n"));
        assert!(page.contains("\\fBmqttchat import\\fR [FILE] [options]\n"));
    }

    #[test]
    fn no_line_is_a_macro_by_mistake() {
        let macros = [".nh", ".ad l", ".TH ", ".SH ", ".SS ", ".TP", ".PP", ".br"];
        let page = manual(&[("//text".to_owned(), "'quoted'\\ -".to_owned())]);
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(macros.iter().any(|known| line.starts_with(known)), "{line}");
        }
        assert!(page.contains("\\&'quoted'\\e \\-\n"));
    }
}
