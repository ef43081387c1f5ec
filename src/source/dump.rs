//! mongodump's naming: how a collection's name becomes a file's, and what the metadata file beside it says.

use std::path::Path;

use serde::Deserialize;

use super::error::{SourceError, shown};
use super::file::StoredFile;

/// File names of exactly this length that hold an escaped dollar sign are cut, and end in a hash of the full name.
const CUT_NAME: usize = 238;

/// A metadata file, and what of it names the collection.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) text: String,
    pub(super) collection: Option<String>,
    pub(super) view: bool,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "collectionName")]
    collection_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Metadata {
    /// The metadata of the collection whose `.bson` file has this stem, if there is any.
    pub(super) fn beside(dir: &Path, stem: &str) -> Result<Option<Metadata>, SourceError> {
        // A time series collection's documents are in a file of their own name, its metadata are not.
        let stems = [Some(stem), stem.strip_prefix("system.buckets.")];
        for stem in stems.into_iter().flatten() {
            for suffix in [".metadata.json", ".metadata.json.gz"] {
                let path = dir.join(format!("{stem}{suffix}"));
                if path.is_file() {
                    return Metadata::read(&path).map(Some);
                }
            }
        }
        Ok(None)
    }

    pub(super) fn read(path: &Path) -> Result<Metadata, SourceError> {
        let text = StoredFile::find(path, None)?.read_text(16 << 20)?;
        let parsed = if text.trim().is_empty() {
            Ok(None)
        } else {
            serde_json::from_str::<Wire>(&text).map(Some)
        };
        let wire = parsed.map_err(|e| {
            SourceError::usage(
                shown(path),
                format!("not a mongodump metadata file: {e}"),
                "dump the collection again, or move the file away",
            )
        })?;
        let (collection, kind) = wire.map_or((None, None), |w| (w.collection_name, w.kind));
        Ok(Metadata {
            text,
            collection,
            view: kind.as_deref() == Some("view"),
        })
    }
}

/// The collection's name behind a file's stem.
pub(super) fn collection_name(
    path: &Path,
    stem: &str,
    metadata: Option<&Metadata>,
) -> Result<String, SourceError> {
    if stem.len() == CUT_NAME && stem.contains("%24") {
        return metadata.and_then(|m| m.collection.clone()).ok_or_else(|| {
            SourceError::usage(
                shown(path),
                "the file's name is a shortened form of the collection's",
                "keep the `.metadata.json` file, which holds the full name, beside it",
            )
        });
    }
    unescape(stem).ok_or_else(|| {
        SourceError::usage(
            shown(path),
            "the file's name is not one that mongodump writes: `%` must lead two hexadecimal digits",
            "name the file itself, not its directory",
        )
    })
}

/// Undoes URL query escaping: `%41` and `+`.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16);
                let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped_as_mongorestore_does() {
        assert_eq!(unescape("a%2Fb+c%24").as_deref(), Some("a/b c$"));
        assert_eq!(unescape("100%"), None);
        assert_eq!(unescape("%zz"), None);
        assert_eq!(unescape("%ff"), None);
        assert_eq!(unescape("東京").as_deref(), Some("東京"));
    }
}
