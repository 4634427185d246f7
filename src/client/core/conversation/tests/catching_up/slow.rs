//! What was dropped because nobody took the news in time.

use super::*;

#[test]
fn dropped_messages_are_fetched() {
    let mut stage = Stage::up_to_date(7);
    stage.says(8);
    stage.mark(7, 8);
    stage.input(Input::Missed(3));
    stage.check_asked_after(8);
    assert!(stage.out.iter().any(|out| *out == Output::Subscribe("chat/server".to_owned())), "it may be among them");
    stage.page(8, 11, true, false);
    assert_eq!(stage.late(), [("9", false), ("10", false), ("11", false)]);
}

#[test]
fn a_full_reader_requests_no_pages() {
    let mut stage = Stage::kept(7);
    stage.input(Input::Full);
    stage.page(7, 9, false, false);
    stage.mark(20, 21);
    stage.after(10_000);
    let asks = |out: &Output| matches!(out, Output::Publish(publication) if publication.topic == HISTORY);
    assert!(!stage.out.iter().any(asks), "{:#?}", stage.out);
    stage.input(Input::Missed(0));
    stage.check_asked_after(9);
    stage.page(9, 10, false, false);
    stage.check_asked_after(10);
}

#[test]
fn a_refused_filter_is_not_subscribed_to_again() {
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.input(Input::Link(Event::Refused { filter: "chat/server".to_owned() }));
    stage.out.clear();
    stage.input(Input::Missed(0));
    assert_eq!(stage.out, []);
}

#[test]
fn without_a_server_dropped_messages_are_told() {
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.after(2_000);
    stage.out.clear();
    stage.input(Input::Missed(2));
    stage.check_told(&["2 messages were not read in time and dropped: there is no history to fetch them"]);
    stage.input(Input::Missed(0));
    stage.check_told(&[]);
}
