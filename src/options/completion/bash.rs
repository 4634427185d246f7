//! The completion for bash. It needs only builtins of bash 3.2 (macOS).

use super::{Completes, argument, dashed, first_words, operand, second_words};
use crate::options::table::{Flag, Subcommand};

const BEGIN: &str = r#"# bash completion for mqttchat, printed by `mqttchat completion bash`.

_mqttchat() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} IFS=$'\n'
    COMPREPLY=()
    # --option=value comes as three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = && $COMP_CWORD -ge 2 ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
"#;

const END: &str = r#"    esac
}

_mqttchat_words() {
    # Between words there are blanks, and between what fits line breaks.
    local IFS=$' \n'
    COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_mqttchat_paths() {
    COMPREPLY=($(compgen "$1" -- "$current"))
    # bash before 4 has it not.
    compopt -o filenames 2>/dev/null || :
}

complete -F _mqttchat mqttchat
"#;

pub(super) fn script() -> String {
    let first = first_words().map(|(name, _)| name).chain(["--help", "--version"]).collect::<Vec<_>>().join(" ");
    let mut text = String::from(BEGIN);
    text.push_str(&format!(
        "    if [[ $COMP_CWORD -eq 1 ]]; then\n        _mqttchat_words '{first}'\n        return\n    fi\n    \
         case ${{COMP_WORDS[1]}} in\n"
    ));
    for (name, words) in second_words() {
        text.push_str(&format!("    {name}) [[ $COMP_CWORD -gt 2 ]] || _mqttchat_words '{words}' ;;\n"));
    }
    for subcommand in Subcommand::ALL {
        text.push_str(&of(subcommand));
    }
    text + END
}

fn of(subcommand: Subcommand) -> String {
    let mut text = format!("    {})\n        case $previous in\n", subcommand.name());
    for flag in subcommand.flags().filter(|flag| !flag.is_switch()) {
        let pattern = dashed(flag).join(" | ");
        text.push_str(&format!(
            "        {pattern})\n            {}\n            return\n            ;;\n",
            value(flag)
        ));
    }
    let options = subcommand.flags().flat_map(dashed).collect::<Vec<_>>().join(" ");
    let operand = match operand(subcommand) {
        Completes::Host => "COMPREPLY=($(compgen -A hostname -- \"$current\"))",
        Completes::File => "_mqttchat_paths -f",
        _ => ":",
    };
    text.push_str(&format!(
        "        esac\n        if [[ $current == -* ]]; then\n            _mqttchat_words '{options}'\n        else\n            \
         {operand}\n        fi\n        ;;\n"
    ));
    text
}

fn value(flag: &Flag) -> String {
    match argument(flag) {
        Completes::Words(words) => format!("_mqttchat_words '{}'", words.join(" ")),
        Completes::Host => "COMPREPLY=($(compgen -A hostname -- \"$current\"))".to_owned(),
        Completes::File => "_mqttchat_paths -f".to_owned(),
        Completes::Folder => "_mqttchat_paths -d".to_owned(),
        Completes::Anything | Completes::Nothing => ":".to_owned(),
    }
}
