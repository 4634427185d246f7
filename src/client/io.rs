//! What the client touches of the world outside: each module owns one resource and decides nothing.

mod door;
pub mod heartbeat;
pub mod input;
pub mod keeper;
pub mod memory;
pub mod screen;
pub mod uplink;
