//! A chat over the MQTT broker you already have.

pub mod check;
pub mod client;
mod gauge;
pub mod link;
mod logging;
pub mod nearest;
pub mod now;
pub mod options;
pub mod protocol;
pub mod random;
pub mod server;
pub mod signals;
#[cfg(feature = "simulation")]
pub mod simulation;
mod terminal;
pub mod transfer;
