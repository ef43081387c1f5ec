//! CQL literals as cqlsh and DSBulk write them, read by the type the schema declares.

use super::csv::{Dialect, DialectKind};
use super::{MAX_DEPTH, ejson, temporal};
use crate::model::{CqlType, Number, NumberType, Problem, Timestamp, Value};
use base64::Engine as _;
use num_bigint::BigInt;

/// Longest number that is read, in characters: beyond it, exact arithmetic would take the machine down.
const MAX_DIGITS: usize = 100_000;

/// Reads a cell's text as a value of `ty`.
///
/// # Errors
/// `malformed` if the text is no literal of the type in this dialect.
pub fn parse(ty: &CqlType, text: &str, dialect: &Dialect) -> Result<Value, Problem> {
    match ty.thawed() {
        CqlType::Native(name) => scalar(name, text, dialect),
        collection if dialect.kind == DialectKind::Cqlsh || dialect.kind == DialectKind::Rfc4180 => {
            let mut reader = Reader { text, at: 0, dialect };
            let value = reader.value(collection, 0, &[])?;
            match reader.rest().is_empty() {
                true => Ok(value),
                false => Err(reader.expected("the end of the cell")),
            }
        }
        collection => {
            let value = ejson::RawJson { bytes: text.as_bytes() }.to_value()?;
            from_json(collection, value, dialect)
        }
    }
}

fn not_a(ty: &str, text: &str) -> Problem {
    let short: String = text.chars().take(40).collect();
    Problem::malformed(format!("{short:?} is no {ty}"))
}

/// Reads one scalar.
fn scalar(ty: &str, text: &str, dialect: &Dialect) -> Result<Value, Problem> {
    let bad = || not_a(ty, text);
    let int = |kind: NumberType, least: i64, most: i64| match text.parse::<i64>() {
        Ok(v) if (least..=most).contains(&v) => Ok(Value::Number(Number::int(v, kind))),
        _ => Err(bad()),
    };
    Ok(match ty {
        "text" | "ascii" | "varchar" => Value::Text(match dialect.kind {
            DialectKind::Cqlsh => unescape(text),
            _ => text.to_owned(),
        }),
        "int" => int(NumberType::Int32, i32::MIN.into(), i32::MAX.into())?,
        "bigint" | "counter" => int(NumberType::Int64, i64::MIN, i64::MAX)?,
        "smallint" => int(NumberType::Int16, i16::MIN.into(), i16::MAX.into())?,
        "tinyint" => int(NumberType::Int8, i8::MIN.into(), i8::MAX.into())?,
        "varint" => Value::Number(integer(text).ok_or_else(bad)?),
        "decimal" => Value::Number(decimal(text, NumberType::Decimal).ok_or_else(bad)?),
        "double" => match text.parse::<f64>() {
            Ok(v) if v.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) => return Err(bad()),
            Ok(v) => Value::Number(Number::double(v, NumberType::Double)),
            Err(_) => return Err(bad()),
        },
        "float" => match text.parse::<f32>() {
            Ok(v) if v.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) => return Err(bad()),
            Ok(v) => Value::Number(Number::double(f64::from(v), NumberType::Float)),
            Err(_) => return Err(bad()),
        },
        "boolean" => match text {
            "True" | "true" | "TRUE" | "1" => Value::Bool(true),
            "False" | "false" | "FALSE" | "0" => Value::Bool(false),
            _ => return Err(bad()),
        },
        "blob" => match text.strip_prefix("0x") {
            Some(digits) => Value::Bytes { subtype: 0, bytes: hex::decode(digits).map_err(|_| bad())? },
            None if dialect.kind == DialectKind::Dsbulk => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| bad())?;
                Value::Bytes { subtype: 0, bytes }
            }
            None => return Err(bad()),
        },
        "uuid" | "timeuuid" => Value::Uuid(uuid(text).ok_or_else(bad)?),
        "inet" => Value::Inet(text.trim_start_matches('/').parse().map_err(|_| bad())?),
        "timestamp" => Value::Timestamp(timestamp(text).ok_or_else(bad)?),
        "date" => Value::Date(temporal::date(text).or_else(|| text.parse().ok()).ok_or_else(bad)?),
        "time" => Value::Time(temporal::time(text).ok_or_else(bad)?),
        "duration" => {
            let (months, days, nanos) = temporal::duration(text).ok_or_else(bad)?;
            Value::Duration { months, days, nanos }
        }
        other => return Err(Problem::unsupported(format!("CQL type {other}"))),
    })
}

/// A point in time: ISO 8601 or cqlsh's form, or milliseconds since the epoch.
pub fn timestamp(text: &str) -> Option<Timestamp> {
    temporal::timestamp(text).or_else(|| text.parse().ok().map(Timestamp::from_millis))
}

/// A UUID in its 36-character form.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut id = [0u8; 16];
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = (*byte as char).to_digit(16)? as u8;
        id[digits / 2] = id[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(id)
}

/// An integer of any size.
pub fn integer(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(v) => Some(Number::int(v, NumberType::Varint)),
        Err(_) if text.len() <= MAX_DIGITS => Some(Number::decimal(text.parse::<BigInt>().ok()?, 0, NumberType::Varint)),
        Err(_) => None,
    }
}

/// A decimal number, exactly: digits, point, exponent.
pub fn decimal(text: &str, ty: NumberType) -> Option<Number> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.trim_start_matches(['-', '+']).len() + fraction.len();
    let clean = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if digits == 0 || digits > MAX_DIGITS || !clean(fraction) || !clean(whole.strip_prefix(['-', '+']).unwrap_or(whole)) {
        return None;
    }
    let exponent = i64::from(exponent) - fraction.len() as i64;
    let unscaled = format!("{whole}{fraction}");
    Some(Number::decimal(unscaled.parse().ok()?, exponent, ty))
}

/// Undoes cqlsh's own escapes: doubled backslashes, and Python's forms of control characters.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let code = |digits: usize| {
            let hex = rest.get(1..1 + digits)?;
            char::from_u32(u32::from_str_radix(hex, 16).ok()?)
        };
        let (c, used) = match rest.bytes().next() {
            Some(b'\\') => ('\\', 1),
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(b'x') => code(2).map_or(('\\', 0), |c| (c, 3)),
            Some(b'u') => code(4).map_or(('\\', 0), |c| (c, 5)),
            _ => ('\\', 0),
        };
        out.push(c);
        rest = &rest[used..];
    }
    out + rest
}

/// Reads nested literals.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: &'a Dialect,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> Problem {
        Problem::malformed(format!("expected {what} after {} characters of the literal", self.at))
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn need(&mut self, token: &str) -> Result<(), Problem> {
        if self.eat(token) { Ok(()) } else { Err(self.expected(&format!("{token:?}"))) }
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    /// Reads one value; a bare scalar ends before any of `ends`.
    fn value(&mut self, ty: &CqlType, depth: usize, ends: &[char]) -> Result<Value, Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::unsupported(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let deeper = depth + 1;
        if depth > 0 && self.eat_null(ends) {
            return Ok(Value::Null);
        }
        match ty.thawed() {
            CqlType::List(element) | CqlType::Vector(element, _) => {
                Ok(Value::List(self.sequence("[", "]", |r, _| r.value(element, deeper, &[',', ']']))?))
            }
            CqlType::Set(element) => {
                Ok(Value::Set(self.sequence("{", "}", |r, _| r.value(element, deeper, &[',', '}']))?))
            }
            CqlType::Tuple(parts) => {
                let mut values = self.sequence("(", ")", |r, index| match parts.get(index) {
                    Some(part) => r.value(part, deeper, &[',', ')']),
                    None => Err(r.expected("the end of the tuple")),
                })?;
                values.resize_with(parts.len(), || Value::Null);
                Ok(Value::List(values))
            }
            CqlType::Map(key, value) => Ok(Value::Map(self.sequence("{", "}", |r, _| {
                let key = r.value(key, deeper, &[':'])?;
                r.need(":")?;
                r.spaces();
                Ok((key, r.value(value, deeper, &[',', '}'])?))
            })?)),
            CqlType::Udt(_, fields) => {
                let mut found = self.sequence("{", "}", |r, _| {
                    let end = r.rest().find(':').ok_or_else(|| r.expected("a field name"))?;
                    let name = r.rest()[..end].trim_matches('"').to_owned();
                    r.at += end + 1;
                    r.spaces();
                    let field = fields.iter().find(|(n, _)| *n == name);
                    let (_, ty) = field.ok_or_else(|| r.expected("a field of the type"))?;
                    Ok((name, r.value(ty, deeper, &[',', '}'])?))
                })?;
                for (name, _) in fields {
                    if !found.iter().any(|(n, _)| n == name) {
                        found.push((name.clone(), Value::Null));
                    }
                }
                Ok(Value::Document(found))
            }
            CqlType::Native(name) => {
                let text = if self.rest().starts_with('\'') { self.quoted()? } else { self.bare(name, ends)?.to_owned() };
                scalar(name, &text, self.dialect)
            }
            CqlType::Frozen(_) => unreachable!("thawed"),
        }
    }

    /// A null inside a collection is the null token, and nothing by default.
    fn eat_null(&mut self, ends: &[char]) -> bool {
        let token = self.dialect.null.as_deref().unwrap_or_default();
        let null = self.rest().strip_prefix(token).is_some_and(|rest| rest.starts_with(ends));
        self.at += if null { token.len() } else { 0 };
        null
    }

    fn sequence<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self, usize) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        self.need(open)?;
        let mut items = Vec::new();
        self.spaces();
        if self.eat(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self, items.len())?);
            if self.eat(close) {
                return Ok(items);
            }
            self.need(",")?;
            self.spaces();
        }
    }

    /// A quoted literal: quotes inside are doubled.
    fn quoted(&mut self) -> Result<String, Problem> {
        let mut out = String::new();
        self.at += 1;
        loop {
            let end = self.rest().find('\'').ok_or_else(|| self.expected("a closing quote"))?;
            out.push_str(&self.rest()[..end]);
            self.at += end + 1;
            match self.eat("'") {
                true => out.push('\''),
                false => return Ok(out),
            }
        }
    }

    /// An unquoted scalar. Colons belong to times and addresses, so a map key of such a type ends at ": ".
    fn bare(&mut self, ty: &str, ends: &[char]) -> Result<&'a str, Problem> {
        let rest = self.rest();
        let colons = matches!(ty, "timestamp" | "time" | "inet");
        let end = match ends {
            [':'] if colons => rest.find(": "),
            _ => rest.find(ends),
        };
        let end = if ends.is_empty() { rest.len() } else { end.ok_or_else(|| self.expected("the end of a value"))? };
        self.at += end;
        Ok(&rest[..end])
    }
}

/// Brings DSBulk's JSON form of a collection to its type.
fn from_json(ty: &CqlType, value: Value, dialect: &Dialect) -> Result<Value, Problem> {
    let each = |ty: &CqlType, items: Vec<Value>| -> Result<Vec<Value>, Problem> {
        items.into_iter().map(|v| from_json(ty, v, dialect)).collect()
    };
    let wrong = |value: &Value| Problem::malformed(format!("a JSON {} where a collection of another kind belongs", value.type_name()));
    Ok(match (ty.thawed(), value) {
        (_, Value::Null) => Value::Null,
        (CqlType::List(t) | CqlType::Vector(t, _), Value::List(items)) => Value::List(each(t, items)?),
        (CqlType::Set(t), Value::List(items)) => Value::Set(each(t, items)?),
        (CqlType::Tuple(parts), Value::List(items)) => {
            let items = parts.iter().zip(items).map(|(t, v)| from_json(t, v, dialect));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        (CqlType::Map(k, v), Value::Document(fields)) => {
            let pair = |(name, value)| Ok((from_json(k, Value::Text(name), dialect)?, from_json(v, value, dialect)?));
            Value::Map(fields.into_iter().map(pair).collect::<Result<_, Problem>>()?)
        }
        (CqlType::Udt(_, types), Value::Document(fields)) => {
            let field = |(name, value): (String, Value)| {
                let ty = types.iter().find(|(n, _)| *n == name).map(|(_, t)| t);
                let ty = ty.ok_or_else(|| Problem::malformed(format!("{name:?} is no field of the type")))?;
                Ok((name, from_json(ty, value, dialect)?))
            };
            Value::Document(fields.into_iter().map(field).collect::<Result<_, Problem>>()?)
        }
        (CqlType::Native(name), Value::Text(text)) => scalar(name, &text, dialect)?,
        (CqlType::Native(name), Value::Number(n)) => scalar(name, &n.to_string(), dialect)?,
        (CqlType::Native(name), Value::Bool(b)) if name == "boolean" => Value::Bool(b),
        (_, value) => return Err(wrong(&value)),
    })
}
