//! What comes in line by line, by mode: typed text, a program's orders, texts that are sent literally.

use super::Shell;
use crate::client::app::start::Mode;
use crate::client::core::command::{Command, Target};
use crate::client::core::conversation::Input;
use crate::client::core::memo::Memo;
use crate::client::core::news::News;
use crate::client::ui::json;
use crate::client::ui::typing::{Typed, recalled_later};
use crate::now::Now;
use crossbeam_channel::never;
use serde_json::Value;
use signal_hook::consts::SIGINT;

impl Shell {
    pub(super) fn typed(&mut self, now: Now, typed: Typed) -> Result<(), u8> {
        match (typed, self.mode) {
            (typed, Mode::Chat) => self.typed_by_somebody(now, typed),
            (Typed::Piped(line), _) if line.trim().is_empty() => Ok(()),
            (Typed::Piped(line), Mode::Json) => match json::parse(&line) {
                Ok((command, reference)) => self.ordered(now, command, reference),
                Err((text, reference)) => self.tell(now, &News::Error { text, reference }),
            },
            (Typed::Piped(line), _) => self.say(now, line),
            (Typed::TooLong, _) => {
                self.tell(now, &News::Error { text: "the line is too long".to_owned(), reference: None })
            }
            (Typed::End, _) => {
                // Its channel has nothing more to say.
                self.typed = never();
                if !self.options.listen {
                    self.ending.input_ended(now.instant);
                }
                Ok(())
            }
            // Only somebody at a terminal does it.
            (Typed::Line(_) | Typed::Text(_) | Typed::Lines(_) | Typed::Interrupt, _) => Ok(()),
        }
    }

    fn typed_by_somebody(&mut self, now: Now, typed: Typed) -> Result<(), u8> {
        if let Some(line) = recalled_later(&typed) {
            self.keeper.remember(Memo::Typed(line));
        }
        match typed {
            Typed::Line(line) => self.handle(now, Input::Typed(line)),
            Typed::Text(text) => self.say(now, text),
            Typed::Lines(lines) => lines.into_iter().try_for_each(|line| self.say(now, line)),
            Typed::Interrupt => Err(self.interrupted(SIGINT)),
            Typed::Piped(_) | Typed::TooLong | Typed::End => self.quit(now),
        }
    }

    /// A program's command.
    fn ordered(&mut self, now: Now, command: Command, reference: Option<Value>) -> Result<(), u8> {
        if command.keeps_its_turn() && (!self.held.is_empty() || self.conversation.is_busy()) {
            self.held.push_back((command, reference));
            return Ok(());
        }
        self.handle(now, Input::Command(command, reference))
    }

    /// Where it ends soon, at once: the outbox takes more than it needs to be busy.
    pub(super) fn say_what_was_held(&mut self, now: Now) -> Result<(), u8> {
        while (!self.conversation.is_busy() || self.ending.is_near())
            && let Some((command, reference)) = self.held.pop_front()
        {
            self.handle(now, Input::Command(command, reference))?;
        }
        Ok(())
    }

    /// A text that is sent literally.
    pub(super) fn say(&mut self, now: Now, text: String) -> Result<(), u8> {
        if self.conversation.unsettled() == 0 {
            self.ending.gets_on(now.instant);
        }
        let to = self.addressee.clone().map_or(Target::Here, Target::Nick);
        self.handle(now, Input::Command(Command::Say { text, to, action: false }, None))
    }
}
