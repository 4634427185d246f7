//! What became of messages: `stored` for their sender, `mark` for a room, `receipt` and `waiting` for direct messages.

use super::fields::{self, Invalid, Maybe, is_default, lenient, lenient_or_default};
use super::id::{Epoch, MessageId, Session};
use super::names::{Nick, NickKey, RoomName};
use super::ranges::Ranges;
use super::timestamp::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
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
    #[serde(deserialize_with = "read_ids")]
    pub ids: BTreeMap<NickKey, MarkIds>,
}

/// The ids of one nick's messages in a mark.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarkIds {
    /// How many messages have no id; written under an empty session.
    #[serde(rename = "", default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub nameless: u64,
    #[serde(flatten, deserialize_with = "read_sessions")]
    pub sent: BTreeMap<Session, Ranges>,
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

/// Skips what is no key.
fn read_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<NickKey, MarkIds>, D::Error> {
    let told = BTreeMap::<String, MarkIds>::deserialize(deserializer)?;
    Ok(told.into_iter().filter_map(|(key, said)| Some((NickKey::parse(&key).ok()?, said))).collect())
}

/// Skips what is no session or no ranges.
fn read_sessions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Session, Ranges>, D::Error> {
    let told = BTreeMap::<String, Maybe<Ranges>>::deserialize(deserializer)?;
    Ok(told.into_iter().filter_map(|(text, ranges)| Session::parse(&text).zip(ranges.fitting())).collect())
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
