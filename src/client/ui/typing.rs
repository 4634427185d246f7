//! The keys with a meaning of their own in this chat. Each key comes with the current line; the answer says what to do. All
//! other keys belong to the line editor.
//!
//! ```text
//!            ┌── any key ◄── Enter, for several pasted lines ──┐
//!   typing ──┤                                                 ├─ Enter, l ──► sent
//!            └── a paste taller than the screen has room for ──┘
//!                (told and dropped if it cannot be sent)
//! ```

use super::cycle::Cycle;
use super::paste::{Offer, Paste};
use crate::client::core::command::{self, Command, Names, Target, TypedLine};
use crate::client::core::memo::LINES;
use crate::protocol::limits::TEXT_CHARS;
use crate::protocol::{Nick, text};

/// Ctrl-C pressed twice in a row quits.
const QUITS: &str = "(Ctrl-C again quits)";
/// The arrow keys do not offer longer texts: the line editor cannot show them.
const RECALLED_LINES: usize = 8;
const RECALLED_CHARS: usize = 1_500;

/// What the user typed.
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
    /// A piped line that was skipped because it is too long.
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

/// What the line editor must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The key's usual action.
    Usual,
    Nothing,
    /// Make this the line, with the cursor there.
    Set(String, usize),
    /// Clear the line so that the user can undo it.
    Kill,
    /// Redraw the line and its hint.
    Redraw,
    /// Print this line above.
    Tell(String),
    /// End the line.
    Accept(Typed),
}

#[derive(Debug, Default)]
pub struct Typing {
    names: Names,
    /// The sender of the last direct message shown.
    correspondent: Option<Nick>,
    /// Lines typed before, oldest first.
    earlier: Vec<String>,
    /// The choices that this key steps through.
    cycle: Option<(Key, Cycle)>,
    paste: Option<Paste>,
    /// Something was pasted into the line; the pasted beginning of the line, or empty.
    pasted: Option<String>,
    /// Line breaks that were typed with `\` and Enter.
    breaks: usize,
    offer: Option<Offer>,
    interrupted: bool,
    /// The line is not empty.
    is_begun: bool,
    /// The question for another nick was on the screen when the line was begun.
    is_answer: bool,
}

impl Typing {
    pub fn knows(&mut self, names: Names) {
        self.names = names;
    }

    /// A direct message from this nick is on the screen.
    pub fn is_written_to_by(&mut self, correspondent: Nick) {
        self.correspondent = Some(correspondent);
    }

    /// Sets the lines typed in earlier runs.
    pub fn recall(&mut self, earlier: Vec<String>) {
        self.earlier = earlier;
    }

    /// Begins a new line.
    pub fn begin(&mut self) {
        let Typing { names, correspondent, earlier, .. } = std::mem::take(self);
        *self = Typing { names, correspondent, earlier, ..Typing::default() };
    }

    /// This line is about to be drawn.
    pub fn holds(&mut self, line: &str) {
        self.is_begun = !line.is_empty();
    }

    /// The prompt is about to be drawn. `is_asked`: there is a question for another nick. Returns whether to show it: a line
    /// that was begun before does not become its answer.
    pub fn shows_question(&mut self, is_asked: bool) -> bool {
        if !self.is_begun {
            self.is_answer = is_asked;
        }
        is_asked && self.is_answer
    }

    /// Whether the line answers the question.
    pub fn is_answer(&self) -> bool {
        self.is_answer
    }

    /// A line is done. Returns what the arrow keys offer of it; `None`: nothing, or the same as the last one.
    pub fn is_done(&mut self, typed: &Typed) -> Option<String> {
        let line = recalled(typed).filter(|line| self.earlier.last() != Some(line))?;
        self.earlier.push(line.clone());
        let excess = self.earlier.len().saturating_sub(LINES);
        self.earlier.drain(..excess);
        Some(line)
    }

    /// `cursor` is a byte position. A paste for which `is_tall` is true does not go into the line.
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
            Key::Tab | Key::BackTab | Key::Search => self.turn(key, line, cursor),
            Key::Char(c) => {
                let (before, after) = line.split_at_checked(cursor).unwrap_or((line, ""));
                let addressed = self.addressed(&format!("{before}{c}{after}"), before.len() + c.len_utf8());
                addressed.map_or(Act::Usual, |(line, cursor)| Act::Set(line, cursor))
            }
            _ => Act::Usual,
        }
    }

    /// The line with its `/reply` turned into `/msg NICK`. This happens early, because another nick may write before the line
    /// is sent. `None`: there is no `/reply` in it, or nobody to answer.
    fn addressed(&self, line: &str, cursor: usize) -> Option<(String, usize)> {
        let correspondent =
            self.correspondent.as_ref().filter(|_| !self.is_asked_about(line) || !self.is_literal(line))?;
        command::address_reply(line, cursor, correspondent)
    }

    /// Whether the line contains pasted line breaks.
    fn is_asked_about(&self, line: &str) -> bool {
        self.pasted.is_some() && line.matches('\n').count() > self.breaks
    }

    /// Whether a text with pasted lines is sent as it is, even if it looks like a command.
    fn is_literal(&self, line: &str) -> bool {
        self.pasted.as_ref().is_some_and(|begin| !begin.is_empty() && line.starts_with(begin))
    }

    /// Shown behind the line, or below it.
    pub fn hint(&self) -> Option<String> {
        match &self.offer {
            Some(offer) => Some(offer.question()),
            None => self.interrupted.then(|| QUITS.to_owned()),
        }
    }

    /// Offers the next completion or the next earlier line.
    fn turn(&mut self, key: Key, line: &str, cursor: usize) -> Act {
        let begun_by = if key == Key::Search { Key::Search } else { Key::Tab };
        let going_on = self.cycle.take().filter(|(key, cycle)| *key == begun_by && cycle.shows(line, cursor));
        // After a single completed command or argument, the next word can be completed.
        let going_on = going_on.filter(|(_, cycle)| !(cycle.is_spent() && line.starts_with('/')));
        let begin = || match begun_by {
            Key::Search => Cycle::new(line, 0, line.len(), self.find(line)),
            _ => {
                let (start, choices) = command::complete(line, cursor, &self.names);
                Cycle::new(line, start, cursor, choices)
            }
        };
        let Some(mut cycle) = going_on.map(|(_, cycle)| cycle).or_else(begin) else { return Act::Nothing };
        let act = match cycle.is_spent() {
            true => Act::Nothing,
            false => {
                let (line, cursor) = cycle.turn(key != Key::BackTab);
                Act::Set(line, cursor)
            }
        };
        self.cycle = Some((begun_by, cycle));
        act
    }

    /// Earlier lines that contain this, newest first, each once.
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
            // Whole lines were copied; a trailing line break does not begin another line.
            text.truncate(text.trim_end_matches('\n').len());
        }
        let is_literal = before.is_empty();
        let (whole, at) = (format!("{before}{text}{after}"), before.len() + text.len());
        let addressed = if is_literal { None } else { self.addressed(&whole, at) };
        let (whole, at) = addressed.unwrap_or((whole, at));
        if is_tall(&whole) {
            let offer = Offer { is_literal, text: whole, is_apart: true };
            if !offer.can_be_sent() {
                return Act::Tell(format!("-- not pasted: a message has at most {TEXT_CHARS} characters"));
            }
            self.offer = Some(offer);
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
        // From the history or a paste: show the addressee before it is sent.
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
        let gives_up = matches!(key, Key::Escape | Key::Interrupt | Key::PasteBegins | Key::Char('n' | 'N'));
        match key {
            // A text in the line can be edited; a separate one would be lost with the question.
            _ if offer.is_apart && !gives_up => {
                self.offer = Some(offer);
                Act::Redraw
            }
            Key::Char(_) | Key::Other if !offer.is_apart => Act::Usual,
            _ => Act::Redraw,
        }
    }
}

/// Whether it is short enough to be sent; otherwise it stays in the line to be shortened.
fn fits(line: &TypedLine) -> bool {
    match &line.command {
        Ok(Command::Say { text, .. } | Command::Reply(text)) => text::fits(&text::clean(text)),
        _ => true,
    }
}

/// What the arrow keys offer of a sent line: a line that would send the same.
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

/// What later runs offer, too. A text for one person alone is never stored on disk, nor one that may have been meant as
/// such.
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
