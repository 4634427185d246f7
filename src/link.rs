//! The connection to the broker: the only place that names `paho_mqtt`.

pub mod masked_write;
pub mod settings;

pub use masked_write::{masked_writes, tls_in_use};
pub use settings::{Address, Qos, Settings, Tls, Transport, Version};
