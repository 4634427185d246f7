//! Laws that hold for all arrivals.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #[test]
    fn any_order_and_any_repetition_of_arrivals_keep_the_same_set_once(
        arrivals in prop::collection::vec((0u8..3, 1u64..12, any::<bool>()), 1..60),
        cuts in prop::collection::vec(1usize..9, 60),
    ) {
        let names = ["alice", "bob", "carol"];
        let keep_of = |&(who, n, is_direct): &(u8, u64, bool)| {
            let name = names[usize::from(who)];
            // The number decides what a message is: direct, or to a room.
            match n % 3 == 0 {
                true => direct(name, "dora", (who, n), &format!("{name} {n}")),
                false => Keep::Message(Arrived {
                    message: ChatMessage { late: is_direct, ..arrived(names[(n % 3) as usize], name, Some((who, n)), &format!("{name} {n}")).message },
                    ..arrived("lobby", name, None, "")
                }),
            }
        };
        let mut history = in_memory();
        let mut rest = &arrivals[..];
        let mut stored = BTreeSet::new();
        let mut new = 0;
        for cut in cuts {
            let (batch, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            let keeps: Vec<Keep> = batch.iter().map(keep_of).collect();
            let committed = history.commit(&keeps, &[]).unwrap();
            prop_assert_eq!(committed.stored.len(), batch.len());
            stored.extend(committed.stored);
            for progress in committed.progress {
                prop_assert_eq!(progress.to - progress.from, progress.ids.len() as u64);
                new += progress.ids.len();
            }
        }
        let sent: BTreeSet<(u8, u64)> = arrivals.iter().map(|(who, n, _)| (*who, *n)).collect();
        prop_assert_eq!(stored.len(), sent.len());
        let mut expected: Vec<String> = sent.iter().map(|(who, n)| format!("{} {n}", names[usize::from(*who)])).collect();
        let mut kept: Vec<String> = names.iter().flat_map(|name| page(&history, name, 500, PagePosition::Newest).0).collect();
        prop_assert_eq!(kept.len(), new);
        kept.extend(waiting(&history, "dora"));
        kept.sort();
        expected.sort();
        prop_assert_eq!(kept, expected);
    }
}
