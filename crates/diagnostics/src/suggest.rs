//! "Did you mean": the known name that a misspelt one was most likely meant to be.

/// Names longer than this are not compared: the work grows with the square of the length.
const MAX_LEN: usize = 40;

/// The candidate closest to `word`, if one is close enough to be a likely slip.
///
/// Case and `-` for `_` do not count; otherwise one change in three characters is allowed, or
/// one name being the start of the other (`address` for `addr`).
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = plain(word);
    if word.is_empty() || word.len() > MAX_LEN {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| Some((closeness(&word, &plain(candidate))?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many changes make one of the other, if that is few enough.
fn closeness(word: &[char], candidate: &[char]) -> Option<usize> {
    let distance = distance(word, candidate);
    let few = (word.len().max(candidate.len()) / 3).max(1);
    let shorter = word.len().min(candidate.len());
    let start = shorter >= 3 && (word.starts_with(candidate) || candidate.starts_with(word));
    (distance <= few || start).then_some(distance)
}

fn plain(word: &str) -> Vec<char> {
    word.chars()
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Edit distance (Levenshtein): insertions, deletions and replacements.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for ((cb, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(ca != cb))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name() {
        let names = ["chain_id", "addr", "secret_key"];
        assert_eq!(closest("adr", names), Some("addr"));
        assert_eq!(closest("address", names), Some("addr"));
        assert_eq!(closest("secret", names), Some("secret_key"));
        assert_eq!(closest("chain-id", names), Some("chain_id"));
        assert_eq!(closest("ChainID", names), Some("chain_id"));
        assert_eq!(closest("secretkey", names), Some("secret_key"));
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(closest("colour", ["chain_id", "addr"]), None);
        assert_eq!(closest("", ["a"]), None);
        assert_eq!(closest(&"a".repeat(MAX_LEN + 1), ["a"]), None);
    }

    #[test]
    fn distance_counts_changes() {
        let d = |a: &str, b: &str| distance(&plain(a), &plain(b));
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("abc", ""), 3);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("same", "same"), 0);
    }
}
