//! A window that is resized while a line is typed, in a terminal that rewraps its lines.

use crate::support::{Broker, PATIENCE, Tmux, publish, wait_until};

#[track_caller]
fn alice(broker: &Broker, columns: u16) -> Tmux {
    let tmux = Tmux::start(columns, 20, &["client", &broker.address(), "--nick", "alice"]);
    tmux.wait_for_line("#lobby>");
    tmux.wait_for_screen("the connection", |lines| lines.iter().any(|line| line.starts_with("-- connected")));
    for number in 1..=3 {
        let text = format!(r#"{{"type":"chat","username":"bob","message":"number {number}"}}"#);
        publish(broker, "chat/messages", text, 1, false);
        tmux.wait_for_line(&format!("bob: number {number}"));
    }
    // The last line of the start.
    tmux.wait_for_screen("the last notice", |lines| lines.iter().any(|line| line.contains("no chat server")));
    tmux
}

/// Checks the wrapped line, and that all messages above it occur once.
#[track_caller]
fn check(tmux: &Tmux, columns: usize, line: &str) {
    let characters: Vec<char> = line.chars().collect();
    let rows: Vec<String> = characters.chunks(columns).map(|row| row.iter().collect::<String>()).collect();
    let rows: Vec<String> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
    wait_until(PATIENCE, &format!("{line:?}, and all above it once"), || {
        let history = tmux.history();
        let once = |part: &str| history.iter().filter(|line| line.contains(part)).count() == 1;
        tmux.screen().ends_with(&rows) && once("#lobby>") && (1..=3).all(|number| once(&format!("number {number}")))
    });
}

/// Keys pressed afterwards arrive after the signal.
#[track_caller]
fn resize(tmux: &Tmux, columns: u16) {
    tmux.resize(columns, 20);
    tmux.wait_for_size(columns, 20);
}

#[test]
fn a_long_line_survives_narrow_and_wide() {
    let broker = Broker::start();
    let tmux = alice(&broker, 200);
    let text = "word ".repeat(30) + "end";
    tmux.press(&text);
    let line = format!("#lobby> {text}");
    check(&tmux, 200, &line);
    resize(&tmux, 40);
    check(&tmux, 40, &line);
    resize(&tmux, 200);
    check(&tmux, 200, &line);
    // With the cursor inside it.
    tmux.press("\x01");
    wait_until(PATIENCE, "the cursor at the beginning", || tmux.cursor().0 == 8);
    resize(&tmux, 40);
    check(&tmux, 40, &line);
    tmux.press("x");
    check(&tmux, 40, &format!("#lobby> x{text}"));
    resize(&tmux, 200);
    check(&tmux, 200, &format!("#lobby> x{text}"));
    tmux.press("\x05y");
    check(&tmux, 200, &format!("#lobby> x{text}y"));
}

#[test]
fn a_row_that_is_just_full_is_one_row() {
    let broker = Broker::start();
    let tmux = alice(&broker, 100);
    let line = format!("#lobby> {}", "x".repeat(52));
    tmux.press(&line[8..]);
    check(&tmux, 100, &line);
    for columns in [60, 100, 30, 60, 100] {
        resize(&tmux, columns);
        check(&tmux, usize::from(columns), &line);
    }
}

#[test]
fn emoji_made_of_several_wipe_nothing() {
    let broker = Broker::start();
    let tmux = alice(&broker, 40);
    // Terminals show these in two columns or in many.
    for text in ["👨\u{200d}👩\u{200d}👧\u{200d}👦", "❤\u{fe0f}", "👍🏽", "🇩🇪"] {
        for _ in 0..4 {
            tmux.press(text);
            tmux.press(" ");
        }
    }
    tmux.press("end");
    tmux.wait_for_line("end");
    for number in 4..=6 {
        let text = format!(r#"{{"type":"chat","username":"bob","message":"number {number}"}}"#);
        publish(&broker, "chat/messages", text, 1, false);
        tmux.wait_for_line(&format!("bob: number {number}"));
    }
    // To the beginning and to the end, through all of them.
    tmux.press("\x01x\x05y");
    tmux.wait_for_screen("both ends changed", |lines| {
        lines.iter().any(|line| line.starts_with("#lobby> x"))
            && lines.last().is_some_and(|line| line.ends_with("endy"))
    });
    let history = tmux.history();
    for number in 1..=6 {
        let part = format!("bob: number {number}");
        assert_eq!(history.iter().filter(|line| line.ends_with(&part)).count(), 1, "{history:#?}");
    }
    assert_eq!(history.iter().filter(|line| line.contains("#lobby>")).count(), 1, "{history:#?}");
    tmux.press("\x15");
    tmux.wait_for_screen("an empty line", |lines| lines.last().is_some_and(|line| line.trim_end() == "#lobby>"));
    assert!(tmux.history().iter().any(|line| line.ends_with("bob: number 6")));
}
