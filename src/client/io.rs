//! The client's outside resources: each module owns one and decides nothing.

pub(crate) mod door;
pub mod heartbeat;
pub mod input;
pub mod keeper;
pub mod memory;
pub mod screen;
pub mod uplink;
mod worker;
