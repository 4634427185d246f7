//! `mqttchat export` and `import`, alone and next to a running server; and unusable databases.

#[path = "support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, publish};

const RUN: &str = "k3v9x2m1q8f0";

/// A line of another program: number n of Alice's run, received in the n-th minute.
fn line(n: u32, room: &str) -> String {
    let received = format!("2026-11-22T20:{:02}:{:02}.000+00:00", n / 60 % 60, n % 60);
    json!({"type": "chat", "username": "Alice", "message": format!("number {n}"), "timestamp": received,
        "session": RUN, "seq": n, "room": room, "received": received})
    .to_string()
}

fn write_lines(folder: &TempDir, lines: &[String]) -> PathBuf {
    let path = folder.join("lines.jsonl");
    std::fs::write(&path, lines.join("\n") + "\n").expect("our own folder");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

#[track_caller]
fn export(data: &Path, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["export", "--data-dir", text(data)];
    all.extend(arguments);
    let mut program = Program::start(&all);
    assert_eq!(program.exit_code(PATIENCE), 0);
    assert!(program.lines(Stream::Err).is_empty());
    program.lines(Stream::Out)
}

/// Imports a file; returns its report.
#[track_caller]
fn import(data: &Path, file: &Path) -> String {
    let mut program = Program::start(&["import", text(file), "--data-dir", text(data)]);
    assert_eq!(program.exit_code(PATIENCE), 0);
    program.lines(Stream::Out).join("\n").replace(text(data), "DIR")
}

/// The one line on the standard error of a run that ends with 1.
#[track_caller]
fn check_failure(program: &mut Program, parts: &[&str]) {
    assert_eq!(program.exit_code(PATIENCE), 1);
    let lines = program.lines(Stream::Err);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in parts {
        assert!(lines[0].contains(part), "{}", lines[0]);
    }
}

fn values(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn export_and_import_keep_everything_once() {
    let (folder, first, second) = (TempDir::new(), TempDir::new(), TempDir::new());
    let mut lines: Vec<String> = (1..=1_200).map(|n| line(n, if n % 3 == 0 { "dev" } else { "lobby" })).collect();
    let original = r#"{"type":"chat","username":"bob","message":"twice","timestamp":"2026-11-22T20:30:00","room":"dev","received":"2026-11-22T20:30:00.000+00:00"}"#;
    lines.extend([original.to_owned(), original.to_owned()]);
    let direct = json!({"type": "private", "username": "bob", "to": "Alice", "message": "waits", "seq": 7,
        "session": "z0z0z0z0z0z0", "timestamp": "2026-11-22T20:30:00", "received": "2026-11-22T20:30:00.000+00:00"});
    lines.push(direct.to_string());
    let file = write_lines(&folder, &lines);
    let below = first.join("a/b");
    assert_eq!(import(&below, &file), "1203 new messages in DIR/chat.db, 0 already there");
    assert_eq!(import(&below, &file), "0 new messages in DIR/chat.db, 1203 already there");
    let exported = export(&below, &[]);
    assert_eq!(values(&exported), values(&lines));
    import(second.path(), &write_lines(&folder, &exported));
    assert_eq!(export(second.path(), &[]), exported);

    let dev = export(second.path(), &["--room", "dev"]);
    assert_eq!((dev.len(), dev[400].as_str()), (402, original));
    // The tested programs use UTC.
    assert_eq!(export(second.path(), &["--since", "2026-11-22T20:20"]).len(), 4);
    assert_eq!(export(second.path(), &["--since", "2026-11-22T21:19:59+01:00", "--room", "lobby"]).len(), 1);
    assert_eq!(export(second.path(), &["--since", "2026-11-23"]).len(), 0);
}

#[test]
fn both_while_a_server_runs() {
    let (broker, data, folder) = (Broker::start(), TempDir::new(), TempDir::new());
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", text(data.path())]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let mut token = 0;
    let mut ask = || {
        token += 1;
        let request = json!({"requester": "asker", "session": "z0z0z0z0z0z0", "request": format!("t{token}")});
        publish(&broker, "chat/request/history/asker", request.to_string(), 1, false);
        let read = |payload: &[u8]| serde_json::from_slice::<Value>(payload).unwrap_or(Value::Null);
        let message = watcher.wait_for("a page", |name, payload| {
            name == "chat/private/asker/server" && read(payload)["request"] == format!("t{token}")
        });
        read(&message.payload)
    };
    let say = |n: u32| {
        let payload =
            json!({"type": "chat", "username": "bob", "message": format!("live {n}"), "session": RUN, "seq": n});
        publish(&broker, "chat/messages", payload.to_string(), 1, false);
    };
    say(1);
    assert_eq!(ask()["to"], 1);
    import(data.path(), &write_lines(&folder, &[line(1, "lobby"), line(2, "dev"), line(3, "lobby")]));
    say(2);
    let page = ask();
    let texts: Vec<&str> =
        page["messages"].as_array().expect("a list").iter().map(|m| m["message"].as_str().expect("a text")).collect();
    assert_eq!(texts, ["live 1", "number 1", "number 3", "live 2"]);
    assert_eq!((&page["from"], &page["to"]), (&json!(0), &json!(4)));
    let exported = values(&export(data.path(), &[]));
    let texts: Vec<&str> = exported.iter().map(|value| value["message"].as_str().expect("a text")).collect();
    assert_eq!(texts, ["live 1", "number 1", "number 2", "number 3", "live 2"]);
    // The server is not affected.
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    assert!(!server.lines(Stream::Err).iter().any(|line| line.contains("ERROR")));
}

#[test]
fn a_bad_line_ends_an_import_before_its_batch() {
    let (folder, data) = (TempDir::new(), TempDir::new());
    let mut lines: Vec<String> = (1..=700).map(|n| line(n, "lobby")).collect();
    lines[650] = "{\"type\":\"chat\"".to_owned();
    let file = write_lines(&folder, &lines);
    let mut program = Program::start(&["import", text(&file), "--data-dir", text(data.path())]);
    check_failure(&mut program, &[text(&file), "line 651: not valid JSON at column", "lines 1 to 500 are imported"]);
    assert_eq!(export(data.path(), &[]).len(), 500);
    lines[650] = line(651, "lobby");
    let told = import(data.path(), &write_lines(&folder, &lines));
    assert_eq!(told, "200 new messages in DIR/chat.db, 500 already there");

    let mut program = Program::start(&["import", "--data-dir", text(data.path())]);
    program.send_line("");
    program.send_line("hello");
    program.close_stdin();
    check_failure(&mut program, &["the input, line 2: not a JSON object", "nothing was imported"]);
}

#[test]
fn a_database_that_fails_ends_an_import_and_it_says_how_far_it_came() {
    let (folder, data) = (TempDir::new(), TempDir::new());
    let lines: Vec<String> = (1..=1_200).map(|n| line(n, "lobby")).collect();
    import(data.path(), &write_lines(&folder, &lines[..1]));
    let full = |text: &str| {
        let sql = rusqlite::Connection::open(data.join("chat.db")).expect("a database");
        let trigger = format!(
            "DROP TRIGGER IF EXISTS full;
            CREATE TRIGGER full BEFORE INSERT ON messages WHEN new.text = '{text}' BEGIN SELECT RAISE(ABORT, 'full'); END"
        );
        sql.execute_batch(&trigger).expect("a trigger");
    };
    let file = write_lines(&folder, &lines);
    let run = || Program::start(&["import", text(&file), "--data-dir", text(data.path())]);
    full("number 2");
    check_failure(&mut run(), &["chat.db cannot be written: ", "full; nothing was imported"]);
    full("number 1150");
    check_failure(&mut run(), &["chat.db cannot be written: ", "full; lines 1 to 1000 are imported"]);
    assert_eq!(export(data.path(), &[]).len(), 1_000);
}

#[test]
fn nobody_has_to_read_an_export_to_its_end() {
    let (folder, data) = (TempDir::new(), TempDir::new());
    let lines: Vec<String> = (1..=5_000).map(|n| line(n, "lobby")).collect();
    import(data.path(), &write_lines(&folder, &lines));
    let (mut program, mut reader) = Program::with(&["export", "--data-dir", text(data.path())]).output_to_pipe();
    reader.read_exact(&mut [0; 100]).expect("its beginning");
    drop(reader);
    program.exit_code(PATIENCE);
    assert!(program.lines(Stream::Err).is_empty());
}

#[test]
fn unusable_files_are_explained_in_one_line() {
    let data = TempDir::new();
    let run = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--data-dir", text(data.path())]);
        let mut program = Program::start(&all);
        program.close_stdin();
        program
    };
    let database = data.join("chat.db");
    check_failure(&mut run(&["export"]), &["there is no history", text(&database), "--data-dir"]);
    check_failure(&mut run(&["import", "/nowhere"]), &["/nowhere cannot be read: No such file"]);
    assert!(!database.exists());

    std::fs::write(&database, "not a database, but long enough to be looked at".repeat(50)).expect("our own folder");
    for subcommand in [&["export"][..], &["import"], &["server", "127.0.0.1:1"]] {
        let problem = "cannot be used: it is damaged, or another program's file; move it away";
        check_failure(&mut run(subcommand), &[text(&database), problem]);
    }
    std::fs::remove_file(&database).expect("our own file");

    // A place where nobody can create a file, not even root.
    for arguments in [&["import", "--data-dir", "/proc"][..], &["server", "127.0.0.1:1", "--data-dir", "/proc"]] {
        let mut program = Program::start(arguments);
        program.close_stdin();
        check_failure(&mut program, &["the database /proc/chat.db cannot be written"]);
    }
    let file = data.join("file");
    std::fs::write(&file, "").expect("our own folder");
    for arguments in [&["import"][..], &["server", "127.0.0.1:1"]] {
        let below = file.join("below");
        let mut program = Program::start(&[arguments, &["--data-dir", text(&below)]].concat());
        program.close_stdin();
        check_failure(&mut program, &["the folder", text(&below), "cannot be made: Not a directory"]);
    }
}
