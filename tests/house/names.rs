//! One meaning per type name: finds names that stand for more than one type.

use crate::source::Source;
use std::collections::BTreeMap;

/// Conventional names, which every core and library-like module defines for itself. The module in front of them tells
/// them apart.
const CONVENTIONAL: [&str; 4] = ["Config", "Error", "Input", "Output"];

/// Where the simulation has models of the client's parts, which bear the names of these.
const MODELS: &str = "simulation/run/client/";

/// Type names that are defined in several files, with these files. A type inside a function does not count, because it
/// is known only there.
pub fn repeated(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.file.starts_with(MODELS)) {
        for name in types(&source.tokens) {
            files.entry(name).or_default().push(source.file.clone());
        }
    }
    files.retain(|name, files| files.len() > 1 && !CONVENTIONAL.contains(&name.as_str()));
    files
}

/// The names of the types that are defined outside functions.
fn types(tokens: &[String]) -> Vec<String> {
    let mut depth = 0;
    let mut types = Vec::new();
    for pair in tokens.windows(2) {
        match pair[0].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "struct" | "enum" | "type" | "trait" | "union" if depth == 0 => types.push(pair[1].clone()),
            _ => {}
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_meaning_is_found() {
        let a = Source::new("a.rs", "pub struct Place { x: u8 }\nenum Error {}\nfn f() { struct Local; }");
        let b = Source::new("b.rs", "type Place = u8;\nenum Error {}\nfn g() { struct Local; }\ntrait Other {}");
        let found = repeated(&[a, b]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("Place".into(), vec!["a.rs".into(), "b.rs".into()])]);
    }
}
