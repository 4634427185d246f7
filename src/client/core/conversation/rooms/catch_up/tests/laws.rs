//! Laws of cursors, marks and seen messages together: whatever is lost on the way, everything is shown exactly once.

use super::*;
use crate::client::core::conversation::rooms::seen::{Seen, Was};
use crate::now::an_instant;
use crate::protocol::{Entry, MessageId, Timestamp};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// A room at a server, and what a client makes of what reaches it.
struct World {
    /// By position, from 1: the sender, and whether it has an id.
    said: Vec<(&'static str, bool)>,
    /// Up to where marks were sent.
    marked: usize,
    stage: Stage,
    seen: Seen,
    /// How often each position was shown.
    shown: Vec<u32>,
    /// The last shown position of each nick.
    newest: HashMap<&'static str, usize>,
    late: usize,
    /// Messages up to there are not promised, because they are older than the join.
    base: Option<usize>,
    asked: Option<HistoryRequest>,
    questions: usize,
    /// No message of a page arrives live any more: the broker keeps the order.
    in_pages: usize,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody sends a message; whether it reaches the client, and after how many more steps.
    Say {
        nick: u8,
        nameless: bool,
        arrives: Option<u8>,
    },
    /// Somebody sends a message without an id that reaches the client but never the server.
    Unstored {
        nick: u8,
    },
    /// The server announces what it committed since the last mark; whether that reaches the client.
    Mark {
        arrives: bool,
    },
    /// The open request is answered with at most this many messages.
    Page {
        messages: usize,
    },
    Time {
        milliseconds: u64,
    },
    Reconnect,
}

const NICKS: [&str; 3] = ["bob", "carl", "py"];

/// A live message without an id, or what a page has in common for both kinds.
fn entry(nick: &str, text: String) -> Entry {
    Entry {
        nick: Nick::parse(nick).unwrap(),
        text,
        timestamp: Timestamp::parse("2026-11-22T19:11:37.269207"),
        action: false,
        late: false,
        id: None,
        pos: None,
        received: None,
    }
}

impl World {
    fn new() -> World {
        let mut world = World::without_a_page();
        world.page(10);
        world
    }

    /// The first request is not answered yet.
    fn without_a_page() -> World {
        let mut world = World {
            said: Vec::new(),
            marked: 0,
            stage: Stage { room: CatchUp::new(lobby(), true), now: an_instant() },
            seen: Seen::default(),
            shown: Vec::new(),
            newest: HashMap::new(),
            late: 0,
            base: None,
            asked: None,
            questions: 0,
            in_pages: 0,
        };
        world.asked = Some(world.stage.room.join());
        world
    }

    fn entry(&self, pos: usize) -> Entry {
        let (nick, has_id) = self.said[pos - 1];
        let id = if has_id { MessageId::Sent(sent(pos as u64)) } else { MessageId::Row(pos as u64) };
        Entry { id: Some(id), pos: Some(pos as u64), ..entry(nick, pos.to_string()) }
    }

    fn arrives(&mut self, pos: usize) {
        let entry = self.entry(pos);
        let nick = entry.nick.key();
        match entry.id {
            Some(MessageId::Sent(id)) => {
                if self.seen.is_new(nick, &id) {
                    let late = self.seen.is_late(nick, &id);
                    self.show(pos, late);
                    self.stage.room.saw(nick, &id);
                }
            }
            _ if pos <= self.in_pages => {}
            _ => {
                self.hears(&entry);
                self.show(pos, false);
            }
        }
    }

    /// A message without an id arrives live.
    fn hears(&mut self, entry: &Entry) {
        let number = self.seen.heard_nameless(entry.nick.key(), entry.timestamp.as_ref(), &entry.text);
        self.stage.room.heard_nameless(number.expect("no page was faster"));
    }

    /// A message is late exactly if a later one of its sender was shown before.
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
        let mut ids: BTreeMap<NickKey, crate::protocol::delivery::MarkIds> = BTreeMap::new();
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
        self.stage.room.mark(self.stage.now, mark, false, |key, id| seen.has(key, id));
    }

    fn page(&mut self, messages: usize) {
        let Some(asked) = self.asked.take() else { return };
        let from = asked.after.as_ref().map_or(self.said.len().saturating_sub(messages), |after| after.pos as usize);
        let to = (from + messages).min(self.said.len());
        let entries: Vec<Entry> = (from + 1..=to).map(|pos| self.entry(pos)).collect();
        self.seen.pages_are_of(&Epoch::parse(EPOCH).unwrap());
        let were = self.seen.merge(&entries);
        for (entry, was) in entries.iter().zip(were) {
            let key = entry.nick.key();
            match was {
                Was::New { late } => self.show(entry.pos.unwrap() as usize, late),
                Was::Shown => {}
            }
            if let (Was::New { .. }, Some(MessageId::Sent(id))) = (was, &entry.id) {
                self.stage.room.saw(key, id);
            }
        }
        self.in_pages = self.in_pages.max(to);
        self.base.get_or_insert(to);
        let span = span(EPOCH, from as u64, to as u64, to == self.said.len(), false);
        let filled = self.stage.room.page(self.stage.now, &asked, Some(&span));
        self.seen.forget_nameless(filled.nameless);
        self.asked = filled.next;
    }

    fn look(&mut self) {
        if let Some(asked) = self.stage.room.hole(self.stage.now) {
            assert!(self.asked.is_none(), "one question at a time");
            self.asked = Some(asked);
            self.questions += 1;
        }
    }

    fn check_cursor(&self) {
        let pos = self.stage.room.cursor().map_or(0, |cursor| cursor.pos as usize);
        assert!(pos <= self.said.len());
        let unseen = (self.base.unwrap_or(0)..pos).find(|at| self.shown[*at] == 0);
        assert_eq!(unseen, None, "the cursor at {pos} has passed it");
    }

    fn run(&mut self, steps: &[Step]) {
        /// Live messages under way, with the step at which they arrive.
        type UnderWay = Vec<(usize, usize)>;
        let mut under_way: UnderWay = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Say { nick, nameless, arrives } => {
                    self.said.push((NICKS[usize::from(nick) % 3], !nameless));
                    self.shown.push(0);
                    under_way.extend(arrives.map(|after| (number + usize::from(after), self.said.len())));
                }
                Step::Unstored { nick } => {
                    self.hears(&entry(NICKS[usize::from(nick) % 3], format!("unstored {number}")));
                }
                Step::Mark { arrives } => self.mark(arrives),
                Step::Page { messages } => {
                    // Earlier messages arrive first.
                    under_way.drain(..).for_each(|(_, pos)| self.arrives(pos));
                    self.page(messages);
                }
                Step::Time { milliseconds } => self.stage.after(Duration::from_millis(milliseconds)),
                Step::Reconnect => {
                    under_way.clear();
                    self.stage.room.lost();
                    self.asked = Some(self.stage.room.join());
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

    /// The last mark arrives, is repeated, and all requests are answered.
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
    let unstored = if nameless { 2 } else { 0 };
    let never = any::<u8>().prop_map(|nick| Step::Unstored { nick });
    let step = prop_oneof![
        8 => say, 3 => mark, 2 => page, 2 => time, reconnect => Just(Step::Reconnect), unstored => never
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn whatever_is_lost_everything_is_shown_once(steps in steps(true, true)) {
        let mut world = World::new();
        world.run(&steps);
        world.settle();
        prop_assert_eq!(&world.shown, &vec![1; world.said.len()]);
        prop_assert_eq!(world.stage.room.cursor().unwrap().pos, world.said.len() as u64);
    }

    /// Only the page knows what was said before the first page and the first mark.
    #[test]
    fn a_client_without_a_cursor_misses_nothing(steps in steps(true, true)) {
        let mut world = World::without_a_page();
        world.run(&steps);
        world.settle();
        let base = world.base.unwrap_or(0);
        prop_assert!(world.shown[..base].iter().all(|shown| *shown <= 1));
        prop_assert_eq!(&world.shown[base..], &vec![1; world.said.len() - base]);
        prop_assert_eq!(world.stage.room.cursor().unwrap().pos, world.said.len() as u64);
    }


    /// Everything arrives in pages, or everything arrives live.
    #[test]
    fn messages_in_order_are_not_late(mut steps in steps(true, true), live in any::<bool>()) {
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
    fn without_losses_nothing_is_fetched(steps in steps(false, false)) {
        let mut world = World::new();
        world.run(&steps);
        world.settle();
        prop_assert_eq!(world.questions, 0);
        prop_assert_eq!(&world.shown, &vec![1; world.said.len()]);
        prop_assert_eq!(world.stage.room.cursor().unwrap().pos, world.said.len() as u64);
    }
}
