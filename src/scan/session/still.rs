//! Whether live stores still are, at the end of a run, what was read of them: a collection that was dropped, or a table that
//! was given another column, proves nothing any more.

use super::Session;
use crate::report::{CompareResult, Unread};
use crate::scan::compare::Prepared;
use crate::scan::first::Scanned;
use crate::scan::metadata;
use crate::scan::pass::Monitor;
use crate::scan::tally;
use crate::source::live::Listing;
use crate::source::{Engine, Namespace, SourceError};
use crate::{Pair, Side};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long to wait for a store of which nothing was read to its end: it could only tell why.
const WHY: Duration = Duration::from_secs(5);

/// What a side holds at the end; none of files, and of a store that was not waited for.
type Now = Option<Result<Listing, SourceError>>;

impl Session {
    /// Takes what is not any more what was read for not read, before it is told what differs: so nothing counts as missing
    /// that only was dropped meanwhile. Where nothing differs, the end is soon enough.
    pub(super) fn look_before(&self, scanned: &mut [Scanned<'_>], monitor: &Monitor) {
        if scanned.iter().all(|scanned| scanned.tally.equal()) {
            return;
        }
        let now = self.listed(monitor, |side| {
            let mut tallies = scanned.iter().map(|scanned| &scanned.tally);
            tallies.any(|tally| tally.unread.iter().all(|u| u.side != side))
        });
        for (prepared, scanned) in self.prepared.iter().zip(scanned) {
            let all = changes(prepared, &now).into_iter();
            scanned
                .tally
                .unread
                .extend(all.map(|(side, reason)| tally::Unread {
                    side,
                    file: prepared.lanes[side].namespace.name.clone(),
                    offset: 0,
                    reason,
                }));
        }
    }

    /// Lists live stores once more. Where a namespace is another by now, it counts as not read; what stands beside its
    /// records is compared as it is by now.
    pub(super) fn look_again(&self, results: &mut [CompareResult], monitor: &Monitor) {
        let now = self.listed(monitor, |side| {
            let mut coverages = results.iter().map(|result| &result.coverage);
            coverages.any(|coverage| coverage.unread.iter().all(|u| u.side != side))
        });
        for (prepared, result) in self.prepared.iter().zip(results) {
            let changes = changes(prepared, &now);
            if changes.is_empty() {
                self.compare_metadata(prepared, &now, result);
            }
            for (side, reason) in changes {
                let unread = &mut result.coverage.unread;
                if unread.iter().all(|u| u.side != side || u.reason != reason) {
                    unread.push(Unread::of(side, &prepared.lanes[side].namespace.name, reason));
                }
                result.coverage.leaves_compared = 0;
            }
        }
        self.note_new(&now);
    }

    /// What live stores hold by now. One of which nothing was `read` to its end is not waited for long.
    fn listed(&self, monitor: &Monitor, read: impl Fn(Side) -> bool) -> Pair<Now> {
        Pair::from_fn(|side| {
            let live = self.sources[side].live()?;
            let begun = Instant::now();
            let patience = if read(side) { Duration::MAX } else { WHY };
            // Where compares were found by name, there may be new ones in any database.
            let databases = (!self.config.compares.is_empty()).then(|| {
                let names = self.prepared.iter().map(|p| &p.lanes[side].namespace.name);
                let databases = names.filter_map(|name| Some(name.split_once('.')?.0.to_owned()));
                databases.collect::<BTreeSet<_>>().into_iter().collect()
            });
            live.list_again(databases, || monitor.stopping() || begun.elapsed() > patience)
        })
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
        let found = metadata::compare(&prepared.compare, schemas, namespaces, prepared.sides.as_ref());
        match found {
            Ok(found) if found.compared || !result.metadata.compared => result.metadata = found,
            // What was known at the start is better than nothing.
            _ => result.notices.push(
                "indexes, options and schema cannot be seen any more, and are told as they were at the start"
                    .to_owned(),
            ),
        }
    }

    /// Says which namespaces came while the run went on, where all that there are were to be compared.
    fn note_new(&self, now: &Pair<Now>) {
        if !self.config.compares.is_empty() || !self.left_out.is_empty() {
            return;
        }
        for (side, now) in now.as_ref().into_sides() {
            let (Some(live), Some(Ok(now))) = (self.sources[side].live(), now) else {
                continue;
            };
            let wanted = |name: &str| {
                let globs = self.config.namespaces.as_ref();
                globs.is_none_or(|globs| super::discover::selected(globs, name))
            };
            let names = now.namespaces.iter().map(|namespace| &namespace.name);
            for name in names.filter(|name| !live.held(name) && wanted(name)) {
                live.note(format!(
                    "`{name}` was made while the run went on, and was not compared"
                ));
            }
        }
    }
}

/// The sides of which what was read proves nothing of what they hold now, and why.
fn changes(prepared: &Prepared, now: &Pair<Now>) -> Vec<(Side, String)> {
    let sides = now.as_ref().into_sides().into_iter();
    let changed = sides.filter_map(|(side, now)| {
        let why = change(&prepared.lanes[side].namespace, now.as_ref()?)?;
        Some((side, why))
    });
    changed.collect()
}

fn change(before: &Namespace, now: &Result<Listing, SourceError>) -> Option<String> {
    let unseen = |why: &SourceError| format!("whether it still is what was read cannot be seen: {why}");
    let now = match now {
        Ok(now) => now,
        Err(error) => return Some(unseen(error)),
    };
    let what = match (now.namespace(&before.name), now.unseen(&before.name)) {
        (Some(now), _) if now.identity == before.identity => return None,
        (_, Some(why)) => return Some(unseen(why)),
        (None, None) => "it was dropped",
        (Some(_), None) if before.engine == Engine::Mongo => {
            "it became another collection (made again, or resharded)"
        }
        (Some(_), None) => "its columns were changed, or it was dropped and made again,",
    };
    Some(format!("{what} while the run went on; audit again"))
}
