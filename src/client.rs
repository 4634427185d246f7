//! The client. `core` decides, `ui` turns values into text and text into values, `io` owns what is outside, each module one
//! resource, and `app` connects them.

mod app;
pub mod core;
pub(crate) mod io;
mod ui;

pub use self::core::{command, conversation, news};
pub use app::{member, run};
pub use ui::json;
