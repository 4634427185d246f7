//! Pure: from values to what a person or a program reads, and from keys and text to values.

pub mod cycle;
pub mod json;
pub mod layout;
pub mod paste;
pub mod reading;
pub mod typing;
pub mod view;
