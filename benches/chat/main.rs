//! `make bench`: figures of the whole program, each with a comparison from the same run, because machines are shared
//! and noisy. They are printed, never asserted. Everything runs on the loopback, bounded, and ends by itself.
//!
//! Words after `--` select figures: `cargo bench -- ingest delivery large latency bytes presence footprint terminal`.
//! BENCH_MESSAGES sets the number of messages in the history of `large`.

#[path = "../../tests/support/mod.rs"]
mod support;

mod bytes;
mod delivery;
mod footprint;
mod ingest;
mod large;
mod latency;
mod pipe;
mod presence;
mod publisher;
mod terminal;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, port, count, qos] = arguments.as_slice()
        && mode == ingest::BARE_SUBSCRIBER
    {
        return ingest::bare_subscriber(port, count, qos);
    }
    if let [mode, port, role] = arguments.as_slice()
        && mode == latency::BARE
    {
        return latency::bare_relay(port, role);
    }
    let wanted = |name: &str| {
        let named = arguments.iter().any(|argument| !argument.starts_with('-'));
        !named || arguments.iter().any(|argument| argument == name)
    };
    let figures: [(&str, fn()); 8] = [
        ("ingest", ingest::print),
        ("delivery", delivery::print),
        ("large", large::print),
        ("latency", latency::print),
        ("bytes", bytes::print),
        ("presence", presence::print),
        ("footprint", footprint::print),
        ("terminal", terminal::print),
    ];
    for (name, print) in figures {
        if wanted(name) {
            print();
        }
    }
}

/// The smallest, the median and the largest.
fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[0], figures[figures.len() / 2], figures[figures.len() - 1])
}
