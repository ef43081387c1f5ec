//! An invertible sketch of the difference between two sets of records.
//!
//! Stable records are added, candidate records subtracted; equal records cancel, and what is left can be peeled off item
//! by item as long as there are not too many. After Goodrich & Mitzenmacher, "Invertible Bloom Lookup Tables" (2011), and
//! Eppstein et al., "What's the Difference?" (SIGCOMM 2011), with sums in place of XOR, so that duplicates show as a
//! count of two instead of vanishing.

use super::{KeyHash, RecordHash};

const PARTS: usize = 4;

/// Keys up to this many bytes travel in the sketch itself; longer ones are represented by their hash.
const INLINE: usize = 29;
const HASHED: u8 = 0x1f;

/// Items of higher multiplicity are not peeled. Each lane leaves at least this much headroom, so that the sum of
/// equal items divides out exactly.
const MAX_COPIES: i64 = 255;

/// A key as it travels in the sketch: 29 bytes of key, or 16 of its hash.
///
/// Both lanes keep their top byte free (see `MAX_COPIES`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capsule([u128; 2]);

impl Capsule {
    /// Packs a canonical key.
    #[inline]
    pub fn new(key: &[u8], hash: KeyHash) -> Capsule {
        if key.len() <= INLINE {
            Capsule::pack(key, key.len() as u8)
        } else {
            Capsule::pack(&hash.0.to_le_bytes(), HASHED)
        }
    }

    #[inline]
    fn pack(content: &[u8], len: u8) -> Capsule {
        let mut bytes = [0u8; 32];
        let head = content.len().min(15);
        bytes[..head].copy_from_slice(&content[..head]);
        bytes[16..16 + content.len() - head].copy_from_slice(&content[head..]);
        bytes[30] = len;
        let lane = |at: usize| u128::from_le_bytes(bytes[at..at + 16].try_into().expect("sixteen bytes"));
        Capsule([lane(0), lane(16)])
    }

    /// The canonical key, or the key's hash where the key was too long.
    pub fn unpack(self) -> Option<Result<Vec<u8>, KeyHash>> {
        let (head, tail) = (self.0[0].to_le_bytes(), self.0[1].to_le_bytes());
        let mut content = head[..15].to_vec();
        content.extend_from_slice(&tail[..14]);
        match tail[14] {
            HASHED => Some(Err(KeyHash(u128::from_le_bytes(
                content[..16].try_into().expect("sixteen bytes"),
            )))),
            len if usize::from(len) <= INLINE => {
                content.truncate(usize::from(len));
                Some(Ok(content))
            }
            _ => None,
        }
    }
}

/// As large as a cache line, and aligned like one: adding an item touches four lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
struct Cell {
    count: i64,
    check: u64,
    record: u128,
    key: [u128; 2],
}

impl Cell {
    /// Adds one item, or takes it away.
    #[inline]
    fn add_one(&mut self, plus: bool, record: u128, check: u64, key: &Capsule) {
        let sum = |a: u128, b: u128| {
            if plus {
                a.wrapping_add(b)
            } else {
                a.wrapping_sub(b)
            }
        };
        self.count = self.count.wrapping_add(if plus { 1 } else { -1 });
        self.check = if plus {
            self.check.wrapping_add(check)
        } else {
            self.check.wrapping_sub(check)
        };
        self.record = sum(self.record, record);
        self.key = [sum(self.key[0], key.0[0]), sum(self.key[1], key.0[1])];
    }

    fn add(&mut self, copies: i64, record: u128, check: u64, key: &Capsule) {
        self.count = self.count.wrapping_add(copies);
        self.check = self.check.wrapping_add(check.wrapping_mul(copies as u64));
        self.record = self.record.wrapping_add(record.wrapping_mul(copies as u128));
        for (lane, value) in self.key.iter_mut().zip(key.0) {
            *lane = lane.wrapping_add(value.wrapping_mul(copies as u128));
        }
    }
}

/// A record as it travels in the sketch.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// The record's key.
    pub key: Capsule,
    /// The record's hash; the sketch keeps 120 of its bits.
    pub record: RecordHash,
}

/// What peeling found.
#[derive(Clone, Debug, Default)]
pub struct Peeled {
    /// The records on one side only, with how many more copies stable holds than candidate.
    pub items: Vec<(Capsule, i64)>,
    /// Whether everything came out. If not, `items` is a part of the difference only.
    pub complete: bool,
}

/// Cells that are made together, when the first of them is needed: a page.
const BLOCK: usize = 64;

/// The sketch: a fixed number of 64-byte cells. Where few items meet, most of them are never made.
#[derive(Clone, Debug)]
pub struct Sketch {
    blocks: Vec<Option<Box<[Cell; BLOCK]>>>,
    cells: usize,
}

/// Equal if all cells are.
impl PartialEq for Sketch {
    fn eq(&self, other: &Sketch) -> bool {
        self.iter().eq(other.iter())
    }
}

#[inline]
fn positions(record: u128, cells: usize) -> [usize; PARTS] {
    let part = (cells / PARTS) as u64;
    let lanes = [
        record as u32,
        (record >> 32) as u32,
        (record >> 64) as u32,
        (record >> 88) as u32,
    ];
    std::array::from_fn(|i| {
        // The fourth lane overlaps the third by eight bits; the multiplication keeps the high ones.
        i * part as usize + ((u64::from(lanes[i]) * part) >> 32) as usize
    })
}

#[inline]
fn check_of(record: u128) -> u64 {
    // Two rounds of a 64-bit finaliser (SplitMix64, Steele et al. 2014) over both halves.
    let mut x = (record as u64) ^ ((record >> 64) as u64).rotate_left(32);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Sketch {
    /// The fewest cells a sketch may have.
    pub const MIN_CELLS: usize = 4096;

    /// An empty sketch of about `cells` cells (64 bytes each).
    pub fn new(cells: usize) -> Sketch {
        let cells = cells.max(Sketch::MIN_CELLS).next_multiple_of(PARTS);
        Sketch {
            blocks: vec![None; cells.div_ceil(BLOCK)],
            cells,
        }
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.cells
    }

    fn cell(&self, at: usize) -> Cell {
        let block = self.blocks[at / BLOCK].as_deref();
        block.map_or(Cell::default(), |block| block[at % BLOCK])
    }

    fn cell_mut(&mut self, at: usize) -> &mut Cell {
        let block = &mut self.blocks[at / BLOCK];
        &mut block.get_or_insert_with(|| Box::new([Cell::default(); BLOCK]))[at % BLOCK]
    }

    fn iter(&self) -> impl Iterator<Item = Cell> {
        (0..self.cells).map(|at| self.cell(at))
    }

    /// Adds records (stable) or takes them away (candidate).
    pub fn add(&mut self, items: &[Item], plus: bool) {
        for item in items {
            let record = item.record.0 >> 8;
            let check = check_of(record);
            for at in positions(record, self.cells) {
                self.cell_mut(at).add_one(plus, record, check, &item.key);
            }
        }
    }

    /// Adds another part of the same comparison; both must have the same number of cells.
    pub fn merge(&mut self, other: &Sketch) {
        debug_assert_eq!(self.cells, other.cells);
        for (at, b) in other.iter().enumerate().filter(|(_, b)| *b != Cell::default()) {
            let a = self.cell_mut(at);
            a.count = a.count.wrapping_add(b.count);
            a.check = a.check.wrapping_add(b.check);
            a.record = a.record.wrapping_add(b.record);
            a.key[0] = a.key[0].wrapping_add(b.key[0]);
            a.key[1] = a.key[1].wrapping_add(b.key[1]);
        }
    }

    /// Takes the difference apart.
    pub fn peel(mut self) -> Peeled {
        let mut queue: Vec<usize> = (0..self.cells).filter(|&at| self.cell(at).count != 0).collect();
        let mut items = Vec::new();
        while let Some(at) = queue.pop() {
            let Some((record, key, copies)) = self.pure(at) else {
                continue;
            };
            items.push((key, copies));
            let check = check_of(record);
            for at in positions(record, self.cells) {
                let cell = self.cell_mut(at);
                cell.add(-copies, record, check, &key);
                if cell.count != 0 {
                    queue.push(at);
                }
            }
        }
        Peeled {
            items,
            complete: self.iter().all(|cell| cell == Cell::default()),
        }
    }

    /// The one item a cell holds, if it holds (copies of) one item only.
    fn pure(&self, at: usize) -> Option<(u128, Capsule, i64)> {
        let cell = self.cell(at);
        let copies = cell.count;
        if copies == 0 || copies.abs() > MAX_COPIES {
            return None;
        }
        let n = u128::from(copies.unsigned_abs());
        let one = |sum: u128| {
            let sum = if copies < 0 { sum.wrapping_neg() } else { sum };
            (sum % n == 0).then_some(sum / n)
        };
        let record = one(cell.record)?;
        let key = Capsule([one(cell.key[0])?, one(cell.key[1])?]);
        let fits = check_of(record).wrapping_mul(copies as u64) == cell.check
            && positions(record, self.cells).contains(&at);
        fits.then_some((record, key, copies))
    }

    /// All cells as bytes, 64 a cell, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.cells * 64);
        for c in self.iter() {
            out.extend_from_slice(&c.count.to_le_bytes());
            out.extend_from_slice(&c.check.to_le_bytes());
            for lane in [c.record, c.key[0], c.key[1]] {
                out.extend_from_slice(&lane.to_le_bytes());
            }
        }
        out
    }

    /// Reads what [`Sketch::to_bytes`] wrote; `None` if the length is not a sketch's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Sketch> {
        if !bytes.len().is_multiple_of(64 * PARTS) || bytes.len() < Sketch::MIN_CELLS * 64 {
            return None;
        }
        let cell = |b: &[u8]| {
            let lane = |at: usize| u128::from_le_bytes(b[at..at + 16].try_into().expect("sixteen bytes"));
            Cell {
                count: i64::from_le_bytes(b[..8].try_into().expect("eight bytes")),
                check: u64::from_le_bytes(b[8..16].try_into().expect("eight bytes")),
                record: lane(16),
                key: [lane(32), lane(48)],
            }
        };
        let mut sketch = Sketch::new(bytes.len() / 64);
        for (at, bytes) in bytes.chunks_exact(64).enumerate() {
            if bytes != [0; 64] {
                *sketch.cell_mut(at) = cell(bytes);
            }
        }
        Some(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Hasher;

    fn item(i: u64, version: u128) -> Item {
        let hasher = Hasher::new(7);
        let key = [
            &b"some longer key that may or may not fit "[..(i % 40) as usize],
            &i.to_le_bytes(),
        ]
        .concat();
        let hash = hasher.key(&key);
        Item {
            key: Capsule::new(&key, hash),
            record: hasher.record(hash, version),
        }
    }

    #[test]
    fn the_difference_comes_out_exactly() {
        let mut sketch = Sketch::new(Sketch::MIN_CELLS);
        for i in 0..20_000 {
            sketch.add(&[item(i, 1)], true);
            sketch.add(&[item(i, if i % 20 == 0 { 2 } else { 1 })], false);
        }
        let mut copies = vec![];
        for (n, extra) in [
            (20_001, 1i64),
            (20_002, 2),
            (20_003, -3),
            (20_004, 4),
            (20_005, -255),
        ] {
            for _ in 0..extra.abs() {
                sketch.add(&[item(n, 1)], extra > 0);
            }
            copies.push((item(n, 1).key, extra));
        }
        let peeled = sketch.peel();
        assert!(peeled.complete);
        assert_eq!(peeled.items.len(), 2_000 + 5);
        for wanted in copies {
            assert!(peeled.items.contains(&wanted), "{wanted:?}");
        }
        let key = item(0, 1).key;
        assert_eq!(
            peeled
                .items
                .iter()
                .filter(|(k, _)| *k == key)
                .map(|(_, n)| n)
                .sum::<i64>(),
            0
        );
    }

    #[test]
    fn too_many_differences_are_said_to_be_too_many() {
        let mut sketch = Sketch::new(Sketch::MIN_CELLS);
        for i in 0..5_000 {
            sketch.add(&[item(i, 1)], true);
        }
        assert!(!sketch.peel().complete);
    }

    #[test]
    fn capsules_and_bytes_round_trip() {
        for len in 0..64usize {
            let key: Vec<u8> = (0..len as u8).map(|b| b ^ 0xff).collect();
            let hash = Hasher::new(1).key(&key);
            let wanted = if len <= INLINE { Ok(key.clone()) } else { Err(hash) };
            assert_eq!(Capsule::new(&key, hash).unpack(), Some(wanted));
        }
        let mut sketch = Sketch::new(5000);
        sketch.add(&[item(1, 1), item(2, 2)], true);
        assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), Some(sketch));
    }
}
