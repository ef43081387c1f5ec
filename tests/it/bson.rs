//! The few BSON documents that tests need, written by hand.

/// An element's value: its type byte and its bytes.
#[derive(Clone, Debug)]
pub struct Bson(pub u8, pub Vec<u8>);

/// An int32.
pub fn int(n: i32) -> Bson {
    Bson(0x10, n.to_le_bytes().into())
}

/// An int64.
pub fn long(n: i64) -> Bson {
    Bson(0x12, n.to_le_bytes().into())
}

/// A double.
pub fn double(n: f64) -> Bson {
    Bson(0x01, n.to_le_bytes().into())
}

/// A decimal128 from its two halves.
pub fn decimal(high: u64, low: u64) -> Bson {
    Bson(0x13, [low.to_le_bytes(), high.to_le_bytes()].concat())
}

/// Text; the bytes need not be UTF-8.
pub fn text(bytes: impl AsRef<[u8]>) -> Bson {
    let bytes = bytes.as_ref();
    let length = (bytes.len() as i32 + 1).to_le_bytes();
    Bson(0x02, [&length, bytes, &[0]].concat())
}

/// A null.
pub fn null() -> Bson {
    Bson(0x0a, Vec::new())
}

/// A timestamp in milliseconds.
pub fn date(millis: i64) -> Bson {
    Bson(0x09, millis.to_le_bytes().into())
}

/// A document inside another.
pub fn nested(fields: &[(&str, Bson)]) -> Bson {
    Bson(0x03, document(fields))
}

/// A whole document.
pub fn document(fields: &[(&str, Bson)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, Bson(kind, bytes)) in fields {
        body.push(*kind);
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(bytes);
    }
    let length = (body.len() as i32 + 5).to_le_bytes();
    [&length[..], &body, &[0]].concat()
}
