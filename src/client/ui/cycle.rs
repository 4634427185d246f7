//! A key that offers one choice after another in place of what was typed, each time it is pressed.

/// The choices, and where they go.
#[derive(Debug, Clone)]
pub struct Cycle {
    before: String,
    after: String,
    /// The last one is what was typed.
    choices: Vec<String>,
    chosen: usize,
}

impl Cycle {
    /// Offers `choices` in place of `line[start..end]`. `None` if there is nothing to offer.
    pub fn new(line: &str, start: usize, end: usize, choices: Vec<String>) -> Option<Cycle> {
        let (before, typed, after) = (line.get(..start)?, line.get(start..end)?, line.get(end..)?);
        let chosen = choices.len();
        if choices.is_empty() || choices == [typed] {
            return None;
        }
        let choices = choices.into_iter().chain([typed.to_owned()]).collect();
        Some(Cycle { before: before.to_owned(), after: after.to_owned(), choices, chosen })
    }

    /// There was only one choice, and it is in place.
    pub fn is_spent(&self) -> bool {
        self.choices.len() == 2 && self.chosen == 0
    }

    /// Whether the line is what it offered last.
    pub fn shows(&self, line: &str, cursor: usize) -> bool {
        self.offer() == (line.to_owned(), cursor)
    }

    /// The line with the next or the previous choice, and the cursor.
    pub fn turn(&mut self, forwards: bool) -> (String, usize) {
        let count = self.choices.len();
        self.chosen = if forwards { self.chosen + 1 } else { self.chosen + count - 1 } % count;
        self.offer()
    }

    fn offer(&self) -> (String, usize) {
        let choice = &self.choices[self.chosen];
        // The choice may end with a blank that is already there.
        let after =
            if choice.ends_with(' ') { self.after.strip_prefix(' ').unwrap_or(&self.after) } else { &self.after };
        (format!("{}{choice}{after}", self.before), self.before.len() + choice.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_round() {
        let choices = ["bob: ", "bea: "].map(str::to_owned).to_vec();
        let mut cycle = Cycle::new("b hi", 0, 1, choices.clone()).unwrap();
        assert_eq!(cycle.turn(true), ("bob: hi".to_owned(), 5));
        assert!(cycle.shows("bob: hi", 5) && !cycle.shows("bob: hi", 4));
        assert_eq!(cycle.turn(true).0, "bea: hi");
        assert_eq!(cycle.turn(true), ("b hi".to_owned(), 1));
        assert_eq!(cycle.turn(false).0, "bea: hi");
        assert!(!cycle.is_spent());
        assert!(Cycle::new("b", 0, 1, Vec::new()).is_none());
        assert!(Cycle::new("bob", 0, 3, vec!["bob".to_owned()]).is_none(), "it is there");
    }
}
