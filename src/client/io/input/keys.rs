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
        let key = key(code, modifiers);
        let (line, cursor) = (context.line(), context.pos());
        let act = self.desk.press(key, line, cursor);
        if act != Act::Usual {
            return Some(self.command(act));
        }
        match (code, modifiers) {
            (KeyCode::Char('Z'), Modifiers::CTRL) => {
                terminal::suspend();
                self.desk.is_back_from_the_shell();
                Some(Cmd::Repaint)
            }
            (KeyCode::Char(c), modifiers) if modifiers.contains(Modifiers::CTRL) && DEAF.contains(&c) => {
                Some(Cmd::Noop)
            }
            _ => None,
        }
    }
}

impl Keys {
    fn command(&self, act: Act) -> Cmd {
        match act {
            Act::Usual | Act::Nothing => Cmd::Noop,
            Act::Kill => Cmd::Kill(Movement::WholeBuffer),
            Act::Redraw => Cmd::Repaint,
            // Done by the completion: nothing else can set the whole line and its cursor.
            Act::Set(line, cursor) => {
                self.desk.work().put = Some((line, cursor));
                Cmd::Complete
            }
            Act::Accept(typed) => {
                self.desk.work().accepted = Some(typed);
                Cmd::AcceptLine
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
