//! The imports: which files each file names, and cycles among them.

use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// A module's path below the crate; `[]` for the crate itself.
pub type Module = Vec<String>;

/// What a file names.
#[derive(Default)]
pub struct Named {
    /// Whole paths, such as `std::fs::File` or `crate::link::Message`.
    pub paths: BTreeSet<String>,
    /// The modules of this crate that define the named items.
    pub modules: BTreeSet<Module>,
}

/// The paths that a module's `use` brings into scope, by their names there.
struct Scopes(BTreeMap<Module, BTreeMap<String, Vec<String>>>);

/// What every source names. A re-exported name (`pub use`) leads to the module that defines it; the re-exporting module
/// does not count as naming it.
pub fn named(sources: &[Source]) -> BTreeMap<Module, Named> {
    let mut scopes = Scopes(sources.iter().map(|source| (source.module.clone(), BTreeMap::new())).collect());
    for source in sources {
        let used = uses(&source.tokens).into_iter();
        let used = used.map(|used| (used.name, scopes.absolute(&source.module, &used.path))).collect();
        scopes.0.insert(source.module.clone(), used);
    }
    let of = |source: &Source| {
        let own = uses(&source.tokens).into_iter().filter(|used| !used.is_public).map(|used| used.path);
        let mut named = Named::default();
        for path in own.chain(inline_paths(&source.tokens)).map(|path| scopes.absolute(&source.module, &path)) {
            let home = path.strip_prefix(&["crate".to_owned()]).map(|path| scopes.home(path, 0));
            named.modules.extend(home.filter(|home| *home != source.module));
            named.paths.insert(path.join("::"));
        }
        (source.module.clone(), named)
    };
    sources.iter().map(of).collect()
}

impl Scopes {
    /// A path as written in `module`, made absolute; `crate` is this one.
    fn absolute(&self, module: &Module, path: &[String]) -> Vec<String> {
        let below = |base: &[String], rest: &[String]| [&["crate".to_owned()], base, rest].concat();
        let ups = path.iter().take_while(|name| *name == "super").count();
        match path[0].as_str() {
            "crate" => path.to_vec(),
            "self" => below(module, &path[1..]),
            "super" => below(&module[..module.len().saturating_sub(ups)], &path[ups..]),
            first => match self.0.get(module).and_then(|used| used.get(first)) {
                Some(used) => [used, &path[1..]].concat(),
                None if self.0.contains_key(&[module.as_slice(), &path[..1]].concat()) => below(module, path),
                None => path.to_vec(),
            },
        }
    }

    /// The module that defines the item at a path below the crate.
    fn home(&self, path: &[String], passed_on: usize) -> Module {
        let is_module = |length: &usize| self.0.contains_key(&path[..*length]);
        let (module, rest) = path.split_at((0..=path.len()).rev().find(is_module).unwrap_or(0));
        let scope = self.0.get(module);
        match rest.first().and_then(|name| scope?.get(name)?.strip_prefix(&["crate".to_owned()])) {
            // Two modules that re-export a name from each other define it nowhere.
            Some(next) if passed_on < 10 && next != path => self.home(&[next, &rest[1..]].concat(), passed_on + 1),
            _ => module.to_vec(),
        }
    }
}

/// A path in a `use`.
struct Use {
    /// Its name in the module.
    name: String,
    path: Vec<String>,
    /// `pub use`: it is re-exported.
    is_public: bool,
}

fn uses(tokens: &[String]) -> Vec<Use> {
    let mut used = Vec::new();
    for (index, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "use") {
        let mut found = Vec::new();
        tree(&tokens[index + 1..], Vec::new(), &mut found);
        let is_public = index > 0 && matches!(tokens[index - 1].as_str(), "pub" | ")");
        used.extend(found.into_iter().map(|(name, path)| Use { name, path, is_public }));
    }
    used
}

/// Reads one branch of a `use` after `prefix`; returns the remaining tokens.
fn tree<'a>(mut tokens: &'a [String], prefix: Vec<String>, used: &mut Vec<(String, Vec<String>)>) -> &'a [String] {
    let mut path = prefix;
    while let Some((token, rest)) = tokens.split_first() {
        tokens = rest;
        match token.as_str() {
            "::" => {}
            "{" => {
                while !matches!(tokens.first().map(String::as_str), None | Some("}")) {
                    tokens = tree(tokens, path.clone(), used);
                    tokens = tokens.strip_prefix(&[",".to_owned()]).unwrap_or(tokens);
                }
                return tokens.get(1..).unwrap_or_default();
            }
            "self" if !path.is_empty() => {}
            "*" => {}
            "as" => {
                used.push((tokens[0].clone(), path));
                return &tokens[1..];
            }
            name => path.push(name.to_owned()),
        }
        if matches!(tokens.first().map(String::as_str), Some("," | "}" | ";")) {
            used.push((path.last().cloned().unwrap_or_default(), path));
            return tokens;
        }
    }
    tokens
}

/// Every path of at least two names outside a `use`, including those that begin with a name in scope.
fn inline_paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if tokens[index] == "use" {
            index += tokens[index..].iter().position(|token| token == ";").unwrap_or(1);
        }
        let (first, mut path) = (index, vec![tokens[index].clone()]);
        while tokens.get(index + 1).is_some_and(|token| token == "::") && index + 2 < tokens.len() {
            index += 2;
            path.push(tokens[index].clone());
        }
        let is_visibility = first > 1 && tokens[first - 1] == "in" && tokens[first - 2] == "(";
        if path.len() > 1 && !is_visibility {
            paths.push(path);
        }
        index += 1;
    }
    paths
}

/// Cycles among the parts of a folder: two or more that name each other, perhaps through others, as `client: app → io →
/// app`.
///
/// A module and its submodules may name each other: a part that is split into files stays one part (`impl` blocks of a
/// type, and shared types). Everything else must be layered: for each folder, a file together with the folder of the
/// same name is one part, and no part may lead back to itself.
pub fn cycles(named: &BTreeMap<Module, Named>) -> Vec<String> {
    let mut folders: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (from, named) in named {
        for to in &named.modules {
            let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if let (Some(part), Some(other)) = (from.get(common), to.get(common)) {
                let folder = folders.entry(from[..common].to_vec()).or_default();
                folder.entry(part.clone()).or_default().insert(other.clone());
            }
        }
    }
    let cycles = folders.iter().flat_map(|(folder, parts)| {
        let name = if folder.is_empty() { "src".to_owned() } else { folder.join("/") };
        cycle(parts).map(|cycle| format!("{name}: {}", cycle.join(" → ")))
    });
    cycles.collect()
}

/// The first part that leads back to itself, with the way.
fn cycle(parts: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    parts.keys().find_map(|start| {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for next in parts.get(way.last()?).into_iter().flatten() {
                let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
                if next == start {
                    return Some(longer);
                }
                if seen.insert(next.clone()) {
                    ways.push(longer);
                }
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> BTreeMap<Module, Named> {
        named(&files.iter().map(|(file, text)| Source::new(file, text)).collect::<Vec<_>>())
    }

    /// `expected`: the modules that a.rs names, next to b.rs, b/c.rs (which b.rs re-exports in part) and a/d.rs.
    #[track_caller]
    fn check(a: &str, expected: &[&str]) {
        let b = "pub mod c;\npub use c::{Inner, deep as shallow};\npub struct Own;";
        let all = of(&[("lib.rs", ""), ("a.rs", a), ("a/d.rs", ""), ("b.rs", b), ("b/c.rs", "pub struct Inner;")]);
        let named: Vec<String> = all[&vec!["a".to_owned()]].modules.iter().map(|module| module.join("::")).collect();
        assert_eq!(named, expected, "{a}");
    }

    #[test]
    fn paths_lead_to_files() {
        check("use std::fs;", &[]);
        check("use crate::b::Own;", &["b"]);
        check("use super::b::{self, Own};", &["b"]);
        check("use crate::b::Inner;", &["b::c"]);
        check("use crate::b::{Own, c::{Inner, x}};", &["b", "b::c"]);
        check("use crate::b; fn f() { b::c::f() }", &["b", "b::c"]);
        check("use crate::b as other; fn f() { other::shallow() }", &["b", "b::c"]);
        check("mod d; fn f() -> crate::b::Own { d::f() }", &["a::d", "b"]);
        check("mod d; use self::d::X;", &["a::d"]);
        check("pub(in crate::b) fn f() {}", &[]);
        check("pub use crate::b::Own;", &[]);
        check("// crate::b::Own", &[]);
    }

    #[test]
    fn paths_of_other_crates_are_whole() {
        let all = of(&[("a.rs", "use std::{fs::{self, File}, time::Instant}; fn f() { Instant::now(); fs::read() }")]);
        let paths: Vec<&str> = all[&vec!["a".to_owned()]].paths.iter().map(String::as_str).collect();
        let expected = ["std::fs", "std::fs::File", "std::fs::read", "std::time::Instant", "std::time::Instant::now"];
        assert_eq!(paths, expected);
    }

    #[test]
    fn cycles_are_found() {
        let found = |files: &[(&str, &str)]| cycles(&of(files)).join("; ");
        assert_eq!(found(&[("a.rs", "use crate::b::B;"), ("b.rs", "")]), "");
        assert_eq!(found(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;")]), "src: a → b → a");
        let three = [("x/a.rs", "use super::b::B;"), ("x/b.rs", "use super::c::C;"), ("x/c.rs", "use super::a::A;")];
        assert_eq!(found(&three), "x: a → b → c → a");
        // The files of two folders, although no two files name each other.
        let folders =
            [("x/a.rs", "use crate::y::b::B;"), ("y/b.rs", ""), ("y/c.rs", "use crate::x::d::D;"), ("x/d.rs", "")];
        assert_eq!(found(&folders), "src: x → y → x");
        // A module and its submodules are one part.
        assert_eq!(found(&[("a.rs", "mod b; use b::B;"), ("a/b.rs", "use super::A;")]), "");
    }
}
