//! The known word that a mistyped one is nearest to.
//! Not here: which words are known.

/// The nearest of `known`, if it is near enough to have been meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// Nothing that is known is longer.
    const WORD_BYTES_MAX: usize = 64;
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let distances = known.into_iter().map(|candidate| (distance(&word, candidate), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    let length = word.chars().count().max(candidate.chars().count());
    (distance <= (length / 3).max(1) && distance < length).then_some(candidate)
}

/// Letters to add, leave out, replace, or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut earlier: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(earlier[j - 1] + 1);
            }
            row.push(best);
        }
        earlier = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_what_was_meant() {
        let known = ["name", "private", "public", "roles", "ports"];
        for (word, meant) in [("privat", "private"), ("Roles", "roles"), ("prots", "ports"), ("nmae", "name")]
        {
            assert_eq!(nearest(word, known), Some(meant));
        }
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(nearest("x", ["id"]), None);
        assert_eq!(nearest("colour", ["name", "private", "roles"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest(&"p".repeat(1000), ["private"]), None);
    }
}
