//! The chat server.

mod history;
mod roster;
