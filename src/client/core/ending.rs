//! Decides when and how a run of the client ends. The session reports what happens, and checks after every turn.

use super::news::News;
use crate::link::FailureKind;
use std::time::{Duration, Instant};

/// How long the end of a run may take if nothing answers: printing the last lines, committing the memory, closing the
/// outbox, sending the leave message.
pub const END: Duration = Duration::from_millis(900);
/// The part of it for the last lines on a terminal, which is restored after that.
const LAST_LINES: Duration = Duration::from_millis(400);
/// The time for another reader of the output, which loses what it does not take by then. This does not depend on the
/// network, so it comes on top.
const LAST_LINES_FOR_A_PROGRAM: Duration = Duration::from_secs(2);
/// The part that is left for the leave message in any case. A working connection needs no more.
const LAST_WORD: Duration = Duration::from_millis(100);
/// How long `/quit` and the last message counted by `-C` wait for unsent messages, and how long the end of a program's
/// input waits for answers.
pub const QUIT_WAIT: Duration = Duration::from_secs(5);
/// How long a sender waits without progress if `-W` is not given.
const SENDER_WAIT: Duration = Duration::from_secs(30);

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientExit {
    /// Everything is done.
    Done,
    /// Something was not sent.
    Failed,
    /// `-W` is over, or there was no progress for too long.
    TimeIsUp,
    NickInUse,
    /// No connection could be made.
    NotConnected(FailureKind),
    /// This signal was received.
    Signal(i32),
}

/// Why a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything is done.
    Done,
    /// `/quit` or `-C` has waited long enough; this many messages are unsent.
    Unsent(usize),
    /// `-W` is over.
    TimeIsUp,
    /// A sender made no progress for this long; this many messages are unsettled.
    Unconfirmed(usize, Duration),
}

/// How long the last lines may take.
pub fn last_lines(is_on_terminal: bool) -> Duration {
    if is_on_terminal { LAST_LINES } else { LAST_LINES_FOR_A_PROGRAM }
}

/// The time for what follows the last lines of a run.
#[derive(Debug, Clone, Copy)]
pub struct TimeToLeave {
    until: Instant,
}

impl TimeToLeave {
    /// `ended`, `printed`: when the run ended, and when its last lines were printed.
    pub fn new(ended: Instant, printed: Instant, is_on_terminal: bool) -> TimeToLeave {
        TimeToLeave { until: if is_on_terminal { ended } else { printed } + END }
    }

    /// Until when the memory may commit and the outbox may close. `now`: right after the last lines.
    pub fn kept_by(&self, now: Instant) -> Instant {
        (self.until - LAST_WORD).max(now + LAST_WORD)
    }

    /// How long the leave message may take after that.
    pub fn for_leave(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now).max(LAST_WORD)
    }
}

#[derive(Debug)]
pub struct Ending {
    /// How long a sender waits without progress. `None`: it is no sender.
    sender_wait: Option<Duration>,
    /// `-W` of a member.
    deadline: Option<Instant>,
    /// `-C`: messages still to come from others.
    left: Option<u64>,
    /// `-C` has counted enough, and more has arrived.
    has_heard_enough: bool,
    /// The run should end as soon as possible, after `/quit` or `-C`. Unsent messages may take until then.
    quit_by: Option<Instant>,
    /// The same after the end of the input, for answers. `/quit` overrides it.
    answers_by: Option<Instant>,
    /// When a sender last made progress.
    stalled_since: Instant,
    /// A sender's message could not be sent.
    went_wrong: bool,
    exit: Option<ClientExit>,
}

impl Ending {
    /// `wait`, `count`: `-W` and `-C`.
    pub fn new(now: Instant, is_sender: bool, wait: Option<Duration>, count: Option<u64>) -> Ending {
        Ending {
            sender_wait: is_sender.then(|| wait.unwrap_or(SENDER_WAIT)),
            deadline: wait.filter(|_| !is_sender).map(|wait| now + wait),
            left: count,
            has_heard_enough: false,
            quit_by: None,
            answers_by: None,
            stalled_since: now,
            went_wrong: false,
            exit: None,
        }
    }

    /// Ends the run, unless it has ended already.
    pub fn end(&mut self, exit: ClientExit) {
        self.exit.get_or_insert(exit);
    }

    /// How the run ended; `None`: it goes on.
    pub fn exit(&self) -> Option<ClientExit> {
        self.exit
    }

    /// A sender's message could not be sent.
    pub fn went_wrong(&self) -> bool {
        self.went_wrong
    }

    /// Whether to tell this news. Messages beyond the count of `-C` are left to a later run, starting with the first
    /// one skipped.
    pub fn admits(&mut self, news: &News) -> bool {
        let is_beyond = match news {
            News::Said(said) => !said.own && !self.wants_more(),
            News::Gap(_) | News::Unread(_) => !self.wants_more(),
            News::Page { .. } => self.has_heard_enough,
            _ => false,
        };
        self.has_heard_enough |= is_beyond;
        !is_beyond
    }

    /// `-C` has counted enough, and more has arrived. The rest is neither told nor remembered.
    pub fn has_heard_enough(&self) -> bool {
        self.has_heard_enough
    }

    /// Reports that this was told. The last message that `-C` waits for ends the run like `/quit`.
    pub fn told(&mut self, now: Instant, news: &News) {
        match news {
            News::Sent(_) | News::Stored(_) => self.gets_on(now),
            News::Error(_) | News::Refused(_) => self.went_wrong = self.sender_wait.is_some(),
            News::Said(said) if !said.own && !said.history => {
                self.left = self.left.map(|left| left.saturating_sub(1));
                if !self.wants_more() {
                    self.quit(now);
                }
            }
            _ => {}
        }
    }

    fn wants_more(&self) -> bool {
        self.left != Some(0)
    }

    /// A second `/quit` ends the wait.
    pub fn quit(&mut self, now: Instant) {
        self.quit_by.get_or_insert(now + QUIT_WAIT);
    }

    /// Ends without waiting.
    pub fn quit_at_once(&mut self, now: Instant) {
        self.quit_by = Some(now);
    }

    /// After `/quit`, this ends the wait.
    pub fn input_ended(&mut self, now: Instant) {
        self.answers_by.get_or_insert(now + QUIT_WAIT);
        self.stalled_since = now;
    }

    /// The run ends soon, finished or not.
    pub fn is_near(&self) -> bool {
        self.quit_by.is_some()
    }

    /// A message made progress, or the first one was taken.
    pub fn gets_on(&mut self, now: Instant) {
        self.stalled_since = now;
    }

    /// When [`Ending::look`] ends the run if nothing else happens.
    pub fn due(&self, unsent: usize, has_questions: bool) -> Option<Instant> {
        self.ends(unsent, has_questions).map(|(at, _)| at).min().filter(|_| self.exit.is_none())
    }

    /// `unsent`: unsettled messages; `has_questions`: requests of the user are unanswered.
    pub fn look(&self, now: Instant, unsent: usize, has_questions: bool) -> Option<End> {
        self.ends(unsent, has_questions).find(|(at, _)| now >= *at).map(|(_, end)| end)
    }

    /// What would end the run, and when. The first that is due counts.
    fn ends(&self, unsent: usize, has_questions: bool) -> impl Iterator<Item = (Instant, End)> {
        let stalled = self.sender_wait.filter(|_| unsent > 0);
        let stalled = stalled.map(|wait| (self.stalled_since + wait, End::Unconfirmed(unsent, wait)));
        let deadline = self.deadline.map(|deadline| (deadline, End::TimeIsUp));
        // Never in the future.
        let at_once = self.stalled_since;
        let over = match (self.quit_by, self.answers_by) {
            (Some(until), _) if unsent > 0 => Some((until, End::Unsent(unsent))),
            (Some(_), _) => Some((at_once, End::Done)),
            (None, Some(until)) if unsent == 0 => Some((if has_questions { until } else { at_once }, End::Done)),
            _ => None,
        };
        [stalled, deadline, over].into_iter().flatten()
    }
}

/// "1 message is", "2 messages are".
pub fn messages_are(count: usize) -> String {
    match count {
        1 => "1 message is".to_owned(),
        _ => format!("{count} messages are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::core::news::Said;
    use crate::now::an_instant;
    use crate::protocol::{ChatMessage, Nick, RoomName};
    use chrono::DateTime;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn said() -> News {
        let (nick, room) = (Nick::parse("bob").unwrap(), RoomName::lobby());
        let at = DateTime::parse_from_rfc3339("2026-11-22T20:30:00+01:00").unwrap();
        News::Said(Said::live(at, ChatMessage::new(nick, room, "hello".to_owned())))
    }

    #[test]
    fn the_leave_message_has_the_rest_of_the_time_and_at_least_100_ms() {
        let ended = an_instant();
        let after = |milliseconds: u64| ended + Duration::from_millis(milliseconds);
        let time = TimeToLeave::new(ended, after(400), true);
        assert_eq!((time.kept_by(after(400)), time.for_leave(after(500))), (after(800), Duration::from_millis(400)));
        assert_eq!((time.kept_by(after(750)), time.for_leave(after(850))), (after(850), Duration::from_millis(100)));
        let time = TimeToLeave::new(ended, after(2_000), false);
        assert_eq!(
            (time.kept_by(after(2_000)), time.for_leave(after(2_000))),
            (after(2_800), Duration::from_millis(900))
        );
    }

    #[test]
    fn a_sender_ends_when_all_is_sent_or_progress_stops() {
        let start = an_instant();
        let mut ending = Ending::new(start, true, Some(seconds(10)), None);
        assert_eq!(ending.look(start + seconds(60), 0, false), None, "the input goes on");
        ending.gets_on(start + seconds(60));
        assert_eq!(ending.look(start + seconds(69), 1, false), None);
        ending.gets_on(start + seconds(69));
        assert_eq!(ending.look(start + seconds(78), 1, false), None);
        assert_eq!(ending.look(start + seconds(79), 1, false), Some(End::Unconfirmed(1, seconds(10))));
        ending.input_ended(start + seconds(79));
        assert_eq!(ending.look(start + seconds(80), 1, false), None);
        assert_eq!(ending.look(start + seconds(80), 0, false), Some(End::Done));
    }

    #[test]
    fn quitting_waits_for_messages_and_the_end_of_input_for_answers_too() {
        let start = an_instant();
        let mut ending = Ending::new(start, false, None, None);
        ending.quit(start);
        assert_eq!(ending.look(start, 0, true), Some(End::Done));
        ending.quit(start + seconds(3));
        assert_eq!(ending.look(start + seconds(4), 3, false), None);
        assert_eq!(ending.look(start + seconds(5), 3, false), Some(End::Unsent(3)));
        ending.input_ended(start + seconds(4));
        assert_eq!(ending.look(start + seconds(5), 3, false), Some(End::Unsent(3)), "it has quit all the same");

        let mut ending = Ending::new(start, false, None, None);
        ending.input_ended(start);
        assert_eq!(ending.look(start + seconds(4), 0, true), None);
        assert_eq!(ending.look(start + seconds(5), 0, true), Some(End::Done));
        assert_eq!(ending.look(start + seconds(50), 1, false), None, "its messages are waited for");
        ending.quit(start + seconds(50));
        assert_eq!(ending.look(start + seconds(55), 1, false), Some(End::Unsent(1)));

        let mut ending = Ending::new(start, false, None, None);
        ending.quit(start);
        ending.quit_at_once(start + seconds(1));
        assert_eq!(ending.look(start + seconds(1), 1, false), Some(End::Unsent(1)));
    }

    #[test]
    fn a_member_ends_by_time_or_count() {
        let start = an_instant();
        let mut ending = Ending::new(start, false, Some(seconds(3)), Some(2));
        assert_eq!(ending.look(start + seconds(2), 0, false), None);
        assert_eq!(ending.look(start + seconds(3), 0, false), Some(End::TimeIsUp));
        ending.told(start, &said());
        assert!(ending.admits(&said()));
        assert_eq!(ending.look(start, 0, false), None);
        ending.told(start, &said());
        assert!(!ending.admits(&said()));
        assert_eq!(ending.look(start, 0, false), Some(End::Done));
        assert_eq!(ending.look(start, 1, false), None, "what it said itself is waited for as at /quit");

        let mut ending = Ending::new(start, false, None, Some(1));
        ending.told(start, &said());
        assert_eq!(ending.look(start + seconds(5), 1, false), Some(End::Unsent(1)));
        let mut ending = Ending::new(start, false, None, None);
        ending.told(start, &said());
        assert!(ending.admits(&said()));
        assert_eq!(ending.look(start + seconds(60), 0, false), None);
    }

    #[test]
    fn the_deadline_of_the_end_is_exact() {
        let start = an_instant();
        let check = |ending: &Ending, unsent, has_questions, expected| {
            let due = ending.due(unsent, has_questions);
            assert_eq!(due, expected);
            if let Some(due) = due {
                assert_eq!(ending.look(due - Duration::from_millis(1), unsent, has_questions), None);
                assert!(ending.look(due, unsent, has_questions).is_some());
            }
        };
        let mut sender = Ending::new(start, true, Some(seconds(10)), None);
        check(&sender, 0, false, None);
        check(&sender, 1, false, Some(start + seconds(10)));
        sender.gets_on(start + seconds(3));
        check(&sender, 1, false, Some(start + seconds(13)));
        let mut member = Ending::new(start, false, Some(seconds(30)), None);
        check(&member, 1, true, Some(start + seconds(30)));
        member.input_ended(start);
        check(&member, 1, true, Some(start + seconds(30)));
        check(&member, 0, true, Some(start + seconds(5)));
        member.quit(start + seconds(1));
        check(&member, 1, true, Some(start + seconds(6)));
    }
}
