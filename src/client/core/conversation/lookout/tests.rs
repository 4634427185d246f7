//! The watch for the chat server, by itself.

use super::*;
use crate::client::core::conversation::tests::deadlines::pass;
use crate::client::core::conversation::tests::now;
use crate::now::an_instant;
use crate::protocol::FromServer;

const STARTED: &str = "2026-11-22T19:00:00Z";
const LATER: &str = "2026-11-22T20:00:01+01:00";

fn word(status: &str, instance: &str, started: &str, rest: &str) -> ServerInfo {
    let json = format!(
        r#"{{"type":"server","status":"{status}","instance":"{instance}","started":"{started}","version":"1"{rest}}}"#
    );
    match FromServer::parse(json.as_bytes()).unwrap() {
        FromServer::Server(info) => info,
        other => panic!("{other:?}"),
    }
}

fn online() -> ServerInfo {
    word("online", "one", STARTED, "")
}

fn offline() -> ServerInfo {
    word("offline", "one", STARTED, "")
}

struct Stage {
    watch: ServerWatch,
    now: Instant,
    out: Outputs,
}

impl Stage {
    fn new(role: Role) -> Stage {
        Stage { watch: ServerWatch::new(role, false), now: an_instant(), out: Outputs::new(true) }
    }

    fn connected(role: Role) -> Stage {
        let mut stage = Stage::new(role);
        stage.watch.connected(stage.now);
        stage
    }

    fn says(&mut self, info: ServerInfo) -> ServerWord {
        self.watch.says(self.now, info, &mut self.out)
    }

    /// Checks what is done in so many seconds, and after how many; forgets the outputs.
    #[track_caller]
    fn check(&mut self, seconds: u64, expected: &[(u64, &str)]) {
        let Stage { watch, now, out } = self;
        let topics = Topics::new("chat");
        out.take();
        let done = pass(now, 1_000 * seconds, |now| {
            let is_decided = watch.look(now, &topics, out);
            let done = out.take().into_iter().map(|output| match output {
                Output::Subscribe(filter) if filter == "chat/server" => "read",
                Output::Tell(News::Hint(text), _) if text == NO_SERVER => "silent",
                other => panic!("{other:?}"),
            });
            (done.chain(is_decided.then_some("decided")).collect(), watch.due())
        });
        let done: Vec<_> = done.into_iter().map(|(after, what)| (after / 1_000, what)).collect();
        assert_eq!(done, expected);
    }

    #[track_caller]
    fn check_hints(&mut self, expected: &[&str]) {
        let told = self.out.take().into_iter().filter_map(|output| match output {
            Output::Tell(News::Hint(text) | News::Answer(text), _) => Some(text),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn while_no_server_is_known_chat_server_is_read_again() {
    let mut stage = Stage::connected(Role::Member);
    stage.check(80, &[(5, "read"), (15, "read"), (35, "read"), (75, "read")]);
    stage.check(180, &[(55, "read"), (115, "read"), (175, "read")]);
    // The retained message still says that none is there.
    assert_eq!(stage.says(offline()), ServerWord::StillAway);
    assert_eq!(stage.says(online()), ServerWord::Came);
    stage.check(300, &[]);
    assert_eq!(stage.says(offline()), ServerWord::Went);
    stage.check(20, &[(5, "silent"), (5, "read"), (15, "read")]);
}

#[test]
fn a_connection_ends_it_and_the_next_one_begins_anew() {
    let mut stage = Stage::connected(Role::Sender);
    stage.check(20, &[(1, "decided"), (5, "read"), (15, "read")]);
    stage.says(online());
    stage.watch.lost();
    assert!(!stage.watch.is_known() && !stage.watch.is_readable());
    stage.check(300, &[]);
    stage.watch.connected(stage.now);
    stage.check(20, &[(1, "decided"), (5, "read"), (15, "read")]);
    assert_eq!(stage.says(online()), ServerWord::Came, "it is not known from before");
}

#[test]
fn a_refused_subscription_is_not_tried_again() {
    let (mut stage, topics) = (Stage::connected(Role::Member), Topics::new("chat"));
    stage.watch.refused("chat/users", &topics, &mut stage.out);
    assert!(stage.watch.is_readable(), "another one");
    stage.watch.refused("chat/server", &topics, &mut stage.out);
    assert!(!stage.watch.is_readable());
    stage.watch.is_shown(&mut stage.out);
    stage.check(300, &[]);
}

#[test]
fn only_signs_of_our_own_server_hurry_the_next_look() {
    let mut stage = Stage::connected(Role::Member);
    stage.check(20, &[(5, "read"), (15, "read")]);
    stage.watch.is_heard(&mut stage.out);
    stage.check(14, &[]);
    stage.watch.is_shown(&mut stage.out);
    // At once, because the last one was more than 1 s ago.
    stage.check(20, &[(0, "read"), (2, "read"), (6, "read"), (14, "read")]);
    stage.says(online());
    stage.watch.is_shown(&mut stage.out);
    stage.check(300, &[]);
}

#[test]
fn silence_is_told_once_and_so_is_its_end() {
    let mut stage = Stage::connected(Role::Member);
    stage.says(online());
    for end in ["a chat server answers now", "the chat server answers again"] {
        for _ in 0..2 {
            stage.watch.awaits_a_word(stage.now);
        }
        assert!(!stage.watch.is_silent());
        stage.check(60, &[(5, "silent")]);
        assert!(stage.watch.is_silent());
        stage.watch.awaits_a_word(stage.now);
        stage.check(60, &[]);
        for _ in 0..2 {
            stage.watch.is_heard(&mut stage.out);
        }
        stage.check_hints(&[end]);
        assert!(!stage.watch.is_silent());
    }
    // An answer in time, and a connection that breaks, end the wait.
    stage.watch.awaits_a_word(stage.now);
    stage.watch.is_heard(&mut stage.out);
    stage.check(60, &[]);
    stage.watch.awaits_a_word(stage.now);
    stage.watch.lost();
    stage.check(60, &[]);
}

#[test]
fn another_instance_has_come_and_the_same_one_has_not() {
    let mut stage = Stage::connected(Role::Member);
    let words = [
        (online(), ServerWord::Came),
        (online(), ServerWord::NoNews),
        (word("online", "one", STARTED, r#","rate":5"#), ServerWord::NoNews),
        (word("online", "two", LATER, ""), ServerWord::Came),
        // The will of the first one comes late.
        (offline(), ServerWord::NoNews),
        (word("offline", "two", LATER, ""), ServerWord::Went),
        (word("offline", "two", LATER, ""), ServerWord::StillAway),
        (word("online", "two", LATER, ""), ServerWord::Came),
    ];
    for (word, expected) in words {
        let is_told = matches!(expected, ServerWord::Came | ServerWord::Went);
        assert_eq!(stage.says(word), expected);
        let told = stage.out.take().iter().any(|output| matches!(output, Output::Tell(News::Server(_), _)));
        assert_eq!(told, is_told);
    }
    // A will whose server's coming was missed is believed.
    let mut stage = Stage::connected(Role::Member);
    stage.says(online());
    assert_eq!(stage.says(word("offline", "two", LATER, "")), ServerWord::Went);
}

#[test]
fn the_server_is_remembered_with_its_first_word() {
    let mut stage = Stage::connected(Role::Member);
    for expected in [1, 0, 0] {
        stage.says(offline());
        let remembered = stage.out.take().into_iter().filter(|output| *output == Output::Remember(Memo::ServerSeen));
        assert_eq!(remembered.count(), expected);
    }
}

#[test]
fn the_acknowledgement_settles_messages_where_no_server_of_ours_was_ever_seen() {
    for role in [Role::Member, Role::Sender] {
        let mut stage = Stage::new(role);
        let is_the_end = |stage: &Stage| stage.watch.acknowledgement_is_the_end(stage.watch.is_readable());
        assert_eq!(is_the_end(&stage), role == Role::Member, "a sender is not connected yet");
        stage.watch.connected(stage.now);
        assert_eq!(is_the_end(&stage), role == Role::Member, "a sender does not know yet");
        stage.check(1, if role == Role::Member { &[] } else { &[(1, "decided")] });
        assert!(is_the_end(&stage));
        stage.says(offline());
        assert!(!is_the_end(&stage), "it will be back");
        assert!(stage.watch.original_answers());
        assert!(!stage.watch.original_answers(), "no news");
        assert!(is_the_end(&stage));
        stage.says(online());
        assert!(!is_the_end(&stage) && !stage.watch.is_original());
        assert!(!ServerWatch::new(role, true).acknowledgement_is_the_end(true), "an earlier run saw one");
    }
}

#[test]
fn a_sender_goes_slowly_until_it_knows_the_limit() {
    let mut stage = Stage::connected(Role::Sender);
    assert_eq!(stage.watch.rate(), Some(BEFORE_A_WORD));
    stage.says(word("online", "one", STARTED, r#","rate":50"#));
    assert_eq!(stage.watch.rate(), Some(50));
    // While nobody knows better, the last one holds.
    stage.watch.lost();
    assert_eq!(stage.watch.rate(), Some(50));
    stage.watch.connected(stage.now);
    assert_eq!(stage.watch.rate(), Some(BEFORE_A_WORD));
    stage.check(1, &[(1, "decided")]);
    assert_eq!(stage.watch.rate(), Some(50));
    assert_eq!(Stage::connected(Role::Member).watch.rate(), None);
}

#[test]
fn heartbeats_are_as_frequent_as_the_server_says_within_reason() {
    let mut stage = Stage::connected(Role::Member);
    assert_eq!(stage.watch.heartbeat_period(), HEARTBEAT);
    for (says, period) in [(10, 10), (0, 1), (1_000_000, 3_600)] {
        stage.says(word("online", "one", STARTED, &format!(r#","heartbeat_seconds":{says}"#)));
        assert_eq!(stage.watch.heartbeat_period(), Duration::from_secs(period));
    }
    stage.watch.lost();
    assert_eq!(stage.watch.heartbeat_period(), HEARTBEAT);
}

#[test]
fn what_an_original_server_does_with_direct_messages_is_told_once() {
    let (mut stage, bob) = (Stage::connected(Role::Member), Nick::parse("bob").unwrap());
    stage.watch.doubt(&bob, &mut stage.out);
    assert_eq!(stage.out.take(), []);
    stage.watch.original_answers();
    stage.watch.doubt(&bob, &mut stage.out);
    assert_eq!(stage.out.take().len(), 1);
    stage.watch.doubt(&bob, &mut stage.out);
    assert_eq!(stage.out.take(), []);
}

#[test]
fn status() {
    let mut stage = Stage::connected(Role::Member);
    let status = |stage: &Stage, is_connected| stage.watch.status(now(), is_connected);
    assert_eq!(status(&stage, false), "not known while there is no connection");
    assert_eq!(status(&stage, true), "none has said that it is there");
    stage.watch.awaits_a_word(stage.now);
    stage.check(5, &[(5, "silent"), (5, "read")]);
    assert_eq!(status(&stage, true), "none is answering");
    stage.watch.original_answers();
    assert!(status(&stage, true).starts_with("an original one"));
    stage.says(online());
    assert_eq!(status(&stage, true), "version 1, forgets what is said when it ends, since 2026-11-22 20:00");
}
