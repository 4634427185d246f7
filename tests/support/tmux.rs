//! The built program in tmux: a terminal that rewraps its lines when it is resized, like most today.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::temp_dir::TempDir;
use super::wait::{PATIENCE, wait_until};

/// Kept after the program's end, to read its last output; without a status bar. `window-size manual` here would end
/// tmux 3.3a at once; resizing sets it.
const SETTINGS: &str = "set -g remain-on-exit on\nset -g history-limit 50000\nset -g status off\nset -g allow-passthrough on\n\
    set -g default-terminal tmux-256color\nset -sg escape-time 0\n";

/// A private tmux with one window; it ends on drop.
pub struct Tmux {
    /// It also contains the socket.
    home: TempDir,
}

impl Tmux {
    /// `mqttchat` with these arguments, on a terminal of this size.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(columns: u16, rows: u16, arguments: &[S]) -> Tmux {
        let program = OsStr::new(env!("CARGO_BIN_EXE_mqttchat"));
        let words: Vec<&OsStr> = [program].into_iter().chain(arguments.iter().map(AsRef::as_ref)).collect();
        Tmux::start_command(columns, rows, &words)
    }

    /// Any command, such as a shell for job control.
    #[track_caller]
    pub fn start_command<S: AsRef<OsStr>>(columns: u16, rows: u16, words: &[S]) -> Tmux {
        let tmux = Tmux { home: TempDir::new() };
        std::fs::write(tmux.home.join("tmux.conf"), SETTINGS).expect("a file can be written");
        let mut command = tmux.command();
        command.args(["new-session", "-d", "-x", &columns.to_string(), "-y", &rows.to_string(), "--"]).args(words);
        let output = command.stdin(Stdio::null()).output().expect("tmux is installed: `make test-deps`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tmux
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn command(&self) -> Command {
        let home = self.home.path();
        let socket: PathBuf = self.home.join("socket");
        let mut command = Command::new("tmux");
        command.env_clear().env("HOME", home).env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1").current_dir(home);
        command.arg("-u").arg("-S").arg(socket).arg("-f").arg(self.home.join("tmux.conf"));
        command
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> Output {
        let output = self.command().args(words).stdin(Stdio::null()).output().expect("tmux runs");
        assert!(output.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    #[track_caller]
    fn ask(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.run(words).stdout).into_owned()
    }

    /// Presses these keys; `\r` is Enter.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        for run in keys.split_inclusive(char::is_control) {
            let end = run.chars().next_back().filter(|c| c.is_control());
            let text = run.trim_end_matches(char::is_control);
            if !text.is_empty() {
                self.run(&["send-keys", "-l", "--", text]);
            }
            if let Some(key) = end {
                self.run(&["send-keys", "-H", &format!("{:x}", u32::from(key))]);
            }
        }
    }

    /// Pastes this, in brackets if the program has asked for them.
    #[track_caller]
    pub fn paste(&self, text: &str) {
        let mut command = self.command();
        command.args(["load-buffer", "-"]).stdin(Stdio::piped());
        let mut process = command.spawn().expect("tmux runs");
        process.stdin.take().expect("piped").write_all(text.as_bytes()).expect("tmux reads");
        assert!(process.wait().expect("tmux ends").success());
        self.run(&["paste-buffer", "-p", "-r"]);
    }

    #[track_caller]
    pub fn resize(&self, columns: u16, rows: u16) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Waits until the program can know a new size: tmux wraps its lines first, and tells the program later.
    #[track_caller]
    pub fn wait_for_size(&self, columns: u16, rows: u16) {
        let terminal = self.ask(&["display-message", "-p", "#{pane_tty}"]);
        wait_until(PATIENCE, "the new size", || {
            let output = Command::new("stty").args(["-F", terminal.trim(), "size"]).output().expect("stty is there");
            String::from_utf8_lossy(&output.stdout).trim() == format!("{rows} {columns}")
        });
    }

    /// The rows of the screen, without trailing blanks, down to the last one that is not empty.
    #[track_caller]
    pub fn screen(&self) -> Vec<String> {
        lines(&self.ask(&["capture-pane", "-p"]))
    }

    /// Like `screen`, with everything above it that has scrolled off.
    #[track_caller]
    pub fn history(&self) -> Vec<String> {
        lines(&self.ask(&["capture-pane", "-p", "-S", "-"]))
    }

    /// Column and row, from 0.
    #[track_caller]
    pub fn cursor(&self) -> (u16, u16) {
        let text = self.ask(&["display-message", "-p", "#{cursor_x} #{cursor_y}"]);
        let mut numbers = text.split_whitespace().map(|number| number.parse().expect("a number"));
        (numbers.next().expect("a column"), numbers.next().expect("a row"))
    }

    #[track_caller]
    pub fn wait_for_screen(&self, what: &str, mut wanted: impl FnMut(&[String]) -> bool) {
        wait_until(PATIENCE, what, || wanted(&self.screen()));
    }

    /// Waits for a line with this end.
    #[track_caller]
    pub fn wait_for_line(&self, end: &str) {
        self.wait_for_screen(end, |lines| lines.iter().any(|line| line.ends_with(end)));
    }

    /// Whether the program has ended.
    #[track_caller]
    pub fn has_ended(&self) -> bool {
        self.ask(&["display-message", "-p", "#{pane_dead}"]).trim() == "1"
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        if thread::panicking() {
            // Not `ask`: a second panic would hide the first.
            let screen = self.command().args(["capture-pane", "-p"]).output().map(|output| output.stdout);
            eprintln!("---- screen ----\n{}", String::from_utf8_lossy(&screen.unwrap_or_default()));
        }
        // It may have ended already.
        let _ = self.command().arg("kill-server").output();
        // Its programs get a signal and may still write into their home.
        wait_until(PATIENCE, "the end of tmux", || !self.is_running());
    }
}

impl Tmux {
    fn is_running(&self) -> bool {
        self.command().arg("list-sessions").output().is_ok_and(|output| output.status.success())
    }
}

fn lines(text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
}
