//! Round trip client → broker → client: from a line written into one program to the line that another one prints, for
//! two clients of ours and, in turn with them, for mosquitto_pub and mosquitto_sub.

use super::support::{Broker, PATIENCE, Program, TempDir};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const ROUND_TRIPS: usize = 1_000;
/// Between two round trips, so that neither side has work left over from the one before.
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
        // The user list is what the server answers to a join.
        pipe.read_until("online_users");
    }
    let mut theirs_out = Pipe::start("mosquitto_sub", &["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", "bench"]);
    let mut theirs_in = Pipe::start("mosquitto_pub", &["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", "bench", "-l"]);
    // Until its first line comes through, they are still connecting.
    let mut tries = 0;
    while !theirs_out.has_line_after(|| theirs_in.write(&format!("warm {tries}"))) {
        tries += 1;
    }
    theirs_out.drain();

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
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
    }
    println!("latency: {ROUND_TRIPS} round trips at QoS 1, in turn; µs (median, 99th of a hundred)");
    let (our_median, our_99th) = quantiles(ours);
    let (their_median, their_99th) = quantiles(theirs);
    println!("  mqttchat client → mqttchat client  {our_median:7.0} {our_99th:7.0}");
    println!("  mosquitto_pub → mosquitto_sub      {their_median:7.0} {their_99th:7.0}");
    println!("  ratio                              {:7.2} {:7.2}", our_median / their_median, our_99th / their_99th);
    server.signal(libc::SIGTERM);
    server.exit_code(PATIENCE);
}

fn server_is_up(broker: &Broker) {
    super::support::Subscriber::start(broker, &["chat/server"])
        .wait_for("a server online", |_, payload| String::from_utf8_lossy(payload).contains("\"online\""));
}

fn quantiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

/// A program between two pipes, read and written without a thread in between.
struct Pipe {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pipe {
    fn start(program: &str, arguments: &[&str]) -> Pipe {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Pipe { child, input, output: BufReader::new(output) }
    }

    fn write(&mut self, line: &str) {
        writeln!(self.input, "{line}").and_then(|()| self.input.flush()).expect("it reads");
    }

    fn read_until(&mut self, mark: &str) {
        let mut line = String::new();
        while !line.contains(mark) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).expect("it writes"), 0, "it ended before {mark}");
        }
    }

    /// Whether something can be read soon after `act`.
    fn has_line_after(&mut self, act: impl FnOnce()) -> bool {
        use std::os::fd::AsRawFd;
        act();
        let mut poll = libc::pollfd { fd: self.output.get_ref().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid descriptor of our own, for a bounded time.
        unsafe { libc::poll(&mut poll, 1, 200) == 1 }
    }

    /// Reads what came while it was connecting.
    fn drain(&mut self) {
        while self.has_line_after(|| ()) {
            self.output.read_line(&mut String::new()).expect("it writes");
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
