//! Records that are byte for byte the same on both sides: where both sides read their bytes alike, one look serves both.

use crate::Side;
use crate::source::Chunk;

/// Records of the candidate looked through for the twin of a stable one.
const WINDOW: usize = 16;

/// Records of the stable side that found no twin after which the rest of the chunk is not tried.
const TRIES: usize = 64;

/// What stands next in two chunks: a record of one side, or the same record of both, by their numbers in their chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One without a twin, as far as was looked.
    One(Side, usize),
    /// Twins: that of the stable side, and that of the candidate.
    Twins(usize, usize),
}

/// Goes through two chunks side by side: every record of each comes once and in order. A twin that is not found costs
/// time and nothing else.
///
/// Returns by how many bytes the stable chunk reaches further than the candidate's, counted from the last twins; none
/// without twins.
pub(super) fn side_by_side(stable: &Chunk, candidate: &Chunk, mut visit: impl FnMut(Next)) -> Option<i64> {
    let (ours, theirs) = (stable.ends.len(), candidate.ends.len());
    // Two chunks need not begin at the same record.
    let leading = match (ours, theirs) {
        (0, _) | (_, 0) => 0,
        _ if position(candidate, 0..theirs, stable.record(0)).is_some() => 0,
        _ => position(stable, 0..ours, candidate.record(0)).unwrap_or(0),
    };
    (0..leading).for_each(|i| visit(Next::One(Side::Stable, i)));
    let (mut next, mut missed, mut reach) = (0, 0, None);
    let mut window = theirs;
    for i in leading..ours {
        let found = match missed < TRIES {
            true => position(candidate, next..theirs.min(next + window), stable.record(i)),
            false => None,
        };
        window = WINDOW;
        match found {
            Some(twin) => {
                (next..twin).for_each(|j| visit(Next::One(Side::Candidate, j)));
                visit(Next::Twins(i, twin));
                (next, missed) = (twin + 1, 0);
                reach = Some((stable.ends[i], candidate.ends[twin]));
            }
            None => {
                missed += 1;
                visit(Next::One(Side::Stable, i));
            }
        }
    }
    (next..theirs).for_each(|j| visit(Next::One(Side::Candidate, j)));
    reach.map(|(a, b)| (stable.data.len() - a) as i64 - (candidate.data.len() - b) as i64)
}

/// Where among the records `within` of a chunk the one with these bytes stands.
#[inline]
fn position(chunk: &Chunk, mut within: std::ops::Range<usize>, bytes: &[u8]) -> Option<usize> {
    within.find(|&at| chunk.record(at) == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Position;
    use proptest::prelude::*;

    fn chunk(records: &[u8]) -> Chunk {
        Chunk {
            data: records.to_vec(),
            ends: (1..=records.len()).collect(),
            part: 0,
            start: Position::START,
            file_offset: None,
            resume: None,
        }
    }

    fn walk(stable: &[u8], candidate: &[u8]) -> (Vec<Next>, Option<i64>) {
        let mut met = Vec::new();
        let lead = side_by_side(&chunk(stable), &chunk(candidate), |next| met.push(next));
        (met, lead)
    }

    #[test]
    fn a_changed_a_missing_and_an_extra_record_stand_alone() {
        use Next::{One, Twins};
        let (met, lead) = walk(b"abcde", b"aBcef");
        let expected = [
            Twins(0, 0),
            One(Side::Stable, 1),
            One(Side::Candidate, 1),
            Twins(2, 2),
            One(Side::Stable, 3),
            Twins(4, 3),
            One(Side::Candidate, 4),
        ];
        assert_eq!(met, expected);
        assert_eq!(lead, Some(-1));
    }

    #[test]
    fn chunks_that_begin_apart_are_aligned() {
        let long: Vec<u8> = (0..200).collect();
        let twins = |met: &[Next]| met.iter().filter(|n| matches!(n, Next::Twins(..))).count();
        let (met, lead) = walk(&long, &long[150..]);
        assert_eq!((twins(&met), lead), (50, Some(0)));
        let (met, lead) = walk(&long[150..], &long);
        assert_eq!((twins(&met), lead), (50, Some(0)));
        let (met, lead) = walk(&long[..120], &long[100..]);
        assert_eq!((twins(&met), lead), (20, Some(-80)));
    }

    proptest! {
        #[test]
        fn every_record_comes_once_and_in_order(
            stable in proptest::collection::vec(0u8..6, 0..120),
            candidate in proptest::collection::vec(0u8..6, 0..120),
        ) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for next in walk(&stable, &candidate).0 {
                match next {
                    Next::One(Side::Stable, i) => ours.push(i),
                    Next::One(Side::Candidate, j) => theirs.push(j),
                    Next::Twins(i, j) => {
                        prop_assert_eq!(stable[i], candidate[j]);
                        ours.push(i);
                        theirs.push(j);
                    }
                }
            }
            prop_assert!(ours.iter().copied().eq(0..stable.len()));
            prop_assert!(theirs.iter().copied().eq(0..candidate.len()));
        }
    }
}
