//! The wire's limits, each with its unit and its reason.

use std::time::Duration;

/// Longest nick and room name, in Unicode scalar values: fits a screen line and a topic level.
pub const NAME_CHARS: usize = 32;
/// Longest message text, in Unicode scalar values. At 4 bytes each it is far below [`PAYLOAD_BYTES`].
pub const TEXT_CHARS: usize = 4_000;
/// A larger payload, in bytes, is dropped unread, so that nobody can make others parse megabytes.
pub const PAYLOAD_BYTES: usize = 64 * 1024;
/// Largest reply of the server, in bytes; a page ends there. Below [`PAYLOAD_BYTES`], and below the limits of small
/// brokers and clients.
pub const REPLY_BYTES: usize = 48 * 1024;
/// Most messages in one page of history.
pub const PAGE_MESSAGES: usize = 500;
/// Most nicks in a `users_list` of a notice. Above, the notice has none, so that a join costs the same in a large chat.
pub const NOTICE_USERS: usize = 100;
/// Most nicks named in one merged notice.
pub const NOTICE_NAMES: usize = 20;
/// Most nicks in an `online_users` list.
pub const LISTED_USERS: usize = 500;
/// Most rooms that one session can be in, besides the lobby.
pub const ROOMS_PER_SESSION: usize = 64;
/// Most rooms in a `rooms` reply.
pub const LISTED_ROOMS: usize = 500;
/// Longest text of a search, in Unicode scalar values: enough for everything that it may contain.
pub const SEARCH_CHARS: usize = 500;
/// Most words of a search, including those of phrases: each costs a lookup in the index.
pub const SEARCH_WORDS: usize = 32;
/// Fewest characters before the `*` of a search: too many words begin with any one letter.
pub const SEARCH_PREFIX_CHARS: usize = 2;
/// Most messages in a reply to a search without a limit.
pub const SEARCH_MESSAGES: usize = 20;
/// How long a server waits before it acts on a will: a short loss of the connection is no leave.
pub const WILL_DELAY: Duration = Duration::from_millis(1_500);
