//! Just enough BSON for an archive's own small documents.

/// A value of a header document. Only the types that archives use are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Bool(bool),
    Int64(i64),
    Other,
}

/// The top-level elements of a document, or `None` if it is malformed or holds a type that no archive header has.
pub(super) fn elements(document: &[u8]) -> Option<Vec<(&str, Scalar<'_>)>> {
    let (len, mut rest) = document.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*len) as usize != document.len() {
        return None;
    }
    let mut found = Vec::new();
    loop {
        let (kind, after) = rest.split_first()?;
        if *kind == 0 {
            return after.is_empty().then_some(found);
        }
        let end = memchr::memchr(0, after)?;
        let name = std::str::from_utf8(&after[..end]).ok()?;
        let (value, after) = scalar(*kind, &after[end + 1..])?;
        found.push((name, value));
        rest = after;
    }
}

fn scalar(kind: u8, rest: &[u8]) -> Option<(Scalar<'_>, &[u8])> {
    match kind {
        0x02 => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            let text = std::str::from_utf8(text.strip_suffix(&[0])?).ok()?;
            Some((Scalar::Text(text), rest))
        }
        0x03 | 0x04 => {
            let len = u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize;
            Some((Scalar::Other, rest.get(len.max(5)..)?))
        }
        0x08 => {
            let (byte, rest) = rest.split_first()?;
            (*byte < 2).then_some((Scalar::Bool(*byte == 1), rest))
        }
        0x0a => Some((Scalar::Other, rest)),
        0x10 => Some((Scalar::Other, rest.get(4..)?)),
        0x01 | 0x09 => Some((Scalar::Other, rest.get(8..)?)),
        0x12 => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            Some((Scalar::Int64(i64::from_le_bytes(*bytes)), rest))
        }
        _ => None,
    }
}

/// The text under `name`.
pub(super) fn text<'a>(elements: &[(&str, Scalar<'a>)], name: &str) -> Option<&'a str> {
    elements.iter().find_map(|(n, value)| match value {
        Scalar::Text(text) if *n == name => Some(*text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_headers_hold_and_survives_any_cut() {
        let doc = b"\x25\0\0\0\x02db\0\x05\0\0\0shop\0\x08EOF\0\x01\x12CRC\0\x01\0\0\0\0\0\0\0\0";
        let found = elements(doc).unwrap();
        assert_eq!(text(&found, "db"), Some("shop"));
        assert_eq!(
            found[1..],
            [("EOF", Scalar::Bool(true)), ("CRC", Scalar::Int64(1))]
        );
        for cut in 0..doc.len() {
            assert_eq!(elements(&doc[..cut]), None);
            let mut lying = doc[..cut].to_vec();
            if cut > 4 {
                lying[0] = cut as u8;
                assert_eq!(elements(&lying), None);
            }
        }
    }
}
