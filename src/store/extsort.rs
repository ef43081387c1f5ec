//! An external merge sort with bounded memory: for spilled records (by key hash) and for findings (by key).
//!
//! Entries gather in memory up to a limit, are sorted and written as a run; runs are merged when read back. Knuth, TAOCP
//! vol. 3, 5.4.1. Temporary files are private and unlinked at once, so that a killed process leaves none behind.

use super::budget::{Claim, SortBudget, SortError};
use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How two keys compare.
pub type Order = fn(&[u8], &[u8]) -> Ordering;

/// Runs are merged into one when there are this many, which bounds open files and merge buffers.
const MAX_RUNS: usize = 64;
const RUN_BUFFER: usize = 1 << 16;

/// Entries with equal keys are ordered by so many bytes of their payloads; the rest is read when an entry's turn comes.
const COMPARED: usize = 1 << 16;

/// Takes entries of key and payload in any order.
#[derive(Debug)]
pub struct Sorter<'b> {
    dir: PathBuf,
    order: Order,
    claim: Claim<'b>,
    memory: usize,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    runs: Vec<Run>,
    len: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: usize,
    key: u32,
    payload: u32,
}

#[derive(Debug)]
struct Run {
    file: File,
}

impl Entry {
    fn key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.at..self.at + self.key as usize]
    }

    fn payload<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = self.at + self.key as usize;
        &arena[start..start + self.payload as usize]
    }
}

impl<'b> Sorter<'b> {
    /// A sorter that holds about `memory` bytes and spills into `dir`.
    pub fn new(dir: &Path, order: Order, memory: usize, budget: &'b SortBudget) -> Sorter<'b> {
        Sorter {
            dir: dir.to_owned(),
            order,
            claim: Claim::on(budget),
            memory,
            arena: Vec::new(),
            entries: Vec::new(),
            runs: Vec::new(),
            len: 0,
        }
    }

    /// Number of entries pushed.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes an entry, whose payload may come in parts. Entries with equal keys are ordered by the first 64 KiB of their
    /// payloads, so that the result does not depend on arrival.
    pub fn push(&mut self, key: &[u8], payload: &[&[u8]]) -> Result<(), SortError> {
        let len: usize = payload.iter().map(|part| part.len()).sum();
        self.len += 1;
        if len > self.memory / 8 {
            // Not worth the memory until the next ones come.
            self.claim.take((len + key.len() + 8) as u64)?;
            return self.add_run(|out| write_entry(out, key, payload));
        }
        if !self.arena.is_empty()
            && self.arena.len() + self.entries.len() * 16 + key.len() + len > self.memory
        {
            self.spill()?;
        }
        self.entries.push(Entry {
            at: self.arena.len(),
            key: key.len() as u32,
            payload: len as u32,
        });
        self.arena.extend_from_slice(key);
        payload.iter().for_each(|part| self.arena.extend_from_slice(part));
        Ok(())
    }

    fn spill(&mut self) -> Result<(), SortError> {
        // By one thread: workers push while they hold a lock, and one that waits for the help of others may be given a
        // job of theirs that wants the same lock.
        let by = by(self.order, &self.arena);
        self.entries.sort_unstable_by(by);
        let bytes = self.arena.len() + self.entries.len() * 8;
        self.claim.take(bytes as u64)?;
        let (arena, entries) = (std::mem::take(&mut self.arena), std::mem::take(&mut self.entries));
        self.add_run(|out| {
            entries
                .iter()
                .try_for_each(|entry| write_entry(out, entry.key(&arena), &[entry.payload(&arena)]))
        })?;
        (self.arena, self.entries) = (arena, entries);
        self.arena.clear();
        self.entries.clear();
        Ok(())
    }

    /// Writes a run, and merges all there are when they are many.
    fn add_run(&mut self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SortError> {
        let run = write_run(&self.dir, fill);
        self.runs.push(run.map_err(|source| failed(&self.dir, source))?);
        if self.runs.len() == MAX_RUNS {
            let runs = std::mem::take(&mut self.runs);
            let dir = self.dir.clone();
            // The bytes stay claimed: the merged run is as long as its parts.
            let claim = self.claim.beside();
            let mut merged = Sorted::new(runs, Vec::new(), Vec::new(), self.order, dir.clone(), claim);
            let run = write_run(&dir, |out| {
                while let Some(first) = merged.take()? {
                    let (key, payload) = merged.cursors[first].current();
                    write_entry(out, key, &[payload])?;
                }
                Ok(())
            });
            self.runs.push(run.map_err(|source| failed(&self.dir, source))?);
        }
        Ok(())
    }

    /// Ends the input and reads the entries back in order: from memory, or from files where some of them are there already.
    pub fn finish(mut self) -> Result<Sorted<'b>, SortError> {
        use rayon::slice::ParallelSliceMut;
        if self.runs.is_empty() {
            let by = by(self.order, &self.arena);
            self.entries.par_sort_unstable_by(by);
        } else if !self.entries.is_empty() {
            self.spill()?;
            self.arena = Vec::new();
        }
        Ok(Sorted::new(
            self.runs,
            self.arena,
            self.entries,
            self.order,
            self.dir,
            self.claim,
        ))
    }
}

/// The error of a file in `dir`.
fn failed(dir: &Path, source: io::Error) -> SortError {
    SortError::Io {
        dir: dir.to_owned(),
        source,
    }
}

/// The part of a payload by which entries are ordered.
fn compared(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(COMPARED)]
}

/// How entries of `arena` compare: by key, then by payload.
fn by(order: Order, arena: &[u8]) -> impl Fn(&Entry, &Entry) -> Ordering {
    move |a, b| {
        order(a.key(arena), b.key(arena))
            .then_with(|| compared(a.payload(arena)).cmp(compared(b.payload(arena))))
    }
}

fn write_run(dir: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Run> {
    let mut out = BufWriter::with_capacity(RUN_BUFFER, tempfile::tempfile_in(dir)?);
    fill(&mut out)?;
    let mut file = out.into_inner().map_err(|e| e.into_error())?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Run { file })
}

fn write_entry(out: &mut dyn Write, key: &[u8], payload: &[&[u8]]) -> io::Result<()> {
    let len: usize = payload.iter().map(|part| part.len()).sum();
    out.write_all(&(key.len() as u32).to_le_bytes())?;
    out.write_all(&(len as u32).to_le_bytes())?;
    out.write_all(key)?;
    payload.iter().try_for_each(|part| out.write_all(part))
}

/// Entries in order.
#[derive(Debug)]
pub struct Sorted<'b> {
    dir: PathBuf,
    order: Order,
    cursors: Vec<Cursor>,
    /// Cursors that have a current entry, the smallest first.
    heap: Vec<usize>,
    started: bool,
    last: Option<usize>,
    _claim: Claim<'b>,
}

#[derive(Debug)]
enum Cursor {
    File {
        reader: BufReader<File>,
        key: Vec<u8>,
        payload: Vec<u8>,
        /// Bytes of the payload that are still to be read.
        rest: usize,
    },
    Memory {
        arena: Vec<u8>,
        entries: Vec<Entry>,
        next: usize,
    },
}

impl Cursor {
    fn advance(&mut self) -> io::Result<bool> {
        match self {
            Cursor::File {
                reader,
                key,
                payload,
                rest,
            } => {
                payload.clear();
                payload.shrink_to(COMPARED);
                let mut head = [0u8; 8];
                match reader.read(&mut head[..1])? {
                    0 => return Ok(false),
                    _ => reader.read_exact(&mut head[1..])?,
                }
                let len = |b: &[u8]| u32::from_le_bytes(b.try_into().expect("four bytes")) as usize;
                key.resize(len(&head[..4]), 0);
                reader.read_exact(key)?;
                let whole = len(&head[4..]);
                payload.resize(whole.min(COMPARED), 0);
                *rest = whole - payload.len();
                reader.read_exact(payload)?;
                Ok(true)
            }
            Cursor::Memory { entries, next, .. } => {
                *next += 1;
                Ok(*next <= entries.len())
            }
        }
    }

    /// Reads all of the current entry.
    fn complete(&mut self) -> io::Result<()> {
        if let Cursor::File {
            reader,
            payload,
            rest,
            ..
        } = self
        {
            let read = payload.len();
            payload.resize(read + std::mem::take(rest), 0);
            reader.read_exact(&mut payload[read..])?;
        }
        Ok(())
    }

    /// The current entry, as far as it is read.
    fn current(&self) -> (&[u8], &[u8]) {
        match self {
            Cursor::File { key, payload, .. } => (key, payload),
            Cursor::Memory { arena, entries, next } => {
                let entry = &entries[*next - 1];
                (entry.key(arena), entry.payload(arena))
            }
        }
    }
}

impl<'b> Sorted<'b> {
    fn new(
        runs: Vec<Run>,
        arena: Vec<u8>,
        entries: Vec<Entry>,
        order: Order,
        dir: PathBuf,
        claim: Claim<'b>,
    ) -> Sorted<'b> {
        let file = |run: Run| Cursor::File {
            reader: BufReader::with_capacity(RUN_BUFFER, run.file),
            key: Vec::new(),
            payload: Vec::new(),
            rest: 0,
        };
        let mut cursors: Vec<Cursor> = runs.into_iter().map(file).collect();
        cursors.push(Cursor::Memory {
            arena,
            entries,
            next: 0,
        });
        Sorted {
            dir,
            order,
            cursors,
            heap: Vec::new(),
            started: false,
            last: None,
            _claim: claim,
        }
    }

    /// The next entry: key and payload.
    ///
    /// Named after what it lends: the entry is valid until the next call.
    #[expect(
        clippy::should_implement_trait,
        reason = "a lending iterator cannot implement Iterator"
    )]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>, SortError> {
        let taken = self.take().map_err(|source| failed(&self.dir, source))?;
        Ok(taken.map(|first| self.cursors[first].current()))
    }

    /// The key of the next entry, which is not taken.
    pub fn next_key(&mut self) -> Result<Option<&[u8]>, SortError> {
        let first = self.first().map_err(|source| failed(&self.dir, source))?;
        Ok(first.map(|first| self.cursors[first].current().0))
    }

    /// Takes the next entry: it is the current one of this cursor.
    fn take(&mut self) -> io::Result<Option<usize>> {
        self.last = self.first()?;
        if let Some(first) = self.last {
            self.cursors[first].complete()?;
        }
        Ok(self.last)
    }

    /// The cursor that has the next entry; the last one that was taken is let go of.
    fn first(&mut self) -> io::Result<Option<usize>> {
        if !self.started {
            self.started = true;
            for i in 0..self.cursors.len() {
                if self.cursors[i].advance()? {
                    self.heap.push(i);
                }
            }
            let (cursors, order) = (&self.cursors, self.order);
            self.heap.sort_by(|&a, &b| compare(cursors, order, a, b));
        } else if let Some(last) = self.last.take() {
            self.heap.remove(0);
            if self.cursors[last].advance()? {
                let (cursors, order) = (&self.cursors, self.order);
                let at = self
                    .heap
                    .partition_point(|&i| compare(cursors, order, i, last).is_lt());
                self.heap.insert(at, last);
            }
        }
        Ok(self.heap.first().copied())
    }
}

fn compare(cursors: &[Cursor], order: Order, a: usize, b: usize) -> Ordering {
    let ((key_a, payload_a), (key_b, payload_b)) = (cursors[a].current(), cursors[b].current());
    order(key_a, key_b)
        .then_with(|| compared(payload_a).cmp(compared(payload_b)))
        .then(a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_more_than_fits_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let budget = SortBudget::new(u64::MAX);
        let mut sorter = Sorter::new(dir.path(), |a, b| a.cmp(b), 1024, &budget);
        let entry = |i: u32| (i.wrapping_mul(2_654_435_761).to_be_bytes(), i.to_le_bytes());
        for i in 0..20_000u32 {
            let (key, payload) = entry(i);
            sorter.push(&key, &[&payload]).unwrap();
        }
        let mut wanted: Vec<_> = (0..20_000).map(entry).collect();
        wanted.sort();
        let mut sorted = sorter.finish().unwrap();
        for (key, payload) in wanted {
            assert_eq!(sorted.next().unwrap(), Some((&key[..], &payload[..])));
        }
        assert!(sorted.next().unwrap().is_none());
        assert!(budget.used() > 0);
        drop(sorted);
        assert_eq!(budget.used(), 0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn long_payloads_are_read_in_their_turn() {
        let dir = tempfile::tempdir().unwrap();
        let budget = SortBudget::new(u64::MAX);
        let mut sorter = Sorter::new(dir.path(), |a, b| a.cmp(b), 1 << 20, &budget);
        let payload = |i: u8| vec![i; 3 * COMPARED + usize::from(i)];
        for i in (0..40).rev() {
            sorter.push(&[i / 2], &[&payload(i)]).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        assert!(sorted.cursors.len() > 2);
        for i in 0..40 {
            assert_eq!(sorted.next().unwrap(), Some((&[i / 2][..], &payload(i)[..])));
            let held = |cursor: &Cursor| cursor.current().1.len();
            let held: usize = sorted
                .heap
                .iter()
                .skip(1)
                .map(|&at| held(&sorted.cursors[at]))
                .sum();
            assert!(
                held <= sorted.cursors.len() * COMPARED,
                "those behind wait with little in memory"
            );
        }
        assert!(sorted.next().unwrap().is_none());
    }

    #[test]
    fn the_disk_limit_holds() {
        let dir = tempfile::tempdir().unwrap();
        let budget = SortBudget::new(10_000);
        let mut sorter = Sorter::new(dir.path(), |a, b| a.cmp(b), 1024, &budget);
        let error = (0..10_000u32).find_map(|i| sorter.push(&i.to_be_bytes(), &[b"payload"]).err());
        assert!(matches!(error, Some(SortError::Limit { limit: 10_000 })));
    }
}
