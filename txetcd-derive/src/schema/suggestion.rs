//! "Did you mean": the known name that is nearest to a misspelt one.

/// The candidate that `word` most probably means, if one is near enough.
///
/// Near enough is a third of the letters wrong, and one letter for short words.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replace = above[j] + usize::from(a[i] != b[j]);
            let mut best = replace.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    const NAMES: [&str; 6] = ["slot", "key", "codec", "compress", "name", "crate"];

    #[test]
    fn distances() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("slot", ""), 4);
        assert_eq!(distance("", "slot"), 4);
        assert_eq!(distance("slot", "slot"), 0);
        assert_eq!(distance("slto", "slot"), 1, "a swap is one step");
        assert_eq!(distance("solt", "slot"), 1);
        assert_eq!(distance("compresion", "compress"), 3);
        assert_eq!(distance("kéy", "key"), 1, "letters, not bytes");
    }

    #[test]
    fn near_misses_are_found() {
        assert_eq!(nearest("slto", NAMES), Some("slot"));
        assert_eq!(nearest("keys", NAMES), Some("key"));
        assert_eq!(nearest("compression", NAMES), Some("compress"));
        assert_eq!(nearest("names", NAMES), Some("name"));
    }

    #[test]
    fn far_words_are_not() {
        assert_eq!(nearest("primary", NAMES), None);
        assert_eq!(nearest("x", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
    }
}
