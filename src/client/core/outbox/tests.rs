//! The outbox with a moved clock, step by step.

mod flights;
mod law;

use super::*;
use crate::now::an_instant;
use crate::protocol::{Chat, Place, RoomName, Topics};

const SESSION: &str = "k3v9x2m1q8f0";
const EARLIER: &str = "aaaaaaaaaaaa";

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

fn session(name: &str) -> Session {
    Session::parse(name).unwrap()
}

fn chat(text: &str, room: &str) -> OwnMessage {
    own(text, Place::Room(RoomName::parse(room).unwrap()))
}

fn private(text: &str, to: &str) -> OwnMessage {
    own(text, Place::Direct(nick(to)))
}

fn own(text: &str, to: Place) -> OwnMessage {
    let (nick, text) = (nick("Alice"), text.to_owned());
    OwnMessage { nick, to, text, timestamp: None, id: None, action: false, late: false }
}

/// An outbox and its clock.
struct Stage {
    outbox: Outbox,
    now: Instant,
}

impl Stage {
    fn new(texts: &[&str]) -> Stage {
        let mut stage = Stage { outbox: Outbox::new(session(SESSION), Vec::new()), now: an_instant() };
        texts.iter().for_each(|text| stage.push(chat(text, "lobby")));
        stage
    }

    #[track_caller]
    fn push(&mut self, message: OwnMessage) {
        self.outbox.push(self.now, message, None).unwrap();
    }

    fn take(&mut self) -> Vec<Outgoing> {
        self.outbox.take(self.now, None)
    }

    /// Advances the clock while a server is there.
    fn after(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.outbox.expire(self.now, true);
    }

    fn acknowledge(&mut self, tickets: std::ops::RangeInclusive<u64>) {
        for ticket in tickets {
            self.outbox.acknowledge(self.now, ticket, false);
        }
    }

    /// The numbers of the settled messages.
    fn stored(&mut self, name: &str, first: u64, last: u64) -> Vec<u64> {
        let mut ranges = Ranges::default();
        ranges.insert_range(first, last);
        self.outbox.stored(&session(name), &ranges).into_iter().map(|progress| progress.id.seq).collect()
    }

    /// `expected`: ticket, topic and text of each message that goes out.
    #[track_caller]
    fn check(&mut self, expected: &[(u64, &str, &str)]) {
        let topics = Topics::new("chat");
        let taken = self.take().into_iter().map(|out| {
            let payload: Value = serde_json::from_slice(&out.payload).unwrap();
            (out.ticket, topics.name(&out.topic), payload["message"].as_str().unwrap().to_owned())
        });
        let taken: Vec<(u64, String, String)> = taken.collect();
        let taken: Vec<(u64, &str, &str)> = taken.iter().map(|(n, t, x)| (*n, t.as_str(), x.as_str())).collect();
        assert_eq!(taken, expected);
    }
}

#[test]
fn goes_out_once_in_order_and_is_settled_once() {
    let mut stage = Stage::new(&["a", "b"]);
    stage.push(private("c", "Bob"));
    stage.check(&[(1, "chat/messages", "a"), (2, "chat/messages", "b"), (3, "chat/private/bob/alice", "c")]);
    stage.check(&[]);
    let sent = stage.outbox.acknowledge(stage.now, 1, false).unwrap();
    assert_eq!((sent.id.seq, sent.is_newly_sent, sent.is_settled), (1, true, false));
    assert_eq!(stage.outbox.acknowledge(stage.now, 1, false), None);
    assert_eq!(stage.stored(SESSION, 1, 2), [1, 2]);
    assert!(stage.stored(SESSION, 1, 2).is_empty());
    assert_eq!(stage.outbox.acknowledge(stage.now, 2, false), None, "it was told with stored");
    assert_eq!(stage.outbox.len(), 1);
}

#[test]
fn an_overtaken_message_is_retransmitted_at_once_but_once() {
    let mut stage = Stage::new(&["a", "b", "c", "d", "e"]);
    stage.take();
    stage.acknowledge(1..=4);
    // The fifth has no acknowledgement yet; the fourth was acknowledged after the others.
    assert_eq!(stage.stored(SESSION, 3, 3), [3]);
    stage.check(&[(1, "chat/messages/alice", "a"), (2, "chat/messages/alice", "b")]);
    stage.acknowledge(1..=2);
    assert_eq!(stage.stored(SESSION, 4, 4), [4]);
    stage.check(&[]);
    // A message that went out twice proves nothing about those before it.
    assert_eq!(stage.stored(SESSION, 2, 2), [2]);
    stage.check(&[]);
    stage.after(5_000);
    stage.check(&[(1, "chat/messages/alice", "a")]);
}

#[test]
fn stored_tells_what_was_not_known_to_be_sent() {
    let mut stage = Stage::new(&["a"]);
    stage.take();
    let ranges: Ranges = [1].into_iter().collect();
    let stored = stage.outbox.stored(&session(SESSION), &ranges);
    assert!(matches!(stored[..], [Progress { is_newly_sent: true, is_settled: true, .. }]), "{stored:?}");
}

#[test]
fn unknown_ids_settle_nothing() {
    let mut stage = Stage::new(&["a", "b", "c"]);
    stage.take();
    assert!(stage.stored(EARLIER, 1, 3).is_empty());
    assert_eq!(stage.stored(SESSION, 2, 1 << 53), [2, 3]);
    assert_eq!(stage.outbox.len(), 1);
}

#[test]
fn a_lost_connection_retransmits_late_and_off_the_originals_topic() {
    let mut stage = Stage::new(&["a", "b"]);
    stage.take();
    stage.acknowledge(1..=1);
    stage.stored(SESSION, 1, 1);
    stage.push(chat("c", "lobby"));
    stage.push(chat("d", "dev"));
    stage.outbox.lost(stage.now);
    stage.check(&[(2, "chat/messages/alice", "b"), (3, "chat/messages", "c"), (4, "chat/rooms/dev/alice", "d")]);
}

#[test]
fn late_is_written_and_ids_stay() {
    let mut stage = Stage::new(&["a"]);
    stage.take();
    stage.outbox.lost(stage.now);
    let again = stage.take().remove(0);
    let chat = Chat::parse(&again.payload, RoomName::lobby()).unwrap().unwrap();
    assert!(chat.late);
    assert_eq!(chat.id.unwrap(), SentId { session: session(SESSION), seq: 1 });
}

#[test]
fn silence_sends_again_after_5_s_doubling_to_60() {
    let mut stage = Stage::new(&["a"]);
    stage.take();
    for seconds in [5, 10, 20, 40, 60, 60] {
        stage.acknowledge(1..=1);
        stage.after(seconds * 1_000 - 1);
        stage.check(&[]);
        stage.after(1);
        stage.check(&[(1, "chat/messages/alice", "a")]);
    }
}

#[test]
fn nothing_is_retransmitted_while_nobody_could_answer() {
    let mut stage = Stage::new(&["acknowledged", "not"]);
    stage.take();
    stage.acknowledge(1..=1);
    stage.now += Duration::from_secs(600);
    stage.outbox.expire(stage.now, false);
    stage.check(&[(2, "chat/messages/alice", "not")]);
    stage.outbox.server_came(stage.now);
    stage.after(999);
    stage.check(&[]);
    stage.after(1);
    stage.check(&[(1, "chat/messages/alice", "acknowledged")]);
}

#[test]
fn a_new_server_gets_the_messages_it_does_not_have() {
    let mut stage = Stage::new(&["a", "b"]);
    stage.take();
    stage.acknowledge(1..=2);
    stage.stored(SESSION, 1, 1);
    // A server that restarts repeatedly does not postpone this any further.
    for _ in 0..10 {
        stage.outbox.server_came(stage.now);
        stage.after(100);
    }
    stage.check(&[(2, "chat/messages/alice", "b")]);
}

#[test]
fn without_a_server_the_broker_settles_messages() {
    let mut stage = Stage::new(&["a", "b", "c"]);
    stage.take();
    let end = stage.outbox.acknowledge(stage.now, 1, true).unwrap();
    assert!(end.is_newly_sent && end.is_settled);
    stage.acknowledge(2..=2);
    let settled = stage.outbox.acknowledged_is_settled();
    assert!(matches!(settled[..], [Progress { is_newly_sent: false, is_settled: true, .. }]), "{settled:?}");
    assert_eq!(stage.outbox.len(), 1);
}

#[test]
fn an_error_settles_one_in_the_middle() {
    let mut stage = Stage::new(&["a", "b", "c"]);
    stage.take();
    let id = |seq| SentId { session: session(SESSION), seq };
    assert_eq!(stage.outbox.refuse(&id(2)).unwrap().id.seq, 2);
    assert_eq!(stage.outbox.refuse(&id(2)), None);
    assert_eq!(stage.outbox.refuse(&id(9)), None);
    assert_eq!(stage.outbox.reject(3).unwrap().id.seq, 3);
    stage.outbox.lost(stage.now);
    stage.check(&[(1, "chat/messages/alice", "a")]);
}

#[test]
fn it_is_bounded_and_its_numbers_go_on() {
    let mut stage = Stage::new(&[]);
    (0..CAPACITY).for_each(|_| stage.push(chat("x", "lobby")));
    assert_eq!(stage.outbox.push(stage.now, chat("x", "lobby"), None), None);
    stage.stored(SESSION, 1, 1);
    let kept = stage.outbox.push(stage.now, chat("x", "lobby"), None).unwrap();
    assert_eq!(kept.message.id.as_ref().unwrap().seq, CAPACITY as u64 + 1);

    let mut stage = Stage::new(&[]);
    let long = "x".repeat(4_000);
    let mut count = 0;
    while stage.outbox.push(stage.now, chat(&long, "lobby"), None).is_some() {
        count += 1;
    }
    assert!((1_900..2_100).contains(&count), "{count}");
    stage.take();
    stage.stored(SESSION, 1, 1);
    stage.push(chat(&long, "lobby"));
}

#[test]
fn a_new_nick_keeps_unsent_messages() {
    let mut stage = Stage::new(&["a"]);
    stage.outbox.rename(&nick("Bob"));
    stage.take();
    stage.outbox.lost(stage.now);
    stage.check(&[(1, "chat/messages/bob", "a")]);
}

#[test]
fn messages_left_by_an_earlier_run_go_first_with_their_ids() {
    let mut left = chat("left", "lobby");
    left.id = Some(SentId { session: session(EARLIER), seq: 7 });
    let earlier = vec![Kept { message: left, reference: Some("r".into()) }];
    let now = an_instant();
    let mut stage = Stage { outbox: Outbox::new(session(SESSION), earlier), now };
    assert_eq!(stage.outbox.oldest(), None);
    stage.push(chat("new", "lobby"));
    assert_eq!(stage.outbox.oldest(), Some(now));
    stage.check(&[(1, "chat/messages/alice", "left"), (2, "chat/messages", "new")]);
    let ranges: Ranges = [7].into_iter().collect();
    let settled = stage.outbox.stored(&session(EARLIER), &ranges).remove(0);
    assert_eq!((settled.id.seq, settled.reference), (7, Some("r".into())));
    assert_eq!(stage.stored(SESSION, 1, 1), [1]);
    assert!(stage.outbox.is_empty());
}

/// The broker closes the connection over "b".
#[test]
fn a_message_over_which_the_broker_closes_the_connection_is_given_up() {
    let mut stage = Stage::new(&["a", "b", "c"]);
    let mut given_up = None;
    let mut connections = 0;
    while given_up.is_none() {
        connections += 1;
        assert!(connections < 20);
        // The messages before it are acknowledged and retransmitted each time, because no server stores them.
        while let Some(first) = stage.take().first() {
            if first.ticket == 2 || stage.outbox.unacknowledged.contains(&2) {
                break;
            }
            stage.acknowledge(first.ticket..=first.ticket);
        }
        stage.now += Duration::from_millis(100);
        given_up = stage.outbox.lost(stage.now);
    }
    let (message, progress) = given_up.unwrap();
    assert_eq!((message.text.as_str(), progress.is_settled), ("b", true));
    assert_eq!(connections, 3 + 5);
    stage.check(&[(1, "chat/messages/alice", "a")]);
    stage.acknowledge(1..=1);
    stage.check(&[(3, "chat/messages/alice", "c")]);
}

#[test]
fn a_bad_connection_gives_up_no_message() {
    let mut stage = Stage::new(&["a", "b"]);
    for _ in 0..100 {
        stage.take();
        stage.now += Duration::from_secs(3);
        assert_eq!(stage.outbox.lost(stage.now), None);
    }
    assert_eq!(stage.take().len(), 1, "with caution");
    stage.acknowledge(1..=1);
    assert_eq!(stage.take().len(), 1);
}

#[test]
fn a_message_whose_id_is_taken_goes_out_late_under_a_new_one() {
    let left = |seq| {
        let mut message = chat("left", "lobby");
        message.id = Some(SentId { session: session(EARLIER), seq });
        Kept { message, reference: Some("r".into()) }
    };
    let mut stage = Stage { outbox: Outbox::new(session(SESSION), vec![left(7)]), now: an_instant() };
    for text in ["a", "b"] {
        stage.push(chat(text, "lobby"));
    }
    stage.take();
    stage.now += Duration::from_secs(1);
    let mut renew = |name: &str, seq: u64, fresh: &str| {
        let id = SentId { session: session(name), seq };
        let renewed = stage.outbox.renew(stage.now, &id, || session(fresh))?;
        assert!(!stage.outbox.has(&id));
        Some((renewed.message.id?.to_string(), renewed.reference))
    };
    // A message of this run gets a number of the new session. A message of an earlier run gets this run's next number.
    assert_eq!(renew(EARLIER, 7, "zzzzzzzzzzzz"), Some((format!("{SESSION}-3"), Some("r".into()))));
    assert_eq!(renew(EARLIER, 7, "zzzzzzzzzzzz"), None, "it is another now");
    assert_eq!(renew(SESSION, 1, "bbbbbbbbbbbb"), Some(("bbbbbbbbbbbb-1".to_owned(), None)));
    assert_eq!(renew(SESSION, 2, "zzzzzzzzzzzz"), Some(("bbbbbbbbbbbb-2".to_owned(), None)));
    stage.push(chat("c", "lobby"));
    assert_eq!(stage.outbox.oldest(), Some(stage.now));
    stage.check(&[
        (4, "chat/messages/alice", "left"),
        (5, "chat/messages/alice", "a"),
        (6, "chat/messages/alice", "b"),
        (7, "chat/messages", "c"),
    ]);
    assert_eq!(stage.stored(SESSION, 1, 9), [3]);
    assert_eq!(stage.stored("bbbbbbbbbbbb", 1, 9), [1, 2, 3]);
    assert!(stage.outbox.is_empty() && stage.outbox.bytes == 0 && stage.outbox.tickets.is_empty());
}

#[test]
fn new_ids_are_tried_a_few_times() {
    let mut stage = Stage::new(&["a"]);
    let (mut name, mut renewals) = (session(SESSION), 0);
    while let Some(renewed) = stage.outbox.renew(stage.now, &SentId { session: name.clone(), seq: 1 }, || {
        renewals += 1;
        Session::from_random([renewals; 12])
    }) {
        name = renewed.message.id.as_ref().unwrap().session.clone();
    }
    assert_eq!((renewals, stage.outbox.len()), (3, 1), "it is for whoever is refused to say so");
}

#[test]
fn text_and_back() {
    for mut message in [chat("a\n\"b\"", "dev"), private("c", "Bob")] {
        message.id = Some(SentId { session: session(SESSION), seq: 3 });
        message.late = true;
        let read = OwnMessage::parse(&message.to_json(), message.room().cloned()).unwrap();
        assert_eq!(read, Some(message));
    }
}
