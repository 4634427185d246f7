//! A chat over the MQTT broker you already have.

pub mod link;
pub mod nearest;
pub mod options;
