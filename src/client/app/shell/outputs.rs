//! What a conversation wants done, carried out: published, printed, remembered, kept in the outbox; and the news, told.

use super::Shell;
use crate::client::app::NICK_IN_USE;
use crate::client::app::start::Mode;
use crate::client::core::conversation::{Input, Output};
use crate::client::core::ending::{QUIT_WAIT, messages_are};
use crate::client::core::memo::Memo;
use crate::client::core::news::{News, Place, Said};
use crate::client::io::memory;
use crate::client::ui::json;
use crate::client::ui::view::{Line, Stream};
use crate::now::Now;
use crate::protocol::text;
use crate::terminal;

/// Here too, `Err`: the run ends with this exit code.
impl Shell {
    pub(super) fn handle(&mut self, now: Now, input: Input) -> Result<(), u8> {
        let mut result = Ok(());
        let mut settled = Vec::new();
        let outputs = self.conversation.handle(now, input);
        // Before what it is about is printed, which draws the prompt anew.
        self.question.ask(self.conversation.asks_for_a_nick());
        for output in outputs {
            // An end in the middle takes nothing from what belongs to it.
            result = result.and(match output {
                Output::Settled(id) => {
                    settled.push(id);
                    Ok(())
                }
                output => self.carry_out(now, output),
            });
        }
        if !settled.is_empty()
            && let Some(Err(error)) = self.outbox_file.as_mut().map(|file| file.remove(&settled))
        {
            result = result.and(self.outbox_failed(now, &error));
        }
        self.keeper.look(now.instant, &self.screen);
        result
    }

    fn carry_out(&mut self, now: Now, output: Output) -> Result<(), u8> {
        match output {
            Output::Publish(publication) => self.uplink.publish(publication),
            Output::PublishWhenShown(_) if self.has_heard_enough => {}
            Output::PublishWhenShown(publication) => self.keeper.publish_when_shown(publication),
            Output::Subscribe(filter) => self.uplink.subscribe(filter),
            Output::Unsubscribe(filter) => self.uplink.unsubscribe(filter),
            Output::Tell(news) => {
                self.tell(now, &news)?;
                if matches!(news, News::Connected { .. }) {
                    self.keep_what_was_told(now)?;
                }
            }
            Output::Remember(memo) if self.has_heard_enough && memo != Memo::ServerSeen => {}
            Output::Remember(memo) => self.keeper.remember(memo),
            Output::Queued(kept) => {
                if let Some(Err(error)) = self.outbox_file.as_mut().map(|file| file.add(&kept)) {
                    self.outbox_failed(now, &error)?;
                }
            }
            // Collected where they come from.
            Output::Settled(_) => {}
            Output::Clear => self.screen.clear(),
            Output::Renamed { leave } => {
                // Under that nick it connects once it is known what earlier runs have shown.
                self.uplink.let_go(leave);
                self.outbox_goes_along(now)?;
                self.keeper.be(self.conversation.nick().key().clone(), &self.screen);
            }
            Output::Reconnect => {
                self.uplink.let_go(None);
                self.connect()?;
            }
            Output::Quit => self.quit(now)?,
            Output::NickInUse => {
                let nick = self.conversation.nick();
                self.complain(format!(
                    "the nick {nick} is in use; choose another with --nick, or wait: if it was you, the server frees it \
                     after its time-out"
                ));
                return Err(NICK_IN_USE);
            }
        }
        Ok(())
    }

    /// The answers of a first start, once they are known to be good.
    fn keep_what_was_told(&mut self, now: Now) -> Result<(), u8> {
        let Some(to_keep) = self.to_keep.take() else { return Ok(()) };
        let path = to_keep.path().display();
        match to_keep.write() {
            Ok(()) => self.tell(now, &News::Hint(format!("broker and nick are kept in {path}; change them there"))),
            Err(why) => {
                let text = format!("broker and nick are not kept: {why}");
                self.tell(now, &News::Error { text, reference: None })
            }
        }
    }

    /// At a terminal nobody has to wait without knowing for what.
    pub(super) fn quit(&mut self, now: Now) -> Result<(), u8> {
        let unsettled = self.conversation.unsettled();
        match (self.mode == Mode::Chat && unsettled > 0, self.ending.is_near()) {
            (true, true) => self.ending.quit_at_once(now.instant),
            (true, false) if self.conversation.is_delayed() => {
                self.ending.quit(now.instant);
                let (messages, seconds) = (messages_are(unsettled), QUIT_WAIT.as_secs());
                let text =
                    format!("{messages} not through yet: waiting {seconds} s at most; /quit again leaves at once");
                return self.tell(now, &News::Answer(text));
            }
            _ => self.ending.quit(now.instant),
        }
        Ok(())
    }

    /// `--outbox` is for one nick: the one that there is now.
    fn outbox_goes_along(&mut self, now: Now) -> Result<(), u8> {
        let nick = self.conversation.nick().clone();
        match self.outbox_file.as_mut().map(|file| file.be(&nick)) {
            None => Ok(()),
            Some(Ok(())) => {
                let text = format!("the outbox is for {nick} now: the next run with it needs --nick {nick}");
                self.tell(now, &News::Answer(text))
            }
            Some(Err(error)) => self.outbox_failed(now, &error),
        }
    }

    /// The chat goes on; what cannot be kept is lost with the process, as without an outbox.
    fn outbox_failed(&mut self, now: Now, error: &memory::Error) -> Result<(), u8> {
        if std::mem::replace(&mut self.told_of_outbox, true) {
            return Ok(());
        }
        let text = format!("the outbox cannot be written, and does not keep everything: {error}");
        self.tell(now, &News::Error { text, reference: None })
    }

    pub(super) fn tell(&mut self, now: Now, news: &News) -> Result<(), u8> {
        if self.is_beyond_the_count(news) {
            return Ok(());
        }
        self.went_wrong |= matches!(news, News::Error { .. } | News::Refused { .. });
        if matches!(news, News::Sent { .. } | News::Stored { .. }) {
            self.ending.gets_on(now.instant);
        }
        match self.mode {
            Mode::Chat => {
                self.look_at_the_reader();
                let lines = self.reading.hear(now, news, &self.view);
                lines.into_iter().for_each(|line| self.screen.print(line));
                self.offer_correspondent(news);
            }
            _ => self.view.line(now.wall, news).into_iter().for_each(|line| self.screen.print(line)),
        }
        if matches!(news, News::Said(said) if !said.own && !said.history) {
            self.ending.heard(now.instant);
        }
        Ok(())
    }

    /// `/reply` answers whoever can be seen to have written last.
    fn offer_correspondent(&self, news: &News) {
        if let News::Said(Said { nick, place: Place::Direct(_), own: false, .. }) = news {
            let ((to_input, waiting), nick) = (self.correspondents.clone(), nick.clone());
            self.screen.then(move || {
                let _ = waiting.try_recv();
                let _ = to_input.try_send(nick);
            });
        }
    }

    fn look_at_the_reader(&mut self) {
        let reader = &mut self.view.reader;
        if reader.nick != *self.conversation.nick() {
            reader.nick = self.conversation.nick().clone();
        }
        if reader.here != *self.conversation.here() {
            reader.here = self.conversation.here().clone();
        }
        (reader.rooms_are_many, reader.columns) = (self.conversation.is_in_rooms(), terminal::columns());
    }

    /// Prints what has waited for more of its kind.
    pub(super) fn read_on(&mut self, now: Now) {
        if self.reading.due().is_some_and(|due| now.instant >= due) {
            self.look_at_the_reader();
            let lines = self.reading.tick(now, &self.view);
            lines.into_iter().for_each(|line| self.screen.print(line));
        }
    }

    /// What comes after the last message that `-C` wants is left to a next run, from the first that is passed over.
    fn is_beyond_the_count(&mut self, news: &News) -> bool {
        let is_beyond = match news {
            News::Said(said) => !said.own && !self.ending.wants_more(),
            News::Gap { .. } | News::Unread { .. } => !self.ending.wants_more(),
            News::Page { .. } => self.has_heard_enough,
            _ => false,
        };
        self.has_heard_enough |= is_beyond;
        is_beyond
    }

    /// A last line about what went wrong, for a program as an event too.
    pub(super) fn complain(&mut self, text: String) {
        let text = text::visible(&text).into_owned();
        if self.mode == Mode::Json {
            let event = json::event(&News::Error { text: text.clone(), reference: None });
            event.into_iter().for_each(|text| self.screen.print(Line { stream: Stream::Out, text }));
        }
        self.screen.print(Line { stream: Stream::Err, text: format!("mqttchat: {text}") });
    }
}
