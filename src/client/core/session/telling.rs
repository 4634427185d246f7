//! What a session tells, and how it ends.

use super::{ClientExit, ClientSession, Mode, SessionEffect};
use crate::client::core::conversation::Input;
use crate::client::core::ending::{End, QUIT_WAIT, messages_are};
use crate::client::core::news::News;
use crate::now::Now;
use serde_json::Value;

impl ClientSession {
    pub(super) fn start(&mut self, now: Now) {
        let earlier = self.conversation.unsettled();
        if earlier > 0 {
            self.tell(now, News::Hint(format!("{} still in the outbox", messages_are(earlier))));
        }
        if self.mode == Mode::Chat {
            self.tell(now, News::Connecting(self.conversation.broker().to_owned()));
        }
        self.open_link();
    }

    pub(super) fn tell(&mut self, now: Now, news: News) {
        self.reply(now, news, None);
    }

    pub(super) fn reply(&mut self, now: Now, news: News, reference: Option<Value>) {
        if self.ending.admits(&news) {
            self.ending.told(now.instant, &news);
            self.out.push(SessionEffect::Tell(news, reference));
        }
    }

    pub(super) fn fail(&mut self, text: String, exit: ClientExit) {
        self.out.push(SessionEffect::Complain(text));
        self.ending.end(exit);
    }

    pub(super) fn nick_in_use(&mut self) {
        let nick = self.conversation.nick();
        let advice = match self.mode {
            Mode::Embedded => "",
            _ => "; choose another with --nick, or wait: if it was you, the server frees it after its timeout",
        };
        self.fail(format!("the nick {nick} is in use{advice}"), ClientExit::NickInUse);
    }

    /// Tells a person at a terminal what the run waits for.
    pub(super) fn quit(&mut self, now: Now) {
        let unsettled = self.conversation.unsettled();
        match (self.mode == Mode::Chat && unsettled > 0, self.ending.is_near()) {
            (true, true) => self.ending.quit_at_once(now.instant),
            (true, false) if self.conversation.is_delayed() => {
                self.ending.quit(now.instant);
                let (messages, seconds) = (messages_are(unsettled), QUIT_WAIT.as_secs());
                let text =
                    format!("{messages} not through yet: waiting {seconds} s at most; /quit again leaves at once");
                self.tell(now, News::Answer(text));
            }
            _ => self.ending.quit(now.instant),
        }
    }

    /// Ends at once, but tells which messages may not have arrived.
    pub(super) fn interrupted(&mut self, signal: i32) {
        self.tell_unconfirmed();
        self.ending.end(ClientExit::Signal(signal));
    }

    pub(super) fn output_closed(&mut self, has_failed: bool) {
        let is_done = !self.tell_unconfirmed() && !has_failed;
        self.ending.end(if is_done { ClientExit::Done } else { ClientExit::Failed });
    }

    /// Whether messages are unconfirmed at the end.
    fn tell_unconfirmed(&mut self) -> bool {
        let unsent = self.unsent();
        if unsent > 0 {
            let text = format!("{} unconfirmed{}", messages_are(unsent), self.kept());
            self.out.push(SessionEffect::Complain(text));
        }
        unsent > 0
    }

    fn outbox_keeps_all(&self) -> bool {
        self.keeps_outbox && !self.outbox_retry.was_told()
    }

    /// What happens to unconfirmed messages, as the end of a line about them.
    fn kept(&self) -> &'static str {
        if self.outbox_keeps_all() { "; the outbox keeps what is unconfirmed for the next run" } else { "" }
    }

    pub(super) fn look_for_the_end(&mut self, now: Now) {
        if self.ending.exit().is_none()
            && let Some(end) = self.ending.look(now.instant, self.unsent(), self.conversation.has_questions())
        {
            // After `/quit` nobody reads on.
            if !self.ending.is_near() {
                self.converse(now, Input::Closing);
            }
            self.end(now, end);
        }
        if self.ending.exit().is_some() {
            self.keeping.finish();
        }
    }

    fn end(&mut self, now: Now, end: End) {
        match end {
            End::Done if self.ending.went_wrong() => self.ending.end(ClientExit::Failed),
            End::Done => self.ending.end(ClientExit::Done),
            End::TimeIsUp => self.ending.end(ClientExit::TimeIsUp),
            End::Unsent(count) if self.outbox_keeps_all() => {
                self.tell(now, News::Hint(format!("{} in the outbox, for the next run", messages_are(count))));
                self.ending.end(ClientExit::Done);
            }
            End::Unsent(count) => self.fail(format!("{} unconfirmed", messages_are(count)), ClientExit::Failed),
            End::Unconfirmed(count, time) => {
                let why = if self.conversation.awaits_a_server() { ": no chat server is answering" } else { "" };
                let (messages, seconds, kept) = (messages_are(count), time.as_secs(), self.kept());
                self.fail(format!("{messages} unconfirmed after {seconds} s{why}{kept}"), ClientExit::TimeIsUp);
            }
        }
    }

    /// `--outbox` belongs to one nick: the current one.
    pub(super) fn outbox_renamed(&mut self, now: Now) {
        let nick = self.conversation.nick();
        let text = format!("the outbox is for {nick} now: the next run with it needs --nick {nick}");
        self.tell(now, News::Answer(text));
    }

    /// The chat goes on. Unsettled messages are lost with the process, as without an outbox.
    pub(super) fn outbox_failed(&mut self, now: Now, why: &str) {
        self.outbox_retry.failed(now.instant);
        if self.outbox_retry.is_news() {
            let text = format!("the outbox cannot be written, and does not keep everything: {why}");
            self.tell(now, News::Error(text));
        }
    }
}
