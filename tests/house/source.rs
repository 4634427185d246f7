//! Source files for the checks: a file's module, and its tokens without comments and unit tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A source file of the crate.
pub struct Source {
    /// Its path below src/, such as `client/core/outbox.rs`.
    pub file: String,
    /// Its module, such as `["client", "core", "outbox"]`; empty for lib.rs.
    pub module: Vec<String>,
    /// Names, and all other characters one by one, except `::`, which is one token. A literal is `""` or `''`.
    pub tokens: Vec<String>,
    /// Its first line says that it is pure.
    pub says_pure: bool,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Source {
        let path = file.strip_suffix(".rs").unwrap_or(file);
        let module = path.split('/').filter(|name| *name != "lib").map(str::to_owned).collect();
        Source {
            file: file.to_owned(),
            module,
            tokens: without_tests(tokens(text)),
            says_pure: text.starts_with("//! Pure"),
        }
    }

    /// Whether these names, separated by `::`, occur in the file in sequence.
    pub fn names(&self, path: &str) -> bool {
        let wanted = tokens(path);
        self.tokens.windows(wanted.len()).any(|window| *window == wanted)
    }
}

/// Every file of src, except unit tests in files of their own.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let read = |path: &PathBuf| {
            let file = path.strip_prefix(&root).expect("below src").display().to_string();
            let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
            (!is_test).then(|| Source::new(&file, &fs::read_to_string(path).expect("text")))
        };
        rust_files(&root).iter().filter_map(read).collect()
    });
    assert!(SOURCES.len() > 100, "the sources are found");
    &SOURCES
}

/// The Rust files in a folder and its subfolders.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.into_iter().filter(is_rust).chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = raw_string(rest).or(string(rest, "\"")).or(string(rest, "b\"")) {
            tokens.push("\"\"".to_owned());
            length
        } else if let Some(length) = character(rest) {
            tokens.push("''".to_owned());
            length
        } else if is_name(first) {
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string literal that `text` begins with.
fn string(text: &str, quote: &str) -> Option<usize> {
    let inside = text.strip_prefix(quote)?;
    let mut is_escaped = false;
    let end = inside.find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    Some(quote.len() + end + 1)
}

fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or(text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - inside.len() + inside.find(&end)? + end.len())
}

/// The length of the character literal that `text` begins with; a lifetime is not one.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'').or(text.strip_prefix("b'"))?;
    let content = match inside.strip_prefix('\\') {
        Some(escaped) => 1 + escaped.chars().next()?.len_utf8() + escaped[1..].find('\'')?,
        None => inside.chars().next()?.len_utf8(),
    };
    inside[content..].starts_with('\'').then(|| text.len() - inside.len() + content + 1)
}

/// The tokens without items that are compiled only for tests.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let end = after.iter().position(|token| token == "]").filter(|_| rest.starts_with(&CFG.map(str::to_owned)));
        match end.filter(|end| after[..*end].iter().any(|token| token == "test")) {
            Some(end) => rest = &after[end + 1 + item(&after[end + 1..])..],
            None => {
                kept.push(first.clone());
                rest = after;
            }
        }
    }
    kept
}

/// The beginning of an attribute that may mark an item for tests.
const CFG: [&str; 4] = ["#", "[", "cfg", "("];

/// The number of tokens of the first item: up to its semicolon or closing brace.
fn item(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return index + 1,
            _ => continue,
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Source::new("a/b.rs", text).tokens.join(" "), expected);
    }

    #[test]
    fn comments_literals_and_tests_are_left_out() {
        check("use std::fs; // std::io\n//! x\nfs::read()", "use std :: fs ; fs :: read ( )");
        check(r#"f("std::fs \" // x", b"y") + 1"#, "f ( \"\" , \"\" ) + 1");
        check("f(r#\"a \" b\"#, r\"c\")", "f ( \"\" , \"\" )");
        check("m('\"', '\\'', '\\u{1f}', b'x') x: &'a str", "m ( '' , '' , '' , '' ) x : & ' a str");
        check("#[cfg(test)]\nmod tests;\nfn a() {}", "fn a ( ) { }");
        check("fn a() { #[cfg(test)] b(); c() }\n#[cfg(test)]\nmod tests { fn b() { x } }", "fn a ( ) { c ( ) }");
        check("#[cfg(all(test, unix))]\nmod tests { x } #[cfg(unix)]\nmod b;", "# [ cfg ( unix ) ] mod b ;");
        check("#[cfg(test)]\nimpl A { fn b(&self) -> u8 { 1 } }\nstruct C;", "struct C ;");
    }

    #[test]
    fn a_path_is_found_whole() {
        let source = Source::new("a/b.rs", "let now = std::time::Instant::now();");
        assert!(source.names("Instant::now") && source.names("Instant"));
        assert!(!source.names("Instant::new") && !source.names("now::Instant") && !source.names("Inst"));
        assert_eq!(source.module, ["a", "b"]);
    }
}
