//! A login in the option file or the environment reaches its own broker and no other.

mod support;

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use support::{PATIENCE, Program, Stream, TempDir};

const USER: &str = "alice-of-a-broker";
const PASSWORD: &str = "hush-hush";

/// A stranger's program in place of a broker: records what it receives, and answers nothing.
struct Stranger(TcpListener);

impl Stranger {
    fn start() -> Stranger {
        Stranger(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
    }

    fn address(&self) -> String {
        self.0.local_addr().expect("a bound address").to_string()
    }

    /// The next CONNECT packet. Silent connections only check whether somebody is there.
    fn connect_packet(&self) -> String {
        loop {
            let (mut peer, _) = self.0.accept().expect("a connection");
            peer.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            let mut header = [0; 2];
            if peer.read_exact(&mut header).is_err() {
                continue;
            }
            assert_eq!(header[0], 0x10, "CONNECT");
            assert!(header[1] < 0x80, "short enough for one byte of length");
            let mut rest = vec![0; header[1].into()];
            peer.read_exact(&mut rest).expect("the rest of it");
            return String::from_utf8_lossy(&rest).into_owned();
        }
    }
}

/// A home whose option file has a login for `broker`.
fn home_for(broker: &str) -> TempDir {
    let home = TempDir::new();
    let password = home.path().join("password");
    fs::write(&password, PASSWORD).expect("a password file");
    let (host, port) = broker.split_once(':').expect("host and port");
    let lines = [
        format!("--host {host}"),
        format!("--port {port}"),
        format!("--username {USER}"),
        format!("--password-file {}", password.display()),
        "--id alice-and-nobody-else".to_owned(),
        "--topic-root ours".to_owned(),
    ];
    fs::create_dir(home.path().join("config")).expect("a folder");
    fs::write(home.path().join("config/mqttchat"), lines.join("\n")).expect("an option file");
    home
}

fn start(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
    let starter = Program::with(arguments).home(home);
    variables.iter().fold(starter, |starter, (name, value)| starter.env(name, value)).start()
}

/// What each connecting subcommand first sends to the stranger, and the lines that it prints before.
#[track_caller]
fn check(home: &Path, variables: &[(&str, &str)], hint: &str) {
    for arguments in [&["client", "-m", "hi", "--nick", "al"][..], &["server", "--memory"], &["check"]] {
        let stranger = Stranger::start();
        let address = stranger.address();
        let mut program = start(home, &[&arguments[..1], &[&address], &arguments[1..]].concat(), variables);
        let packet = stranger.connect_packet();
        assert!(packet.contains("MQTT"), "{packet:?}");
        assert!(!packet.contains(PASSWORD) && !packet.contains(USER) && !packet.contains("nobody-else"), "{packet:?}");
        program.wait_for_line(Stream::Err, hint, PATIENCE);
    }
}

#[test]
fn a_stranger_does_not_get_the_login_of_the_option_file() {
    let home = home_for("broker.invalid:8883");
    check(
        home.path(),
        &[],
        "the option file is for broker.invalid:8883; not used with this broker: --username, --password-file",
    );
}

#[test]
fn a_stranger_does_not_get_the_login_of_the_environment() {
    let variables = [("MQTT_BROKER_HOST", "broker.invalid"), ("MQTT_USERNAME", USER), ("MQTT_PASSWORD", PASSWORD)];
    let hint = "the environment is for broker.invalid:1883; not used with this broker: MQTT_USERNAME, MQTT_PASSWORD";
    check(TempDir::new().path(), &variables, hint);
}

#[test]
fn the_broker_that_it_is_for_is_told() {
    let broker = Stranger::start();
    let address = broker.address();
    let home = home_for(&address);
    let port = address.rsplit_once(':').expect("a port").1;
    for words in [&[][..], &["localhost"], &[&format!("localhost:{port}")]] {
        let _program = start(home.path(), &[&["client"], words, &["-m", "hi", "--nick", "al"]].concat(), &[]);
        let packet = broker.connect_packet();
        assert!(packet.contains(USER) && packet.contains(PASSWORD), "{words:?}: {packet:?}");
    }
}
