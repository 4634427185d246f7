//! An original server: how it is known, what it cannot do, and that it is told so at once, not after a wait.

use super::requests::Inquiry;
use super::{Conversation, Output, Role};
use crate::now::Now;
use crate::protocol::{Nick, RequestKind, Topic};

impl Conversation {
    /// An original server answers to the nick as typed.
    pub(super) fn hear_flat_replies(&mut self) {
        if self.nick.as_str() != self.nick.key().as_str() {
            let to = self.nick.clone();
            self.out.push(Output::Subscribe(self.config.topics.name(&Topic::PrivateFlat { to })));
        }
    }

    /// A question of ours was answered without its token, where no server of ours is known: only an original server
    /// does that.
    pub(super) fn original_answers(&mut self, now: Now) {
        if std::mem::replace(&mut self.is_original, true) {
            return;
        }
        self.settle_acknowledged();
        self.flush(now);
        self.requests.refuse_of_original(&mut self.out);
    }

    /// The will goes to a topic to which an original server does not listen, and is fixed for the connection: another one is
    /// made as soon as nothing is under way on this.
    pub(super) fn look_at_the_will(&mut self) {
        let is_wrong = self.is_original && !self.will_is_flat && self.config.role == Role::Member;
        if is_wrong && self.is_joined() && self.renaming.is_none() && self.outbox.gone_out() == 0 {
            self.will_is_flat = true;
            self.no_connection();
            self.connects_anew = true;
            self.out.push(Output::Reconnect);
        }
    }

    /// At a terminal it is told, once, what becomes of direct messages in a chat of originals.
    pub(super) fn doubt_of_original(&mut self, to: &Nick) {
        if self.out.is_on_terminal() && self.is_original && !std::mem::replace(&mut self.told_of_directs, true) {
            self.out.answer(format!(
                "the chat server here is an original one, which keeps no direct messages: {to} gets it only if here now, \
                 and not with an original client; nobody is told if it does not arrive"
            ));
        }
    }

    /// Who only sends, and has heard of a server of ours once, asks whether an original one is there now: then nobody will
    /// say more than the broker does.
    pub(super) fn look_for_an_original(&mut self, now: Now) {
        if self.config.role == Role::Sender && self.awaits_a_server() && !self.is_original {
            let to = self.nick.clone();
            self.out.push(Output::Subscribe(self.config.topics.name(&Topic::PrivateFlat { to })));
            self.requests.open_own(Inquiry::of(RequestKind::Users), &mut self.random);
            self.send_due_requests(now);
            // It asks once.
            self.requests.pause();
        }
    }
}
