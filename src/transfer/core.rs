//! Pure: how a message looks in an export.

pub mod line;
