//! Valid command lines, and which source counts if there are several.

use std::time::Duration;

use mqttchat::link::{Qos, Version};
use mqttchat::options::{Color, ExportOptions, ExportSince, ImportOptions, Invocation};

use super::{BARE, World, option_file, variables};

#[test]
fn defaults() {
    let client = BARE.client("");
    assert_eq!((client.nick, client.rooms, client.message, client.to), (None, vec![], None, None));
    assert_eq!((client.json, client.listen, client.history), (false, false, true));
    assert_eq!((client.count, client.wait), (None, None));
    assert_eq!(client.outbox, None);
    assert_eq!(client.state_file, Some("/home/a/.local/state/mqttchat/client.state".into()));
    let connection = client.connection;
    assert_eq!(connection.settings.address.to_string(), "localhost:1883");
    assert_eq!(connection.settings.keep_alive, Duration::from_secs(30));
    assert_eq!(connection.settings.version, Version::Auto);
    assert_eq!((connection.qos, connection.color), (Qos::AtLeastOnce, Color::Auto));
    assert_eq!((connection.client_id, &*connection.topic_root), (None, "chat"));
    assert_eq!((connection.verbose, connection.quiet, connection.ask_password), (false, false, false));
    assert!(connection.warnings.is_empty());
    let server = BARE.server("");
    assert_eq!(server.data_dir, Some("/home/a/.local/state/mqttchat".into()));
    assert_eq!((server.history_limit, server.timeout), (50, Duration::from_secs(60)));
    assert_eq!((server.retention, server.max_size), (None, None));
    assert!(server.connection.warnings.is_empty());
}

#[test]
fn every_option_of_a_client() {
    let client = BARE.client(
        "-h h -p 1 -u bob --password-file /etc/password -k 5 -q 2 -V 311 --topic-root a/b -v \
         --color always --nick Bob --room dev --room ops --to al -C 3 -W 9 --no-history -i me \
         --listen --json --outbox o.db",
    );
    assert_eq!(client.nick.as_deref(), Some("Bob"));
    assert_eq!(client.rooms, ["dev", "ops"]);
    assert_eq!(client.to.as_deref(), Some("al"));
    assert_eq!((client.count, client.wait), (Some(3), Some(Duration::from_secs(9))));
    assert_eq!((client.json, client.listen, client.history), (true, true, false));
    assert_eq!(client.outbox, Some("o.db".into()));
    let connection = client.connection;
    assert_eq!(connection.settings.address.to_string(), "h:1");
    assert_eq!(connection.settings.keep_alive, Duration::from_secs(5));
    assert_eq!(connection.settings.version, Version::V311);
    assert_eq!((connection.qos, connection.color), (Qos::ExactlyOnce, Color::Always));
    assert_eq!((connection.client_id.as_deref(), &*connection.topic_root), (Some("me"), "a/b"));
    assert_eq!((connection.verbose, connection.quiet), (true, false));
    let text = BARE.client("-m=-hello_- --quiet -V mqttv5").message;
    assert_eq!(text.as_deref(), Some("=-hello -"));
    assert_eq!(BARE.client("-m -x").message.as_deref(), Some("-x"));
    assert_eq!(BARE.client("--message=--json").message.as_deref(), Some("--json"));
}

#[test]
fn every_option_of_a_server_and_a_check() {
    let server = BARE.server("--data-dir /d --history-limit 0 --timeout 34 -i me h 1884");
    assert_eq!(server.data_dir, Some("/d".into()));
    assert_eq!((server.history_limit, server.timeout), (0, Duration::from_secs(34)));
    assert_eq!(server.connection.client_id.as_deref(), Some("me"));
    assert_eq!(server.connection.settings.address.to_string(), "h:1884");
    assert!(server.connection.warnings[0].contains("original clients"));
    assert_eq!(BARE.server("--memory").data_dir, None);
    assert_eq!(option_file("--data-dir /d").server("--memory").data_dir, None);
    assert_eq!(option_file("--memory").server("--data-dir /d").data_dir, Some("/d".into()));
    match BARE.type_in("check --json -i me h") {
        Ok(Invocation::Check(check)) => {
            assert!(check.json);
            assert_eq!(check.connection.client_id.as_deref(), Some("me"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn how_much_a_server_keeps() {
    let server = BARE.server("--retention 30 --max-size 500M");
    assert_eq!((server.retention, server.max_size), (Some(Duration::from_secs(30 * 86_400)), Some(500 << 20)));
    let size = |text: &str| BARE.server(&format!("--max-size {text}")).max_size;
    assert_eq!((size("2G"), size("2g"), size("1048576")), (Some(2 << 30), Some(2 << 30), Some(1 << 20)));
    assert_eq!((size("2048k"), size("3T")), (Some(2 << 20), Some(3 << 40)));
    assert_eq!(option_file("--retention 7\n--max-size 1G").server("").max_size, Some(1 << 30));
}

#[test]
fn exports_and_imports() {
    #[track_caller]
    fn export(line: &str) -> ExportOptions {
        match option_file("-h h\n--room dev\n--topic-root a/b\n--memory").type_in(&format!("export {line}")) {
            Ok(Invocation::Export(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }
    #[track_caller]
    fn import(line: &str) -> ImportOptions {
        match BARE.type_in(&format!("import {line}")) {
            Ok(Invocation::Import(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }
    let all = export("");
    assert_eq!((all.data_dir, &*all.topic_root), ("/home/a/.local/state/mqttchat".into(), "a/b"));
    assert_eq!((all.room, all.since), (None, None));
    let some = export("--data-dir /d --topic-root x --room #dev");
    assert_eq!((some.data_dir, &*some.topic_root), ("/d".into(), "x"));
    assert_eq!(some.room.expect("a room").as_str(), "dev");
    let since = |text: &str| match export(&format!("--since {text}")).since {
        Some(ExportSince::Local(local)) => local.to_string(),
        Some(ExportSince::At(at)) => at.to_string(),
        None => panic!("{text}"),
    };
    assert_eq!(since("2026-11-22"), "2026-11-22 00:00:00");
    assert_eq!(since("2026-11-22T20:30"), "2026-11-22 20:30:00");
    assert_eq!(since("2026-11-22T20:30:15"), "2026-11-22 20:30:15");
    assert_eq!(since("2026-11-22T20:30:15+01:00"), "2026-11-22 20:30:15 +01:00");
    assert_eq!(since("2026-11-22T20:30:15Z"), "2026-11-22 20:30:15 +00:00");
    let stdin = import("");
    assert_eq!((stdin.file, stdin.quiet, &*stdin.topic_root), (None, false, "chat"));
    let file = import("/tmp/x.jsonl --quiet --data-dir /d");
    assert_eq!((file.file, file.quiet, file.data_dir), (Some("/tmp/x.jsonl".into()), true, "/d".into()));
    assert_eq!(import("-").file, None);
}

#[test]
fn addresses() {
    BARE.check_address("h", "tcp://h:1883");
    BARE.check_address("h:1884", "tcp://h:1884");
    BARE.check_address("h 1884", "tcp://h:1884");
    BARE.check_address("h -p 1884", "tcp://h:1884");
    BARE.check_address("-p1884 -hh", "tcp://h:1884");
    BARE.check_address("[::1]:1884", "tcp://[::1]:1884");
    BARE.check_address("::1 1884", "tcp://[::1]:1884");
    BARE.check_address("--host=::1", "tcp://[::1]:1883");
    BARE.check_address("-L mqtt://h", "tcp://h:1883");
    BARE.check_address("mqtts://h", "tls://h:8883");
    BARE.check_address("mqtts://h 1", "tls://h:1");
    BARE.check_address("mqtts://h --port 1", "tls://h:1");
    BARE.check_address("ws://h", "ws://h:80/mqtt");
    BARE.check_address("ws://h:8080/x", "ws://h:8080/x");
    BARE.check_address("wss://h/", "wss://h:443/");
}

#[test]
fn tls_or_not() {
    BARE.check_address("h:8883", "tls://h:8883");
    BARE.check_address("h 8883 --no-tls", "tcp://h:8883");
    BARE.check_address("h --tls", "tls://h:8883");
    BARE.check_address("h:1 --cafile /etc/ca.pem", "tls://h:1");
    BARE.check_address("--capath /etc/certs", "tls://localhost:8883");
    BARE.check_address("--cert /etc/cert.pem --key /etc/key.pem", "tls://localhost:8883");
    BARE.check_address("mqtts://h --no-tls", "tcp://h:1883");
    BARE.check_address("ws://h --tls", "wss://h:443/mqtt");
    BARE.check_address("--cafile /etc/missing --no-tls", "tcp://localhost:1883");
    option_file("--no-tls").check_address("mqtts://localhost", "tls://localhost:8883");
    option_file("--port 8883\n--no-tls").check_address("localhost:8883", "tcp://localhost:8883");
    option_file("--tls").check_address("--no-tls", "tcp://localhost:1883");
    option_file("--cafile /etc/ca.pem").check_address("", "tls://localhost:8883");
    option_file("--key /etc/key.pem").check_address("--cert /etc/cert.pem", "tls://localhost:8883");
    let tls = BARE.connection("--cafile /etc/ca.pem --insecure").settings.tls.unwrap();
    assert_eq!((tls.cafile, tls.insecure), (Some("/etc/ca.pem".into()), true));
    assert!(BARE.connection("--insecure").warnings[0].contains("--insecure"));
}

#[test]
fn what_counts_more() {
    let both = World {
        variables: "MQTT_BROKER_HOST=e\nMQTT_BROKER_PORT=2\nMQTTCHAT_NICK=en\nMQTT_USERNAME=eu\nMQTT_CLIENT_ID=ei\n",
        option_file: Some("-h f\n-p 3\n--nick fn\n-u fu\n-i fi\n"),
    };
    both.check_address("", "tcp://e:2");
    variables("MQTT_BROKER_PORT=2").check_address("x", "tcp://x:2");
    both.check_address("x:1", "tcp://x:1");
    both.check_address("-p 1", "tcp://e:1");
    both.check_address("mqtt://x", "tcp://x:1883");
    option_file("-h f\n-p 3").check_address("", "tcp://f:3");
    option_file("-L wss://f:3/x").check_address("", "wss://f:3/x");
    option_file("-L wss://f:3/x").check_address("y", "tcp://y:1883");
    option_file("-L wss://f:3/x").check_address("-p 4", "wss://f:4/x");
    variables("MQTT_BROKER_HOST=\nMQTT_BROKER_PORT=").check_address("", "tcp://localhost:1883");

    assert_eq!(both.client("").nick.as_deref(), Some("en"));
    assert_eq!(both.client("--nick x").nick.as_deref(), Some("x"));
    assert_eq!(option_file("--nick fn").client("-u x").nick.as_deref(), Some("fn"));
    assert_eq!(BARE.client("-u x").nick.as_deref(), Some("x"));
    assert_eq!(both.client("").connection.client_id.as_deref(), Some("ei"));
    assert_eq!(both.server("f").connection.client_id.as_deref(), Some("fi"));
    assert_eq!(variables("MQTT_CLIENT_ID=ei").server("").connection.client_id, None);
    assert_eq!(option_file("--room a\n--room b").client("").rooms, ["a", "b"]);
    assert_eq!(option_file("--room a\n--room b").client("--room c").rooms, ["c"]);
    assert!(!option_file("-v").connection("--quiet").verbose);
    assert_eq!(option_file("--json").client("-m x").message.as_deref(), Some("x"));
    assert_eq!(option_file("-m x").client("--json").message, None);
    assert_eq!(variables("NO_COLOR=1").connection("").color, Color::Never);
    assert_eq!(variables("NO_COLOR=1").connection("--color auto").color, Color::Auto);
    let colour = World { variables: "NO_COLOR=1", option_file: Some("--color always") };
    assert_eq!(colour.connection("").color, Color::Never);
}

#[test]
fn logins() {
    BARE.check_login("", "-:-", 0);
    BARE.check_login("-u bob", "bob:-", 0);
    BARE.check_login("-u bob -P x", "bob:x", 1);
    BARE.check_login("-u bob -P ''", "bob:", 1);
    BARE.check_login("-P x", "-:-", 1);
    BARE.check_login("-u bob --password-file /etc/password", "bob:secret ", 0);
    BARE.check_login("mqtt://bob:x%40@h", "bob:x@", 1);
    BARE.check_login("mqtt://bob@h --password-file /etc/password", "bob:secret ", 0);
    variables("MQTT_PASSWORD=x").check_login("", "-:-", 1);
    variables("MQTT_PASSWORD=x").check_login("-u bob", "bob:x", 0);
    variables("MQTT_PASSWORD=x").check_login("-u bob -P y", "bob:y", 1);
    variables("MQTT_PASSWORD=x").check_login("mqtt://bob:y@h", "bob:y", 1);
    variables("MQTT_USERNAME=bob\nMQTT_PASSWORD=x").check_login("-u al", "al:x", 0);
    variables("MQTT_PASSWORD=x").check_login("-u b --password-file /etc/password", "b:secret ", 0);
    option_file("-u bob\n-P x").check_login("", "bob:x", 0);
    option_file("-P a b # c\n-u bob").check_login("", "bob:a b # c", 0);
    option_file("-L mqtt://bob:x@h").check_login("", "bob:x", 0);
    option_file("-L mqtt://bob:x@h").check_login("-u al", "al:-", 0);
}

#[test]
fn option_files() {
    let text = "\n# a comment\n  --port   1884  \r\n--topic-root=x\n--data-dir /d\n--no-history\n-q 0\n";
    let client = option_file(text).client("");
    assert_eq!(client.connection.settings.address.port, 1884);
    assert_eq!((&*client.connection.topic_root, client.history), ("x", false));
    assert_eq!(client.connection.qos, Qos::AtMostOnce);
    assert_eq!(option_file(text).server("").data_dir, Some("/d".into()));
    assert!(!option_file("\u{feff}--no-history\r\n").client("").history);
    option_file("-h f").check_address("-o /etc/other", "tcp://other:1883");
    assert!(variables("XDG_CONFIG_HOME=/none").connection("").warnings.is_empty());
    assert_eq!(
        variables("XDG_CONFIG_HOME=/locked").connection("").warnings,
        ["continuing without the option file \"/locked/mqttchat\": permission denied"]
    );
}

#[test]
fn help_and_version() {
    #[track_caller]
    fn help(line: &str, first_line: &str) {
        match BARE.type_in(line) {
            Ok(Invocation::Print(text)) => assert!(text.starts_with(first_line), "{text}"),
            other => panic!("{line}: {other:?}"),
        }
    }
    help("--help", "Chat over");
    help("help", "Chat over");
    help("help help", "Chat over");
    for line in ["help completion", "completion --help"] {
        help(line, "mqttchat completion bash|zsh|fish");
    }
    for line in ["help manual", "manual --help"] {
        help(line, "mqttchat manual");
    }
    help("help check", "mqttchat check [BROKER]");
    help("client h --help", "mqttchat client [BROKER]");
    help("export --help", "mqttchat export [options]");
    help("help import", "mqttchat import [FILE] [options]");
    help("server --help -p x -o /etc/missing", "mqttchat server [BROKER]");
    for line in ["--version", "client --version", "check -p x --version"] {
        help(line, concat!("mqttchat ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}
