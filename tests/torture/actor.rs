//! The server or a member, with its proxy: the faults that hit it, and their ends. Driven by the stage, which tells the
//! time.

use crate::account::{End, RunNumber};
use crate::cast::{Member, Who};
use crate::ledger::Ledger;
use crate::process::{Program, Running};
use crate::proxy::Proxy;
use crate::schedule::{Fault, Way};
use std::path::PathBuf;
use std::process::{ChildStdin, ExitStatus};
use std::time::Duration;

/// How long a member that ended by itself waits before its restart.
const PAUSE: Duration = Duration::from_secs(1);
/// Exit codes of a client without a connection at first, and of one whose nick is in use.
const NO_CONNECTION: i32 = 14;
const NICK_IN_USE: i32 = 73;

/// With each first connection, SQLite creates its shared index anew, as a file of this size.
const INDEX_BYTES: u64 = 32 * 1024;

pub struct Actor {
    pub who: Who,
    pub proxy: Proxy,
    program: Program,
    running: Option<(RunNumber, Running)>,
    /// The folder of the server's database.
    files: Option<PathBuf>,
    start_at: Option<Duration>,
    /// A second kill: this long after its start, for this pause.
    again: Option<(Duration, Duration)>,
    /// A kill at this time, for this pause.
    kill_at: Option<(Duration, Duration)>,
    stopped_until: Option<Duration>,
    full_until: Option<Duration>,
    stalled_until: [Option<Duration>; 2],
    delayed_until: Option<Duration>,
}

impl Actor {
    pub fn new(who: Who, program: Program, proxy: Proxy, files: Option<PathBuf>) -> Actor {
        Actor {
            who,
            proxy,
            program,
            running: None,
            files,
            start_at: None,
            again: None,
            kill_at: None,
            stopped_until: None,
            full_until: None,
            stalled_until: [None; 2],
            delayed_until: None,
        }
    }

    fn member(&self) -> Option<Member> {
        match self.who {
            Who::Member(member) => Some(member),
            Who::Server | Who::Broker => None,
        }
    }

    pub fn start(&mut self, now: Duration, ledger: &mut Ledger) -> (RunNumber, ChildStdin) {
        let run = ledger.run_started(self.member(), now);
        let (running, input) = self.program.start(run);
        if self.full_until.is_some() {
            // A disk does not free itself, but the space that the last run released is available.
            limit_files(running.id(), Some(INDEX_BYTES));
        }
        self.running = Some((run, running));
        self.kill_at = self.again.take().map(|(after, pause)| (now + after, pause));
        (run, input)
    }

    /// Applies a fault at `now`; false if there is nothing for it to hit.
    pub fn suffer(&mut self, fault: &Fault, now: Duration, ledger: &mut Ledger) -> bool {
        self.program.note(&format!("fault {fault:?}"));
        let later = |until: Option<Duration>, time: &Duration| until.max(Some(now + *time));
        match (fault, &self.running) {
            (Fault::Stall { ways, time, .. }, _) => {
                for way in ways {
                    self.proxy.stall(*way, true);
                    let until = &mut self.stalled_until[*way as usize];
                    *until = later(*until, time);
                }
            }
            (Fault::Delay { by, time, .. }, _) => {
                self.proxy.delay(*by);
                self.delayed_until = later(self.delayed_until, time);
            }
            (_, None) => return false,
            (Fault::Kill { pause, again, .. }, Some(_)) => {
                self.again = again.map(|after| (after, *pause));
                self.kill(now, *pause, ledger);
            }
            (Fault::Stop { time, .. }, Some((run, running))) => {
                running.signal(libc::SIGSTOP);
                ledger.run_stands_still(*run, now);
                self.stopped_until = later(self.stopped_until, time);
            }
            (Fault::DiskFull { at_once, time, killed }, Some((_, running))) => {
                limit_files(running.id(), Some(if *at_once { 0 } else { self.size_of_files() }));
                self.full_until = later(self.full_until, time);
                self.kill_at = killed.map(|(after, pause)| (now + after, pause)).or(self.kill_at);
            }
            (Fault::Cut { .. }, Some(_)) => self.proxy.cut(),
            (Fault::HalfClose { way, .. }, Some(_)) => self.proxy.half_close(*way),
            (Fault::KillBroker { .. }, Some(_)) => return false,
        }
        true
    }

    fn kill(&mut self, now: Duration, pause: Duration, ledger: &mut Ledger) {
        if let Some((run, running)) = self.running.take() {
            running.kill();
            ledger.run_ended(run, now, End::Killed);
        }
        (self.stopped_until, self.kill_at) = (None, None);
        self.start_at = Some(now + pause);
    }

    /// Ends faults that have lasted long enough. True if the program must be started.
    pub fn recover(&mut self, now: Duration, ledger: &mut Ledger) -> bool {
        let is_over = |until: &mut Option<Duration>| until.take_if(|until| *until <= now).is_some();
        for way in [Way::ToBroker, Way::FromBroker] {
            if is_over(&mut self.stalled_until[way as usize]) {
                self.proxy.stall(way, false);
            }
        }
        if is_over(&mut self.delayed_until) {
            self.proxy.delay(Duration::ZERO);
        }
        if is_over(&mut self.full_until)
            && let Some((_, running)) = &self.running
        {
            limit_files(running.id(), None);
        }
        if let Some((_, pause)) = self.kill_at.take_if(|(at, _)| *at <= now) {
            self.kill(now, pause, ledger);
        }
        if is_over(&mut self.stopped_until)
            && let Some((run, running)) = &self.running
        {
            running.signal(libc::SIGCONT);
            ledger.run_goes_on(*run, now);
        }
        is_over(&mut self.start_at)
    }

    /// Ends all its faults. Nothing counts twice.
    pub fn recover_at_once(&mut self, now: Duration) {
        self.again = None;
        self.kill_at = None;
        let untils = [&mut self.start_at, &mut self.stopped_until, &mut self.full_until, &mut self.delayed_until];
        for until in untils.into_iter().chain(&mut self.stalled_until).flatten() {
            *until = now;
        }
    }

    /// Whether it has ended by itself. It is restarted, whatever the reason.
    pub fn fell(&mut self, now: Duration) -> Option<(RunNumber, ExitStatus)> {
        let status = self.running.as_mut()?.1.has_ended()?;
        let (run, running) = self.running.take()?;
        // Its output is read to the end before the judgement.
        running.wait("a program that has ended", Duration::ZERO);
        (self.stopped_until, self.kill_at) = (None, None);
        self.start_at = Some(now + PAUSE);
        Some((run, status))
    }

    /// Closes a sender's input, or asks others to end; then waits for the end.
    pub fn end(&mut self, input: Option<ChildStdin>, now: Duration, ledger: &mut Ledger, within: Duration) {
        let Some((run, running)) = self.running.take() else { return };
        let is_sender = self.member().is_some_and(Member::is_sender);
        let expected = match self.member() {
            Some(_) if is_sender => 0,
            // After a clean leave, the code of the signal.
            Some(_) => 128 + libc::SIGTERM,
            None => 0,
        };
        match is_sender {
            true => drop(input),
            false => running.signal(libc::SIGTERM),
        }
        let status = running.wait(&format!("{} after it was asked to end", self.who), within);
        ledger.run_ended(run, now, End::Asked);
        if status.code() != Some(expected) {
            ledger.is_wrong(format!("{} ended with {status} when it was asked to end", self.who));
        }
    }

    /// The size of the largest of its growing files.
    fn size_of_files(&self) -> u64 {
        let Some(files) = &self.files else { return 0 };
        let size =
            |ending: &str| std::fs::metadata(format!("{}{ending}", files.display())).map_or(0, |file| file.len());
        // The database's log is written first, and is restarted at times.
        size("-wal")
    }
}

/// The excuse of a run that ended by itself; `Err` if there is none.
pub fn excuse(who: Who, status: ExitStatus, connected: bool) -> Result<String, String> {
    match (who, status.code()) {
        (Who::Member(_), Some(NO_CONNECTION)) if !connected => Ok("no connection at first".to_owned()),
        (Who::Member(_), Some(NICK_IN_USE)) => Ok("the nick in use".to_owned()),
        _ => Err(format!("{who} ended by itself: {status}")),
    }
}

/// Limits the size of files; beyond it writing fails, as on a full disk. `None`: no limit.
fn limit_files(process: u32, bytes: Option<u64>) {
    let pid = libc::pid_t::try_from(process).expect("a pid fits pid_t");
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both pointers are null or to a limit that lives through the call. The process is our child, not reaped.
    let result = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, std::ptr::null(), &raw mut limit) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // The hard limit stays, so the soft one can be lifted again.
    limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
    // SAFETY: as above.
    let result = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
