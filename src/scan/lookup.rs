//! Looking records of a live store up by their keys: one by one where that can be done, else by reading the namespace through.

use super::feed::Feed;
use super::held::Held;
use super::lane::{Lane, Locator};
use crate::mapping::{Depth, Digester};
use crate::plan::Span;
use crate::source::live::{KeyPart, Page};
use crate::source::{Chunk, Position, SourceErrorKind};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;

/// The records under some keys, or why they could not be read.
pub(super) type Found = FxHashMap<Vec<u8>, Result<Vec<Held<'static>>, String>>;

/// What came of asking for records by their keys.
#[derive(Default)]
pub(super) struct Asked {
    /// What was found.
    pub found: Found,
    /// Keys under which nothing was found although there may be records, and why.
    pub doubtful: FxHashMap<Vec<u8>, String>,
}

/// Reads the records of a live store under some keys. Those that cannot be asked for by the key, and those that are not there
/// in the forms of the key that are known, are looked for in the whole namespace.
pub(super) fn look_up(lane: &Lane, keys: &[&[u8]]) -> Found {
    let Asked { mut found, doubtful } = ask(lane, keys);
    if let Some(why) = doubtful.values().min()
        && let Some(live) = lane.source.live()
    {
        live.note(format!(
            "{}: records whose keys cannot be asked for are looked for by reading all of it again: {why}",
            lane.namespace.name
        ));
        look_through(lane, &doubtful, &mut found);
    }
    found
}

/// Reads a namespace through for the records under some keys.
pub(super) fn read_through(lane: &Lane, keys: &[&[u8]]) -> Found {
    let mut found: Found = keys.iter().map(|key| (key.to_vec(), Ok(Vec::new()))).collect();
    let keys = keys.iter().map(|key| (key.to_vec(), String::new())).collect();
    look_through(lane, &keys, &mut found);
    found
}

/// Asks a live store for the records under some keys, each by itself.
pub(super) fn ask(lane: &Lane, keys: &[&[u8]]) -> Asked {
    let mut asked = Asked::default();
    let Asked { found, doubtful } = &mut asked;
    let mut wanted = Vec::new();
    for key in keys {
        found.insert(key.to_vec(), Ok(Vec::new()));
        match lane.projection.native_keys(key) {
            Ok(natives) => {
                let part = |(path, value)| KeyPart { path, value };
                let forms = natives.forms.into_iter();
                wanted.extend(forms.map(|form| form.into_iter().map(part).collect::<Vec<_>>()));
                if !natives.all {
                    doubtful.insert(key.to_vec(), "the key may be held in other forms".to_owned());
                }
            }
            Err(why) => _ = doubtful.insert(key.to_vec(), why),
        }
    }
    let Some(live) = lane.source.live().filter(|_| !wanted.is_empty()) else {
        return asked;
    };
    match live.points(&lane.namespace, &wanted) {
        Ok(page) => sort_in(lane, page, found),
        // It cannot be asked in this way.
        Err(error) if error.kind() == SourceErrorKind::Usage => {
            doubtful.extend(found.keys().map(|key| (key.clone(), error.to_string())));
        }
        Err(error) => {
            let why = format!("{}: {error}", lane.side);
            found.values_mut().for_each(|records| *records = Err(why.clone()));
        }
    }
    doubtful.retain(|key, _| matches!(found.get(key), Some(Ok(records)) if records.is_empty()));
    asked
}

/// Puts the records of a page under their keys, as far as these are wanted.
fn sort_in(lane: &Lane, page: Page, found: &mut Found) {
    let chunk = Chunk {
        data: page.data,
        ends: page.ends,
        part: 0,
        start: Position::START,
        file_offset: None,
        resume: None,
    };
    let mut digester = lane.digester(Depth::Digest);
    let mut met = FxHashSet::default();
    for number in 0..chunk.ends.len() {
        // One record may answer to several forms of a key.
        if met.insert(chunk.record(number)) {
            lane.project(&chunk, number, &mut digester, &mut |d, bytes, locator| {
                put(found, d, bytes, locator);
            });
        }
    }
}

/// Puts the record that stands in `digester` under its key, if that is wanted.
fn put(found: &mut Found, digester: &Digester, bytes: &[u8], locator: Locator) {
    if let Some(Ok(records)) = found.get_mut(digester.key()) {
        records.push(Held {
            bytes: Cow::Owned(bytes.to_vec()),
            locator,
            element: digester.element(),
            record: digester.record(),
        });
    }
}

/// Reads the namespace from its beginning to its end and puts the records with these keys under them.
fn look_through(lane: &Lane, keys: &FxHashMap<Vec<u8>, String>, found: &mut Found) {
    let mut feed = Feed::new(lane, vec![Span::ALL]);
    let (mut short, mut full) = (lane.digester(Depth::Key), lane.digester(Depth::Digest));
    while let Some(chunk) = feed.next_chunk(None) {
        for number in 0..chunk.ends.len() {
            let mut wanted = false;
            lane.project(&chunk, number, &mut short, &mut |d, _, _| {
                wanted |= keys.contains_key(d.key())
            });
            if wanted {
                lane.project(&chunk, number, &mut full, &mut |d, bytes, locator| {
                    if keys.contains_key(d.key()) {
                        put(found, d, bytes, locator);
                    }
                });
            }
        }
    }
    if let Some(unread) = feed.unread.first() {
        let why = format!(
            "{}: not all of it could be read again: {}",
            lane.side, unread.reason
        );
        for key in keys.keys() {
            found.insert(key.clone(), Err(why.clone()));
        }
    }
}
