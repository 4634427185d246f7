//! Who a payload claims to come from, even if the payload is not valid.

use super::fields::{Maybe, lenient, read};
use super::id::{MessageId, SentId, Session, Token};
use super::names::Nick;
use serde::Deserialize;

/// The claimed sender of a payload that need not be valid: to answer it, and to warn once per sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    pub nick: Option<Nick>,
    /// A name that is no valid nick, and why.
    pub no_nick: Option<(String, String)>,
    pub session: Option<Session>,
    /// The payload has a `session`, valid or not; an original client's has none.
    pub has_session: bool,
    pub token: Option<Token>,
    /// The id of the message, if it is one.
    pub id: Option<MessageId>,
}

impl Claim {
    pub fn read(payload: &[u8]) -> Claim {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(default, deserialize_with = "lenient")]
            username: Option<String>,
            #[serde(default, deserialize_with = "lenient")]
            requester: Option<String>,
            #[serde(default)]
            session: Option<Maybe<Session>>,
            #[serde(default, deserialize_with = "lenient")]
            seq: Option<u64>,
            #[serde(default, deserialize_with = "lenient")]
            request: Option<Token>,
        }
        let Ok(fields) = read::<Fields>(payload) else { return Claim::default() };
        let name = fields.username.or(fields.requester);
        let (nick, no_nick) = match name.map(|name| Nick::parse(&name).map_err(|why| (name, why))) {
            None => (None, None),
            Some(Ok(nick)) => (Some(nick), None),
            Some(Err(no_nick)) => (None, Some(no_nick)),
        };
        let has_session = fields.session.is_some();
        let session = fields.session.and_then(Maybe::fitting);
        let id = session.clone().zip(fields.seq).and_then(|(session, seq)| SentId::new(session, seq));
        Claim { nick, no_nick, session, has_session, token: fields.request, id: id.map(MessageId::Sent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_any_form_is_noticed() {
        let claim = |json: &str| Claim::read(json.as_bytes());
        assert!(!claim(r#"{"username":"a"}"#).has_session && !claim(r#"{"username":"a","session":null}"#).has_session);
        let ill_formed = claim(r#"{"username":"a","session":"S","seq":1}"#);
        assert_eq!((ill_formed.has_session, ill_formed.session, ill_formed.id), (true, None, None));
        assert!(claim(r#"{"username":"a","session":"k3v9x2m1q8f0","seq":1}"#).id.is_some());
    }
}
