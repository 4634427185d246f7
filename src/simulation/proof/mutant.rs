//! A mutant: a bug that `make simulate-proof` puts into a copy of the sources. It is a text file in `tests/mutants`:
//!
//! ```text
//! # What it breaks, and what that does to users.
//! breaks nothing lost, everybody has it
//! plan missed-server
//! in src/server/core/marks.rs
//! ---- old
//!         self.times.clear();
//! ---- new
//! ---- end
//! ```
//!
//! `breaks` names the promises that the simulation must find broken. `plan` is optional and names a file of `tests/plans`.
//! There may be several replacements, and several files. Each old text consists of whole lines and occurs exactly once.

use crate::simulation::verdict::Promise;
use std::collections::BTreeMap;

/// Sources by their path below the package's folder.
pub type Sources = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    pub name: String,
    /// Comment lines, without their `#`.
    pub notes: Vec<String>,
    /// One of these is enough.
    pub breaks: Vec<Promise>,
    /// The name of a plan that finds it.
    pub plan: Option<String>,
    edits: Vec<Edit>,
}

/// Replaces a part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    file: String,
    old: String,
    new: String,
}

impl Mutant {
    /// # Errors
    /// If a line is not understood, or something is missing.
    pub fn parse(name: &str, text: &str) -> Result<Mutant, String> {
        let mut mutant =
            Mutant { name: name.to_owned(), notes: Vec::new(), breaks: Vec::new(), plan: None, edits: Vec::new() };
        let mut file = None;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (word, rest) {
                ("", _) => {}
                ("#", note) => mutant.notes.push(note.to_owned()),
                ("breaks", promises) => {
                    for promise in promises.split(", ") {
                        let known = Promise::parse(promise).ok_or_else(|| format!("unknown promise {promise:?}"))?;
                        mutant.breaks.push(known);
                    }
                }
                ("plan", plan) => mutant.plan = Some(plan.to_owned()),
                ("in", path) => file = Some(path.to_owned()),
                ("----", "old") => {
                    let file = file.clone().ok_or("a replacement comes before its file")?;
                    let (old, new) = (block(&mut lines, "---- new")?, block(&mut lines, "---- end")?);
                    mutant.edits.push(Edit { file, old, new });
                }
                _ => return Err(format!("unknown line {line:?}")),
            }
        }
        let parts =
            [("comment", mutant.notes.len()), ("promise", mutant.breaks.len()), ("replacement", mutant.edits.len())];
        match parts.iter().find(|(_, count)| *count == 0) {
            Some((part, _)) => Err(format!("it has no {part}")),
            None => Ok(mutant),
        }
    }

    /// Puts the bug into the sources.
    ///
    /// # Errors
    /// If a file is missing, or does not contain the old text exactly once.
    pub fn apply(&self, sources: &mut Sources) -> Result<(), String> {
        for Edit { file, old, new } in &self.edits {
            let text = sources.get_mut(file).ok_or_else(|| format!("there is no {file}"))?;
            let places: Vec<usize> = text.match_indices(old.as_str()).map(|(at, _)| at).collect();
            let places: Vec<usize> =
                places.into_iter().filter(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n').collect();
            match places[..] {
                [at] => text.replace_range(at..at + old.len(), new),
                _ => return Err(format!("{file} contains this {} times, not once:\n{old}", places.len())),
            }
        }
        Ok(())
    }
}

/// The lines before `end`.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>, end: &str) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match lines.next() {
            Some(line) if line == end => return Ok(text),
            Some(line) => text.extend([line, "\n"]),
            None => return Err(format!("{end:?} is missing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::proof::{mutants, sources};

    const TEXT: &str = "# Loses b.\nbreaks nothing lost, shown once\nplan some\nin src/a.rs\n---- old\nb\n---- new\n---- end\n\
                        ---- old\nc\n---- new\n  c\nc\n---- end\n";

    fn applied(text: &str) -> Result<String, String> {
        let mut sources = Sources::from([("src/a.rs".to_owned(), text.to_owned())]);
        Mutant::parse("some", TEXT)?.apply(&mut sources)?;
        Ok(sources.remove("src/a.rs").unwrap_or_default())
    }

    #[test]
    fn a_text_becomes_a_mutant() {
        let mutant = Mutant::parse("some", TEXT).unwrap();
        assert_eq!((mutant.notes, mutant.plan), (vec!["Loses b.".to_owned()], Some("some".to_owned())));
        assert_eq!(mutant.breaks, [Promise::NothingLost, Promise::ShownOnce]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (from, to) in [("nothing lost", "nothing"), ("in src/a.rs\n", ""), ("# Loses b.\n", ""), ("---- end\n", "")]
        {
            assert!(Mutant::parse("some", &TEXT.replace(from, to)).is_err(), "without {from:?}");
        }
    }

    #[test]
    fn each_old_text_must_be_there_once() {
        assert_eq!(applied("a\nb\nc\n").as_deref(), Ok("a\n  c\nc\n"));
        for text in ["a\nc\n", "b\nc\nb\n", "ab\nc\n"] {
            assert!(applied(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_mutant_applies_and_its_plan_exists() {
        let (mutants, sources) = (mutants().unwrap(), sources().unwrap());
        for mutant in mutants {
            if let Err(error) = mutant.apply(&mut sources.clone()) {
                panic!("tests/mutants/{}.mutant: {error}", mutant.name);
            }
            if let Some(plan) = &mutant.plan {
                assert!(crate::simulation::proof::plan_path(plan).exists(), "{} has no plan {plan}", mutant.name);
            }
        }
    }
}
