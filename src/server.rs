//! The chat server.

mod roster;
