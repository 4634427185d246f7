//! Purity and layering, by folder.

use crate::imports::{Module, Named};
use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// What no pure file may name: clocks, threads, channels, processes, sockets, files, the terminal, SQL, and the
/// libraries that provide these. `std::io::Error` and `std::net::IpAddr` are values and allowed.
const OUTSIDE: [&str; 30] = [
    "std::time::Instant::now",
    "std::time::SystemTime",
    "chrono::Local",
    "chrono::Utc::now",
    "crate::now::Now::read",
    "crate::now::local",
    "crate::random::Random::of_the_system",
    "crate::options::Environment::process",
    "std::thread",
    "std::sync::mpsc",
    "crossbeam_channel",
    "std::process",
    "std::env::args",
    "std::env::args_os",
    "std::env::temp_dir",
    "std::env::var",
    "std::env::var_os",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "libc",
    "openssl",
    "paho_mqtt",
    "rusqlite",
];

/// Methods and macros that do the same without a path.
const OUTSIDE_BY_NAME: [&str; 5] = ["elapsed", "print", "println", "eprint", "eprintln"];

/// The types that carry time and randomness as values. What in their modules reads the outside is named by
/// [`OUTSIDE`].
const VALUES: [&str; 2] = ["now", "random"];

/// The layer of a module, in the order in which imports go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Protocol,
    Link,
    Options,
    Core,
    /// Side by side: text for people, and the storage of the server's core.
    UiOrStore,
    Io,
    App,
}

/// `None` for modules that serve several layers, such as the types for time.
fn layer(module: &Module, all: &BTreeMap<Module, Named>) -> Option<Layer> {
    let top = module.first()?;
    let has_layers = ["core", "io"].iter().any(|part| all.contains_key(&vec![top.clone(), (*part).to_owned()]));
    match (top.as_str(), module.get(1).map(String::as_str)) {
        ("protocol", _) => Some(Layer::Protocol),
        ("link", _) => Some(Layer::Link),
        ("options", _) => Some(Layer::Options),
        ("main" | "simulation", _) => Some(Layer::App),
        (_, Some("core")) => Some(Layer::Core),
        (_, Some("ui" | "store")) => Some(Layer::UiOrStore),
        (_, Some("io")) => Some(Layer::Io),
        _ => has_layers.then_some(Layer::App),
    }
}

/// By its folder, or by its own account.
fn is_pure(source: &Source) -> bool {
    let is_any = |names: &[&str]| source.module.iter().any(|name| names.contains(&name.as_str()));
    let is_machine = source.module.first().is_some_and(|top| top == "link") && is_any(&["machine"]);
    source.says_pure || !is_any(&["io"]) && (is_any(&["protocol", "options", "core", "ui"]) || is_machine)
}

/// Each pure file that names the outside, directly or through something of this crate.
pub fn impurities(sources: &[Source], all: &BTreeMap<Module, Named>) -> Vec<String> {
    let outside = |source: &Source| {
        let paths = &all[&source.module].paths;
        let names = |outside: &&&str| {
            paths
                .iter()
                .any(|path| path.strip_prefix(**outside).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
        };
        OUTSIDE.iter().find(names).or_else(|| OUTSIDE_BY_NAME.iter().find(|name| source.names(name))).copied()
    };
    let outside: BTreeMap<&Module, &str> =
        sources.iter().filter_map(|source| Some((&source.module, outside(source)?))).collect();
    let mut found = Vec::new();
    for pure in sources.iter().filter(|source| is_pure(source)).map(|source| &source.module) {
        let (mut open, mut seen) = (vec![pure], BTreeSet::from([pure]));
        while let Some(module) = open.pop() {
            match outside.get(module) {
                Some(what) if module == pure => found.push(format!("{} names {what}", pure.join("/"))),
                Some(what) => found.push(format!("{} names {}, which names {what}", pure.join("/"), module.join("/"))),
                None => open.extend(all[module].modules.iter().filter(|next| {
                    !VALUES.contains(&next.join("/").as_str()) && !next.is_empty() && seen.insert(next)
                })),
            }
        }
    }
    found
}

/// Each import that goes up, and each one between server and client.
pub fn upward(all: &BTreeMap<Module, Named>) -> Vec<String> {
    let mut found = Vec::new();
    for (from, named) in all {
        for to in &named.modules {
            let goes_up = layer(from, all).zip(layer(to, all)).is_some_and(|(from, to)| from < to);
            let ends = [from, to].map(|module| module.first().map(String::as_str));
            let crosses = matches!(ends, [Some("server"), Some("client")] | [Some("client"), Some("server")]);
            if goes_up || crosses {
                found.push(format!("{} names {}", from.join("/"), to.join("/")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::named;

    /// The findings in these files, given as path and text.
    fn found(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let sources: Vec<Source> = files.iter().map(|(file, text)| Source::new(file, text)).collect();
        let all = named(&sources);
        (impurities(&sources, &all), upward(&all))
    }

    #[track_caller]
    fn check_purity(files: &[(&str, &str)], expected: &[&str]) {
        assert_eq!(found(files).0, expected);
    }

    #[test]
    fn a_core_that_names_the_outside_is_found() {
        check_purity(&[("a/core/b.rs", "use std::time::Instant; fn f(at: Instant) {}")], &[]);
        let clock = "use std::time; fn f() -> time::Instant { time::Instant::now() }";
        check_purity(&[("a/core/b.rs", clock)], &["a/core/b names std::time::Instant::now"]);
        check_purity(&[("a/core.rs", "use std::{fs, io};")], &["a/core names std::fs"]);
        check_purity(&[("a/ui/b.rs", "fn f() { println!() }")], &["a/ui/b names println"]);
        check_purity(&[("a/ui/b/c.rs", "fn f() { since.elapsed() }")], &["a/ui/b/c names elapsed"]);
        check_purity(&[("protocol/b.rs", "use std::net::TcpStream;")], &["protocol/b names std::net::TcpStream"]);
        check_purity(&[("protocol/b.rs", "use std::net::IpAddr; use std::io::Error;")], &[]);
        check_purity(&[("link/machine.rs", "use paho_mqtt as mqtt;")], &["link/machine names paho_mqtt"]);
        check_purity(&[("link/paho.rs", "use paho_mqtt as mqtt;"), ("options/io.rs", "use std::fs;")], &[]);
        check_purity(&[("link/b.rs", "//! Pure: b.\nuse std::fs;")], &["link/b names std::fs"]);
        check_purity(&[("a/core/b.rs", "#[cfg(test)]\nmod tests { use std::fs; }")], &[]);
    }

    #[test]
    fn a_core_that_reaches_the_outside_by_way_of_others_is_found() {
        let core = ("a/core/b.rs", "use crate::c::C;");
        check_purity(&[core, ("c.rs", "use crate::d::D;"), ("d.rs", "")], &[]);
        let files = [core, ("c.rs", "use crate::d::D;"), ("d.rs", "use std::thread;")];
        check_purity(&files, &["a/core/b names d, which names std::thread"]);
        let now = ("now.rs", "use std::time::Instant; impl Now { fn read() { Instant::now() } }");
        check_purity(&[("a/core/b.rs", "use crate::now::Now; fn f(now: Now) {}"), now], &[]);
        let read = ("a/core/b.rs", "use crate::now::Now; fn f() { Now::read() }");
        check_purity(&[read, now], &["a/core/b names crate::now::Now::read"]);
    }

    #[track_caller]
    fn check_layers(file: &str, text: &str, expected: &[&str]) {
        let others =
            ["protocol", "link", "options", "client/core", "client/ui", "client/io", "client/app", "server/core"];
        let mut files: Vec<(String, &str)> = others.iter().map(|other| (format!("{other}/x.rs"), "")).collect();
        files.extend(
            ["client", "client/core", "client/io", "server", "server/core"].map(|name| (format!("{name}.rs"), "")),
        );
        files.push((file.to_owned(), text));
        let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), *text)).collect();
        assert_eq!(found(&files).1, expected, "{file}: {text}");
    }

    #[test]
    fn an_import_that_goes_up_is_found() {
        check_layers("client/core/a.rs", "use crate::{protocol::x, link::x, options::x, client::core::x};", &[]);
        check_layers("client/core/a.rs", "use crate::client::ui::x::X;", &["client/core/a names client/ui/x"]);
        check_layers("client/ui/a.rs", "use super::super::io::x::X;", &["client/ui/a names client/io/x"]);
        check_layers("client/io/a.rs", "use crate::client::{ui::x, app::x::X};", &["client/io/a names client/app/x"]);
        check_layers("protocol/a.rs", "fn f() -> crate::link::x::X {}", &["protocol/a names link/x"]);
        check_layers("link/a.rs", "use crate::options::x::X;", &["link/a names options/x"]);
        check_layers("main.rs", "use crate::client::app::x; use crate::server;", &[]);
    }

    #[test]
    fn server_and_client_that_name_each_other_are_found() {
        check_layers("client/app/a.rs", "use crate::server::core::x::X;", &["client/app/a names server/core/x"]);
        check_layers("server.rs", "fn f() { crate::client::core::x::f() }", &["server names client/core/x"]);
    }
}
