//! Part files: a tally on disk, as a checkpoint of one process or as its share of a plan.
//!
//! Layout: magic with the version, length of the header, header (JSON), body (zstd: leaves of stable, leaves of candidate
//! less those of stable, sketch if there is one, columns), BLAKE3 of all before it. A file that does not add up is refused,
//! never half used; so is one of another version.

use super::write_atomic;
use crate::Pair;
use crate::digest::{COLUMN_RANGES, Columns, Leaves, Sketch};
use crate::plan::Span;
use crate::report::time::instant;
use crate::scan::{Counts, Tally, Unread};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"ASSAYPT5";

/// Sums look like noise, empty leaves are zeros: the fastest that makes little of zeros.
const LEVEL: i32 = -5;

/// What a part file says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartHeader {
    /// Digest of the plan the part belongs to.
    pub plan: String,
    /// What tells the state of both sides' files that it was read of from a later one.
    pub stamp: String,
    /// When its first byte was read, however often the work was taken up again since.
    #[serde(with = "instant")]
    pub began: Timestamp,
    /// The compare, by its place in the plan.
    pub compare: usize,
    /// Numbers of the plan's slices this part is about.
    pub slices: Vec<usize>,
    /// What of them is still to be read; nothing in a finished part.
    pub remaining: Pair<Vec<Span>>,
    /// How often the work was taken up again.
    pub resumed: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    header: PartHeader,
    counts: Pair<Counts>,
    unread: Vec<Unread>,
    /// Length of the sketch; `None` if there is no sketch.
    sketch_bytes: Option<usize>,
    columns: Pair<Vec<String>>,
}

/// Writes a part atomically.
pub fn write_part(path: &Path, header: &PartHeader, tally: &Tally) -> io::Result<()> {
    let sketch = tally.sketch.as_ref().map(Sketch::to_bytes);
    let stored = Stored {
        header: header.clone(),
        counts: tally.counts.clone(),
        unread: tally.unread.clone(),
        sketch_bytes: sketch.as_ref().map(Vec::len),
        columns: tally
            .columns
            .as_ref()
            .map(|columns| columns.iter().map(|(path, _)| path.to_owned()).collect()),
    };
    let json = serde_json::to_vec(&stored).map_err(io::Error::other)?;
    write_atomic(path, |out| {
        let mut out = Hashed {
            out,
            hasher: blake3::Hasher::new(),
        };
        out.write_all(MAGIC)?;
        out.write_all(&(json.len() as u64).to_le_bytes())?;
        out.write_all(&json)?;
        let mut body = zstd::Encoder::new(&mut out, LEVEL)?;
        let Pair { stable, candidate } = &tally.leaves;
        body.write_all(&stable.to_bytes())?;
        body.write_all(&candidate.minus(stable).to_bytes())?;
        body.write_all(&sketch.unwrap_or_default())?;
        for (_, columns) in tally.columns.as_ref().into_sides() {
            for sum in columns.iter().flat_map(|(_, sums)| sums) {
                body.write_all(&sum.to_le_bytes())?;
            }
        }
        body.finish()?;
        let Hashed { out, hasher } = out;
        out.write_all(hasher.finalize().as_bytes())
    })
}

/// Hashes what is written.
struct Hashed<'w> {
    out: &'w mut dyn Write,
    hasher: blake3::Hasher,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a part back.
///
/// # Errors
/// `InvalidData` if the file is not a whole part of this format; what the system says if it cannot be read.
pub fn read_part(path: &Path) -> io::Result<(PartHeader, Tally)> {
    let bytes = std::fs::read(path)?;
    parse(&bytes).ok_or_else(|| {
        let message = match bytes.starts_with(&MAGIC[..7]) && !bytes.starts_with(MAGIC) {
            true => "was written by another version of assay; scan again with this one",
            false => "is not a whole part file; scan again",
        };
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} {message}", path.display()),
        )
    })
}

fn parse(bytes: &[u8]) -> Option<(PartHeader, Tally)> {
    let (content, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if blake3::hash(content).as_bytes() != digest || content.get(..8)? != MAGIC {
        return None;
    }
    let len = |at: usize| Some(u64::from_le_bytes(content.get(at..at + 8)?.try_into().ok()?) as usize);
    let (json, body) = content.get(16..)?.split_at_checked(len(8)?)?;
    let stored: Stored = serde_json::from_slice(json).ok()?;
    let columns = stored.columns.stable.len() + stored.columns.candidate.len();
    let leaves = crate::digest::LEAVES * 24;
    let sketch_bytes = stored.sketch_bytes.unwrap_or(0);
    let size = 2 * leaves + sketch_bytes + columns * COLUMN_RANGES * 8;
    let body = zstd::bulk::decompress(body, size)
        .ok()
        .filter(|b| b.len() == size)?;
    let (stable, rest) = body.split_at(leaves);
    let (candidate, rest) = rest.split_at(leaves);
    let (sketch, mut rest) = rest.split_at(sketch_bytes);
    let columns = stored.columns.map(|paths| {
        let mut columns = Columns::default();
        for path in paths {
            let (sums, tail) = rest.split_at(COLUMN_RANGES * 8);
            let sum =
                |range: usize| u64::from_le_bytes(sums[range * 8..][..8].try_into().expect("eight bytes"));
            columns.restore(&path, &std::array::from_fn(sum));
            rest = tail;
        }
        columns
    });
    let mut leaves = Pair {
        stable: Leaves::from_bytes(stable)?,
        candidate: Leaves::from_bytes(candidate)?,
    };
    leaves.candidate.merge(&leaves.stable);
    let tally = Tally {
        leaves,
        sketch: match stored.sketch_bytes {
            Some(_) => Some(Sketch::from_bytes(sketch)?),
            None => None,
        },
        columns,
        counts: stored.counts,
        unread: stored.unread,
    };
    Some((stored.header, tally))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::digest::{KeyHash, RecordHash};

    fn part(dir: &Path, tally: &Tally) -> std::path::PathBuf {
        let header = PartHeader {
            plan: "p".to_owned(),
            stamp: "s".to_owned(),
            began: Timestamp::UNIX_EPOCH,
            compare: 1,
            slices: vec![3],
            remaining: Pair::default(),
            resumed: 2,
        };
        let path = dir.join("0.part");
        write_part(&path, &header, tally).unwrap();
        path
    }

    #[test]
    fn a_part_says_whether_it_has_a_sketch() {
        let dir = tempfile::tempdir().unwrap();
        for mut tally in [Tally::new(5000), Tally::without_sketch()] {
            for (record, side) in [Side::Stable, Side::Candidate, Side::Candidate]
                .into_iter()
                .enumerate()
            {
                tally.leaves[side].add(KeyHash(1 << 120), RecordHash(record as u128));
            }
            let (header, read) = read_part(&part(dir.path(), &tally)).unwrap();
            assert_eq!((header.compare, header.resumed), (1, 2));
            assert_eq!(read.sketch, tally.sketch);
            assert_eq!(read.leaves, tally.leaves);
        }
    }

    #[test]
    fn other_versions_and_broken_parts_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = part(dir.path(), &Tally::without_sketch());
        let whole = std::fs::read(&path).unwrap();
        let refusal = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_part(&path).map(|_| ()).unwrap_err().to_string()
        };
        let older = [b"ASSAYPT4", &whole[8..]].concat();
        assert!(refusal(&older).contains("another version"));
        assert!(refusal(&whole[..whole.len() - 1]).contains("not a whole part file"));
        assert!(refusal(b"text").contains("not a whole part file"));
    }
}
