//! Requests: some are answered from memory, others by the database.

use super::ServerChat;
use super::invalid::agree;
use crate::protocol::limits::{PAGE_MESSAGES, SEARCH_MESSAGES};
use crate::protocol::{
    ErrorCode, ErrorReply, Invalid, NickKey, Pong, Request, RequestKind, SearchQuery, SearchRequest,
};
use crate::server::core::record::{PagePosition, PageQuery, ReplyTo, StoreQuestion};

impl ServerChat {
    pub(super) fn request(
        &mut self,
        payload: &[u8],
        what: RequestKind,
        sender: Option<&NickKey>,
    ) -> Result<(), Invalid> {
        let request = Request::parse(payload, what).inspect_err(|_| {
            if what == RequestKind::History && sender.is_none() {
                self.explain_no_nick(payload);
            }
        })?;
        agree(sender, &request.requester)?;
        self.stats.requests_total += 1;
        let page = request.history;
        let reply = ReplyTo { requester: request.requester, session: request.session, token: request.token };
        match what {
            RequestKind::Users => self.reply_users(&reply),
            RequestKind::Rooms => self.ask(StoreQuestion::Rooms { reply }),
            RequestKind::Search => self.search(request.search, reply),
            RequestKind::Ping => {
                let pong = Pong { request: reply.token.clone(), timestamp: Some(self.timestamp()) };
                self.reply(&reply, pong.to_json());
            }
            RequestKind::History => {
                let limit = page.limit.unwrap_or(self.config.history_limit);
                let position = match (page.after, page.before) {
                    (Some(cursor), _) => PagePosition::After(cursor),
                    (None, Some(cursor)) => PagePosition::Before(cursor),
                    (None, None) => PagePosition::Newest,
                };
                self.ask(StoreQuestion::Page { query: PageQuery { room: page.room, limit, position }, reply });
            }
        }
        Ok(())
    }

    fn search(&mut self, asked: SearchRequest, reply: ReplyTo) {
        match SearchQuery::parse(&asked.text) {
            Ok(query) => self.ask(StoreQuestion::Search {
                query: SearchQuery { room: query.room.or(asked.room), ..query },
                limit: asked.limit.unwrap_or(SEARCH_MESSAGES).clamp(1, PAGE_MESSAGES),
                before: asked.before,
                reply,
            }),
            Err(mistake) => {
                let error = ErrorReply::new(ErrorCode::BadRequest, mistake, reply.session.clone());
                self.reply(&reply, ErrorReply { request: reply.token.clone(), ..error }.to_json());
            }
        }
    }
}
