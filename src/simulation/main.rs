//! The program behind `make simulate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mqttchat::simulation::run()
}
