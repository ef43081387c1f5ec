//! The files that are measured: made up, the same for the same number of records.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes of every document.
pub const DOCUMENT: usize = 490;
/// Fields of every document.
pub const FIELDS: usize = 20;
/// Columns of every row.
pub const COLUMNS: usize = 9;

const CITIES: [&str; 5] = ["Aachen", "Washington, D.C.", "Łódź", "São Paulo", "Reykjavík"];

/// Writes `records` documents; every `every`-th differs from what it is with `every` 0.
pub fn bson(path: &Path, records: u64, every: u64) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut changed = 0;
    let mut doc = Vec::with_capacity(DOCUMENT);
    for n in 0..records {
        let other = every > 0 && n % every == every / 2;
        changed += u64::from(other);
        document(&mut doc, n, other);
        out.write_all(&doc)?;
    }
    out.flush()?;
    Ok(changed)
}

fn document(doc: &mut Vec<u8>, n: u64, other: bool) {
    let r = mix(n);
    doc.clear();
    doc.extend_from_slice(&[0; 4]);
    let mut id = [0x65; 12];
    id[4..].copy_from_slice(&n.to_be_bytes());
    field(doc, 0x07, "_id", &id);
    field(doc, 0x10, "customer", &((r >> 40) as i32).to_le_bytes());
    text(doc, "status", ["active", "closed", "cancelled"][(r % 3) as usize]);
    let cents = r % 1_000_000 + u64::from(other);
    decimal(doc, "total", cents);
    decimal(doc, "tax", cents / 5);
    text(doc, "currency", "EUR");
    field(
        doc,
        0x09,
        "created_at",
        &(1_700_000_000_000 + n as i64 * 977).to_le_bytes(),
    );
    field(
        doc,
        0x09,
        "updated_at",
        &(1_700_000_500_000 + n as i64 * 977).to_le_bytes(),
    );
    text(doc, "name", &format!("Customer {:06}", r % 1_000_000));
    text(doc, "email", &format!("c{:06}@example.org", r % 1_000_000));
    text(doc, "street", &format!("{} Long Street", r % 300));
    text(doc, "city", CITIES[(r >> 8) as usize % CITIES.len()]);
    text(doc, "zip", &format!("{:05}", r % 100_000));
    field(doc, 0x01, "weight", &((r % 5000) as f64 / 8.0).to_le_bytes());
    field(doc, 0x10, "items", &((r % 9) as i32).to_le_bytes());
    field(doc, 0x08, "gift", &[(r >> 3) as u8 & 1]);
    field(doc, 0x12, "version", &(r as i64 >> 20).to_le_bytes());
    field(doc, 0x0a, "cancelled_at", &[]);
    text(doc, "channel", ["web", "shop", "phone"][(r >> 5) as usize % 3]);
    // The last field fills the document up: type, name, NUL, length, text, NUL, and the document's own end.
    let room = DOCUMENT - doc.len() - (1 + 5 + 4 + 1 + 1);
    text(doc, "note", &"lorem ipsum dolor sit amet ".repeat(20)[..room]);
    doc.push(0);
    doc[..4].copy_from_slice(&(DOCUMENT as u32).to_le_bytes());
    assert_eq!(doc.len(), DOCUMENT);
}

fn field(doc: &mut Vec<u8>, kind: u8, name: &str, value: &[u8]) {
    doc.push(kind);
    doc.extend_from_slice(name.as_bytes());
    doc.push(0);
    doc.extend_from_slice(value);
}

fn text(doc: &mut Vec<u8>, name: &str, value: &str) {
    field(doc, 0x02, name, &(value.len() as u32 + 1).to_le_bytes());
    doc.extend_from_slice(value.as_bytes());
    doc.push(0);
}

/// A decimal128 with two places.
fn decimal(doc: &mut Vec<u8>, name: &str, cents: u64) {
    let bits = (6174u128 << 113) | u128::from(cents);
    field(doc, 0x13, name, &bits.to_le_bytes());
}

/// Writes `records` rows and a header; every `every`-th row differs from what it is with `every` 0.
pub fn csv(path: &Path, records: u64, every: u64) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut changed = 0;
    writeln!(out, "id,customer,status,total,created_at,name,city,zip,note")?;
    for n in 0..records {
        let r = mix(n);
        let other = every > 0 && n % every == every / 2;
        changed += u64::from(other);
        writeln!(
            out,
            "{n},{},{},{}.{:02},2024-{:02}-{:02}T10:00:00Z,Customer {:06},\"{}\",{:05},lorem ipsum {:x}",
            r >> 40,
            ["active", "closed", "cancelled"][(r % 3) as usize],
            r % 10_000 + u64::from(other),
            r % 100,
            r % 12 + 1,
            r % 28 + 1,
            r % 1_000_000,
            CITIES[(r >> 8) as usize % CITIES.len()],
            r % 100_000,
            r,
        )?;
    }
    out.flush()?;
    Ok(changed)
}

/// SplitMix64's mixer (Steele, Lea, Flood 2014).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
