//! What a stream delivers: whole records, and where they stood.

/// A record boundary in a namespace's stream: its records laid end to end, decompressed, without headers and byte order
/// marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Bytes before the boundary.
    pub offset: u64,
    /// Records before the boundary.
    pub record: u64,
}

impl Position {
    /// Before the first record.
    pub const START: Position = Position { offset: 0, record: 0 };
}

/// Whole records, in order, of one part of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The records' bytes, end to end.
    pub data: Vec<u8>,
    /// Where each record ends in `data`; the first starts at 0, each other where the one before it ends.
    pub ends: Vec<usize>,
    /// Index into the namespace's parts.
    pub part: usize,
    /// The position of the first record.
    pub start: Position,
    /// Offset of `data` in the part's decompressed file, for messages. Unknown in an archive, where records of other
    /// collections lie between.
    pub file_offset: Option<u64>,
    /// Where reading goes on after this chunk; none in the midst of a live store's range, which is read as a whole.
    pub resume: Option<Position>,
}

/// One record of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its bytes: a BSON document, or text with its line end.
    pub bytes: &'a [u8],
    /// Where it starts.
    pub at: Position,
}

impl Chunk {
    /// The bytes of the record with this number in the chunk, from 0.
    #[inline]
    pub fn record(&self, number: usize) -> &[u8] {
        &self.data[self.from(number)..self.ends[number]]
    }

    /// Where the record with this number stands.
    #[inline]
    pub fn position(&self, number: usize) -> Position {
        Position {
            offset: self.start.offset + self.from(number) as u64,
            record: self.start.record + number as u64,
        }
    }

    #[inline]
    fn from(&self, number: usize) -> usize {
        number.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.ends.len()).map(|number| Record {
            bytes: self.record(number),
            at: self.position(number),
        })
    }

    /// The position after the last record.
    pub fn end(&self) -> Position {
        Position {
            offset: self.start.offset + self.data.len() as u64,
            record: self.start.record + self.ends.len() as u64,
        }
    }
}
