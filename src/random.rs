//! Randomness as a value: code that needs some takes a [`Random`], so a run can be repeated from a seed. The programs
//! use the system's, from the library that TLS already brings.

use crate::protocol::id::{RANDOM_CHARS, base32};
use crate::protocol::{Epoch, Session, Token};
use std::fmt;
use std::sync::Arc;

/// Fills the slice with random bytes.
type FillBytes = dyn Fn(&mut [u8]) + Send + Sync;

/// A source of random bytes. A clone draws from the same source.
#[derive(Clone)]
pub struct Random(Arc<FillBytes>);

impl Random {
    /// `fill` fills its whole slice with random bytes.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Random {
        Random(Arc::new(fill))
    }

    /// The system's randomness. A program calls this once, where it starts, and hands clones to its parts.
    ///
    /// # Panics
    ///
    /// If a value is drawn and the system cannot provide randomness: an identifier that others can guess, or that
    /// occurs twice, would break promises.
    pub fn of_the_system() -> Random {
        Random::new(|bytes| openssl::rand::rand_bytes(bytes).expect("the system gives randomness"))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// Uniform from 0 to `u32::MAX`.
    pub fn number(&self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    /// 12 lower-case base 32 characters.
    pub fn word(&self) -> String {
        base32(&self.bytes::<RANDOM_CHARS>())
    }

    /// An MQTT client identifier that nobody else has, and that every broker accepts.
    pub fn client_id(&self) -> String {
        format!("mqttchat-{}", self.word())
    }

    pub fn session(&self) -> Session {
        Session::from_random(self.bytes())
    }

    pub fn token(&self) -> Token {
        Token::from_random(self.bytes())
    }

    pub fn epoch(&self) -> Epoch {
        Epoch::from_random(self.bytes())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
