//! Pure: decides which of several servers that look for each other asked first, by the broker's order of their
//! requests.

use super::PREFIX;
use crate::protocol::{NickKey, Request, RequestKind, Token};
use std::collections::HashSet;

/// The state of one server that looks.
pub struct Seniority {
    own: NickKey,
    own_heard: bool,
    juniors: HashSet<NickKey>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not the request of another server that looks.
    Nothing,
    /// Another server asked after this one. It is answered with its token.
    Junior(Token),
    /// Another server asked before.
    Senior,
}

impl Seniority {
    pub fn new(own: NickKey) -> Seniority {
        Seniority { own, own_heard: false, juniors: HashSet::new() }
    }

    pub fn heard(&mut self, sender: &NickKey, payload: &[u8]) -> Standing {
        if *sender == self.own {
            self.own_heard = true;
            return Standing::Nothing;
        }
        let Ok(request) = Request::parse(payload, RequestKind::Users) else { return Standing::Nothing };
        if !sender.as_str().starts_with(PREFIX) || request.requester.key() != sender {
            return Standing::Nothing;
        }
        // Which of its two requests this is.
        let Some((token, time)) = request.token.and_then(|token| {
            let time = token.as_str().rsplit_once('-')?.1.parse::<u8>().ok()?;
            Some((token, time))
        }) else {
            return Standing::Nothing;
        };
        // If only its second request was received, it asked before this server could receive anything.
        if self.own_heard && time == 1 {
            self.juniors.insert(sender.clone());
        }
        if self.juniors.contains(sender) { Standing::Junior(token) } else { Standing::Senior }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Nick;

    fn token(time: u64) -> Token {
        Token::parse(&format!("abcabcabcabc-{time}")).unwrap()
    }

    /// The requests that a server receives, `(who asks, which time)` in the broker's order; and what it concludes from
    /// the last one.
    #[track_caller]
    fn check(own: &str, heard: &[(&str, u64)], expected: Standing) {
        let nick = |name: &str| Nick::parse(&format!("{PREFIX}{name}")).unwrap();
        let mut order = Seniority::new(nick(own).key().clone());
        let mut last = Standing::Nothing;
        for (name, time) in heard {
            let request = Request {
                requester: nick(name),
                timestamp: None,
                session: None,
                token: Some(token(*time)),
                history: Default::default(),
                search: Default::default(),
            };
            last = order.heard(nick(name).key(), &request.to_json(RequestKind::Users));
        }
        assert_eq!(last, expected, "{own} heard {heard:?}");
    }

    #[test]
    fn both_servers_agree_on_who_asked_first() {
        // Both subscribed before either asked.
        check("a", &[("a", 1), ("b", 1)], Standing::Junior(token(1)));
        check("b", &[("a", 1)], Standing::Senior);
        // B came after A had asked: A receives B's first request, B only A's second one.
        check("a", &[("a", 1), ("b", 1), ("a", 2), ("b", 2)], Standing::Junior(token(2)));
        check("b", &[("b", 1), ("a", 2)], Standing::Senior);
    }

    #[test]
    fn requests_of_others_prove_nothing() {
        let mut order = Seniority::new(NickKey::parse("probe-a").unwrap());
        let alice = NickKey::parse("alice").unwrap();
        assert_eq!(order.heard(&alice, br#"{"requester":"alice"}"#), Standing::Nothing);
        let b = NickKey::parse("probe-b").unwrap();
        assert_eq!(order.heard(&b, b"not json"), Standing::Nothing);
        assert_eq!(order.heard(&b, br#"{"requester":"alice"}"#), Standing::Nothing);
        assert_eq!(order.heard(&b, br#"{"requester":"probe-b","request":"x"}"#), Standing::Nothing);
    }
}
