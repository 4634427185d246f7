//! The connection to the broker: the only place that names `paho_mqtt`.

pub mod settings;

pub use settings::{Address, Qos, Settings, Tls, Transport, Version};
