//! What the server touches of the world outside: each module owns one resource and decides nothing.

pub mod door;
pub mod folder;
pub mod shell;
pub mod store;
