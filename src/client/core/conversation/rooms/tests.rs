//! The rooms by themselves: joining and leaving, live messages and pages, and what is told of them.

use super::*;
use crate::client::core::conversation::Output;
use crate::client::core::conversation::people::People;
use crate::client::core::conversation::requests::{Inquiry, OpenRequest, Reach, Requests};
use crate::client::core::conversation::tests::deadlines::pass;
use crate::client::core::conversation::tests::{counting, now};
use crate::client::core::memo::Series;
use crate::client::core::news::News;
use crate::client::core::outbox::OwnMessage;
use crate::now::{Now, an_instant};
use crate::protocol::{Chat, Cursor, Entry, History, Mark, Nick, Place, Private, RoomInfo, Rooms, SentId, Session};

const EPOCH: &str = "rkrxc5f0sqnm";

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

fn id(seq: u64) -> SentId {
    SentId { session: Session::parse("k3v9x2m1q8f0").unwrap(), seq }
}

fn chat(by: &str, to: &RoomName, seq: u64) -> Chat {
    let (nick, text, room) = (nick(by), format!("{by} {seq}"), to.clone());
    Chat { nick, to: room, text, timestamp: None, id: Some(id(seq)), action: false, late: false }
}

fn own(to: &RoomName, seq: u64) -> OwnMessage {
    let Chat { nick, to, text, timestamp, id, action, late } = chat("alice", to, seq);
    OwnMessage { nick, to: Place::Room(to), text, timestamp, id, action, late }
}

/// Bob's messages with these numbers, at the positions `from` + 1 to `to`.
fn page(to: &RoomName, seqs: &[u64], place: (u64, u64), complete: bool) -> History {
    let entries: Vec<_> = seqs
        .iter()
        .map(|seq| format!(r#"{{"username":"bob","message":"bob {seq}","id":"k3v9x2m1q8f0-{seq}"}}"#))
        .collect();
    let (entries, (from, end)) = (entries.join(","), place);
    let json = format!(
        r#"{{"type":"history","messages":[{entries}],"room":"{to}","epoch":"{EPOCH}","from":{from},"to":{end},"complete":{complete}}}"#
    );
    serde_json::from_str(&json).unwrap()
}

/// Alice's rooms.
struct Stage {
    rooms: OwnRooms,
    people: People,
    now: Now,
    out: Outputs,
}

impl Stage {
    fn new(on_terminal: bool, joined: &[&str]) -> Stage {
        let rooms = OwnRooms::new(joined.iter().map(|name| room(name)).collect(), true);
        Stage { rooms, people: People::new([nick("eve")]), now: now(), out: Outputs::new(on_terminal) }
    }

    fn hear(&mut self, chat: Chat) {
        self.rooms.hear(self.now, chat, nick("alice").key(), &mut self.people, &mut self.out);
    }

    /// The answer to a request of the conversation, or of the user. Returns the next request.
    fn page(&mut self, asked: &HistoryRequest, by_user: bool, page: History) -> Option<HistoryRequest> {
        let open = open(asked.clone(), by_user);
        let reader = PageReader { people: &mut self.people, is_own: |entry: &Entry| entry.nick == nick("alice") };
        self.rooms.page(self.now, open, page, reader, &mut self.out)
    }

    /// Asks with a join, and gets everything.
    fn catch_up(&mut self, name: &RoomName, seqs: &[u64], place: (u64, u64)) {
        let asked = self.rooms.ask(name);
        assert_eq!(self.page(&asked, false, page(name, seqs, place, true)), None);
    }

    /// Announces bob's messages with the numbers after `from` to `to`, at the same positions.
    fn mark(&mut self, name: &RoomName, from: u64, to: u64) {
        let ids = format!(r#"{{"bob":{{"k3v9x2m1q8f0":[[{},{to}]]}}}}"#, from + 1);
        let json =
            format!(r#"{{"type":"mark","room":"{name}","epoch":"{EPOCH}","from":{from},"to":{to},"ids":{ids}}}"#);
        self.rooms.mark(self.now.instant, Mark::parse(json.as_bytes()).unwrap(), false, &mut self.out);
    }

    /// Checks which holes are asked for while time passes: after which position, and after how many milliseconds.
    #[track_caller]
    fn check_holes(&mut self, milliseconds: u64, can_ask: bool, expected: &[(u64, u64)]) {
        let Stage { rooms, now, .. } = self;
        let asked = pass(&mut now.instant, milliseconds, |now| {
            let asked = rooms.holes(now, can_ask).into_iter().map(|asked| asked.after.unwrap().pos);
            (asked.collect(), rooms.due())
        });
        assert_eq!(asked, expected);
    }

    /// Checks what is told: texts, and `late`, `old` or `own` of messages; forgets the outputs.
    #[track_caller]
    fn check_told(&mut self, expected: &[&str]) {
        let told = self.out.take().into_iter().filter_map(|output| match output {
            Output::Tell(News::Said(said), _) => {
                let flags = [(said.late, " late"), (said.history, " old"), (said.own, " own")];
                let flags: String = flags.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag)).collect();
                Some(format!("{}{flags}", said.text))
            }
            Output::Tell(News::Error(text) | News::Answer(text) | News::Hint(text), _) => Some(text),
            Output::Tell(News::Gap(room), _) => Some(format!("gap in {room}")),
            Output::Tell(News::Unread(room), _) => Some(format!("unread in {room}")),
            Output::PublishWhenShown(publication) => Some(publication.topic),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

fn open(asked: HistoryRequest, by_user: bool) -> OpenRequest {
    let (mut requests, inquiry) = (Requests::new(|_| None, counting()), Inquiry::page(asked));
    let reach = Reach { is_connected: true, is_silent: false, is_original: false };
    match by_user {
        true => requests.ask(inquiry, reach, &mut Outputs::new(true)),
        false => requests.open_own(inquiry),
    }
    let (token, _) = requests.take_due(an_instant(), &mut Outputs::new(true)).pop().unwrap();
    requests.answered(&token, |_| true).unwrap()
}

#[test]
fn rooms_are_joined_up_to_a_limit_and_left_one_by_one() {
    let mut stage = Stage::new(true, &["dev"]);
    assert_eq!((stage.rooms.here(), stage.rooms.own()), (&room("dev"), vec![RoomName::lobby(), room("dev")]));
    for number in 1..ROOMS_PER_SESSION {
        assert!(stage.rooms.join(room(&format!("r{number}")), &mut stage.out));
    }
    assert!(!stage.rooms.join(room("more"), &mut stage.out));
    assert!(!stage.rooms.is_in(&room("more")));
    stage.check_told(&["you are in 64 rooms: leave one first"]);
    assert_eq!(stage.rooms.part(Some(room("r1")), &mut stage.out), Some(room("r1")));
    assert!(stage.rooms.join(room("more"), &mut stage.out));
}

#[test]
fn leaving_the_current_room_leads_to_the_lobby() {
    for (on_terminal, told) in [(true, "you have left #dev and talk in #lobby now"), (false, "you talk in #lobby now")]
    {
        let mut stage = Stage::new(on_terminal, &["dev", "ops"]);
        let left = stage.rooms.part(None, &mut stage.out).unwrap();
        stage.rooms.parted(&left, &mut stage.out);
        assert_eq!(
            (left, stage.rooms.here(), stage.rooms.joined()),
            (room("dev"), &RoomName::lobby(), &[room("ops")][..])
        );
        stage.check_told(&[told]);
        let left = stage.rooms.part(Some(room("ops")), &mut stage.out).unwrap();
        stage.rooms.parted(&left, &mut stage.out);
        stage.check_told(if on_terminal { &["you have left #ops"] } else { &[] });
        for (name, told) in
            [("ops", "you are not in #ops"), ("lobby", "everybody is in the lobby; /quit leaves the chat")]
        {
            assert_eq!(stage.rooms.part(Some(room(name)), &mut stage.out), None);
            stage.check_told(&[told]);
        }
    }
}

#[test]
fn company_in_a_room_that_was_just_joined_is_told_with_the_next_list() {
    let info = |name: &str, members, messages| RoomInfo { name: room(name), members, messages };
    let list = || Rooms {
        rooms: vec![info("deb", 1, 0), info("dev", 3, 7), info("empty", 1, 2), info("left", 1, 0)],
        timestamp: None,
        request: None,
    };
    let mut stage = Stage::new(true, &["deb", "empty", "left", "dev"]);
    for name in ["deb", "empty", "left", "dev", "cut"] {
        stage.rooms.wonder_about(room(name));
    }
    stage.rooms.part(Some(room("left")), &mut stage.out);
    stage.rooms.part(Some(room("dev")), &mut stage.out);
    stage.rooms.listed(list(), open(HistoryRequest::default(), false), &mut stage.out);
    stage.check_told(&[
        "#deb is new: nobody else is there (did you mean #dev? /part leaves this one)",
        "nobody else is in #empty now",
    ]);
    stage.rooms.listed(list(), open(HistoryRequest::default(), false), &mut stage.out);
    stage.check_told(&[]);
    assert_eq!(stage.rooms.names(), ["deb", "empty", "lobby", "dev", "left"]);
}

#[test]
fn messages_of_others_elsewhere_are_counted_until_the_room_is_looked_at() {
    let (mut stage, lobby) = (Stage::new(true, &["dev"]), RoomName::lobby());
    for (by, to, seq) in
        [("bob", &lobby, 1), ("bob", &lobby, 2), ("alice", &lobby, 3), ("eve", &lobby, 4), ("bob", &room("dev"), 5)]
    {
        stage.hear(chat(by, to, seq));
    }
    stage.catch_up(&lobby, &[6], (0, 5));
    stage.catch_up(&lobby, &[7], (5, 6));
    stage.check_told(&["bob 1", "bob 2", "alice 3", "bob 5", "bob 6 old", "bob 7"]);
    let list = |stage: &mut Stage, expected: &[&str]| {
        stage.rooms.list(&[], NO_ANSWER, &mut stage.out);
        let mut expected = expected.to_vec();
        expected.push("no chat server is answering: which others there are is not known");
        stage.check_told(&expected);
    };
    list(&mut stage, &["+ #lobby   3 unread", "> #dev"]);
    stage.rooms.talk_in(lobby, &mut stage.out);
    stage.check_told(&["you talk in #lobby now"]);
    list(&mut stage, &["> #lobby", "+ #dev"]);
}

#[test]
fn a_message_is_shown_and_remembered_once_however_often_it_comes() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.hear(chat("bob", &lobby, 1));
    let series = Series::of_sent(nick("bob").key(), &id(1));
    let memo = Output::Remember(Memo::Shown { room: Some(lobby.clone()), series, number: 1 });
    let out = stage.out.take();
    assert!(matches!(&out[..], [Output::Tell(..), last] if *last == memo), "{out:?}");
    stage.hear(chat("bob", &lobby, 1));
    stage.hear(chat("Bob", &lobby, 1));
    assert_eq!(stage.out.take(), []);
    // The same number of another sender is another message.
    stage.hear(chat("carl", &lobby, 1));
    stage.check_told(&["carl 1"]);
    let asked = stage.rooms.ask(&lobby);
    for told in [&["bob 2 old"][..], &[]] {
        stage.page(&asked, false, page(&lobby, &[1, 2], (0, 2), true));
        stage.check_told(told);
    }
    stage.hear(chat("bob", &lobby, 2));
    stage.check_told(&[]);
    // A page that the user asks for is shown whole, each time.
    for _ in 0..2 {
        stage.page(&asked, true, page(&lobby, &[1, 2], (0, 2), true));
        stage.check_told(&["bob 1 old", "bob 2 old"]);
    }
}

#[test]
fn pages_follow_each_other_until_the_room_is_complete() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.catch_up(&lobby, &[1], (0, 1));
    let asked = stage.rooms.ask(&lobby);
    assert_eq!(asked.after, Cursor::parse(&format!("{EPOCH}:1")));
    let next = stage.page(&asked, false, page(&lobby, &[2], (1, 2), false)).unwrap();
    assert_eq!(next.after, Cursor::parse(&format!("{EPOCH}:2")));
    stage.check_told(&["bob 1 old", "bob 2"]);
    // A reader who takes no more gets the rest later.
    stage.rooms.full();
    assert_eq!(stage.page(&next, false, page(&lobby, &[3], (2, 3), false)), None);
    stage.rooms.missed();
    assert_eq!(stage.rooms.ask(&lobby).after, Cursor::parse(&format!("{EPOCH}:3")));
}

#[test]
fn what_marks_announce_is_asked_for_if_it_does_not_arrive_within_2_s() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.catch_up(&lobby, &[], (0, 0));
    stage.check_holes(10_000, true, &[]);
    stage.mark(&lobby, 0, 1);
    stage.hear(chat("bob", &lobby, 1));
    stage.check_holes(10_000, true, &[]);
    stage.mark(&lobby, 1, 2);
    stage.check_holes(10_000, true, &[(2_000, 1)]);
    let asked = HistoryRequest {
        room: lobby.clone(),
        after: Cursor::parse(&format!("{EPOCH}:1")),
        ..HistoryRequest::default()
    };
    stage.page(&asked, false, page(&lobby, &[2], (1, 2), true));
    stage.check_holes(10_000, true, &[]);
    // A mark that begins beyond the cursor leaves no doubt.
    stage.mark(&lobby, 3, 4);
    stage.check_holes(10_000, false, &[]);
    stage.check_holes(10_000, true, &[(0, 2)]);
}

#[test]
fn nothing_is_asked_for_while_the_reader_takes_no_more_or_after_the_connection_broke() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.catch_up(&lobby, &[], (0, 0));
    stage.mark(&lobby, 0, 1);
    stage.rooms.full();
    stage.check_holes(10_000, true, &[]);
    stage.rooms.missed();
    stage.check_holes(10_000, true, &[]);
    stage.mark(&lobby, 0, 1);
    stage.check_holes(1_000, true, &[]);
    stage.rooms.lost();
    assert_eq!(stage.rooms.due(), None);
    stage.check_holes(10_000, true, &[]);
}

#[test]
fn a_refused_page_is_asked_for_again_after_a_minute() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.catch_up(&lobby, &[], (0, 0));
    stage.rooms.ask(&lobby);
    stage.rooms.refused(stage.now.instant, &lobby);
    stage.check_holes(100_000, true, &[(60_000, 0)]);
}

#[test]
fn what_earlier_runs_under_this_nick_showed_is_not_shown_again() {
    let (mut stage, lobby) = (Stage::new(true, &[]), RoomName::lobby());
    let series = |by: &str| Series::of_sent(nick(by).key(), &id(1));
    let shown = || vec![(series("bob"), [1].into_iter().collect())];
    let cursor = Cursor::parse(&format!("{EPOCH}:1")).unwrap();
    stage.rooms.recall(Remembered {
        cursors: [(lobby.clone(), cursor.clone())].into(),
        shown: [(lobby.clone(), shown())].into(),
        shown_direct: shown(),
        ..Remembered::default()
    });
    stage.hear(chat("bob", &lobby, 1));
    stage.check_told(&[]);
    let asked = stage.rooms.ask(&lobby);
    assert_eq!(asked.after, Some(cursor));
    stage.page(&asked, false, page(&lobby, &[1, 2], (1, 2), true));
    stage.check_told(&["unread in lobby", "bob 2 old"]);
    // Another nick has another past; what this run has shown stays shown.
    stage.rooms.recall(Remembered::default());
    stage.hear(chat("bob", &lobby, 2));
    stage.check_told(&[]);
    stage.hear(chat("bob", &lobby, 1));
    stage.check_told(&["bob 1 late"]);
}

#[test]
fn a_direct_message_is_shown_once_and_confirmed_each_time() {
    let mut stage = Stage::new(false, &[]);
    let direct = |by: &str| Private {
        nick: nick(by),
        to: nick("alice"),
        text: format!("psst from {by}"),
        timestamp: None,
        id: Some(id(1)),
        action: false,
        late: false,
    };
    let receipt = || {
        let topic = "receipt".to_owned();
        let qos = crate::link::Qos::AtLeastOnce;
        Some(crate::link::Publication { topic, payload: Vec::new(), qos, retain: false, ticket: None })
    };
    for told in [&["psst from bob", "receipt"][..], &["receipt"]] {
        stage.rooms.hear_direct(stage.now, direct("bob"), receipt(), &mut stage.people, &mut stage.out);
        stage.check_told(told);
    }
    // Somebody who is ignored does not notice.
    stage.rooms.hear_direct(stage.now, direct("eve"), receipt(), &mut stage.people, &mut stage.out);
    stage.check_told(&["receipt"]);
}

#[test]
fn the_users_own_messages_were_shown_when_they_were_typed() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.rooms.said(stage.now, &own(&lobby, 1), &mut stage.out);
    stage.rooms.mark_shown(&own(&lobby, 2));
    stage.out.take();
    for seq in [1, 2] {
        stage.hear(chat("alice", &lobby, seq));
    }
    stage.check_told(&[]);
    stage.hear(chat("alice", &lobby, 3));
    stage.check_told(&["alice 3"]);
}

#[test]
fn a_gap_is_told_if_the_first_page_may_not_reach_back_to_what_was_heard() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.rooms.ask(&lobby);
    stage.hear(chat("bob", &lobby, 1));
    stage.rooms.lost();
    stage.rooms.connected();
    let asked = stage.rooms.ask(&lobby);
    stage.page(&asked, false, page(&lobby, &[8, 9], (7, 9), false));
    stage.check_told(&["bob 1", "gap in lobby", "bob 8 old", "bob 9 old"]);
}

#[test]
fn no_gap_is_told_if_the_room_was_not_joined_before_the_connection_broke() {
    let (mut stage, lobby) = (Stage::new(false, &[]), RoomName::lobby());
    stage.rooms.said(stage.now, &own(&lobby, 1), &mut stage.out);
    stage.rooms.lost();
    stage.rooms.connected();
    let asked = stage.rooms.ask(&lobby);
    stage.page(&asked, false, page(&lobby, &[8, 9], (7, 9), false));
    stage.check_told(&["bob 8 old", "bob 9 old"]);
}
