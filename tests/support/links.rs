//! Connections of the test itself, over the crate's link.

use mqttchat::link::{Address, Config, LONGEST_WAIT, Settings, Subscription, Transport, Version};
use mqttchat::random::Random;
use std::time::Duration;

/// For a broker on this machine, without TLS or a login.
pub fn settings(port: u16) -> Settings {
    Settings {
        address: Address { transport: Transport::Tcp, host: "127.0.0.1".to_owned(), port, path: String::new() },
        tls: None,
        username: None,
        password: None,
        keep_alive: Duration::from_secs(30),
        version: Version::Auto,
    }
}

/// A link that gives up at the first failure, and keeps no session.
pub fn link_config(settings: Settings, client_id: &str, subscriptions: Vec<Subscription>) -> Config {
    Config {
        settings,
        client_id: client_id.to_owned(),
        persistent: false,
        will: None,
        subscriptions,
        patient: false,
        longest_wait: LONGEST_WAIT,
        random: Random::of_the_system(),
        lookout: None,
    }
}
