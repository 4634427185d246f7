//! Changes of nick: what was shown under which one.

use super::*;

/// The nick is in use. Alice becomes Carol, whose earlier runs left this, and connects again.
fn becomes_carol(stage: &mut Stage, pos: u64, shown: u64) {
    let refusal = format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":"{SESSION}"}}"#);
    stage.arrives("chat/private/alice/server", &refusal);
    stage.types("Carol");
    let shown = vec![(bob(), [shown].into_iter().collect())];
    stage.conversation.recall(Remembered {
        cursors: HashMap::from([(RoomName::lobby(), cursor(pos))]),
        shown: HashMap::from([(RoomName::lobby(), shown)]),
        ..Remembered::default()
    });
    stage.arrives("chat/server", ONLINE);
    stage.out.clear();
    stage.connect(1);
}

#[test]
fn a_new_nick_tells_nothing_twice() {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.page(0, 2, true, false);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.says(3);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    becomes_carol(&mut stage, 1, 5);
    let asked = stage.payload("chat/request/history/carol");
    assert_eq!(asked["after"], format!("{EPOCH}:2"), "where this run is");
    let page = format!(
        r#"{{"type":"history","messages":[{}],"request":{},"room":"lobby","epoch":"{EPOCH}","from":2,"to":5,"complete":true,"gap":false}}"#,
        entries(3..=5),
        asked["request"]
    );
    stage.out.clear();
    stage.arrives("chat/private/carol/server", &page);
    stage.check_told(&["4"]);
}

#[test]
fn a_new_nick_keeps_the_cursors_of_the_run() {
    let mut stage = Stage::new(|config| config.on_terminal = true);
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.page(0, 2, true, false);
    stage.arrives("chat/private/alice/server", WELCOME);
    stage.out.clear();
    stage.types("/nick Carol");
    let renamed = stage.out.iter().position(|output| matches!(output, Output::Renamed(_))).unwrap();
    let kept = Output::Remember(Memo::Cursor { room: RoomName::lobby(), cursor: cursor(2) });
    // What comes after the change is remembered under the new nick.
    assert!(stage.out[renamed..].contains(&kept), "{:?}", stage.out);
}

#[test]
fn the_memory_of_another_nick_does_not_count() {
    let mut stage = Stage::new(|config| {
        config.on_terminal = true;
        config.remembered.cursors = HashMap::from([(RoomName::lobby(), cursor(3))]);
        config.remembered.shown = HashMap::from([(RoomName::lobby(), vec![(bob(), [1, 2, 3].into_iter().collect())])]);
    });
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    becomes_carol(&mut stage, 1, 5);
    let asked = stage.payload("chat/request/history/carol");
    assert_eq!(asked["after"], format!("{EPOCH}:1"));
    let page = format!(
        r#"{{"type":"history","messages":[{}],"request":{},"room":"lobby","epoch":"{EPOCH}","from":1,"to":5,"complete":true,"gap":false}}"#,
        entries(2..=5),
        asked["request"]
    );
    stage.out.clear();
    stage.arrives("chat/private/carol/server", &page);
    stage.check_told(&["unread in lobby", "2", "3", "4"]);
}
