//! The keys that end, clear and suspend, and the terminal's settings after every kind of end.

use crate::alice;
use crate::support::{Broker, PATIENCE, Pty, Subscriber, TempDir, Tmux, publish, wait_until};

#[test]
fn one_interrupt_clears_and_two_quit() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    alice.press("a draft\x03");
    alice.wait_for_screen("the hint", |lines| lines.last().is_some_and(|line| line == "#lobby> (Ctrl-C again quits)"));
    alice.press("\x19");
    alice.wait_for_screen("the draft", |lines| lines.last().is_some_and(|line| line == "#lobby> a draft"));
    alice.press("\x03x\x03");
    alice.wait_for_line("(Ctrl-C again quits)");
    alice.press("\x03");
    assert_eq!(alice.exit_code(), 130);
}

/// Ctrl-D in a line deletes a character instead of ending the chat.
#[test]
fn ctrl_d_within_a_line_does_not_end_the_chat() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    alice.press("ab\x02\x04");
    alice.wait_for_screen("the rest", |lines| lines.last().is_some_and(|line| line == "#lobby> a"));
    alice.press("\x15\x04");
    assert_eq!(alice.exit_code(), 0);
}

#[test]
fn stopped_and_going_on_it_shows_the_line_and_what_was_missed() {
    let broker = Broker::start();
    let shell = ["sh", "-i"];
    // The settings fit in one row.
    let tmux = Tmux::start_command(120, 20, &shell);
    tmux.press(&format!("stty -g; {} client {} --nick alice\r", env!("CARGO_BIN_EXE_mqttchat"), broker.address()));
    tmux.wait_for_line("#lobby>");
    tmux.wait_for_screen("the connection", |lines| lines.iter().any(|line| line.starts_with("-- connected")));
    tmux.press("half a li");
    tmux.wait_for_line("#lobby> half a li");
    tmux.press("\x1a");
    tmux.wait_for_screen("the shell", |lines| lines.iter().any(|line| line.to_lowercase().contains("stopped")));
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"missed"}"#, 1, false);
    tmux.press("stty -g\r");
    tmux.wait_for_screen("the settings twice", |lines| {
        let settings = lines.iter().filter(|line| line.matches(':').count() > 20);
        // Keys that come before the shell is ready are echoed before its prompt.
        let settings: Vec<_> = settings.map(|line| line.trim_start_matches(['#', '$', ' '])).collect();
        settings.len() == 2 && settings[0] == settings[1]
    });
    tmux.press("fg\r");
    tmux.wait_for_line("bob: missed");
    tmux.wait_for_screen("the line", |lines| lines.last().is_some_and(|line| line == "#lobby> half a li"));
    tmux.press("ne");
    tmux.wait_for_screen("one more", |lines| lines.last().is_some_and(|line| line == "#lobby> half a line"));
}

/// The keys belong to the shell or a pager: reading them in the background would stop the client.
#[test]
fn a_listener_whose_output_goes_elsewhere_leaves_the_terminal_alone() {
    let broker = Broker::start();
    let tmux = Tmux::start_command(80, 20, &["sh", "-i"]);
    let program = env!("CARGO_BIN_EXE_mqttchat");
    tmux.press(&format!("{program} client {} --nick alice --listen | cat &\r", broker.address()));
    tmux.wait_for_screen("the connection", |lines| lines.iter().any(|line| line.contains("connected to")));
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"heard"}"#, 1, false);
    tmux.wait_for_line("bob: heard");
    tmux.press("kill %1\r");
}

/// A shell that ends a stopped job continues it in the background.
#[test]
fn it_ends_where_it_is_stopped_and_in_the_background() {
    let broker = Broker::start();
    let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
    let tmux = Tmux::start_command(80, 20, &["bash", "--norc", "-i"]);
    tmux.press(&format!("{} client {} --nick alice\r", env!("CARGO_BIN_EXE_mqttchat"), broker.address()));
    tmux.wait_for_line("#lobby>");
    presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""join""#));
    tmux.press("half a line\x1a");
    tmux.wait_for_screen("the shell", |lines| lines.iter().any(|line| line.contains("Stopped")));
    // The shell may not have noticed yet that the job goes on: then it is still stopped, by signal 20.
    tmux.press("kill %1; while wait %1; code=$?; [ $code = 148 ]; do sleep .1; done; echo code $code\r");
    tmux.wait_for_line("code 143");
    presence.wait_for("a clean leave", |_, payload| String::from_utf8_lossy(payload).contains(r#""leave""#));
    assert!(!tmux.screen().iter().any(|line| line.contains("half a line")));
}

#[test]
fn it_ends_where_the_terminal_takes_no_output() {
    let broker = Broker::start();
    let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
    let mut alice = alice(&broker);
    let before = alice.settings_before();
    presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""join""#));
    alice.hang();
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"unseen"}"#, 1, false);
    alice.press("half a line");
    alice.signal(libc::SIGTERM);
    assert_eq!(alice.exit_code(), 143);
    assert!(alice.settings() == before);
    presence.wait_for("a clean leave", |_, payload| String::from_utf8_lossy(payload).contains(r#""leave""#));
}

/// The test runs itself as the client, with a thread that fails.
#[test]
fn a_panic_restores_the_terminal() {
    const BROKER: &str = "MQTTCHAT_TEST_BROKER";
    const SIGN: &str = "go-wrong";
    const LATER: &str = "end";
    if let Ok(address) = std::env::var(BROKER) {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tell(panic);
            wait_until(PATIENCE, "the end", || std::path::Path::new(LATER).exists());
        }));
        std::thread::spawn(|| {
            wait_until(PATIENCE, "the sign", || std::path::Path::new(SIGN).exists());
            panic!("something is wrong");
        });
        let arguments = ["client", &address, "--nick", "alice"].map(Into::into);
        let environment = mqttchat::options::Environment::process();
        match mqttchat::options::parse(&arguments, &environment) {
            Ok(mqttchat::options::Invocation::Client(options)) => drop(mqttchat::client::run(options)),
            _ => unreachable!("these are good options"),
        }
        return;
    }
    let broker = Broker::start();
    let home = TempDir::new();
    let name = "editing::a_panic_restores_the_terminal";
    let this = std::env::current_exe().unwrap();
    let mut alice = Pty::builder_of(&this, &["--exact", name, "--nocapture"])
        .home(home.path())
        .set(BROKER, &broker.address())
        .start();
    let before = alice.settings_before();
    alice.wait_for_line("#lobby>");
    alice.press("a line\\\rand another");
    alice.wait_for_line("and another");
    assert!(alice.settings() != before && alice.marks_pasted_text());
    std::fs::write(home.join(SIGN), "").unwrap();
    alice.wait_for_line("something is wrong");
    assert!(alice.settings() == before);
    // Typing on does not take it over again.
    alice.press("typed too late\r");
    alice.wait_for_line("typed too late");
    std::fs::write(home.join(LATER), "").unwrap();
    assert_eq!(alice.exit_code(), 101);
    assert!(alice.settings() == before);
    wait_until(PATIENCE, "pasted text is no longer marked", || !alice.marks_pasted_text());
    assert!(!alice.screen().iter().any(|line| line.contains("and another")), "the line is gone");
}
