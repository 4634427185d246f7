//! The rules of the house, read from the source: which file may name what.
//!
//! Rules go by folder, so that a new file needs no entry anywhere:
//! - `core/`, `ui/`, `protocol/` and `options/` are pure, and so is all that they name, but for a folder's `io` module. So
//!   is each file whose first line says so.
//! - Imports go down only: protocol ← link ← options ← core ← ui ← io ← app ← main. Server and client never name each other.
//! - Nothing in a folder leads back to itself by way of another part of that folder.

mod imports;
mod layers;
mod names;
mod source;

// Linked for the functions that build.rs puts in place of `writev` and `SSL_write`.
use mqttchat as _;
use source::{Source, rust_files, sources};
use std::fs;
use std::path::Path;

/// Every file that names one of these, with what it names.
fn naming(sources: &[Source], words: &[&str], is_asked: impl Fn(&str) -> bool) -> Vec<String> {
    let asked = sources.iter().filter(|source| is_asked(&source.file));
    let named = asked.flat_map(|source| {
        let words = words.iter().filter(|word| source.names(word));
        words.map(|word| format!("src/{} names {word}", source.file))
    });
    named.collect()
}

#[track_caller]
fn check_none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn cores_and_user_interface_are_pure() {
    check_none(layers::impurities(sources(), &imports::named(sources())));
}

#[test]
fn imports_only_go_down() {
    check_none(layers::upward(&imports::named(sources())));
}

#[test]
fn no_parts_of_a_folder_name_each_other_in_a_circle() {
    check_none(imports::cycles(&imports::named(sources())));
}

#[test]
fn only_the_link_names_paho() {
    check_none(naming(sources(), &["paho_mqtt"], |file| !file.starts_with("link")));
}

#[test]
fn only_the_store_and_the_clients_memory_name_sql() {
    let named = ["server/store/sqlite", "client/io/memory", "simulation/disk"];
    check_none(naming(sources(), &["rusqlite"], |file| !named.iter().any(|prefix| file.starts_with(prefix))));
}

#[test]
fn nothing_that_comes_from_outside_panics() {
    // Without randomness no promise can be kept, as random.rs explains. The simulation is a test.
    let is_asked = |file: &str| file != "random.rs" && !file.starts_with("simulation");
    check_none(naming(sources(), &[".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!("], is_asked));
}

#[test]
fn a_type_name_has_one_meaning() {
    let repeated = names::repeated(sources()).into_iter();
    check_none(repeated.map(|(name, files)| format!("{name} is defined in {}", files.join(" and in "))).collect());
}

#[test]
fn every_file_begins_with_its_description_and_is_not_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "examples", "benches", "tests"] {
        for file in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&file).expect("text");
            assert!(text.starts_with("//!"), "{} begins without a word about itself", file.display());
            let lines = text.lines().count();
            assert!(lines <= 400, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn a_name_is_found_where_it_stands() {
    let source = [Source::new("a.rs", "fn f() { x.unwrap() }\n// panic!()")];
    assert_eq!(naming(&source, &[".unwrap()", "panic!("], |_| true), ["src/a.rs names .unwrap()"]);
    assert!(naming(&source, &[".unwrap()"], |file| file != "a.rs").is_empty());
}
