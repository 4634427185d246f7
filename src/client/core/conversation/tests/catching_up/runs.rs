//! Messages of two runs of a sender.

use super::*;

/// A live message of a run.
fn live(nick: &str, session: &str, hour: u32) -> String {
    format!(
        r#"{{"type":"chat","username":"{nick}","message":"live","session":"{session}","seq":1,"timestamp":"2026-11-22T{hour}:00:00Z"}}"#
    )
}

impl Stage {
    /// A page with one message, at position 6.
    #[track_caller]
    fn page_with(&mut self, nick: &str, session: &str, hour: u32) {
        let token = self.payload(HISTORY)["request"].as_str().unwrap().to_owned();
        self.out.clear();
        let entry = format!(
            r#"{{"username":"{nick}","message":"paged","id":"{session}-1","pos":6,"timestamp":"2026-11-22T{hour}:00:00Z"}}"#
        );
        let page = format!(
            r#"{{"type":"history","messages":[{entry}],"request":"{token}","room":"lobby","epoch":"{EPOCH}","from":5,"to":6,"complete":true,"gap":false}}"#
        );
        self.arrives("chat/private/alice/server", &page);
    }
}

#[test]
fn a_clock_set_back_neither_causes_nor_hides_lateness() {
    let mut stage = Stage::kept(5);
    stage.arrives("chat/messages", &live("bob", "bbbbbbbbbbbb", 11));
    stage.page_with("bob", "aaaaaaaaaaaa", 12);
    assert_eq!(stage.late(), [("paged", true)]);

    // The mark lies after the old run, and the new run after the mark.
    let mut stage = Stage::up_to_date(4);
    stage.arrives("chat/messages", &live("bob", "aaaaaaaaaaaa", 12));
    stage.arrives(
        "chat/marks/lobby",
        &format!(
            r#"{{"type":"mark","room":"lobby","epoch":"{EPOCH}","from":4,"to":5,"ids":{{"bob":{{"aaaaaaaaaaaa":[[1,1]]}}}}}}"#
        ),
    );
    stage.input(Input::Link(Event::Lost { reason: "gone".to_owned() }));
    stage.connect(2);
    stage.arrives("chat/server", ONLINE);
    stage.page_with("bob", "bbbbbbbbbbbb", 11);
    assert_eq!(stage.late(), [("paged", false)]);
}

#[test]
fn messages_of_an_earlier_connection_may_never_be_stored() {
    for (hour, late) in [(11, true), (13, false)] {
        let mut stage = Stage::up_to_date(5);
        stage.arrives("chat/messages", &live("bob", "bbbbbbbbbbbb", 12));
        stage.input(Input::Link(Event::Lost { reason: "gone".to_owned() }));
        stage.connect(2);
        stage.arrives("chat/server", ONLINE);
        stage.page_with("bob", "aaaaaaaaaaaa", hour);
        assert_eq!(stage.late(), [("paged", late)], "{hour}");
    }
}

#[test]
fn messages_of_an_own_earlier_run_are_late_after_new_ones() {
    let mut stage = Stage::kept(5);
    stage.types("hello");
    stage.page_with("Alice", "aaaaaaaaaaaa", 23);
    assert_eq!(stage.late(), [("paged", true)]);
    // It arrives live, from the broker's queue.
    stage.out.clear();
    stage.arrives("chat/messages", &live("Alice", "bbbbbbbbbbbb", 10));
    assert_eq!(stage.late(), [("live", true)]);
    // Another program with this nick speaks now.
    stage.out.clear();
    stage.arrives("chat/messages", &live("Alice", "cccccccccccc", 23).replace("2026", "2036"));
    assert_eq!(stage.late(), [("live", false)]);
}
