//! Suggestions for names that are not known.

/// `; did you mean "…"?` with the nearest of the known names; nothing where none is near.
pub(crate) fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(found, known) {
        Some(name) => format!("; did you mean {name:?}?"),
        None => String::new(),
    }
}

/// The nearest of the known names, if one is near: a letter in three may be wrong.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (found.chars().count() / 3).clamp(1, 3);
    let distances = known.into_iter().map(|name| (distance(found, name), name));
    let near = distances.filter(|(distance, _)| *distance <= allowed);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Edit distance, two neighbours exchanged being one edit, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["stable", "candidate", "type", "key"];
        for (found, near) in [
            ("stabel", Some("stable")),
            ("kye", Some("key")),
            ("typ", Some("type")),
            ("Type", Some("type")),
            ("canidate", Some("candidate")),
            ("what", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, known), near, "{found}");
        }
        assert_eq!(did_you_mean("kye", known), "; did you mean \"key\"?");
    }
}
