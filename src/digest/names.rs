//! Counts by name, for names that come from the data and have no end.

use super::Columns;
use std::collections::BTreeMap;

/// Names that are counted one by one.
const MOST_NAMES: usize = 1024;

/// What `map` counts under `name`. The first names in order are kept, with exact counts; all others are counted together
/// under [`Columns::OTHER`], so that parts put together in any order give the same. `merge` puts what was counted under a
/// name that is no longer kept to the others.
pub fn count_under<'m, V: Default>(
    map: &'m mut BTreeMap<String, V>,
    name: &str,
    merge: impl Fn(&mut V, V),
) -> &'m mut V {
    let mut name = name;
    if !map.contains_key(name) && map.len() - usize::from(map.contains_key(Columns::OTHER)) >= MOST_NAMES {
        let last = map.keys().rev().find(|n| *n != Columns::OTHER).cloned();
        match last.filter(|last| name < last.as_str() && name != Columns::OTHER) {
            Some(last) => {
                let moved = map.remove(&last).unwrap_or_default();
                merge(map.entry(Columns::OTHER.to_owned()).or_default(), moved);
            }
            None => name = Columns::OTHER,
        }
    }
    map.entry(name.to_owned()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_names_counts_the_same() {
        let count = |order: &mut dyn Iterator<Item = u64>| {
            let mut names = BTreeMap::<String, u64>::new();
            for i in order {
                *count_under(&mut names, &format!("n{:05}", i % 3000), |a, b| *a += b) += 1;
            }
            names
        };
        let up = count(&mut (0..9000));
        assert_eq!(up, count(&mut (0..9000).rev()));
        assert_eq!(up, count(&mut (0..9000).map(|i| i * 7919 % 9000)));
        assert_eq!(up.values().sum::<u64>(), 9000);
        assert_eq!((up["n00000"], up.len()), (3, MOST_NAMES + 1));
    }
}
