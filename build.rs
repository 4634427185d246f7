//! Puts the functions of src/link/masked_write.rs in place of `writev` and `SSL_write`, whoever
//! calls them: in programs, tests, examples and benches of this crate, on Linux.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The target's system, not that of the machine that builds. The linkers of other systems know
    // no --wrap, and there the wrappers are left out too.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        for function in ["writev", "SSL_write"] {
            println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
        }
    }
}
