//! Translates between the link and the paho library: options into its types, results out of them.

use crate::link::machine::{Attempt, Input, NotConnected, Settlement};
use crate::link::{
    Failure, FailureKind, Message, PACKET_BYTES, Publication, Qos, Settings, Subscription, Tls, Transport, Version,
    probe, tls_in_use,
};
use paho_mqtt as mqtt;
use std::time::Duration;

/// The most publications that paho may hold. The machine's window is smaller, because paho refuses more.
const BUFFERED: i32 = 4_096;
/// How long paho waits for the answer to CONNECT, including the TCP and TLS handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a broker keeps the session of an absent link (MQTT 5; in 3.1.1 the broker decides).
const SESSION_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);

/// A new handle without paho's own persistence, which no promise of this program needs.
pub fn create(settings: &Settings, attempt: &Attempt) -> mqtt::Result<mqtt::AsyncClient> {
    let options = mqtt::CreateOptionsBuilder::new()
        .server_uri(uri(settings))
        .client_id(&attempt.client_id)
        .persistence(mqtt::PersistenceType::None)
        .mqtt_version(version(attempt.version))
        .max_buffered_messages(BUFFERED)
        .finalize();
    mqtt::AsyncClient::new(options)
}

fn version(version: Version) -> u32 {
    match version {
        Version::Auto | Version::V5 => mqtt::MQTT_VERSION_5,
        Version::V311 => mqtt::MQTT_VERSION_3_1_1,
    }
}

fn uri(settings: &Settings) -> String {
    let scheme = match (settings.address.transport, settings.tls.is_some()) {
        (Transport::Tcp, false) => "tcp",
        (Transport::Tcp, true) => "ssl",
        (Transport::WebSocket, false) => "ws",
        (Transport::WebSocket, true) => "wss",
    };
    // paho takes everything after the last colon for the port.
    let path = settings.address.path.replace(':', "%3A");
    format!("{scheme}://{}{path}", settings.address)
}

/// Options for one connection; `Err` names an unusable file of the TLS settings.
pub fn connect_options(settings: &Settings, attempt: &Attempt) -> Result<mqtt::ConnectOptions, Failure> {
    let version = version(attempt.version);
    let mut options = match (settings.address.transport, version >= mqtt::MQTT_VERSION_5) {
        (Transport::Tcp, true) => mqtt::ConnectOptionsBuilder::new_v5(),
        (Transport::Tcp, false) => mqtt::ConnectOptionsBuilder::with_mqtt_version(version),
        (Transport::WebSocket, true) => mqtt::ConnectOptionsBuilder::new_ws_v5(),
        (Transport::WebSocket, false) => mqtt::ConnectOptionsBuilder::new_ws(),
    };
    if version >= mqtt::MQTT_VERSION_5 {
        // Never clean_session: on an MQTT 5 builder it resets the version.
        options.clean_start(!attempt.persistent);
        options.properties(properties(attempt.persistent));
    } else {
        options.clean_session(!attempt.persistent);
    }
    options.keep_alive_interval(settings.keep_alive).connect_timeout(CONNECT_TIMEOUT).max_inflight(BUFFERED);
    if let Some(username) = &settings.username {
        options.user_name(username);
    }
    if let Some(password) = &settings.password {
        options.password(password.as_str());
    }
    if let Some(will) = &attempt.will {
        options.will_message(message(will));
    }
    if let Some(tls) = &settings.tls {
        options.ssl_options(ssl_options(tls)?);
    }
    Ok(options.finalize())
}

/// The properties of an MQTT 5 CONNECT.
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

fn ssl_options(tls: &Tls) -> Result<mqtt::SslOptions, Failure> {
    // First, because paho only checks that a file exists, and would ask for a key's passphrase on the terminal.
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
    // If an authority is given, no other is trusted.
    options.disable_default_trust_store(tls.cafile.is_some() || tls.capath.is_some());
    options.enable_server_cert_auth(true);
    // Otherwise paho checks the chain but not the host name.
    options.verify(!tls.insecure);
    Ok(options.finalize())
}

pub fn message(publication: &Publication) -> mqtt::Message {
    mqtt::MessageBuilder::new()
        .topic(publication.topic.as_str())
        .payload(publication.payload.as_slice())
        .qos(publication.qos as i32)
        .retained(publication.retain)
        .finalize()
}

/// Subscribes to all of these in one request.
pub fn subscribe(client: &mqtt::AsyncClient, subscriptions: &[Subscription]) -> mqtt::Token {
    let filters: Vec<&str> = subscriptions.iter().map(|subscription| subscription.filter.as_str()).collect();
    let levels: Vec<i32> = subscriptions.iter().map(|subscription| subscription.qos as i32).collect();
    if client.mqtt_version_raw() < mqtt::MQTT_VERSION_5 {
        return client.subscribe_many(&filters, &levels);
    }
    let options: Vec<mqtt::SubscribeOptions> = subscriptions
        .iter()
        .map(|subscription| mqtt::SubscribeOptions::new(subscription.no_local, false, None))
        .collect();
    client.subscribe_many_with_options(&filters, &levels, &options, None)
}

pub fn arrived(message: &mqtt::Message) -> Message {
    Message {
        topic: message.topic().to_owned(),
        payload: message.payload().to_vec(),
        qos: match message.qos() {
            mqtt::QoS::AtMostOnce => Qos::AtMostOnce,
            mqtt::QoS::AtLeastOnce => Qos::AtLeastOnce,
            mqtt::QoS::ExactlyOnce => Qos::ExactlyOnce,
        },
        retained: message.retained(),
    }
}

/// The result of an attempt. The TLS details are those of the last write, which was this CONNECT unless the process has
/// another connection.
pub fn connected(generation: u64, result: mqtt::Result<mqtt::ServerResponse>, is_tls: bool) -> Input {
    match result {
        Ok(response) => {
            let session_present = response.connect_response().is_some_and(|connect| connect.session_present);
            Input::Connected { generation, session_present, tls: is_tls.then(tls_in_use).flatten() }
        }
        Err(error) => Input::NotConnected { generation, why: refusal(&error) },
    }
}

/// Why there is no connection.
pub fn refusal(error: &mqtt::Error) -> NotConnected {
    use mqtt::Error::{ConnectReturn, Disconnected, Failure, ReasonCode, TcpConnectCompletionFailure};
    match error {
        ConnectReturn(code) => NotConnected::Refused(*code as u8),
        ReasonCode(code, _) => NotConnected::Refused(*code as u8),
        _ => NotConnected::Failed {
            error: error.to_string(),
            silent: matches!(error, Failure | Disconnected | TcpConnectCompletionFailure),
        },
    }
}

/// Which of the filters a SUBACK granted; `None` without a SUBACK.
pub fn granted(result: mqtt::Result<mqtt::ServerResponse>, filters: usize) -> Option<Vec<bool>> {
    /// Higher codes are refusals, in 3.1.1 and in 5.
    const HIGHEST_QOS: i32 = 2;
    match result {
        Ok(response) => {
            let codes = response.subscribe_many_response();
            let codes = codes.or_else(|| response.subscribe_response().map(|code| vec![code])).unwrap_or_default();
            Some(codes.into_iter().map(|code| code <= HIGHEST_QOS).collect())
        }
        // For a single filter, paho turns the refusal into an error: with a reason in MQTT 5, without one in 3.1.1.
        Err(mqtt::Error::ReasonCode(..) | mqtt::Error::Failure) => Some(vec![false; filters]),
        Err(_) => None,
    }
}

/// The result of a publication.
pub fn settlement(result: mqtt::Result<()>) -> Settlement {
    match result {
        Ok(()) => Settlement::Published,
        // A reason code is the broker's answer. After any other error, the broker may or may not have the message.
        Err(mqtt::Error::ReasonCode(code, _)) => Settlement::Rejected { reason: code.to_string() },
        Err(_) => Settlement::Unknown,
    }
}
