//! Options in the environment and the option file for another broker than the one in use do not count.

use super::{BARE, World, option_file as file, scheme, variables};
use mqttchat::link::Transport;
use mqttchat::options::Invocation;
use proptest::prelude::*;

const TLS: &str = "--host f\n--port 8883\n--username alice\n--password-file /etc/password\n--id mine";
const OTHERS_SEE: &str =
    "others on this machine can see the password in `ps`; --password-file or MQTT_PASSWORD hides it";

/// `expected` as `scheme://user:password@host:port/path id`, an absent part as `-`; and the hints.
#[track_caller]
fn check(world: World, line: &str, expected: &str, hints: &[&str]) {
    let connection = world.connection(line);
    let settings = connection.settings;
    let part = |part: Option<String>| part.unwrap_or("-".into());
    let scheme = scheme(&settings);
    let login = format!("{}:{}", part(settings.username), part(settings.password));
    let (address, path) = (&settings.address, &settings.address.path);
    assert_eq!(format!("{scheme}://{login}@{address}{path} {}", part(connection.client_id)), expected, "{line}");
    assert_eq!(connection.warnings, hints, "{line}");
}

#[test]
fn a_login_is_for_the_broker_in_the_option_file() {
    let of_f = "the option file is for f:8883; not used with this broker: ";
    check(file(TLS), "", "tls://alice:secret @f:8883 mine", &[]);
    check(file(TLS), "f", "tls://alice:secret @f:8883 mine", &[]);
    check(file(TLS), "F:8883", "tls://alice:secret @F:8883 mine", &[]);
    check(file(TLS), "mqtts://f", "tls://alice:secret @f:8883 mine", &[]);
    let all = format!("{of_f}--port, --username, --password-file, --id");
    check(file(TLS), "h", "tcp://-:-@h:1883 -", &[&all]);
    check(file(TLS), "-h h", "tcp://-:-@h:1883 -", &[&all]);
    let login = format!("{of_f}--username, --password-file, --id");
    for line in ["localhost:31999", "localhost -p 31999", "localhost 31999"] {
        check(file(TLS), line, "tcp://-:-@localhost:31999 -", &[&login]);
    }
    // The same host, but perhaps somebody else's program.
    check(file(TLS), "f:31999", "tcp://-:-@f:31999 -", &[&login]);
    check(file(TLS), "-p 31999", "tcp://-:-@f:31999 -", &[&login]);
    check(file(TLS), "mqtt://f", "tcp://-:-@f:1883 -", &[&login]);
    // Typed options are for the broker in use. The options that they replace are not missed.
    check(file(TLS), "h:1 -u bob -i me", "tcp://bob:-@h:1 me", &[&format!("{of_f}--password-file")]);
    check(file(TLS), "f -u bob", "tls://bob:secret @f:8883 mine", &[]);
    check(file(TLS), "f --no-tls", "tcp://alice:secret @f:8883 mine", &[]);
}

#[test]
fn tls_is_for_the_broker_in_the_option_file() {
    let text = "-h f\n--cafile /etc/ca.pem\n--cert /etc/cert.pem\n--key /etc/key.pem\n--insecure";
    let hint = "the option file is for f:8883; not used with this broker: --cafile, --cert, --key, --insecure";
    check(file(text), "", "tls://-:-@f:8883 -", &[]);
    check(file(text), "f", "tls://-:-@f:8883 -", &[]);
    check(file(text), "h", "tcp://-:-@h:1883 -", &[hint]);
    let of_h = file(text).connection("mqtts://h").settings.tls.expect("TLS");
    assert!(of_h.cafile.is_none() && of_h.cert.is_none() && of_h.key.is_none() && !of_h.insecure);
    // An unusable file does not matter if it is not used.
    file("-h f\n--cafile /etc/missing").check_address("h", "tcp://h:1883");
    file("-h f\n--no-tls").check_address("h:8883", "tls://h:8883");
}

#[test]
fn a_file_that_names_no_broker_is_for_the_default_one() {
    let text = "-u alice\n-P x";
    let hint = "the option file is for localhost:1883; not used with this broker: --username, --password";
    for line in ["", "localhost", "127.0.0.1", "[::1]", "mqtt://LOCALHOST", "localhost:1883"] {
        assert_eq!(file(text).connection(line).settings.password.as_deref(), Some("x"), "{line}");
    }
    for line in ["h", "localhost:1884", "-p 1884", "ws://localhost:1883", "mqtts://localhost:1883"] {
        let connection = file(text).connection(line);
        assert_eq!((connection.settings.username, connection.settings.password), (None, None), "{line}");
        assert_eq!(connection.warnings, [hint], "{line}");
    }
    let elsewhere = World { variables: "MQTT_BROKER_HOST=e", ..file(text) };
    check(elsewhere, "", "tcp://-:-@e:1883 -", &[hint]);
}

#[test]
fn a_url_in_the_option_file_is_the_broker_too() {
    let text = "-L wss://al:x@f:3/x\n-i mine";
    let hint = "the option file is for f:3; not used with this broker: ";
    check(file(text), "", "wss://al:x@f:3/x mine", &[]);
    check(file(text), "f", "wss://al:x@f:3/x mine", &[]);
    check(file(text), "f:3", "wss://al:x@f:3/x mine", &[]);
    check(file(text), "f -u bob", "wss://bob:-@f:3/x mine", &[]);
    // A typed port overrides that of the environment, whichever level the URL is in.
    check(World { variables: "MQTT_BROKER_PORT=4", ..file(text) }, "f:3", "wss://al:x@f:3/x mine", &[]);
    // Without TLS, or without WebSocket, it would be another broker.
    let all = format!("{hint}--id, the login in --url");
    check(file(text), "ws://f:3/x", "ws://-:-@f:3/x -", &[&all]);
    check(file(text), "mqtts://f:3", "tls://-:-@f:3 -", &[&all]);
    check(file(text), "f:4", "tcp://-:-@f:4 -", &[&all]);
    check(file(text), "elsewhere", "tcp://-:-@elsewhere:1883 -", &[&all]);
    check(file(text), "-p 4", "wss://-:-@f:4/x -", &[&all]);
    check(file(text), "-p 4 -u bob -P y", "wss://bob:y@f:4/x -", &[&format!("{hint}--id"), OTHERS_SEE]);
    // After the host, an @ is part of the path.
    let path = file("-L ws://al:x@f:3/x@h");
    check(path, "-p 4", "ws://-:-@f:4/x@h -", &[&format!("{hint}the login in --url")]);
}

#[test]
fn variables_apply_to_the_broker_that_they_name() {
    let text = "MQTT_BROKER_HOST=e\nMQTT_BROKER_PORT=2\nMQTT_USERNAME=eu\nMQTT_PASSWORD=ep\nMQTT_CLIENT_ID=ei";
    let hint = "the environment is for e:2; not used with this broker: ";
    let login = format!("{hint}MQTT_USERNAME, MQTT_PASSWORD, MQTT_CLIENT_ID");
    check(variables(text), "", "tcp://eu:ep@e:2 ei", &[]);
    check(variables(text), "e", "tcp://eu:ep@e:2 ei", &[]);
    check(variables(text), "e:3", "tcp://-:-@e:3 -", &[&login]);
    check(variables(text), "-p 3", "tcp://-:-@e:3 -", &[&login]);
    check(variables(text), "h:3", "tcp://-:-@h:3 -", &[&login]);
    let all = format!("{hint}MQTT_BROKER_PORT, MQTT_USERNAME, MQTT_PASSWORD, MQTT_CLIENT_ID");
    check(variables(text), "h", "tcp://-:-@h:1883 -", &[&all]);
    // As Kubernetes sets it for a service of that name.
    variables("MQTT_BROKER_PORT=tcp://10.0.0.1:1883").check_address("h:3", "tcp://h:3");
    // Without a broker of their own, they apply to the broker of this run.
    let nowhere = "MQTT_BROKER_PORT=2\nMQTT_USERNAME=eu\nMQTT_PASSWORD=ep";
    check(variables(nowhere), "h", "tcp://eu:ep@h:2 -", &[]);
    check(World { option_file: Some("-h f\n-u fu"), ..variables("MQTT_PASSWORD=ep") }, "", "tcp://fu:ep@f:1883 -", &[]);
}

#[test]
fn each_source_has_a_broker_of_its_own() {
    let both = World {
        variables: "MQTT_BROKER_HOST=e\nMQTT_USERNAME=eu\nMQTT_PASSWORD=ep",
        option_file: Some("-h f\n-p 3\n-u fu\n-P fp"),
    };
    let of_file = "the option file is for f:3; not used with this broker: ";
    let of_environment = "the environment is for e:1883; not used with this broker: MQTT_USERNAME, MQTT_PASSWORD";
    check(both, "", "tcp://eu:ep@e:1883 -", &[&format!("{of_file}--port")]);
    check(both, "f", "tcp://fu:fp@f:3 -", &[of_environment]);
    check(both, "h", "tcp://-:-@h:1883 -", &[of_environment, &format!("{of_file}--port, --username, --password")]);
    // The same broker: each may supply what the other omits.
    let same = World { variables: "MQTT_BROKER_HOST=f\nMQTT_USERNAME=eu", ..both };
    check(same, "", "tcp://eu:fp@f:3 -", &[]);
    // Another port makes it another broker, whatever the source.
    let port = World { variables: "MQTT_BROKER_PORT=4", ..both };
    check(port, "", "tcp://-:-@f:4 -", &[&format!("{of_file}--username, --password")]);
}

#[test]
fn servers_and_checks_keep_it_too() {
    let server = file(TLS).server("h").connection;
    assert_eq!((server.settings.username, server.client_id), (None, None));
    match file(TLS).type_in("check h") {
        Ok(Invocation::Check(check)) => {
            assert_eq!((check.connection.settings.password, check.connection.warnings.len()), (None, 1));
        }
        other => panic!("{other:?}"),
    }
    // A subcommand without a broker, and with a file in its place.
    assert!(file(TLS).type_in("import h").is_ok());
    assert!(BARE.client("h").nick.is_none() && file(TLS).client("h").nick.is_none(), "alice is somebody there only");
}

proptest! {
    /// Whatever names the broker: a saved password goes to the saved host and port, or nowhere.
    #[test]
    fn a_saved_password_goes_only_to_its_broker(
        saved_host in "[abc]", saved_port in 1u16..4,
        named in proptest::option::of("[abc](:[1-3])?|(mqtt|ws|mqtts|wss)://[abc](:[1-3])?(/)?"),
        port in proptest::option::of(1u16..4),
        variable_host in proptest::option::of("[abc]"), variable_port in proptest::option::of(1u16..4),
        is_url in any::<bool>(),
    ) {
        let text = match is_url {
            true => format!("--url mqtt://alice:secret@{saved_host}:{saved_port}"),
            false => format!("-h {saved_host}\n-p {saved_port}\n-u alice\n-P secret"),
        };
        let host = variable_host.map(|host| format!("MQTT_BROKER_HOST={host}\n")).unwrap_or_default();
        let variable_port = variable_port.map(|port| format!("MQTT_BROKER_PORT={port}\n")).unwrap_or_default();
        let variables = format!("{host}{variable_port}");
        let port = port.map(|port| format!("-p {port}")).unwrap_or_default();
        let line = format!("check {} {port}", named.unwrap_or_default());
        let world = World { variables: &variables, option_file: Some(&text) };
        // The port may be given twice.
        if let Ok(Invocation::Check(check)) = world.type_in(&line) {
            let settings = check.connection.settings;
            let is_saved = settings.address.host == saved_host && settings.address.port == saved_port
                && settings.address.transport == Transport::Tcp && settings.tls.is_none();
            // A typed URL is complete, and takes nothing from another one.
            let is_wanted = is_saved && !(is_url && line.contains("://"));
            prop_assert_eq!(settings.password.is_some(), is_wanted, "{} {} {}", line, variables, text);
            prop_assert_eq!(settings.username.is_some(), is_wanted);
        }
    }
}
