//! Which files of a directory make which namespaces.
//!
//! One rule for all layouts, two levels deep: `.bson` files are collections of the database their directory is named
//! after; `output-000001.csv` and its like are parts of one table named after their directory; other `.ndjson` and `.csv`
//! files are namespaces of their own. What is left over is told in a notice, never passed over in silence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::dump::{Metadata, collection_name};
use super::error::{Shown, SourceError, shown};
use super::format::{Suffix, split_name};
use super::namespace::Schema;

/// A namespace that has been found and not opened.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) suffix: Suffix,
    /// In reading order.
    pub(super) files: Vec<PathBuf>,
    pub(super) metadata: Option<String>,
    /// Whether the files are named as dsbulk names them.
    pub(super) dsbulk: bool,
    /// Whether a schema file lies in the same directory.
    pub(super) schema: bool,
}

/// What a directory holds.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) found: Vec<Found>,
    pub(super) schemas: Vec<Schema>,
    /// What was left aside, and why.
    pub(super) notices: Vec<String>,
    /// The same for what looks like data: without it the directory is not all there is.
    pub(super) lost: Vec<String>,
}

/// Lists `dir` and its subdirectories.
pub(super) fn directory(dir: &Path) -> Result<Listing, SourceError> {
    let mut listing = Listing::default();
    let full = fs::canonicalize(dir).map_err(|e| SourceError::path(dir, "open", e))?;
    let name = full
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    listing.add(dir, &name, true)?;
    let mut files: BTreeMap<&str, &Path> = BTreeMap::new();
    for found in &listing.found {
        let file = found.files.first().expect("a namespace has files");
        if let Some(other) = files.insert(&found.name, file) {
            return Err(SourceError::usage(
                shown(dir),
                format!(
                    "both {} and {} hold `{}`",
                    Shown(&other.to_string_lossy()),
                    Shown(&file.to_string_lossy()),
                    Shown(&found.name)
                ),
                "remove one of them, or name the file itself",
            ));
        }
    }
    listing.found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}

impl Listing {
    fn add(&mut self, dir: &Path, dir_name: &str, top: bool) -> Result<(), SourceError> {
        let (files, subdirectories) = list(dir)?;
        let schema = Schema::beside(dir)?;
        let has_schema = schema.is_some();
        self.schemas.extend(schema);
        let mut outputs: BTreeMap<u64, (Suffix, PathBuf)> = BTreeMap::new();
        for path in &files {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            let (stem, suffix, _) = split_name(&file_name);
            let csv_name = || {
                if top {
                    stem.to_owned()
                } else {
                    format!("{dir_name}.{stem}")
                }
            };
            match suffix {
                _ if file_name.starts_with('.') || file_name == Schema::NAME => {}
                Suffix::Bson if stem == "oplog" && !dir.join("oplog.metadata.json").is_file() => {
                    self.skip(path, "the oplog is no collection of the dump");
                }
                Suffix::Bson => self.collection(dir, dir_name, path, stem)?,
                Suffix::Json if ["prelude.json", "prelude.json.gz"].contains(&&*file_name) => {}
                Suffix::Json if stem.ends_with(".metadata") => {
                    self.metadata_alone(dir, path, stem, &files)?
                }
                Suffix::Json | Suffix::Csv | Suffix::Tsv => match output_number(stem) {
                    Some(number) => {
                        if let Some((_, other)) = outputs.insert(number, (suffix, path.clone())) {
                            return Err(SourceError::usage(
                                shown(dir),
                                format!(
                                    "both {} and {} are part {number}",
                                    Shown(&other.to_string_lossy()),
                                    Shown(&path.to_string_lossy())
                                ),
                                "remove one of them",
                            ));
                        }
                    }
                    None => self.found.push(Found {
                        name: csv_name(),
                        suffix,
                        files: vec![path.clone()],
                        metadata: None,
                        dsbulk: false,
                        schema: has_schema,
                    }),
                },
                Suffix::Other if names_data(&file_name) => {
                    self.lose(path, "it looks like data in a form that is not read")
                }
                Suffix::Other => self.skip(path, "not a kind of file that is read from a directory"),
            }
        }
        self.outputs(dir, dir_name, outputs, has_schema)?;
        for path in subdirectories {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with('.') {
                continue;
            }
            if top {
                self.add(&path, &name, false)?;
            } else {
                self.lose(&path, "directories are read two levels deep");
            }
        }
        Ok(())
    }

    fn collection(&mut self, dir: &Path, database: &str, path: &Path, stem: &str) -> Result<(), SourceError> {
        let metadata = Metadata::beside(dir, stem)?;
        let collection = collection_name(path, stem, metadata.as_ref())?;
        let empty = fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
        if empty && metadata.as_ref().is_some_and(|m| m.view) {
            self.skip(path, "a view has no documents of its own");
            return Ok(());
        }
        self.found.push(Found {
            name: format!("{database}.{collection}"),
            suffix: Suffix::Bson,
            files: vec![path.to_owned()],
            metadata: metadata.map(|m| m.text),
            dsbulk: false,
            schema: false,
        });
        Ok(())
    }

    /// A metadata file belongs to a `.bson` file. Without one it describes a view, or its collection has been lost.
    fn metadata_alone(
        &mut self,
        dir: &Path,
        path: &Path,
        stem: &str,
        files: &[PathBuf],
    ) -> Result<(), SourceError> {
        let stem = stem.trim_end_matches(".metadata");
        let candidates = [stem.to_owned(), format!("system.buckets.{stem}")];
        let has_data = candidates.iter().any(|stem| {
            [".bson", ".bson.gz", ".bson.zst"]
                .iter()
                .any(|suffix| files.contains(&dir.join(format!("{stem}{suffix}"))))
        });
        if !has_data {
            if Metadata::read(path)?.view {
                self.skip(path, "a view has no documents of its own");
            } else {
                self.lose(path, "its collection's .bson file is missing from the dump");
            }
        }
        Ok(())
    }

    fn outputs(
        &mut self,
        dir: &Path,
        name: &str,
        outputs: BTreeMap<u64, (Suffix, PathBuf)>,
        schema: bool,
    ) -> Result<(), SourceError> {
        let Some((_, (suffix, first))) = outputs.first_key_value() else {
            return Ok(());
        };
        let (suffix, first) = (*suffix, first.clone());
        if let Some((_, (_, other))) = outputs.iter().find(|(_, (s, _))| *s != suffix) {
            return Err(SourceError::usage(
                shown(dir),
                format!(
                    "{} and {} are of different kinds",
                    Shown(&first.to_string_lossy()),
                    Shown(&other.to_string_lossy())
                ),
                "keep one unload in a directory",
            ));
        }
        self.found.push(Found {
            name: name.to_owned(),
            suffix,
            files: outputs.into_values().map(|(_, path)| path).collect(),
            metadata: None,
            dsbulk: true,
            schema,
        });
        Ok(())
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.notices
            .push(format!("{}: left aside: {why}", Shown(&path.to_string_lossy())));
    }

    fn lose(&mut self, path: &Path, why: &str) {
        self.skip(path, why);
        self.lost.extend(self.notices.last().cloned());
    }
}

/// Files and subdirectories, each in order of name.
fn list(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SourceError> {
    let failed = |e| SourceError::path(dir, "list", e);
    let (mut files, mut subdirectories) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let meta = fs::metadata(&path).map_err(|e| SourceError::path(&path, "look at", e))?;
        if meta.is_dir() {
            subdirectories.push(path);
        } else {
            files.push(path);
        }
    }
    files.sort();
    subdirectories.sort();
    Ok((files, subdirectories))
}

/// Whether a file of an unknown kind has a data file's suffix within its name, as `orders.bson.lz4` has.
fn names_data(name: &str) -> bool {
    let about = ["md5", "sha1", "sha256", "sha512", "asc", "sig"];
    if about.iter().any(|suffix| name.ends_with(&format!(".{suffix}"))) {
        return false;
    }
    let mut parts = name.split('.').skip(1);
    parts.any(|part| split_name(&format!("x.{part}")).1 != Suffix::Other)
}

/// The number in `output-000001`, as dsbulk names its files.
pub(super) fn output_number(stem: &str) -> Option<u64> {
    let digits = stem.strip_prefix("output-")?;
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}
