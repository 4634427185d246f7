//! The client's shell.

pub mod command;
pub mod conversation;
pub mod json;
pub mod news;
pub mod outbox;
