//! Input line by line, as session events: typed text, a program's commands, literal texts.

use super::json;
use super::typing::{Typed, recalled_later};
use crate::client::core::news::News;
use crate::client::core::session::{Mode, SessionEvent};
use signal_hook::consts::SIGINT;

/// What a line means in this mode.
pub fn events(mode: Mode, typed: Typed) -> Vec<SessionEvent> {
    let recallable = if mode == Mode::Chat { recalled_later(&typed).map(SessionEvent::Recallable) } else { None };
    let event = match (typed, mode) {
        (Typed::Piped(line), _) if line.trim().is_empty() => None,
        (Typed::Piped(line), Mode::Json) => Some(match json::parse(&line) {
            Ok((command, reference)) => SessionEvent::Ordered(command, reference),
            Err((text, reference)) => SessionEvent::Noticed(News::Error(text), reference),
        }),
        (Typed::Piped(line), _) => Some(SessionEvent::Texts(vec![line])),
        (Typed::Line(line), _) => Some(SessionEvent::Typed(line)),
        (Typed::Text(text), _) => Some(SessionEvent::Texts(vec![text])),
        (Typed::Lines(lines), _) => Some(SessionEvent::Texts(lines)),
        (Typed::Interrupt, _) => Some(SessionEvent::Signal(SIGINT)),
        (Typed::TooLong | Typed::End, Mode::Chat) => Some(SessionEvent::Quit),
        (Typed::TooLong, _) => Some(SessionEvent::Noticed(News::Error("the line is too long".to_owned()), None)),
        (Typed::End, _) => Some(SessionEvent::InputEnded),
    };
    recallable.into_iter().chain(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::core::command::TypedLine;

    #[track_caller]
    fn check(mode: Mode, typed: Typed, expected: &[&str]) {
        let events = events(mode, typed).into_iter().map(|event| match event {
            SessionEvent::Typed(line) => format!("typed {}", line.text),
            SessionEvent::Texts(texts) => format!("texts {texts:?}"),
            SessionEvent::Ordered(command, reference) => format!("ordered {command:?} {reference:?}"),
            SessionEvent::Noticed(News::Error(text), reference) => format!("wrong: {text} {reference:?}"),
            SessionEvent::Recallable(line) => format!("recallable {line}"),
            event => format!("{event:?}"),
        });
        assert_eq!(events.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lines_typed_at_a_terminal() {
        let line = |text: &str| Typed::Line(TypedLine::parse(text));
        check(Mode::Chat, line("/join dev"), &["recallable /join dev", "typed /join dev"]);
        check(Mode::Chat, line("/msg bob psst"), &["typed /msg bob psst"]);
        check(Mode::Chat, Typed::Text("/a".to_owned()), &["recallable //a", r#"texts ["/a"]"#]);
        check(Mode::Chat, Typed::Lines(vec!["a".to_owned(), "b".to_owned()]), &[r#"texts ["a", "b"]"#]);
        check(Mode::Chat, Typed::Interrupt, &["Signal(2)"]);
        check(Mode::Chat, Typed::End, &["Quit"]);
    }

    #[test]
    fn lines_of_a_pipe() {
        let line = |text: &str| Typed::Piped(text.to_owned());
        check(Mode::Sender, line("/quit"), &[r#"texts ["/quit"]"#]);
        check(Mode::Listen, line(" "), &[]);
        check(Mode::Json, line(r#"{"command":"ping","ref":1}"#), &["ordered Ping Some(Number(1))"]);
        check(Mode::Json, line("hello"), &["wrong: not a JSON object None"]);
        check(Mode::Json, Typed::TooLong, &["wrong: the line is too long None"]);
        check(Mode::Sender, Typed::End, &["InputEnded"]);
    }
}
