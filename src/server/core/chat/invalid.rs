//! Invalid payloads: counted, logged once per sender and kind, and answered if possible.

use super::{ServerChat, replies, shown};
use crate::link::{Publication, Qos};
use crate::protocol::text::visible;
use crate::protocol::{Claim, ErrorCode, ErrorReply, Invalid, MessageId, Nick, NickKey};
use crate::server::core::exchange::ServiceEffect;

/// The nick under which the server appears in a history.
const SPEAKER: &str = "chat-server";

impl ServerChat {
    pub(super) fn invalid(&mut self, kind: &'static str, invalid: &Invalid, sender: Option<NickKey>, payload: &[u8]) {
        self.stats.invalid_total += 1;
        let claim = Claim::read(payload);
        match &claim.no_nick {
            Some((name, why)) => self.warnings.no_nick(name, why),
            None => {
                let key = claim.nick.as_ref().map(|nick| nick.key().clone());
                self.warnings.once(kind, key, || {
                    let sender = claim.nick.as_ref().map_or("-".to_owned(), shown);
                    format!("ignored an invalid {kind} nick={sender}: {}", visible(&invalid.to_string()))
                });
            }
        }
        // Original clients know no errors.
        let Some(nick) = claim.nick.filter(|_| claim.has_session) else { return };
        // The error goes to the sender in the topic. Otherwise anybody could make the server send errors to others.
        let to = sender.unwrap_or_else(|| nick.key().clone());
        let code = match (kind, invalid) {
            (_, Invalid::TextTooLong | Invalid::TooLarge) => ErrorCode::TooLarge,
            ("request", _) => ErrorCode::BadRequest,
            ("presence", _) => ErrorCode::BadNick,
            _ => ErrorCode::BadMessage,
        };
        let error = ErrorReply {
            code,
            message: invalid.to_string(),
            session: claim.session,
            request: claim.token,
            of: claim.id.filter(|id| ["chat", "private"].contains(&kind) && matches!(id, MessageId::Sent(_))),
        };
        self.tell_client(&to, error.to_json());
    }

    /// An original client joins under any name and understands no errors. But it asks for the history when it joins and
    /// shows the page, so a page with one message explains why it is ignored.
    pub(super) fn explain_no_nick(&mut self, payload: &[u8]) {
        let Claim { no_nick: Some((name, why)), has_session: false, .. } = Claim::read(payload) else { return };
        let (Some(topic), Ok(nick)) = (self.config.topics.flat_private(&name), Nick::parse(SPEAKER)) else { return };
        let text = format!(
            "the chat does not know you: {why}. What you say is not kept, and not everybody sees it. Come again with \
             another name."
        );
        let payload = replies::one_for_originals(nick, text, None, self.timestamp()).to_json();
        let publication = Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: None };
        self.out.push(ServiceEffect::Publish(publication));
    }
}

/// A topic's sender level must be the key of the payload's nick.
pub(super) fn agree(sender: Option<&NickKey>, nick: &Nick) -> Result<(), Invalid> {
    match sender {
        Some(key) if key != nick.key() => Err(Invalid::WrongSender),
        _ => Ok(()),
    }
}
