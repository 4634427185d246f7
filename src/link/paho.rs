//! The words of the paho library: options in its types, results out of its types. Called by the worker only.

use super::{
    Config, Event, Failure, FailureKind, Message, PACKET_BYTES, Publication, Qos, Settings, Subscription, Tls,
    Transport, WillOf, probe,
};
use paho_mqtt as mqtt;
use std::time::Duration;

/// Publications that paho may hold at a time; the worker's own window stays below it, since paho refuses above.
pub const BUFFERED: i32 = 4_096;
/// How long paho waits for the broker's answer to CONNECT, the TCP and TLS handshakes included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a broker keeps the session of an absent link (MQTT 5; in 3.1.1 it is the broker's to say).
const SESSION_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);

/// A new handle, with no persistence of paho's own: the program's promises do not rest on it.
pub fn create(config: &Config, version: u32) -> mqtt::Result<mqtt::AsyncClient> {
    let options = mqtt::CreateOptionsBuilder::new()
        .server_uri(uri(&config.settings))
        .client_id(&config.client_id)
        .persistence(mqtt::PersistenceType::None)
        .mqtt_version(version)
        .max_buffered_messages(BUFFERED)
        .finalize();
    mqtt::AsyncClient::new(options)
}

fn uri(settings: &Settings) -> String {
    let scheme = match (settings.address.transport, settings.tls.is_some()) {
        (Transport::Tcp, false) => "tcp",
        (Transport::Tcp, true) => "ssl",
        (Transport::WebSocket, false) => "ws",
        (Transport::WebSocket, true) => "wss",
    };
    // paho takes what follows the last colon for the port, wherever it stands.
    let path = settings.address.path.replace(':', "%3A");
    format!("{scheme}://{}{path}", settings.address)
}

/// Options for one connection; `Err` names a file of the TLS settings that cannot be used.
pub fn connect_options(config: &Config, version: u32, conn: u32) -> Result<mqtt::ConnectOptions, Failure> {
    let settings = &config.settings;
    let mut options = match (settings.address.transport, version >= mqtt::MQTT_VERSION_5) {
        (Transport::Tcp, true) => mqtt::ConnectOptionsBuilder::new_v5(),
        (Transport::Tcp, false) => mqtt::ConnectOptionsBuilder::with_mqtt_version(version),
        (Transport::WebSocket, true) => mqtt::ConnectOptionsBuilder::new_ws_v5(),
        (Transport::WebSocket, false) => mqtt::ConnectOptionsBuilder::new_ws(),
    };
    if version >= mqtt::MQTT_VERSION_5 {
        // Never clean_session here: on an MQTT 5 builder it resets the version.
        options.clean_start(!config.persistent);
        options.properties(properties(config.persistent));
    } else {
        options.clean_session(!config.persistent);
    }
    options.keep_alive_interval(settings.keep_alive).connect_timeout(CONNECT_TIMEOUT).max_inflight(BUFFERED);
    if let Some(username) = &settings.username {
        options.user_name(username);
    }
    if let Some(password) = &settings.password {
        options.password(password.as_str());
    }
    if let Some(will) = will(&config.will, conn) {
        options.will_message(will);
    }
    if let Some(tls) = &settings.tls {
        options.ssl_options(ssl_options(tls)?);
    }
    Ok(options.finalize())
}

/// What a CONNECT of MQTT 5 asks for.
fn properties(persistent: bool) -> mqtt::Properties {
    let mut properties = mqtt::Properties::new();
    let mut ask = |code, value| {
        if let Err(error) = properties.push_u32(code, value) {
            log::warn!("cannot ask the broker for {code:?}: {error}");
        }
    };
    ask(mqtt::PropertyCode::MaximumPacketSize, PACKET_BYTES);
    if persistent {
        ask(mqtt::PropertyCode::SessionExpiryInterval, SESSION_EXPIRY.as_secs() as u32);
    }
    properties
}

fn will(will: &Option<WillOf>, conn: u32) -> Option<mqtt::Message> {
    will.as_ref().map(|will| message(&will(conn)))
}

fn ssl_options(tls: &Tls) -> Result<mqtt::SslOptions, Failure> {
    // First, since paho looks only at whether a file is there, and would ask for a key's passphrase on the terminal.
    probe::check_files(tls)?;
    let mut options = mqtt::SslOptionsBuilder::new();
    let unusable = |error: mqtt::Error| {
        Failure::new(
            FailureKind::LocalFile,
            format!("a certificate or key file cannot be used: {error}"),
            "check the files given with --cafile, --capath, --cert and --key",
        )
    };
    if let Some(path) = &tls.cafile {
        options.trust_store(path).map_err(unusable)?;
    }
    if let Some(path) = &tls.capath {
        options.ca_path(path).map_err(unusable)?;
    }
    if let Some(path) = &tls.cert {
        options.key_store(path).map_err(unusable)?;
    }
    if let Some(path) = &tls.key {
        options.private_key(path).map_err(unusable)?;
    }
    // An authority that was named is the only one that counts.
    options.disable_default_trust_store(tls.cafile.is_some() || tls.capath.is_some());
    options.enable_server_cert_auth(true);
    // Without this paho checks the chain and not the host name.
    options.verify(!tls.insecure);
    Ok(options.finalize())
}

pub fn message(publication: &Publication) -> mqtt::Message {
    mqtt::MessageBuilder::new()
        .topic(publication.topic.as_str())
        .payload(publication.payload.as_slice())
        .qos(qos(publication.qos))
        .retained(publication.retain)
        .finalize()
}

/// Subscribes to all of these in one request.
pub fn subscribe(client: &mqtt::AsyncClient, subscriptions: &[Subscription], version: u32) -> mqtt::Token {
    let filters: Vec<&str> = subscriptions.iter().map(|subscription| subscription.filter.as_str()).collect();
    let levels: Vec<mqtt::QoS> = subscriptions.iter().map(|subscription| qos(subscription.qos)).collect();
    if version < mqtt::MQTT_VERSION_5 {
        return client.subscribe_many(&filters, &levels);
    }
    let options: Vec<mqtt::SubscribeOptions> = subscriptions
        .iter()
        .map(|subscription| mqtt::SubscribeOptions::new(subscription.no_local, false, None))
        .collect();
    client.subscribe_many_with_options(&filters, &levels, &options, None)
}

pub fn qos(qos: Qos) -> mqtt::QoS {
    match qos {
        Qos::AtMostOnce => mqtt::QoS::AtMostOnce,
        Qos::AtLeastOnce => mqtt::QoS::AtLeastOnce,
        Qos::ExactlyOnce => mqtt::QoS::ExactlyOnce,
    }
}

pub fn arrived(message: &mqtt::Message) -> Event {
    Event::Message(Message {
        topic: message.topic().to_owned(),
        payload: message.payload().to_vec(),
        qos: match message.qos() {
            mqtt::QoS::AtMostOnce => Qos::AtMostOnce,
            mqtt::QoS::AtLeastOnce => Qos::AtLeastOnce,
            mqtt::QoS::ExactlyOnce => Qos::ExactlyOnce,
        },
        retained: message.retained(),
    })
}

/// The code with which the broker refused a connection, where it answered at all.
pub fn connack(error: &mqtt::Error) -> Option<u8> {
    match error {
        mqtt::Error::ConnectReturn(code) => Some(*code as u8),
        mqtt::Error::ReasonCode(code, _) => Some(*code as u8),
        _ => None,
    }
}

/// The broker may not speak MQTT 5: it said so, or it ended the connection without a word.
pub fn wants_older_version(error: &mqtt::Error) -> bool {
    use mqtt::Error::{Disconnected, Failure, TcpConnectCompletionFailure};
    match connack(error) {
        Some(code) => matches!(code, 1 | 0x84),
        None => matches!(error, Failure | Disconnected | TcpConnectCompletionFailure),
    }
}
