//! How a chat reads on a terminal, beyond single lines: new days, headings over past messages, joins and leaves on one line,
//! bursts reduced to a number, and the bell. `view` formats the lines.

mod bursts;
mod comings;
mod rings;
mod sections;
#[cfg(test)]
mod tests;

use super::view::alert::Notify;
use super::view::{Line, View};
use crate::client::core::news::{News, Place, Said};
use crate::now::Now;
use crate::options::Bell;
use crate::protocol::Status;
use bursts::Bursts;
use chrono::{DateTime, FixedOffset, NaiveDate};
use comings::Comings;
use rings::Rings;
use sections::Sections;
use std::time::Instant;

/// What a terminal does next.
#[derive(Debug, PartialEq, Eq)]
pub enum PrintStep<T> {
    Line(Line),
    /// What waited for all that was printed before.
    Then(T),
}

pub struct Reading<T> {
    comings: Comings,
    bursts: Bursts,
    sections: Sections,
    rings: Rings,
    /// The day of the last line with a time.
    day: Option<NaiveDate>,
    /// A server stores what is left out here.
    is_kept: bool,
    /// The list of users was shown.
    is_introduced: bool,
    /// What waits until messages that were left out are counted: otherwise a client that is killed would remember as shown
    /// what its user never learned of.
    waiting: Vec<T>,
    /// A message was shown since something last began to wait.
    has_shown: bool,
}

impl<T> Reading<T> {
    pub fn new(bell: Bell, notify: Option<Notify>) -> Reading<T> {
        Reading {
            comings: Comings::default(),
            bursts: Bursts::default(),
            sections: Sections::default(),
            rings: Rings::new(bell, notify),
            day: None,
            is_kept: false,
            is_introduced: false,
            waiting: Vec::new(),
            has_shown: false,
        }
    }

    /// What to print for this news.
    pub fn hear(&mut self, now: Now, news: &News, view: &View) -> Vec<PrintStep<T>> {
        let mut lines = Vec::new();
        match news {
            News::Said(said) => self.said(now, news, said, view, &mut lines),
            News::Presence(notice) => {
                if !view.quiet {
                    self.comings.add(now.instant, notice);
                }
            }
            _ => {
                if let Some(line) = view.line(now.wall, news, None) {
                    // In order of events. Everybody who joined before the list is in it.
                    match (self.is_introduced, news) {
                        (true, _) => self.tell_comings(now, view, &mut lines),
                        (false, News::Users { .. }) => drop(self.comings.take()),
                        (false, _) => {}
                    }
                    self.tell_bursts(now, view, &mut lines);
                    lines.push(line);
                }
            }
        }
        match news {
            News::Users { .. } => self.is_introduced = true,
            News::Connected { again, .. } => self.sections.begin(*again),
            News::Disconnected(_) => self.is_kept = false,
            News::Server(info) => self.is_kept = info.status == Status::Online,
            News::Unread(room) => self.sections.open(room),
            News::Page { room, page, by_user, more, .. } => {
                self.is_kept = true;
                let is_empty = || *by_user && page.messages.is_empty();
                let nothing = || is_empty().then(|| format!("#{room}: no messages yet"));
                let end = self.sections.page(room, *by_user, *more).or_else(nothing);
                lines.extend(end.map(|text| Line::out(view.notice(&text))));
            }
            _ => {}
        }
        self.steps(now, view, lines)
    }

    /// What to print at this time.
    pub fn tick(&mut self, now: Now, view: &View) -> Vec<PrintStep<T>> {
        let mut lines = Vec::new();
        if self.comings.due().is_some_and(|due| now.instant >= due) {
            self.tell_comings(now, view, &mut lines);
        }
        if self.bursts.due().is_some_and(|due| now.instant >= due) {
            self.tell_bursts(now, view, &mut lines);
        }
        self.steps(now, view, lines)
    }

    /// When [`Reading::tick`] may have something to print.
    pub fn due(&self) -> Option<Instant> {
        self.comings.due().into_iter().chain(self.bursts.due()).min()
    }

    /// Returns this once all news so far is printed or counted.
    pub fn then(&mut self, now: Now, view: &View, what: T) -> Vec<PrintStep<T>> {
        self.waiting.push(what);
        self.steps(now, view, Vec::new())
    }

    /// Whether the user was told of every message: by its line, or by a number.
    pub fn has_counted_all(&self) -> bool {
        !self.bursts.has_uncounted()
    }

    /// What to print at the end.
    pub fn finish(&mut self, now: Now, view: &View) -> Vec<PrintStep<T>> {
        let mut lines = Vec::new();
        self.tell_bursts(now, view, &mut lines);
        self.steps(now, view, lines)
    }

    /// These lines, and what no longer waits. It may wait for messages that were only left out, but not for those that were
    /// shown.
    fn steps(&mut self, now: Now, view: &View, mut lines: Vec<Line>) -> Vec<PrintStep<T>> {
        if !self.waiting.is_empty() && std::mem::take(&mut self.has_shown) {
            self.tell_bursts(now, view, &mut lines);
        }
        let mut steps: Vec<_> = lines.into_iter().map(PrintStep::Line).collect();
        if self.has_counted_all() {
            steps.extend(self.waiting.drain(..).map(PrintStep::Then));
        }
        steps
    }

    fn said(&mut self, now: Now, news: &News, said: &Said, view: &View, lines: &mut Vec<Line>) {
        let is_mention = view.is_mention(said);
        let is_caught_up = self.sections.is_caught_up(said);
        if let Place::Room(room) = &said.place {
            let is_of_interest = said.own || said.history || is_mention || !is_caught_up;
            if self.is_kept && !is_of_interest && !self.bursts.admit(now.instant, room) {
                return;
            }
            if self.bursts.has_uncounted_in(room) {
                self.tell_bursts(now, view, lines);
            }
            if is_of_interest && !said.history {
                self.bursts.shows(room);
            }
        }
        self.has_shown = true;
        if self.comings.name(&said.nick) {
            self.tell_comings(now, view, lines);
        }
        if let Some(heading) = self.sections.heading(said) {
            lines.push(Line::out(view.notice(&heading)));
        }
        // A new day among past messages gets a line of its own. A live message of another day is late or its sender's clock
        // is wrong; it carries its date itself.
        let day_of = if said.pos.is_some() || said.history { said.at } else { now.wall };
        self.tell_day(now, day_of, view, lines);
        // What was said before the user came has a heading, and comes after live messages if these are faster than its page.
        let needs_no_mark = said.late && said.history && !is_caught_up;
        let unmarked = needs_no_mark.then(|| News::Said(Said { late: false, ..said.clone() }));
        if let Some(mut line) = view.line(day_of, unmarked.as_ref().unwrap_or(news), None) {
            if is_caught_up || self.sections.came_back() {
                line.text.insert_str(0, &self.rings.ring(now.instant, said, is_mention, view));
            }
            lines.push(line);
        }
    }

    fn tell_day(&mut self, now: Now, at: DateTime<FixedOffset>, view: &View, lines: &mut Vec<Line>) {
        let day = (view.zone)(at).date_naive();
        let before = self.day.replace(day).unwrap_or_else(|| (view.zone)(now.wall).date_naive());
        if day != before {
            lines.push(Line::out(view.notice(&day.format("%A, %-d %B %Y").to_string())));
        }
    }

    fn tell_comings(&mut self, now: Now, view: &View, lines: &mut Vec<Line>) {
        if let Some(text) = self.comings.take() {
            self.tell_day(now, now.wall, view, lines);
            lines.push(Line::out(view.notice_at(now.wall, &text)));
        }
    }

    fn tell_bursts(&mut self, now: Now, view: &View, lines: &mut Vec<Line>) {
        for text in self.bursts.take(now.instant, &view.reader.here, view.reader.rooms_are_many) {
            lines.push(Line::out(view.notice(&text)));
        }
    }
}
