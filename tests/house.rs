//! The rules of the house, read from the source: which file may name what.

// Linked for the functions that build.rs puts in place of `writev` and `SSL_write`.
use mqttchat as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Every source file, as its path below src/ and its code without comments and unit tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let name = |path: &PathBuf| path.strip_prefix(&root).expect("below src").display().to_string();
    let sources: Vec<_> =
        files.iter().map(|path| (name(path), code(&fs::read_to_string(path).expect("text")))).collect();
    assert!(sources.len() > 40, "the sources were found");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

fn code(text: &str) -> String {
    let before_tests = text.split("\nmod tests {").next().unwrap_or_default();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

#[track_caller]
fn nobody_names(what: &[&str], but: impl Fn(&str) -> bool) {
    for (file, code) in sources().iter().filter(|(file, _)| !is_test(file) && !but(file)) {
        for word in what {
            assert!(!code.contains(word), "src/{file} names {word}");
        }
    }
}

#[test]
fn only_the_link_names_paho() {
    nobody_names(&["paho_mqtt"], |file| file.starts_with("link"));
}

#[test]
fn only_the_store_and_the_clients_memory_name_sql() {
    let named = ["server/store/sqlite", "client/io/memory"];
    nobody_names(&["rusqlite"], |file| named.iter().any(|prefix| file.starts_with(prefix)));
}

#[test]
fn the_cores_know_no_clock_thread_channel_or_process() {
    let cores = |file: &str| {
        let folders = ["protocol", "client/core", "client/ui", "server/core"];
        let files = ["nearest", "options", "check/judge", "check/report", "check/step", "transfer/line"];
        folders.iter().chain(&files).any(|prefix| file.starts_with(prefix))
            // Its purpose: the one view of the process that the options have.
            && file != "options/environment.rs"
    };
    let forbidden = [
        "Instant::now",
        "Utc::now",
        "Local::now",
        "Now::read",
        "thread::",
        "crossbeam_channel",
        "mpsc",
        "std::env::",
        "std::process",
    ];
    nobody_names(&forbidden, |file| !cores(file));
}

#[test]
fn nothing_that_comes_from_outside_panics() {
    // Without randomness no promise can be kept; it says so there.
    nobody_names(&[".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!("], |file| file == "random.rs");
}

#[test]
fn server_and_client_do_not_know_each_other() {
    nobody_names(&["crate::client", "client::"], |file| !file.starts_with("server"));
    nobody_names(&["crate::server", "server::"], |file| !file.starts_with("client"));
}

#[test]
fn the_ground_floors_know_nothing_above_them() {
    let above_protocol =
        ["crate::link", "crate::options", "crate::server", "crate::client", "crate::check", "crate::random"];
    nobody_names(&above_protocol, |file| !file.starts_with("protocol"));
    let above_link = ["crate::protocol", "crate::options", "crate::server", "crate::client", "crate::check"];
    nobody_names(&above_link, |file| !file.starts_with("link"));
    nobody_names(&["crate::server", "crate::client", "crate::check"], |file| !file.starts_with("options"));
}

#[test]
fn every_file_says_first_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "examples", "benches", "tests"] {
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files);
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
            let text = fs::read_to_string(file).expect("text");
            assert!(text.starts_with("//!"), "{} begins without a word about itself", file.display());
        }
    }
}
