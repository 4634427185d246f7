//! Translates the line editor's keys to the chat's, and the chat's answers to the editor's commands.

use super::desk::Desk;
use crate::client::ui::typing::{Act, Key};
use crate::terminal;
use rustyline::{
    Cmd, ConditionalEventHandler, Event, EventContext, KeyCode, KeyEvent, Modifiers, Movement, RepeatCount,
};
use std::sync::Arc;

pub struct Keys {
    pub desk: Arc<Desk>,
}

/// Keys after which the line editor would wait for another one and print nothing.
const DEAF: [char; 5] = ['Q', 'S', 'V', 'X', ']'];

impl ConditionalEventHandler for Keys {
    fn handle(&self, event: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let KeyEvent(code, modifiers) = *event.get(0)?;
        match self.desk.press(key(code, modifiers), context.line(), context.pos()) {
            Act::Usual => match (code, modifiers) {
                (KeyCode::Char('Z'), Modifiers::CTRL) => {
                    terminal::suspend();
                    self.desk.is_back_from_the_shell();
                    Some(Cmd::Repaint)
                }
                (KeyCode::Char(c), modifiers) if modifiers.contains(Modifiers::CTRL) && DEAF.contains(&c) => {
                    Some(Cmd::Noop)
                }
                _ => None,
            },
            Act::Nothing => Some(Cmd::Noop),
            Act::Kill => Some(Cmd::Kill(Movement::WholeBuffer)),
            Act::Redraw => Some(Cmd::Repaint),
            Act::Tell(line) => {
                self.desk.print_around(&format!("{line}\n"));
                Some(Cmd::Repaint)
            }
            // Done by the completion: nothing else can set the whole line and its cursor.
            Act::Set(line, cursor) => {
                self.desk.work().put = Some((line, cursor));
                Some(Cmd::Complete)
            }
            Act::Accept(typed) => {
                self.desk.work().accepted = Some(typed);
                Some(Cmd::AcceptLine)
            }
        }
    }
}

fn key(code: KeyCode, modifiers: Modifiers) -> Key {
    match (code, modifiers) {
        (KeyCode::Char(c), Modifiers::NONE) => Key::Char(c),
        (KeyCode::Enter, _) | (KeyCode::Char('M'), Modifiers::CTRL) => Key::Enter,
        (KeyCode::Char('J'), Modifiers::CTRL) => Key::LineFeed,
        (KeyCode::Esc, _) | (KeyCode::Char('G'), Modifiers::CTRL) => Key::Escape,
        (KeyCode::Tab, Modifiers::NONE) => Key::Tab,
        (KeyCode::BackTab, _) => Key::BackTab,
        (KeyCode::Char('C'), Modifiers::CTRL) => Key::Interrupt,
        (KeyCode::Char('D'), Modifiers::CTRL) => Key::End,
        (KeyCode::Char('R'), Modifiers::CTRL) => Key::Search,
        (KeyCode::BracketedPasteStart, _) => Key::PasteBegins,
        (KeyCode::BracketedPasteEnd, _) => Key::PasteEnds,
        _ => Key::Other,
    }
}
