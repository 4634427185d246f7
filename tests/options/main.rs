//! The command line as users type it: arguments, variables and files in, options or one line out.

mod accepted;
mod config;
mod laws;
mod other_broker;
mod refused;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use mqttchat::link::{Settings, Transport};
use mqttchat::options::{ClientOptions, Connection, Environment, Invocation, ServerOptions, parse};

/// The path of the option file in these tests.
const FILE: &str = "/home/a/.config/mqttchat";
const PEM: &str = "a comment\n-----BEGIN CERTIFICATE-----\n";

/// The environment of a run: lines of `NAME=value`, and the option file's text.
#[derive(Clone, Copy, Default)]
struct World<'a> {
    variables: &'a str,
    option_file: Option<&'a str>,
}

impl World<'_> {
    fn run(&self, arguments: &[OsString]) -> Result<Invocation, String> {
        let variable = |name: &str| {
            let mut pairs = self.variables.lines().filter_map(|line| line.split_once('='));
            let found = pairs.find(|pair| pair.0 == name).map(|pair| pair.1.into());
            found.or((name == "HOME").then(|| "/home/a".into()))
        };
        let read = |path: &Path| match path.to_str() {
            Some(FILE) => match self.option_file {
                Some(text) => Ok(text.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            Some("/etc/ca.pem" | "/etc/cert.pem" | "/etc/key.pem") => Ok(PEM.into()),
            Some("/etc/ca.der") => Ok(vec![0x30, 0x82, 0xff]),
            Some("/etc/password") => Ok("secret \r\nsecond line\n".into()),
            Some("/etc/empty") => Ok("\n".into()),
            Some("/etc/other") => Ok("-h other\n".into()),
            Some("/etc/private" | "/locked/mqttchat") => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Err(io::Error::from_raw_os_error(2)),
        };
        let list = |path: &Path| match path.to_str() {
            Some("/etc/certs") => Ok(()),
            _ => Err(io::Error::from_raw_os_error(2)),
        };
        let environment = Environment { variable: &variable, read: &read, list: &list };
        parse(arguments, &environment).map_err(|error| error.to_string())
    }

    /// Runs `line`, split at blanks; `''` is an empty word, `_` within a word a blank.
    fn type_in(&self, line: &str) -> Result<Invocation, String> {
        let word = |word: &str| {
            if word == "''" { "".into() } else { word.replace('_', " ").into() }
        };
        self.run(&line.split_whitespace().map(word).collect::<Vec<OsString>>())
    }

    #[track_caller]
    fn client(&self, line: &str) -> ClientOptions {
        match self.type_in(&format!("client {line}")) {
            Ok(Invocation::Client(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[track_caller]
    fn connection(&self, line: &str) -> Connection {
        self.client(line).connection
    }

    #[track_caller]
    fn server(&self, line: &str) -> ServerOptions {
        match self.type_in(&format!("server {line}")) {
            Ok(Invocation::Server(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// `expected` as `tcp://host:port/path`, `tls://…`, `ws://…` or `wss://…`.
    #[track_caller]
    fn check_address(&self, line: &str, expected: &str) {
        let settings = self.connection(line).settings;
        let address = format!("{}://{}{}", scheme(&settings), settings.address, settings.address.path);
        assert_eq!(address, expected, "{line}");
    }

    /// `expected` as `user:password`, an absent part as `-`; and how many warnings there are.
    #[track_caller]
    fn check_login(&self, line: &str, expected: &str, warnings: usize) {
        let connection = self.connection(line);
        let part = |part: Option<String>| part.unwrap_or("-".into());
        let ask = connection.settings.username.is_some() && connection.settings.password.is_none();
        assert_eq!(connection.ask_password, ask, "{line}");
        assert_eq!(connection.warnings.len(), warnings, "{line}: {:?}", connection.warnings);
        let (username, password) = (connection.settings.username, connection.settings.password);
        assert_eq!(format!("{}:{}", part(username), part(password)), expected, "{line}");
    }
}

const BARE: World = World { variables: "", option_file: None };

fn scheme(settings: &Settings) -> &'static str {
    match (settings.address.transport, settings.tls.is_some()) {
        (Transport::Tcp, false) => "tcp",
        (Transport::Tcp, true) => "tls",
        (Transport::WebSocket, false) => "ws",
        (Transport::WebSocket, true) => "wss",
    }
}

fn variables(variables: &str) -> World<'_> {
    World { variables, ..BARE }
}

fn option_file(text: &str) -> World<'_> {
    World { option_file: Some(text), ..BARE }
}
