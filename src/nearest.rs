//! Finds the known word that somebody most likely meant, for "did you mean …?". Pure.

use strsim::osa_distance;

/// Longer words are not compared: nobody mistypes that much, and the cost grows with the square.
const MAX_CHARS: usize = 64;

/// The word of `known` that `word` is most likely a typo of, or `None` if nothing is near.
///
/// A word is near if it has at most one typo for every three letters (a letter wrong, missing, extra, or two swapped).
/// Otherwise it is near if one of the two words begins with the other. Case does not count. Of several equally near
/// words the first is taken, of several beginnings the shortest word.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().nth(MAX_CHARS).is_some() {
        return None;
    }
    let word = word.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let allowed = (word.chars().count() / 3).max(1);
    let typos = known.iter().map(|candidate| (osa_distance(&word, candidate), *candidate));
    let near = typos.filter(|(typos, candidate)| *typos <= allowed && *typos < candidate.len());
    let begins = |word: &str, part: &str| part.len() > 1 && word.starts_with(part);
    near.min_by_key(|(typos, _)| *typos).map(|(_, candidate)| candidate).or_else(|| {
        let related = known.iter().filter(|candidate| begins(candidate, &word) || begins(&word, candidate));
        related.min_by_key(|candidate| candidate.len()).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        let known = ["host", "port", "password", "password-file", "history", "qos", "no-tls"];
        assert_eq!(nearest(word, known), expected, "{word}");
    }

    #[test]
    fn words() {
        check("prot", Some("port"));
        check("Port", Some("port"));
        check("hots", Some("host"));
        check("hostname", Some("host"));
        check("pasword", Some("password"));
        check("pass", Some("password"));
        check("password-fiel", Some("password-file"));
        check("notls", Some("no-tls"));
        check("qso", Some("qos"));
        check("x", None);
        check("", None);
        check("frobnicate", None);
        check(&"port".repeat(1000), None);
    }

    #[test]
    fn near_and_not_near() {
        // Swapped letters count once, but not if a letter comes between them.
        check("psot", None);
        check("opssword", Some("password"));
        // One typo in up to five letters, two from six on.
        check("hxsx", None);
        check("hixtorx", Some("history"));
        check("hixtxrx", None);
        // The first of two that are equally near, and the shortest that begins so.
        check("post", Some("host"));
        check("pa", Some("password"));
        check("password-file-name", Some("password-file"));
        check("history-of-everything", Some("history"));
        // A word whose every letter is wrong is not near.
        check("ab", None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("é", ["è"]), Some("è"));
        check("QOŚ", Some("qos"));
        check(&"x".repeat(64), None);
    }
}
