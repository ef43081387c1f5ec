//! Random values, and writers of BSON and canonical Extended JSON to write them with. The writers are for tests only and
//! share no code with the readers.

use crate::model::{Number, NumberRepr, NumberType, Timestamp, Value};
use base64::Engine;
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;
use proptest::prelude::*;

/// A document of any BSON types, nested some levels.
pub(super) fn document() -> BoxedStrategy<Value> {
    fields(value()).prop_map(Value::Document).boxed()
}

/// Any value that BSON can hold.
pub(super) fn value() -> BoxedStrategy<Value> {
    leaf()
        .prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                fields(inner.clone()).prop_map(Value::Document),
                (text(), fields(inner)).prop_map(|(code, scope)| Value::Code {
                    code,
                    scope: Some(scope)
                }),
            ]
        })
        .boxed()
}

fn fields(inner: BoxedStrategy<Value>) -> BoxedStrategy<Vec<(String, Value)>> {
    proptest::collection::vec((name(), inner), 0..6)
        .prop_map(|mut fields| {
            let mut seen = std::collections::BTreeSet::new();
            fields.retain(|(name, _)| seen.insert(name.clone()));
            fields
        })
        .boxed()
}

fn name() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-c]{0,2}",
        Just("$ref".to_owned()),
        Just("$x".to_owned()),
        "[a-zé\"\\\\\u{1}\u{1f600}]{1,20}",
        "[a-z]{120,140}"
    ]
    .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[ab|,]{0,3}",
        any::<String>(),
        "\\PC{0,200}",
        Just("\0x\n".to_owned())
    ]
    .boxed()
}

fn plain() -> BoxedStrategy<String> {
    "[a-z^$.*/\"\\\\]{0,5}".boxed()
}

fn leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => number(),
        3 => text().prop_map(Value::Text),
        1 => Just(Value::Null),
        1 => Just(Value::Undefined),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => text().prop_map(Value::Symbol),
        1 => (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(s, b)| {
            if s == 4 && b.len() == 16 {
                Value::Uuid(b.try_into().unwrap())
            } else {
                Value::Bytes { subtype: s, bytes: b }
            }
        }),
        1 => any::<[u8; 16]>().prop_map(Value::Uuid),
        1 => any::<i64>().prop_map(|ms| Value::Timestamp(Timestamp::from_millis(ms))),
        1 => any::<[u8; 12]>().prop_map(Value::ObjectId),
        1 => (plain(), "[imx]{0,3}").prop_map(|(pattern, options)| Value::Regex { pattern, options }),
        1 => text().prop_map(|code| Value::Code { code, scope: None }),
        1 => any::<(u32, u32)>().prop_map(|(time, increment)| Value::BsonTimestamp { time, increment }),
        1 => Just(Value::MinKey),
        1 => Just(Value::MaxKey),
        1 => (text(), any::<[u8; 12]>()).prop_map(|(namespace, id)| Value::DbPointer { namespace, id }),
    ]
    .boxed()
}

/// Numbers that meet often: the same few values in all four types, and wild ones.
pub(super) fn number() -> BoxedStrategy<Value> {
    let doubles = prop_oneof![
        (-8i32..8).prop_map(|n| f64::from(n) / 4.0),
        any::<f64>(),
        Just(0.1),
        Just(-0.0),
        Just(1e300),
        Just(9_007_199_254_740_992.0),
        Just(9_223_372_036_854_775_808.0),
        Just(f64::from_bits(1)),
    ];
    let decimals = prop_oneof![
        (-800i128..800, -3i64..3),
        (-100i128..100, -40i64..40),
        (
            -(10i128.pow(34) - 1)..10i128.pow(34),
            prop_oneof![Just(-6176i64), Just(6111), -60..30i64]
        ),
    ];
    prop_oneof![
        (-3i64..3).prop_map(|n| Number::int(n, NumberType::Int32)),
        any::<i32>().prop_map(|n| Number::int(i64::from(n), NumberType::Int32)),
        (-3i64..3).prop_map(|n| Number::int(n, NumberType::Int64)),
        any::<i64>().prop_map(|n| Number::int(n, NumberType::Int64)),
        doubles.prop_map(|n| Number::double(n, NumberType::Double)),
        decimals.prop_map(|(c, e)| Number::decimal(BigInt::from(c), e, NumberType::Decimal128)),
        prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]
            .prop_map(|n| Number::double(n, NumberType::Decimal128)),
    ]
    .prop_map(Value::Number)
    .boxed()
}

/// The BSON document of these fields.
pub(super) fn bson(fields: &[(String, Value)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let (kind, bytes) = element(value);
        body.push(kind);
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(&bytes);
    }
    frame(&body)
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as i32 + 5).to_le_bytes()[..], body, &[0]].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as i32 + 1).to_le_bytes()[..], text.as_bytes(), &[0]].concat()
}

fn element(value: &Value) -> (u8, Vec<u8>) {
    match value {
        Value::Null => (0x0a, vec![]),
        Value::Undefined => (0x06, vec![]),
        Value::Bool(b) => (0x08, vec![u8::from(*b)]),
        Value::Number(n) => match (&n.repr, n.ty) {
            (NumberRepr::Int(v), NumberType::Int32) => (0x10, (*v as i32).to_le_bytes().to_vec()),
            (NumberRepr::Int(v), _) => (0x12, v.to_le_bytes().to_vec()),
            (NumberRepr::Double(v), NumberType::Double) => (0x01, v.to_le_bytes().to_vec()),
            (NumberRepr::Double(v), _) => {
                let high: u128 = match v {
                    v if v.is_nan() => 0x7c,
                    v if *v > 0.0 => 0x78,
                    _ => 0xf8,
                };
                (0x13, (high << 120).to_le_bytes().to_vec())
            }
            (NumberRepr::Decimal(d), _) => {
                let sign = u128::from(d.unscaled.sign() == Sign::Minus);
                let coefficient = d.unscaled.magnitude().to_u128().unwrap();
                let bits = sign << 127 | ((d.exponent + 6176) as u128) << 113 | coefficient;
                (0x13, bits.to_le_bytes().to_vec())
            }
        },
        Value::Text(s) => (0x02, string(s)),
        Value::Symbol(s) => (0x0e, string(s)),
        Value::Bytes { subtype: 2, bytes } => {
            let len = bytes.len() as i32;
            let head = [&(len + 4).to_le_bytes()[..], &[2], &len.to_le_bytes()[..], bytes];
            (0x05, head.concat())
        }
        Value::Bytes { subtype, bytes } => (
            0x05,
            [&(bytes.len() as i32).to_le_bytes()[..], &[*subtype], bytes].concat(),
        ),
        Value::Uuid(u) => (0x05, [&[16, 0, 0, 0, 4], &u[..]].concat()),
        Value::Timestamp(t) => (0x09, ((t.0 / 1_000_000) as i64).to_le_bytes().to_vec()),
        Value::ObjectId(id) => (0x07, id.to_vec()),
        Value::List(items) => {
            let named: Vec<(String, Value)> = items
                .iter()
                .enumerate()
                .map(|(i, v)| (i.to_string(), v.clone()))
                .collect();
            (0x04, bson(&named))
        }
        Value::Document(fields) => (0x03, bson(fields)),
        Value::Regex { pattern, options } => (
            0x0b,
            [pattern.as_bytes(), &[0], options.as_bytes(), &[0]].concat(),
        ),
        Value::Code { code, scope: None } => (0x0d, string(code)),
        Value::Code {
            code,
            scope: Some(scope),
        } => {
            let inner = [string(code), bson(scope)].concat();
            (
                0x0f,
                [&(inner.len() as i32 + 4).to_le_bytes()[..], &inner].concat(),
            )
        }
        Value::BsonTimestamp { time, increment } => {
            (0x11, [increment.to_le_bytes(), time.to_le_bytes()].concat())
        }
        Value::MinKey => (0xff, vec![]),
        Value::MaxKey => (0x7f, vec![]),
        Value::DbPointer { namespace, id } => (0x0c, [string(namespace), id.to_vec()].concat()),
        other => panic!("BSON has no {}", other.type_name()),
    }
}

/// The value as canonical Extended JSON v2.
pub(super) fn ejson(value: &Value) -> String {
    let quoted = |s: &str| serde_json::to_string(s).unwrap();
    let hex = |b: &[u8]| quoted(&hex::encode(b));
    let wrap = |name: &str, text: &str| format!("{{\"{name}\":{text}}}");
    let base64 = |b: &[u8]| base64::engine::general_purpose::STANDARD.encode(b);
    let binary = |s: u8, b: &[u8]| {
        format!(
            r#"{{"$binary":{{"base64":"{}","subType":"{s:02x}"}}}}"#,
            base64(b)
        )
    };
    match value {
        Value::Null => "null".to_owned(),
        Value::Undefined => wrap("$undefined", "true"),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => match (&n.repr, n.ty) {
            (NumberRepr::Int(v), NumberType::Int32) => wrap("$numberInt", &quoted(&v.to_string())),
            (NumberRepr::Int(v), _) => wrap("$numberLong", &quoted(&v.to_string())),
            (NumberRepr::Decimal(d), _) => {
                wrap("$numberDecimal", &format!("\"{}E{}\"", d.unscaled, d.exponent))
            }
            (NumberRepr::Double(v), ty) => {
                let text = match v {
                    v if v.is_nan() => "NaN".to_owned(),
                    v if v.is_infinite() => if *v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
                    v => format!("{v:?}"),
                };
                let name = if ty == NumberType::Double {
                    "$numberDouble"
                } else {
                    "$numberDecimal"
                };
                wrap(name, &quoted(&text))
            }
        },
        Value::Text(s) => quoted(s),
        Value::Symbol(s) => wrap("$symbol", &quoted(s)),
        Value::Bytes { subtype, bytes } => binary(*subtype, bytes),
        Value::Uuid(u) => binary(4, u),
        Value::Timestamp(t) => wrap(
            "$date",
            &wrap("$numberLong", &quoted(&(t.0 / 1_000_000).to_string())),
        ),
        Value::ObjectId(id) => wrap("$oid", &hex(id)),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(ejson).collect();
            format!("[{}]", items.join(","))
        }
        Value::Document(fields) => object(fields),
        Value::Regex { pattern, options } => format!(
            r#"{{"$regularExpression":{{"pattern":{},"options":{}}}}}"#,
            quoted(pattern),
            quoted(options)
        ),
        Value::Code { code, scope: None } => wrap("$code", &quoted(code)),
        Value::Code {
            code,
            scope: Some(scope),
        } => {
            format!(r#"{{"$code":{},"$scope":{}}}"#, quoted(code), object(scope))
        }
        Value::BsonTimestamp { time, increment } => {
            format!(r#"{{"$timestamp":{{"t":{time},"i":{increment}}}}}"#)
        }
        Value::MinKey => wrap("$minKey", "1"),
        Value::MaxKey => wrap("$maxKey", "1"),
        Value::DbPointer { namespace, id } => format!(
            r#"{{"$dbPointer":{{"$ref":{},"$id":{{"$oid":{}}}}}}}"#,
            quoted(namespace),
            hex(id)
        ),
        other => panic!("Extended JSON has no {}", other.type_name()),
    }
}

fn object(fields: &[(String, Value)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}: {}", serde_json::to_string(name).unwrap(), ejson(value)))
        .collect();
    format!("{{ {} }}", fields.join(" ,"))
}
