//! Functions that the linker puts between this program and the Paho C library, to prevent two fatal faults: a failed
//! write that corrupts memory ([`write`]), and a topic that makes the paho crate panic ([`arrival`]).
//!
//! # How
//! build.rs gives the linker `--wrap=NAME` for each function named there. A call of `NAME` from another object file then
//! reaches `__wrap_NAME`, which is defined here: in programs, tests, examples and benches of this package, on Linux, with
//! a static or a shared library and with link-time optimization.
//!
//! # What it does not reach
//! Other systems: their linkers have no `--wrap`, so nothing here is compiled. And programs that use this crate as a
//! library: Cargo gives build.rs's link options only to this package's own programs. Such a program needs the same
//! options in a build.rs of its own (docs/bots.md).
//!
//! # Why no `__real_NAME`
//! `--wrap` offers the wrapped function as `__real_NAME`, but only to a link that has the option. Documentation tests and
//! programs that use this crate do not have it and would fail to link. So every wrapper does its work through a name that
//! is not wrapped.

mod arrival;
mod write;

pub use arrival::dropped_messages;
pub use write::{masked_writes, tls_in_use};
