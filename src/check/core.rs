//! Pure: what the steps of a check are, what their results mean, and how a report looks.

pub mod judge;
pub mod report;
