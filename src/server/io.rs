//! The server's outside resources: each module owns one and decides nothing.

pub mod door;
pub mod folder;
pub mod shell;
pub mod store;
