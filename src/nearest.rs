//! The known word that somebody most likely meant: behind "did you mean …?".
//! Pure; `options` asks it for options and subcommands, whoever reads typed commands may too.

/// Longer words are not compared: nobody mistypes that much, and the cost grows with the square.
const LONGEST: usize = 64;

/// The word of `known` that `word` is most likely a slip of, or `None` where nothing is near.
///
/// Near is: at most one slip for every three letters (a letter wrong, missing, too many, or two
/// swapped), else one word beginning with the other. Case does not count. Among equals the
/// first, or for beginnings the shortest, is taken.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if typed.len() > LONGEST {
        return None;
    }
    let known: Vec<&str> = known.into_iter().collect();
    let slips_allowed = (typed.len() / 3).max(1);
    let by_slips = known
        .iter()
        .map(|candidate| (slips(&typed, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(slips, candidate)| *slips <= slips_allowed && *slips < candidate.len())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| *candidate);
    by_slips.or_else(|| {
        let typed: String = typed.into_iter().collect();
        known
            .into_iter()
            .filter(|candidate| {
                (typed.len() > 1 && candidate.starts_with(&typed))
                    || (candidate.len() > 1 && typed.starts_with(candidate))
            })
            .min_by_key(|candidate| candidate.len())
    })
}

/// How many slips lead from `a` to `b`: the "optimal string alignment" distance.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let wrong = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + wrong);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                let swapped: &Vec<usize> = &before_last;
                least = least.min(swapped[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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
}
