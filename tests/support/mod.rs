//! The harness of the black-box tests: brokers, certificates, the built program, subscribers. Each test file declares
//! `mod support;` and gets all of it. Nothing here knows what a chat is.

// Every test file compiles its own copy of this module and uses only a part.
#![allow(dead_code, unused_imports)]

// A test that uses nothing of the crate must still link it: the crate defines the functions that build.rs tells the
// linker to put in place of `writev` and `SSL_write`.
use mqttchat as _;

mod broker;
mod broker_builder;
mod certificates;
mod drawn;
mod injector;
mod links;
mod output;
mod program;
mod pty;
mod seed;
mod subscriber;
mod temp_dir;
mod tmux;
mod wait;

pub use broker::Broker;
pub use broker_builder::Builder;
pub use certificates::{Certificates, Pair};
pub use drawn::Drawn;
pub use injector::Injector;
pub use links::{link_config, settings};
pub use output::Stream;
pub use program::{Program, isolate};
pub use pty::{Pty, PtyBuilder};
pub use seed::{SeedLine, seed_wire};
pub use subscriber::{Message, Subscriber, publish, publish_lines};
pub use temp_dir::TempDir;
pub use tmux::Tmux;
pub use wait::{PATIENCE, send_signal, wait_for_exit, wait_until};
