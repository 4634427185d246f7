//! Completions of the word being typed.

use super::addressee::written;
use super::find;
use super::table::{Argument, TABLE};

/// The filters of a search.
const FILTERS: [&str; 4] = ["from:", "room:", "after:", "before:"];

/// Names that can be completed, the likeliest first.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub nicks: Vec<String>,
    pub rooms: Vec<String>,
    /// Whose messages are hidden.
    pub ignored: Vec<String>,
}

/// Completions of the word before `end` (a byte position in `line`): where the word begins, and the candidates.
pub fn complete(line: &str, end: usize, names: &Names) -> (usize, Vec<String>) {
    let typed = line.get(..end).unwrap_or(line);
    let start = quoted_nick(typed).or_else(|| Some(typed.rfind(char::is_whitespace)? + 1)).unwrap_or(0);
    let word = typed[start..].to_lowercase();
    let begins = |name: &&String| name.to_lowercase().starts_with(word.trim_start_matches(['#', '"']));
    let mut before = typed[..start].split_whitespace();
    let nicks = || names.nicks.iter().filter(begins);
    let candidates = match (before.next(), before.next()) {
        (None, _) => match word.strip_prefix('/') {
            Some(begin) => commands(begin).map(|name| format!("/{name} ")).collect(),
            None => nicks().map(|nick| format!("{nick}: ")).collect(),
        },
        (Some(command), second) => match completes(command) {
            Some(Argument::Search) => complete_search(&word, names),
            _ if second.is_some() => nicks().cloned().collect(),
            Some(Argument::Room) => names.rooms.iter().filter(begins).cloned().collect(),
            Some(Argument::Command) => commands(word.trim_start_matches('/')).map(str::to_owned).collect(),
            Some(Argument::Ignored) => names.ignored.iter().filter(begins).cloned().collect(),
            Some(Argument::Nick) => nicks().map(|nick| format!("{} ", written(nick))).collect(),
            Some(Argument::None) | None => nicks().cloned().collect(),
        },
    };
    (start, candidates)
}

fn commands(begin: &str) -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|entry| entry.name).filter(move |name| name.starts_with(begin))
}

/// The beginning of a nick with open quotes; blanks in it do not end the word.
fn quoted_nick(typed: &str) -> Option<usize> {
    let (command, rest) = typed.split_once(char::is_whitespace)?;
    let nick = rest.trim_start();
    let is_open = completes(command) == Some(Argument::Nick) && nick.starts_with('"') && !nick[1..].contains('"');
    is_open.then(|| typed.len() - nick.len())
}

/// What the arguments of a command are.
fn completes(command: &str) -> Option<Argument> {
    find(command.strip_prefix('/')?).ok().map(|entry| entry.completes)
}

/// Completes a filter, or its value.
fn complete_search(word: &str, names: &Names) -> Vec<String> {
    let (filter, list, begin) = match (word.strip_prefix("from:"), word.strip_prefix("room:")) {
        (Some(begin), _) => ("from:", &names.nicks, begin),
        (None, Some(begin)) => ("room:", &names.rooms, begin.trim_start_matches('#')),
        (None, None) => {
            return FILTERS.iter().filter(|name| name.starts_with(word)).map(|name| (*name).to_owned()).collect();
        }
    };
    let fitting = list.iter().filter(|name| name.to_lowercase().starts_with(begin));
    fitting.map(|name| format!("{filter}{name} ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_completion(line: &str, start: usize, expected: &[&str]) {
        let names = Names {
            nicks: vec!["Bob".into(), "bea".into(), "alice".into(), "Tom T.".into()],
            rooms: vec!["lobby".into(), "dev".into()],
            ignored: vec!["eve".into()],
        };
        assert_eq!(complete(line, line.len(), &names), (start, expected.iter().map(|c| (*c).to_owned()).collect()));
    }

    #[test]
    fn completions() {
        check_completion("/jo", 0, &["/join "]);
        check_completion("/ro", 0, &["/room ", "/rooms "]);
        check_completion("b", 0, &["Bob: ", "bea: "]);
        check_completion("ask b", 4, &["Bob", "bea"]);
        check_completion("/msg B", 5, &["Bob ", "bea "]);
        check_completion("/w al", 3, &["alice "]);
        check_completion("/MSG al", 5, &["alice "]);
        check_completion("/msg to", 5, &["\"Tom T.\" "]);
        check_completion("/ignore \"t", 8, &["\"Tom T.\" "]);
        check_completion("/msg \"tom t", 5, &["\"Tom T.\" "]);
        check_completion("/msg \"Tom T.\" hi b", 17, &["Bob", "bea"]);
        check_completion("/search \"by hand\" af", 18, &["after:"]);
        check_completion("/room d", 6, &["dev"]);
        check_completion("/join #d", 6, &["dev"]);
        check_completion("/me hugs a", 9, &["alice"]);
        check_completion("/unignore ", 10, &["eve"]);
        check_completion("/help se", 6, &["search"]);
        check_completion("/search af", 8, &["after:"]);
        check_completion("/search pump from:B", 13, &["from:Bob ", "from:bea "]);
        check_completion("/search room:#d", 8, &["room:dev "]);
    }
}
