//! Values as text and as BSON: canonical Extended JSON of a bound, and what to ask a server for.

use super::order::Id;
use crate::canon::bson::{RawBson, walk};
use crate::canon::ejson::RawJson;
use crate::model::{Number, NumberRepr, NumberType, Value};
use base64::Engine;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{self, Bson, Document, RawDocumentBuf};
use std::fmt::Write;
use std::str::FromStr;

/// Why a value has no place in a query, as the end of a sentence.
pub(super) type Unusable = String;

/// Reads a bound: canonical Extended JSON.
pub(super) fn parse(text: &str) -> Result<Bson, Unusable> {
    let value = RawJson {
        bytes: text.as_bytes(),
    }
    .to_value();
    to_bson(&value.map_err(|problem| format!("`{text}` is not Extended JSON: {problem}"))?)
}

/// A value as MongoDB's drivers hold it.
pub(super) fn to_bson(value: &Value) -> Result<Bson, Unusable> {
    Ok(match value {
        Value::Null => Bson::Null,
        Value::Undefined => Bson::Undefined,
        Value::Bool(b) => Bson::Boolean(*b),
        Value::Number(n) => number(n)?,
        Value::Text(text) => Bson::String(text.clone()),
        Value::Symbol(text) => Bson::Symbol(text.clone()),
        Value::Bytes { subtype, bytes } => binary(*subtype, bytes),
        Value::Timestamp(at) => {
            let millis = i64::try_from(at.0.div_euclid(1_000_000));
            let millis = millis.map_err(|_| "the time is beyond what a BSON date holds".to_owned())?;
            Bson::DateTime(bson::DateTime::from_millis(millis))
        }
        Value::Uuid(bytes) => binary(4, bytes),
        Value::ObjectId(bytes) => Bson::ObjectId(bson::oid::ObjectId::from_bytes(*bytes)),
        Value::List(items) => Bson::Array(items.iter().map(to_bson).collect::<Result<_, _>>()?),
        Value::Document(fields) => Bson::Document(document(fields)?),
        Value::Regex { pattern, options } => Bson::RegularExpression(bson::Regex {
            pattern: cstring(pattern)?,
            options: cstring(options)?,
        }),
        Value::Code { code, scope: None } => Bson::JavaScriptCode(code.clone()),
        Value::Code {
            code,
            scope: Some(scope),
        } => Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
            code: code.clone(),
            scope: document(scope)?,
        }),
        Value::BsonTimestamp { time, increment } => Bson::Timestamp(bson::Timestamp {
            time: *time,
            increment: *increment,
        }),
        Value::MinKey => Bson::MinKey,
        Value::MaxKey => Bson::MaxKey,
        Value::Date(_)
        | Value::Time(_)
        | Value::Duration { .. }
        | Value::Inet(_)
        | Value::Set(_)
        | Value::Map(_)
        | Value::DbPointer { .. } => {
            return Err(format!(
                "a value of type {} cannot be asked for",
                value.type_name()
            ));
        }
    })
}

fn cstring(text: &str) -> Result<bson::raw::CString, Unusable> {
    bson::raw::CString::try_from(text).map_err(|_| "a regular expression holds a zero byte".to_owned())
}

fn binary(subtype: u8, bytes: &[u8]) -> Bson {
    Bson::Binary(bson::Binary {
        subtype: BinarySubtype::from(subtype),
        bytes: bytes.to_vec(),
    })
}

fn document(fields: &[(String, Value)]) -> Result<Document, Unusable> {
    fields
        .iter()
        .map(|(name, value)| Ok((name.clone(), to_bson(value)?)))
        .collect()
}

/// A number in the type that held it where MongoDB has that type, else in one that holds it exactly.
fn number(n: &Number) -> Result<Bson, Unusable> {
    let decimal = |text: &str| {
        let parsed = bson::Decimal128::from_str(text);
        parsed
            .map(Bson::Decimal128)
            .map_err(|_| format!("the number {text} is beyond what a BSON number holds exactly"))
    };
    match (&n.repr, n.ty) {
        (NumberRepr::Double(v), NumberType::Decimal128) => decimal(&Number::double(*v, n.ty).to_string()),
        (NumberRepr::Double(v), _) => Ok(Bson::Double(*v)),
        (NumberRepr::Int(v), NumberType::Double | NumberType::Float)
            if *v as f64 as i128 == i128::from(*v) =>
        {
            Ok(Bson::Double(*v as f64))
        }
        (NumberRepr::Int(v), NumberType::Decimal128) => decimal(&v.to_string()),
        (NumberRepr::Int(v), NumberType::Int64) => Ok(Bson::Int64(*v)),
        (NumberRepr::Int(v), _) => Ok(i32::try_from(*v).map_or(Bson::Int64(*v), Bson::Int32)),
        (NumberRepr::Decimal(d), _) => decimal(&d.to_string()),
    }
}

/// The raw bytes of a value.
pub(super) fn id(value: &Bson) -> Result<Id, Unusable> {
    let mut doc = Document::new();
    doc.insert("v", value.clone());
    let raw = RawDocumentBuf::try_from(&doc).map_err(|e| e.to_string())?;
    let mut found = None;
    walk(raw.as_bytes(), |_, value| {
        found = Some(Id::of(value));
        Ok(())
    })
    .map_err(|problem| problem.to_string())?;
    found.ok_or_else(|| "no value".to_owned())
}

/// The canonical Extended JSON of a raw value.
pub(super) fn text(value: RawBson<'_>) -> Result<String, Unusable> {
    let value = value.to_value().map_err(|problem| problem.to_string())?;
    let mut out = String::new();
    write(&value, &mut out)?;
    Ok(out)
}

/// The canonical Extended JSON of a document.
pub(super) fn document_text(doc: &Document) -> Result<String, Unusable> {
    let raw = RawDocumentBuf::try_from(doc).map_err(|e| e.to_string())?;
    text(RawBson::document(raw.as_bytes()))
}

fn write(value: &Value, out: &mut String) -> Result<(), Unusable> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Undefined => out.push_str(r#"{"$undefined":true}"#),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => write_number(n, out),
        Value::Text(text) => quote(text, out),
        Value::Symbol(text) => wrap("$symbol", out, |out| quote(text, out)),
        Value::Bytes { subtype, bytes } => write_binary(*subtype, bytes, out),
        Value::Uuid(bytes) => write_binary(4, bytes, out),
        Value::Timestamp(at) => {
            let millis = at.0.div_euclid(1_000_000);
            wrap("$date", out, |out| {
                wrap("$numberLong", out, |out| quote(&millis.to_string(), out))
            });
        }
        Value::ObjectId(bytes) => wrap("$oid", out, |out| quote(&hex::encode(bytes), out)),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Document(fields) => write_document(fields, out)?,
        Value::Regex { pattern, options } => wrap("$regularExpression", out, |out| {
            out.push_str(r#"{"pattern":"#);
            quote(pattern, out);
            out.push_str(r#","options":"#);
            quote(options, out);
            out.push('}');
        }),
        Value::Code { code, scope } => {
            out.push_str(r#"{"$code":"#);
            quote(code, out);
            if let Some(scope) = scope {
                out.push_str(r#","$scope":"#);
                write_document(scope, out)?;
            }
            out.push('}');
        }
        Value::BsonTimestamp { time, increment } => {
            let _ = write!(out, r#"{{"$timestamp":{{"t":{time},"i":{increment}}}}}"#);
        }
        Value::MinKey => out.push_str(r#"{"$minKey":1}"#),
        Value::MaxKey => out.push_str(r#"{"$maxKey":1}"#),
        other => return Err(format!("a value of type {} cannot be a bound", other.type_name())),
    }
    Ok(())
}

fn write_number(n: &Number, out: &mut String) {
    let name = match n.ty {
        NumberType::Int32 => "$numberInt",
        NumberType::Int64 => "$numberLong",
        NumberType::Double => "$numberDouble",
        _ => "$numberDecimal",
    };
    wrap(name, out, |out| quote(&n.to_string(), out));
}

fn write_binary(subtype: u8, bytes: &[u8], out: &mut String) {
    let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
    let _ = write!(
        out,
        r#"{{"$binary":{{"base64":"{base64}","subType":"{subtype:02x}"}}}}"#
    );
}

fn write_document(fields: &[(String, Value)], out: &mut String) -> Result<(), Unusable> {
    out.push('{');
    for (i, (name, value)) in fields.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        quote(name, out);
        out.push(':');
        write(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn wrap(name: &str, out: &mut String, content: impl FnOnce(&mut String)) {
    let _ = write!(out, r#"{{"{name}":"#);
    content(out);
    out.push('}');
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_as_the_very_value() {
        for same in [
            "null",
            "true",
            r#"{"$numberInt":"-7"}"#,
            r#"{"$numberLong":"7"}"#,
            r#"{"$numberDouble":"7.0"}"#,
            r#"{"$numberDouble":"-0.0"}"#,
            r#"{"$numberDouble":"NaN"}"#,
            r#"{"$numberDouble":"-Infinity"}"#,
            r#"{"$numberDouble":"1e300"}"#,
            r#"{"$numberDecimal":"1.50"}"#,
            r#"{"$numberDecimal":"1.5E+3000"}"#,
            r#"{"$numberDecimal":"NaN"}"#,
            "\"quote \\\" and \\u0001 é\"",
            r#"{"$symbol":"s"}"#,
            r#"{"$binary":{"base64":"AAEC","subType":"00"}}"#,
            r#"{"$binary":{"base64":"AAEC","subType":"02"}}"#,
            r#"{"$binary":{"base64":"AAECAwQFBgcICQoLDA0ODw==","subType":"04"}}"#,
            r#"{"$binary":{"base64":"AAECAwQFBgcICQoLDA0ODw==","subType":"03"}}"#,
            r#"{"$date":{"$numberLong":"-1"}}"#,
            r#"{"$oid":"0102030405060708090a0b0c"}"#,
            r#"{"b":{"$numberInt":"1"},"a":[null,{}]}"#,
            r#"{"$timestamp":{"t":5,"i":6}}"#,
            r#"{"$code":"x"}"#,
            r#"{"$code":"x","$scope":{"a":null}}"#,
            r#"{"$regularExpression":{"pattern":"a/b","options":"i"}}"#,
            r#"{"$minKey":1}"#,
            r#"{"$maxKey":1}"#,
        ] {
            let read = id(&parse(same).unwrap()).unwrap();
            assert_eq!(text(read.raw()).unwrap(), same);
        }
        for bad in ["", "{", "nul", r#"{"$oid":"1"}"#] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
