//! The one table of subcommands and options: the parser, the help text and the option file are
//! made from it, so that none of them can forget one. Data only.

/// What `mqttchat` can be told to do.
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

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Server => "server",
            Client => "client",
            Check => "check",
            Export => "export",
            Import => "import",
        }
    }

    /// What it takes beside options; may be empty.
    pub fn operand(self) -> &'static str {
        match self {
            Server | Client | Check => "[BROKER]",
            Export => "",
            Import => "[FILE]",
        }
    }

    /// What it does, in one line.
    pub fn summary(self) -> &'static str {
        match self {
            Server => "keep presence and history for a chat",
            Client => "chat (on a terminal), or send and receive (in a pipe)",
            Check => "test a broker step by step and say what to do about what fails",
            Export => "print a server's history, a JSON object a line; it may run meanwhile",
            Import => "read such lines into a history (from FILE, else from a pipe); what is there is kept once",
        }
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

/// Options that stand together in the help.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    /// Who takes these options.
    pub subcommands: &'static [Subcommand],
    /// Whether they may stand in an option file.
    pub in_file: bool,
    pub flags: &'static [Flag],
}

impl Group {
    /// Whether that option is one of it.
    pub fn has(&self, flag: &Flag) -> bool {
        self.flags.iter().any(|own| own.long == flag.long)
    }
}

/// One option.
#[derive(Debug)]
pub struct Flag {
    /// One letter; empty where there is none.
    pub short: &'static str,
    pub long: &'static str,
    /// What its argument is called in the help; empty for a switch, which takes none.
    pub argument: &'static str,
    pub help: &'static str,
    /// In words; empty for a switch that is off and for what is left out.
    pub default: &'static str,
    /// The environment variable that counts where the option is not given; may be empty.
    pub variable: &'static str,
    /// Whether it may be given more than once.
    pub repeatable: bool,
    /// What its argument can be, where that is one of a few words.
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
            value("u", "username", "NAME", "log in to the broker with this user name").variable("MQTT_USERNAME"),
            value("P", "password", "PASSWORD", "and this password; others can see it in `ps`")
                .default("with -u on a terminal: asked for")
                .variable("MQTT_PASSWORD"),
            value("", "password-file", "FILE", "and the password in the first line of FILE"),
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
            value("", "capath", "FOLDER", "trust those in this folder, hashed by `openssl rehash`"),
            value("", "cert", "FILE", "show this client certificate (PEM), together with --key"),
            value("", "key", "FILE", "the private key of --cert (PEM)"),
            switch("", "insecure", "do not check the host name; the chain is still checked"),
            switch("", "tls", "use TLS, trusting the system's authorities"),
            switch("", "no-tls", "do not use TLS, whatever else says so"),
        ],
    },
    Group {
        title: "Server",
        subcommands: &[Server],
        in_file: true,
        flags: &[
            value("", "data-dir", "FOLDER", "keep the history here, in {topic-root}.db")
                .default("$STATE_DIRECTORY, else $XDG_STATE_HOME/mqttchat, else ~/.local/state/mqttchat"),
            switch("", "memory", "keep nothing on disk"),
            value("", "retention", "DAYS", "forget messages that were received longer ago")
                .default("keep them for ever"),
            value("", "max-size", "SIZE", "forget the oldest messages where the database is larger (500M, 2G)")
                .default("as large as it gets"),
            value("", "history-limit", "N", "how many messages a joiner gets").default("50"),
            value("", "timeout", "SECONDS", "silence after which somebody is taken off the chat").default("60"),
            value("i", "id", "ID", "MQTT client identifier").default("{topic-root}-server-{secret of the data folder}"),
        ],
    },
    Group {
        title: "Client",
        subcommands: &[Client],
        in_file: true,
        flags: &[
            value("", "nick", "NICK", "what others know you by")
                .default("-u, else asked for on a terminal, else the login name")
                .variable("MQTTCHAT_NICK"),
            value("", "room", "ROOM", "join this room too (repeatable)")
                .default("lobby, which is always there")
                .repeatable(),
            value(
                "m",
                "message",
                "TEXT",
                "send this message, and end when it is stored; where no chat server ever was, when the broker has it",
            ),
            value("", "to", "NICK", "send -m or piped lines as direct messages to NICK"),
            switch("", "json", "for programs: JSON objects in and out, one a line"),
            switch(
                "",
                "listen",
                "stay and print what arrives, also after the end of input; lines typed on a terminal are read only if the output is the terminal too",
            ),
            value(
                "C",
                "count",
                "COUNT",
                "end after so many messages from others, once one's own are stored, or 5 s later",
            ),
            value(
                "W",
                "wait",
                "SECONDS",
                "end after so long (a sender: with nothing confirmed); exit code 27 if not done",
            )
            .default("30 for a sender, else for ever"),
            value("", "outbox", "FILE", "keep here what is not stored yet, for a next run to send"),
            switch("", "no-history", "do not ask for past messages"),
            value(
                "",
                "bell",
                "WHEN",
                "ring on a terminal: never, at a mention of your nick, at direct messages too, at all messages",
            )
            .words(&["never", "mention", "direct", "all"])
            .default("direct"),
            switch(
                "",
                "notify",
                "have the terminal notify you too, of mentions and direct messages at least (OSC 9 or 777)",
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
            switch("", "json", "print the results as JSON, one a line"),
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
            value("", "room", "ROOM", "this room only, and no direct messages").default("all there is"),
            value("", "since", "TIME", "received then or later: 2026-11-22, 2026-11-22T20:30, or with an offset")
                .default("from the first on"),
        ],
    },
    Group {
        title: "Import",
        subcommands: &[Import],
        in_file: true,
        flags: &[switch("", "quiet", "do not say how many there were")],
    },
    Group {
        title: "Output",
        subcommands: CONNECTED,
        in_file: true,
        flags: &[
            switch("v", "verbose", "say more"),
            switch("", "quiet", "say only what is wrong"),
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
            switch("", "print-config", "print what holds for each option and where it is from, and end"),
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
