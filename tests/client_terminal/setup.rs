//! The first start: the questions, and where the answers are saved.

use crate::support::{Broker, PATIENCE, Pty, TempDir, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn option_file(home: &Path) -> PathBuf {
    home.join(".config/mqttchat")
}

/// A first start with this answer to the first question.
#[track_caller]
fn first_start(home: &Path, broker: &str) -> Pty {
    let mut terminal = Pty::builder(&["client"]).home(home).set("USER", "alice").start();
    terminal.wait_for_line("broker [localhost]:");
    terminal.press(&format!("{broker}\r"));
    terminal
}

#[test]
fn a_first_start_asks_once_and_saves_working_answers() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let mut terminal = first_start(home.path(), "no broker at all");
    terminal.wait_for_screen("what is wrong", |lines| lines.iter().any(|line| line.contains("one word too many")));
    terminal.press(&format!("{}\r", broker.address()));
    terminal.wait_for_line("your nick [alice]:");
    terminal.press("bob\r");
    terminal.wait_for_screen("an offer", |lines| lines.concat().contains("/.config/mqttchat."));
    terminal.wait_for_line("[Y/n]:");
    assert!(!option_file(home.path()).exists(), "nothing is known to be good yet");
    terminal.press("\r");
    terminal.wait_for_screen("where it is", |lines| lines.concat().contains("broker and nick are kept in"));
    terminal.wait_for_line("#lobby>");
    let text = fs::read_to_string(option_file(home.path())).unwrap();
    assert!(text.contains("--host ") && text.contains("--port ") && text.ends_with("--nick bob\n"), "{text}");
    let mode = fs::metadata(option_file(home.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    terminal.press("/quit\r");
    assert_eq!(terminal.exit_code(), 0);

    let mut again = Pty::builder(&["client"]).home(home.path()).set("USER", "alice").start();
    again.wait_for_screen("the chat", |lines| lines.iter().any(|line| line.contains("you are bob")));
    assert!(!again.screen().concat().contains("broker ["), "nothing is asked");
}

#[test]
fn declined_and_failed_answers_are_not_saved() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let mut terminal = first_start(home.path(), &broker.address());
    terminal.wait_for_line("your nick [alice]:");
    terminal.press("\r");
    terminal.wait_for_line("[Y/n]:");
    terminal.press("maybe\r");
    terminal.wait_for_line("y or n");
    terminal.press("n\r");
    terminal.wait_for_screen("the chat", |lines| lines.iter().any(|line| line.contains("you are alice")));
    assert!(!option_file(home.path()).exists());

    // Nobody listens there: a typing error, which must not be repeated at every start.
    let mut nobody = first_start(home.path(), "localhost:1");
    nobody.wait_for_line("your nick [alice]:");
    nobody.press("\r");
    nobody.wait_for_line("[Y/n]:");
    nobody.press("y\r");
    assert_eq!(nobody.exit_code(), 14);
    assert!(!option_file(home.path()).exists());
}

#[test]
fn a_broker_with_a_log_in_is_asked_for_its_password() {
    let broker = Broker::builder().user("alice", "hush").start();
    let home = TempDir::new();
    let mut terminal = first_start(home.path(), &format!("mqtt://alice@{}", broker.address()));
    terminal.wait_for_line("your nick [alice]:");
    terminal.press("\r");
    terminal.wait_for_line("[Y/n]:");
    terminal.press("\r");
    terminal.wait_for_line(r#"password of "alice":"#);
    let echo = terminal.settings_before().2 & !libc::ECHO;
    wait_until(PATIENCE, "no echo", || terminal.settings().2 == echo);
    terminal.press("hush\r");
    terminal.wait_for_line("#lobby>");
    wait_until(PATIENCE, "the option file", || option_file(home.path()).exists());
    let text = fs::read_to_string(option_file(home.path())).unwrap();
    assert!(text.contains("--username alice\n") && !text.contains("hush"), "{text}");
}

#[test]
fn it_can_be_left_at_every_question() {
    let home = TempDir::new();
    for (key, code) in [("\x03", 130), ("/quit\r", 0), ("\x04", 1)] {
        for question in 0..3 {
            let mut terminal = Pty::builder(&["client"]).home(home.path()).set("USER", "alice").start();
            let before = terminal.settings_before();
            for end in ["broker [localhost]:", "your nick [alice]:"].iter().take(question) {
                terminal.wait_for_line(end);
                terminal.press("\r");
            }
            terminal.wait_for_line(["broker [localhost]:", "your nick [alice]:", "[Y/n]:"][question]);
            terminal.press(key);
            assert_eq!(terminal.exit_code(), code, "{key:?} at question {question}");
            assert!(terminal.settings() == before);
        }
    }
    assert!(!option_file(home.path()).exists());
}

#[test]
fn the_user_name_for_the_broker_is_the_nick_that_is_offered() {
    let home = TempDir::new();
    let mut terminal = first_start(home.path(), "mqtt://carol@localhost");
    terminal.wait_for_line("your nick [carol]:");
}

#[test]
fn a_failing_memory_does_not_stop_the_chat() {
    let (broker, home) = (Broker::start(), TempDir::new());
    // A file in place of the folder stops everybody, even root.
    fs::write(home.path().join(".config"), "").unwrap();
    let mut terminal = first_start(home.path(), &broker.address());
    terminal.wait_for_line("your nick [alice]:");
    terminal.press("\r");
    terminal.wait_for_screen("a chat, or a question", |lines| {
        lines.iter().any(|line| line.ends_with("[Y/n]:") || line.contains("you are alice"))
    });
    terminal.press("\r");
    terminal.wait_for_screen("what is wrong", |lines| {
        let screen = lines.concat();
        screen.contains("broker and nick are not kept: the folder") && !screen.contains("os error")
    });
}

#[test]
fn a_given_broker_prevents_the_question() {
    let broker = Broker::start();
    let mut terminal = Pty::start(&["client", &broker.address()]);
    terminal.wait_for_screen("the next question", |lines| lines.iter().any(|line| line.starts_with("your nick")));
    let (host, port) = broker.address().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).unwrap();
    let environment = Pty::builder(&["client"]).set("MQTT_BROKER_HOST", &host).set("MQTT_BROKER_PORT", &port);
    let mut terminal = environment.set("MQTTCHAT_NICK", "alice").start();
    terminal.wait_for_screen("the chat", |lines| lines.iter().any(|line| line.contains("you are alice")));
}
