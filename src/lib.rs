//! A chat over the MQTT broker you already have.

pub mod link;
pub mod protocol;
pub mod random;
