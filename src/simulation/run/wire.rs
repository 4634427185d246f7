//! What payloads say, as far as the ledger wants to know.

use crate::protocol::{ErrorCode, ErrorReply, FromServer, SentId, Session};
use serde::Deserialize;
use std::borrow::Cow;

/// A message on the wire.
pub struct Spoken {
    pub text: String,
    pub id: Option<SentId>,
}

#[derive(Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    session: Option<Cow<'a, str>>,
    #[serde(default)]
    seq: Option<u64>,
}

#[derive(Deserialize)]
struct WireStored<'a> {
    #[serde(borrow)]
    session: Cow<'a, str>,
    seq: Vec<(u64, u64)>,
}

#[derive(Deserialize)]
struct WireJoin<'a> {
    #[serde(borrow)]
    session: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    request: Cow<'a, str>,
    #[serde(default)]
    limit: Option<u64>,
}

/// `None`: it is no message, but perhaps a receipt.
pub fn spoken(payload: &[u8]) -> Option<Spoken> {
    let WireMessage { message, session, seq } = serde_json::from_slice(payload).ok()?;
    let id = session.zip(seq).and_then(|(session, seq)| Some(SentId { session: Session::parse(&session)?, seq }));
    Some(Spoken { text: message?.into_owned(), id })
}

/// The messages that a `stored` is about; none of anything else.
pub fn stored(payload: &[u8]) -> Vec<SentId> {
    if !is_of(payload, "stored") {
        return Vec::new();
    }
    let Ok(WireStored { session, seq }) = serde_json::from_slice(payload) else { return Vec::new() };
    let Some(session) = Session::parse(&session) else { return Vec::new() };
    let all = seq.into_iter().flat_map(|(first, last)| first..=last);
    all.map(|seq| SentId { session: session.clone(), seq }).collect()
}

/// Whether it is a direct message.
pub fn is_direct(payload: &[u8]) -> bool {
    is_of(payload, "private")
}

/// Whose join it is.
pub fn session_of_join(payload: &[u8]) -> Option<Session> {
    if !payload.starts_with(br#"{"action":"join""#) {
        return None;
    }
    let WireJoin { session } = serde_json::from_slice(payload).ok()?;
    Session::parse(&session)
}

/// Whose join is refused: the nick is in use.
pub fn refused(payload: &[u8]) -> Option<Session> {
    if !is_of(payload, "error") {
        return None;
    }
    match FromServer::parse(payload).ok()? {
        FromServer::Error(ErrorReply { code: ErrorCode::NickInUse, session, .. }) => session,
        _ => None,
    }
}

/// The room whose end this asks for, and the request.
pub fn asks_for_end(payload: &[u8]) -> Option<(String, String)> {
    let WirePage { room, request, limit } = serde_json::from_slice(payload).ok()?;
    (limit == Some(0)).then(|| (room.into_owned(), request.into_owned()))
}

/// The room whose page this is, and the request.
pub fn page_of(payload: &[u8]) -> Option<(String, String)> {
    if !is_of(payload, "history") {
        return None;
    }
    let WirePage { room, request, .. } = serde_json::from_slice(payload).ok()?;
    Some((room.into_owned(), request.into_owned()))
}

/// Our programs write the type first.
fn is_of(payload: &[u8], kind: &str) -> bool {
    let rest = payload.strip_prefix(br#"{"type":""#).and_then(|rest| rest.strip_prefix(kind.as_bytes()));
    rest.is_some_and(|rest| rest.first() == Some(&b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_payloads_say() {
        let chat = br#"{"type":"chat","username":"ann","message":"m7","session":"k3v9x2m1q8f0","seq":4}"#;
        let said = spoken(chat).expect("it is a message");
        assert_eq!((said.text.as_str(), said.id.map(|id| id.seq)), ("m7", Some(4)));
        assert!(spoken(br#"{"type":"delivered","seq":4}"#).is_none());
        let told = br#"{"type":"stored","session":"k3v9x2m1q8f0","seq":[[1,2],[5,5]]}"#;
        assert_eq!(stored(told).iter().map(|id| id.seq).collect::<Vec<_>>(), [1, 2, 5]);
        assert!(stored(chat).is_empty() && !is_direct(chat));
        let join = br#"{"action":"join","username":"ann","session":"k3v9x2m1q8f0","conn":1}"#;
        let refusal = br#"{"type":"error","code":"nick_in_use","message":"in use","session":"k3v9x2m1q8f0"}"#;
        assert_eq!(session_of_join(join), Session::parse("k3v9x2m1q8f0"));
        assert_eq!(refused(refusal), session_of_join(join));
        assert!(session_of_join(chat).is_none() && refused(told).is_none());
        let page = page_of(br#"{"type":"history","messages":[],"room":"red","request":"y28rpwwzz3bm"}"#);
        let asked = |limit| {
            let asked = format!(r#"{{"requester":"ann","request":"y28rpwwzz3bm","room":"red","limit":{limit}}}"#);
            asks_for_end(asked.as_bytes())
        };
        assert_eq!(page, Some(("red".to_owned(), "y28rpwwzz3bm".to_owned())));
        assert_eq!((asked(0), asked(500)), (page, None));
    }
}
