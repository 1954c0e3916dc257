//! Which of two sequences' elements belong together.

/// Pairs of indices in the order of both sequences, each index once; `None` where the other one has nothing like it.
pub type Pairs = Vec<(Option<usize>, Option<usize>)>;

/// The alignment of sequences of these lengths with the greatest sum of `likeness`; elements of likeness 0 are never
/// paired. Needleman and Wunsch's, without a price for gaps; quadratic in time and memory.
pub fn align((left, right): (usize, usize), likeness: impl Fn(usize, usize) -> u32) -> Pairs {
    let width = right + 1;
    // The best sum from here to the end.
    let mut best = vec![0_u32; (left + 1) * width];
    for i in (0..left).rev() {
        for j in (0..right).rev() {
            let likeness = likeness(i, j);
            let paired = if likeness > 0 { likeness + best[(i + 1) * width + j + 1] } else { 0 };
            best[i * width + j] = paired.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
        }
    }
    let mut pairs = Pairs::with_capacity(left.max(right));
    let (mut i, mut j) = (0, 0);
    while i < left && j < right {
        let here = best[i * width + j];
        let likeness = likeness(i, j);
        if likeness > 0 && here == likeness + best[(i + 1) * width + j + 1] {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if here == best[(i + 1) * width + j] {
            pairs.push((Some(i), None));
            i += 1;
        } else {
            pairs.push((None, Some(j)));
            j += 1;
        }
    }
    pairs.extend((i..left).map(|i| (Some(i), None)));
    pairs.extend((j..right).map(|j| (None, Some(j))));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(left: &str, right: &str) -> String {
        let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
        let pairs = align((left.len(), right.len()), |i, j| u32::from(left[i] == right[j]));
        let shown = pairs.into_iter().map(|(i, j)| match (i, j) {
            (Some(i), Some(_)) => left[i].to_string(),
            (Some(i), None) => format!("-{}", left[i]),
            (None, j) => format!("+{}", j.map_or(' ', |j| right[j])),
        });
        shown.collect()
    }

    #[test]
    fn what_is_alike_is_paired_in_order() {
        assert_eq!(aligned("abcd", "abcd"), "abcd");
        assert_eq!(aligned("abxd", "aybd"), "a+yb-xd");
        assert_eq!(aligned("", "ab"), "+a+b");
        assert_eq!(aligned("ab", ""), "-a-b");
        assert_eq!(aligned("ab", "ba"), "-ab+a", "each stands where it is in both");
    }

    #[test]
    fn more_likeness_wins() {
        let likeness = [[1, 5], [0, 1]];
        assert_eq!(align((2, 2), |i, j| likeness[i][j]), [(None, Some(0)), (Some(0), Some(1)), (Some(1), None)]);
    }
}
