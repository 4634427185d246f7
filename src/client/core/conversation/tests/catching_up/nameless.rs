//! Messages without an id, of originals and simple publishers: marks only count them, and pages show which ones they
//! are.

use super::*;

/// This many messages are stored, after the 10 before them.
const STORED: u64 = 100;

impl Stage {
    fn py_says(&mut self, text: &str) {
        self.arrives("chat/messages", &format!(r#"{{"type":"chat","username":"py","message":"{text}"}}"#));
    }

    fn counting_mark(&mut self, from: u64, to: u64) {
        let ids = format!(r#"{{"py":{{"":{}}}}}"#, to - from);
        let json = format!(r#"{{"type":"mark","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{to},"ids":{ids}}}"#);
        self.arrives("chat/marks/lobby", &json);
    }

    /// Answers the open request with Py's messages at these positions. The server gave each a time and an id.
    #[track_caller]
    fn page_of_py(&mut self, from: u64, to: u64) {
        let token = self.payload(HISTORY)["request"].as_str().unwrap().to_owned();
        let entry = |n| {
            format!(
                r#"{{"username":"py","message":"{n}","id":"x-{n}","pos":{n},"timestamp":"2026-11-22T20:30:00+01:00"}}"#
            )
        };
        let entries = (from + 1..=to).map(entry).collect::<Vec<_>>().join(",");
        let page = format!(
            r#"{{"type":"history","messages":[{entries}],"request":"{token}","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{to},"complete":true}}"#
        );
        self.out.clear();
        self.arrives("chat/private/alice/server", &page);
    }
}

#[test]
fn live_messages_never_stored_replace_no_missed_ones() {
    let mut stage = Stage::up_to_date(10);
    for n in 1..=40 {
        stage.py_says(&format!("never stored {n}"));
    }
    let (heard, missed): (Vec<u64>, Vec<u64>) = (11..=10 + STORED).partition(|n| n % 3 > 0);
    heard.iter().for_each(|n| stage.py_says(&n.to_string()));
    assert_eq!(stage.late().len(), 40 + heard.len());
    stage.counting_mark(10, 10 + STORED);
    stage.check_asked_after(10);
    stage.page_of_py(10, 10 + STORED);
    assert_eq!(stage.cursors(), [10 + STORED]);
    let missed: Vec<String> = missed.iter().map(u64::to_string).collect();
    stage.check_told(&missed.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_page_that_overtakes_a_live_message_shows_it_once() {
    let mut stage = Stage::up_to_date(10);
    stage.counting_mark(10, 12);
    stage.page_of_py(10, 12);
    stage.check_told(&["11", "12"]);
    let live = r#"{"type":"chat","username":"py","message":"12","timestamp":"2026-11-22T20:30:00+01:00"}"#;
    stage.arrives("chat/messages", live);
    stage.check_told(&[]);
    // The same text again, which is another message in the history.
    stage.arrives("chat/messages", live);
    stage.check_told(&["12"]);
}

#[test]
fn a_new_message_with_an_old_text_is_shown() {
    let mut stage = Stage::up_to_date(10);
    stage.py_says("13");
    for pos in 10..12 {
        stage.counting_mark(pos, pos + 1);
        stage.page_of_py(pos, pos + 1);
        stage.after(1_000);
    }
    stage.out.clear();
    // The first was never stored: two requests have been answered since. The second was dropped on its way to us.
    stage.counting_mark(12, 13);
    stage.page_of_py(12, 13);
    stage.check_told(&["13"]);
}
