//! Pure: validates topics before anything is published or subscribed to. For a topic that MQTT forbids, a broker closes
//! the connection, and everything under way is interrupted.

use crate::protocol::names::fits_topics;

/// The longest string of MQTT, in bytes.
const LONGEST: usize = u16::MAX as usize;

/// What is wrong with this topic name.
pub fn fault_of_name(name: &str) -> Option<&'static str> {
    if name.contains(['+', '#']) { Some("it holds a wildcard") } else { fault_of_filter(name) }
}

/// What is wrong with this topic filter. The position of wildcards is not checked.
pub fn fault_of_filter(filter: &str) -> Option<&'static str> {
    match filter {
        "" => Some("it is empty"),
        _ if filter.len() > LONGEST => Some("it is too long"),
        _ if !filter.chars().all(fits_topics) => Some("it holds a control character or a noncharacter"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_mqtt_forbids_are_found() {
        for topic in ["", "a\0b", "a\nb", "a\u{7f}", "a\u{85}", "a/\u{ffff}", "a/\u{fdd0}", "a/\u{10fffe}"] {
            assert!(fault_of_name(topic).is_some() && fault_of_filter(topic).is_some(), "{topic:?}");
        }
        for filter in ["a/+/b", "a/#"] {
            assert!(fault_of_name(filter).is_some() && fault_of_filter(filter).is_none(), "{filter}");
        }
        for topic in ["chat/messages/alice", "a b", "/", "chat/messages/日本", "a/\u{fdcf}\u{fdf0}\u{fffd}\u{10000}"]
        {
            assert_eq!((fault_of_name(topic), fault_of_filter(topic)), (None, None), "{topic:?}");
        }
        assert_eq!(fault_of_name(&"x".repeat(LONGEST)), None);
        assert!(fault_of_name(&"x".repeat(LONGEST + 1)).is_some());
    }
}
