//! What is not valid: counted, told in the log once per sender and kind, and answered where there is somebody to answer.

use super::{Chat, Output, WARNED, shown};
use crate::protocol::text::visible;
use crate::protocol::{Claim, ErrorCode, ErrorReply, Invalid, MessageId, Nick, NickKey};
use log::warn;

impl Chat {
    pub(super) fn invalid(
        &mut self,
        kind: &'static str,
        invalid: &Invalid,
        sender: Option<NickKey>,
        payload: &[u8],
        outputs: &mut Vec<Output>,
    ) {
        self.stats.invalid_total += 1;
        let claim = Claim::read(payload);
        let key = claim.nick.as_ref().map(|nick| nick.key().clone());
        self.warn_once(kind, key, || {
            let sender = claim.nick.as_ref().map_or("-".to_owned(), shown);
            format!("ignored an invalid {kind} nick={sender}: {}", visible(&invalid.to_string()))
        });
        // An original client does not know what an error is.
        let Some(nick) = claim.nick.filter(|_| claim.has_session) else { return };
        // Whom the topic names: an answer to the payload's nick would let anybody have others told that their messages
        // were not taken.
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
        self.to_client(&to, error.to_json(), outputs);
    }

    pub(super) fn warn_once(&mut self, kind: &'static str, sender: Option<NickKey>, line: impl FnOnce() -> String) {
        if self.warned.len() >= WARNED {
            self.warned.clear();
        }
        if self.warned.insert((kind, sender)) {
            warn!("{}", line());
        }
    }
}

/// A topic's sender level must be the key of the payload's nick.
pub(super) fn agree(sender: Option<&NickKey>, nick: &Nick) -> Result<(), Invalid> {
    match sender {
        Some(key) if key != nick.key() => Err(Invalid::WrongSender),
        _ => Ok(()),
    }
}
