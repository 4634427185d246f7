//! Keeps the account during the round: reads the members' events, and notes the beginning and the end of everything.

use crate::account::{Account, End, Kept, Message, Number, Print, Run, RunNumber, Told};
use crate::cast::{Member, Target};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What the threads of the harness report to the main thread.
#[derive(Debug)]
pub enum Record {
    /// Reported before the line is written, because the first event may name it.
    Given { sender: Member, run: RunNumber, number: Number, target: Target, text: String, at: Duration },
    /// A line on a member's standard output.
    Line { run: RunNumber, at: Duration, text: String },
    /// That output has ended.
    Closed { run: RunNumber },
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub account: Account,
    /// Messages by sender and id: an id is unique only for its nick.
    ids: HashMap<(Member, String), Number>,
    /// The last line of each run if it is no event: the kill may have cut it.
    fragments: HashMap<RunNumber, String>,
    open: usize,
}

impl Ledger {
    pub fn run_started(&mut self, member: Option<Member>, at: Duration) -> RunNumber {
        let run = Run {
            member,
            started: at,
            ended: None,
            stops: Vec::new(),
            connected: false,
            is_in: false,
            prints: Vec::new(),
            told: Vec::new(),
        };
        self.account.runs.push(run);
        self.open += usize::from(member.is_some());
        self.account.runs.len() - 1
    }

    pub fn run_ended(&mut self, run: RunNumber, at: Duration, end: End) {
        self.run_goes_on(run, at);
        self.account.runs[run].ended = Some((at, end));
    }

    pub fn run_stands_still(&mut self, run: RunNumber, at: Duration) {
        let stops = &mut self.account.runs[run].stops;
        if stops.last().is_none_or(|(_, end)| end.is_some()) {
            stops.push((at, None));
        }
    }

    pub fn run_goes_on(&mut self, run: RunNumber, at: Duration) {
        if let Some((_, end @ None)) = self.account.runs[run].stops.last_mut() {
            *end = Some(at);
        }
    }

    pub fn is_wrong(&mut self, what: String) {
        self.account.wrong.push(what);
    }

    /// Whether the member's last run is in the chat: it got the user list.
    pub fn is_in(&self, member: Member) -> bool {
        self.account.runs_of(member).last().is_some_and(|(_, run)| run.is_in)
    }

    /// Whether the output of every run that ended was read to its end.
    pub fn is_complete(&self) -> bool {
        self.open == 0
    }

    pub fn record(&mut self, record: Record) {
        match record {
            Record::Given { sender, run, number, target, text, at } => {
                self.account.texts.insert(text.clone(), number);
                let message = Message {
                    sender,
                    run,
                    target,
                    text,
                    given: at,
                    taken: None,
                    id: None,
                    sent: None,
                    stored: Vec::new(),
                    delivered: None,
                };
                self.account.messages.insert(number, message);
            }
            Record::Line { run, at, text } => self.line(run, at, text),
            Record::Closed { run } => {
                self.open -= 1;
                // A line that a kill cuts is nobody's fault.
                let killed = self.account.runs[run].was_killed().is_some();
                if let Some(fragment) = self.fragments.remove(&run).filter(|_| !killed) {
                    self.is_wrong(format!("run {run} printed what is no event: {fragment:?}"));
                }
            }
        }
    }

    fn line(&mut self, run: RunNumber, at: Duration, text: String) {
        if let Some(fragment) = self.fragments.remove(&run) {
            self.is_wrong(format!("run {run} printed what is no event: {fragment:?}"));
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(event) if event.is_object() => self.event(run, at, &event),
            _ => drop(self.fragments.insert(run, text)),
        }
    }

    fn event(&mut self, run: RunNumber, at: Duration, event: &Value) {
        let Some(member) = self.account.runs[run].member else { return };
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let id = event["id"].as_str().map(str::to_owned);
        let number = event["ref"].as_u64();
        match text("event") {
            "chat" | "private" if text("username") == member.nick() && event["own"] == true => {
                self.own(member, at, number, id);
            }
            // A message of its own earlier run.
            "chat" | "private" if text("username") == member.nick() => {}
            "chat" | "private" => self.printed(run, at, event, id),
            "connected" => self.account.runs[run].connected = true,
            "online_users" => self.account.runs[run].is_in = true,
            "sent" => {
                if let Some(message) = self.own(member, at, number, id) {
                    message.sent.get_or_insert(at);
                }
            }
            "stored" => {
                self.told(run, at, Told::Stored, &id);
                if let Some(message) = self.own(member, at, number, id) {
                    message.stored.push(at);
                }
            }
            "delivered" => {
                self.told(run, at, Told::Delivered, &id);
                if let Some(message) = self.own(member, at, number, id) {
                    message.delivered.get_or_insert(at);
                }
            }
            // Nothing is ever removed from this history.
            "gap" => self.is_wrong(format!("run {run} of {member} was told of a gap: {event}")),
            // Others are legitimate, such as those about a failing connection.
            "error" if number.is_some() => self.is_wrong(format!("run {run} of {member} refuses a message: {event}")),
            _ => {}
        }
    }

    fn told(&mut self, run: RunNumber, at: Duration, told: Told, id: &Option<String>) {
        let id = id.clone().unwrap_or_else(|| "no id".to_owned());
        self.account.runs[run].told.push((at, told, id));
    }

    /// An event about a message of that sender: it is taken, and its id is known now.
    fn own(
        &mut self,
        sender: Member,
        at: Duration,
        number: Option<Number>,
        id: Option<String>,
    ) -> Option<&mut Message> {
        let known = id.as_ref().and_then(|id| self.ids.get(&(sender, id.clone())).copied());
        let number = number.or(known)?;
        let message = self.account.messages.get_mut(&number).filter(|message| message.sender == sender)?;
        message.taken.get_or_insert(at);
        if let Some(id) = id {
            match &message.id {
                Some(before) if *before != id => {
                    let what = format!("message {number} had the id {before} and now has {id}");
                    self.account.wrong.push(what);
                }
                _ => {}
            }
            message.id.get_or_insert(id.clone());
            self.ids.insert((sender, id), number);
        }
        Some(message)
    }

    fn printed(&mut self, run: RunNumber, at: Duration, event: &Value, id: Option<String>) {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let number = self.account.texts.get(text("message")).copied();
        let message = number.and_then(|number| Some((number, self.account.messages.get_mut(&number)?)));
        let fits = |message: &Message| {
            text("username") == message.sender.nick()
                && match message.target {
                    Target::Room(room) => text("event") == "chat" && text("room") == room,
                    Target::Direct(to) => text("event") == "private" && text("to") == to.nick(),
                }
        };
        match message {
            Some((number, message)) if fits(message) => {
                // Others may know it before its sender reports it, because a killed sender's report is lost.
                if let Some(id) = id {
                    self.ids.insert((message.sender, id.clone()), number);
                    message.id.get_or_insert(id);
                }
                let print = Print { at, number, late: event["late"] == true, paged: event["pos"].is_u64() };
                self.account.runs[run].prints.push(print);
            }
            _ => self.is_wrong(format!("run {run} printed a message that nobody was given so: {event}")),
        }
    }

    /// Sets the current history of a room.
    pub fn history_is(&mut self, room: &str, messages: Vec<Kept>) {
        self.account.history.insert(room.to_owned(), messages);
    }

    /// Compares with the history from another source, which must be the same.
    pub fn history_is_too(&mut self, rooms: BTreeMap<String, Vec<Kept>>) {
        if rooms == self.account.history {
            return;
        }
        for (room, messages) in &self.account.history {
            let others = rooms.get(room).map_or(&[][..], Vec::as_slice);
            let differs = messages.iter().zip(others).find(|(one, other)| one != other);
            let counts = (messages.len(), others.len());
            if differs.is_some() || counts.0 != counts.1 {
                let what = format!("#{room} is told in two ways, {counts:?} messages, first {differs:?}");
                self.account.wrong.push(what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn given(ledger: &mut Ledger, run: RunNumber, number: Number, target: Target) {
        let (sender, text) = (Member::Ann, format!("text {number}"));
        ledger.record(Record::Given { sender, run, number, target, text, at: at(number) });
    }

    fn says(ledger: &mut Ledger, run: RunNumber, time: u64, line: &str) {
        ledger.record(Record::Line { run, at: at(time), text: line.to_owned() });
    }

    #[test]
    fn the_way_of_a_message() {
        let mut ledger = Ledger::default();
        let ann = ledger.run_started(Some(Member::Ann), at(0));
        let rex = ledger.run_started(Some(Member::Rex), at(0));
        given(&mut ledger, ann, 1, Target::Room("red"));
        says(
            &mut ledger,
            ann,
            2,
            r#"{"event":"chat","username":"ann","room":"red","message":"text 1","id":"a-1","own":true,"ref":1}"#,
        );
        says(&mut ledger, ann, 3, r#"{"event":"sent","id":"a-1","ref":1}"#);
        says(&mut ledger, ann, 4, r#"{"event":"stored","id":"a-1"}"#);
        says(
            &mut ledger,
            rex,
            5,
            r#"{"event":"chat","username":"ann","room":"red","message":"text 1","id":"a-1","pos":7,"late":true}"#,
        );
        let message = &ledger.account.messages[&1];
        assert_eq!((message.taken, message.sent), (Some(at(2)), Some(at(3))));
        assert_eq!((message.stored.as_slice(), message.id.as_deref()), (&[at(4)][..], Some("a-1")));
        let print = &ledger.account.runs[rex].prints[0];
        assert_eq!((print.at, print.number, print.late, print.paged), (at(5), 1, true, true));
        assert_eq!(ledger.account.wrong, [] as [String; 0]);
    }

    #[test]
    fn a_message_in_the_wrong_place_is_found() {
        for line in [
            r#"{"event":"chat","username":"ann","room":"blue","message":"text 1"}"#,
            r#"{"event":"chat","username":"ben","room":"red","message":"text 1"}"#,
            r#"{"event":"private","username":"ann","to":"rex","message":"text 1"}"#,
            r#"{"event":"chat","username":"ann","room":"red","message":"text 2"}"#,
        ] {
            let mut ledger = Ledger::default();
            let ann = ledger.run_started(Some(Member::Ann), at(0));
            let rex = ledger.run_started(Some(Member::Rex), at(0));
            given(&mut ledger, ann, 1, Target::Room("red"));
            says(&mut ledger, rex, 1, line);
            assert_eq!(ledger.account.wrong.len(), 1, "{line}");
        }
    }

    #[test]
    fn only_a_kill_may_cut_a_line_off() {
        for (end, wrong) in [(End::Killed, 0), (End::Asked, 1)] {
            let mut ledger = Ledger::default();
            let rex = ledger.run_started(Some(Member::Rex), at(0));
            says(&mut ledger, rex, 1, r#"{"event":"ch"#);
            ledger.run_ended(rex, at(2), end);
            assert!(!ledger.is_complete());
            ledger.record(Record::Closed { run: rex });
            assert!(ledger.is_complete());
            assert_eq!(ledger.account.wrong.len(), wrong);
        }
        let mut ledger = Ledger::default();
        let rex = ledger.run_started(Some(Member::Rex), at(0));
        says(&mut ledger, rex, 1, "no event");
        says(&mut ledger, rex, 1, "{}");
        assert_eq!(ledger.account.wrong.len(), 1);
    }
}
