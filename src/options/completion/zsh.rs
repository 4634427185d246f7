//! The completion for zsh, with its `_arguments`.

use super::{Completes, argument, dashed, first_words, operand, second_words};
use crate::options::table::{Flag, Subcommand};

pub(super) fn script() -> String {
    let mut text = String::from(
        "#compdef mqttchat\n# zsh completion for mqttchat, printed by `mqttchat completion zsh`.\n\n_mqttchat() {\n    \
         local curcontext=$curcontext state\n    local -a line words_there\n    _arguments -C \\\n        \
         '(- *)--help[print everything there is]' \\\n        '(- *)--version[print the version]' \\\n        \
         '1: :->subcommand' \\\n        '*:: :->rest' && return\n    case $state in\n    subcommand)\n        \
         words_there=(\n",
    );
    for (name, summary) in first_words() {
        text.push_str(&format!("            '{name}:{}'\n", quoted(summary)));
    }
    text.push_str(
        "        )\n        _describe subcommand words_there\n        ;;\n    rest)\n        case $words[1] in\n",
    );
    for (name, words) in second_words() {
        text.push_str(&format!("        {name}) _arguments '1:which:({words})' ;;\n"));
    }
    for subcommand in Subcommand::ALL {
        text.push_str(&format!("        {})\n            _arguments -s", subcommand.name()));
        for flag in subcommand.flags() {
            text.push_str(&format!(" \\\n                {}", option(flag)));
        }
        match operand(subcommand) {
            Completes::Host => text.push_str(" \\\n                '1:broker:_hosts' '2:port: '"),
            Completes::File => text.push_str(" \\\n                '1:file:_files'"),
            _ => {}
        }
        text.push_str("\n            ;;\n");
    }
    // As a file in $fpath it is called at once; if it is sourced, it registers itself.
    text + "        esac\n        ;;\n    esac\n}\n\nif [[ $funcstack[1] == _mqttchat ]]; then\n    _mqttchat \"$@\"\nelse\n    \
            compdef _mqttchat mqttchat\nfi\n"
}

/// `'(-p --port)'{-p,--port}'[the broker'\''s port]:PORT: '`.
fn option(flag: &Flag) -> String {
    let names = dashed(flag);
    let alone = if flag.repeatable { "'*'".to_owned() } else { format!("'({})'", names.join(" ")) };
    let either = if names.len() == 1 { names[0].clone() } else { format!("{{{}}}", names.join(",")) };
    let explanation = quoted(flag.help).replace('[', "\\[").replace(']', "\\]");
    let action = match argument(flag) {
        Completes::Nothing => String::new(),
        Completes::Words(words) => format!(":{}:({})", flag.argument, words.join(" ")),
        Completes::Host => format!(":{}:_hosts", flag.argument),
        Completes::File => format!(":{}:_files", flag.argument),
        Completes::Folder => format!(":{}:_files -/", flag.argument),
        Completes::Anything => format!(":{}: ", flag.argument),
    };
    format!("{alone}{either}'[{explanation}]{action}'")
}

/// For within single quotes.
fn quoted(text: &str) -> String {
    text.replace('\'', r"'\''")
}
