//! Mistakes are answered with one line: what is wrong and what to do.

use std::ffi::OsString;

use super::{BARE, FILE, World, option_file, variables};

/// The one line that answers `line`.
#[track_caller]
fn check_bad_in(world: World, line: &str, expected: &str) {
    let text = world.type_in(line).expect_err(line);
    assert_eq!(text, expected, "{line}");
    assert!(!text.contains(char::is_control), "{line}: {text:?}");
}

/// The same for a client without variables or files; the line points to the client's help.
#[track_caller]
fn check_bad(line: &str, expected: &str) {
    let expected = format!("{expected} (see mqttchat client --help)");
    check_bad_in(BARE, &format!("client {line}"), &expected);
}

/// The same for a line without a reference to the help.
#[track_caller]
fn check_bad_file(line: &str, expected: &str) {
    check_bad_in(BARE, &format!("client {line}"), expected);
}

#[test]
fn bad_subcommands() {
    let see = "(see mqttchat --help)";
    let bad = |line: &str, expected: &str| check_bad_in(BARE, line, &format!("{expected} {see}"));
    bad("", "no subcommand; use server, client, check, export or import");
    bad("clinet", "unknown subcommand \"clinet\"; did you mean client?");
    bad("help sever", "unknown subcommand \"sever\"; did you mean server?");
    bad("dance", "unknown subcommand \"dance\"; there are server, client, check, export, import and help");
    bad("-h h client", "\"-h\" comes before the subcommand; begin with server, client, check, export or import");
    bad("help client now", "help takes one subcommand; \"now\" is too many");
}

#[test]
fn bad_options() {
    check_bad("--prot 1", "unknown option --prot; did you mean --port?");
    check_bad("--frobnicate", "unknown option --frobnicate");
    check_bad("-X", "unknown option -X");
    check_bad("--\x1b[2J", "unknown option --\\u{1b}[2J");
    check_bad("--data-dir d", "--data-dir is an option of mqttchat server, not of mqttchat client");
    check_bad("--port", "--port needs PORT");
    check_bad("-h", "-h needs HOST");
    check_bad("--tls=yes", "--tls takes no argument");
    check_bad("-p 0", "--port: \"0\" is not a port from 1 to 65535");
    check_bad("-p 99999", "--port: \"99999\" is not a port from 1 to 65535");
    check_bad("-p 1 -p 2", "--port: given twice; once is enough");
    check_bad("-m a -m b", "--message: given twice; once is enough");
    check_bad("-q 3", "--qos: \"3\" is not 0, 1 or 2");
    check_bad("-V 31", "--protocol-version: \"31\" is not auto, 5 or 311");
    check_bad("-k 0", "--keepalive: \"0\" is not a whole number from 1 to 65535");
    check_bad("-k +5", "--keepalive: \"+5\" is not a whole number from 1 to 65535");
    check_bad("-C 0", "--count: \"0\" is not a whole number from 1 to 18446744073709551615");
    check_bad("-W soon", "--wait: \"soon\" is not a whole number from 1 to 4294967295");
    check_bad("--color red", "--color: \"red\" is not auto, always or never");
    check_bad("--tls --no-tls", "--no-tls: does not go together with --tls");
    check_bad("-v --quiet", "--quiet: does not go together with --verbose");
    check_bad("--json -m a", "--json: does not go together with --message");
    check_bad("--listen -m a", "--listen: does not go together with --message");
    check_bad("-u a -P b --password-file c", "--password-file: does not go together with --password");
    check_bad("--nick ''", "--nick: NICK must not be empty");
    check_bad("-m ''", "--message: TEXT must not be empty");
    for root in ["a+", "#", "a\x07b", "a\u{fffe}"] {
        check_bad(
            &format!("--topic-root {root}"),
            &format!("--topic-root: {root:?} must hold no + # or control character, and no noncharacter of Unicode"),
        );
    }
    check_bad("--topic-root /a", "--topic-root: \"/a\" must not begin or end with /");
    check_bad("--topic-root a/", "--topic-root: \"a/\" must not begin or end with /");
    check_bad("--topic-root $SYS", "--topic-root: \"$SYS\" must not begin with $");
    check_bad("--topic-root ''", "--topic-root: ROOT must not be empty");
    let bad = |line: &str, expected: &str| {
        check_bad_in(BARE, line, &format!("{expected} (see mqttchat server --help)"));
    };
    bad("server --memory --data-dir d", "--data-dir: does not go together with --memory");
    bad("server --history-limit 501", "--history-limit: \"501\" is not a whole number from 0 to 500");
    for size in ["0", "500", "1023K", "5X", "M", "-1M", "1.5G", "5MB", "9000000T", "ж"] {
        let problem = format!("--max-size: {size:?} is not a size such as 500M or 2G, at least 1M");
        bad(&format!("server --max-size {size}"), &problem);
    }
    bad("server --retention 0", "--retention: \"0\" is not a whole number from 1 to 36500");
    bad("server --timeout 1", "--timeout: \"1\" is not a whole number from 2 to 86400");
    check_bad_in(
        variables("HOME=x"),
        "server",
        "no folder for the history because HOME is not set; give --data-dir or --memory \
         (see mqttchat server --help)",
    );
}

#[test]
fn bad_exports_and_imports() {
    let bad = |line: &str, expected: &str| {
        let subcommand = line.split(' ').next().expect("a word");
        check_bad_in(BARE, line, &format!("{expected} (see mqttchat {subcommand} --help)"));
    };
    bad("export file", "\"file\" is one word too many");
    bad("import a b", "\"b\" is one word too many");
    bad("export -h h", "-h is an option of mqttchat server, not of mqttchat export");
    bad("import --room dev", "--room is an option of mqttchat client, not of mqttchat import");
    bad("export --room é", "--room: \"é\" names no room: a name cannot contain é; rooms are of a-z, 0-9, - and _");
    for time in ["yesterday", "2026-13-01", "2026-11-22T25:00", "20:30", "+10000-01-01"] {
        let forms = "2026-11-22, 2026-11-22T20:30 or 2026-11-22T20:30:00+01:00";
        bad(&format!("export --since {time}"), &format!("--since: {time:?} is not a time such as {forms}"));
    }
    let homeless = variables("HOME=x");
    let expected = "no folder with a history because HOME is not set; give --data-dir (see mqttchat import --help)";
    check_bad_in(homeless, "import", expected);
}

#[test]
fn bad_brokers() {
    check_bad("::1", "BROKER: an IPv6 address needs brackets: [::1] or [::1]:1883");
    check_bad("h:99999", "BROKER: \"99999\" is not a port from 1 to 65535");
    check_bad("h:", "BROKER: the port is missing after the colon");
    check_bad("''", "BROKER: the host is missing");
    check_bad(":1883", "BROKER: the host is missing");
    check_bad("http://h", "BROKER: unknown scheme \"http\"; use mqtt, mqtts, ws or wss");
    check_bad("h x", "BROKER: \"x\" is not a port from 1 to 65535");
    check_bad("1883", "BROKER: \"1883\" is a port; the host comes first, as in localhost:1883");
    check_bad("h 1 2", "\"2\" is one word too many; BROKER is a host and a port");
    check_bad("h -h i", "the broker is named by BROKER and by --host; once is enough");
    check_bad("-L mqtt://h -h i", "the broker is named by --url and by --host; once is enough");
    check_bad("h:1 -p 1", "--port: the broker's address names a port already");
    check_bad("mqtt://h:1 2", "BROKER names the port twice; once is enough");
    check_bad("mqtt://a@h -u b", "--username: the broker's URL names a user already");
    check_bad("mqtt://a:b@h -P b", "--password: the broker's URL names a password already");
    check_bad("-L h", "--url: a URL begins with mqtt://, mqtts://, ws:// or wss://");
    check_bad("-h h:1", "--host: \"h:1\" is not a host name or IP address; use --port for a port and --url for a URL");
    check_bad_in(
        variables("MQTT_BROKER_PORT=tcp://10.0.0.1:1883"),
        "client",
        "MQTT_BROKER_PORT: \"tcp://10.0.0.1:1883\" is not a port from 1 to 65535 \
         (see mqttchat client --help)",
    );
}

#[test]
fn bad_files() {
    let missing = "cannot use \"/etc/missing\": No such file or directory";
    check_bad_file("--cafile /etc/missing", &format!("--cafile: {missing}"));
    check_bad_file("--capath /etc/missing", &format!("--capath: {missing}"));
    check_bad_file("--cert /etc/missing --key /etc/key.pem", &format!("--cert: {missing}"));
    check_bad_file("--cert /etc/cert.pem --key /etc/missing", &format!("--key: {missing}"));
    check_bad_file("-u a --password-file /etc/missing", &format!("--password-file: {missing}"));
    check_bad_file(
        "-u a --password-file /etc/private",
        "--password-file: cannot use \"/etc/private\": permission denied",
    );
    check_bad_file(
        "-u a --password-file /etc/empty",
        "--password-file: cannot use \"/etc/empty\": its first line, the password, is empty",
    );
    check_bad_file("--cafile /etc/ca.der", "--cafile: cannot use \"/etc/ca.der\": it is not in PEM format");
    check_bad("--cert /etc/cert.pem", "--cert: needs --key too, the private key's file");
    check_bad("--tls --key /etc/key.pem", "--key: needs --cert too, the certificate's file");
    check_bad("--key /etc/key.pem", "--key: needs --cert too, the certificate's file");
    check_bad_in(option_file("--cafile /etc/missing"), "client", &format!("\"{FILE}\" line 1: --cafile: {missing}"));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let arguments = ["client".into(), "-m".into(), OsString::from_vec(vec![b'a', 0xff])];
    let text = BARE.run(&arguments).expect_err("not UTF-8");
    assert_eq!(text, "argument 3 is not UTF-8 (see mqttchat --help)");
}

#[test]
fn bad_option_files() {
    check_bad_file("-o /etc/missing", "--options-file: cannot use \"/etc/missing\": No such file or directory");
    check_bad_file("-o /etc/ca.der", "option file: cannot use \"/etc/ca.der\": it is not UTF-8");

    #[track_caller]
    fn bad(text: &str, expected: &str) {
        let expected = format!("\"{FILE}\" line 2: {expected} (see mqttchat client --help)");
        check_bad_in(option_file(&format!("#\n{text}\n")), "client", &expected);
    }
    bad("--prot 1", "unknown option --prot; did you mean --port?");
    bad("-X 1", "unknown option -X");
    bad("-host h", "an option file holds one \"--option value\" a line");
    bad("secret", "an option file holds one \"--option value\" a line");
    bad("--port", "--port: PORT must not be empty");
    bad("--port x", "--port: \"x\" is not a port from 1 to 65535");
    bad("--tls yes", "--tls takes no argument");
    bad("-o other", "--options-file cannot stand in an option file");
    bad("--help", "--help cannot stand in an option file");
    bad("-u a\0b", "--username: a value cannot hold the character U+0000");
}
