//! Whatever concerns several parts: connections, the chat server, a new nick, and the consequences of inputs and
//! deadlines.

use super::connection::Up;
use super::lookout::ServerWord;
use super::requests::Inquiry;
use super::{Conversation, Output, PING_TICKET, Role};
use crate::client::core::memo::Remembered;
use crate::client::core::news::News;
use crate::link::{Event, Message, Publication};
use crate::now::Now;
use crate::protocol::presence::Action;
use crate::protocol::{Nick, Private, RequestKind, RoomName, ServerInfo, Topic};

impl Conversation {
    /// The consequences of an input or a deadline. Each part does what is due and sets its next deadline.
    pub(super) fn take_turns(&mut self, now: Now) {
        if self.joining.begins(now.instant, self.lookout.heartbeat_period(), self.lookout.is_known()) {
            self.join(now);
        }
        if self.lookout.look(now.instant, &self.config.topics, &mut self.out) {
            self.sending.settle_acknowledged(&self.passage(), &mut self.out);
            self.look_for_an_original(now);
        }
        if self.joining.holds_no_longer(now.instant) {
            self.naming.greet(self.rooms.here(), &mut self.out);
        }
        self.sending.look(now.instant, &self.passage(), &self.config.topics, &mut self.out);
        while let Some(action) = self.joining.says_again(now.instant, self.lookout.heartbeat_period()) {
            self.say_presence(now, action);
        }
        // An original server sends no marks.
        let can_ask = self.joining.is_joined() && self.lookout.is_known();
        for history in self.rooms.holes(now.instant, can_ask) {
            self.requests.open_own(Inquiry::page(history));
        }
        self.show_pages_without_the_rest(now);
        if self.joining.is_joined() {
            self.send_requests(now);
        }
        let under_way = || self.sending.outbox().gone_out();
        if let Some(nick) = self.naming.take_change(now.instant, self.connection.is_up(), under_way, &mut self.out) {
            // Another spelling is the same person, who stays.
            let leave = if nick.key() == self.naming.key() { None } else { self.leave(now) };
            self.become_known_as(nick, leave);
        }
        self.look_at_the_will();
    }

    pub(super) fn link(&mut self, now: Now, event: Event) {
        match event {
            Event::Connected { conn, version, tls, refused, .. } => {
                self.connected(now, Up { conn, since: now, version, tls }, &refused);
            }
            Event::Failed(failure) => self.connection.failed(failure.what, &mut self.out),
            Event::Lost { reason } => self.lost(now, reason),
            Event::Waiting { delay } => self.connection.waiting(delay, &mut self.out),
            Event::Refused { filter } => self.lookout.refused(&filter, &self.config.topics, &mut self.out),
            Event::Message(Message { topic, payload, retained, .. }) => self.arrived(now, &topic, &payload, retained),
            Event::Published { ticket: PING_TICKET } => self.requests.ping_published(now.instant, &mut self.out),
            Event::Published { ticket } => self.sending.published(now.instant, ticket, &self.passage(), &mut self.out),
            Event::Rejected { ticket: PING_TICKET, .. } => self.requests.ping_rejected(),
            Event::Rejected { ticket, reason } => self.sending.rejected(ticket, &reason, &mut self.out),
            // A client has no lookout. The session handles the end.
            Event::Barred { .. } | Event::Ended => {}
        }
    }

    fn connected(&mut self, now: Now, up: Up, refused: &[String]) {
        self.rooms.connected();
        self.connection.connected(up, &mut self.out);
        self.lookout.connected(now.instant);
        for filter in refused {
            self.lookout.refused(filter, &self.config.topics, &mut self.out);
        }
        if self.config.role == Role::Member && !self.naming.is_choosing() {
            self.requests.pause();
            self.joining.connected(now.instant, self.lookout.is_known());
        }
        self.sending.flush(now.instant, &self.passage(), &self.config.topics, &mut self.out);
    }

    fn lost(&mut self, now: Now, reason: String) {
        // The connection may break before it was ready, too.
        if self.connection.lost() {
            self.out.tell(News::Disconnected(reason));
        }
        self.no_connection();
        self.sending.lost(now.instant, &mut self.out);
    }

    /// Resets everything that holds only for one connection.
    fn no_connection(&mut self) {
        self.joining.lost();
        self.lookout.lost();
        self.sending.pause();
        self.requests.lost();
        self.rooms.lost();
    }

    /// Connects again, because the will has changed.
    fn connect_anew(&mut self, how: Output) {
        self.connection.replaced(self.lookout.is_original());
        self.no_connection();
        self.out.push(how);
    }

    pub(super) fn become_known_as(&mut self, nick: Nick, leave: Option<Publication>) {
        self.people.gone(self.naming.nick());
        self.sending.renamed(&nick);
        self.naming.is_now(nick);
        // Nothing is remembered until the session passes in what earlier runs under this nick left.
        self.recall(Remembered::default());
        self.joining.renamed();
        self.connection.renamed();
        self.connect_anew(Output::Renamed(leave));
        self.rooms.renamed(&mut self.out);
    }

    /// The will goes to a topic to which an original server does not subscribe, and it is fixed for the connection. So
    /// the client connects again as soon as nothing is under way.
    fn look_at_the_will(&mut self) {
        let is_wrong =
            self.lookout.is_original() && !self.connection.will_is_flat() && self.config.role == Role::Member;
        if is_wrong && self.joining.is_joined() && !self.naming.is_changing() && self.sending.outbox().gone_out() == 0 {
            self.connect_anew(Output::Reconnect);
        }
    }

    /// A message on chat/server.
    pub(super) fn server_says(&mut self, now: Now, info: ServerInfo) {
        match self.lookout.says(now.instant, info, &mut self.out) {
            ServerWord::Came => {
                self.sending.server_came(now.instant);
                self.requests.pause();
                self.joining.server_came(now.instant);
            }
            ServerWord::StillAway => self.look_for_an_original(now),
            ServerWord::Went | ServerWord::NoNews => {}
        }
    }

    fn join(&mut self, now: Now) {
        self.lookout.awaits_a_word(now.instant);
        if !self.lookout.is_known() {
            // An original server replies to the nick as typed, and never says that a nick is in use.
            if self.naming.nick().as_str() != self.naming.key().as_str() {
                self.hear_an_original();
            }
            self.naming.greet(self.rooms.here(), &mut self.out);
        }
        self.say_presence(now, Action::Join);
        self.requests.again();
        self.requests.open_own(Inquiry::of(RequestKind::Users));
        self.rooms.own().iter().for_each(|room| self.ask_history(room));
    }

    pub(super) fn welcomed(&mut self, now: Now) {
        if self.joining.welcomed() {
            self.naming.welcomed();
            self.naming.greet(self.rooms.here(), &mut self.out);
            // The message on chat/server may have outlived the server's session on the broker. Only a welcome proves
            // that the server receives us.
            self.sending.server_came(now.instant);
        }
    }

    pub(super) fn nick_in_use(&mut self) {
        if !self.joining.refused() {
            return;
        }
        self.requests.pause();
        if let Some(before) = self.naming.before().cloned() {
            let (refused, was_greeted) = (self.naming.nick().clone(), self.naming.is_greeted());
            self.become_known_as(before, None);
            return self.naming.is_back(refused, was_greeted);
        }
        match self.out.is_on_terminal() {
            true => self.naming.ask(self.lookout.server().and_then(|server| server.timeout_seconds), &mut self.out),
            false => self.out.push(Output::NickInUse),
        }
    }

    fn hear_an_original(&mut self) {
        let to = self.naming.nick().clone();
        self.out.push(Output::Subscribe(self.config.topics.name(&Topic::PrivateFlat { to })));
    }

    /// A sender that once saw a server of ours asks whether an original one is there now. In that case the broker's
    /// acknowledgement settles its messages.
    fn look_for_an_original(&mut self, now: Now) {
        if self.config.role == Role::Sender && self.awaits_a_server() && !self.lookout.is_original() {
            self.hear_an_original();
            self.requests.open_own(Inquiry::of(RequestKind::Users));
            self.send_requests(now);
            // It asks once.
            self.requests.pause();
        }
    }

    /// Sends the requests that are due, except those that an original server would misunderstand.
    fn send_requests(&mut self, now: Now) {
        for (token, inquiry) in self.requests.take_due(now.instant, &mut self.out) {
            if self.lookout.is_known() || !inquiry.misleads_originals() {
                let request = self.request(now, token, inquiry);
                self.out.publish(request);
            }
        }
    }

    pub(super) fn ask_history(&mut self, room: &RoomName) {
        let history = self.rooms.ask(room);
        self.requests.open_own(Inquiry::page(history));
    }

    /// A request of the user.
    pub(super) fn ask(&mut self, inquiry: Inquiry) {
        let reach = self.lookout.reach(self.connection.is_up());
        self.requests.ask(inquiry, reach, &mut self.out);
    }

    /// A direct message arrived. A sender shows nothing, so it leaves the receipt to the member that does.
    pub(super) fn heard_private(&mut self, now: Now, private: Private) {
        if self.config.role == Role::Member {
            let id = private.id.clone().map(crate::protocol::MessageId::Sent);
            let receipt = id.map(|id| self.receipt(now, private.nick.clone(), id));
            self.rooms.hear_direct(now, private, receipt, &mut self.people, &mut self.out);
        }
    }

    /// This many arrivals were dropped, because the news was not taken in time. They are fetched, as after a lost
    /// connection.
    pub(super) fn missed(&mut self, count: u64) {
        self.rooms.missed();
        // chat/server may be among what was dropped. A new subscription brings it again, if the broker allows it.
        if self.lookout.is_readable() {
            self.out.push(Output::Subscribe(self.config.topics.name(&Topic::Server)));
        }
        if !self.lookout.is_known() && count > 0 {
            let messages = if count == 1 { "message was" } else { "messages were" };
            self.out
                .hint(format!("{count} {messages} not read in time and dropped: there is no history to fetch them"));
        } else if self.lookout.is_known() && self.joining.is_joined() {
            // Before the join is sent, the join requests the history. Unconfirmed direct messages are sent again by
            // themselves.
            self.rooms.own().iter().for_each(|room| self.ask_history(room));
        }
    }
}
