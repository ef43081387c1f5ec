//! Just enough of BSON and of cqlsh's CSV to write the demo's two stores.

/// A BSON document under construction.
#[derive(Debug, Default)]
pub struct Bson(Vec<u8>);

impl Bson {
    /// An empty document.
    pub fn new() -> Bson {
        Bson(vec![0; 4])
    }

    fn head(&mut self, kind: u8, name: &str) -> &mut Vec<u8> {
        self.0.push(kind);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        &mut self.0
    }

    /// An ObjectId.
    pub fn object_id(&mut self, name: &str, id: &[u8; 12]) {
        self.head(0x07, name).extend_from_slice(id);
    }

    /// A UUID (binary subtype 4).
    pub fn uuid(&mut self, name: &str, id: &[u8; 16]) {
        let out = self.head(0x05, name);
        out.extend_from_slice(&[16, 0, 0, 0, 4]);
        out.extend_from_slice(id);
    }

    /// A string.
    pub fn text(&mut self, name: &str, text: &[u8]) {
        let out = self.head(0x02, name);
        out.extend_from_slice(&(text.len() as u32 + 1).to_le_bytes());
        out.extend_from_slice(text);
        out.push(0);
    }

    /// An int32.
    pub fn int32(&mut self, name: &str, value: i32) {
        self.head(0x10, name).extend_from_slice(&value.to_le_bytes());
    }

    /// A double.
    pub fn double(&mut self, name: &str, value: f64) {
        self.head(0x01, name).extend_from_slice(&value.to_le_bytes());
    }

    /// A truth value.
    pub fn bool(&mut self, name: &str, value: bool) {
        self.head(0x08, name).push(u8::from(value));
    }

    /// A date, in milliseconds since the epoch.
    pub fn date(&mut self, name: &str, ms: i64) {
        self.head(0x09, name).extend_from_slice(&ms.to_le_bytes());
    }

    /// A decimal128 with two places: `cents × 10^−2`.
    pub fn cents(&mut self, name: &str, cents: u64) {
        const BIAS: u128 = 6176;
        let bits = ((BIAS - 2) << 113) | u128::from(cents);
        self.head(0x13, name).extend_from_slice(&bits.to_le_bytes());
    }

    /// An embedded document (0x03) or array (0x04).
    pub fn nested(&mut self, kind: u8, name: &str, inner: Bson) {
        let inner = inner.finish();
        self.head(kind, name).extend_from_slice(&inner);
    }

    /// The finished document.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(0);
        let len = (self.0.len() as u32).to_le_bytes();
        self.0[..4].copy_from_slice(&len);
        self.0
    }
}

/// Appends a text cell the way cqlsh's COPY TO does: backslashes and line ends escaped, quotes where needed.
pub fn cell(out: &mut Vec<u8>, text: &str) {
    let quoted = text.contains([',', '"', '\'']);
    if quoted {
        out.push(b'"');
    }
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if quoted {
        out.push(b'"');
    }
}
