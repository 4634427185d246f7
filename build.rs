//! Puts the functions of src/link/guard/ in place of those named here, whoever calls them: in programs, tests, examples
//! and benches of this package, on Linux. src/link/guard.rs says why. docs/bots.md has the same for other packages.

const WRAPPED: [&str; 4] =
    ["writev", "SSL_write", "MQTTAsync_setMessageArrivedCallback", "MQTTAsync_setConnectionLostCallback"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The target's system, not that of the machine that builds. The linkers of other systems have no --wrap, and there
    // the functions of src/link/guard/ are left out too.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        for function in WRAPPED {
            println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
        }
    }
}
