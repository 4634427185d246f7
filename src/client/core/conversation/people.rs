//! People: who is about, and whose words are hidden.

pub mod ignored;
pub mod nicks;
