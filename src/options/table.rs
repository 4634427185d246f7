//! The table of subcommands and options. The parser, the help, the manual, the completions and the option file are all
//! generated from it. Data only.

/// What `mqttchat` can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subcommand {
    Server,
    Client,
    Check,
    Export,
    Import,
}

use Subcommand::{Check, Client, Export, Import, Server};

const ALL: &[Subcommand] = &Subcommand::ALL;
/// Those that connect to a broker.
const CONNECTED: &[Subcommand] = &[Server, Client, Check];

impl Subcommand {
    pub const ALL: [Subcommand; 5] = [Server, Client, Check, Export, Import];

    /// Name, operand and summary.
    fn row(self) -> [&'static str; 3] {
        match self {
            Server => ["server", "[BROKER]", "keep presence and history for a chat"],
            Client => ["client", "[BROKER]", "chat (on a terminal), or send and receive (in a pipe)"],
            Check => ["check", "[BROKER]", "test a broker step by step and say how to fix what fails"],
            Export => ["export", "", "print a server's history, one JSON object per line; the server may be running"],
            Import => [
                "import",
                "[FILE]",
                "read such lines (from FILE, else a pipe) into a history; messages already in it are skipped",
            ],
        }
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        self.row()[0]
    }

    /// What it takes besides options; may be empty.
    pub fn operand(self) -> &'static str {
        self.row()[1]
    }

    /// What it does, in one line.
    pub fn summary(self) -> &'static str {
        self.row()[2]
    }

    /// Every group of options that it takes, in the order of the help.
    pub fn groups(self) -> impl Iterator<Item = &'static Group> {
        GROUPS.iter().filter(move |group| group.subcommands.contains(&self))
    }

    /// Every option that it takes.
    pub fn flags(self) -> impl Iterator<Item = &'static Flag> {
        self.groups().flat_map(|group| group.flags)
    }

    /// The option of that long or short name, without its dashes.
    pub fn flag(self, name: &str) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.is_called(name))
    }
}

/// Options that are together in the help.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    /// Who takes these options.
    pub subcommands: &'static [Subcommand],
    /// Whether an option file may contain them.
    pub in_file: bool,
    pub flags: &'static [Flag],
}

impl Group {
    /// Whether it contains that option.
    pub fn has(&self, flag: &Flag) -> bool {
        self.flags.iter().any(|own| own.long == flag.long)
    }
}

/// One option.
#[derive(Debug)]
pub struct Flag {
    /// One letter, or empty.
    pub short: &'static str,
    pub long: &'static str,
    /// The name of its argument in the help; empty for a switch.
    pub argument: &'static str,
    pub help: &'static str,
    /// In words; empty if there is none, or for a switch that is off.
    pub default: &'static str,
    /// The environment variable that counts if the option is not given; may be empty.
    pub variable: &'static str,
    /// Whether it may be given more than once.
    pub repeatable: bool,
    /// The possible arguments, if they are a few words.
    pub words: &'static [&'static str],
}

impl Flag {
    /// Whether it takes no argument.
    pub fn is_switch(&self) -> bool {
        self.argument.is_empty()
    }

    /// Whether `name`, without dashes, is its long or short name.
    pub fn is_called(&self, name: &str) -> bool {
        !name.is_empty() && (self.long == name || self.short == name)
    }

    const fn default(self, default: &'static str) -> Flag {
        Flag { default, ..self }
    }

    const fn variable(self, variable: &'static str) -> Flag {
        Flag { variable, ..self }
    }

    const fn words(self, words: &'static [&'static str]) -> Flag {
        Flag { words, ..self }
    }

    const fn repeatable(self) -> Flag {
        Flag { repeatable: true, ..self }
    }
}

/// An option that takes `argument`.
const fn value(short: &'static str, long: &'static str, argument: &'static str, help: &'static str) -> Flag {
    Flag { short, long, argument, help, default: "", variable: "", repeatable: false, words: &[] }
}

/// An option without an argument.
const fn switch(short: &'static str, long: &'static str, help: &'static str) -> Flag {
    value(short, long, "", help)
}

/// Every option there is, in the order of the help.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Connection",
        subcommands: CONNECTED,
        in_file: true,
        flags: &[
            value("h", "host", "HOST", "the broker's host name or IP address")
                .default("localhost")
                .variable("MQTT_BROKER_HOST"),
            value("p", "port", "PORT", "the broker's port")
                .default("1883, with TLS 8883, for ws:// 80, for wss:// 443")
                .variable("MQTT_BROKER_PORT"),
            value("L", "url", "URL", "the broker as a URL, instead of BROKER"),
            value("u", "username", "NAME", "user name for the broker").variable("MQTT_USERNAME"),
            value("P", "password", "PASSWORD", "password for the broker; others can see it in `ps`")
                .default("with -u on a terminal: asked for")
                .variable("MQTT_PASSWORD"),
            value("", "password-file", "FILE", "read the password from the first line of FILE"),
            value("k", "keepalive", "SECONDS", "MQTT's keep alive").default("30"),
            value("q", "qos", "0|1|2", "quality of service of chat messages").words(&["0", "1", "2"]).default("1"),
            value(
                "V",
                "protocol-version",
                "VERSION",
                "MQTT version: auto (5, then 3.1.1 where the broker refuses), 5 or 311",
            )
            .words(&["auto", "5", "311"])
            .default("auto"),
            value("", "topic-root", "ROOT", "what the chat's topics begin with").default("chat"),
        ],
    },
    Group {
        title: "TLS (on for mqtts://, wss://, port 8883, --cafile, --capath and --cert)",
        subcommands: CONNECTED,
        in_file: true,
        flags: &[
            value("", "cafile", "FILE", "trust the authorities in this PEM file").default("the system's"),
            value("", "capath", "FOLDER", "trust the authorities in this folder, hashed by `openssl rehash`"),
            value("", "cert", "FILE", "use this client certificate (PEM), together with --key"),
            value("", "key", "FILE", "the private key of --cert (PEM)"),
            switch("", "insecure", "do not check the host name; the chain is still checked"),
            switch("", "tls", "use TLS, trusting the system's authorities"),
            switch("", "no-tls", "do not use TLS, whatever other options say"),
        ],
    },
    Group {
        title: "Server",
        subcommands: &[Server],
        in_file: true,
        flags: &[
            value("", "data-dir", "FOLDER", "keep the history here, in {topic-root}.db")
                .default("$STATE_DIRECTORY, else $XDG_STATE_HOME/mqttchat, else ~/.local/state/mqttchat"),
            switch("", "memory", "store nothing on disk; does not go together with --data-dir"),
            value("", "retention", "DAYS", "delete messages received longer ago")
                .default("keep them for ever"),
            value("", "max-size", "SIZE", "delete the oldest messages if the database is larger (500M, 2G)")
                .default("no limit"),
            value("", "history-limit", "N", "how many messages a joiner gets").default("50"),
            value("", "timeout", "SECONDS", "time out whoever is silent for this long").default("60"),
            value("i", "id", "ID", "MQTT client identifier").default("{topic-root}-server-{secret of the data folder}"),
        ],
    },
    Group {
        title: "Client",
        subcommands: &[Client],
        in_file: true,
        flags: &[
            value("", "nick", "NICK", "your name in the chat")
                .default("-u, else asked for on a terminal, else the login name")
                .variable("MQTTCHAT_NICK"),
            value("", "room", "ROOM", "also join this room (repeatable)")
                .default("only the lobby, which everybody is in")
                .repeatable(),
            value(
                "m",
                "message",
                "TEXT",
                "send this message and end when it is stored, or, if there has never been a chat server, when the broker has it",
            ),
            value("", "to", "NICK", "send -m or piped lines as direct messages to NICK"),
            switch("", "json", "for programs: read and write one JSON object per line"),
            switch(
                "",
                "listen",
                "stay and print what arrives, even after the end of the input; read lines from a terminal only if the output is a terminal too",
            ),
            value(
                "C",
                "count",
                "COUNT",
                "end after COUNT messages from others, once your own are stored, or 5 s later",
            ),
            value(
                "W",
                "wait",
                "SECONDS",
                "end after this time (a sender: this long without a confirmation); exit code 27 if not done",
            )
            .default("30 for a sender, else for ever"),
            value("", "outbox", "FILE", "keep unstored messages in FILE; the next run sends them"),
            switch("", "no-history", "do not ask for past messages"),
            value(
                "",
                "bell",
                "WHEN",
                "ring the terminal's bell: never, on a mention of your nick, on direct messages too, or on all messages",
            )
            .words(&["never", "mention", "direct", "all"])
            .default("direct"),
            switch(
                "",
                "notify",
                "also show a desktop notification, at least for mentions and direct messages (OSC 9 or 777)",
            ),
            value("i", "id", "ID", "MQTT client identifier")
                .default("mqttchat- and 12 random characters")
                .variable("MQTT_CLIENT_ID"),
        ],
    },
    Group {
        title: "Check",
        subcommands: &[Check],
        in_file: true,
        flags: &[
            switch("", "json", "print the results as JSON, one per line"),
            value("i", "id", "ID", "MQTT client identifier").default("random"),
        ],
    },
    Group {
        title: "Export and import",
        subcommands: &[Export, Import],
        in_file: true,
        flags: &[
            value("", "data-dir", "FOLDER", "the server's folder, with {topic-root}.db")
                .default("$STATE_DIRECTORY, else $XDG_STATE_HOME/mqttchat, else ~/.local/state/mqttchat"),
            value("", "topic-root", "ROOT", "what the chat's topics begin with").default("chat"),
        ],
    },
    Group {
        title: "Export",
        subcommands: &[Export],
        in_file: false,
        flags: &[
            value("", "room", "ROOM", "only this room, without direct messages").default("everything"),
            value("", "since", "TIME", "only messages received at or after TIME: 2026-11-22, 2026-11-22T20:30, or with an offset")
                .default("from the first message on"),
        ],
    },
    Group {
        title: "Import",
        subcommands: &[Import],
        in_file: true,
        flags: &[switch("", "quiet", "do not print how many were imported")],
    },
    Group {
        title: "Output",
        subcommands: CONNECTED,
        in_file: true,
        flags: &[
            switch("v", "verbose", "print more"),
            switch("", "quiet", "print only errors"),
            value("", "color", "WHEN", "colours: auto (on a terminal), always or never")
                .words(&["auto", "always", "never"])
                .default("auto; never where NO_COLOR is set")
                .variable("NO_COLOR"),
        ],
    },
    Group {
        title: "General",
        subcommands: ALL,
        in_file: false,
        flags: &[
            value("o", "options-file", "FILE", "read options from FILE")
                .default("$XDG_CONFIG_HOME/mqttchat, else ~/.config/mqttchat, if there"),
            switch("", "print-config", "print the value and source of each option, and end"),
            switch("", "help", "print this"),
            switch("", "version", "print the version"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_options() {
        for subcommand in Subcommand::ALL {
            for flag in subcommand.flags() {
                let called = |name: &str| subcommand.flags().filter(|f| f.is_called(name)).count();
                assert_eq!(called(flag.long), 1, "{}", flag.long);
                assert!(flag.short.is_empty() || called(flag.short) == 1, "{}", flag.short);
            }
        }
    }
}
