//! Small cases of cursors and marks.

mod laws;

use super::marks::UNDER_WAY;
use super::*;
use crate::now::an_instant;
use crate::protocol::{Epoch, Nick, Session};

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

/// Announces Bob's messages with these numbers, at the positions of the same numbers.
fn mark(epoch: &str, from: u64, to: u64) -> Mark {
    let ids =
        if from < to { format!(r#"{{"bob":{{"k3v9x2m1q8f0":[[{},{to}]]}}}}"#, from + 1) } else { "{}".to_owned() };
    let json = format!(r#"{{"type":"mark","room":"lobby","epoch":"{epoch}","from":{from},"to":{to},"ids":{ids}}}"#);
    Mark::parse(json.as_bytes()).unwrap()
}

/// A room in which an earlier run left a cursor.
fn kept(pos: u64, wants_history: bool) -> CatchUp {
    let mut room = CatchUp::new(lobby(), wants_history);
    room.recall(&cursor(EPOCH, pos));
    room
}

/// A room with a clock.
struct Stage {
    room: CatchUp,
    now: Instant,
}

impl Stage {
    fn at(pos: u64) -> Stage {
        let mut stage = Stage { room: kept(pos, true), now: an_instant() };
        let asked = stage.room.join();
        let filled = stage.room.page(stage.now, &asked, Some(&span(EPOCH, pos, pos, true, false)));
        assert_eq!(filled, Filled::default());
        stage.after(REST);
        stage
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }

    fn mark(&mut self, epoch: &str, from: u64, to: u64, seen: &[u64]) -> bool {
        self.room.mark(self.now, mark(epoch, from, to), false, |_, id| seen.contains(&id.seq))
    }

    fn saw(&mut self, seq: u64) -> bool {
        self.room.saw(&key("bob"), &sent(seq))
    }

    /// Checks from which position on something is requested, if at all.
    #[track_caller]
    fn check_hole(&mut self, expected: Option<u64>) -> Option<HistoryRequest> {
        let asked = self.room.hole(self.now);
        assert_eq!(asked.as_ref().map(|asked| asked.after.as_ref().unwrap().pos), expected);
        asked
    }

    #[track_caller]
    fn check(&self, epoch: &str, pos: u64) {
        assert_eq!(self.room.cursor(), Some(&cursor(epoch, pos)));
    }
}

#[test]
fn the_first_join_requests_the_newest_page_or_only_the_end() {
    for (history, limit) in [(true, None), (false, Some(0))] {
        let mut room = if history { CatchUp::new(lobby(), true) } else { kept(3, false) };
        let asked = room.join();
        assert_eq!((asked.limit, &asked.after), (limit, &None));
        let filled = room.page(an_instant(), &asked, Some(&span(EPOCH, 40, 90, false, false)));
        assert_eq!(filled, Filled { moved: true, next: None, nameless: 0 }, "what is older is not asked for");
        let again = room.join();
        assert_eq!((again.limit, again.after), (Some(PAGE_MESSAGES), Some(cursor(EPOCH, 90))));
    }
}

#[test]
fn a_fill_goes_on_until_it_is_complete() {
    let mut stage = Stage::at(10);
    let asked = stage.room.join();
    let filled = stage.room.page(stage.now, &asked, Some(&span(EPOCH, 10, 60, false, false)));
    let asked = filled.next.unwrap();
    assert_eq!(asked.after, Some(cursor(EPOCH, 60)));
    let filled = stage.room.page(stage.now, &asked, Some(&span(EPOCH, 60, 60, false, false)));
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
fn missing_messages_are_fetched() {
    let mut stage = Stage::at(10);
    stage.mark(EPOCH, 10, 12, &[11]);
    stage.mark(EPOCH, 12, 13, &[13]);
    stage.after(UNDER_WAY);
    let asked = stage.check_hole(Some(10)).unwrap();
    stage.check_hole(None);
    stage.mark(EPOCH, 13, 14, &[]);
    let filled = stage.room.page(stage.now, &asked, Some(&span(EPOCH, 10, 13, true, false)));
    assert_eq!(filled, Filled { moved: true, next: None, nameless: 0 });
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
    let asked = stage.room.join();
    stage.room.page(stage.now, &asked, Some(&span(OTHER, 0, 5, true, true)));
    stage.check(OTHER, 5);
    // A history that was reset to an earlier state.
    let asked = stage.room.join();
    stage.room.page(stage.now, &asked, Some(&span(OTHER, 1, 3, true, true)));
    stage.check(OTHER, 3);
    // A trimmed history.
    let asked = stage.room.join();
    let filled = stage.room.page(stage.now, &asked, Some(&span(OTHER, 20, 30, false, true)));
    assert_eq!(filled.next.unwrap().after, Some(cursor(OTHER, 30)));
}

#[test]
fn forged_marks_cause_no_endless_requests() {
    let mut stage = Stage::at(10);
    let mut asked = 0;
    for _ in 0..100 {
        stage.mark(OTHER, 70, 71, &[]);
        stage.mark(EPOCH, 70, 71, &[]);
        if let Some(request) = stage.room.hole(stage.now) {
            asked += 1;
            stage.room.page(stage.now, &request, Some(&span(EPOCH, 10, 10, true, false)));
        }
        stage.after(REST / 10);
    }
    assert_eq!(asked, 10);
    stage.mark(EPOCH, 70, 71, &[]);
    stage.after(REST);
    stage.check_hole(Some(10));
    stage.room.refused(stage.now);
    stage.mark(EPOCH, 80, 81, &[]);
    stage.after(REST);
    stage.check_hole(None);
}

#[test]
fn a_refused_request_is_repeated_later() {
    for pos in [None, Some(3)] {
        let mut room = pos.map_or_else(|| CatchUp::new(lobby(), true), |pos| kept(pos, true));
        let mut now = an_instant();
        let asked = room.join();
        room.refused(now);
        now += LONG_REST - Duration::from_millis(1);
        assert_eq!(room.hole(now), None);
        now += Duration::from_millis(1);
        assert_eq!(room.hole(now).as_ref(), Some(&asked));
        assert_eq!(room.hole(now + LONG_REST), None, "the requests see to it");
        room.page(now, &asked, Some(&span(EPOCH, 3, 3, true, false)));
        assert_eq!(room.hole(now + LONG_REST), None);
        // Nothing is requested about a room that was left.
        room.refused(now);
        room.leave();
        assert_eq!(room.hole(now + LONG_REST), None);
    }
}

#[test]
fn an_old_mark_of_a_room_that_went_back_is_asked_about_once() {
    let mut stage = Stage::at(10);
    stage.mark(EPOCH, 70, 71, &[]);
    let asked = stage.check_hole(Some(10)).unwrap();
    stage.room.page(stage.now, &asked, Some(&span(EPOCH, 10, 10, true, false)));
    stage.after(UNDER_WAY);
    stage.check_hole(None);
}

#[test]
fn marks_of_messages_without_an_id_request_a_page_once_a_second() {
    let mut stage = Stage::at(10);
    let mut asked = 0;
    for from in 10..60 {
        let json = format!(
            r#"{{"type":"mark","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{},"ids":{{"py":{{"":1}}}}}}"#,
            from + 1
        );
        stage.room.heard_nameless(from - 9);
        assert!(!stage.room.mark(stage.now, Mark::parse(json.as_bytes()).unwrap(), false, |_, _| true));
        if let Some(request) = stage.room.hole(stage.now) {
            asked += 1;
            let after = request.after.as_ref().unwrap().pos;
            let before = stage.room.nameless_before;
            let page = stage.room.page(stage.now, &request, Some(&span(EPOCH, after, from + 1, true, false)));
            assert_eq!(page, Filled { moved: true, next: None, nameless: before });
            stage.check(EPOCH, from + 1);
        }
        stage.after(REST / 5);
    }
    assert_eq!(asked, 10);
}

#[test]
fn the_beginning_of_unread_messages_is_told_once() {
    let mut room = kept(3, true);
    let asked = room.join();
    assert!(room.take_unread());
    assert!(!room.take_unread());
    let mut room = kept(3, true);
    room.page(an_instant(), &asked, Some(&span(EPOCH, 3, 3, true, false)));
    assert!(!room.take_unread(), "nothing was unread, and what comes now is not");
}

#[test]
fn the_first_page_does_not_hide_what_marks_told_of_before_it() {
    /// Checks the cursor after a first page, and where a request after the rest begins.
    #[track_caller]
    fn check(marks: &[(u64, u64, &[u64])], retained: bool, broke: bool, at: u64, asks: Option<u64>) {
        let mut stage = Stage { room: CatchUp::new(lobby(), false), now: an_instant() };
        let mut asked = stage.room.join();
        for (from, to, seen) in marks {
            let mark = mark(EPOCH, *from, *to);
            assert!(!stage.room.mark(stage.now, mark, retained, |_, id| seen.contains(&id.seq)));
        }
        if broke {
            stage.room.lost();
            asked = stage.room.join();
        }
        assert_eq!(asked.after, None);
        let filled = stage.room.page(stage.now, &asked, Some(&span(EPOCH, 20, 20, false, false)));
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
