//! A whole server in one thread and virtual time: service, store and database. A crash drops everything but the file.

use super::*;
use crate::link::{Event, Message, Qos, Version};
use crate::now::Now;
use crate::protocol::Topics;
use crate::server::core::chat::{Config, ServerChat};
use crate::server::core::exchange::{ServiceEffect, ServiceEvent};
use crate::server::core::service::Service;
use serde_json::{Value, json};

struct Server {
    service: Service,
    store: Store<Database>,
    now: Now,
    published: Vec<(String, Value)>,
}

impl Server {
    /// Starts with this file and connects.
    fn start(file: &std::path::Path, seed: u8) -> Server {
        let now = Now { instant: Instant::now(), wall: chrono::DateTime::UNIX_EPOCH.fixed_offset() };
        let random = || Random::new(move |bytes| bytes.fill(seed));
        let database = Database::over(rusqlite::Connection::open(file).unwrap(), random()).unwrap();
        let config = Config {
            topics: Topics::new("chat"),
            timeout: Duration::from_secs(60),
            history_limit: 50,
            instance: random().word(),
            durable: true,
        };
        let chat = ServerChat::new(config, database.earlier_run().unwrap(), now);
        let retention = Retention::default();
        let settings = StoreSettings { retention, search_time: Duration::from_secs(30), has_reader: false };
        let store = Store::new(database, settings, now.instant);
        let mut server = Server { service: Service::new(chat, random()), store, now, published: Vec::new() };
        let (session_present, version) = (false, Version::V5);
        let connected = Event::Connected { session_present, version, conn: 1, refused: Vec::new(), tls: None };
        server.handle(ServiceEvent::Link(connected));
        server
    }

    fn handle(&mut self, event: ServiceEvent) {
        for effect in self.service.handle(self.now, event) {
            match effect {
                ServiceEffect::Publish(publication) => {
                    let payload = serde_json::from_slice(&publication.payload).unwrap();
                    self.published.push((publication.topic, payload));
                }
                ServiceEffect::Store(task) => self.turn(task),
                other => panic!("{other:?}"),
            }
        }
    }

    fn turn(&mut self, task: StoreTask) {
        let mut answers = Vec::new();
        let mut out = |output| match output {
            StoreOutput::Answer(answer) => answers.push(answer),
            StoreOutput::Ask(question) => panic!("there is no reader: {question:?}"),
        };
        self.store.turn([StoreJob { task, pass: None }], self.now.instant, 0, &mut out);
        answers.into_iter().for_each(|answer| self.handle(ServiceEvent::Store(answer)));
    }

    fn receive(&mut self, topic: &str, payload: Value) {
        let (topic, payload) = (topic.to_owned(), payload.to_string().into_bytes());
        let message = Message { topic, payload, qos: Qos::AtLeastOnce, retained: false };
        self.handle(ServiceEvent::Link(Event::Message(message)));
    }

    fn last_on(&self, topic: &str) -> &Value {
        &self.published.iter().rev().find(|(name, _)| name == topic).expect("something was published").1
    }
}

#[test]
fn confirmed_messages_survive_a_crash() {
    let desk = Desk::new("one-thread");
    let file = desk.folder.join("simulated.db");
    let session = "k3v9x2m1q8f0";
    let mut server = Server::start(&file, 1);
    server
        .receive("chat/presence/alice", json!({"action": "join", "username": "alice", "session": session, "conn": 1}));
    let chat = json!({"type": "chat", "username": "alice", "message": "hi", "session": session, "seq": 7});
    server.receive("chat/messages/alice", chat);
    let told = server.last_on("chat/private/alice/server");
    assert_eq!((&told["type"], &told["seq"]), (&json!("stored"), &json!([[7, 7]])));
    // A crash: nothing is closed properly.
    drop(server);
    let mut server = Server::start(&file, 2);
    assert_eq!(server.last_on("chat/users")["users"], json!(["alice"]));
    server.receive("chat/request/history/alice", json!({"requester": "alice", "session": session, "request": "r"}));
    let page = server.last_on("chat/private/alice/server");
    assert_eq!((&page["messages"][0]["message"], &page["request"]), (&json!("hi"), &json!("r")));
}
