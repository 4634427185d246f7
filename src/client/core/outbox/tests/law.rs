//! The law of the outbox: whatever happens, each message is settled once, none is forgotten, and its id stays.

use super::*;
use proptest::prelude::*;

/// What can happen to an outbox. The numbers select among what is there.
#[derive(Debug, Clone)]
enum Step {
    Push,
    Take,
    Acknowledge(usize),
    Stored(usize),
    Refuse(usize),
    Lost,
    ServerCame,
    Pass { milliseconds: u64, server: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Push),
        4 => Just(Step::Take),
        4 => any::<usize>().prop_map(Step::Acknowledge),
        3 => any::<usize>().prop_map(Step::Stored),
        1 => any::<usize>().prop_map(Step::Refuse),
        1 => Just(Step::Lost),
        1 => Just(Step::ServerCame),
        2 => (0..20_000u64, any::<bool>()).prop_map(|(milliseconds, server)| Step::Pass { milliseconds, server }),
    ];
    prop::collection::vec(step, 0..200)
}

/// Each id names one text forever; `settled` counts.
#[derive(Default)]
struct Books {
    pushed: Vec<u64>,
    texts: HashMap<u64, String>,
    handed_out: Vec<u64>,
    settled: HashMap<u64, usize>,
    sent: HashMap<u64, usize>,
}

impl Books {
    fn note(&mut self, progress: &Progress) {
        if progress.is_newly_sent {
            *self.sent.entry(progress.id.seq).or_default() += 1;
        }
        if progress.is_settled {
            *self.settled.entry(progress.id.seq).or_default() += 1;
        }
    }

    fn take(&mut self, stage: &mut Stage) {
        for out in stage.take() {
            let chat = Chat::parse(&out.payload, RoomName::lobby()).unwrap().unwrap();
            let seq = chat.id.unwrap().seq;
            assert_eq!(self.texts[&seq], chat.text, "an id names one message");
            assert!(!self.settled.contains_key(&seq), "what is settled goes no more");
            assert_eq!(chat.late, self.handed_out.contains(&out.ticket), "late is what goes again");
            self.handed_out.push(out.ticket);
        }
        assert!(stage.outbox.under_way.len() <= WINDOW);
        let at_places = stage.outbox.under_way.len() + stage.outbox.lineup.len();
        assert_eq!(at_places, stage.outbox.len());
    }
}

proptest! {
    #[test]
    fn each_message_is_settled_once_and_none_is_forgotten(steps in steps()) {
        let mut stage = Stage::new(&[]);
        let mut books = Books::default();
        for step in steps {
            let chosen = |among: &[u64], number: usize| (!among.is_empty()).then(|| among[number % among.len()]);
            match step {
                Step::Push => {
                    let text = format!("text {}", books.pushed.len());
                    let kept = stage.outbox.push(stage.now, chat(&text, "lobby"), None).unwrap();
                    let seq = kept.message.id.as_ref().unwrap().seq;
                    books.texts.insert(seq, text);
                    books.pushed.push(seq);
                }
                Step::Take => books.take(&mut stage),
                Step::Acknowledge(number) => {
                    let Some(ticket) = chosen(&books.handed_out, number) else { continue };
                    stage.outbox.acknowledge(stage.now, ticket, false).iter().for_each(|told| books.note(told));
                }
                Step::Stored(number) => {
                    let Some(seq) = chosen(&books.pushed, number) else { continue };
                    let ranges: Ranges = [seq].into_iter().collect();
                    let stored = stage.outbox.stored(&session(SESSION), &ranges);
                    stored.iter().for_each(|told| books.note(told));
                }
                Step::Refuse(number) => {
                    let Some(seq) = chosen(&books.pushed, number) else { continue };
                    let id = SentId { session: session(SESSION), seq };
                    stage.outbox.refuse(&id).iter().for_each(|told| books.note(told));
                }
                Step::Lost => stage.outbox.lost(stage.now).iter().for_each(|(_, progress)| books.note(progress)),
                Step::ServerCame => stage.outbox.server_came(stage.now),
                Step::Pass { milliseconds, server } => {
                    stage.now += Duration::from_millis(milliseconds);
                    stage.outbox.expire(stage.now, server);
                }
            }
        }
        // From now on everything works: all unsettled messages go out and are stored.
        let open: Vec<u64> = books.pushed.iter().copied().filter(|seq| !books.settled.contains_key(seq)).collect();
        stage.after(120_000);
        books.take(&mut stage);
        stage.after(120_000);
        books.take(&mut stage);
        prop_assert_eq!(open.len(), stage.outbox.len());
        for message in stage.outbox.messages() {
            prop_assert!(open.contains(&message.id.as_ref().unwrap().seq));
        }
        let all: Ranges = books.pushed.iter().copied().collect();
        let stored = stage.outbox.stored(&session(SESSION), &all);
        stored.iter().for_each(|told| books.note(told));
        for seq in &books.pushed {
            prop_assert_eq!(books.settled.get(seq), Some(&1));
            prop_assert_eq!(books.sent.get(seq), Some(&1));
        }
        prop_assert!(stage.outbox.is_empty() && stage.outbox.bytes == 0 && stage.outbox.tickets.is_empty());
    }
}
