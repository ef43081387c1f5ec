//! Looking at canonical bytes without decoding them: null, empty collections, and numbers without their source type.

use super::{Encoder, Equality, decode, tag};
use std::borrow::Cow;

/// The canonical bytes of null.
pub const NULL: &[u8] = &[tag::NULL];

/// Whether the bytes are those of an empty list, set, map or document.
pub fn is_empty_collection(bytes: &[u8]) -> bool {
    matches!(bytes, [tag::LIST | tag::SET | tag::MAP | tag::DOCUMENT, tag::END])
}

/// The bytes the same value has when numbers are equal by value alone.
pub fn without_types(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes {
        [tag::TYPED, _, rest @ ..] if matches!(rest.first(), Some(&(tag::INT | tag::DOUBLE | tag::NAN))) => {
            rest.into()
        }
        [
            tag::TYPED | tag::LIST | tag::SET | tag::MAP | tag::DOCUMENT | tag::CODE_SCOPE,
            ..,
        ] => {
            let mut encoder = Encoder::new(Equality::default());
            match decode(bytes) {
                Ok((value, _)) if encoder.value(&value).is_ok() => encoder.bytes().to_vec().into(),
                _ => bytes.into(),
            }
        }
        _ => bytes.into(),
    }
}
