//! Laws that hold for any command line.

use std::ffi::OsString;

use mqttchat::options::Invocation;
use proptest::prelude::*;

use super::{BARE, option_file};

/// Words that look like options, and others.
const WORD: &str = "\\PC*|-{1,2}[a-zA-Z]{1,9}(=.*)?|.*";
/// Lines that look like an option file's.
const LINES: &str = "(-{0,2}[a-z]{0,8}[ =]?.{0,9}\n){0,3}";

proptest! {
    #[test]
    fn nothing_panics_and_errors_are_one_line(
        words in prop::collection::vec(WORD, 0..5),
        file in LINES,
    ) {
        for subcommand in ["client", "server", "check", "export", "import", "help"] {
            let words = words.iter().map(OsString::from);
            let arguments: Vec<_> = [subcommand.into()].into_iter().chain(words).collect();
            if let Err(text) = option_file(&file).run(&arguments) {
                prop_assert!(!text.contains(char::is_control), "{text:?}");
            }
        }
    }

    #[test]
    fn a_url_gives_back_what_was_put_in(
        user in "\\PC{1,9}",
        password in "\\PC{0,9}",
        host in "[a-z][a-z0-9.-]{0,20}",
        port in 1u16..,
    ) {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let url = format!("mqtt://{}:{}@{host}:{port}", encode(&user), encode(&password));
        let Ok(Invocation::Check(check)) = BARE.run(&["check".into(), url.into()]) else {
            panic!("refused");
        };
        let settings = check.connection.settings;
        prop_assert_eq!(settings.address.to_string(), format!("{host}:{port}"));
        prop_assert_eq!(settings.username, Some(user));
        prop_assert_eq!(settings.password, Some(password));
    }
}
