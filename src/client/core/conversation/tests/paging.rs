//! The user's requests for pages: cut pages are joined, and what arrived is shown even if the rest does not arrive.

use super::*;
use crate::protocol::{History, Timestamp};

const EPOCH: &str = "rkrxc5f0sqnm";
const HISTORY: &str = "chat/request/history/alice";

impl Stage {
    /// Alone in the lobby, with a page on its way, and everything else answered.
    fn asks(line: &str, on_terminal: bool) -> Stage {
        let mut stage = Stage::new(|config| config.on_terminal = on_terminal);
        stage.arrives("chat/server", &ONLINE.replace('}', r#","history_limit":4}"#));
        stage.connect(1);
        stage.arrives("chat/private/alice/server", WELCOME);
        stage.arrives("chat/private/alice/server", r#"{"type":"online_users","users":[],"request":"000000000001"}"#);
        stage.replies("000000000002", &[], (0, 0), "");
        stage.out.clear();
        stage.types(line);
        stage
    }

    fn replies(&mut self, token: &str, numbers: &[u64], (from, to): (u64, u64), rest: &str) {
        let entries = numbers.iter().map(|n| format!(r#"{{"username":"bob","message":"{n}","id":"x-{n}","pos":{n}}}"#));
        let entries = entries.collect::<Vec<_>>().join(",");
        self.arrives(
            "chat/private/alice/server",
            &format!(
                r#"{{"type":"history","messages":[{entries}],"request":"{token}","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{to}{rest}}}"#
            ),
        );
    }

    /// Checks the limit and the cursor of the request, and answers it with the messages up to the position `to`.
    #[track_caller]
    fn answers_page(&mut self, (limit, cursor): (u64, Option<(&str, u64)>), numbers: &[u64], rest: &str) {
        let asked = self.payload(HISTORY);
        assert_eq!(asked["limit"].as_u64().unwrap_or_default(), limit);
        if let Some((name, pos)) = cursor {
            assert_eq!(asked[name], format!("{EPOCH}:{pos}"));
        }
        let token = asked["request"].as_str().unwrap().to_owned();
        self.out.clear();
        let place = (numbers.first().map_or(0, |first| first - 1), numbers.last().copied().unwrap_or_default());
        self.replies(&token, numbers, place, rest);
    }

    /// Checks the ends of the pages that were told: from, to, and whether they are complete.
    #[track_caller]
    fn check_pages(&self, expected: &[(u64, u64, bool)]) {
        let spans = self.pages().filter_map(|page| page.span.as_ref());
        assert_eq!(spans.map(|span| (span.from, span.to, span.complete)).collect::<Vec<_>>(), expected);
    }

    /// Checks the times that the told pages have from the server.
    #[track_caller]
    fn check_times(&self, expected: &[Option<&str>]) {
        let times = self.pages().map(|page| page.timestamp.as_ref().map(Timestamp::as_str));
        assert_eq!(times.collect::<Vec<_>>(), expected);
    }

    fn pages(&self) -> impl Iterator<Item = &History> {
        self.out.iter().filter_map(|out| match out {
            Output::Tell(News::Page { page, by_user: true, .. }, _) => Some(page),
            _ => None,
        })
    }
}

#[test]
fn cut_pages_are_shown_together_oldest_first() {
    let mut stage = Stage::asks("/history 5", true);
    stage.answers_page((5, None), &[8, 9], "");
    stage.check_pages(&[]);
    stage.answers_page((3, Some(("before", 7))), &[6, 7], "");
    stage.check_pages(&[]);
    stage.answers_page((1, Some(("before", 5))), &[5], "");
    stage.check_pages(&[(4, 9, false)]);
    stage.check_told(&["5", "6", "7", "8", "9"]);
    stage.after(60_000);
    stage.check_told(&[]);
}

#[test]
fn the_beginning_of_the_history_ends_them() {
    let mut stage = Stage::asks("/history 500", true);
    stage.answers_page((500, None), &[3, 4], "");
    stage.answers_page((498, Some(("before", 2))), &[1, 2], r#","complete":true"#);
    stage.check_pages(&[(0, 4, true)]);
    stage.check_told(&["1", "2", "3", "4"]);
}

#[test]
fn a_page_without_messages_ends_them() {
    let mut stage = Stage::asks("/history 500", true);
    stage.answers_page((500, None), &[3, 4], "");
    let token = stage.payload(HISTORY)["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    stage.replies(&token, &[], (1, 2), "");
    stage.check_pages(&[(1, 4, false)]);
    stage.check_told(&["3", "4"]);
}

#[test]
fn without_a_number_the_servers_number_is_meant() {
    let mut stage = Stage::asks("/history", true);
    stage.answers_page((0, None), &[7, 8, 9], "");
    stage.answers_page((1, Some(("before", 6))), &[6], "");
    stage.check_told(&["6", "7", "8", "9"]);
}

#[test]
fn a_program_pages_forward_too() {
    let mut stage = Stage::asks("", false);
    let line = format!(r#"{{"command":"history","after":"{EPOCH}:3","limit":3,"ref":"a"}}"#);
    let (command, reference) = crate::client::ui::json::parse(&line).unwrap();
    stage.input(Input::Command(command, reference));
    stage.answers_page((3, Some(("after", 3))), &[4, 5], "");
    stage.answers_page((1, Some(("after", 5))), &[6], r#","complete":true"#);
    stage.check_pages(&[(3, 6, true)]);
    let references = stage.out.iter().filter(|out| matches!(out, Output::Tell(News::Page { .. }, Some(_))));
    assert_eq!(references.count(), 1);
    stage.check_told(&["4", "5", "6"]);
}

#[test]
fn removed_messages_end_them() {
    for epoch in [EPOCH, "bbbbbbbbbbbb"] {
        let mut stage = Stage::asks("/history 5", true);
        stage.answers_page((5, None), &[8, 9], "");
        let token = stage.payload(HISTORY)["request"].as_str().unwrap().to_owned();
        stage.out.clear();
        let page = r#"{"type":"history","messages":[{"username":"bob","message":"other"}],"request":"TOKEN","room":"lobby","epoch":"EPOCH","from":0,"to":1,"gap":true}"#;
        stage.arrives("chat/private/alice/server", &page.replace("TOKEN", &token).replace("EPOCH", epoch));
        stage.check_pages(&[(7, 9, false)]);
        stage.check_told(&["earlier messages of #lobby were removed meanwhile", "8", "9"]);
    }
}

#[test]
fn a_page_that_waited_for_further_ones_does_not_tell_the_time() {
    let (timestamp, gap) = (r#","timestamp":"2026-11-22T19:11:34+00:00""#, r#","gap":true"#);
    let mut stage = Stage::asks("/history 5", true);
    stage.answers_page((5, None), &[8, 9], timestamp);
    stage.answers_page((3, Some(("before", 7))), &[6, 7], gap);
    stage.check_pages(&[(7, 9, false)]);
    stage.check_times(&[None]);
    let mut stage = Stage::asks("/history 5", true);
    stage.answers_page((5, None), &[8, 9], timestamp);
    stage.after(15_000);
    stage.check_times(&[None]);
    // The last page is a new one.
    let mut stage = Stage::asks("/history 3", true);
    stage.answers_page((3, None), &[8, 9], "");
    stage.answers_page((1, Some(("before", 7))), &[7], timestamp);
    stage.check_times(&[Some("2026-11-22T19:11:34+00:00")]);
}

#[test]
fn pages_are_shown_even_if_the_rest_does_not_arrive() {
    let late = "no answer to /history 5 of #lobby yet: it will be shown when it comes";
    let intro = "the answer to your /history 5 of #lobby:";
    let missing = "only 2 messages of #lobby arrived: no answer to the request for more";
    // The server is silent.
    let mut stage = Stage::asks("/history 5", true);
    stage.answers_page((5, None), &[8, 9], "");
    stage.out.clear();
    stage.after(5_000);
    stage.check_told(&[late]);
    stage.after(9_999);
    stage.check_told(&[]);
    stage.after(1);
    stage.check_pages(&[(7, 9, false)]);
    stage.check_told(&[intro, "8", "9", missing]);
    stage.after(600_000);
    stage.check_told(&[]);
    // The connection is lost, and comes back in time, or too late.
    for is_late in [false, true] {
        let mut stage = Stage::asks("/history 5", true);
        stage.answers_page((5, None), &[8, 9], "");
        let token = stage.payload(HISTORY)["request"].as_str().unwrap().to_owned();
        stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
        stage.out.clear();
        if is_late {
            stage.after(15_000);
            stage.check_told(&["8", "9", missing]);
            continue;
        }
        stage.arrives("chat/server", ONLINE);
        stage.connect(2);
        stage.arrives("chat/private/alice/server", WELCOME);
        stage.out.clear();
        stage.replies(&token, &[5, 6, 7], (4, 7), "");
        stage.check_told(&["5", "6", "7", "8", "9"]);
    }
    // The server refuses the rest.
    let mut stage = Stage::asks("/history 5", true);
    stage.answers_page((5, None), &[8, 9], "");
    let token = stage.payload(HISTORY)["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    let refusal = format!(r#"{{"type":"error","code":"bad_request","message":"no","request":"{token}"}}"#);
    stage.arrives("chat/private/alice/server", &refusal);
    assert!(matches!(stage.out.last(), Some(Output::Tell(News::Refused(_), None))));
    stage.check_told(&["8", "9"]);
}

#[test]
fn one_question_at_a_time_gathers_pages() {
    let mut stage = Stage::asks("/history 3", true);
    stage.types("/history 2");
    stage.types("/users");
    stage.answers_page((3, None), &[8, 9], "");
    stage.answers_page((1, Some(("before", 7))), &[7], "");
    stage.check_pages(&[(6, 9, false)]);
    stage.answers_page((2, None), &[8, 9], "");
    stage.check_told(&["8", "9"]);
}
