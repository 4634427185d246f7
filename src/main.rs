//! From the subcommand to its run to the exit code.

use mqttchat::options::{self, Environment, Invocation};
use mqttchat::{check, client, server, signals, transfer};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    signals::outlive_file_limits();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match options::parse(&arguments, &Environment::process()) {
        Ok(Invocation::Server(options)) => server::run(options),
        Ok(Invocation::Client(options)) => client::run(options),
        Ok(Invocation::Check(options)) => check::run(options),
        Ok(Invocation::Export(options)) => transfer::export(&options),
        Ok(Invocation::Import(options)) => transfer::import(&options),
        Ok(Invocation::Print(text)) => print(&text),
        Ok(Invocation::Manual) => print(&options::manual(&client::command::list())),
        Err(error) => {
            // Whether anybody reads it changes nothing.
            let _ = writeln!(std::io::stderr(), "mqttchat: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints to a reader that may stop reading at any time (`mqttchat --help | head`).
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
