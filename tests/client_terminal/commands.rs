//! Commands on a terminal, with a chat server and other people.

use crate::support::{Broker, Certificates, PATIENCE, Program, Pty, Stream, Subscriber, TempDir, publish, wait_until};
use crate::{alice, refuse_nick, texts};

/// A chat server that keeps nothing on disk.
#[track_caller]
pub fn server(broker: &Broker) -> Program {
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    server
}

/// Somebody with this nick at a terminal, let in by the server.
#[track_caller]
fn member(broker: &Broker, nick: &str) -> Pty {
    let mut member = Pty::start(&["client", &broker.address(), "--nick", nick]);
    member.wait_for_line(&format!("-- you are {nick} and talk in #lobby; /help lists the commands"));
    member
}

#[track_caller]
fn types(pty: &mut Pty, line: &str, answer: &str) {
    pty.press(&format!("{line}\r"));
    pty.wait_for_line(answer);
}

/// Types `/reply` and a blank; again if the message to answer was only just printed.
#[track_caller]
fn begin_reply(pty: &mut Pty, becomes: &str) {
    let is = |pty: &mut Pty, line: &str| pty.screen().last().is_some_and(|last| last == line);
    for _ in 0..20 {
        pty.press("\x15");
        wait_until(PATIENCE, "an empty line", || is(pty, "#lobby>"));
        pty.press("/reply ");
        wait_until(PATIENCE, becomes, || is(pty, becomes) || is(pty, "#lobby> /reply"));
        // It shows for a moment, because it is drawn key by key.
        pty.press("x");
        let mut became = false;
        wait_until(PATIENCE, "a letter", || {
            became = is(pty, &format!("{becomes} x"));
            became || is(pty, "#lobby> /reply x")
        });
        pty.press("\x7f");
        if became {
            return;
        }
    }
    panic!("/reply names nobody");
}

#[test]
fn a_reply_addresses_the_last_writer_before_it_was_begun() {
    let broker = Broker::start();
    let _server = server(&broker);
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|nick| member(&broker, nick));
    bob.press("/reply too early\r");
    bob.wait_for_line("!! not sent: nobody to reply to; use /msg NICK TEXT");
    types(&mut alice, "/msg bob psst", "alice → bob: psst");
    bob.wait_for_line("alice → bob: psst");
    begin_reply(&mut bob, "#lobby> /msg alice");
    types(&mut carol, "/msg bob hello", "carol → bob: hello");
    bob.wait_for_screen("what arrives meanwhile", |lines| {
        lines.iter().any(|line| line.ends_with("carol → bob: hello"))
            && lines.last().is_some_and(|line| line == "#lobby> /msg alice")
    });
    types(&mut bob, "the secret", "bob → alice: the secret");
    alice.wait_for_line("bob → alice: the secret");
    begin_reply(&mut bob, "#lobby> /msg carol");
    types(&mut bob, "hello too", "bob → carol: hello too");
    carol.wait_for_line("bob → carol: hello too");
    assert!(!carol.screen().concat().contains("secret"));
}

#[test]
fn rooms_are_joined_listed_and_left() {
    let broker = Broker::start();
    let _server = server(&broker);
    let mut alice = member(&broker, "alice");
    let mut bob = member(&broker, "bob");
    types(&mut bob, "/join dev", "-- #dev is new: nobody else is there");
    types(&mut bob, "hello", "> #dev bob: hello");
    types(&mut alice, "/join deb", "-- #deb is new: nobody else is there (did you mean #dev? /part leaves this one)");
    types(&mut alice, "/part", "-- you have left #deb and talk in #lobby now");
    types(&mut alice, "/room #dev", "#dev bob: hello");
    alice.wait_for_line("#dev>");
    types(&mut bob, "/room lobby", "-- you talk in #lobby now");
    types(&mut alice, "anybody here?", "> #dev alice: anybody here?");
    bob.wait_for_line("#dev alice: anybody here?");
    bob.press("/rooms\r");
    bob.wait_for_line("-- > #lobby   2 people, 0 messages");
    // The last message may not be in the history yet.
    bob.wait_for_screen("the other room", |lines| {
        lines.iter().any(|line| line.starts_with("-- + #dev     2 people, ") && line.ends_with("   1 unread"))
    });
}

#[test]
fn a_free_nick_is_taken_and_one_in_use_is_not() {
    let broker = Broker::start();
    let _server = server(&broker);
    let mut alice = member(&broker, "alice");
    let mut bob = member(&broker, "bob");
    types(&mut alice, "/nick carol", "-- you are carol now");
    bob.wait_for_screen("carol", |lines| lines.iter().any(|line| line.contains("-- + carol")));
    types(&mut alice, "it is me", "> carol: it is me");
    bob.wait_for_line("carol: it is me");
    // What is typed next is no nick, and follows under the old one.
    alice.press("/nick bob\rok\r");
    alice.wait_for_screen("the refusal", |lines| {
        lines.iter().any(|line| line.ends_with("!! bob is in use; you are still carol"))
    });
    bob.wait_for_line("carol: ok");
    types(&mut alice, "/msg bob here again", "carol → bob: here again");
    bob.wait_for_line("carol → bob: here again");
    begin_reply(&mut bob, "#lobby> /msg carol");
    types(&mut bob, "good", "bob → carol: good");
    alice.wait_for_line("bob → carol: good");
}

#[test]
fn a_nick_given_up_without_a_connection_leaves_no_ghost() {
    let mut broker = Broker::start();
    let mut server = server(&broker);
    let mut carol = member(&broker, "carol");
    broker.kill();
    carol.wait_for_line("-- trying again in 1 s");
    types(&mut carol, "/nick carola", "-- you will be carola as soon as there is a connection");
    broker.start_again();
    server.wait_for_line(Stream::Err, "INFO left nick=carol ", PATIENCE);
    server.wait_for_line(Stream::Err, "INFO joined nick=carola ", PATIENCE);
    types(&mut carol, "/users", "-- 1 online: carola");
}

#[test]
fn a_line_begun_before_the_question_for_a_nick_is_no_answer_unless_it_is_cleared() {
    let is_last = |line: &'static str| move |lines: &[String]| lines.last().is_some_and(|last| last == line);
    for (keys, asks, answered) in [("lo\r", "another nick:", "another nick: bo"), ("\x15", "nick:", "nick:   bo")] {
        let broker = Broker::start();
        let description = r#"{"type":"server","status":"online","instance":"i","started":"2026-11-22T19:00:00Z"}"#;
        publish(&broker, "chat/server", description, 1, true);
        let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
        let mut alice = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
        alice.wait_for_line(">");
        alice.press("hel");
        alice.wait_for_screen("the line", is_last("#lobby> hel"));
        refuse_nick(&broker, &mut presence, &mut alice);
        alice.press(keys);
        alice.wait_for_screen("the question", is_last(asks));
        alice.press("bo");
        alice.wait_for_screen("the answer", is_last(answered));
        alice.press("b\r");
        presence.wait_for("the join as another", |topic, _| topic == "chat/presence/bob");
        let is_told = alice.scrollback_and_screen().iter().any(|line| line == "!! type a nick first, or /quit");
        assert_eq!(is_told, keys.ends_with('\r'));
    }
}

#[test]
fn another_spelling_of_the_nick_stays_present() {
    let broker = Broker::start();
    let _server = server(&broker);
    let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
    let mut alice = member(&broker, "alice");
    let mut count = |nick: &str| {
        let message = presence.wait_for(nick, |_, payload| String::from_utf8_lossy(payload).contains(nick));
        serde_json::from_slice::<serde_json::Value>(&message.payload).unwrap()["conn"].as_u64().unwrap()
    };
    let first = count(r#""username":"alice""#);
    types(&mut alice, "/nick ALICE", "-- you are ALICE now");
    // It is the same session: a connection counter that restarted at 1 would look old.
    assert!(count(r#""username":"ALICE""#) > first);
    types(&mut alice, "/users", "-- 1 online: ALICE");
}

#[test]
fn quitting_works_at_the_question_for_a_nick() {
    let broker = Broker::start();
    let _server = server(&broker);
    let _alice = member(&broker, "alice");
    let mut second = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
    second.wait_for_screen("the question", |lines| lines.iter().any(|line| line.contains("which other")));
    second.wait_for_screen("a prompt that asks", |lines| lines.last().is_some_and(|line| line == "nick:"));
    second.press("a b\r");
    second.wait_for_screen("the next prompt", |lines| lines.last().is_some_and(|line| line == "another nick:"));
    second.press("/quit\r");
    assert_eq!(second.exit_code(), 0);
}

#[test]
fn at_the_first_question_for_a_nick_too() {
    let broker = Broker::start();
    let mut somebody = Pty::start(&["client", &broker.address()]);
    somebody.wait_for_screen("the question", |lines| lines.iter().any(|line| line.starts_with("your nick")));
    somebody.press("/quit\r");
    assert_eq!(somebody.exit_code(), 0);
}

#[test]
fn an_addressee_of_all_lines_is_for_pipes() {
    let broker = Broker::start();
    let mut somebody = Pty::start(&["client", &broker.address(), "--nick", "alice", "--to", "bob"]);
    somebody.wait_for_screen("what to do", |lines| lines.concat().contains("in the chat there is /msg NICK TEXT"));
    assert_eq!(somebody.exit_code(), 1);
}

#[test]
fn a_mistyped_nick_is_told() {
    let broker = Broker::start();
    let _server = server(&broker);
    let mut alice = member(&broker, "alice");
    let _robert = member(&broker, "robert");
    alice.wait_for_line("-- + robert  (2 online)");
    alice.press("/msg robret hi\r");
    alice.wait_for_screen("the doubt", |lines| {
        lines.iter().any(|line| line.starts_with("-- nobody called robret was seen here (did you mean robert?)"))
    });
}

#[test]
fn the_status_tells_of_the_connection_and_measures_it() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    let broker = Broker::builder().tls(&certificates.server).start();
    let _server = server(&broker);
    let port = broker.tls_port().to_string();
    let ca = certificates.ca.to_str().unwrap();
    let mut alice = Pty::start(&["client", "localhost", &port, "--nick", "alice", "--cafile", ca]);
    alice.wait_for_line("/help lists the commands");
    alice.press("/status\r");
    alice.wait_for_screen("the status", |lines| {
        let text = lines.join("");
        let parts = [
            &format!("broker       localhost:{port} (TLS), MQTT 5, TLSv1.3 with"),
            "you          alice, session ",
            "rooms        #lobby; you talk in #lobby",
            "outbox       empty",
            "chat server  version ",
            "to the broker and back: ",
            "to the chat server and back: ",
        ];
        parts.iter().all(|part| text.contains(part))
    });
}

#[test]
fn errors_name_limits_and_know_words_of_other_chats() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages/#", "chat/private/#"]);
    let mut alice = alice(&broker);
    types(&mut alice, "/history 0", "!! usage: /history [N], where N is 1 to 500");
    alice.press("/search after:today\r");
    alice.wait_for_screen("the forms of times", |lines| {
        lines.iter().any(|line| line.starts_with("!! after:today is not a time such as 2026-11-22, 2026-11-22T20:30"))
    });
    types(&mut alice, "/exit", "!! there is no command /exit; did you mean /quit? (//exit sends it as text)");
    types(&mut alice, "/help quiet", "-- /quiet: hide joins and leaves; again: show them");
    types(&mut alice, "the only one", "> alice: the only one");
    messages.wait_for("the text", |_, payload| String::from_utf8_lossy(payload).contains("the only one"));
    assert_eq!(texts(&mut messages), ["the only one"]);
}

#[test]
fn the_ignore_list_survives_the_run() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let says = |text: &str| {
        let payload = format!(r#"{{"type":"chat","username":"eve","message":"{text}"}}"#);
        publish(&broker, "chat/messages", payload, 1, false);
        publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"after it"}"#, 1, false);
    };
    let start = || {
        let mut alice = Pty::start_at(home.path(), &["client", &broker.address(), "--nick", "alice"]);
        alice.wait_for_line("/help lists the commands");
        alice
    };
    let mut first = start();
    says("one");
    first.wait_for_line("eve: one");
    types(&mut first, "/ignore eve", "-- eve is ignored from now on; /unignore eve ends that");
    first.press("/quit\r");
    assert_eq!(first.exit_code(), 0);
    let mut second = start();
    says("two");
    second.wait_for_line("bob: after it");
    assert!(!second.screen().join("").contains("eve: two"));
    types(&mut second, "/unignore eve", "-- eve is not ignored any more");
    says("three");
    second.wait_for_line("eve: three");
    second.press("/quit\r");
    assert_eq!(second.exit_code(), 0);
    let mut third = start();
    types(&mut third, "/ignore", "-- nobody is ignored");
}

#[test]
fn an_outbox_follows_a_change_of_nick() {
    let (broker, dir) = (Broker::start(), TempDir::new());
    // This one stores, because the outbox waits for its confirmation.
    let folder = dir.join("history");
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", folder.to_str().unwrap()]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let file = dir.join("outbox");
    let start = |nick: &str| {
        let arguments = ["client", &broker.address(), "--nick", nick, "--outbox", file.to_str().unwrap()];
        Pty::start_at(dir.path(), &arguments)
    };
    let mut alice = start("alice");
    alice.wait_for_line("/help lists the commands");
    server.signal(libc::SIGSTOP);
    types(&mut alice, "typed as alice", "> alice: typed as alice");
    alice.press("/nick bob\r");
    alice.wait_for_line("-- 1 message not confirmed as alice: sent again as bob");
    alice.wait_for_line("-- the outbox is for bob now: the next run with it needs --nick bob");
    alice.press("/quit\r");
    assert_eq!(alice.exit_code(), 0);
    alice.wait_for_line("-- 1 message is in the outbox, for the next run");
    server.signal(libc::SIGCONT);
    let mut refused = start("alice");
    assert_eq!(refused.exit_code(), 1);
    let mut bob = start("bob");
    bob.wait_for_line("-- 1 message is still in the outbox");
    let mut carol = member(&broker, "carol");
    types(&mut carol, "/history", "bob: typed as alice (late)");
}
