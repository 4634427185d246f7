//! Reads the history: from the server over the broker, page by page, like a client of any make, with mosquitto_pub and
//! mosquitto_sub; and from its database, like an operator, with `mqttchat export`.

use crate::account::Kept;
use crate::support::{Broker, Subscriber, publish};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const NICK: &str = "reader";
/// The size of a page; the server may cut it shorter.
const PAGE: usize = 500;
/// How long a page may take: the server may first have to reconnect.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How many requests may stay unanswered.
const TRIES: usize = 20;

pub struct Reader<'a> {
    broker: &'a Broker,
    replies: Subscriber,
    asked: usize,
}

impl<'a> Reader<'a> {
    pub fn new(broker: &'a Broker) -> Reader<'a> {
        let replies = Subscriber::start(broker, &[&format!("chat/private/{NICK}/server")]);
        Reader { broker, replies, asked: 0 }
    }

    /// The whole history of a room.
    #[track_caller]
    pub fn read(&mut self, room: &str) -> Vec<Kept> {
        let newest = self.ask(room, json!({"limit": 1}));
        let epoch = newest["epoch"].as_str().expect("an epoch").to_owned();
        let mut messages = Vec::new();
        let mut after = 0;
        loop {
            let page = self.ask(room, json!({"limit": PAGE, "after": format!("{epoch}:{after}")}));
            assert_eq!(page["epoch"], epoch.as_str(), "the history of #{room} became another one");
            assert_ne!(page["gap"], true, "the history of #{room} has a gap after {after}");
            messages.extend(page["messages"].as_array().expect("messages").iter().map(kept));
            after = page["to"].as_u64().expect("a position");
            if page["complete"] == true {
                return messages;
            }
        }
    }

    /// Asks again if there is no answer.
    #[track_caller]
    fn ask(&mut self, room: &str, mut fields: Value) -> Value {
        fields["requester"] = NICK.into();
        fields["session"] = "readreadread".into();
        fields["room"] = room.into();
        for _ in 0..TRIES {
            self.asked += 1;
            let token = format!("p{}", self.asked);
            fields["request"] = token.as_str().into();
            publish(self.broker, &format!("chat/request/history/{NICK}"), fields.to_string(), 1, false);
            if let Some(page) = self.answer(&token) {
                return page;
            }
        }
        panic!("the server does not answer {fields}");
    }

    fn answer(&mut self, token: &str) -> Option<Value> {
        let begun = std::time::Instant::now();
        while begun.elapsed() < ANSWER_WITHIN {
            let pages = self.replies.messages().into_iter().rev();
            let mut pages = pages.filter_map(|message| serde_json::from_slice::<Value>(&message.payload).ok());
            if let Some(page) = pages.find(|page| page["request"] == token) {
                return Some(page);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

/// The output of `mqttchat export` for the history in this folder, by room and in order; and how many direct messages
/// wait.
#[track_caller]
pub fn exported(data_dir: &Path) -> (BTreeMap<String, Vec<Kept>>, usize) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqttchat"));
    let output = command.arg("export").arg("--data-dir").arg(data_dir).output().expect("the program starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mqttchat export: {}: {complaint}", output.status);
    let mut rooms: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    let mut waiting = 0;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line: Value = serde_json::from_str(line).expect("every line of an export is JSON");
        match line["room"].as_str() {
            Some(room) => {
                let messages = rooms.entry(room.to_owned()).or_default();
                let mut kept = kept(&line);
                kept.id = format!("{}-{}", line["session"].as_str().unwrap_or_default(), line["seq"]);
                kept.pos = messages.len() as u64 + 1;
                messages.push(kept);
            }
            None => waiting += 1,
        }
    }
    (rooms, waiting)
}

fn kept(entry: &Value) -> Kept {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    Kept {
        nick: text("username"),
        text: text("message"),
        id: text("id"),
        pos: entry["pos"].as_u64().unwrap_or_default(),
        late: entry["late"] == true,
    }
}
