//! Round trip client → broker → client: from a line written into one program to the line that another one prints.
//! Measured for two clients of ours and, alternating with them, for mosquitto_pub and mosquitto_sub, and for two bare
//! programs on the same library, which shows the library's part of the difference.

use super::pipe::Pipe;
use super::support::{Broker, PATIENCE, Program, TempDir};
use paho_mqtt as mqtt;
use std::time::{Duration, Instant};

/// The first argument of the bare programs.
pub const BARE: &str = "bare-relay";
const ROUND_TRIPS: usize = 1_000;
/// The pause between two round trips, which lets both sides finish their work.
const PAUSE: Duration = Duration::from_millis(2);

pub fn print() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir, "--quiet"]);
    server_is_up(&broker);
    let port = broker.port().to_string();

    let receiver = ["client", "127.0.0.1", &port, "--nick", "receiver", "--json", "--listen", "--no-history"];
    let sender = ["client", "127.0.0.1", &port, "--nick", "sender", "--json", "--listen", "--no-history"];
    let mut ours_out = Pipe::start(env!("CARGO_BIN_EXE_mqttchat"), &receiver);
    let mut ours_in = Pipe::start(env!("CARGO_BIN_EXE_mqttchat"), &sender);
    for pipe in [&mut ours_out, &mut ours_in] {
        // The user list is the server's answer to a join.
        pipe.read_until("online_users");
    }
    let mut theirs_out = Pipe::start("mosquitto_sub", &["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", "bench"]);
    let mut theirs_in = Pipe::start("mosquitto_pub", &["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", "bench", "-l"]);
    let this = std::env::current_exe().expect("this program");
    let this = this.to_str().expect("a UTF-8 path");
    let mut bare_out = Pipe::start(this, &[BARE, &port, "prints"]);
    let mut bare_in = Pipe::start(this, &[BARE, &port, "publishes"]);
    for (input, output) in [(&mut theirs_in, &mut theirs_out), (&mut bare_in, &mut bare_out)] {
        // Until a first line passes, they are still connecting.
        while !output.has_line_after(|| input.write("warm")) {}
        output.drain();
    }

    let (mut ours, mut theirs, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ROUND_TRIPS {
        let mark = format!("trip-{number}-");
        let started = Instant::now();
        ours_in.write(&format!(r#"{{"message":"{mark}"}}"#));
        ours_out.read_until(&mark);
        ours.push(started.elapsed());
        std::thread::sleep(PAUSE);
        let started = Instant::now();
        theirs_in.write(&mark);
        theirs_out.read_until(&mark);
        theirs.push(started.elapsed());
        std::thread::sleep(PAUSE);
        let started = Instant::now();
        bare_in.write(&mark);
        bare_out.read_until(&mark);
        bare.push(started.elapsed());
        std::thread::sleep(PAUSE);
    }
    println!("latency: {ROUND_TRIPS} round trips at QoS 1, in turn; µs (median, 99th of a hundred)");
    let (our_median, our_99th) = quantiles(ours);
    let (their_median, their_99th) = quantiles(theirs);
    let (bare_median, bare_99th) = quantiles(bare);
    println!("  mqttchat client → mqttchat client  {our_median:7.0} {our_99th:7.0}");
    println!("  mosquitto_pub → mosquitto_sub      {their_median:7.0} {their_99th:7.0}");
    println!("  ratio                              {:7.2} {:7.2}", our_median / their_median, our_99th / their_99th);
    println!("  bare paho → bare paho              {bare_median:7.0} {bare_99th:7.0}");
    println!("  ratio                              {:7.2} {:7.2}", our_median / bare_median, our_99th / bare_99th);
    server.signal(libc::SIGTERM);
    server.exit_code(PATIENCE);
}

/// A bare program on our library: publishes the lines that it reads, or prints what arrives.
pub fn bare_relay(port: &str, role: &str) {
    let options = mqtt::CreateOptionsBuilder::new()
        .server_uri(format!("tcp://127.0.0.1:{port}"))
        .client_id(format!("bare-{role}"))
        .persistence(mqtt::PersistenceType::None)
        .finalize();
    let client = mqtt::AsyncClient::new(options).expect("a client");
    client.set_message_callback(|_, message| {
        if let Some(message) = message {
            println!("{}", message.payload_str());
        }
    });
    client.connect(mqtt::ConnectOptionsBuilder::new_v5().finalize()).wait_for(PATIENCE).expect("a connection");
    if role == "prints" {
        client.subscribe("bench-bare", 1).wait_for(PATIENCE).expect("a subscription");
    }
    // Reading to the end of the input also keeps the printing program alive.
    for line in std::io::stdin().lines() {
        client.publish(mqtt::Message::new("bench-bare", line.expect("a line"), 1));
    }
}

/// A broker that does not delay small packets by 40 ms, as Mosquitto does by default.
pub fn prompt_broker() -> Broker {
    Broker::builder().line("set_tcp_nodelay true").start()
}

/// Waits until a server is online.
pub fn server_is_up(broker: &Broker) {
    super::support::Subscriber::start(broker, &["chat/server"])
        .wait_for("a server online", |_, payload| String::from_utf8_lossy(payload).contains("\"online\""));
}

/// The median and the 99th percentile, in µs.
pub fn quantiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}
