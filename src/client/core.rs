//! Pure: what the client decides. Nothing here uses a clock, a thread, a channel, a process, a socket, a file or SQL.

pub mod command;
pub mod conversation;
pub mod ending;
pub mod memo;
pub mod news;
pub mod outbox;
pub mod session;
pub mod unread;
