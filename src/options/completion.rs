//! Scripts that complete a command line in a shell, generated from the table.

mod bash;
mod fish;
mod zsh;

use super::table::{Flag, Subcommand};

/// A shell's name, and the function that generates its script.
type ShellScript = (&'static str, fn() -> String);

/// The shells that have a script.
pub(super) const SHELLS: [ShellScript; 3] = [("bash", bash::script), ("zsh", zsh::script), ("fish", fish::script)];

/// Words that take the place of a subcommand, what they do, and which words may follow.
pub(super) const OTHERS: [(&str, &str, &[&str]); 3] = [
    ("help", "print what a subcommand takes", &["server", "client", "check", "export", "import"]),
    ("completion", "print a script for a shell that completes command lines", &["bash", "zsh", "fish"]),
    ("manual", "print the manual page", &[]),
];

/// Every first word, and what it does.
pub(super) fn first_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let subcommands = Subcommand::ALL.map(|subcommand| (subcommand.name(), subcommand.summary()));
    subcommands.into_iter().chain(OTHERS.map(|(name, summary, _)| (name, summary)))
}

/// Each of [`OTHERS`] that words may follow, and these.
fn second_words() -> impl Iterator<Item = (&'static str, String)> {
    OTHERS.into_iter().filter(|(.., words)| !words.is_empty()).map(|(name, _, words)| (name, words.join(" ")))
}

/// What completes an argument.
enum Completes {
    /// A switch has no argument.
    Nothing,
    Words(&'static [&'static str]),
    Host,
    File,
    Folder,
    /// Anything; no suggestion is possible.
    Anything,
}

fn argument(flag: &Flag) -> Completes {
    match flag.argument {
        "" => Completes::Nothing,
        _ if !flag.words.is_empty() => Completes::Words(flag.words),
        "HOST" => Completes::Host,
        "FILE" => Completes::File,
        "FOLDER" => Completes::Folder,
        _ => Completes::Anything,
    }
}

/// What completes the operand of a subcommand.
fn operand(subcommand: Subcommand) -> Completes {
    match subcommand.operand() {
        "[BROKER]" => Completes::Host,
        "[FILE]" => Completes::File,
        _ => Completes::Nothing,
    }
}

/// `-p` and `--port`.
fn dashed(flag: &Flag) -> Vec<String> {
    let short = Some(flag.short).filter(|short| !short.is_empty()).map(|short| format!("-{short}"));
    short.into_iter().chain([format!("--{}", flag.long)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_knows_every_option() {
        for (shell, script) in SHELLS {
            let script = script();
            for subcommand in Subcommand::ALL {
                assert!(script.contains(subcommand.name()), "{shell}: {}", subcommand.name());
                for flag in subcommand.flags() {
                    let long = if shell == "fish" { format!("-l {}", flag.long) } else { format!("--{}", flag.long) };
                    assert!(script.contains(&long), "{shell}: {long}");
                    assert!(flag.words.iter().all(|word| script.contains(word)), "{shell}: {long}");
                }
            }
        }
    }

    #[test]
    fn help_covers_every_subcommand() {
        assert_eq!(OTHERS[0].2, Subcommand::ALL.map(Subcommand::name));
        assert_eq!(OTHERS[1].2, SHELLS.map(|(shell, _)| shell));
    }
}
