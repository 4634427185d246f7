//! Pure: turns values into what a person or a program reads, and keys and text into values.

pub mod cycle;
pub mod json;
pub mod layout;
pub mod lines;
pub mod paste;
pub mod reading;
pub mod typing;
pub mod view;
