//! The wire's limits, each with its unit and its reason.

use std::time::Duration;

/// Longest nick and room name, in Unicode scalar values: fits a line of a screen and a level of a topic.
pub const NAME_CHARS: usize = 32;
/// Longest message text, in Unicode scalar values. At 4 bytes each it stays far below [`PAYLOAD_BYTES`].
pub const TEXT_CHARS: usize = 4_000;
/// A payload above this many bytes is dropped unread, so that nobody can make the others parse megabytes.
pub const PAYLOAD_BYTES: usize = 64 * 1024;
/// No reply of the server exceeds this many bytes; a page ends there. Below [`PAYLOAD_BYTES`], and below what small
/// brokers and small clients take.
pub const REPLY_BYTES: usize = 48 * 1024;
/// Most messages in one page of history.
pub const PAGE_MESSAGES: usize = 500;
/// Most nicks in a `users_list` of a notice; above, the field is left out, so that a join costs the same in a large chat.
pub const NOTICE_USERS: usize = 100;
/// Most nicks named in one merged notice.
pub const NOTICE_NAMES: usize = 20;
/// Most nicks in an `online_users` list.
pub const LISTED_USERS: usize = 500;
/// Most rooms that one session can be in, the lobby not counted.
pub const ROOMS_PER_SESSION: usize = 64;
/// Most rooms in a `rooms` reply.
pub const LISTED_ROOMS: usize = 500;
/// Longest text of a search, in Unicode scalar values: room for all that it may hold.
pub const SEARCH_CHARS: usize = 500;
/// Most words of a search, those of its phrases included: each costs a look into the index.
pub const SEARCH_WORDS: usize = 32;
/// Fewest characters before the `*` of a search: one letter is the beginning of everything.
pub const SEARCH_PREFIX_CHARS: usize = 2;
/// Most messages that a reply to a search holds where the request names no limit.
pub const SEARCH_MESSAGES: usize = 20;
/// How long a server waits before it believes a will: a short drop of a connection is no leave.
pub const WILL_DELAY: Duration = Duration::from_millis(1_500);
