//! Output for other programs: completion in its shells, and the formatted manual page. Also the Makefile's installation
//! and removal.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_mqttchat");

#[track_caller]
fn output(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    assert!(output.status.success(), "{:?}: {}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    output
}

/// A program's standard output; its standard error must be empty.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = output(command);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{:?}", command.get_program());
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn script(shell: &str) -> String {
    printed(Command::new(BINARY).args(["completion", shell]))
}

/// Bash's completions of the last word of a line.
fn in_bash(words: &[&str]) -> Vec<String> {
    let set = format!("{}\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n_mqttchat\n", script("bash"));
    // Their number shows whether each is a separate candidate.
    let program = set + "printf '%s\\0' \"${COMPREPLY[@]}\"\n";
    let folder = TempDir::new();
    fs::write(folder.path().join("a file.pem"), "").expect("a file");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-c", &program, "bash"]).args(words).current_dir(folder.path());
    printed(&mut bash).split('\0').filter(|candidate| !candidate.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes() {
    assert_eq!(in_bash(&["mqttchat", "cl"]), ["client"]);
    assert_eq!(in_bash(&["mqttchat", "client", "--no-h"]), ["--no-history"]);
    assert_eq!(in_bash(&["mqttchat", "client", "--data"]), [""; 0], "the server's");
    assert_eq!(in_bash(&["mqttchat", "client", "--bell", "d"]), ["direct"]);
    assert_eq!(in_bash(&["mqttchat", "client", "--bell", "=", "a"]), ["all"]);
    assert_eq!(in_bash(&["mqttchat", "client", "--qos", "="]), ["0", "1", "2"]);
    assert_eq!(in_bash(&["mqttchat", "server", "--cafile", "a"]), ["a file.pem"]);
    assert_eq!(in_bash(&["mqttchat", "import", "a"]), ["a file.pem"]);
    assert_eq!(in_bash(&["mqttchat", "client", "--nick", "a"]), [""; 0]);
    assert_eq!(in_bash(&["mqttchat", "completion", "z"]), ["zsh"]);
    assert_eq!(in_bash(&["mqttchat", "help", "exp"]), ["export"]);
}

#[test]
fn fish_completes() {
    let folder = TempDir::new();
    let path = folder.path().join("mqttchat.fish");
    fs::write(&path, script("fish")).expect("a file");
    let complete = |line: &str| {
        let program = format!("source {path:?}; complete -C '{line}'");
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", &program]).env("HOME", folder.path()).current_dir(folder.path());
        printed(&mut fish)
            .lines()
            .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(complete("mqttchat cl"), ["client"]);
    assert_eq!(complete("mqttchat client --no-h"), ["--no-history"]);
    assert_eq!(complete("mqttchat client --data"), [""; 0]);
    assert_eq!(complete("mqttchat client --bell d"), ["direct"]);
    assert_eq!(complete("mqttchat completion z"), ["zsh"]);
}

/// The shell in use, on a terminal of its own: the words before Tab, and the result.
#[test]
fn zsh_completes() {
    let folder = TempDir::new();
    fs::write(folder.path().join("_mqttchat"), script("zsh")).expect("a file");
    let program = r#"
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; PS1='> '; bindkey '^I' complete-word"
        zpty -w shell 'print ready''now'
        until [[ $line == *readynow* ]]; do zpty -r shell line; done
        zpty -n -w shell "$2"$'\t'$'\C-a'"x='"$'\C-e'"'; print -r -- res''ult\"<\$x>\""$'\n'
        until [[ $line == *result\<*\>* ]]; do zpty -r shell line || exit 1; done
        zpty -d shell
        print -r -- "${${line##*result<}%%>*}"
    "#;
    let complete = |line: &str| {
        let mut zsh = Command::new("timeout");
        zsh.args(["30", "zsh", "-f", "-c", program, "zsh"]).arg(folder.path()).arg(line);
        zsh.env("HOME", folder.path()).env("TERM", "dumb");
        printed(&mut zsh).trim_end().to_owned()
    };
    assert_eq!(complete("mqttchat cl"), "mqttchat client");
    assert_eq!(complete("mqttchat client --no-h"), "mqttchat client --no-history");
    assert_eq!(complete("mqttchat client --bell d"), "mqttchat client --bell direct");
    assert_eq!(complete("mqttchat completion z"), "mqttchat completion zsh");
}

#[test]
fn the_manual_page_is_well_formed() {
    let folder = TempDir::new();
    let path = folder.path().join("mqttchat.1");
    fs::write(&path, printed(Command::new(BINARY).arg("manual"))).expect("a file");
    let page = printed(Command::new("groff").args(["-ww", "-man", "-Tascii", "-P-c", "-P-b", "-P-u"]).arg(&path));
    for part in ["NAME", "--print-config", "/msg NICK TEXT", "EXIT STATUS", "~/.config/mqttchat"] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
}

#[test]
fn what_make_installs_it_removes() {
    let folder = TempDir::new();
    // Its own recipe, with a program that somebody else has built.
    let release = folder.path().join("target/release");
    fs::create_dir_all(release.join("completion")).expect("folders");
    let makefile = Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile");
    for file in ["mqttchat", "mqttchat.1", "completion/bash", "completion/zsh", "completion/fish"] {
        fs::write(release.join(file), "x").expect("a file");
    }
    printed(Command::new("chmod").arg("+x").arg(release.join("mqttchat")));
    let root = folder.path().join("root");
    let make = |target: &str| {
        let mut make = Command::new("make");
        make.arg("-f").arg(&makefile).arg(target).arg("PREFIX=/usr").arg(format!("DESTDIR={}", root.display()));
        output(make.current_dir(folder.path()));
    };
    let files = || printed(Command::new("find").arg(&root).args(["-type", "f"]));
    make("install");
    for file in [
        "bin/mqttchat",
        "share/man/man1/mqttchat.1",
        "share/bash-completion/completions/mqttchat",
        "share/zsh/site-functions/_mqttchat",
        "share/fish/vendor_completions.d/mqttchat.fish",
    ] {
        assert!(files().lines().any(|line| line.ends_with(&format!("root/usr/{file}"))), "{file}");
    }
    assert_eq!(files().lines().count(), 5);
    make("uninstall");
    assert_eq!(files(), "");
}
