//! Cursors with small cases, and the law that they are for: whatever is lost, all is shown, and once.

use super::marks::UNDER_WAY;
use super::*;
use crate::client::conversation::seen::{Seen, Was};
use crate::protocol::{Entry, Epoch, MessageId, Nick, Session, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

const EPOCH: &str = "rkrxc5f0sqnm";
const OTHER: &str = "000000000000";

fn lobby() -> RoomName {
    RoomName::lobby()
}

fn key(nick: &str) -> NickKey {
    Nick::parse(nick).unwrap().key().clone()
}

fn sent(seq: u64) -> SentId {
    SentId { session: Session::parse("k3v9x2m1q8f0").unwrap(), seq }
}

fn cursor(epoch: &str, pos: u64) -> Cursor {
    Cursor { epoch: Epoch::parse(epoch).unwrap(), pos }
}

fn span(epoch: &str, from: u64, to: u64, complete: bool, gap: bool) -> Span {
    Span { room: lobby(), epoch: Epoch::parse(epoch).unwrap(), from, to, complete, gap }
}

/// Bob's messages of these numbers, at the positions of the same numbers.
fn mark(epoch: &str, from: u64, to: u64) -> Mark {
    let ids =
        if from < to { format!(r#"{{"bob":{{"k3v9x2m1q8f0":[[{},{to}]]}}}}"#, from + 1) } else { "{}".to_owned() };
    let json = format!(r#"{{"type":"mark","room":"lobby","epoch":"{epoch}","from":{from},"to":{to},"ids":{ids}}}"#);
    Mark::parse(json.as_bytes()).unwrap()
}

/// A room's cursor with a clock.
struct Stage {
    cursors: Cursors,
    now: Instant,
}

impl Stage {
    fn at(pos: u64) -> Stage {
        let kept = HashMap::from([(lobby(), cursor(EPOCH, pos))]);
        let mut stage = Stage { cursors: Cursors::new(&kept, true), now: Instant::now() };
        let asked = stage.cursors.join(&lobby());
        let filled = stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, pos, pos, true, false)));
        assert_eq!(filled, Filled::default());
        stage.after(REST);
        stage
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }

    fn mark(&mut self, epoch: &str, from: u64, to: u64, seen: &[u64]) -> bool {
        self.cursors.mark(self.now, mark(epoch, from, to), false, |_, id| seen.contains(&id.seq))
    }

    fn saw(&mut self, seq: u64) -> bool {
        self.cursors.saw(self.now, &lobby(), &key("bob"), &sent(seq))
    }

    /// After which position something is to be fetched, if it is.
    #[track_caller]
    fn check_hole(&mut self, expected: Option<u64>) -> Option<HistoryRequest> {
        let mut holes = self.cursors.holes(self.now);
        let asked = holes.pop();
        assert_eq!(asked.as_ref().map(|asked| asked.after.as_ref().unwrap().pos), expected);
        asked
    }

    #[track_caller]
    fn check(&self, epoch: &str, pos: u64) {
        assert_eq!(self.cursors.of(&lobby()), Some(&cursor(epoch, pos)));
    }
}

#[test]
fn who_is_new_asks_for_the_newest_page_and_who_wants_none_for_its_end() {
    for (history, limit) in [(true, None), (false, Some(0))] {
        let kept = if history { HashMap::new() } else { HashMap::from([(lobby(), cursor(EPOCH, 3))]) };
        let mut cursors = Cursors::new(&kept, history);
        let asked = cursors.join(&lobby());
        assert_eq!((asked.limit, &asked.after), (limit, &None));
        let filled = cursors.page(Instant::now(), &asked, Some(&span(EPOCH, 40, 90, false, false)));
        assert_eq!(filled, Filled { moved: true, next: None }, "what is older is not asked for");
        let again = cursors.join(&lobby());
        assert_eq!((again.limit, again.after), (Some(PAGE_MESSAGES), Some(cursor(EPOCH, 90))));
    }
}

#[test]
fn a_fill_goes_on_until_it_is_complete() {
    let mut stage = Stage::at(10);
    let asked = stage.cursors.join(&lobby());
    let filled = stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, 10, 60, false, false)));
    let asked = filled.next.unwrap();
    assert_eq!(asked.after, Some(cursor(EPOCH, 60)));
    let filled = stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, 60, 60, false, false)));
    assert_eq!(filled, Filled::default(), "a server that does not get on is not asked for ever");
    stage.check(EPOCH, 60);
}

#[test]
fn live_messages_do_not_move_it_and_marks_do() {
    let mut stage = Stage::at(10);
    assert!(!stage.saw(11));
    stage.check(EPOCH, 10);
    assert!(stage.mark(EPOCH, 10, 12, &[11, 12]));
    assert!(!stage.mark(EPOCH, 12, 14, &[13]), "14 is under way");
    stage.check_hole(None);
    assert!(stage.saw(14));
    stage.check(EPOCH, 14);
    assert!(!stage.mark(EPOCH, 10, 14, &[]), "it is behind");
    stage.after(UNDER_WAY);
    stage.check_hole(None);
}

#[test]
fn what_does_not_come_is_fetched() {
    let mut stage = Stage::at(10);
    stage.mark(EPOCH, 10, 12, &[11]);
    stage.mark(EPOCH, 12, 13, &[13]);
    stage.after(UNDER_WAY);
    let asked = stage.check_hole(Some(10)).unwrap();
    stage.check_hole(None);
    stage.mark(EPOCH, 13, 14, &[]);
    let filled = stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, 10, 13, true, false)));
    assert_eq!(filled, Filled { moved: true, next: None });
    stage.check(EPOCH, 13);
    stage.after(UNDER_WAY);
    stage.check_hole(Some(13));
}

#[test]
fn a_mark_beyond_it_or_of_another_history_is_a_hole_at_once() {
    for (epoch, from) in [(EPOCH, 11), (OTHER, 10)] {
        let mut stage = Stage::at(10);
        stage.mark(epoch, from, from + 1, &[from + 1]);
        stage.check_hole(Some(10));
    }
    let mut stage = Stage::at(10);
    stage.mark(EPOCH, 10, 10, &[]);
    stage.mark(EPOCH, 14, 14, &[]);
    stage.check_hole(Some(10));
}

#[test]
fn another_history_takes_its_place() {
    let mut stage = Stage::at(10);
    let asked = stage.cursors.join(&lobby());
    stage.cursors.page(stage.now, &asked, Some(&span(OTHER, 0, 5, true, true)));
    stage.check(OTHER, 5);
    // One that was put back to an earlier state.
    let asked = stage.cursors.join(&lobby());
    stage.cursors.page(stage.now, &asked, Some(&span(OTHER, 1, 3, true, true)));
    stage.check(OTHER, 3);
    // And one that was trimmed.
    let asked = stage.cursors.join(&lobby());
    let filled = stage.cursors.page(stage.now, &asked, Some(&span(OTHER, 20, 30, false, true)));
    assert_eq!(filled.next.unwrap().after, Some(cursor(OTHER, 30)));
}

#[test]
fn false_marks_make_nobody_ask_without_end() {
    let mut stage = Stage::at(10);
    let mut asked = 0;
    for _ in 0..100 {
        stage.mark(OTHER, 70, 71, &[]);
        stage.mark(EPOCH, 70, 71, &[]);
        for request in stage.cursors.holes(stage.now) {
            asked += 1;
            stage.cursors.page(stage.now, &request, Some(&span(EPOCH, 10, 10, true, false)));
        }
        stage.after(REST / 10);
    }
    assert_eq!(asked, 10);
    stage.mark(EPOCH, 70, 71, &[]);
    stage.after(REST);
    stage.check_hole(Some(10));
    stage.cursors.refused(stage.now, &lobby());
    stage.mark(EPOCH, 80, 81, &[]);
    stage.after(REST);
    stage.check_hole(None);
}

#[test]
fn what_is_refused_is_asked_again_later() {
    for kept in [None, Some(3)] {
        let kept = kept.map(|pos| (lobby(), cursor(EPOCH, pos))).into_iter().collect();
        let (mut cursors, mut now) = (Cursors::new(&kept, true), Instant::now());
        let asked = cursors.join(&lobby());
        cursors.refused(now, &lobby());
        now += LONG_REST - Duration::from_millis(1);
        assert_eq!(cursors.holes(now), []);
        now += Duration::from_millis(1);
        assert_eq!(cursors.holes(now), [asked.clone()]);
        assert_eq!(cursors.holes(now + LONG_REST), [], "the requests see to it");
        cursors.page(now, &asked, Some(&span(EPOCH, 3, 3, true, false)));
        assert_eq!(cursors.holes(now + LONG_REST), []);
        // Of a room that was left nothing is asked.
        cursors.refused(now, &lobby());
        cursors.leave(&lobby());
        assert_eq!(cursors.holes(now + LONG_REST), []);
    }
}

#[test]
fn an_old_mark_of_a_room_that_went_back_is_asked_about_once() {
    let mut stage = Stage::at(10);
    stage.mark(EPOCH, 70, 71, &[]);
    let asked = stage.check_hole(Some(10)).unwrap();
    stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, 10, 10, true, false)));
    stage.after(UNDER_WAY);
    stage.check_hole(None);
}

#[test]
fn a_count_that_was_wrong_takes_the_question_back() {
    let mut stage = Stage::at(10);
    let counted = |from: u64| {
        let json = format!(
            r#"{{"type":"mark","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{},"ids":{{"py":{{"":1}}}}}}"#,
            from + 1
        );
        Mark::parse(json.as_bytes()).unwrap()
    };
    // The second is heard, the first is not.
    stage.cursors.heard_nameless(stage.now, &lobby(), &key("py"));
    assert!(stage.cursors.mark(stage.now, counted(10), false, |_, _| false));
    stage.cursors.mark(stage.now, counted(11), false, |_, _| false);
    stage.check(EPOCH, 11);
    stage.after(UNDER_WAY);
    let asked = stage.check_hole(Some(10)).unwrap();
    stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, 10, 12, true, false)));
    stage.check(EPOCH, 12);
}

#[test]
fn who_left_is_told_once_where_the_unread_begins() {
    let kept = HashMap::from([(lobby(), cursor(EPOCH, 3))]);
    let mut cursors = Cursors::new(&kept, true);
    let asked = cursors.join(&lobby());
    assert!(cursors.take_unread(&lobby()));
    assert!(!cursors.take_unread(&lobby()));
    let mut cursors = Cursors::new(&kept, true);
    cursors.page(Instant::now(), &asked, Some(&span(EPOCH, 3, 3, true, false)));
    assert!(!cursors.take_unread(&lobby()), "nothing was unread, and what comes now is not");
}

#[test]
fn the_first_page_does_not_hide_what_marks_told_of_before_it() {
    /// Where the cursor is after a first page, and where a question after its rest begins.
    #[track_caller]
    fn check(marks: &[(u64, u64, &[u64])], retained: bool, broke: bool, at: u64, asks: Option<u64>) {
        let mut stage = Stage { cursors: Cursors::new(&HashMap::new(), false), now: Instant::now() };
        let mut asked = stage.cursors.join(&lobby());
        for (from, to, seen) in marks {
            let mark = mark(EPOCH, *from, *to);
            assert!(!stage.cursors.mark(stage.now, mark, retained, |_, id| seen.contains(&id.seq)));
        }
        if broke {
            stage.cursors.lost();
            asked = stage.cursors.join(&lobby());
        }
        assert_eq!(asked.after, None);
        let filled = stage.cursors.page(stage.now, &asked, Some(&span(EPOCH, 20, 20, false, false)));
        stage.check(EPOCH, at);
        let next = filled.next.map(|next| next.after.unwrap().pos);
        if next.is_some() {
            return assert_eq!(next, asks);
        }
        stage.after(UNDER_WAY);
        stage.check_hole(asks);
    }
    check(&[(10, 12, &[])], false, false, 10, Some(10));
    check(&[(10, 12, &[11, 12])], false, false, 12, None);
    check(&[(10, 12, &[11, 12]), (13, 14, &[14])], false, false, 12, Some(12));
    check(&[(10, 12, &[11, 12])], false, true, 12, Some(12));
    check(&[(10, 12, &[])], true, false, 20, None);
    check(&[(21, 22, &[22])], false, false, 20, Some(20));
}

/// A room at a server, and what a client makes of what reaches it.
struct World {
    /// By position, from 1: who said it, with an id or without.
    said: Vec<(&'static str, bool)>,
    /// Up to where marks were said.
    marked: usize,
    stage: Stage,
    seen: Seen,
    /// How often each position was shown.
    shown: Vec<u32>,
    /// The last position of each nick that was shown.
    newest: HashMap<&'static str, usize>,
    late: usize,
    /// What was said up to there is not promised: it was before we came.
    base: Option<usize>,
    asked: Option<HistoryRequest>,
    questions: usize,
    /// Nothing that a page told of comes live any more: the broker keeps the order.
    in_pages: usize,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody says something; whether it reaches the client, and after how many more steps.
    Say {
        nick: u8,
        nameless: bool,
        arrives: Option<u8>,
    },
    /// The server tells what was committed since the last mark; whether that reaches the client.
    Mark {
        arrives: bool,
    },
    /// The answer to the open question, of so many messages at most.
    Page {
        messages: usize,
    },
    Time {
        milliseconds: u64,
    },
    Reconnect,
}

impl World {
    fn new() -> World {
        let mut world = World::without_a_page();
        world.page(10);
        world
    }

    /// The first question is not answered yet.
    fn without_a_page() -> World {
        let mut world = World {
            said: Vec::new(),
            marked: 0,
            stage: Stage { cursors: Cursors::new(&HashMap::new(), true), now: Instant::now() },
            seen: Seen::default(),
            shown: Vec::new(),
            newest: HashMap::new(),
            late: 0,
            base: None,
            asked: None,
            questions: 0,
            in_pages: 0,
        };
        world.asked = Some(world.stage.cursors.join(&lobby()));
        world
    }

    fn entry(&self, pos: usize) -> Entry {
        let (nick, has_id) = self.said[pos - 1];
        let id = if has_id { MessageId::Sent(sent(pos as u64)) } else { MessageId::Row(pos as u64) };
        Entry {
            nick: Nick::parse(nick).unwrap(),
            text: format!("{pos}"),
            timestamp: Timestamp::parse("2026-11-22T19:11:37.269207"),
            action: false,
            late: false,
            id: Some(id),
            pos: Some(pos as u64),
            received: None,
        }
    }

    fn arrives(&mut self, pos: usize) {
        let entry = self.entry(pos);
        let nick = entry.nick.key();
        match entry.id {
            Some(MessageId::Sent(id)) => {
                if self.seen.is_new(nick, MessageId::Sent(id.clone())) {
                    let late = self.seen.is_late(nick, &MessageId::Sent(id.clone()));
                    self.show(pos, late);
                    self.stage.cursors.saw(self.stage.now, &lobby(), nick, &id);
                }
            }
            _ if pos <= self.in_pages => {}
            _ => {
                self.seen.nameless(nick, entry.timestamp.as_ref(), &entry.text);
                self.show(pos, false);
                self.stage.cursors.heard_nameless(self.stage.now, &lobby(), nick);
            }
        }
    }

    /// Late is exactly what comes after a later one of its sender.
    fn show(&mut self, pos: usize, late: bool) {
        self.shown[pos - 1] += 1;
        let (nick, has_id) = self.said[pos - 1];
        if has_id {
            let newest = self.newest.entry(nick).or_default();
            assert_eq!(late, *newest > pos, "{nick}'s {pos} after {newest}");
            *newest = pos.max(*newest);
        }
        self.late += usize::from(late);
    }

    fn mark(&mut self, arrives: bool) {
        let (from, to) = (self.marked, self.said.len());
        self.marked = to;
        if !arrives {
            return;
        }
        self.base.get_or_insert(from);
        let mut ids: BTreeMap<NickKey, crate::protocol::delivery::Said> = BTreeMap::new();
        for pos in from + 1..=to {
            let (nick, has_id) = self.said[pos - 1];
            let said = ids.entry(key(nick)).or_default();
            match has_id {
                true => drop(said.sent.entry(sent(1).session).or_default().insert(pos as u64)),
                false => said.nameless += 1,
            }
        }
        let epoch = Epoch::parse(EPOCH).unwrap();
        let mark = Mark { room: lobby(), epoch, from: from as u64, to: to as u64, ids };
        let seen = &self.seen;
        self.stage.cursors.mark(self.stage.now, mark, false, |key, id| seen.has(key, id));
    }

    fn page(&mut self, messages: usize) {
        let Some(asked) = self.asked.take() else { return };
        let from = asked.after.as_ref().map_or(self.said.len().saturating_sub(messages), |after| after.pos as usize);
        let to = (from + messages).min(self.said.len());
        let entries: Vec<Entry> = (from + 1..=to).map(|pos| self.entry(pos)).collect();
        let were = self.seen.merge(&entries);
        for (entry, was) in entries.iter().zip(were) {
            let key = entry.nick.key();
            match was {
                Was::New { late } => self.show(entry.pos.unwrap() as usize, late),
                Was::ShownNameless => self.stage.cursors.found_nameless(self.stage.now, &lobby(), key),
                Was::Shown => {}
            }
            if let (Was::New { .. }, Some(MessageId::Sent(id))) = (was, &entry.id) {
                self.stage.cursors.saw(self.stage.now, &lobby(), key, id);
            }
        }
        self.in_pages = self.in_pages.max(to);
        self.base.get_or_insert(to);
        let span = span(EPOCH, from as u64, to as u64, to == self.said.len(), false);
        self.asked = self.stage.cursors.page(self.stage.now, &asked, Some(&span)).next;
    }

    fn look(&mut self) {
        for asked in self.stage.cursors.holes(self.stage.now) {
            assert!(self.asked.is_none(), "one question at a time");
            self.asked = Some(asked);
            self.questions += 1;
        }
    }

    fn check_cursor(&self) {
        let pos = self.stage.cursors.of(&lobby()).map_or(0, |cursor| cursor.pos as usize);
        assert!(pos <= self.said.len());
        let nameless_ones_are_believed = |pos: usize| !self.said[pos].1;
        let unseen = (self.base.unwrap_or(0)..pos).find(|at| self.shown[*at] == 0 && !nameless_ones_are_believed(*at));
        assert_eq!(unseen, None, "the cursor at {pos} has passed it");
    }

    fn run(&mut self, steps: &[Step]) {
        /// Live messages under way, with the step at which they arrive.
        type UnderWay = Vec<(usize, usize)>;
        let mut under_way: UnderWay = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Say { nick, nameless, arrives } => {
                    self.said.push((["bob", "carl", "py"][usize::from(nick) % 3], !nameless));
                    self.shown.push(0);
                    under_way.extend(arrives.map(|after| (number + usize::from(after), self.said.len())));
                }
                Step::Mark { arrives } => self.mark(arrives),
                Step::Page { messages } => {
                    // What was said before it comes before it.
                    under_way.drain(..).for_each(|(_, pos)| self.arrives(pos));
                    self.page(messages);
                }
                Step::Time { milliseconds } => self.stage.after(Duration::from_millis(milliseconds)),
                Step::Reconnect => {
                    under_way.clear();
                    self.stage.cursors.lost();
                    self.asked = Some(self.stage.cursors.join(&lobby()));
                }
            }
            let due: UnderWay = under_way.iter().copied().filter(|(at, _)| *at <= number).collect();
            under_way.retain(|(at, _)| *at > number);
            due.into_iter().for_each(|(_, pos)| self.arrives(pos));
            self.look();
            self.check_cursor();
        }
        under_way.into_iter().for_each(|(_, pos)| self.arrives(pos));
    }

    /// The last mark comes, is repeated, and all questions are answered.
    fn settle(&mut self) {
        self.mark(true);
        for _ in 0..40 {
            self.stage.after(Duration::from_secs(1));
            self.look();
            self.page(50);
        }
        self.check_cursor();
    }
}

fn steps(lossy: bool, nameless: bool) -> impl Strategy<Value = Vec<Step>> {
    let arrives = move || match lossy {
        true => prop_oneof![Just(None), (0..4_u8).prop_map(Some)].boxed(),
        false => (0..4_u8).prop_map(Some).boxed(),
    };
    let say = (any::<u8>(), any::<bool>(), arrives());
    let say =
        say.prop_map(move |(nick, anonymous, arrives)| Step::Say { nick, nameless: nameless && anonymous, arrives });
    let mark = any::<bool>().prop_map(move |arrives| Step::Mark { arrives: arrives || !lossy });
    let page = (1..10_usize).prop_map(|messages| Step::Page { messages });
    let time = (0..900_u64).prop_map(|milliseconds| Step::Time { milliseconds });
    let reconnect = if lossy { 1 } else { 0 };
    let step = prop_oneof![8 => say, 3 => mark, 2 => page, 2 => time, reconnect => Just(Step::Reconnect)];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn whatever_is_lost_everything_is_shown_once(steps in steps(true, false)) {
        let mut world = World::new();
        world.run(&steps);
        world.settle();
        prop_assert_eq!(&world.shown, &vec![1; world.said.len()]);
        prop_assert_eq!(world.stage.cursors.of(&lobby()).unwrap().pos, world.said.len() as u64);
    }

    /// Of what was said before the first page and the first mark only the page tells.
    #[test]
    fn who_has_no_cursor_yet_misses_nothing_either(steps in steps(true, false)) {
        let mut world = World::without_a_page();
        world.run(&steps);
        world.settle();
        let base = world.base.unwrap_or(0);
        prop_assert!(world.shown[..base].iter().all(|shown| *shown <= 1));
        prop_assert_eq!(&world.shown[base..], &vec![1; world.said.len() - base]);
        prop_assert_eq!(world.stage.cursors.of(&lobby()).unwrap().pos, world.said.len() as u64);
    }

    /// Of originals' messages only those are sure that a page tells of; none is shown twice.
    #[test]
    fn messages_without_an_id_are_shown_once_at_most(steps in steps(true, true)) {
        let mut world = World::new();
        world.run(&steps);
        world.settle();
        for (shown, (_, has_id)) in world.shown.iter().zip(&world.said) {
            prop_assert!(*shown == 1 || *shown == 0 && !has_id);
        }
    }

    /// Whether all of it comes by pages, or all of it at once.
    #[test]
    fn what_comes_in_order_is_not_late(mut steps in steps(true, true), live in any::<bool>()) {
        for step in &mut steps {
            if let Step::Say { arrives, .. } = step {
                *arrives = live.then_some(0);
            }
        }
        let mut world = World::new();
        world.run(&steps);
        world.settle();
        prop_assert_eq!(world.late, 0);
    }

    #[test]
    fn where_nothing_is_lost_nothing_is_fetched(steps in steps(false, true)) {
        let mut world = World::new();
        world.run(&steps);
        world.settle();
        prop_assert_eq!(world.questions, 0);
        prop_assert_eq!(&world.shown, &vec![1; world.said.len()]);
        prop_assert_eq!(world.stage.cursors.of(&lobby()).unwrap().pos, world.said.len() as u64);
    }
}
