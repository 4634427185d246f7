//! What a run tells at its end, and its exit code.

use super::*;

#[test]
fn the_exit_code_of_a_sender_tells_the_fate_of_its_messages() {
    let mut stage = Stage::new(Mode::Sender, |_| {});
    stage.happens(SessionEvent::Start);
    stage.says("hello");
    stage.happens(SessionEvent::InputEnded);
    assert_eq!(stage.session.due(), Some(stage.now.instant + Duration::from_secs(30)));
    stage.after(30_000);
    stage.check_end(&["complain 1 message is unconfirmed after 30 s", "end TimeIsUp"]);

    let mut stage = Stage::new(Mode::Sender, |_| {});
    stage.happens(SessionEvent::Start);
    stage.says(" ");
    stage.happens(SessionEvent::InputEnded);
    stage.check_end(&["end Failed"]);

    let mut stage = Stage::new(Mode::Sender, |_| {});
    stage.happens(SessionEvent::Start);
    stage.says("hello");
    stage.happens(SessionEvent::Signal(2));
    stage.check_end(&["complain 1 message is unconfirmed", "end Signal(2)"]);
}

#[test]
fn a_closed_output_is_a_usual_end_unless_messages_are_unconfirmed() {
    for (says, has_failed, expected) in [
        (false, false, &["end Done"][..]),
        (false, true, &["end Failed"]),
        (true, false, &["complain 1 message is unconfirmed", "end Failed"]),
    ] {
        let mut stage = Stage::new(Mode::Json, |_| {});
        stage.happens(SessionEvent::Start);
        if says {
            stage.says("hello");
        }
        stage.happens(SessionEvent::OutputClosed { has_failed });
        stage.check_end(expected);
    }
}
