//! The display: converts news to lines, arranged for a reader at a terminal, and prints them.

use super::keyboard::broken;
use crate::client::app::start::Refusal;
use crate::client::core::news::News;
use crate::client::core::session::{ClientSession, Mode};
use crate::client::io::screen::{Above, Screen};
use crate::client::ui::reading::{PrintStep, Reading};
use crate::client::ui::view::alert::Notify;
use crate::client::ui::view::{Reader, View};
use crate::now::Now;
use crate::options::{ClientOptions, Color};
use crate::terminal;
use chrono::Local;
use serde_json::Value;
use std::time::{Duration, Instant};

pub struct NewsDisplay {
    pub screen: Screen,
    view: View,
    /// At a terminal only.
    reading: Option<Reading<OncePrinted>>,
}

/// Called by the screen's thread.
type OncePrinted = Box<dyn FnOnce() + Send>;

impl NewsDisplay {
    /// `above`: prints above the line being typed.
    pub fn start(
        session: &ClientSession,
        options: &ClientOptions,
        above: Option<Above>,
    ) -> Result<NewsDisplay, Refusal> {
        let color = match options.connection.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => above.is_some(),
        };
        let notify = options.notify.then(|| Notify::of(|name| std::env::var(name).ok()));
        let view = View {
            mode: session.mode(),
            color,
            quiet: options.connection.quiet,
            zone: |at| at.with_timezone(&Local).fixed_offset(),
            reader: reader(session),
        };
        let reading = (session.mode() == Mode::Chat).then(|| Reading::new(options.bell, notify));
        let screen = Screen::start(above).map_err(|error| broken("screen", error))?;
        Ok(NewsDisplay { screen, view, reading })
    }

    pub fn tell(&mut self, now: Now, news: &News, reference: Option<&Value>, session: &ClientSession) {
        match &mut self.reading {
            Some(reading) => {
                self.view.reader = reader(session);
                print(&self.screen, reading.hear(now, news, &self.view));
            }
            None => print(&self.screen, self.view.line(now.wall, news, reference).map(PrintStep::Line)),
        }
    }

    pub fn complain(&self, text: &str) {
        print(&self.screen, self.view.complaint(text).into_iter().map(PrintStep::Line));
    }

    /// When [`NewsDisplay::read_on`] may have something to print.
    pub fn due(&self) -> Option<Instant> {
        self.reading.as_ref().and_then(Reading::due)
    }

    /// Prints news that was held back to be combined.
    pub fn read_on(&mut self, now: Now, session: &ClientSession) {
        if let Some(reading) = &mut self.reading {
            self.view.reader = reader(session);
            print(&self.screen, reading.tick(now, &self.view));
        }
    }

    /// Calls this in the screen's thread once everything told so far is printed, or its number is.
    pub fn then(&mut self, now: Now, session: &ClientSession, printed: impl FnOnce() + Send + 'static) {
        match &mut self.reading {
            Some(reading) => {
                self.view.reader = reader(session);
                print(&self.screen, reading.then(now, &self.view, Box::new(printed)));
            }
            None => self.screen.then(printed),
        }
    }

    /// Prints the rest within this time. Returns whether everything was printed.
    pub fn finish(mut self, now: Now, session: &ClientSession, within: Duration) -> bool {
        if let Some(reading) = &mut self.reading {
            self.view.reader = reader(session);
            print(&self.screen, reading.finish(now, &self.view));
        }
        self.screen.finish(within)
    }
}

fn print(screen: &Screen, steps: impl IntoIterator<Item = PrintStep<OncePrinted>>) {
    for step in steps {
        match step {
            PrintStep::Line(line) => screen.print(line),
            PrintStep::Then(printed) => screen.then(printed),
        }
    }
}

fn reader(session: &ClientSession) -> Reader {
    Reader::of(session.conversation(), terminal::columns())
}
