//! The outbox between the user, the broker and the chat server, by itself.

mod directs;

use super::*;
use crate::client::core::conversation::tests::deadlines::pass;
use crate::client::core::conversation::tests::{counting, now};
use crate::client::core::outbox::CAPACITY;
use crate::protocol::{Chat, FromServer, Place, RoomName, SentId};

const OPEN: Passage = Passage {
    is_connected: true,
    is_open: true,
    server_is_there: true,
    rate: None,
    ends_at_broker: false,
    obstacle: Some(Obstacle::Silence),
};
const CLOSED: Passage = Passage { is_connected: false, is_open: false, obstacle: Some(Obstacle::Connection), ..OPEN };

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

/// Of this run.
fn session() -> Session {
    Session::parse("k3v9x2m1q8f0").unwrap()
}

fn earlier() -> Session {
    Session::parse("aaaaaaaaaaaa").unwrap()
}

fn id(session: Session, seq: u64) -> SentId {
    SentId { session, seq }
}

fn chat(text: &str) -> OwnMessage {
    let (nick, text, to) = (nick("Alice"), text.to_owned(), Place::Room(RoomName::lobby()));
    OwnMessage { nick, to, text, timestamp: None, id: None, action: false, late: false }
}

fn error(code: &str, of: &SentId) -> ErrorReply {
    let json = format!(r#"{{"type":"error","code":"{code}","message":"no","of":"{of}"}}"#);
    match FromServer::parse(json.as_bytes()).unwrap() {
        FromServer::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

struct Stage {
    sending: Sending,
    now: Now,
    passage: Passage,
    out: Outputs,
}

impl Stage {
    /// `left`: what an earlier run did not settle.
    fn with(left: &[&str], is_kept: bool, on_terminal: bool) -> Stage {
        let kept = left.iter().zip(1..).map(|(text, seq)| Kept {
            message: OwnMessage { id: Some(id(earlier(), seq)), ..chat(text) },
            reference: None,
        });
        let sending = Sending::new(Qos::ExactlyOnce, session(), kept.collect(), is_kept);
        Stage { sending, now: now(), passage: OPEN, out: Outputs::new(on_terminal) }
    }

    fn new() -> Stage {
        Stage::with(&[], false, false)
    }

    fn take(&mut self, message: OwnMessage) -> Option<OwnMessage> {
        self.out.refer_to(Some("r".into()));
        let taken = self.sending.take(self.now.instant, message, &mut self.out);
        self.out.refer_to(None);
        taken
    }

    fn say(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| assert!(self.take(chat(text)).is_some()));
    }

    fn published(&mut self, tickets: impl IntoIterator<Item = u64>) {
        for ticket in tickets {
            self.sending.published(self.now.instant, ticket, &self.passage, &mut self.out);
        }
    }

    fn stored(&mut self, session: Session, seqs: &[(u64, u64)]) {
        let seq = seqs.iter().flat_map(|(first, last)| *first..=*last).collect();
        self.sending.stored(&Stored { session, seq }, &mut self.out);
    }

    fn refused(&mut self, error: &ErrorReply, random: &Random) -> RefusedMessage {
        self.sending.refused(self.now.instant, error, random, &mut self.out)
    }

    /// Checks what goes out and what is told of delays while time passes, and after how many milliseconds; forgets the
    /// outputs of before.
    #[track_caller]
    fn check(&mut self, milliseconds: u64, expected: &[(u64, &str)]) {
        let Stage { sending, now, passage, out } = self;
        let topics = Topics::new("chat");
        out.take();
        let done = pass(&mut now.instant, milliseconds, |now| {
            sending.look(now, passage, &topics, out);
            let done = out.take().into_iter().map(|output| match output {
                Output::Publish(Publication { payload, .. }) => {
                    let chat = Chat::parse(&payload, RoomName::lobby()).unwrap().unwrap();
                    format!("{}{}", chat.text, if chat.late { ", late" } else { "" })
                }
                Output::Tell(News::Delayed(obstacle), _) => format!("delayed: {obstacle:?}"),
                Output::Tell(News::AllArrived { stored, others_failed }, _) => {
                    format!("all stored: {stored}, others failed: {others_failed}")
                }
                other => panic!("{other:?}"),
            });
            (done.collect(), sending.due())
        });
        let done: Vec<_> = done.iter().map(|(after, what)| (*after, what.as_str())).collect();
        assert_eq!(done, expected);
    }

    #[track_caller]
    fn check_out(&mut self, expected: &[&str]) {
        let out = self.out.take().into_iter().map(|output| match output {
            Output::Queued(kept) => format!("queued {}", kept.message.id.as_ref().unwrap()),
            Output::Settled(id) => format!("settled {id}"),
            Output::Tell(News::Sent(id), _) => format!("sent {id}"),
            Output::Tell(News::Stored(id), _) => format!("stored {id}"),
            Output::Tell(News::Refused(_), _) => "refused".to_owned(),
            Output::Tell(News::Waiting { to, .. }, _) => format!("waits for {to}"),
            Output::Tell(News::Delivered(id), _) => format!("delivered {id}"),
            Output::Tell(News::Error(text) | News::Answer(text), _) => text,
            other => panic!("{other:?}"),
        });
        assert_eq!(out.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_lost_connection_sends_again_in_order_what_is_not_stored() {
    let mut stage = Stage::with(&["left"], false, false);
    stage.passage.obstacle = None;
    stage.say(&["one", "two", "three"]);
    stage.check(0, &[(0, "left, late"), (0, "one"), (0, "two"), (0, "three")]);
    stage.published([2, 3]);
    stage.stored(session(), &[(2, 2)]);
    stage.passage = Passage { obstacle: None, ..CLOSED };
    stage.sending.lost(stage.now.instant, &mut stage.out);
    stage.say(&["four"]);
    stage.check(60_000, &[]);
    assert_eq!((stage.sending.outbox().len(), stage.sending.outbox().gone_out()), (4, 3));
    stage.passage = OPEN;
    stage.passage.obstacle = None;
    stage.check(0, &[(0, "left, late"), (0, "one, late"), (0, "three, late"), (0, "four")]);
}

#[test]
fn connected_is_not_let_in() {
    let mut stage = Stage::new();
    stage.passage = Passage { is_open: false, obstacle: None, ..OPEN };
    stage.say(&["early"]);
    stage.check(60_000, &[]);
    stage.passage = OPEN;
    stage.passage.obstacle = None;
    stage.check(0, &[(0, "early")]);
    stage.sending.pause();
    assert_eq!(stage.sending.due(), None);
}

#[test]
fn what_nobody_confirms_goes_again_after_5_s_doubling_to_60() {
    let mut stage = Stage::new();
    stage.passage.obstacle = None;
    stage.say(&["hi"]);
    stage.check(0, &[(0, "hi")]);
    for seconds in [5, 10, 20, 40, 60, 60] {
        stage.published([1]);
        stage.check(seconds * 1_000, &[(seconds * 1_000, "hi, late")]);
    }
    // While the server is away, nobody could answer. One that has just come has a second.
    stage.published([1]);
    stage.passage.server_is_there = false;
    stage.check(600_000, &[]);
    stage.passage.server_is_there = true;
    stage.sending.server_came(stage.now.instant);
    stage.check(4_000, &[(1_000, "hi, late")]);
    stage.published([1]);
    stage.check(10_000, &[(10_000, "hi, late")]);
    stage.stored(session(), &[(1, 1)]);
    // Without the broker's acknowledgement it takes longer, server or not.
    stage.passage.server_is_there = false;
    stage.say(&["ho"]);
    stage.check(40_000, &[(0, "ho"), (30_000, "ho, late")]);
    stage.stored(session(), &[(2, 2)]);
    stage.check(600_000, &[]);
}

#[test]
fn messages_keep_the_pace_of_the_server() {
    let mut stage = Stage::new();
    stage.passage = Passage { rate: Some(2), obstacle: None, ..OPEN };
    stage.say(&["a", "b", "c", "d", "e"]);
    stage.check(2_500, &[(0, "a"), (0, "b"), (1_000, "c"), (1_000, "d"), (2_000, "e")]);
}

#[test]
fn a_full_outbox_refuses_more() {
    let mut stage = Stage::new();
    (0..CAPACITY).for_each(|_| assert!(stage.take(chat("x")).is_some()));
    assert!(stage.sending.outbox().is_busy());
    assert!(stage.take(chat("x")).is_none());
    stage.check_out(&["not sent: 10000 messages wait to be stored already"]);
    assert_eq!(stage.sending.outbox().len(), CAPACITY);
}

#[test]
fn a_delay_is_told_once_and_so_is_its_end() {
    let mut stage = Stage::new();
    stage.say(&["quick"]);
    stage.check(999, &[(0, "quick")]);
    stage.stored(session(), &[(1, 1)]);
    stage.say(&["slow"]);
    stage.check(1_500, &[(0, "slow"), (1_000, "delayed: Silence")]);
    assert!(stage.sending.is_delayed());
    stage.say(&["slow too"]);
    stage.stored(session(), &[(2, 2)]);
    stage.check(1_500, &[(0, "slow too")]);
    stage.stored(session(), &[(3, 3)]);
    stage.check(0, &[(0, "all stored: true, others failed: false")]);
    assert!(!stage.sending.is_delayed());
    stage.passage = CLOSED;
    stage.say(&["offline"]);
    stage.check(60_000, &[(1_000, "delayed: Connection")]);
}

#[test]
fn the_end_of_a_delay_is_good_news_only_if_something_arrived() {
    let mut stage = Stage::new();
    stage.say(&["bad"]);
    stage.check(1_000, &[(0, "bad"), (1_000, "delayed: Silence")]);
    stage.sending.rejected(1, "not authorized", &mut stage.out);
    stage.check(0, &[]);
    assert!(!stage.sending.is_delayed());
    stage.passage.ends_at_broker = true;
    stage.say(&["bad", "good"]);
    stage.check(1_000, &[(0, "bad"), (0, "good"), (1_000, "delayed: Silence")]);
    stage.sending.rejected(2, "not authorized", &mut stage.out);
    stage.published([3]);
    stage.check(0, &[(0, "all stored: false, others failed: true")]);
}

#[test]
fn an_outbox_that_is_kept_hears_of_every_message_before_it_goes_out_and_when_it_is_settled() {
    let mut stage = Stage::with(&["left"], true, false);
    stage.say(&["hi"]);
    stage.check_out(&["queued k3v9x2m1q8f0-1"]);
    stage.check(0, &[(0, "left, late"), (0, "hi")]);
    stage.published([2, 2]);
    stage.check_out(&["sent k3v9x2m1q8f0-1"]);
    stage.stored(session(), &[(1, 1)]);
    stage.check_out(&["settled k3v9x2m1q8f0-1", "stored k3v9x2m1q8f0-1"]);
    stage.stored(session(), &[(1, 1)]);
    stage.published([2]);
    stage.check_out(&[]);
    stage.stored(earlier(), &[(1, 9)]);
    stage.check_out(&["sent aaaaaaaaaaaa-1", "settled aaaaaaaaaaaa-1", "stored aaaaaaaaaaaa-1"]);
}

#[test]
fn the_acknowledgement_settles_only_if_no_server_will_confirm() {
    let mut stage = Stage::with(&[], true, false);
    stage.say(&["one", "two"]);
    stage.check(0, &[(0, "one"), (0, "two")]);
    stage.published([1]);
    stage.check_out(&["sent k3v9x2m1q8f0-1"]);
    stage.sending.settle_acknowledged(&stage.passage, &mut stage.out);
    stage.check_out(&[]);
    // It has turned out to be an original one.
    stage.passage.ends_at_broker = true;
    stage.sending.settle_acknowledged(&stage.passage, &mut stage.out);
    stage.check_out(&["settled k3v9x2m1q8f0-1"]);
    stage.published([2]);
    stage.check_out(&["sent k3v9x2m1q8f0-2", "settled k3v9x2m1q8f0-2"]);
}

#[test]
fn a_message_whose_id_is_taken_goes_out_under_another_id_at_most_three_times() {
    let (mut stage, random) = (Stage::with(&[], true, false), counting());
    stage.passage.obstacle = None;
    let mut last = stage.take(chat("hi")).unwrap().id.unwrap();
    stage.check(0, &[(0, "hi")]);
    let of_another_client = error("id_taken", &id(earlier(), 1));
    assert_eq!(stage.refused(&of_another_client, &random), RefusedMessage::Settled);
    for _ in 0..3 {
        let taken = error("id_taken", &last);
        let RefusedMessage::Renewed(message) = stage.refused(&taken, &random) else { panic!("not renewed") };
        let new = message.id.as_ref().unwrap().clone();
        assert!(
            stage.sending.outbox().is_of_this_run(&new.session)
                && !stage.sending.outbox().is_of_this_run(&last.session)
        );
        stage.check_out(&[&format!("queued {new}"), &format!("settled {last}")]);
        // It went out twice before the first answer.
        assert_eq!(stage.refused(&taken, &random), RefusedMessage::Settled);
        stage.check_out(&[]);
        stage.check(0, &[(0, "hi, late")]);
        last = new;
    }
    assert_eq!(stage.refused(&error("id_taken", &last), &random), RefusedMessage::Settled);
    stage.check_out(&[&format!("settled {last}"), "refused"]);
    assert_eq!(stage.sending.outbox().len(), 0);
}

#[test]
fn a_refusal_settles_the_message_that_it_names() {
    let (mut stage, random) = (Stage::with(&["left"], true, false), counting());
    stage.say(&["hi"]);
    stage.out.take();
    for of in [id(earlier(), 2), id(session(), 2)] {
        assert_eq!(stage.refused(&error("bad_message", &of), &random), RefusedMessage::NotOurs);
    }
    for of in [id(session(), 1), id(earlier(), 1)] {
        assert_eq!(stage.refused(&error("bad_message", &of), &random), RefusedMessage::Settled);
        stage.check_out(&[&format!("settled {of}"), "refused"]);
    }
    assert_eq!(stage.sending.outbox().len(), 0);
}

#[test]
fn a_message_over_which_the_broker_ends_every_connection_is_given_up() {
    let mut stage = Stage::new();
    stage.say(&["bad", "good"]);
    let mut connections = 0;
    while stage.sending.outbox().len() == 2 {
        stage.passage = Passage { obstacle: None, ..OPEN };
        let topics = Topics::new("chat");
        stage.sending.look(stage.now.instant, &stage.passage, &topics, &mut stage.out);
        stage.out.take();
        stage.sending.lost(stage.now.instant, &mut stage.out);
        connections += 1;
        assert!(connections < 20);
    }
    assert!(connections > 3, "once or twice proves nothing");
    stage.check_out(&[r#"not sent: the broker ends the connection each time it gets "bad""#]);
    stage.check(0, &[(0, "good, late")]);
}

#[test]
fn under_another_nick_everything_goes_again_as_that() {
    let mut stage = Stage::new();
    stage.passage.obstacle = None;
    stage.say(&["one", "two"]);
    stage.check(0, &[(0, "one"), (0, "two")]);
    stage.stored(session(), &[(1, 1)]);
    stage.sending.renamed(&nick("bob"));
    let topics = Topics::new("chat");
    stage.out.take();
    stage.sending.flush(stage.now.instant, &OPEN, &topics, &mut stage.out);
    let topic = stage.out.take().into_iter().map(|output| match output {
        Output::Publish(publication) => publication.topic,
        other => panic!("{other:?}"),
    });
    assert_eq!(topic.collect::<Vec<_>>(), ["chat/messages/bob"]);
}

#[test]
fn status() {
    let mut stage = Stage::with(&[], true, false);
    assert_eq!(stage.sending.status(stage.now), "empty: nothing waits to be sent or stored");
    stage.say(&["one", "two"]);
    stage.check(500, &[(0, "one"), (0, "two")]);
    assert_eq!(stage.sending.status(stage.now), "2 not sent yet, the oldest for 0 s; kept in a file until then");
    stage.published([1]);
    assert_eq!(
        stage.sending.status(stage.now),
        "1 not sent yet, 1 not stored yet, the oldest for 0 s; kept in a file until then"
    );
    stage.published([2]);
    assert_eq!(stage.sending.status(stage.now), "2 not stored yet, the oldest for 0 s; kept in a file until then");
}
