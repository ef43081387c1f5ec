//! The shop: customers and orders. Stable is a mongodump directory, candidate the CSV that cqlsh exports.

use super::write::{Bson, cell};
use crate::store::create_private_dir;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Shop {
    /// Number of orders; there is one customer for every five.
    pub orders: u64,
    /// Share of orders that drift, 0 to 1.
    pub drift: f64,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether servers are to hold it, which take no broken text, no second row of a key, and nothing too deep.
    pub live: bool,
}

/// One divergence that was planted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Planted {
    /// The compare in which it must be found.
    pub compare: String,
    /// The class it must be found under.
    pub class: String,
    /// The key, as reports print it.
    pub key: String,
    /// The fields that must be named.
    pub fields: Vec<String>,
}

/// Kinds of drift; orders that drift take turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Drift {
    None,
    Missing,
    Extra,
    Status,
    Total,
    CreatedAt,
    City,
    OrderOnly,
    Duplicate,
    Malformed,
    Unconvertible,
    Unsupported,
    Expectation,
    TypeChanged,
}

const KINDS: [Drift; 13] = [
    Drift::Missing,
    Drift::Extra,
    Drift::Status,
    Drift::Total,
    Drift::CreatedAt,
    Drift::City,
    Drift::OrderOnly,
    Drift::Duplicate,
    Drift::Malformed,
    Drift::Unconvertible,
    Drift::Unsupported,
    Drift::Expectation,
    Drift::TypeChanged,
];

impl Drift {
    /// Whether a server holds what drifts in this way.
    fn can_live(self) -> bool {
        !matches!(self, Drift::Duplicate | Drift::Malformed | Drift::Unsupported)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn chance(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) < p * (1u64 << 53) as f64
    }

    fn uuid(&mut self) -> [u8; 16] {
        let (a, b) = (self.next(), self.next());
        let mut id = [a.to_be_bytes(), b.to_be_bytes()].concat();
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        id.try_into().expect("sixteen bytes")
    }
}

const CITIES: [&str; 8] = [
    "Zürich",
    "Lyon",
    "São Paulo",
    "東京",
    "Kraków",
    "Aarhus",
    "Washington, D.C.",
    "Bath",
];
const STATUS: [(&str, &str); 3] = [("A", "active"), ("C", "closed"), ("X", "cancelled")];

/// The files of the candidate and of the stable side.
struct Files {
    customers: BufWriter<File>,
    orders: BufWriter<File>,
    customers_csv: BufWriter<File>,
    orders_csv: BufWriter<File>,
    items_csv: BufWriter<File>,
}

pub(super) const SCHEMA: &str = include_str!("schema.cql");

/// The configuration that maps one store to the other.
pub const CONFIG: &str = include_str!("assay.toml");

/// Writes both stores, the configuration and `planted.json` under `dir`; returns what was planted, sorted.
pub fn plant(dir: &Path, shop: Shop) -> io::Result<Vec<Planted>> {
    let (green, blue) = (dir.join("green/shop"), dir.join("blue"));
    create_private_dir(&green)?;
    create_private_dir(&blue)?;
    let create = |path: PathBuf| -> io::Result<BufWriter<File>> {
        Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
    };
    let mut files = Files {
        customers: create(green.join("customers.bson"))?,
        orders: create(green.join("orders.bson"))?,
        customers_csv: create(blue.join("customers.csv"))?,
        orders_csv: create(blue.join("orders_by_id.csv"))?,
        items_csv: create(blue.join("order_items.csv"))?,
    };
    for name in ["customers", "orders"] {
        let metadata = format!(
            r#"{{"indexes":[{{"v":{{"$numberInt":"2"}},"key":{{"_id":{{"$numberInt":"1"}}}},"name":"_id_"}}],"collectionName":"{name}","type":"collection"}}"#
        );
        std::fs::write(green.join(format!("{name}.metadata.json")), metadata)?;
    }
    std::fs::write(blue.join("schema.cql"), SCHEMA)?;
    std::fs::write(dir.join("assay.toml"), CONFIG)?;
    files
        .customers_csv
        .write_all(b"customer_id,name,email,points,since\n")?;
    files.orders_csv.write_all(
        b"order_id,city,created_at,customer_id,items,paid,schema_version,status,total_cents,weight,zip\n",
    )?;
    files.items_csv.write_all(b"order_id,line,qty,sku\n")?;

    let mut random = Random(shop.seed);
    let mut planted = Vec::new();
    let customers = (shop.orders / 5).max(1);
    let ids: Vec<[u8; 16]> = (0..customers.min(4096)).map(|_| random.uuid()).collect();
    let kinds: Vec<Drift> = KINDS.into_iter().filter(|k| !shop.live || k.can_live()).collect();
    let mut turn = 0;
    // A change of type is planted in the next customer, and there is one for every five orders.
    let mut retype = false;
    for number in 0..shop.orders {
        let drift = match random.chance(shop.drift) {
            false => Drift::None,
            true => {
                turn += 1;
                kinds[(turn - 1) % kinds.len()]
            }
        };
        order(&mut files, &mut random, number, &ids, drift, &mut planted)?;
        retype |= drift == Drift::TypeChanged;
        if number % 5 == 0 {
            let retyped = std::mem::take(&mut retype);
            customer(&mut files, &mut random, number / 5, &ids, retyped, &mut planted)?;
        }
    }
    for file in [
        files.customers,
        files.orders,
        files.customers_csv,
        files.orders_csv,
        files.items_csv,
    ]
    .iter_mut()
    {
        file.flush()?;
    }
    planted.sort();
    let json = serde_json::to_vec_pretty(&planted).map_err(io::Error::other)?;
    std::fs::write(dir.join("planted.json"), json)?;
    Ok(planted)
}

fn tell(planted: &mut Vec<Planted>, compare: &str, class: &str, key: String, fields: &[&str]) {
    let fields = fields.iter().map(|f| (*f).to_owned()).collect();
    planted.push(Planted {
        compare: compare.to_owned(),
        class: class.to_owned(),
        key,
        fields,
    });
}

fn customer(
    files: &mut Files,
    random: &mut Random,
    number: u64,
    ids: &[[u8; 16]],
    retyped: bool,
    planted: &mut Vec<Planted>,
) -> io::Result<()> {
    let id = match ids.get(number as usize) {
        Some(id) => *id,
        None => random.uuid(),
    };
    let uuid = uuid_text(&id);
    let (name, email) = (format!("Customer {number}"), format!("c{number}@shop.example"));
    let points = random.below(5000) as i32;
    let since = 16_000 + random.below(3000) as i64;
    let mut doc = Bson::new();
    doc.uuid("_id", &id);
    doc.text("name", name.as_bytes());
    doc.text("email", email.as_bytes());
    if retyped {
        // The old application wrote some of them as doubles.
        doc.double("points", f64::from(points));
        tell(planted, "customers", "type_changed", uuid.clone(), &["points"]);
    } else {
        doc.int32("points", points);
    }
    doc.date("since", since * 86_400_000);
    files.customers.write_all(&doc.finish())?;
    writeln!(
        files.customers_csv,
        "{uuid},{name},{email},{points},{}",
        date_text(since)
    )
}

fn order(
    files: &mut Files,
    random: &mut Random,
    number: u64,
    ids: &[[u8; 16]],
    drift: Drift,
    planted: &mut Vec<Planted>,
) -> io::Result<()> {
    let mut id = [0u8; 12];
    id[..4].copy_from_slice(&0x65f0_0000u32.to_be_bytes());
    id[4..].copy_from_slice(&number.to_be_bytes());
    let hex = hex::encode(id);
    let customer = ids[random.below(ids.len() as u64) as usize];
    let cents = random.below(100_000) + 100;
    let status = STATUS[random.below(3) as usize];
    let created = 1_704_067_200_000 + random.below(31_536_000) as i64 * 1000;
    let city = CITIES[random.below(8) as usize];
    let zip = format!("{:05}", random.below(100_000));
    let weight = random.below(4000) as f64 / 8.0;
    let paid = random.chance(0.8);
    // Two different items are needed to exchange them.
    let fewest = if drift == Drift::OrderOnly { 2 } else { 0 };
    let items: Vec<(String, i32)> = (0..random.below(4).max(fewest))
        .map(|line| {
            (
                format!("s{}-{line}", random.below(1000)),
                random.below(9) as i32 + 1,
            )
        })
        .collect();

    let mut plant = |class: &str, fields: &[&str]| tell(planted, "orders", class, hex.clone(), fields);
    let mut blue = BTreeMap::from([
        ("city", city.to_owned()),
        ("status", status.1.to_owned()),
        ("total", cents.to_string()),
        ("version", "2".to_owned()),
    ]);
    let (mut created_blue, mut st, mut items_blue, mut rows) = (created, status.0, items.clone(), 1);
    let mut deep = false;
    let mut bad_zip = false;
    match drift {
        Drift::None | Drift::TypeChanged => {}
        Drift::Missing => rows = 0,
        Drift::Extra => {}
        Drift::Status => {
            plant("changed", &["status"]);
            blue.insert(
                "status",
                if status.0 == "A" { "closed" } else { "active" }.to_owned(),
            );
        }
        Drift::Total => {
            plant("changed", &["total"]);
            blue.insert("total", (cents + 1).to_string());
        }
        Drift::CreatedAt => {
            plant("changed", &["created_at"]);
            created_blue += 3_600_000;
        }
        Drift::City => {
            plant("changed", &["city"]);
            blue.insert("city", "Null Island".to_owned());
        }
        Drift::OrderOnly => {
            plant("order_only", &["items"]);
            items_blue.reverse();
        }
        Drift::Duplicate => {
            plant("duplicate_key", &[]);
            rows = 2;
        }
        Drift::Malformed => {
            plant("malformed", &["zip"]);
            bad_zip = true;
        }
        Drift::Unconvertible => {
            plant("unconvertible", &["status"]);
            st = "?";
        }
        Drift::Unsupported => {
            plant("unsupported", &["weight"]);
            deep = true;
        }
        Drift::Expectation => {
            plant("changed", &["schema_version"]);
            blue.insert("version", "1".to_owned());
        }
    }
    // Items follow their order into their own table, in stable's order: only the copy inside the order drifted.
    let mut lines = Vec::new();
    let mut doc = Bson::new();
    doc.object_id("_id", &id);
    doc.uuid("customer_id", &customer);
    doc.cents("total", cents);
    doc.text("st", st.as_bytes());
    doc.date("created_at", created);
    let mut array = Bson::new();
    for (line, (sku, qty)) in items.iter().enumerate() {
        let mut item = Bson::new();
        item.text("sku", sku.as_bytes());
        item.int32("qty", *qty);
        array.nested(0x03, &line.to_string(), item);
        lines.push(format!("{hex},{line},{qty},{sku}\n"));
    }
    doc.nested(0x04, "items", array);
    let mut address = Bson::new();
    address.text("city", city.as_bytes());
    address.text("zip", if bad_zip { b"80\xff0" } else { zip.as_bytes() });
    doc.nested(0x03, "address", address);
    doc.bool("paid", paid);
    match deep {
        false => doc.double("weight", weight),
        true => {
            let mut inner = Bson::new();
            for _ in 0..300 {
                let mut outer = Bson::new();
                outer.nested(0x03, "d", inner);
                inner = outer;
            }
            doc.nested(0x03, "weight", inner);
        }
    }
    let total = &blue["total"];
    for _ in 0..rows {
        write!(files.orders_csv, "{hex},")?;
        let mut text = Vec::new();
        cell(&mut text, &blue["city"]);
        files.orders_csv.write_all(&text)?;
        write!(
            files.orders_csv,
            ",{},{},",
            timestamp_text(created_blue),
            uuid_text(&customer)
        )?;
        let items: Vec<String> = items_blue
            .iter()
            .map(|(sku, qty)| format!("{{sku: '{sku}', qty: {qty}}}"))
            .collect();
        let list = format!("[{}]", items.join(", "));
        let paid = if paid { "True" } else { "False" };
        if items.is_empty() {
            write!(files.orders_csv, "{list}")?
        } else {
            write!(files.orders_csv, "\"{list}\"")?
        }
        writeln!(
            files.orders_csv,
            ",{paid},{},{},{total},{weight},{zip}",
            blue["version"], blue["status"]
        )?;
    }
    match drift {
        Drift::Missing => {
            tell(planted, "orders", "missing", hex.clone(), &[]);
            files.orders.write_all(&doc.finish())?;
            for (line, text) in lines.iter().enumerate() {
                if line == 0 {
                    tell(planted, "order_items", "missing", format!("{hex},{line}"), &[]);
                } else {
                    files.items_csv.write_all(text.as_bytes())?;
                }
            }
        }
        Drift::Extra => {
            tell(planted, "orders", "extra", hex.clone(), &[]);
            for (line, text) in lines.iter().enumerate() {
                tell(planted, "order_items", "extra", format!("{hex},{line}"), &[]);
                files.items_csv.write_all(text.as_bytes())?;
            }
        }
        _ => {
            files.orders.write_all(&doc.finish())?;
            lines
                .iter()
                .try_for_each(|text| files.items_csv.write_all(text.as_bytes()))?;
        }
    }
    Ok(())
}

fn uuid_text(id: &[u8; 16]) -> String {
    let h = hex::encode(id);
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )
}

fn civil(days: i64) -> jiff::civil::Date {
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(days))
}

fn date_text(days: i64) -> String {
    civil(days).to_string()
}

fn timestamp_text(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (h, m, s, ms) = (
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1000 % 60,
        rest % 1000,
    );
    format!("{} {h:02}:{m:02}:{s:02}.{ms:03}+0000", civil(days))
}
