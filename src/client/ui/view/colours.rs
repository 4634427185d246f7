//! What the parts of a line look like on a terminal with colours.
//!
//! The colours come from the fixed part of the 256. The first 16 depend on the terminal's scheme, and in few schemes yellow
//! is readable on white. A contrast of 4.5 to both black and white requires a luminance of 0.175 to 0.183, which few colours
//! have. All of these have at least 4 to both; a test computes it.

use crate::protocol::NickKey;

/// The role of a part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Times, rooms, notices.
    Aside,
    Nick(u8),
    /// The reader's own nick.
    Own,
    /// The nick of somebody who mentions the reader.
    Mention,
    Direct,
    /// The text of an action.
    Action,
    Error,
}

/// The colours of nicks: distinguishable hues.
const NICKS: [u8; 12] = [130, 64, 28, 30, 31, 27, 63, 98, 129, 162, 131, 133];
const ASIDE: u8 = 243;
const DIRECT: u8 = 163;
const ERROR: u8 = 196;

/// The colour of a nick: the same in every run and spelling.
pub fn of_nick(key: &NickKey) -> Ink {
    // FNV-1a: small and stable.
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = key.as_str().bytes().fold(0x811c_9dc5, hash);
    // The low bits alone are weak.
    let index = (hash ^ (hash >> 16)) as usize % NICKS.len();
    Ink::Nick(NICKS[index])
}

/// A text with the escape sequences of its role.
pub fn paint(part: Ink, text: &str) -> String {
    let style = match part {
        Ink::Aside => format!("38;5;{ASIDE}"),
        Ink::Nick(colour) => format!("38;5;{colour}"),
        Ink::Own => "1".to_owned(),
        Ink::Mention => "1;7".to_owned(),
        Ink::Direct => format!("38;5;{DIRECT}"),
        Ink::Action => "3".to_owned(),
        Ink::Error => format!("38;5;{ERROR}"),
    };
    format!("\x1b[{style}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Nick;

    /// Of a colour of the fixed part, as xterm and all after it define it.
    fn luminance(index: u8) -> f64 {
        let channel = |level: u8| f64::from(if level == 0 { 0 } else { 55 + 40 * level });
        let rgb = match index {
            16..=231 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(channel),
            232.. => [f64::from(8 + 10 * (index - 232)); 3],
            _ => panic!("{index} is the terminal's own"),
        };
        let linear = |value: f64| match value / 255.0 {
            value if value <= 0.04045 => value / 12.92,
            value => ((value + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
    }

    #[test]
    fn all_are_readable_on_black_and_on_white() {
        for index in NICKS.into_iter().chain([ASIDE, DIRECT, ERROR]) {
            let luminance = luminance(index);
            let (on_white, on_black) = (1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05);
            assert!(on_white >= 3.99 && on_black >= 3.99, "{index}: {on_white:.2} on white, {on_black:.2} on black");
        }
        let on_white = 1.05 / (luminance(ASIDE) + 0.05);
        assert!(on_white > 4.5, "most of what is on the screen: {on_white}");
    }

    #[test]
    fn a_nick_keeps_its_colour() {
        let of = |nick: &str| of_nick(Nick::parse(nick).unwrap().key());
        assert_eq!(of("alice"), of("Alice"));
        assert_eq!(of("alice"), Ink::Nick(64), "of an earlier version too");
        let colours = |count: usize| (0..count).map(|number| of(&format!("user{number}"))).collect::<Vec<_>>();
        for colour in NICKS {
            let count = colours(1_200).iter().filter(|other| **other == Ink::Nick(colour)).count();
            assert!((50..200).contains(&count), "{colour}: {count} of 1200");
        }
    }
}
