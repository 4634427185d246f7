//! A private Mosquitto for a test: free ports, a temporary folder, ended on drop.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::broker_builder::{Builder, PASSWORDS, Ports};
use super::temp_dir::TempDir;
use super::wait::{PATIENCE, send_signal, wait_for_exit, wait_until};

/// How often a new broker tries other ports, because another process took one that it had found free.
const PORT_ATTEMPTS: u32 = 10;

/// The file in which Mosquitto keeps sessions and retained messages.
const STORE: &str = "mosquitto.db";

/// Why a broker did not come up.
enum Refusal {
    PortTaken,
    /// Its log.
    Other(String),
}

/// A running (or stopped, or killed) broker. Drop ends it and removes its folder; if the test panics, it prints the log
/// first.
#[derive(Debug)]
pub struct Broker {
    settings: Builder,
    dir: TempDir,
    ports: Ports,
    process: Option<Child>,
}

impl Broker {
    /// A broker without passwords, TLS or persistence.
    #[track_caller]
    pub fn start() -> Broker {
        Broker::builder().start()
    }

    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `Builder::start`.
    #[track_caller]
    pub(super) fn from(settings: Builder) -> Broker {
        let mut broker = Broker { dir: TempDir::new(), ports: Ports::default(), settings, process: None };
        broker.write_passwords();
        for _ in 0..PORT_ATTEMPTS {
            broker.ports = free_ports();
            broker.write_configuration();
            match broker.launch() {
                Ok(()) => return broker,
                Err(Refusal::PortTaken) => continue,
                Err(Refusal::Other(log)) => panic!("mosquitto does not start:\n{log}"),
            }
        }
        panic!("mosquitto found its ports taken {PORT_ATTEMPTS} times");
    }

    /// The plain listener's port on 127.0.0.1; the same after `start_again`.
    pub fn port(&self) -> u16 {
        self.ports.plain
    }

    /// `127.0.0.1:port` of the plain listener.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    #[track_caller]
    pub fn tls_port(&self) -> u16 {
        assert!(self.settings.tls.is_some(), "a broker without TLS");
        self.ports.tls
    }

    #[track_caller]
    pub fn websocket_port(&self) -> u16 {
        assert!(self.settings.websockets, "a broker without WebSocket");
        self.ports.websocket
    }

    /// Name and password of the first user, if the broker has users.
    pub fn first_user(&self) -> Option<(&str, &str)> {
        let (name, password) = self.settings.users.first()?;
        Some((name, password))
    }

    /// Its log, over all its starts.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Stops it like an administrator (SIGTERM) and waits for its end.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("the broker runs");
        send_signal(&process, libc::SIGTERM);
        send_signal(&process, libc::SIGCONT);
        wait_for_exit(&mut process, "mosquitto", PATIENCE);
    }

    /// Kills it like a power cut (SIGKILL).
    #[track_caller]
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("the broker runs");
        process.kill().expect("our own child can be killed");
        wait_for_exit(&mut process, "mosquitto", PATIENCE);
    }

    /// Deletes its stored state, so it restarts empty. Only between `stop` or `kill` and `start_again`.
    #[track_caller]
    pub fn forget(&self) {
        assert!(self.process.is_none(), "the broker still runs");
        match fs::remove_file(self.dir.join(STORE)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("cannot remove what the broker has kept: {error}"),
        }
    }

    /// Whether it has ended by itself.
    pub fn has_fallen(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !matches!(process.try_wait(), Ok(None)))
    }

    /// Restarts it after `stop` or `kill`, on the same ports with the same configuration.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the broker still runs");
        // A passing connection of another process may hold the port for a moment.
        let begun = Instant::now();
        loop {
            match self.launch() {
                Ok(()) => return,
                Err(Refusal::PortTaken) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(Refusal::PortTaken) => panic!("somebody else keeps port {}", self.port()),
                Err(Refusal::Other(log)) => panic!("mosquitto does not start again:\n{log}"),
            }
        }
    }

    /// Freezes it: connections stay open, and nothing is answered.
    #[track_caller]
    pub fn pause(&self) {
        send_signal(self.running(), libc::SIGSTOP);
    }

    #[track_caller]
    pub fn resume(&self) {
        send_signal(self.running(), libc::SIGCONT);
    }

    #[track_caller]
    fn running(&self) -> &Child {
        self.process.as_ref().expect("the broker runs")
    }

    fn log_path(&self) -> PathBuf {
        self.settings.log.clone().unwrap_or_else(|| self.dir.join("mosquitto.log"))
    }

    fn listens(&self) -> bool {
        let accepts = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let Ports { plain, tls, websocket } = self.ports;
        accepts(plain)
            && (self.settings.tls.is_none() || accepts(tls))
            && (!self.settings.websockets || accepts(websocket))
    }

    fn write_configuration(&self) {
        let path = self.dir.join("mosquitto.conf");
        fs::write(path, self.settings.text(self.dir.path(), self.ports)).expect("our own folder is writable");
    }

    fn write_passwords(&self) {
        if self.settings.users.is_empty() {
            return;
        }
        fs::write(self.dir.join(PASSWORDS), "").expect("our own folder is writable");
        for (name, password) in &self.settings.users {
            let status = Command::new("mosquitto_passwd")
                .arg("-b")
                .arg(self.dir.join(PASSWORDS))
                .args([name, password])
                .stderr(Stdio::null())
                .status()
                .expect("mosquitto_passwd is installed");
            assert!(status.success(), "mosquitto_passwd: {status}");
        }
    }

    /// Starts the process and waits until it listens on all its ports.
    #[track_caller]
    fn launch(&mut self) -> Result<(), Refusal> {
        let log = self.open_log();
        let logged_before = self.log().len();
        let process = Command::new(mosquitto())
            .arg("-c")
            .arg(self.dir.join("mosquitto.conf"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto is installed");
        // Stored at once: drop must end it even if the wait fails.
        self.process = Some(process);
        let mut ended = false;
        wait_until(PATIENCE, "mosquitto listens", || {
            let process = self.process.as_mut().expect("just set");
            let status = process.try_wait().expect("our own child can be waited for");
            ended = status.is_some();
            // Its log decides: a mere connection could reach another process that took the port.
            let running = self.log()[logged_before..].contains(" running");
            ended || running && self.listens()
        });
        if !ended {
            return Ok(());
        }
        self.process = None;
        let log = self.log().split_off(logged_before);
        if log.contains("Address already in use") { Err(Refusal::PortTaken) } else { Err(Refusal::Other(log)) }
    }

    fn open_log(&self) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        options.open(self.log_path()).expect("our own folder is writable")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already. Nothing else can fail for our own child.
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() && self.settings.log.is_none() {
            eprintln!("---- mosquitto at {} ----\n{}", self.address(), self.log());
        }
    }
}

/// Three ports on which nobody listens at this moment.
fn free_ports() -> Ports {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    // All three are held until all are read, so they differ.
    let held = [bind(), bind(), bind()];
    let port = |listener: &TcpListener| listener.local_addr().expect("a bound address").port();
    Ports { plain: port(&held[0]), tls: port(&held[1]), websocket: port(&held[2]) }
}

/// The path of the program: Debian installs it in a folder that a user's PATH omits.
fn mosquitto() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join("mosquitto"))
        .find(|file| file.is_file())
        .expect("mosquitto is installed")
}
