//! Searches: parsed before they are sent, answered once, continued.

use super::*;

const SEARCH: &str = "chat/request/search/alice";

/// Answers the open search with no message.
fn answer(stage: &mut Stage, rest: &str) {
    let token = stage.payload(SEARCH)["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    let result = format!(r#"{{"type":"search_result","messages":[],"request":"{token}",{rest}}}"#);
    stage.arrives("chat/private/alice/server", &result);
    let told = stage.out.iter().filter(|out| matches!(out, Output::Tell(News::Found(_), _))).count();
    assert_eq!(told, 1);
    stage.out.clear();
}

#[test]
fn the_readers_dates_are_asked_as_moments() {
    let mut stage = Stage::welcomed();
    stage.types("/search pump* from:bob after:2026-11-22");
    let asked = stage.payload(SEARCH);
    assert_eq!(asked["text"], "pump* from:bob after:2026-11-22T00:00:00+01:00");
    stage.check_published(&[SEARCH]);
}

#[test]
fn invalid_searches_are_not_sent() {
    let mut stage = Stage::welcomed();
    stage.types("/search p*");
    stage.check_told(&[r#""p*" is too short: at least 2 characters come before *"#]);
    stage.types("/search \"open");
    stage.check_told(&["a phrase has no closing \""]);
    stage.types("/search");
    stage.check_told(&["what is to be found? /search TEXT"]);
    stage.after(1_000);
    stage.check_published(&[]);
}

#[test]
fn alone_it_goes_on() {
    let mut stage = Stage::welcomed();
    stage.types("/search pump");
    answer(&mut stage, r#""complete":false,"next":"rkrxc5f0sqnm:7""#);
    stage.types("/search");
    let asked = stage.payload(SEARCH);
    assert_eq!((&asked["text"], &asked["before"]), (&"pump".into(), &"rkrxc5f0sqnm:7".into()));
    answer(&mut stage, r#""complete":true"#);
    stage.types("/search");
    stage.check_told(&["the last search has found all there is; /search TEXT starts a new one"]);
}

#[test]
fn a_program_is_answered_with_its_reference() {
    let mut stage = Stage::welcomed();
    let (search, reference) =
        crate::client::ui::json::parse(r#"{"command":"search","text":"x","room":"dev","limit":3,"ref":"a"}"#).unwrap();
    stage.input(Input::Command(search, reference));
    let asked = stage.payload(SEARCH);
    assert_eq!((&asked["room"], &asked["limit"]), (&"dev".into(), &3.into()));
    let token = asked["request"].as_str().unwrap().to_owned();
    stage.out.clear();
    let refusal = format!(r#"{{"type":"error","code":"bad_request","message":"no","request":"{token}"}}"#);
    stage.arrives("chat/private/alice/server", &refusal);
    assert!(matches!(&stage.out[..], [Output::Tell(News::Refused(_), Some(reference))] if reference == "a"));
}

#[test]
fn searches_go_out_one_at_a_time() {
    let mut stage = Stage::caught_up();
    for text in ["one", "two", "three"] {
        stage.types(&format!("/search {text}"));
    }
    for text in ["one", "two", "three"] {
        let asked = stage.payload(SEARCH);
        assert_eq!(asked["text"], text);
        stage.check_published(&[SEARCH]);
        // In all, the last one waits for longer than the server may take.
        stage.now.instant += Duration::from_millis(4_000);
        let token = asked["request"].as_str().unwrap();
        let result = format!(r#"{{"type":"search_result","messages":[],"request":"{token}","complete":true}}"#);
        stage.arrives("chat/private/alice/server", &result);
        assert!(!stage.out.iter().any(|out| matches!(out, Output::Tell(News::Error(_), _))), "{:?}", stage.out);
    }
}
