//! The canonical encoder: values in, self-delimiting bytes out, injective up to the declared [`Equality`].
//!
//! Every reader (raw BSON, Extended JSON, text cells, the tree form) drives this one encoder, so that equal values get
//! equal bytes whatever wrote them. Layout, version 1:
//!
//! ```text
//! value    = tag content
//! int      = i64 LE                       integral values within 64 bits, whatever type held them
//! double   = IEEE bits LE                 non-integral values that a double holds exactly, and the infinities
//! decimal  = sign exponent(zigzag) len magnitude(BE)    all other numbers, no trailing zeros
//! typed    = source type, then the number (decimals as stored)          only under numbers = typed
//! text     = len bytes                    len is a LEB128 number
//! list     = value* END                   set: sorted by bytes, no duplicates
//! document = (PAIR len name value)* END   sorted by name bytes unless the order counts
//! map      = (value value)* END           sorted by key bytes; with text keys only it is written as a document
//! ```

use super::decimal::{DecimalForm, as_exact_double, as_i64, decimal_form};
use super::{Absent, Equality, FieldOrder, Normalize, Numbers, tag};
use crate::model::{Decimal, Number, NumberRepr, NumberType, Problem, Timestamp, Value};
use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, ToPrimitive};
use std::net::IpAddr;

/// The deepest nesting of lists, documents and maps that is compared; deeper is reported `unsupported`.
///
/// MongoDB stores at most 100 levels; the bound keeps hostile input from exhausting the stack.
pub const MAX_DEPTH: usize = 256;

/// Writes canonical bytes into a buffer of its own, which is reused from value to value.
#[derive(Debug)]
pub struct Encoder {
    equality: Equality,
    out: Vec<u8>,
    spans: Vec<Span>,
    scratch: Vec<u8>,
    depth: usize,
}

/// Where one element of a set, a map or a document lies in the buffer while its container is open.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    /// Where the part ends by which elements are ordered: a document's name, a map's key, a set's whole element.
    key_end: usize,
    end: usize,
}

impl Encoder {
    /// An encoder under `equality`, with an empty buffer.
    pub fn new(equality: Equality) -> Encoder {
        Encoder {
            equality,
            out: Vec::with_capacity(512),
            spans: Vec::new(),
            scratch: Vec::new(),
            depth: 0,
        }
    }

    /// The equality this encoder writes under.
    pub fn equality(&self) -> &Equality {
        &self.equality
    }

    /// What has been written since the last [`Encoder::clear`].
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Empties the buffer (also what a failed value left behind).
    pub fn clear(&mut self) {
        self.out.clear();
        self.spans.clear();
        self.depth = 0;
    }

    /// Drops what was written after the first `len` bytes; for callers that put several values in one buffer.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
        self.spans.clear();
        self.depth = 0;
    }

    /// Appends bytes that are canonical already.
    pub fn raw(&mut self, canonical: &[u8]) {
        self.out.extend_from_slice(canonical);
    }

    /// Writes null.
    pub fn null(&mut self) {
        self.out.push(tag::NULL);
    }

    /// Writes BSON's undefined.
    pub fn undefined(&mut self) {
        self.out.push(tag::UNDEFINED);
    }

    /// Writes a truth value.
    pub fn bool(&mut self, value: bool) {
        self.out.push(if value { tag::TRUE } else { tag::FALSE });
    }

    /// Writes an integer held by `ty`.
    #[inline]
    pub fn int(&mut self, value: i64, ty: NumberType) {
        self.source_type(ty);
        self.plain_int(value);
    }

    /// Writes a binary floating point number held by `ty`. −0 is 0, and there is one NaN.
    #[inline]
    pub fn double(&mut self, value: f64, ty: NumberType) {
        self.source_type(ty);
        if value.is_nan() {
            self.out.push(tag::NAN);
        } else if value.is_infinite() || value.fract() != 0.0 {
            self.double_bits(value);
        } else if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
            self.plain_int(value as i64);
        } else {
            let unscaled = BigInt::from_f64(value).expect("a finite double has an integer part");
            self.plain_decimal(
                &Decimal {
                    unscaled,
                    exponent: 0,
                }
                .normalised(),
            );
        }
    }

    /// Writes `±coefficient × 10^exponent` held by `ty`.
    pub fn decimal(&mut self, negative: bool, coefficient: u128, exponent: i64, ty: NumberType) {
        self.source_type(ty);
        match decimal_form(self.equality.numbers, negative, coefficient, exponent) {
            DecimalForm::Int(value) => self.plain_int(value),
            DecimalForm::Double(value) => self.double_bits(value),
            DecimalForm::Decimal {
                coefficient,
                exponent,
            } => {
                let bytes = coefficient.to_be_bytes();
                let head = (coefficient.leading_zeros() as usize / 8).min(15);
                self.decimal_parts(negative && coefficient != 0, exponent, &bytes[head..]);
            }
        }
    }

    /// Writes a decimal of any size held by `ty`.
    pub fn big_decimal(&mut self, value: &Decimal, ty: NumberType) {
        if self.equality.numbers == Numbers::Typed {
            self.source_type(ty);
            // Under `typed` 1.10 and 1.1 are different decimals; integers beyond 64 bits have exponent 0 anyway.
            return match value.unscaled.to_i64() {
                Some(int) if value.exponent == 0 => self.plain_int(int),
                _ => self.plain_decimal(value),
            };
        }
        let normal = value.normalised();
        if let Some(int) = as_i64(&normal) {
            self.plain_int(int);
        } else if let Some(double) = as_exact_double(&normal) {
            self.double_bits(double);
        } else {
            self.plain_decimal(&normal);
        }
    }

    /// Writes any number.
    pub fn number(&mut self, number: &Number) {
        match &number.repr {
            NumberRepr::Int(v) => self.int(*v, number.ty),
            NumberRepr::Double(v) => self.double(*v, number.ty),
            NumberRepr::Decimal(d) => self.big_decimal(d, number.ty),
        }
    }

    /// Writes text from bytes that should be UTF-8; `malformed` if they are not.
    #[inline]
    pub fn text(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.string(tag::TEXT, bytes)
    }

    /// Writes a BSON symbol.
    pub fn symbol(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.string(tag::SYMBOL, bytes)
    }

    /// Writes bytes; binary subtype 4 of length 16 is a UUID.
    pub fn binary(&mut self, subtype: u8, bytes: &[u8]) {
        match <&[u8; 16]>::try_from(bytes) {
            Ok(uuid) if subtype == 4 => self.uuid(uuid),
            _ => {
                self.out.extend_from_slice(&[tag::BYTES, subtype]);
                self.len(bytes.len());
                self.out.extend_from_slice(bytes);
            }
        }
    }

    /// Writes a point in time.
    #[inline]
    pub fn timestamp(&mut self, at: Timestamp) {
        self.out.push(tag::TIMESTAMP);
        self.out.extend_from_slice(&at.0.to_le_bytes());
    }

    /// Writes a calendar date, in days since 1970-01-01.
    pub fn date(&mut self, days: i64) {
        self.out.push(tag::DATE);
        self.out.extend_from_slice(&days.to_le_bytes());
    }

    /// Writes a time of day, in nanoseconds since midnight.
    pub fn time(&mut self, nanos: u64) {
        self.out.push(tag::TIME);
        self.out.extend_from_slice(&nanos.to_le_bytes());
    }

    /// Writes a duration.
    pub fn duration(&mut self, months: i32, days: i32, nanos: i64) {
        self.out.push(tag::DURATION);
        self.out.extend_from_slice(&months.to_le_bytes());
        self.out.extend_from_slice(&days.to_le_bytes());
        self.out.extend_from_slice(&nanos.to_le_bytes());
    }

    /// Writes a UUID.
    pub fn uuid(&mut self, uuid: &[u8; 16]) {
        self.out.push(tag::UUID);
        self.out.extend_from_slice(uuid);
    }

    /// Writes an ObjectId.
    #[inline]
    pub fn object_id(&mut self, id: &[u8; 12]) {
        self.out.push(tag::OBJECT_ID);
        self.out.extend_from_slice(id);
    }

    /// Writes an IP address. An IPv4 address and its IPv6-mapped form are different values.
    pub fn inet(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                self.out.push(tag::INET4);
                self.out.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                self.out.push(tag::INET6);
                self.out.extend_from_slice(&v6.octets());
            }
        }
    }

    /// Writes a regular expression.
    pub fn regex(&mut self, pattern: &[u8], options: &[u8]) -> Result<(), Problem> {
        self.string(tag::REGEX, pattern)?;
        self.utf8(options)
    }

    /// Writes JavaScript code without scope.
    pub fn code(&mut self, code: &[u8]) -> Result<(), Problem> {
        self.string(tag::CODE, code)
    }

    /// Writes JavaScript code with scope; `scope` must write exactly one document.
    pub fn code_with_scope(
        &mut self,
        code: &[u8],
        scope: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.string(tag::CODE_SCOPE, code)?;
        scope(self)
    }

    /// Writes BSON's internal timestamp.
    pub fn bson_timestamp(&mut self, time: u32, increment: u32) {
        self.out.push(tag::BSON_TIMESTAMP);
        self.out.extend_from_slice(&time.to_le_bytes());
        self.out.extend_from_slice(&increment.to_le_bytes());
    }

    /// Writes MinKey.
    pub fn min_key(&mut self) {
        self.out.push(tag::MIN_KEY);
    }

    /// Writes MaxKey.
    pub fn max_key(&mut self) {
        self.out.push(tag::MAX_KEY);
    }

    /// Writes a DBPointer.
    pub fn db_pointer(&mut self, namespace: &[u8], id: &[u8; 12]) -> Result<(), Problem> {
        self.string(tag::DB_POINTER, namespace)?;
        self.out.extend_from_slice(id);
        Ok(())
    }

    /// Writes a list; `elements` writes its elements one after the other.
    pub fn list(
        &mut self,
        elements: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.open(tag::LIST)?;
        elements(self)?;
        self.close();
        Ok(())
    }

    /// Writes a set; `elements` calls [`Encoder::element`] once per element.
    pub fn set(&mut self, elements: impl FnOnce(&mut Encoder) -> Result<(), Problem>) -> Result<(), Problem> {
        let first = self.open(tag::SET)?;
        elements(self)?;
        self.sort(first, |a, b| a.cmp(b));
        self.dedup(first);
        self.spans.truncate(first);
        self.close();
        Ok(())
    }

    /// Writes one element of a set.
    pub fn element(
        &mut self,
        value: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let start = self.out.len();
        value(self)?;
        let end = self.out.len();
        self.spans.push(Span {
            start,
            key_end: end,
            end,
        });
        Ok(())
    }

    /// Writes a map; `entries` calls [`Encoder::entry`] once per entry. Equal keys are `malformed`.
    pub fn map(&mut self, entries: impl FnOnce(&mut Encoder) -> Result<(), Problem>) -> Result<(), Problem> {
        let start = self.out.len();
        let first = self.open(tag::MAP)?;
        entries(self)?;
        let all_text = self.spans[first..].iter().all(|s| self.out[s.start] == tag::TEXT);
        if all_text {
            // A text key has the form of a document's name but for its mark.
            self.out[start] = tag::DOCUMENT;
            for i in first..self.spans.len() {
                let at = self.spans[i].start;
                self.out[at] = tag::PAIR;
            }
            self.sort(first, name_order);
        } else {
            self.sort(first, |a, b| a.cmp(b));
        }
        self.refuse_duplicates(first, "map key")?;
        if all_text {
            self.drop_nulls(first);
        }
        self.spans.truncate(first);
        self.close();
        Ok(())
    }

    /// Writes one entry of a map.
    pub fn entry(
        &mut self,
        key: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
        value: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let start = self.out.len();
        key(self)?;
        let key_end = self.out.len();
        value(self)?;
        self.spans.push(Span {
            start,
            key_end,
            end: self.out.len(),
        });
        Ok(())
    }

    /// Writes a document; `fields` calls [`Encoder::field`] once per field. A name that comes twice is `malformed`.
    pub fn document(
        &mut self,
        fields: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let first = self.open(tag::DOCUMENT)?;
        fields(self)?;
        match self.equality.field_order {
            FieldOrder::Ignore => {
                self.sort(first, name_order);
                self.refuse_duplicates(first, "field name")?;
            }
            FieldOrder::Exact => self.refuse_duplicates_unsorted(first)?,
        }
        self.drop_nulls(first);
        self.spans.truncate(first);
        self.close();
        Ok(())
    }

    /// Writes one field of a document.
    #[inline]
    pub fn field(
        &mut self,
        name: &[u8],
        value: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let start = self.out.len();
        self.out.push(tag::PAIR);
        self.utf8(name)?;
        let key_end = self.out.len();
        value(self).map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
        self.spans.push(Span {
            start,
            key_end,
            end: self.out.len(),
        });
        Ok(())
    }

    /// Writes a value from its tree form.
    pub fn value(&mut self, value: &Value) -> Result<(), Problem> {
        match value {
            Value::Null => self.null(),
            Value::Undefined => self.undefined(),
            Value::Bool(v) => self.bool(*v),
            Value::Number(n) => self.number(n),
            Value::Text(s) => self.text(s.as_bytes())?,
            Value::Symbol(s) => self.symbol(s.as_bytes())?,
            Value::Bytes { subtype, bytes } => self.binary(*subtype, bytes),
            Value::Timestamp(t) => self.timestamp(*t),
            Value::Date(days) => self.date(*days),
            Value::Time(nanos) => self.time(*nanos),
            Value::Duration { months, days, nanos } => self.duration(*months, *days, *nanos),
            Value::Uuid(u) => self.uuid(u),
            Value::ObjectId(id) => self.object_id(id),
            Value::Inet(ip) => self.inet(*ip),
            Value::List(items) => self.list(|e| {
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, v)| e.value(v).map_err(|p| p.at(i)))
            })?,
            Value::Set(items) => self.set(|e| items.iter().try_for_each(|v| e.element(|e| e.value(v))))?,
            Value::Map(pairs) => {
                self.map(|e| {
                    pairs
                        .iter()
                        .try_for_each(|(k, v)| e.entry(|e| e.value(k), |e| e.value(v)))
                })?;
            }
            Value::Document(fields) => self.fields(fields)?,
            Value::Regex { pattern, options } => self.regex(pattern.as_bytes(), options.as_bytes())?,
            Value::Code { code, scope: None } => self.code(code.as_bytes())?,
            Value::Code {
                code,
                scope: Some(scope),
            } => {
                self.code_with_scope(code.as_bytes(), |e| e.fields(scope))?;
            }
            Value::BsonTimestamp { time, increment } => self.bson_timestamp(*time, *increment),
            Value::MinKey => self.min_key(),
            Value::MaxKey => self.max_key(),
            Value::DbPointer { namespace, id } => self.db_pointer(namespace.as_bytes(), id)?,
        }
        Ok(())
    }

    fn fields(&mut self, fields: &[(String, Value)]) -> Result<(), Problem> {
        self.document(|e| {
            fields
                .iter()
                .try_for_each(|(name, v)| e.field(name.as_bytes(), |e| e.value(v)))
        })
    }

    #[inline]
    fn source_type(&mut self, ty: NumberType) {
        if self.equality.numbers == Numbers::Typed {
            self.out.extend_from_slice(&[tag::TYPED, ty as u8]);
        }
    }

    #[inline]
    fn plain_int(&mut self, value: i64) {
        self.tagged(tag::INT, value.to_le_bytes());
    }

    #[inline]
    fn double_bits(&mut self, value: f64) {
        self.tagged(tag::DOUBLE, value.to_bits().to_le_bytes());
    }

    /// A tag and eight bytes, in one write.
    #[inline]
    fn tagged(&mut self, tag: u8, content: [u8; 8]) {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&content);
        self.out.extend_from_slice(&bytes);
    }

    fn plain_decimal(&mut self, value: &Decimal) {
        let negative = value.unscaled.sign() == Sign::Minus;
        self.decimal_parts(
            negative,
            value.exponent,
            &value.unscaled.magnitude().to_bytes_be(),
        );
    }

    fn decimal_parts(&mut self, negative: bool, exponent: i64, magnitude: &[u8]) {
        self.out.extend_from_slice(&[tag::DECIMAL, u8::from(negative)]);
        self.leb128(((exponent << 1) ^ (exponent >> 63)) as u64);
        self.len(magnitude.len());
        self.out.extend_from_slice(magnitude);
    }

    #[inline]
    fn string(&mut self, tag: u8, bytes: &[u8]) -> Result<(), Problem> {
        self.out.push(tag);
        self.utf8(bytes)
    }

    #[inline]
    fn utf8(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if !bytes.is_ascii() {
            return self.wide_utf8(bytes);
        }
        self.len(bytes.len());
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Text beyond ASCII: the only text that can be invalid or have another normal form.
    fn wide_utf8(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            Problem::malformed(format!("invalid UTF-8 after {} bytes of text", e.valid_up_to()))
        })?;
        if self.equality.normalize == Normalize::Nfc {
            use unicode_normalization::UnicodeNormalization;
            let normal: String = text.nfc().collect();
            self.len(normal.len());
            self.out.extend_from_slice(normal.as_bytes());
        } else {
            self.len(bytes.len());
            self.out.extend_from_slice(bytes);
        }
        Ok(())
    }

    #[inline]
    fn len(&mut self, len: usize) {
        self.leb128(len as u64);
    }

    #[inline]
    fn leb128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn open(&mut self, tag: u8) -> Result<usize, Problem> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::unsupported(format!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        self.depth += 1;
        self.out.push(tag);
        Ok(self.spans.len())
    }

    fn close(&mut self) {
        self.out.push(tag::END);
        self.depth -= 1;
    }

    /// Brings the open container's elements into the order of their key parts.
    fn sort(&mut self, first: usize, order: fn(&[u8], &[u8]) -> std::cmp::Ordering) {
        let Encoder {
            out, spans, scratch, ..
        } = self;
        let spans = &mut spans[first..];
        let key = |s: &Span| &out[s.start..s.key_end];
        if spans.windows(2).all(|w| order(key(&w[0]), key(&w[1])).is_le()) {
            return;
        }
        let from = spans[0].start;
        spans.sort_by(|a, b| order(key(a), key(b)));
        scratch.clear();
        for span in spans.iter_mut() {
            let start = from + scratch.len();
            scratch.extend_from_slice(&out[span.start..span.end]);
            *span = Span {
                start,
                key_end: start + (span.key_end - span.start),
                end: from + scratch.len(),
            };
        }
        out[from..].copy_from_slice(scratch);
    }

    /// Rewrites the open container with only those elements that `keep` wants.
    fn retain(&mut self, first: usize, mut keep: impl FnMut(Option<&[u8]>, &[u8], &[u8]) -> bool) {
        let Some(from) = self.spans.get(first).map(|s| s.start) else {
            return;
        };
        let mut end = from;
        let mut kept = first;
        let mut previous: Option<(usize, usize)> = None;
        for i in first..self.spans.len() {
            let s = self.spans[i];
            let wanted = keep(
                previous.map(|(a, b)| &self.out[a..b]),
                &self.out[s.start..s.key_end],
                &self.out[s.key_end..s.end],
            );
            if wanted {
                self.out.copy_within(s.start..s.end, end);
                let moved = Span {
                    start: end,
                    key_end: end + (s.key_end - s.start),
                    end: end + (s.end - s.start),
                };
                previous = Some((moved.start, moved.key_end));
                end = moved.end;
                self.spans[kept] = moved;
                kept += 1;
            }
        }
        self.spans.truncate(kept);
        self.out.truncate(end);
    }

    fn dedup(&mut self, first: usize) {
        self.retain(first, |previous, element, _| previous != Some(element));
    }

    fn drop_nulls(&mut self, first: usize) {
        if self.equality.absent == Absent::Null {
            self.retain(first, |_, _, value| value != [tag::NULL]);
        }
    }

    fn refuse_duplicates(&self, first: usize, what: &str) -> Result<(), Problem> {
        let key = |s: &Span| &self.out[s.start..s.key_end];
        match self.spans[first..].windows(2).find(|w| key(&w[0]) == key(&w[1])) {
            None => Ok(()),
            Some(w) => Err(self.duplicate(&w[0], what)),
        }
    }

    fn refuse_duplicates_unsorted(&self, first: usize) -> Result<(), Problem> {
        let key = |s: &Span| &self.out[s.start..s.key_end];
        let mut sorted: Vec<&Span> = self.spans[first..].iter().collect();
        sorted.sort_by(|a, b| key(a).cmp(key(b)));
        match sorted.windows(2).find(|w| key(w[0]) == key(w[1])) {
            None => Ok(()),
            Some(w) => Err(self.duplicate(w[0], "field name")),
        }
    }

    fn duplicate(&self, span: &Span, what: &str) -> Problem {
        let name = name_of(&self.out[span.start..span.key_end]);
        Problem::malformed(format!("duplicate {what} {:?}", String::from_utf8_lossy(name)))
    }
}

/// The bytes of a name or text key without mark and length.
fn name_of(key: &[u8]) -> &[u8] {
    let mut at = 1;
    while at < key.len() && key[at] & 0x80 != 0 {
        at += 1;
    }
    key.get(at + 1..).unwrap_or_default()
}

fn name_order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    name_of(a).cmp(name_of(b))
}
