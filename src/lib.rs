//! A chat over the MQTT broker you already have.

pub mod link;
pub mod now;
pub mod protocol;
pub mod random;
pub mod server;
