//! The keys of one side, in bounded memory: which of them come more than once.

use super::budget::{Claim, SortBudget, SortError};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Keys held in memory; more are sorted and spilled.
const MOST_HELD: usize = 1 << 20;

/// Keys of one run read at a time.
const BLOCK: usize = 2048;

/// The heads of key hashes, 64 bits each. Two keys with one head are taken for one until they are looked at.
#[derive(Debug)]
pub struct KeyRuns<'b> {
    dir: PathBuf,
    claim: Claim<'b>,
    held: Vec<u64>,
    most: usize,
    /// Sorted runs, end to end.
    file: Option<File>,
    /// Where each run ends in the file, in keys.
    ends: Vec<u64>,
}

impl<'b> KeyRuns<'b> {
    /// No keys yet; spills into `dir`.
    pub fn new(dir: &Path, budget: &'b SortBudget) -> KeyRuns<'b> {
        KeyRuns::holding(dir, budget, MOST_HELD)
    }

    fn holding(dir: &Path, budget: &'b SortBudget, most: usize) -> KeyRuns<'b> {
        KeyRuns {
            dir: dir.to_owned(),
            claim: Claim::on(budget),
            held: Vec::new(),
            most,
            file: None,
            ends: Vec::new(),
        }
    }

    /// Takes keys, in any order.
    pub fn extend(&mut self, keys: impl IntoIterator<Item = u64>) -> Result<(), SortError> {
        self.held.extend(keys);
        if self.held.len() < self.most {
            return Ok(());
        }
        self.claim.take(self.held.len() as u64 * 8)?;
        self.spill().map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> SortError {
        let dir = self.dir.clone();
        SortError::Io { dir, source }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.dir)?),
        };
        let mut out = io::BufWriter::with_capacity(1 << 16, file);
        for key in &self.held {
            out.write_all(&key.to_le_bytes())?;
        }
        out.flush()?;
        self.ends
            .push(self.ends.last().unwrap_or(&0) + self.held.len() as u64);
        self.held.clear();
        Ok(())
    }

    /// Calls `tell` once for every key that came more than once, in ascending order.
    pub fn repeated(mut self, mut tell: impl FnMut(u64)) -> Result<(), SortError> {
        self.held.sort_unstable();
        let mut runs = vec![Run::held(std::mem::take(&mut self.held))];
        let mut from = 0;
        for &to in &self.ends {
            runs.push(Run::stored(from, to));
            from = to;
        }
        let mut file = self.file.take();
        let mut merge = || -> io::Result<()> {
            let mut heap = std::collections::BinaryHeap::new();
            for (at, run) in runs.iter_mut().enumerate() {
                heap.extend(run.next(&mut file)?.map(|key| std::cmp::Reverse((key, at))));
            }
            let (mut last, mut told) = (None, None);
            while let Some(std::cmp::Reverse((key, at))) = heap.pop() {
                if last == Some(key) && told != Some(key) {
                    told = Some(key);
                    tell(key);
                }
                last = Some(key);
                heap.extend(runs[at].next(&mut file)?.map(|key| std::cmp::Reverse((key, at))));
            }
            Ok(())
        };
        merge().map_err(|source| self.io(source))
    }
}

/// One sorted run, read a block at a time.
struct Run {
    block: Vec<u64>,
    at: usize,
    from: u64,
    to: u64,
}

impl Run {
    fn held(block: Vec<u64>) -> Run {
        Run {
            block,
            at: 0,
            from: 0,
            to: 0,
        }
    }

    fn stored(from: u64, to: u64) -> Run {
        Run {
            block: Vec::new(),
            at: 0,
            from,
            to,
        }
    }

    fn next(&mut self, file: &mut Option<File>) -> io::Result<Option<u64>> {
        if self.at == self.block.len() {
            let n = usize::try_from(self.to - self.from).map_or(BLOCK, |n| n.min(BLOCK));
            let Some(file) = file.as_mut().filter(|_| n > 0) else {
                return Ok(None);
            };
            file.seek(SeekFrom::Start(self.from * 8))?;
            let mut bytes = vec![0; n * 8];
            file.read_exact(&mut bytes)?;
            let keys = bytes.chunks_exact(8);
            self.block = keys
                .map(|b| u64::from_le_bytes(b.try_into().expect("eight bytes")))
                .collect();
            (self.at, self.from) = (0, self.from + n as u64);
        }
        self.at += 1;
        Ok(Some(self.block[self.at - 1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_come_more_than_once_are_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let budget = SortBudget::new(u64::MAX);
        for most in [1, 7, 5000, 100_000] {
            let mut runs = KeyRuns::holding(dir.path(), &budget, most);
            let key = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for chunk in (0..20_000u64).collect::<Vec<_>>().chunks(13) {
                runs.extend(chunk.iter().map(|i| key(*i))).unwrap();
            }
            runs.extend([key(5), key(19_999), key(5), 0, u64::MAX, u64::MAX])
                .unwrap();
            let mut found = Vec::new();
            runs.repeated(|key| found.push(key)).unwrap();
            let mut wanted = vec![0, key(5), key(19_999), u64::MAX];
            wanted.sort_unstable();
            assert_eq!(found, wanted);
        }
        assert_eq!(budget.used(), 0);
        let mut none = 0;
        KeyRuns::new(dir.path(), &budget).repeated(|_| none += 1).unwrap();
        assert_eq!(none, 0);
    }

    #[test]
    fn the_disk_limit_holds() {
        let dir = tempfile::tempdir().unwrap();
        let budget = SortBudget::new(1000);
        let mut runs = KeyRuns::holding(dir.path(), &budget, 100);
        assert!(runs.extend(0..100).is_ok());
        assert!(matches!(
            runs.extend(0..100),
            Err(SortError::Limit { limit: 1000 })
        ));
    }
}
