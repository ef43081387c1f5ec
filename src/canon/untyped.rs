//! Looking at canonical bytes without decoding them: null, empty collections, and numbers without their source type.

use super::{Encoder, Equality, FieldOrder, decode, tag};
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
            // Fields that are to be sorted are so already.
            let mut encoder = Encoder::new(Equality {
                field_order: FieldOrder::Exact,
                ..Equality::default()
            });
            match decode(bytes) {
                Ok((value, _)) if encoder.value(&value).is_ok() => encoder.bytes().to_vec().into(),
                _ => bytes.into(),
            }
        }
        _ => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::Numbers;
    use crate::model::{Number, NumberType, Value};

    #[test]
    fn the_order_of_fields_is_kept() {
        let encoded = |numbers, field_order, names: [&str; 2]| {
            let mut encoder = Encoder::new(Equality {
                numbers,
                field_order,
                ..Equality::default()
            });
            let one = || Value::Number(Number::int(1, NumberType::Int64));
            let fields = names.map(|name| (name.to_owned(), one()));
            encoder.value(&Value::Document(fields.into())).unwrap();
            encoder.bytes().to_vec()
        };
        for order in [FieldOrder::Exact, FieldOrder::Ignore] {
            for names in [["a", "b"], ["b", "a"]] {
                let typed = encoded(Numbers::Typed, order, names);
                let by_value = encoded(Numbers::Value, order, names);
                assert_eq!(*without_types(&typed), by_value);
            }
        }
    }
}
