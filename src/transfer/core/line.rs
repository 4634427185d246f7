//! A message as a line of JSON: its payload on the wire, and `received`, the time at which the server received it.

use crate::protocol::limits::PAYLOAD_BYTES;
use crate::protocol::text::visible_json;
use crate::protocol::{ChatMessage, Place, RoomName, Timestamp, in_own_words};
use crate::server::core::record::Arrived;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

/// The longest line that is accepted: a payload and a little more.
pub const MAX_BYTES: usize = PAYLOAD_BYTES + 100;

/// The line, without its end. It cannot control a terminal.
pub fn write(record: &Arrived) -> String {
    let json = record.message.to_json();
    let json = String::from_utf8_lossy(&json);
    let received = DateTime::from_timestamp_millis(record.received).unwrap_or_default();
    let received = Timestamp::new(received.fixed_offset());
    // Adds a field before the end of the object.
    let fields = json.strip_suffix('}').unwrap_or(&json);
    visible_json(format!("{fields},\"received\":\"{}\"}}", received.as_str()))
}

/// Fields that the message itself does not have, or whose form must be checked more strictly than on the wire.
#[derive(Deserialize)]
struct LineFields {
    r#type: String,
    #[serde(default)]
    room: Option<RoomName>,
    #[serde(default)]
    received: Option<Timestamp>,
    #[serde(default)]
    timestamp: Option<Timestamp>,
    #[serde(default)]
    session: Option<Value>,
    #[serde(default)]
    seq: Option<Value>,
}

/// Reads a line, which another program may have written. Without `received`, a `timestamp` with an offset counts; without a
/// room, the message is for the lobby.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Arrived, String> {
    if line.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    if line.first() != Some(&b'{') {
        return Err("not a JSON object".to_owned());
    }
    let fields: LineFields = serde_json::from_slice(line)
        .map_err(|error| format!("{} at column {}", in_own_words(&error), error.column()))?;
    let received = fields.received.as_ref().or(fields.timestamp.as_ref()).and_then(Timestamp::at);
    let received = received.ok_or("no `received` that is a time with an offset")?;
    let room = match fields.r#type.as_str() {
        "chat" => Some(fields.room.unwrap_or_else(RoomName::lobby)),
        "private" => None,
        other => return Err(format!("{other:?} is not a type of message")),
    };
    let is_direct = room.is_none();
    let message = ChatMessage::<Place>::parse(line, room).map_err(|error| error.to_string())?;
    let mut message = message.ok_or("it is not a message")?;
    if message.id.is_some() != (fields.session.is_some() || fields.seq.is_some()) {
        return Err("`session` and `seq` form no id".to_owned());
    }
    if is_direct && message.id.is_none() {
        return Err("a direct message needs a `session` and a `seq`".to_owned());
    }
    message.timestamp.get_or_insert_with(|| Timestamp::new(received));
    Ok(Arrived { message, received: received.timestamp_millis() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: how it is written again, or a part of what is wrong.
    #[track_caller]
    fn check(line: &str, expected: Result<&str, &str>) {
        match (read(line.as_bytes()), expected) {
            (Ok(record), Ok(expected)) => {
                let written = write(&record);
                assert_eq!(written, expected);
                assert_eq!(read(written.as_bytes()).map(|record| write(&record)).as_deref(), Ok(expected));
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (read, _) => panic!("{line}: {read:?}"),
        }
    }

    #[test]
    fn lines() {
        let full = r#"{"type":"chat","username":"Alice","message":"hi","timestamp":"2026-11-22T20:30:00.123+01:00","session":"k3v9x2m1q8f0","seq":7,"room":"dev","action":true,"late":true,"received":"2026-11-22T19:30:00.456+00:00"}"#;
        check(full, Ok(full));
        let direct = r#"{"type":"private","username":"a","to":"Bob","message":"x","timestamp":"2026-11-22T19:11:34","session":"k3v9x2m1q8f0","seq":8,"received":"2026-11-22T19:30:00.456+00:00"}"#;
        check(direct, Ok(direct));
        // What another program may write.
        check(
            r#"{"message":"\u001b[2J","username":"a","type":"chat","timestamp":"2026-11-22T20:30:00+01:00"}"#,
            Ok(
                r#"{"type":"chat","username":"a","message":"\u001b[2J","timestamp":"2026-11-22T20:30:00+01:00","room":"lobby","received":"2026-11-22T19:30:00.000+00:00"}"#,
            ),
        );
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let line = |rest: &str| format!(r#"{{"type":"chat","username":"a","message":"x"{rest}}}"#);
        check("hello", Err("not a JSON object"));
        check("[1]", Err("not a JSON object"));
        check(r#"{"type":"chat""#, Err("not valid JSON at column 14"));
        check("{}", Err("`type` is missing at column 2"));
        check(r#"{"type":"presence","received":"2026-11-22T19:30:00Z"}"#, Err("\"presence\" is not a type of message"));
        check(&line(""), Err("no `received`"));
        check(&line(r#","timestamp":"2026-11-22T19:30:00""#), Err("no `received`"));
        check(&line(r#","received":"yesterday""#), Err("a time must be as in RFC 3339 at column"));
        check(&line(r#","received":"2026-11-22T19:30:00Z","room":"Dev""#), Err("a name cannot contain D"));
        check(&line(r#","received":"2026-11-22T19:30:00Z","session":"short","seq":1"#), Err("`session` must be"));
        check(&line(r#","received":"2026-11-22T19:30:00Z","session":"k3v9x2m1q8f0""#), Err("form no id"));
        check(r#"{"type":"chat","message":"x","received":"2026-11-22T19:30:00Z"}"#, Err("no valid `username`"));
        let direct = r#"{"type":"private","username":"a","to":"b","message":"x","received":"2026-11-22T19:30:00Z"}"#;
        check(direct, Err("needs a `session`"));
        check(&format!("{{{}", "x".repeat(MAX_BYTES)), Err("longer than"));
    }
}
