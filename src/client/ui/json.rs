//! The client for programs (`--json`): a line of JSON → [`Command`], [`News`] → a line of JSON.

use crate::client::core::command::{Command, PageRequest, Target};
use crate::client::core::news::{News, Said};
use crate::protocol::limits::PAGE_MESSAGES;
use crate::protocol::text;
use crate::protocol::{ChatMessage, Cursor, ErrorCode, History, Nick, RoomName, SearchRequest, in_own_words};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A command and the `ref` that its answers carry; or what is wrong with the line, and its `ref` if it has one.
pub type JsonLine = Result<(Command, Option<Value>), (String, Option<Value>)>;

/// Reads `{"message","room"?,"to"?,"action"?,"ref"?}` or `{"command",…,"ref"?}`.
pub fn parse(line: &str) -> JsonLine {
    #[derive(Deserialize)]
    struct Fields {
        message: Option<String>,
        command: Option<String>,
        text: Option<String>,
        room: Option<String>,
        to: Option<String>,
        #[serde(default)]
        action: bool,
        limit: Option<usize>,
        before: Option<Cursor>,
        after: Option<Cursor>,
    }
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|_| ("not a JSON object".to_owned(), None))?;
    let reference = object.get("ref").cloned();
    let refuse = |text: String| (text, reference.clone());
    let fields: Fields = serde_json::from_value(Value::Object(object)).map_err(|error| refuse(in_own_words(&error)))?;
    let room = fields.room.as_deref().map(RoomName::parse).transpose();
    let room = room.map_err(|error| refuse(format!("not a room: {error}")))?;
    let to = fields.to.as_deref().map(Nick::parse).transpose();
    let to = to.map_err(|error| refuse(format!("not a nick: {error}")))?;
    let command = match (fields.message, fields.command.as_deref()) {
        (Some(text), None) => {
            let to = match (room, to) {
                (None, None) => Target::Here,
                (Some(room), None) => Target::Room(room),
                (None, Some(nick)) => Target::Nick(nick),
                (Some(_), Some(_)) => return Err(refuse("a message has either room or to".to_owned())),
            };
            Command::Say { text, to, action: fields.action }
        }
        (None, Some("users")) => Command::Users,
        (None, Some("rooms")) => Command::Rooms,
        (None, Some("history" | "search"))
            if fields.limit.is_some_and(|limit| !(1..=PAGE_MESSAGES).contains(&limit)) =>
        {
            return Err(refuse(format!("limit is 1 to {PAGE_MESSAGES}")));
        }
        (None, Some("history")) => {
            Command::History(PageRequest { room, limit: fields.limit, before: fields.before, after: fields.after })
        }
        (None, Some("search")) => {
            let text = fields.text.ok_or_else(|| refuse("search needs a text".to_owned()))?;
            Command::Search(Some(SearchRequest { text, room, limit: fields.limit, before: fields.before }))
        }
        (None, Some("join")) => Command::Join(room.ok_or_else(|| refuse("join needs a room".to_owned()))?),
        (None, Some("part")) => Command::Part(room),
        (None, Some("ping")) => Command::Ping,
        (None, Some("quit")) => Command::Quit,
        (None, Some(other)) => return Err(refuse(format!("there is no command {other:?}"))),
        _ => return Err(refuse("an object has either message or command".to_owned())),
    };
    Ok((command, reference))
}

/// The event as a line, without its end, with the `ref` of the command that it follows from. `None`: news for people only.
pub fn event(news: &News, reference: Option<&Value>) -> Option<String> {
    let (event, fields) = match news {
        News::Said(said) => (None, said_fields(said)),
        News::Presence(notice) => (None, typed(notice.to_json())),
        News::Users { list, .. } => (Some("online_users"), value(list)),
        News::Rooms(list) => (Some("rooms"), value(list)),
        News::Page { room, page, .. } => (Some("history"), page_fields(room, page)),
        News::Refused(error) => (Some("error"), value(error)),
        News::Error(text) => (Some("error"), json!({"code": ErrorCode::BadRequest, "message": text})),
        News::Server(info) => (Some("server"), value(info)),
        News::BrokerRoundTrip(time) => (Some("pong"), json!({"from": "broker", "seconds": time.as_secs_f64()})),
        News::ServerRoundTrip { pong, time } => {
            let mut fields = value(pong);
            fields["from"] = "server".into();
            fields["seconds"] = time.as_secs_f64().into();
            (Some("pong"), fields)
        }
        News::Connected { broker, again } => (Some("connected"), json!({"broker": broker, "again": again})),
        News::Disconnected(reason) => (Some("disconnected"), json!({"message": reason})),
        News::Reconnecting(delay) => (Some("reconnecting"), json!({"seconds": delay.as_secs_f64()})),
        News::Sent(id) => (Some("sent"), json!({"id": id})),
        News::Delivered(id) => (Some("delivered"), json!({"id": id})),
        News::Waiting { id, to } => (Some("waiting"), json!({"id": id, "to": to})),
        News::Gap(room) => (Some("gap"), json!({"room": room})),
        News::Found(result) => (Some("search_result"), value(result)),
        News::Stored(id) => (Some("stored"), json!({"id": id})),
        News::Hint(text) => (Some("notice"), json!({"message": text})),
        // Only people ask for it.
        News::Answer(_) | News::Connecting(_) | News::Unread(_) => return None,
        // Every message has its own events.
        News::Delayed(_) | News::AllArrived { .. } => return None,
    };
    Some(line(event, fields, reference))
}

fn value<T: Serialize>(fields: &T) -> Value {
    // Serialising these types cannot fail: they hold strings, numbers and lists of them.
    serde_json::to_value(fields).unwrap_or_default()
}

/// A payload of the wire, which carries its own `type`.
fn typed(payload: Vec<u8>) -> Value {
    serde_json::from_slice(&payload).unwrap_or_default()
}

fn page_fields(room: &RoomName, page: &History) -> Value {
    let mut fields = typed(page.to_json());
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("type");
        fields.remove("messages");
        fields.insert("room".to_owned(), value(room));
    }
    fields
}

fn said_fields(said: &Said) -> Value {
    let Said { nick, place: to, text, timestamp, action, late, .. } = said.clone();
    let mut fields = value(&ChatMessage { nick, to, text, timestamp, id: None, action, late });
    let more = [
        ("id", said.id.as_ref().map(value)),
        ("pos", said.pos.map(Value::from)),
        ("own", said.own.then_some(Value::Bool(true))),
        ("history", said.history.then_some(Value::Bool(true))),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            fields[name] = value;
        }
    }
    fields
}

/// `event` comes first; if it is `None`, the `type` among the fields takes its place.
fn line(event: Option<&str>, fields: Value, reference: Option<&Value>) -> String {
    #[derive(Serialize)]
    struct Out<'a> {
        event: &'a str,
        #[serde(flatten)]
        fields: &'a Map<String, Value>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a Value>,
    }
    let mut fields = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let own_type = fields.remove("type");
    let event = event.or(own_type.as_ref().and_then(Value::as_str)).unwrap_or("notice");
    text::visible_json(serde_json::to_string(&Out { event, fields: &fields, reference }).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command, &str>) {
        let parsed = parse(line).map(|(command, _)| command).map_err(|(text, _)| text);
        match (&parsed, &expected) {
            (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
            _ => assert_eq!(parsed, expected.map_err(str::to_owned), "{line}"),
        }
    }

    fn say(to: Target, action: bool) -> Result<Command, &'static str> {
        Ok(Command::Say { text: "hi".to_owned(), to, action })
    }

    #[test]
    fn orders() {
        let dev = || RoomName::parse("dev").unwrap();
        check(r#"{"message":"hi"}"#, say(Target::Here, false));
        check(r#"{"message":"hi","room":"dev","action":true}"#, say(Target::Room(dev()), true));
        check(r#"{"message":"hi","to":"bob","ref":7}"#, say(Target::Nick(Nick::parse("bob").unwrap()), false));
        check(r#"{"command":"users"}"#, Ok(Command::Users));
        check(
            r#"{"command":"history","room":"dev","limit":3}"#,
            Ok(Command::History(PageRequest { room: Some(dev()), limit: Some(3), ..PageRequest::default() })),
        );
        let search = SearchRequest {
            text: "from:bob".to_owned(),
            room: Some(dev()),
            limit: Some(5),
            before: Cursor::parse("rkrxc5f0sqnm:9"),
        };
        check(
            r#"{"command":"search","text":"from:bob","room":"dev","limit":5,"before":"rkrxc5f0sqnm:9"}"#,
            Ok(Command::Search(Some(search))),
        );
        check(r#"{"command":"search"}"#, Err("search needs a text"));
        check(r#"{"command":"search","text":"x","limit":501}"#, Err("limit is 1 to 500"));
        check(r#"{"command":"join","room":"dev"}"#, Ok(Command::Join(dev())));
        check(r#"{"command":"quit"}"#, Ok(Command::Quit));
        check("hello", Err("not a JSON object"));
        check("[]", Err("not a JSON object"));
        check("{}", Err("either message or command"));
        check(r#"{"message":1}"#, Err("a field has a wrong form"));
        check(r#"{"message":"hi","command":"quit"}"#, Err("either message or command"));
        check(r#"{"message":"hi","room":"dev","to":"bob"}"#, Err("either room or to"));
        check(r#"{"message":"hi","to":"+"}"#, Err("not a nick"));
        check(r#"{"command":"fly"}"#, Err("no command \"fly\""));
        check(r#"{"command":"join"}"#, Err("needs a room"));
        check(r#"{"command":"history","limit":0}"#, Err("limit is 1 to 500"));
    }

    #[test]
    fn a_refusal_keeps_its_reference() {
        assert_eq!(parse(r#"{"command":"fly","ref":"a"}"#).unwrap_err().1, Some("a".into()));
    }

    #[test]
    fn events_begin_with_their_name_and_end_with_their_reference() {
        let sent = News::Sent(crate::protocol::MessageId::parse("k3v9x2m1q8f0-1").unwrap());
        assert_eq!(
            event(&sent, Some(&json!({"n": 1}))).unwrap(),
            r#"{"event":"sent","id":"k3v9x2m1q8f0-1","ref":{"n":1}}"#
        );
        let hint = News::Hint("a\u{1b}\u{9b}\u{202e}b".to_owned());
        assert_eq!(event(&hint, None).unwrap(), r#"{"event":"notice","message":"a\u001b\u009b\u202eb"}"#);
        assert_eq!(event(&News::Unread(RoomName::lobby()), None), None);
        let waiting = News::Waiting {
            id: crate::protocol::MessageId::parse("k3v9x2m1q8f0-2").unwrap(),
            to: Nick::parse("Bob").unwrap(),
        };
        assert_eq!(
            event(&waiting, Some(&3.into())).unwrap(),
            r#"{"event":"waiting","id":"k3v9x2m1q8f0-2","to":"Bob","ref":3}"#
        );
    }
}
