use mqttchat::options::{Environment, Invocation};

fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match mqttchat::options::parse(&arguments, &Environment::process()) {
        Ok(Invocation::Client(options)) => mqttchat::client::run(options),
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mqttchat: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
