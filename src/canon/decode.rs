//! Canonical bytes back to values: for showing keys, and for proving that nothing is lost.

use super::{Encoder, Equality, tag};
use crate::model::{Number, NumberType, Problem, Timestamp, Value};
use num_bigint::{BigInt, BigUint, Sign};
use std::net::IpAddr;

/// Reads one canonical value and returns it with what follows it.
///
/// Numbers written under `numbers = value` come back as [`NumberType::Untyped`]. Bytes that no encoder wrote are
/// refused as `malformed`.
pub fn decode(bytes: &[u8]) -> Result<(Value, &[u8]), Problem> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(NumberType::Untyped, 0)?;
    Ok((value, reader.rest))
}

/// The tree form of what `encode` writes, under the equality that keeps most.
pub(super) fn tree(encode: impl FnOnce(&mut Encoder) -> Result<(), Problem>) -> Result<Value, Problem> {
    let mut out = Encoder::new(Equality::exact());
    encode(&mut out)?;
    Ok(decode(out.bytes())?.0)
}

struct Reader<'a> {
    rest: &'a [u8],
}

fn bad() -> Problem {
    Problem::malformed("not canonical bytes")
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Problem> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or_else(bad)?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        Ok(self.take(N)?.try_into().expect("take gives the length asked for"))
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        Ok(self.array::<1>()?[0])
    }

    fn leb128(&mut self) -> Result<u64, Problem> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad())
    }

    fn bytes(&mut self) -> Result<&'a [u8], Problem> {
        let len = self.leb128()?;
        self.take(usize::try_from(len).map_err(|_| bad())?)
    }

    fn text(&mut self) -> Result<String, Problem> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| bad())
    }

    fn at_end(&mut self) -> Result<bool, Problem> {
        let end = *self.rest.first().ok_or_else(bad)? == tag::END;
        if end {
            self.rest = &self.rest[1..];
        }
        Ok(end)
    }

    fn document(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Problem> {
        let mut fields = Vec::new();
        while !self.at_end()? {
            if self.byte()? != tag::PAIR {
                return Err(bad());
            }
            fields.push((self.text()?, self.value(NumberType::Untyped, depth)?));
        }
        Ok(fields)
    }

    fn values(&mut self, depth: usize) -> Result<Vec<Value>, Problem> {
        let mut values = Vec::new();
        while !self.at_end()? {
            values.push(self.value(NumberType::Untyped, depth)?);
        }
        Ok(values)
    }

    fn value(&mut self, ty: NumberType, depth: usize) -> Result<Value, Problem> {
        if depth > super::MAX_DEPTH {
            return Err(bad());
        }
        let deeper = depth + 1;
        Ok(match self.byte()? {
            tag::NULL => Value::Null,
            tag::UNDEFINED => Value::Undefined,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Number(Number::int(i64::from_le_bytes(self.array()?), ty)),
            tag::DOUBLE => Value::Number(Number::double(
                f64::from_bits(u64::from_le_bytes(self.array()?)),
                ty,
            )),
            tag::NAN => Value::Number(Number::double(f64::NAN, ty)),
            tag::DECIMAL => {
                let sign = if self.byte()? == 0 {
                    Sign::Plus
                } else {
                    Sign::Minus
                };
                let zigzag = self.leb128()?;
                let exponent = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                let unscaled = BigInt::from_biguint(sign, BigUint::from_bytes_be(self.bytes()?));
                Value::Number(Number::decimal(unscaled, exponent, ty))
            }
            tag::TYPED => {
                let ty = number_type(self.byte()?).ok_or_else(bad)?;
                match self.rest.first() {
                    Some(&(tag::INT | tag::DOUBLE | tag::DECIMAL | tag::NAN)) => self.value(ty, depth)?,
                    _ => return Err(bad()),
                }
            }
            tag::TEXT => Value::Text(self.text()?),
            tag::SYMBOL => Value::Symbol(self.text()?),
            tag::BYTES => Value::Bytes {
                subtype: self.byte()?,
                bytes: self.bytes()?.to_vec(),
            },
            tag::TIMESTAMP => Value::Timestamp(Timestamp(i128::from_le_bytes(self.array()?))),
            tag::DATE => Value::Date(i64::from_le_bytes(self.array()?)),
            tag::TIME => Value::Time(u64::from_le_bytes(self.array()?)),
            tag::DURATION => Value::Duration {
                months: i32::from_le_bytes(self.array()?),
                days: i32::from_le_bytes(self.array()?),
                nanos: i64::from_le_bytes(self.array()?),
            },
            tag::UUID => Value::Uuid(self.array()?),
            tag::OBJECT_ID => Value::ObjectId(self.array()?),
            tag::INET4 => Value::Inet(IpAddr::from(self.array::<4>()?)),
            tag::INET6 => Value::Inet(IpAddr::from(self.array::<16>()?)),
            tag::LIST => Value::List(self.values(deeper)?),
            tag::SET => Value::Set(self.values(deeper)?),
            tag::MAP => {
                let flat = self.values(deeper)?;
                if flat.len() % 2 != 0 {
                    return Err(bad());
                }
                let mut pairs = Vec::with_capacity(flat.len() / 2);
                let mut items = flat.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
            tag::DOCUMENT => Value::Document(self.document(deeper)?),
            tag::REGEX => Value::Regex {
                pattern: self.text()?,
                options: self.text()?,
            },
            tag::CODE => Value::Code {
                code: self.text()?,
                scope: None,
            },
            tag::CODE_SCOPE => {
                let code = self.text()?;
                match self.byte()? {
                    tag::DOCUMENT => Value::Code {
                        code,
                        scope: Some(self.document(deeper)?),
                    },
                    _ => return Err(bad()),
                }
            }
            tag::BSON_TIMESTAMP => Value::BsonTimestamp {
                time: u32::from_le_bytes(self.array()?),
                increment: u32::from_le_bytes(self.array()?),
            },
            tag::MIN_KEY => Value::MinKey,
            tag::MAX_KEY => Value::MaxKey,
            tag::DB_POINTER => Value::DbPointer {
                namespace: self.text()?,
                id: self.array()?,
            },
            _ => return Err(bad()),
        })
    }
}

fn number_type(code: u8) -> Option<NumberType> {
    use NumberType as T;
    [
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::Varint,
        T::Float,
        T::Double,
        T::Decimal128,
        T::Decimal,
        T::Untyped,
    ]
    .into_iter()
    .find(|ty| *ty as u8 == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{Encoder, Equality};

    #[test]
    fn what_was_encoded_comes_back() {
        let value = Value::Document(vec![
            (
                "a".into(),
                Value::List(vec![Value::Null, Value::Bool(true), Value::Text("é".into())]),
            ),
            (
                "b".into(),
                Value::Number(Number::decimal(BigInt::from(110), -2, NumberType::Decimal)),
            ),
            (
                "c".into(),
                Value::Map(vec![(Value::Uuid([7; 16]), Value::Time(1))]),
            ),
        ]);
        let mut first = Encoder::new(Equality::default());
        first.value(&value).unwrap();
        let (back, rest) = decode(first.bytes()).unwrap();
        assert!(rest.is_empty());
        let mut second = Encoder::new(Equality::default());
        second.value(&back).unwrap();
        assert_eq!(first.bytes(), second.bytes());
    }

    #[test]
    fn foreign_bytes_are_refused() {
        for bytes in [
            &b""[..],
            &[0xff],
            &[tag::TEXT, 5, b'a'],
            &[tag::LIST, tag::NULL],
            &[tag::DOCUMENT, tag::NULL],
        ] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
