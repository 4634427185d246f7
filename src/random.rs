//! Randomness for identifiers, from the library that TLS already brings. The shells call it; the cores take its values.

use crate::protocol::id::{RANDOM_CHARS, base32};
use crate::protocol::{Epoch, Session, Token};

/// Enough random bytes for a session, an epoch, a token or a client identifier.
///
/// # Panics
/// Where the system has no randomness to give: an identifier that others can guess or have too would break promises
/// that cannot be kept without it.
pub fn bytes() -> [u8; RANDOM_CHARS] {
    let mut bytes = [0; RANDOM_CHARS];
    openssl::rand::rand_bytes(&mut bytes).expect("the system gives randomness");
    bytes
}

/// 12 random lower-case base 32 characters.
pub fn word() -> String {
    base32(&bytes())
}

pub fn session() -> Session {
    Session::from_random(bytes())
}

pub fn token() -> Token {
    Token::from_random(bytes())
}

pub fn epoch() -> Epoch {
    Epoch::from_random(bytes())
}
