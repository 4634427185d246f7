//! People: who is present, who is ignored, and whether joins and leaves are told.

mod ignored;
mod nicks;

use super::outputs::Outputs;
use crate::client::core::news::News;
use crate::nearest::nearest;
use crate::protocol::{Nick, NickKey, Notice, NoticeKind};
use ignored::Ignored;
use nicks::Nicks;

#[derive(Debug)]
pub struct People {
    nicks: Nicks,
    ignored: Ignored,
    /// Joins and leaves are not told.
    is_quiet: bool,
}

impl People {
    /// `ignored`: the ignore list of an earlier run.
    pub fn new(ignored: impl IntoIterator<Item = Nick>) -> People {
        People { nicks: Nicks::default(), ignored: Ignored::new(ignored), is_quiet: false }
    }

    /// This nick sent a message.
    pub fn spoke(&mut self, nick: &Nick) {
        self.nicks.spoke(nick);
    }

    /// These are online.
    pub fn seen<'a>(&mut self, nicks: impl IntoIterator<Item = &'a Nick>) {
        self.nicks.seen(nicks);
    }

    pub fn gone(&mut self, nick: &Nick) {
        self.nicks.gone(nick);
    }

    /// Nicks as typed, last speaker first.
    pub fn names(&self) -> Vec<String> {
        self.nicks.names()
    }

    /// A text saying that this nick was not seen in this run, with a similar nick if there is one. `own`: the user's
    /// nick.
    pub fn stranger(&self, nick: &Nick, own: &NickKey) -> Option<String> {
        if nick.key() == own || self.nicks.has_met(nick.key()) {
            return None;
        }
        let names = self.names();
        let near = nearest(nick.as_str(), names.iter().map(String::as_str));
        let meant = near.map_or(String::new(), |near| format!(" (did you mean {near}?)"));
        Some(format!("nobody called {nick} was seen here{meant}"))
    }

    /// Whether this nick's messages are hidden.
    pub fn ignores(&self, key: &NickKey) -> bool {
        self.ignored.has(key)
    }

    /// The nicks whose messages are hidden.
    pub fn ignored(&self) -> Vec<String> {
        self.ignored.names().map(str::to_owned).collect()
    }

    /// `/ignore NICK`; `own`: the user's nick.
    pub fn ignore(&mut self, nick: Nick, own: &Nick, out: &mut Outputs) {
        if nick.key() == own.key() {
            return out.error("you cannot ignore yourself", None);
        }
        self.ignored.add(nick, |nick| self.nicks.has_met(nick.key()), out);
    }

    /// `/unignore NICK`.
    pub fn unignore(&mut self, nick: &Nick, out: &mut Outputs) {
        self.ignored.remove(nick, out);
    }

    /// `/ignore`.
    pub fn list_ignored(&self, out: &mut Outputs) {
        out.answer(self.ignored.in_words().map_or("nobody is ignored".to_owned(), |names| format!("ignored: {names}")));
    }

    /// `/quiet`.
    pub fn toggle_quiet(&mut self, out: &mut Outputs) {
        self.is_quiet = !self.is_quiet;
        out.answer(match self.is_quiet {
            true => "who comes and goes is hidden now; /quiet again shows it",
            false => "who comes and goes is shown again",
        });
    }

    /// What is hidden, as lines of `/status`.
    pub fn status(&self) -> Vec<String> {
        let ignored = self.ignored.in_words().map(|names| format!("ignored      {names}"));
        let quiet = self.is_quiet.then(|| "quiet        who comes and goes is hidden".to_owned());
        ignored.into_iter().chain(quiet).collect()
    }

    /// A notice of the server about joins and leaves. `own`: the user's nick, which is left out.
    pub fn noticed(&mut self, notice: Notice, own: &Nick, out: &mut Outputs) {
        let nicks = || notice.nicks.iter().chain([&notice.nick]);
        match notice.kind {
            NoticeKind::Join => self.seen(nicks()),
            NoticeKind::Leave | NoticeKind::Timeout => nicks().for_each(|nick| self.gone(nick)),
        }
        self.seen(notice.users_list.iter().flatten());
        let is_of_others = notice.count.unwrap_or(1) > 1 || notice.nick.key() != own.key();
        if let Some(notice) = self.ignored.without(notice).filter(|_| is_of_others && !self.is_quiet) {
            out.tell(News::Presence(notice));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::core::conversation::Output;
    use crate::protocol::FromServer;

    fn nick(name: &str) -> Nick {
        Nick::parse(name).unwrap()
    }

    fn join(names: &[&str]) -> Notice {
        let (first, all) = (names[0], format!("{names:?}"));
        let json = format!(
            r#"{{"type":"user_join","username":"{first}","message":"x","usernames":{all},"count":{}}}"#,
            names.len()
        );
        match FromServer::parse(json.as_bytes()).unwrap() {
            FromServer::Notice(notice) => notice,
            other => panic!("{other:?}"),
        }
    }

    /// Checks who is named first, and how many are counted, when these join; `None`: nothing is told.
    #[track_caller]
    fn check(people: &mut People, names: &[&str], expected: Option<(&str, u64)>) {
        let mut out = Outputs::new(true);
        people.noticed(join(names), &nick("alice"), &mut out);
        let told = out.take().into_iter().find_map(|output| match output {
            Output::Tell(News::Presence(notice)) => Some((notice.nick.as_str().to_owned(), notice.count.unwrap_or(1))),
            _ => None,
        });
        assert_eq!(told, expected.map(|(name, count)| (name.to_owned(), count)), "{names:?}");
    }

    #[test]
    fn notices_are_of_others_who_are_not_ignored() {
        let mut people = People::new([nick("Eve")]);
        check(&mut people, &["Alice"], None);
        check(&mut people, &["bob"], Some(("bob", 1)));
        check(&mut people, &["eve"], None);
        check(&mut people, &["eve", "bob", "carl"], Some(("bob", 2)));
        people.toggle_quiet(&mut Outputs::new(true));
        check(&mut people, &["bob"], None);
        let alice = nick("alice");
        assert_eq!(people.stranger(&nick("eve"), alice.key()), None, "hidden people are known all the same");
        let nobody = people.stranger(&nick("carol"), alice.key());
        assert_eq!(nobody.as_deref(), Some("nobody called carol was seen here (did you mean carl?)"));
    }

    #[test]
    fn nobody_ignores_themselves() {
        let (mut people, mut out) = (People::new([]), Outputs::new(true));
        people.ignore(nick("ALICE"), &nick("alice"), &mut out);
        assert!(!people.ignores(nick("alice").key()));
        people.ignore(nick("Bob"), &nick("alice"), &mut out);
        assert!(people.ignores(nick("bob").key()));
        assert_eq!(people.status(), ["ignored      Bob"]);
        people.unignore(&nick("BOB"), &mut out);
        assert_eq!(people.ignored(), [""; 0]);
    }
}
