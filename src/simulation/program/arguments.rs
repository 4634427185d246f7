//! The command line of `simulate`.

use super::hunt::Prey;
use crate::simulation::verdict::Promise;

/// What the program is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// New seeds, for this time.
    New {
        minutes: u64,
    },
    Seeds {
        from: u64,
        count: u64,
    },
    /// The plans in these files.
    Plans(Vec<String>),
    /// If no promise is named, the one that is broken first.
    Minimise(Source, Option<Promise>),
    Same(u64),
    Show(u64),
    Hunt(Prey),
    /// The named mutants; none: all.
    Prove(Vec<String>),
}

/// Where a plan comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Seed(u64),
    File(String),
}

/// # Errors
/// If the words make no command, or a number is invalid.
pub fn task(arguments: &[String], environment: impl Fn(&str) -> Option<String>) -> Result<Task, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["simulate"] => from_environment(environment),
        ["seeds", from, count] => Ok(Task::Seeds { from: number(from)?, count: positive("COUNT", count)? }),
        ["plan", _, ..] => Ok(Task::Plans(arguments[1..].to_vec())),
        ["minimise", source] => Ok(Task::Minimise(Source::parse(source), None)),
        ["minimise", source, promise] => {
            let promise = Promise::parse(promise).ok_or_else(|| format!("unknown promise {promise:?}"))?;
            Ok(Task::Minimise(Source::parse(source), Some(promise)))
        }
        ["same", seed] => Ok(Task::Same(number(seed)?)),
        ["show", seed] => Ok(Task::Show(number(seed)?)),
        ["hunt", seconds, promises, ..] => Ok(Task::Hunt(Prey::parse(number(seconds)?, promises, &arguments[3..])?)),
        ["prove", ..] => Ok(Task::Prove(arguments[1..].to_vec())),
        _ => Err(format!("unknown command {:?}", arguments.join(" "))),
    }
}

impl Source {
    fn parse(word: &str) -> Source {
        number(word).map_or_else(|_| Source::File(word.to_owned()), Source::Seed)
    }
}

fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Result<Task, String> {
    let minutes = environment("MINUTES").map_or(Ok(1), |minutes| positive("MINUTES", &minutes))?;
    match environment("SEED") {
        Some(seed) => Ok(Task::Seeds { from: number(&seed)?, count: 1 }),
        None => Ok(Task::New { minutes }),
    }
}

fn positive(name: &str, word: &str) -> Result<u64, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{name}: {word:?} is not a positive number"))
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, variables: &[(&str, &str)], expected: Result<Task, &str>) {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let environment = |name: &str| {
            let variable = variables.iter().find(|(known, _)| *known == name);
            variable.map(|(_, value)| (*value).to_owned())
        };
        match (task(&arguments, environment), expected) {
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (task, expected) => assert_eq!(task, expected.map_err(str::to_owned), "{line}"),
        }
    }

    #[test]
    fn what_is_to_be_done() {
        check("", &[], Ok(Task::New { minutes: 1 }));
        check("", &[("MINUTES", "7")], Ok(Task::New { minutes: 7 }));
        check("", &[("SEED", "12"), ("MINUTES", "7")], Ok(Task::Seeds { from: 12, count: 1 }));
        check("seeds 5 100", &[("SEED", "12")], Ok(Task::Seeds { from: 5, count: 100 }));
        check("plan a.plan b.plan", &[], Ok(Task::Plans(vec!["a.plan".to_owned(), "b.plan".to_owned()])));
        check("minimise 7", &[], Ok(Task::Minimise(Source::Seed(7), None)));
        check("minimise a.plan", &[], Ok(Task::Minimise(Source::File("a.plan".to_owned()), None)));
        check("minimise 7 presence", &[], Ok(Task::Minimise(Source::Seed(7), Some(Promise::Presence))));
        check("minimise 7 absence", &[], Err("unknown promise \"absence\""));
        check("same 7", &[], Ok(Task::Same(7)));
        check("show 7", &[], Ok(Task::Show(7)));
        let prey = Prey { seconds: 60, promises: Vec::new(), files: vec!["a.plan".to_owned()] };
        check("hunt 60 any a.plan", &[], Ok(Task::Hunt(prey)));
        check("prove a b", &[], Ok(Task::Prove(vec!["a".to_owned(), "b".to_owned()])));
        check("hunt 60 presence,no", &[], Err("unknown promise \"presence,no\""));
        check("same x", &[], Err("\"x\" is not a number"));
        check("", &[("SEED", "x")], Err("\"x\" is not a number"));
        for minutes in ["0", "x", "-1", "1.5"] {
            check("", &[("SEED", "7"), ("MINUTES", minutes)], Err("is not a positive number"));
        }
        check("seeds 1 0", &[], Err("COUNT: \"0\" is not a positive number"));
        check("plan", &[], Err("unknown command \"plan\""));
        check("fly 7", &[], Err("unknown command \"fly 7\""));
    }
}
