//! A round from its beginning to its verdict.

use crate::cast::{LOBBY, ROOMS};
use crate::past::{Reader, exported};
use crate::report::Figures;
use crate::schedule::Schedule;
use crate::stage::Stage;
use crate::verdict::{outstanding, violations};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long recovery may take once all faults are over. The longest waits may just have begun: a minute before a client
/// reconnects or retransmits a message, five before the server retransmits a direct one.
const HEAL_WITHIN: Duration = Duration::from_secs(400);
/// The time between two looks at the whole account.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The time between two readings of the history, while something is missing.
const READ_EVERY: Duration = Duration::from_secs(3);
/// How many faults of a long round pass between two progress reports.
const SAY_EVERY: usize = 50;

/// The settings of a round.
pub struct Round {
    pub seed: u64,
    pub faults: usize,
    /// The rate of faults: 1 is one per second.
    pub pace: f64,
    /// How long to wait at the end for repetitions, which must not come.
    pub silence: Duration,
}

/// The logs and homes of a round; removed on drop, unless something is wrong.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn new(seed: u64) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("torture-{seed}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the target folder is writable");
        Folder { path, keep: false }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.keep || std::thread::panicking() {
            eprintln!("logs, databases and what is known of each message are kept in {}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

impl Round {
    /// Plays it, and prints its figures.
    ///
    /// # Panics
    ///
    /// If a promise is broken, with everything known about it.
    #[track_caller]
    pub fn play(&self) {
        eprintln!("seed {}, {} faults", self.seed, self.faults);
        // Dropped last, when nothing writes to it any longer.
        let mut folder = Folder::new(self.seed);
        let mut stage = Stage::set(self.seed, &folder.path);
        let faults = self.torment(&mut stage);
        let quiet = stage.now();
        let healed = heal(&mut stage) - quiet;
        self.listen_for_echoes(&mut stage);
        read_history(&mut stage);
        stage.end();
        // From the database itself, because nobody writes to it now.
        let (rooms, waiting) = exported(&stage.data_dir());
        stage.ledger.history_is_too(rooms);
        let violations = violations(&stage.ledger.account);
        let figures = Figures {
            seed: self.seed,
            account: &stage.ledger.account,
            violations: &violations,
            faults: &faults,
            excused: &stage.excused,
            took: stage.now(),
            healed,
            waiting,
        };
        eprint!("{}", figures.text());
        folder.keep = !violations.is_empty() || std::env::var_os("TORTURE_KEEP").is_some();
        if violations.is_empty() {
            return;
        }
        let indictment = figures.indictment();
        let _ = fs::write(folder.path.join("violations"), &indictment);
        let shown: String = indictment.lines().take(200).map(|line| format!("{line}\n")).collect();
        panic!("seed {}: {} promises are broken\n{shown}", self.seed, violations.len());
    }

    /// Faults by kind.
    fn torment(&self, stage: &mut Stage) -> BTreeMap<String, usize> {
        let mut log = fs::File::create(stage.folder().join("faults.log")).expect("our own folder is writable");
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let begun = stage.now();
        let mut count = 0;
        for timed in Schedule::new(self.seed) {
            while stage.now() < begun + timed.at.div_f64(self.pace) {
                stage.turn();
            }
            let hit = stage.suffer(&timed.fault);
            let vain = if hit { "" } else { " in vain" };
            let _ = writeln!(log, "{:8.3} {:?}{vain}", stage.now().as_secs_f64(), timed.fault);
            if hit {
                *kinds.entry(timed.fault.kind()).or_default() += 1;
                count += 1;
                if count % SAY_EVERY == 0 {
                    let messages = stage.ledger.account.messages.len();
                    eprintln!("{count} faults, {messages} messages, {:.0} s", stage.now().as_secs_f64());
                }
            }
            if count == self.faults {
                break;
            }
        }
        stage.recover_at_once();
        stage.stop_feeding();
        kinds
    }

    fn listen_for_echoes(&self, stage: &mut Stage) {
        let until = Instant::now() + self.silence;
        while Instant::now() < until {
            stage.turn();
        }
    }
}

/// Waits until every message is where it must be, as far as it gets there; the rest are violations. Returns when that
/// was.
fn heal(stage: &mut Stage) -> Duration {
    let deadline = stage.now() + HEAL_WITHIN;
    let mut history_read: Option<Instant> = None;
    let mut look = Instant::now();
    loop {
        stage.turn();
        if look.elapsed() < LOOK_EVERY {
            continue;
        }
        look = Instant::now();
        let left = outstanding(&stage.ledger.account);
        let now = stage.now();
        if left.is_empty() && history_read.is_some() {
            return now;
        }
        if now >= deadline {
            eprintln!("{} messages are not everywhere after {HEAL_WITHIN:?}", left.len());
            return now;
        }
        // It may hold messages whose senders died before reporting them, and messages that not everybody has seen yet.
        if history_read.is_none_or(|at| at.elapsed() >= READ_EVERY) {
            read_history(stage);
            history_read = Some(Instant::now());
        }
    }
}

fn read_history(stage: &mut Stage) {
    let mut reader = Reader::new(&stage.broker);
    for room in [&[LOBBY][..], &ROOMS].concat() {
        stage.ledger.history_is(room, reader.read(room));
    }
}
