//! A side's source, whether files or a live store.

use super::live::{LiveOptions, LiveSource, LiveStream, Protocol};
use super::{Chunk, ChunkStream, FileSource, Namespace, OpenOptions, Position, Schema, SourceError};
use std::path::Path;

/// Files or a live store.
#[derive(Debug)]
pub enum Source {
    /// Files.
    Files(FileSource),
    /// A live store.
    Live(Box<LiveSource>),
}

/// A stream of chunks, from either.
pub enum Stream {
    /// From files.
    Files(Box<ChunkStream>),
    /// From a live store.
    Live(LiveStream),
}

/// How either is opened.
#[derive(Clone, Debug)]
pub enum Opening {
    /// Files.
    Files(OpenOptions),
    /// A live store.
    Live(Box<LiveOptions>),
}

impl Source {
    /// Opens `location`, see [`FileSource::open`] and [`LiveSource::open`].
    pub fn open(location: &str, opening: &Opening, spool: &Path) -> Result<Source, SourceError> {
        match opening {
            Opening::Files(options) => FileSource::open(location, options, spool).map(Source::Files),
            Opening::Live(options) => {
                LiveSource::open(location, options).map(|live| Source::Live(Box::new(live)))
            }
        }
    }

    /// Whether `location` is a live store.
    pub fn is_live(location: &str) -> bool {
        Protocol::of(location).is_some()
    }

    /// The live store, if it is one.
    pub fn live(&self) -> Option<&LiveSource> {
        match self {
            Source::Files(_) => None,
            Source::Live(live) => Some(live),
        }
    }

    /// What kind of store it is, in a word.
    pub fn kind(&self) -> &'static str {
        self.live().map_or("files", LiveSource::kind)
    }

    /// What it holds, in order of name.
    pub fn namespaces(&self) -> &[Namespace] {
        match self {
            Source::Files(files) => files.namespaces(),
            Source::Live(live) => live.namespaces(),
        }
    }

    /// The schemas that come with it.
    pub fn schemas(&self) -> &[Schema] {
        match self {
            Source::Files(files) => files.schemas(),
            Source::Live(live) => live.schemas(),
        }
    }

    /// What was left aside, or is done in another way than it should be, and why. One line each.
    pub fn notices(&self) -> Vec<String> {
        match self {
            Source::Files(files) => files.notices().to_vec(),
            Source::Live(live) => live.notices(),
        }
    }

    /// An error if there is data in none of the namespaces. Whoever compares all of it must ask.
    pub fn whole(&self) -> Result<(), SourceError> {
        match self {
            Source::Files(files) => files.whole(),
            Source::Live(live) => live
                .not_listed()
                .next()
                .map_or(Ok(()), |(_, why)| Err(why.clone())),
        }
    }

    /// The namespace called `name`, see [`FileSource::find`].
    pub fn find(&self, name: &str) -> Result<&Namespace, SourceError> {
        match self {
            Source::Files(files) => files.find(name),
            Source::Live(live) => live.find(name),
        }
    }

    /// The records of a namespace from one position to another, or to the end: for files bytes of the record stream, for
    /// live stores numbers of ranges.
    pub fn chunks(
        &self,
        namespace: &Namespace,
        from: Position,
        to: Option<Position>,
    ) -> Result<Stream, SourceError> {
        match self {
            Source::Files(files) => {
                let stream = files.chunks(namespace, from, to)?;
                Ok(Stream::Files(Box::new(stream)))
            }
            Source::Live(live) => live
                .chunks(namespace, from, to.map(|to| to.offset))
                .map(Stream::Live),
        }
    }

    /// Bytes of the record stream, see [`FileSource::read_at`]; a live store has no offsets.
    pub fn read_at(
        &self,
        namespace: &Namespace,
        offset: u64,
        len: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        match self {
            Source::Files(files) => files.read_at(namespace, offset, len),
            Source::Live(_) => Ok(None),
        }
    }
}

impl Stream {
    /// The next chunk of whole records.
    ///
    /// # Errors
    /// Files are not read on after one; a live stream goes on with [`next_range`](Stream::next_range).
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, SourceError> {
        self.next_like(None)
    }

    /// Of a live store, the range that comes after the one that is delivered.
    pub fn next_range(&self) -> Option<u64> {
        match self {
            Stream::Files(_) => None,
            Stream::Live(live) => Some(live.next_range()),
        }
    }

    /// The same as [`next_chunk`](Stream::next_chunk), where it may hold the records of a chunk that is `known`; see
    /// [`ChunkStream::next_like`].
    pub fn next_like(&mut self, known: Option<&Chunk>) -> Result<Option<Chunk>, SourceError> {
        match self {
            Stream::Files(files) => files.next_like(known),
            Stream::Live(live) => live.next_chunk(),
        }
    }
}
