//! The client. `core` decides, `ui` converts between values and text, each module in `io` owns one outside resource,
//! and `app` connects them.

mod app;
pub mod core;
pub(crate) mod io;
pub(crate) mod ui;

pub use self::core::{command, conversation, news};
pub use app::{member, run};
pub use ui::json;
