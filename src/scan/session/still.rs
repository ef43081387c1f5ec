//! Whether live stores still are, at the end of a run, what was read of them: a collection that was dropped, or a table that
//! was given another column, proves nothing any more.

use super::Session;
use crate::report::{CompareResult, Unread};
use crate::scan::compare::Prepared;
use crate::scan::metadata;
use crate::scan::pass::Monitor;
use crate::source::live::Listing;
use crate::source::{Engine, Namespace, SourceError};
use crate::{Pair, Side};
use std::time::{Duration, Instant};

/// How long to wait for a store of which nothing was read to its end: it could only tell why.
const WHY: Duration = Duration::from_secs(5);

/// What a side holds at the end; none of files, and of a store that was not waited for.
type Now = Option<Result<Listing, SourceError>>;

impl Session {
    /// Lists live stores once more. Where a namespace is another by now, it counts as not read; what stands beside its
    /// records is compared as it is by now.
    pub(super) fn look_again(&self, results: &mut [CompareResult], monitor: &Monitor) {
        let now: Pair<Now> = Pair::from_fn(|side| {
            let live = self.sources[side].live()?;
            let read = |result: &CompareResult| result.coverage.unread.iter().all(|u| u.side != side);
            let patience = match results.iter().any(read) {
                true => Duration::MAX,
                false => WHY,
            };
            let begun = Instant::now();
            live.list_again(|| monitor.stopping() || begun.elapsed() > patience)
        });
        for (prepared, result) in self.prepared.iter().zip(results) {
            let sides = now.as_ref().into_sides().into_iter();
            let changed: Vec<Unread> = sides
                .filter_map(|(side, now)| changed(prepared, side, now.as_ref()?))
                .collect();
            if changed.is_empty() {
                self.compare_metadata(prepared, &now, result);
            } else {
                result.coverage.unread.extend(changed);
                result.coverage.leaves_compared = 0;
            }
        }
        self.note_new(&now);
    }

    /// Compares indexes, options and columns as they are at the end, where that is known.
    fn compare_metadata(&self, prepared: &Prepared, now: &Pair<Now>, result: &mut CompareResult) {
        let listed = now.as_ref().map(|now| now.as_ref()?.as_ref().ok());
        if listed.stable.or(listed.candidate).is_none() {
            return;
        }
        let namespaces: Pair<&Namespace> = Pair::from_fn(|side| {
            let before = &prepared.lanes[side].namespace;
            let now = listed[side].and_then(|now| now.namespace(&before.name));
            now.unwrap_or(before)
        });
        let schemas = Pair::from_fn(|side| match listed[side] {
            Some(now) => &now.schemas[..],
            None => self.sources[side].schemas(),
        });
        // A schema file that is not there any more was, at the start.
        if let Ok(found) = metadata::compare(&prepared.compare, schemas, namespaces, prepared.sides.as_ref())
        {
            result.metadata = found;
        }
    }

    /// Says which namespaces came while the run went on, where all that there are were to be compared.
    fn note_new(&self, now: &Pair<Now>) {
        if !self.config.compares.is_empty() {
            return;
        }
        for (side, now) in now.as_ref().into_sides() {
            let (Some(live), Some(Ok(now))) = (self.sources[side].live(), now) else {
                continue;
            };
            let known = |name: &str| live.namespaces().iter().any(|namespace| namespace.name == name);
            let wanted = |name: &str| {
                let globs = self.config.namespaces.as_ref();
                globs.is_none_or(|globs| super::discover::selected(globs, name))
            };
            let names = now.namespaces.iter().map(|namespace| &namespace.name);
            for name in names.filter(|name| !known(name) && wanted(name)) {
                live.note(format!(
                    "`{name}` was made while the run went on, and was not compared"
                ));
            }
        }
    }
}

/// All of a side as not read, if what was read of it proves nothing of what it is now.
fn changed(prepared: &Prepared, side: Side, now: &Result<Listing, SourceError>) -> Option<Unread> {
    let before = &prepared.lanes[side].namespace;
    let unread = |reason: String| Some(Unread::of(side, &before.name, reason));
    let now = match now {
        Ok(now) => now.namespace(&before.name),
        Err(error) => {
            return unread(format!(
                "whether it still is what was read cannot be seen: {error}"
            ));
        }
    };
    let what = match now {
        None => "it was dropped",
        Some(now) if now.identity == before.identity => return None,
        Some(_) if before.engine == Engine::Mongo => {
            "it became another collection (made again, or resharded)"
        }
        Some(_) => "its columns were changed, or it was dropped and made again,",
    };
    unread(format!("{what} while the run went on; audit again"))
}
