//! Reads the history of a room from the server, page by page, as a client of any make does: over the broker, with
//! mosquitto_pub and mosquitto_sub.

use crate::account::Kept;
use crate::support::{Broker, Subscriber, publish};
use serde_json::{Value, json};
use std::time::Duration;

const NICK: &str = "reader";
/// Messages of a page; the server may cut it shorter.
const PAGE: usize = 500;
/// How long a page may take: the server may have to come back to the broker first.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Questions that may stay unanswered.
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

    /// All that is there.
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

    /// Asks again where no answer comes.
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

fn kept(entry: &Value) -> Kept {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    Kept {
        nick: text("username"),
        text: text("message"),
        id: text("id"),
        pos: entry["pos"].as_u64().expect("a position"),
        late: entry["late"] == true,
    }
}
