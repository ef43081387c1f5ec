//! Values without parts that are no numbers: text, bytes, times and what each store has of its own.

use super::Encoder;
use crate::canon::{Normalize, tag};
use crate::model::{Problem, Timestamp};
use std::net::IpAddr;

impl Encoder {
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
                self.binary_head(subtype, bytes.len());
                self.out.extend_from_slice(bytes);
            }
        }
    }

    /// Writes what stands before so many bytes that are no UUID.
    pub(in crate::canon) fn binary_head(&mut self, subtype: u8, len: usize) {
        self.out.extend_from_slice(&[tag::BYTES, subtype]);
        self.len(len);
    }

    /// Writes what stands before a text; false, and nothing, if it is no UTF-8 or may have another normal form.
    pub(in crate::canon) fn text_head(&mut self, text: &[u8]) -> bool {
        let as_is = || self.equality.normalize == Normalize::None && std::str::from_utf8(text).is_ok();
        let plain = text.is_ascii() || as_is();
        if plain {
            self.out.push(tag::TEXT);
            self.len(text.len());
        }
        plain
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

    #[inline]
    fn string(&mut self, tag: u8, bytes: &[u8]) -> Result<(), Problem> {
        self.out.push(tag);
        self.utf8(bytes)
    }

    #[inline]
    pub(super) fn utf8(&mut self, bytes: &[u8]) -> Result<(), Problem> {
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
        let normal = self.equality.normalize.apply(text);
        self.len(normal.len());
        self.out.extend_from_slice(normal.as_bytes());
        Ok(())
    }
}
