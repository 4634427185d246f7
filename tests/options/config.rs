//! The output of `--print-config`.

use super::{BARE, World, option_file, variables};
use mqttchat::options::Invocation;

/// Checks the lines `option | origin` of what `mqttchat LINE --print-config` prints; blanks do not matter.
#[track_caller]
fn check(world: World, line: &str, expected: &[&str]) {
    let Ok(Invocation::Print(text)) = world.type_in(&format!("{line} --print-config")) else {
        panic!("{line} prints its configuration");
    };
    let flat = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(flat).collect();
    for wanted in expected {
        let (option, origin) = wanted.split_once(" | ").unwrap();
        assert!(lines.contains(&format!("{option} {origin}")), "{wanted} in\n{text}");
        let named = |line: &str| line.split(' ').next() == option.split(' ').next();
        let times = expected.iter().filter(|line| named(line)).count();
        assert_eq!(lines.iter().filter(|line| named(line)).count(), times, "{option} in\n{text}");
    }
    // The name of the default identifier contains the word, too.
    assert!(!text.replace("{secret of", "").contains("secret"), "{text}");
}

#[test]
fn each_value_has_its_origin() {
    check(
        BARE,
        "client",
        &["--host localhost | default", "--port 1883 | default", "--qos | default: 1", "--url | not given"],
    );
    let file = "--host e\n--port 1884\n--topic-root ours\n--json\n";
    check(
        World { variables: "MQTT_BROKER_HOST=e\nMQTTCHAT_NICK=alice", option_file: Some(file) },
        "client -q 0 --room a --room b",
        &[
            "--host e | environment: MQTT_BROKER_HOST",
            "--port 1884 | option file: \"/home/a/.config/mqttchat\" line 2",
            "--topic-root ours | option file: \"/home/a/.config/mqttchat\" line 3",
            "--json | option file: \"/home/a/.config/mqttchat\" line 4",
            "--nick alice | environment: MQTTCHAT_NICK",
            "--qos 0 | command line",
            "--room a | command line",
            "--room b | command line",
            "--notify | default: off",
            "--bell | default: direct",
        ],
    );
    check(BARE, "server", &["--retention | default: keep them for ever", "--memory | default: off"]);
}

#[test]
fn an_address_takes_precedence() {
    check(
        option_file("--host h\n--port 8883\n--username f"),
        "client mqtts://bob:secret@h",
        &[
            "--host h | command line: BROKER",
            "--port 8883 | default",
            "--username bob | command line: BROKER",
            "--password (hidden) | command line: BROKER",
        ],
    );
    check(
        BARE,
        "client h:99",
        &["--host h | command line: BROKER", "--port 99 | command line: BROKER", "--username | not given"],
    );
    check(
        BARE,
        "client --url mqtt://bob:secret@h",
        &["--url mqtt://bob:(hidden)@h | command line", "--host h | command line"],
    );
    check(BARE, "client --url ws://bob:secret@h/x@y", &["--url ws://bob:(hidden)@h/x@y | command line"]);
    check(BARE, "client --url mqtt://h", &["--port 1883 | default"]);
    check(option_file("--url mqtt://h"), "client --port 1883", &["--port 1883 | command line"]);
}

#[test]
fn a_password_is_never_printed() {
    check(
        variables("MQTT_USERNAME=bob\nMQTT_PASSWORD=secret"),
        "client",
        &["--password (hidden) | environment: MQTT_PASSWORD"],
    );
    check(
        BARE,
        "client -u bob --password-file /etc/password",
        &["--password-file /etc/password | command line", "--username bob | command line"],
    );
    check(BARE, "client -u bob -P secret", &["--password (hidden) | command line"]);
}

#[test]
fn an_unused_password_is_not_printed() {
    let not_used = "| not used: option file: \"/home/a/.config/mqttchat\" line 1";
    check(BARE, "client -P secret", &["--password (hidden) | not used: command line", "--username | not given"]);
    check(
        option_file("--password secret\n--username bob"),
        "client --password-file /etc/password",
        &[&format!("--password (hidden) {not_used}"), "--password-file /etc/password | command line"],
    );
    check(
        option_file("--password-file /etc/password"),
        "client mqtt://bob:secret@localhost",
        &["--password (hidden) | command line: BROKER", &format!("--password-file /etc/password {not_used}")],
    );
}

#[test]
fn an_unused_login_of_a_url_is_not_printed() {
    let url = "--url mqtt://h | option file: \"/home/a/.config/mqttchat\" line 1";
    check(option_file("--url mqtt://alice:secret@h"), "client -p 9999", &[url, "--username | not given"]);
}

#[test]
fn options_for_another_broker_are_left_out() {
    let from = "option file: \"/home/a/.config/mqttchat\" line";
    check(
        option_file("--host f\n--port 8883\n--username alice\n--password-file /etc/password\n--topic-root ours"),
        "client h:31999",
        &[
            "--host h | command line: BROKER",
            "--port 31999 | command line: BROKER",
            &format!("--port 8883 | not used, it is for f:8883: {from} 2"),
            "--username | not given",
            &format!("--username alice | not used, it is for f:8883: {from} 3"),
            "--password-file | not given",
            &format!("--password-file /etc/password | not used, it is for f:8883: {from} 4"),
            &format!("--topic-root ours | {from} 5"),
        ],
    );
    for line in ["client h", "client --host h"] {
        let url = option_file("--url mqtt://bob:secret@f");
        let left_out = format!("--url mqtt://bob:(hidden)@f | not used, it is for f:1883: {from} 1");
        check(url, line, &["--url | not given", &left_out, "--username | not given"]);
    }
    check(
        variables("MQTT_BROKER_HOST=e\nMQTT_USERNAME=bob\nMQTT_PASSWORD=secret"),
        "client h",
        &[
            "--username | not given",
            "--username bob | not used, it is for e:1883: environment: MQTT_USERNAME",
            "--password | default: with -u on a terminal: asked for",
            "--password (hidden) | not used, it is for e:1883: environment: MQTT_PASSWORD",
        ],
    );
}

#[test]
fn tls_is_on_where_nobody_says_so() {
    check(BARE, "client h:8883", &["--tls | default: on with this broker, or these files"]);
    check(BARE, "client mqtts://h --no-tls", &["--tls | default: off", "--no-tls | command line"]);
    check(BARE, "client h --tls", &["--tls | command line"]);
}

#[test]
fn mistakes_take_precedence_over_the_printout() {
    assert!(BARE.type_in("client --port x --print-config").unwrap_err().contains("--port"));
    assert!(BARE.type_in("client --bell never --print-config").is_ok());
    assert!(BARE.type_in("client --bell loud").unwrap_err().contains("never, mention, direct or all"));
}
