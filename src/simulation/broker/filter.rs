//! Topic names and topic filters: which are valid, and which match (MQTT 5, section 4.7).

/// Whether messages of the topic `name` are for a subscription to `filter`.
pub fn matches(filter: &str, name: &str) -> bool {
    // Topics that begin with $ are the broker's own; no leading wildcard reaches them.
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut levels, mut names) = (filter.split('/'), name.split('/'));
    loop {
        match (levels.next(), names.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            _ => return false,
        }
    }
}

pub fn is_name(text: &str) -> bool {
    is_topic(text) && !text.contains(['+', '#'])
}

pub fn is_filter(text: &str) -> bool {
    let last = text.split('/').count() - 1;
    let is_level = |(at, level): (usize, &str)| match level {
        "#" => at == last,
        "+" => true,
        _ => !level.contains(['+', '#']),
    };
    is_topic(text) && text.split('/').enumerate().all(is_level)
}

fn is_topic(text: &str) -> bool {
    (1..=usize::from(u16::MAX)).contains(&text.len()) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, name) in [
            ("a/b", "a/b"),
            ("a/+", "a/b"),
            ("a/+", "a/"),
            ("+/+", "/b"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("#", "a/b"),
            ("+/b/#", "a/b"),
            ("$SYS/#", "$SYS/x"),
        ] {
            assert!(matches(filter, name), "{filter} {name}");
        }
        for (filter, name) in [
            ("a/b", "a/B"),
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("+", "/a"),
            ("a", "a/b"),
            ("a/b/#", "a"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
        ] {
            assert!(!matches(filter, name), "{filter} {name}");
        }
    }

    #[test]
    fn names_hold_no_wildcards_and_filters_hold_them_as_whole_levels() {
        for text in ["a", "a/b", "/", "chat/messages/日本"] {
            assert!(is_name(text) && is_filter(text), "{text}");
        }
        for filter in ["#", "+", "a/#", "+/a/+", "a/+/b/#"] {
            assert!(is_filter(filter) && !is_name(filter), "{filter}");
        }
        for text in ["", "a+", "a/b#", "#/a", "a/#/b", "a\0b", "a\n"] {
            assert!(!is_filter(text) && !is_name(text), "{text:?}");
        }
        assert!(!is_name(&"x".repeat(65_536)));
    }
}
