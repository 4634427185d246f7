//! The steps of joining: when a join goes out, when it is retransmitted, when heartbeats follow, and whether messages may
//! go out.
//!
//! ```text
//!          connected            chat/server online, or 1 s without          welcome
//!  Away ──────────────► Listening ───────────────────────────────► Asked ─────────────► Welcomed
//!   ▲                                                               ▲  │ nick in use         │
//!   │ lost, from anywhere                   jitter: Due ────────────┘◄─┼── another server ───┘
//!                                                                      ▼
//!                                                                   Refused
//! ```

use super::lookout::LISTEN;
use super::requests::PATIENCE;
use crate::protocol::presence::Action;
use std::time::{Duration, Instant};

/// The longest jitter with which clients spread their joins to a server that has just started.
const JITTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JoinStep {
    Away,
    Listening,
    Due,
    Asked,
    Welcomed,
    Refused,
}

#[derive(Debug)]
pub struct Joining {
    step: JoinStep,
    /// When the next join goes out: the first one, or a retransmission without a welcome.
    join_at: Option<Instant>,
    heartbeat_at: Option<Instant>,
    /// This nick was let in, or no server was there to ask. Messages may go out on every connection.
    may_send: bool,
    /// Until when messages wait for the answer to a first join.
    hold_until: Option<Instant>,
    /// How long to wait before joining a server that has just started.
    jitter: Duration,
}

impl Joining {
    /// `is_let_in`: messages may go out without a join. `jitter`: the fraction of the longest jitter, in 1/255.
    pub fn new(is_let_in: bool, jitter: u8) -> Joining {
        Joining {
            step: JoinStep::Away,
            join_at: None,
            heartbeat_at: None,
            may_send: is_let_in,
            hold_until: None,
            jitter: JITTER.mul_f64(f64::from(jitter) / 255.0),
        }
    }

    /// Whether a join went out on this connection, to the current server.
    pub fn is_joined(&self) -> bool {
        matches!(self.step, JoinStep::Asked | JoinStep::Welcomed)
    }

    /// Whether a server may have let us in on this connection: it may have done so after it refused us, if that reached us
    /// late.
    pub fn may_be_in(&self) -> bool {
        self.is_joined() || self.step == JoinStep::Refused
    }

    pub fn may_send(&self) -> bool {
        self.may_send
    }

    /// A connection was made. `server_is_known`: chat/server arrived before.
    pub fn connected(&mut self, now: Instant, server_is_known: bool) {
        match server_is_known {
            true => self.go(JoinStep::Due, Some(now)),
            false => self.go(JoinStep::Listening, Some(now + LISTEN)),
        }
    }

    /// A server has come, perhaps replacing another one.
    pub fn server_came(&mut self, now: Instant) {
        match self.step {
            // A server that restarts repeatedly does not postpone this any further.
            JoinStep::Away | JoinStep::Due | JoinStep::Refused => {}
            JoinStep::Listening => self.go(JoinStep::Due, Some(now)),
            JoinStep::Asked | JoinStep::Welcomed => self.go(JoinStep::Due, Some(now + self.jitter)),
        }
    }

    /// Whether a join must go out now. `period`: of heartbeats; `server_is_known`: without it, a server may be an
    /// original one, which sends no welcome.
    pub fn begins(&mut self, now: Instant, period: Duration, server_is_known: bool) -> bool {
        let is_due = !self.is_joined() && self.join_at.is_some_and(|at| now >= at);
        if is_due {
            let answer_by = server_is_known.then(|| now + PATIENCE);
            self.go(JoinStep::Asked, answer_by);
            self.heartbeat_at = Some(now + period);
            self.hold_until = answer_by.filter(|_| !self.may_send);
            // No server is there to refuse us.
            self.may_send |= !server_is_known;
        }
        is_due
    }

    /// The presence to publish again now, after joining.
    pub fn says_again(&mut self, now: Instant, period: Duration) -> Option<Action> {
        let (at, action) = match self.join_at {
            Some(at) if self.is_joined() && now >= at => (&mut self.join_at, Action::Join),
            _ => (&mut self.heartbeat_at, Action::Heartbeat),
        };
        at.take_if(|at| now >= *at)?;
        *at = Some(now + period);
        Some(action)
    }

    /// Whether messages have waited long enough and may go out now: nobody says that the nick is in use.
    pub fn holds_no_longer(&mut self, now: Instant) -> bool {
        let is_over = self.hold_until.take_if(|until| now >= *until).is_some();
        self.may_send |= is_over;
        is_over
    }

    /// When [`Joining::begins`], [`Joining::says_again`] or [`Joining::holds_no_longer`] has work.
    pub fn due(&self) -> Option<Instant> {
        [self.join_at, self.heartbeat_at, self.hold_until].into_iter().flatten().min()
    }

    /// The server welcomes us: messages may go out. `false`: we did not ask.
    pub fn welcomed(&mut self) -> bool {
        let is_asked = self.step == JoinStep::Asked;
        if is_asked {
            (self.step, self.join_at) = (JoinStep::Welcomed, None);
            (self.may_send, self.hold_until) = (true, None);
        }
        is_asked
    }

    /// The server says that the nick is in use. `false`: we did not ask.
    pub fn refused(&mut self) -> bool {
        let is_asked = self.step == JoinStep::Asked;
        if is_asked {
            self.lost();
            self.step = JoinStep::Refused;
            self.may_send = false;
        }
        is_asked
    }

    /// The connection is lost.
    pub fn lost(&mut self) {
        self.go(JoinStep::Away, None);
        self.hold_until = None;
    }

    /// A new nick must be let in again.
    pub fn renamed(&mut self) {
        self.lost();
        self.may_send = false;
    }

    fn go(&mut self, step: JoinStep, join_at: Option<Instant>) {
        (self.step, self.join_at, self.heartbeat_at) = (step, join_at, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::core::conversation::tests::deadlines::pass;
    use crate::now::an_instant;

    const PERIOD: Duration = Duration::from_secs(10);

    struct Stage {
        joining: Joining,
        now: Instant,
        /// chat/server says that a server is there.
        server: bool,
    }

    impl Stage {
        /// Has been connected just now. Its jitter is 300 ms.
        fn connected(server: bool) -> Stage {
            let mut stage = Stage { joining: Joining::new(false, 153), now: an_instant(), server };
            stage.connect();
            stage
        }

        /// Has been welcomed just now.
        fn welcomed() -> Stage {
            let mut stage = Stage::connected(true);
            stage.check(0, &[(0, "join")]);
            assert!(stage.joining.welcomed());
            stage
        }

        fn connect(&mut self) {
            self.joining.connected(self.now, self.server);
        }

        fn server_comes(&mut self) {
            self.server = true;
            self.joining.server_came(self.now);
        }

        /// Checks what is done while time passes, and after how many milliseconds.
        #[track_caller]
        fn check(&mut self, milliseconds: u64, expected: &[(u64, &str)]) {
            let Stage { joining, now, server } = self;
            let done = pass(now, milliseconds, |now| {
                let mut done = Vec::new();
                done.extend(joining.begins(now, PERIOD, *server).then_some("join"));
                done.extend(joining.holds_no_longer(now).then_some("let in"));
                while let Some(action) = joining.says_again(now, PERIOD) {
                    done.push(if action == Action::Join { "join again" } else { "heartbeat" });
                }
                (done, joining.due())
            });
            assert_eq!(done, expected);
        }
    }

    /// The join may arrive before the server's subscription, if only the retained chat/server was there.
    #[test]
    fn with_a_server_it_joins_at_once_and_again_until_the_welcome() {
        let mut stage = Stage::connected(true);
        assert!(!stage.joining.is_joined());
        stage.check(4_999, &[(0, "join")]);
        assert!(stage.joining.is_joined());
        stage.check(
            15_001,
            &[(1, "let in"), (1, "join again"), (5_001, "heartbeat"), (10_001, "join again"), (15_001, "heartbeat")],
        );
        assert!(stage.joining.welcomed());
        stage.check(20_000, &[(10_000, "heartbeat"), (20_000, "heartbeat")]);
    }

    #[test]
    fn without_a_server_it_joins_once_after_a_second_as_an_original_client_would() {
        let mut stage = Stage::connected(false);
        assert!(!stage.joining.may_send());
        stage.check(999, &[]);
        stage.check(1, &[(1, "join")]);
        assert!(stage.joining.may_send(), "nobody is there to refuse");
        stage.check(20_000, &[(10_000, "heartbeat"), (20_000, "heartbeat")]);
        stage.server_comes();
        stage.check(300, &[(300, "join")]);
    }

    #[test]
    fn a_server_that_comes_while_it_listens_is_joined_at_once() {
        let mut stage = Stage::connected(false);
        stage.check(500, &[]);
        stage.server_comes();
        stage.check(4_000, &[(0, "join")]);
    }

    #[test]
    fn messages_wait_for_the_first_answer_for_5_s() {
        let mut stage = Stage::connected(true);
        stage.check(4_999, &[(0, "join")]);
        assert!(!stage.joining.may_send());
        stage.check(1, &[(1, "let in"), (1, "join again")]);
        assert!(stage.joining.may_send());
        // On later connections they need not wait.
        stage.joining.lost();
        stage.connect();
        assert!(stage.joining.may_send());
        stage.check(5_000, &[(0, "join"), (5_000, "join again")]);
        assert!(Joining::new(true, 0).may_send(), "a sender never waits");
    }

    #[test]
    fn another_server_is_joined_after_the_jitter_and_those_that_come_and_go_put_it_off_no_further() {
        let mut stage = Stage::welcomed();
        for _ in 0..3 {
            stage.server_comes();
            assert!(!stage.joining.is_joined());
            stage.check(99, &[]);
        }
        stage.check(3, &[(3, "join")]);
        for (jitter, milliseconds) in [(0, 0), (255, 500)] {
            let mut stage = Stage::welcomed();
            stage.joining.jitter = Joining::new(false, jitter).jitter;
            stage.server_comes();
            stage.check(500, &[(milliseconds, "join")]);
        }
    }

    #[test]
    fn only_what_answers_a_join_counts() {
        let refused = |stage: &mut Stage| stage.joining.refused();
        let welcomed = |stage: &mut Stage| stage.joining.welcomed();
        for answer in [refused, welcomed] {
            let mut stage = Stage::connected(true);
            assert!(!answer(&mut stage), "not asked yet");
            stage.check(0, &[(0, "join")]);
            stage.joining.lost();
            assert!(!answer(&mut stage), "asked on an earlier connection");
            stage.connect();
            assert!(!answer(&mut stage), "not asked again yet");
            stage.check(0, &[(0, "join")]);
            assert!(answer(&mut stage));
            assert!(!answer(&mut stage), "asked once");
            stage = Stage::welcomed();
            stage.server_comes();
            assert!(!answer(&mut stage), "asked another server");
        }
    }

    #[test]
    fn who_is_refused_does_nothing_until_there_is_another_connection() {
        let mut stage = Stage::connected(true);
        stage.check(0, &[(0, "join")]);
        assert!(stage.joining.refused());
        assert!(!stage.joining.is_joined() && !stage.joining.may_send());
        assert!(stage.joining.may_be_in(), "by the time it hears that");
        stage.server_comes();
        stage.check(60_000, &[]);
        stage.joining.renamed();
        stage.connect();
        stage.check(0, &[(0, "join")]);
    }

    #[test]
    fn another_nick_has_to_be_let_in_anew() {
        let mut stage = Stage::welcomed();
        stage.joining.renamed();
        stage.check(60_000, &[]);
        stage.connect();
        assert!(!stage.joining.may_send());
        stage.check(5_000, &[(0, "join"), (5_000, "let in"), (5_000, "join again")]);
    }

    #[test]
    fn a_lost_connection_ends_all_that() {
        for server in [true, false] {
            for milliseconds in [0, 500, 3_000] {
                let mut stage = Stage::connected(server);
                stage.now += Duration::from_millis(milliseconds);
                stage.joining.begins(stage.now, PERIOD, server);
                stage.joining.lost();
                assert!(!stage.joining.is_joined());
                stage.check(60_000, &[]);
            }
        }
    }
}
