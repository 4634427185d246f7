//! Keys pressed one after the other, and the resulting line.

use super::*;

/// A person who types, and the line.
struct Somebody {
    typing: Typing,
    line: String,
    cursor: usize,
    /// A paste of more lines than this is tall.
    rows: usize,
}

impl Somebody {
    fn new() -> Somebody {
        let mut typing = Typing::default();
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        typing.knows(Names {
            nicks: names(&["bob", "Bea", "alice"]),
            rooms: names(&["lobby", "dev"]),
            ..Names::default()
        });
        typing.recall(names(&["/join dev", "hello", "/msg bob psst", "hello there"]));
        Somebody { typing, line: String::new(), cursor: 0, rows: 9 }
    }

    fn press(&mut self, key: Key) -> Act {
        let rows = self.rows;
        let act = self.typing.press(key, &self.line, self.cursor, |line| line.lines().count() > rows);
        match &act {
            Act::Set(line, cursor) => (self.line, self.cursor) = (line.clone(), *cursor),
            Act::Kill => (self.line, self.cursor) = (String::new(), 0),
            Act::Usual => {
                if let Key::Char(c) = key {
                    self.line.insert(self.cursor, c);
                    self.cursor += c.len_utf8();
                }
            }
            Act::Nothing | Act::Redraw | Act::Tell(_) | Act::Accept(_) => {}
        }
        act
    }

    fn write(&mut self, text: &str) -> &mut Somebody {
        for c in text.chars() {
            self.press(if c == '\n' { Key::Enter } else { Key::Char(c) });
        }
        self
    }

    fn paste(&mut self, text: &str) -> &mut Somebody {
        self.press(Key::PasteBegins);
        self.write(text).press(Key::PasteEnds);
        self
    }

    #[track_caller]
    fn sends(&mut self, keys: &[Key], typed: Typed) {
        let act = keys.iter().map(|key| self.press(*key)).last();
        assert_eq!(act, Some(Act::Accept(typed)));
    }
}

fn line(text: &str) -> Typed {
    Typed::Line(TypedLine::parse(text))
}

#[test]
fn tab_goes_round_and_back() {
    let mut somebody = Somebody::new();
    somebody.write("b");
    let offers = [Key::Tab; 4].map(|key| {
        somebody.press(key);
        somebody.line.clone()
    });
    assert_eq!(offers, ["bob: ", "Bea: ", "b", "bob: "]);
    somebody.press(Key::BackTab);
    assert_eq!(somebody.line, "b");
    somebody.press(Key::Tab);
    somebody.write("hi").press(Key::Tab);
    assert_eq!(somebody.line, "bob: hi", "nothing fits");
    somebody.sends(&[Key::Enter], line("bob: hi"));
}

#[test]
fn a_completion_stays_and_the_next_word_is_completed() {
    let mut somebody = Somebody::new();
    somebody.write("al");
    (0..3).for_each(|_| drop(somebody.press(Key::Tab)));
    assert_eq!(somebody.line, "alice: ");
    let mut somebody = Somebody::new();
    somebody.write("/jo");
    somebody.press(Key::Tab);
    assert_eq!(somebody.line, "/join ");
    somebody.write("d").press(Key::Tab);
    assert_eq!(somebody.line, "/join dev");
}

#[test]
fn earlier_lines_are_found_by_a_part() {
    let mut somebody = Somebody::new();
    somebody.write("hell").press(Key::Search);
    assert_eq!(somebody.line, "hello there");
    somebody.press(Key::Search);
    assert_eq!(somebody.line, "hello");
    somebody.press(Key::Search);
    assert_eq!(somebody.line, "hell");
    somebody.write("x");
    assert_eq!(somebody.press(Key::Search), Act::Nothing);
}

#[test]
fn a_backslash_goes_on_in_the_next_line() {
    let mut somebody = Somebody::new();
    somebody.write("one\\\ntwo\\\nthree");
    assert_eq!(somebody.line, "one\ntwo\nthree");
    somebody.sends(&[Key::Enter], line("one\ntwo\nthree"));
    let mut somebody = Somebody::new();
    somebody.write(r"C:\\").sends(&[Key::Enter], line(r"C:\\"));
    let mut somebody = Somebody::new();
    somebody.write("one\\\n").sends(&[Key::Enter], line("one"));
}

#[test]
fn several_pasted_lines_are_asked_about() {
    let mut somebody = Somebody::new();
    somebody.paste("one\ntwo\n\nthree\n");
    assert_eq!((somebody.line.as_str(), somebody.cursor), ("one\ntwo\n\nthree", 14));
    assert_eq!(somebody.press(Key::Enter), Act::Redraw);
    assert_eq!(somebody.typing.hint().unwrap(), "\n-- send as one message (Enter), as 3 lines (l), or not (n)?");
    somebody.sends(&[Key::Enter], Typed::Text("one\ntwo\n\nthree".to_owned()));

    let lines = ["one", "two", "three"].map(str::to_owned).to_vec();
    Somebody::new().paste("one\ntwo\n\nthree").sends(&[Key::Enter, Key::Char('l')], Typed::Lines(lines));

    let mut somebody = Somebody::new();
    somebody.paste("one\ntwo").press(Key::Enter);
    assert_eq!(somebody.press(Key::Char('n')), Act::Kill);
    assert_eq!(somebody.typing.hint(), None);
    somebody.write("on").sends(&[Key::Enter], line("on"));
}

#[test]
fn other_keys_go_back_to_the_line() {
    for (key, act) in [(Key::Escape, Act::Redraw), (Key::Interrupt, Act::Redraw), (Key::Other, Act::Usual)] {
        let mut somebody = Somebody::new();
        somebody.paste("one\ntwo").press(Key::Enter);
        assert_eq!(somebody.press(key), act);
        somebody.write("!");
        assert_eq!(somebody.line, "one\ntwo!");
        somebody.sends(&[Key::Enter, Key::Enter], Typed::Text("one\ntwo!".to_owned()));
    }
    // Typing on loses no letter.
    let mut somebody = Somebody::new();
    somebody.paste("one\ntwo").press(Key::Enter);
    somebody.write("end");
    assert_eq!(somebody.line, "one\ntwoend");
}

#[test]
fn a_line_that_is_too_long_stays_to_be_shortened() {
    for line in ["x".repeat(4_001), format!("/msg bob {}", "x".repeat(4_001))] {
        let mut somebody = Somebody::new();
        somebody.write(&line);
        assert_eq!(somebody.press(Key::Enter), Act::Redraw);
        assert!(somebody.typing.hint().is_some_and(|hint| hint.contains("at most 4000 characters")));
        somebody.write("n");
        assert_eq!(somebody.line, line.clone() + "n", "it is still there");
    }
    let line = format!("/msg bob {}", "x".repeat(4_000));
    Somebody::new().write(&line).sends(&[Key::Enter], Typed::Line(TypedLine::parse(&line)));
}

#[test]
fn a_paste_is_no_command() {
    let mut somebody = Somebody::new();
    somebody.paste("/quit\n/part").sends(&[Key::Enter, Key::Enter], Typed::Text("/quit\n/part".to_owned()));
    let lines = ["/quit", "/part"].map(str::to_owned).to_vec();
    Somebody::new().paste("/quit\n/part").sends(&[Key::Enter, Key::Char('l')], Typed::Lines(lines));
    // A single pasted line is seen whole, and meant.
    Somebody::new().paste("/quit\n").sends(&[Key::Enter], line("/quit"));
    // A typed command takes the paste as its argument.
    let mut somebody = Somebody::new();
    somebody.write("/msg bob ").paste("one\ntwo").press(Key::Enter);
    assert_eq!(somebody.typing.hint().unwrap(), "\n-- send as one message (Enter), or not (n)?");
    somebody.sends(&[Key::Enter], line("/msg bob one\ntwo"));
}

#[test]
fn a_reply_goes_to_the_last_writer_before_it_was_begun() {
    let nick = |name: &str| Nick::parse(name).unwrap();
    let somebody = || {
        let mut somebody = Somebody::new();
        somebody.typing.is_written_to_by(nick("alice"));
        somebody
    };
    let mut alices = somebody();
    alices.write("/reply");
    assert_eq!(alices.line, "/reply");
    alices.write(" ");
    assert_eq!((alices.line.as_str(), alices.cursor), ("/msg alice ", 11));
    alices.typing.is_written_to_by(nick("carol"));
    alices.write("secret").sends(&[Key::Enter], line("/msg alice secret"));
    // The next reply is for the person who wrote meanwhile.
    alices.typing.begin();
    (alices.line, alices.cursor) = (String::new(), 0);
    alices.write("/reply hi").sends(&[Key::Enter], line("/msg carol hi"));

    // In the middle of a line, and after a blank.
    let mut alices = somebody();
    alices.write(" /replysecret");
    alices.cursor -= "secret".len();
    alices.write(" ");
    assert_eq!((alices.line.as_str(), alices.cursor), ("/msg alice secret", 11));

    // After a completion, the next Tab continues; text typed after it is a message.
    let mut alices = somebody();
    alices.write("/rep").press(Key::Tab);
    assert_eq!(alices.line, "/reply ");
    alices.write("x").sends(&[Key::Enter], line("/msg alice x"));

    // A recalled or pasted line shows its addressee before it is sent.
    let mut alices = somebody();
    alices.paste("/reply secret");
    assert_eq!(alices.press(Key::Enter), Act::Set("/msg alice secret".to_owned(), 17));
    alices.sends(&[Key::Enter], line("/msg alice secret"));
    let mut alices = somebody();
    alices.typing.recall(vec!["/reply old".to_owned()]);
    alices.write("ol").press(Key::Search);
    assert_eq!(alices.press(Key::Enter), Act::Set("/msg alice old".to_owned(), 14));

    // Nobody has written yet: the command stays and will be refused.
    Somebody::new().write("/reply secret").sends(&[Key::Enter], line("/reply secret"));
    let mut blanks = Somebody::new();
    blanks.typing.is_written_to_by(nick("Tom T."));
    blanks.write("/reply ");
    assert_eq!(blanks.line, "/msg \"Tom T.\" ");
}

#[test]
fn a_reply_with_pasted_lines_shows_its_addressee() {
    let alice = || {
        let mut somebody = Somebody::new();
        somebody.typing.is_written_to_by(Nick::parse("alice").unwrap());
        somebody
    };
    let mut somebody = alice();
    somebody.write("/reply").paste(" one\ntwo").press(Key::Enter);
    somebody.sends(&[Key::Enter], line("/msg alice one\ntwo"));
    let mut somebody = alice();
    somebody.rows = 1;
    somebody.write("/reply").paste(" one\ntwo");
    somebody.sends(&[Key::Enter], line("/msg alice one\ntwo"));
    // As the first of several pasted lines, it is no command.
    let mut somebody = alice();
    somebody.paste("/reply one\ntwo").write("!").press(Key::Enter);
    somebody.sends(&[Key::Enter], Typed::Text("/reply one\ntwo!".to_owned()));
}

#[test]
fn a_tall_paste_is_not_put_into_the_line() {
    let text = "x\n".repeat(20);
    let mut somebody = Somebody::new();
    somebody.write("see: ").paste(&text);
    assert_eq!(somebody.line, "see: ");
    assert!(somebody.typing.hint().unwrap().ends_with("as 20 lines (l), or not (n)?"));
    // A mistyped key does not lose it.
    somebody.press(Key::Char('k'));
    somebody.sends(&[Key::Enter], line(&format!("see: {}", text.trim_end())));
    let mut somebody = Somebody::new();
    somebody.paste(&text).press(Key::Char('n'));
    assert_eq!(somebody.typing.hint(), None);
    // What fits no message either way causes no question. The notice stays, and so does the line.
    let mut somebody = Somebody::new();
    somebody.rows = 0;
    somebody.write("so: ").press(Key::PasteBegins);
    let told = somebody.write(&"x".repeat(5_000)).press(Key::PasteEnds);
    assert_eq!(told, Act::Tell("-- not pasted: a message has at most 4000 characters".to_owned()));
    somebody.write("k");
    assert_eq!((somebody.typing.hint(), somebody.line.as_str()), (None, "so: k"));
}

#[test]
fn the_second_of_two_interrupts_quits() {
    let mut somebody = Somebody::new();
    somebody.write("draft");
    assert_eq!(somebody.press(Key::Interrupt), Act::Kill);
    assert_eq!(somebody.typing.hint().unwrap(), QUITS);
    somebody.write("more");
    assert_eq!(somebody.typing.hint(), None);
    assert_eq!(somebody.press(Key::Interrupt), Act::Kill);
    somebody.sends(&[Key::Interrupt], Typed::Interrupt);
    let mut somebody = Somebody::new();
    assert_eq!(somebody.press(Key::Interrupt), Act::Redraw);
    somebody.sends(&[Key::Interrupt], Typed::Interrupt);
}

#[test]
fn the_end_is_the_end_of_an_empty_line() {
    let mut somebody = Somebody::new();
    somebody.write("x");
    assert_eq!(somebody.press(Key::End), Act::Usual);
    Somebody::new().sends(&[Key::End], Typed::End);
}

#[test]
fn a_recalled_line_sends_the_same() {
    assert_eq!(recalled(&line("hello")).as_deref(), Some("hello"));
    assert_eq!(recalled(&Typed::Text("/a\nb".to_owned())).as_deref(), Some("//a\nb"));
    assert_eq!(recalled(&line("  ")), None);
    assert_eq!(recalled(&line(&"x\n".repeat(60))), None, "too tall to be shown");
    assert_eq!(recalled(&Typed::End), None);
}

#[test]
fn direct_messages_are_not_kept_for_later_runs() {
    for text in ["hello", "//usr", "/me waves", "/join dev", "two\nlines"] {
        assert_eq!(recalled_later(&line(text)).as_deref(), Some(text));
    }
    for text in ["/msg bob psst", "/W bob psst", "/reply psst", "/mgs bob psst", "/msg bob", "", " "] {
        assert_eq!(recalled_later(&line(text)), None, "{text}");
    }
    assert_eq!(recalled_later(&Typed::Text("/msg bob\npsst".to_owned())).as_deref(), Some("//msg bob\npsst"));
}

#[test]
fn a_line_answers_the_question_that_was_there_when_it_was_begun() {
    let mut typing = Typing::default();
    let mut draw = |line: &str, is_asked: bool| {
        typing.holds(line);
        (typing.shows_question(is_asked), typing.is_answer())
    };
    assert_eq!(draw("", false), (false, false));
    assert_eq!(draw("hel", false), (false, false));
    assert_eq!(draw("hel", true), (false, false), "it was begun before");
    assert_eq!(draw("", true), (true, true), "it was cleared");
    assert_eq!(draw("b", true), (true, true));
    assert_eq!(draw("bo", false), (false, true), "another nick was found meanwhile");
    assert_eq!(draw("", false), (false, false));
}
