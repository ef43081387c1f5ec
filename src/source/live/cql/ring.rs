//! The ring of tokens, cut into ranges.
//!
//! Tokens are those of `Murmur3Partitioner`: 64 bits with sign. The smallest of them is no row's token; it stands before
//! the first.

use crate::source::live::Range;

/// Before the first token.
const START: i64 = i64::MIN;
/// The last token.
const END: i64 = i64::MAX;

/// Ranges in token order that cover the whole ring once. Each lies between two neighbours among `owned`, the tokens of
/// the nodes or the last tokens of the tablets, so that one set of replicas holds all of it; they are divided further to
/// make about `wanted`, and as many as `owned` asks for at least.
pub(super) fn ranges(owned: &[i64], wanted: usize) -> Vec<Range> {
    let mut bounds: Vec<i64> = owned
        .iter()
        .copied()
        .filter(|t| *t != START && *t != END)
        .collect();
    bounds.push(END);
    bounds.sort_unstable();
    bounds.dedup();
    let wanted = wanted.max(1) as u128;
    let mut ranges = Vec::with_capacity(bounds.len().max(wanted as usize));
    let mut after = START;
    for to in bounds {
        let width = u128::from(to.abs_diff(after));
        // Its share of the ranges wanted, rounded up, and no more than it has tokens.
        let pieces = (width * wanted).div_ceil(1 << 64).clamp(1, width);
        let mut from = after;
        for piece in 1..=pieces {
            let until = (i128::from(after) + (width * piece / pieces) as i128) as i64;
            ranges.push(range(from, until));
            from = until;
        }
        after = to;
    }
    ranges
}

fn range(after: i64, to: i64) -> Range {
    Range {
        after: (after != START).then(|| after.to_string()),
        to: (to != END).then(|| to.to_string()),
    }
}

/// The tokens of a range: after the first, up to the second and with it. None if a bound is no token, or the range is
/// empty.
pub(super) fn bounds(range: &Range) -> Option<(i64, i64)> {
    let token = |text: &Option<String>, open: i64| match text {
        Some(text) => text.parse::<i64>().ok(),
        None => Some(open),
    };
    let bounds = (token(&range.after, START)?, token(&range.to, END)?);
    (bounds.0 < bounds.1).then_some(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checks that the ranges cover every token once, and that each has one owner.
    fn tile(owned: &[i64], wanted: usize) -> usize {
        let ranges = ranges(owned, wanted);
        let mut at = START;
        for range in &ranges {
            let (after, to) = bounds(range).unwrap();
            assert_eq!(after, at, "{range:?}");
            assert!(
                owned.iter().all(|t| *t <= after || *t >= to),
                "{range:?} crosses a bound"
            );
            at = to;
        }
        assert_eq!(at, END);
        assert!(ranges.first().unwrap().after.is_none() && ranges.last().unwrap().to.is_none());
        ranges.len()
    }

    #[test]
    fn the_ring_is_covered_once() {
        assert_eq!(tile(&[], 1), 1);
        assert_eq!(tile(&[0], 1), 2);
        assert_eq!(tile(&[END], 4), 4);
        assert_eq!(tile(&[START], 4), 4);
        assert_eq!(tile(&[START, START + 1, -1, 0, END - 1, END], 3), 7);
        assert_eq!(tile(&[5, -5, 5], 64), 65);
        assert!(tile(&[7], usize::from(u16::MAX)) > 65_000);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let range = |after: &str, to: &str| Range {
            after: Some(after.into()),
            to: Some(to.into()),
        };
        assert_eq!(bounds(&Range::default()), Some((START, END)));
        assert_eq!(bounds(&range("-3", "4")), Some((-3, 4)));
        for (after, to) in [
            ("4", "4"),
            ("5", "4"),
            ("x", "4"),
            ("0", "9223372036854775808"),
            ("0", "-9223372036854775808"),
        ] {
            assert_eq!(bounds(&range(after, to)), None, "{after} {to}");
        }
    }

    proptest! {
        #[test]
        fn any_ring_is_covered_once(owned in prop::collection::vec(any::<i64>(), 0..40), wanted in 0usize..500) {
            let parts = tile(&owned, wanted);
            prop_assert!(parts >= wanted && parts <= wanted + owned.len() + 1);
        }
    }
}
