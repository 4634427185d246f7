//! The watch for the chat server if chat/server is missed or comes late.

use super::*;

const MARK: &str = r#"{"type":"mark","room":"lobby","epoch":"rkrxc5f0sqnm","from":5,"to":5,"ids":{}}"#;

fn offline() -> String {
    ONLINE.replace("online", "offline")
}

impl Stage {
    /// Checks after how many seconds chat/server is read again while this many pass; forgets the outputs.
    #[track_caller]
    fn check_reads(&mut self, seconds: u64, expected: &[u64]) {
        let begin = self.now.instant;
        let end = begin + Duration::from_secs(seconds);
        let mut reads = Vec::new();
        while let Some(due) = self.conversation.due()
            && due <= end
        {
            self.now.instant = due.max(self.now.instant);
            self.input(Input::Tick);
            if self.out.contains(&Output::Subscribe("chat/server".to_owned())) {
                reads.push((self.now.instant - begin).as_secs());
            }
            self.out.clear();
        }
        self.now.instant = end;
        assert_eq!(reads, expected);
    }
}

#[test]
fn signs_of_a_server_hurry_the_next_look() {
    for (topic, payload) in [
        ("chat/marks/lobby", MARK.to_owned()),
        ("chat/private/alice/server", format!(r#"{{"type":"stored","session":"{SESSION}","seq":[[1,1]]}}"#)),
    ] {
        let mut stage = Stage::welcomed();
        stage.arrives("chat/server", &offline());
        stage.check_reads(20, &[5, 15]);
        stage.arrives(topic, &payload);
        // At once, because it was last read 5 s ago.
        assert!(stage.out.contains(&Output::Subscribe("chat/server".to_owned())));
        stage.out.clear();
        stage.check_reads(5, &[2]);
    }
    // A retained mark may be from a server that is long gone, and a notice from an original one.
    let mut stage = Stage::welcomed();
    stage.arrives("chat/server", &offline());
    let mark = message("chat/marks/lobby", MARK, true);
    stage.input(mark);
    stage.arrives("chat/system", r#"{"type":"user_join","username":"bob","message":"bob joined"}"#);
    stage.check_reads(10, &[5]);
}

#[test]
fn a_refused_subscription_is_tried_once() {
    let mut stage = Stage::new(|_| {});
    let refused = vec!["chat/server".to_owned()];
    stage.input(connected(1, refused));
    stage.check_reads(60, &[]);
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.input(Input::Link(Event::Refused { filter: "chat/server".to_owned() }));
    stage.check_reads(60, &[]);
}
