//! What became of messages: `stored` for their sender, `mark` for a room, `receipt` and `waiting` for direct messages.

use super::fields::{self, Invalid, lenient};
use super::id::{Epoch, MessageId, Session};
use super::names::{Nick, NickKey, RoomName};
use super::ranges::Ranges;
use super::timestamp::Timestamp;
use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// To the sender: exactly these messages of its session are in the history:
/// `{"type":"stored","session","seq":[[5,9],[12,12]]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "stored")]
pub struct Stored {
    pub session: Session,
    pub seq: Ranges,
}

/// Retained, to a room: what was committed at the positions `from` + 1 to `to`:
/// `{"type":"mark","room","epoch","from":100,"to":104,"ids":{"alice":{"k3v9x2m1q8f0":[[5,7]]},"bob":{"":1}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "mark")]
pub struct Mark {
    pub room: RoomName,
    pub epoch: Epoch,
    pub from: u64,
    pub to: u64,
    /// By sender. Empty if `from` = `to`: then the mark only says how far the room's history reaches.
    #[serde(serialize_with = "write_ids", deserialize_with = "read_ids")]
    pub ids: BTreeMap<NickKey, MarkIds>,
}

/// The ids of one nick's messages in a mark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarkIds {
    pub sent: BTreeMap<Session, Ranges>,
    /// How many messages have no id; written under an empty session.
    pub nameless: u64,
}

impl MarkIds {
    /// How many messages these are.
    pub fn count(&self) -> u64 {
        self.sent.values().map(Ranges::count).fold(self.nameless, u64::saturating_add)
    }
}

impl Mark {
    /// Reads a payload whose `type` is known to be `mark`. The ids must account for every position.
    pub fn parse(payload: &[u8]) -> Result<Mark, Invalid> {
        let mark: Mark = fields::read(payload)?;
        let count = mark.ids.values().map(MarkIds::count).fold(0, u64::saturating_add);
        match mark.to.checked_sub(mark.from) == Some(count) {
            true => Ok(mark),
            false => Err(Invalid::Malformed("the ids are not those of the positions".to_owned())),
        }
    }
}

/// The session under which messages without an id are counted.
const NAMELESS: &str = "";

fn write_ids<S: Serializer>(ids: &BTreeMap<NickKey, MarkIds>, serializer: S) -> Result<S::Ok, S::Error> {
    struct Of<'a>(&'a MarkIds);
    impl Serialize for Of<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            if self.0.nameless > 0 {
                map.serialize_entry(NAMELESS, &self.0.nameless)?;
            }
            for (session, ranges) in &self.0.sent {
                map.serialize_entry(session.as_str(), ranges)?;
            }
            map.end()
        }
    }
    serializer.collect_map(ids.iter().map(|(key, said)| (key.as_str(), Of(said))))
}

/// Skips what is no key, session or range.
fn read_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<NickKey, MarkIds>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Ranges(Ranges),
        Count(u64),
        Other(IgnoredAny),
    }
    let told = BTreeMap::<String, BTreeMap<String, Told>>::deserialize(deserializer)?;
    let mut ids = BTreeMap::new();
    for (key, sessions) in told {
        let Ok(key) = NickKey::parse(&key) else { continue };
        let mut said = MarkIds::default();
        for (session, told) in sessions {
            match (told, Session::parse(&session)) {
                (Told::Ranges(ranges), Some(session)) => drop(said.sent.insert(session, ranges)),
                (Told::Count(count), _) if session == NAMELESS => said.nameless = count,
                _ => {}
            }
        }
        ids.insert(key, said);
    }
    Ok(ids)
}

/// From the addressee of a direct message to its sender, read by the server too: the message was shown.
/// `{"type":"receipt","username","of":{"username","id"},"timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "receipt")]
pub struct Receipt {
    /// The addressee of that message.
    #[serde(rename = "username")]
    pub nick: Nick,
    pub of: ReceiptOf,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Which message a receipt is for: its sender, and the id that the sender gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptOf {
    #[serde(rename = "username")]
    pub nick: Nick,
    pub id: MessageId,
}

impl Receipt {
    /// Reads a payload on a topic for direct messages; `Ok(None)`: another type.
    pub fn parse(payload: &[u8]) -> Result<Option<Receipt>, Invalid> {
        if fields::kind(payload)? == "receipt" { fields::read(payload).map(Some) } else { Ok(None) }
    }
}

/// To the sender of a direct message: it is stored, and its addressee is away:
/// `{"type":"waiting","of":"<id>","to"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "waiting")]
pub struct Waiting {
    pub of: MessageId,
    pub to: Nick,
}

fields::to_json!(Stored Mark Receipt Waiting);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: u64, ids: &str, valid: bool) {
        let json =
            format!(r#"{{"type":"mark","room":"lobby","epoch":"rkrxc5f0sqnm","from":{from},"to":104,"ids":{ids}}}"#);
        assert_eq!(Mark::parse(json.as_bytes()).is_ok(), valid, "{json}");
    }

    #[test]
    fn a_mark_accounts_for_each_position() {
        check(100, r#"{"alice":{"k3v9x2m1q8f0":[[5,7]]},"bob":{"":1}}"#, true);
        check(104, "{}", true);
        check(100, "{}", false);
        check(105, "{}", false);
        check(100, r#"{"alice":{"k3v9x2m1q8f0":[[1,9007199254740992]]}}"#, false);
        check(102, r#"{"alice":{"":2,"k":7},"a/b":{"":9}}"#, true);
        check(102, r#"{"alice":{"":18446744073709551615},"bob":{"":3}}"#, false);
    }
}
