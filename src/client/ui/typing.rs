//! Pure: what the keys mean that are this chat's own. Each key comes with the line as it stands, and what is to be done
//! about it goes back; all others are the line editor's.
//!
//! ```text
//!            ┌── any key ◄── Enter, for several pasted lines ──┐
//!   typing ──┤                                                 ├─ Enter, l ──► sent
//!            └── a paste taller than the screen has room for ──┘
//! ```

use super::cycle::Cycle;
use super::paste::{Offer, Paste};
use crate::client::core::command::{self, Command, Names, Target, TypedLine};
use crate::client::core::memo::LINES;
use crate::protocol::{Nick, text};

/// Pressed twice with nothing between, Ctrl-C quits.
const QUITS: &str = "(Ctrl-C again quits)";
/// Lines beyond these are not offered by the arrow keys: the line editor cannot show them.
const RECALLED_LINES: usize = 8;
const RECALLED_CHARS: usize = 1_500;

/// What the input brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// On the terminal: text or a command.
    Line(TypedLine),
    /// A line of a pipe.
    Piped(String),
    /// Pasted: never a command.
    Text(String),
    /// Pasted: each is a message of its own, never a command.
    Lines(Vec<String>),
    /// A piped line longer than the input reads, passed over.
    TooLong,
    /// Ctrl-C.
    Interrupt,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Enter,
    /// Ctrl-J.
    LineFeed,
    Escape,
    Tab,
    BackTab,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    End,
    /// Ctrl-R.
    Search,
    PasteBegins,
    PasteEnds,
    Other,
}

/// What the line editor has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// What the key usually does.
    Usual,
    Nothing,
    /// Make this the line, with the cursor there.
    Set(String, usize),
    /// Clear the line so that it can be taken back.
    Kill,
    /// Draw the line and its hint once more.
    Redraw,
    /// End the line.
    Accept(Typed),
}

#[derive(Debug, Default)]
pub struct Typing {
    names: Names,
    /// Who wrote the direct message that was printed last.
    correspondent: Option<Nick>,
    /// Lines typed before, the last one last.
    earlier: Vec<String>,
    /// What goes on while this key is pressed.
    cycle: Option<(Key, Cycle)>,
    paste: Option<Paste>,
    /// Several lines may be in the line because of a paste; what it began with, if that was pasted.
    pasted: Option<String>,
    /// Line breaks that were typed, by `\` and Enter.
    breaks: usize,
    offer: Option<Offer>,
    interrupted: bool,
}

impl Typing {
    pub fn knows(&mut self, names: Names) {
        self.names = names;
    }

    /// A direct message of this one is on the screen.
    pub fn is_written_to_by(&mut self, correspondent: Nick) {
        self.correspondent = Some(correspondent);
    }

    /// These were typed before.
    pub fn recall(&mut self, earlier: Vec<String>) {
        self.earlier = earlier;
    }

    /// A new line begins.
    pub fn begin(&mut self) {
        let Typing { names, correspondent, earlier, .. } = std::mem::take(self);
        *self = Typing { names, correspondent, earlier, ..Typing::default() };
    }

    /// A line is done. What the arrow keys are to offer of it; `None`: nothing, or it is the last one once more.
    pub fn is_done(&mut self, typed: &Typed) -> Option<String> {
        let line = recalled(typed).filter(|line| self.earlier.last() != Some(line))?;
        self.earlier.push(line.clone());
        let excess = self.earlier.len().saturating_sub(LINES);
        self.earlier.drain(..excess);
        Some(line)
    }

    /// `cursor` is a byte position; a paste that makes it so tall is not put into the line.
    pub fn press(&mut self, key: Key, line: &str, cursor: usize, is_tall: impl FnOnce(&str) -> bool) -> Act {
        if let Some(paste) = &mut self.paste {
            match key {
                Key::PasteEnds => return self.pasted(line, cursor, is_tall),
                Key::Char(c) => paste.push(c),
                Key::Enter => paste.push('\r'),
                Key::LineFeed => paste.push('\n'),
                Key::Tab => paste.push('\t'),
                _ => {}
            }
            return Act::Nothing;
        }
        if let Some(offer) = self.offer.take() {
            return self.decide(offer, key);
        }
        let was_interrupted = std::mem::take(&mut self.interrupted);
        match key {
            Key::PasteBegins => {
                self.paste = Some(Paste::default());
                Act::Nothing
            }
            Key::Enter | Key::LineFeed => self.enter(line),
            Key::Interrupt if was_interrupted && line.is_empty() => Act::Accept(Typed::Interrupt),
            Key::Interrupt => {
                self.interrupted = true;
                self.pasted = None;
                if line.is_empty() { Act::Redraw } else { Act::Kill }
            }
            Key::End if line.is_empty() => Act::Accept(Typed::End),
            Key::Tab | Key::BackTab => {
                let choices = |typing: &Typing| {
                    let (start, choices) = command::complete(line, cursor, &typing.names);
                    Cycle::new(line, start, cursor, choices)
                };
                self.turn(line, cursor, Key::Tab, key == Key::Tab, choices)
            }
            Key::Search => {
                let found = |typing: &Typing| Cycle::new(line, 0, line.len(), typing.find(line));
                self.turn(line, cursor, Key::Search, true, found)
            }
            Key::Char(c) => {
                let (before, after) = line.split_at_checked(cursor).unwrap_or((line, ""));
                let addressed = self.addressed(&format!("{before}{c}{after}"), before.len() + c.len_utf8());
                addressed.map_or(Act::Usual, |(line, cursor)| Act::Set(line, cursor))
            }
            _ => Act::Usual,
        }
    }

    /// The line with whom its `/reply` goes to, before more is typed and before it is sent: who writes meanwhile is not
    /// meant. `None`: there is no `/reply` in it, or nobody to answer.
    fn addressed(&self, line: &str, cursor: usize) -> Option<(String, usize)> {
        let correspondent =
            self.correspondent.as_ref().filter(|_| !self.is_asked_about(line) || !self.is_literal(line))?;
        command::address_reply(line, cursor, correspondent)
    }

    /// Whether there are pasted lines in it.
    fn is_asked_about(&self, line: &str) -> bool {
        self.pasted.is_some() && line.matches('\n').count() > self.breaks
    }

    /// Whether it is sent as it is, even if it looks like a command, where it is asked about.
    fn is_literal(&self, line: &str) -> bool {
        self.pasted.as_ref().is_some_and(|begin| !begin.is_empty() && line.starts_with(begin))
    }

    /// What is shown behind the line, or below it.
    pub fn hint(&self) -> Option<String> {
        match &self.offer {
            Some(offer) => Some(offer.question()),
            None => self.interrupted.then(|| QUITS.to_owned()),
        }
    }

    fn turn(
        &mut self,
        line: &str,
        cursor: usize,
        begun_by: Key,
        forwards: bool,
        begin: impl FnOnce(&Typing) -> Option<Cycle>,
    ) -> Act {
        let going_on = self.cycle.take().filter(|(key, cycle)| *key == begun_by && cycle.shows(line, cursor));
        // A single command or argument is completed: what follows may be, too.
        let going_on = going_on.filter(|(_, cycle)| !(cycle.is_spent() && line.starts_with('/')));
        let Some((_, mut cycle)) = going_on.or_else(|| begin(self).map(|cycle| (begun_by, cycle))) else {
            return Act::Nothing;
        };
        let act = match cycle.is_spent() {
            true => Act::Nothing,
            false => {
                let (line, cursor) = cycle.turn(forwards);
                Act::Set(line, cursor)
            }
        };
        self.cycle = Some((begun_by, cycle));
        act
    }

    /// Earlier lines with this in them, the last one first, each once.
    fn find(&self, part: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for line in self.earlier.iter().rev().filter(|line| line.contains(part) && *line != part) {
            if !found.contains(line) {
                found.push(line.clone());
            }
        }
        found
    }

    fn pasted(&mut self, line: &str, cursor: usize, is_tall: impl FnOnce(&str) -> bool) -> Act {
        let mut text = self.paste.take().map(Paste::text).unwrap_or_default();
        let (before, after) = line.split_at_checked(cursor).unwrap_or((line, ""));
        if after.is_empty() {
            // Whole lines were copied; the next one is not begun.
            text.truncate(text.trim_end_matches('\n').len());
        }
        let is_literal = before.is_empty();
        let (whole, at) = (format!("{before}{text}{after}"), before.len() + text.len());
        let addressed = if is_literal { None } else { self.addressed(&whole, at) };
        let (whole, at) = addressed.unwrap_or((whole, at));
        if is_tall(&whole) {
            self.offer = Some(Offer { is_literal, text: whole, is_apart: true });
            return Act::Redraw;
        }
        if is_literal {
            self.pasted = Some(text);
        } else {
            self.pasted.get_or_insert_default();
        }
        Act::Set(whole, at)
    }

    fn enter(&mut self, line: &str) -> Act {
        let slashes = line.len() - line.trim_end_matches('\\').len();
        if slashes % 2 == 1 {
            self.breaks += 1;
            let line = format!("{}\n", &line[..line.len() - 1]);
            return Act::Set(line.clone(), line.len());
        }
        let text = line.trim_end_matches('\n');
        // Taken from earlier lines, or pasted: it is sent once it can be seen whom it goes to.
        if let Some((line, cursor)) = self.addressed(text, text.len()) {
            return Act::Set(line, cursor);
        }
        if !self.is_asked_about(text) {
            let line = TypedLine::parse(text);
            if fits(&line) {
                return Act::Accept(Typed::Line(line));
            }
        }
        let is_literal = self.is_literal(line);
        self.offer = Some(Offer { text: text.to_owned(), is_literal, is_apart: false });
        Act::Redraw
    }

    fn decide(&mut self, offer: Offer, key: Key) -> Act {
        let goes_on = matches!(key, Key::Escape | Key::Interrupt | Key::PasteBegins);
        match key {
            Key::Enter | Key::LineFeed | Key::Char('y' | 'Y') if offer.fits_one_message() => {
                return Act::Accept(match offer.is_literal {
                    true => Typed::Text(offer.text),
                    false => Typed::Line(TypedLine::parse(&offer.text)),
                });
            }
            Key::Char('l' | 'L') => {
                if let Some(lines) = offer.lines() {
                    return Act::Accept(Typed::Lines(lines));
                }
            }
            Key::Char('n' | 'N') if !offer.is_apart && offer.can_be_sent() => {
                self.pasted = None;
                return Act::Kill;
            }
            Key::PasteBegins => self.paste = Some(Paste::default()),
            _ => {}
        }
        let offer_is_apart = offer.is_apart;
        // What is in the line is there to be edited; what is apart would be gone with the question.
        let is_apart = offer_is_apart && offer.can_be_sent();
        if is_apart && !goes_on && !matches!(key, Key::Char('n' | 'N')) {
            self.offer = Some(offer);
            return Act::Redraw;
        }
        match key {
            Key::Char(_) | Key::Other if !goes_on && !offer_is_apart => Act::Usual,
            _ => Act::Redraw,
        }
    }
}

/// What is too long to be sent stays to be shortened.
fn fits(line: &TypedLine) -> bool {
    match &line.command {
        Ok(Command::Say { text, .. } | Command::Reply(text)) => text::fits(&text::clean(text)),
        _ => true,
    }
}

/// What the arrow keys offer of a line that was sent: what would send the same.
pub fn recalled(typed: &Typed) -> Option<String> {
    let line = match typed {
        Typed::Line(line) => line.text.clone(),
        Typed::Text(text) if text.starts_with('/') => format!("/{text}"),
        Typed::Text(text) => text.clone(),
        Typed::Piped(_) | Typed::Lines(_) | Typed::TooLong | Typed::Interrupt | Typed::End => return None,
    };
    let is_short = line.lines().count() <= RECALLED_LINES && line.chars().count() <= RECALLED_CHARS;
    Some(line).filter(|line| is_short && !line.trim().is_empty())
}

/// What later runs offer too. What was said to one person alone is kept on no disk, nor is what may have been meant so.
pub fn recalled_later(typed: &Typed) -> Option<String> {
    let is_secret = match typed {
        Typed::Line(TypedLine { command, .. }) => {
            matches!(command, Ok(Command::Say { to: Target::Nick(_), .. } | Command::Reply(_)) | Err(_))
        }
        _ => false,
    };
    if is_secret { None } else { recalled(typed) }
}

#[cfg(test)]
mod tests;
