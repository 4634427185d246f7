//! Pure: what the server decides. Nothing here uses a clock, a thread, a channel, a process, a socket, a file or SQL.

pub mod acks;
pub mod chat;
mod clearing;
pub mod direct;
pub mod exchange;
mod marks;
mod notices;
pub mod record;
pub mod rival;
pub mod roster;
mod schedule;
pub mod service;
mod stats;
mod warnings;
