//! Whether an export of cqlsh or DSBulk says exactly what the database holds. For DSBulk see `hollow`.
//!
//! cqlsh writes a number with `%.*g` and a precision of 12 (`double`) or 5 (everything else), to which it adds the decimal
//! exponent plus one while `-4 ≤ exponent < precision`. A double needs 17 digits and a float 9 to be exact; numbers
//! between 0.00001 and 0.01 get up to three digits fewer than the precision, so exact exports need 20 and 12.

use super::exported::{LossKind, Precision, digits, exponent, needed};
use super::hollow::can_be_hollow;
use super::{ColumnSpec, ColumnType, RawCell};
use crate::canon::csv::{Dialect, DialectKind};
use crate::canon::{Encoder, Equality};
use crate::model::CqlType;
use serde::{Deserialize, Serialize};

/// What is looked at in the cells of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Nothing,
    /// Null and empty may look the same.
    Empty,
    Timestamp,
    /// A `double` or `float` column.
    Number {
        single: bool,
    },
    /// Numbers inside a collection; whether doubles are among them.
    Nested {
        doubles: bool,
    },
}

/// Numbers are told apart by decimal exponent, −4 to 17; the last class are all others.
const CLASSES: usize = 23;

/// Cells of one column that an export may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossCounts {
    /// Cells that are, or hold, null or something empty, and do not say which.
    pub ambiguous: u64,
    /// Times that may be a millisecond off.
    pub far: u64,
    /// Floating point numbers, those inside collections too.
    pub numbers: u64,
    /// Numbers with all the digits that the default precision writes: most likely cut off.
    pub reaching: u64,
    /// Numbers with more digits than the default precision writes: the export was made with a higher one.
    pub exceeding: u64,
}

/// What was seen in one column. Two of them add up to what was seen in both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    counts: LossCounts,
    /// The most significant digits per exponent class; one row for floats, one for doubles. Zero: no such number.
    most_digits: [[u8; CLASSES]; 2],
}

/// Looks at the cells of a file for what the export may have lost. Scans of parts of a file merge into one, in any order.
#[derive(Debug)]
pub struct LossScan {
    names: Vec<String>,
    watch: Vec<Watch>,
    /// Whether there are times inside the values of a column.
    times: Vec<bool>,
    seen: Vec<Seen>,
    scratch: Encoder,
    dialect: DialectKind,
}

/// What a scan saw, without its columns: for checkpoints, and to be added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LossState(Vec<Seen>);

impl LossState {
    /// Adds what another scan of the same columns saw.
    pub fn merge(&mut self, other: &LossState) {
        self.0.resize(self.0.len().max(other.0.len()), Seen::default());
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(ours, theirs)| ours.merge(theirs));
    }
}

/// What is known of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnVerdict {
    /// The cells say what the database holds.
    Exact,
    /// Nothing was seen to be lost, and nothing shows that nothing was.
    Unproven(LossKind),
    /// Cells are cut off, or stand for more than one value.
    Lossy(LossKind),
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossVerdict {
    /// Every column that is not exact.
    pub columns: Vec<(String, ColumnVerdict)>,
}

impl LossVerdict {
    /// Whether every column is exact.
    pub fn is_exact(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether some column is known to be lossy.
    pub fn is_lossy(&self) -> bool {
        self.columns
            .iter()
            .any(|(_, v)| matches!(v, ColumnVerdict::Lossy(_)))
    }
}

impl LossScan {
    /// A scan of a file with these columns. Only files of cqlsh and DSBulk have anything to look for.
    pub fn new(columns: &[ColumnSpec], dialect: &Dialect) -> LossScan {
        let watch = columns.iter().map(|c| watch(c, dialect));
        LossScan {
            names: columns.iter().map(|c| c.name.clone()).collect(),
            watch: watch.collect(),
            times: columns.iter().map(|c| holds_times(c, dialect)).collect(),
            seen: vec![Seen::default(); columns.len()],
            scratch: Encoder::new(Equality::default()),
            dialect: dialect.kind,
        }
    }

    /// Takes what was seen so far out of the scan.
    pub fn take_state(&mut self) -> LossState {
        let fresh = vec![Seen::default(); self.seen.len()];
        LossState(std::mem::replace(&mut self.seen, fresh))
    }

    /// Adds what scans of the same columns saw.
    pub fn restore(&mut self, state: &LossState) {
        self.seen
            .iter_mut()
            .zip(&state.0)
            .for_each(|(ours, theirs)| ours.merge(theirs));
    }

    /// Looks at a cell of the column at `index`.
    #[inline]
    pub fn cell(&mut self, index: usize, cell: &RawCell<'_>) {
        if self.times.get(index) == Some(&true) {
            self.seen[index].counts.far += u64::from(cell.holds_far_timestamp());
        }
        match self.watch.get(index) {
            None | Some(Watch::Nothing) => {}
            Some(Watch::Empty) => self.seen[index].counts.ambiguous += u64::from(cell.is_ambiguous()),
            Some(Watch::Timestamp) => self.seen[index].counts.far += u64::from(cell.is_far_timestamp()),
            Some(&watch) => self.numbers(index, watch, cell),
        }
    }

    fn numbers(&mut self, index: usize, watch: Watch, cell: &RawCell<'_>) {
        let LossScan { seen, scratch, .. } = self;
        let seen = &mut seen[index];
        let ColumnType::Cql(ty) = &cell.column.ty else {
            return;
        };
        if cell.is_null() {
            return;
        }
        let precision = Precision::default().of(ty);
        match watch {
            Watch::Number { single } => {
                // What is no number is reported where the cell is read.
                if let Ok(value) = super::number::parse_float(cell.text, single) {
                    seen.number(cell.text, value, single, precision);
                }
            }
            _ => {
                let mut probe = |text: &[u8], value: f64, single: bool| {
                    seen.number(text, value, single, precision);
                };
                scratch.clear();
                // What cannot be read is reported where the cell is read.
                drop(cell.cql(ty, Some(&mut probe), scratch));
            }
        }
    }

    /// Adds what another scan of the same columns saw.
    pub fn merge(&mut self, other: &LossScan) {
        for (ours, theirs) in self.seen.iter_mut().zip(&other.seen) {
            ours.merge(theirs);
        }
    }

    /// The precision that the export was made with: what the user declares, and at least what its numbers show.
    pub fn precision(&self, declared: Option<Precision>) -> Precision {
        let (default, shown) = (Precision::default(), self.shown());
        let at_least = |shown: u32, default: u32| if shown > default { shown } else { 0 };
        declared.map_or(shown, |declared| Precision {
            double: declared.double.max(at_least(shown.double, default.double)),
            float: declared.float.max(at_least(shown.float, default.float)),
        })
    }

    fn shown(&self) -> Precision {
        let mut precision = Precision::default();
        for (seen, watch) in self.seen.iter().zip(&self.watch) {
            let class = match watch {
                Watch::Number { single: false } => &mut precision.double,
                _ => &mut precision.float,
            };
            *class = (*class).max(seen.least_precision());
        }
        precision
    }

    /// How the same table is exported without such a loss: what to export it again with.
    pub fn remedy(&self, kind: LossKind) -> String {
        if kind == LossKind::FarTimestamp {
            // In cqlsh every time goes through binary seconds, whatever its options say.
            return "DSBulk, whose times are exact".to_owned();
        }
        // DSBulk has no option for it.
        let tool = match self.dialect {
            DialectKind::Dsbulk => "cqlsh, which writes null and empty collections apart: ",
            _ => "",
        };
        let nested = self.watch.contains(&Watch::Nested { doubles: true });
        let float = if nested || self.dialect == DialectKind::Dsbulk {
            20
        } else {
            12
        };
        format!("{tool}COPY … TO … WITH FLOATPRECISION={float} AND DOUBLEPRECISION=20 AND NULL='__null__'")
    }

    /// What was counted in the column at `index`.
    pub fn counts(&self, index: usize) -> Option<LossCounts> {
        self.seen.get(index).map(|seen| seen.counts)
    }

    /// What is known of the file, given the precision it was exported with if the user declares one.
    pub fn verdict(&self, declared: Option<Precision>) -> LossVerdict {
        let precision = self.precision(declared);
        let columns = self.names.iter().zip(&self.watch).zip(&self.seen);
        let columns = columns
            .map(|((name, watch), seen)| {
                let precision = match watch {
                    Watch::Number { single: false } => precision.double,
                    _ => precision.float,
                };
                (name.clone(), seen.verdict(precision))
            })
            .filter(|(_, v)| *v != ColumnVerdict::Exact)
            .collect();
        LossVerdict { columns }
    }
}

fn holds_times(column: &ColumnSpec, dialect: &Dialect) -> bool {
    let ColumnType::Cql(ty) = &column.ty else {
        return false;
    };
    let inside = ty.contains(&|t: &CqlType| *t == CqlType::Timestamp);
    dialect.kind == DialectKind::Cqlsh && inside && *ty.thawed() != CqlType::Timestamp
}

fn watch(column: &ColumnSpec, dialect: &Dialect) -> Watch {
    let ColumnType::Cql(ty) = &column.ty else {
        return Watch::Nothing;
    };
    match dialect.kind {
        DialectKind::Cqlsh => {}
        DialectKind::Dsbulk if can_be_hollow(ty) => return Watch::Empty,
        _ => return Watch::Nothing,
    }
    let is = |wanted: CqlType| move |t: &CqlType| *t == wanted;
    match ty.thawed() {
        CqlType::Text | CqlType::Ascii => Watch::Empty,
        CqlType::Timestamp => Watch::Timestamp,
        CqlType::Double => Watch::Number { single: false },
        CqlType::Float => Watch::Number { single: true },
        t if t.contains(&is(CqlType::Double)) => Watch::Nested { doubles: true },
        t if t.contains(&is(CqlType::Float)) => Watch::Nested { doubles: false },
        _ => Watch::Nothing,
    }
}

impl Seen {
    fn number(&mut self, text: &[u8], value: f64, single: bool, precision: u32) {
        self.counts.numbers += 1;
        if !value.is_finite() || value == 0.0 {
            return;
        }
        let written = significant_digits(text);
        let exponent = exponent(value);
        let limit = digits(exponent, precision);
        self.counts.reaching += u64::from(written == limit);
        self.counts.exceeding += u64::from(written > limit);
        let class = &mut self.most_digits[usize::from(!single)][class_of(exponent)];
        *class = (*class).max(written.min(255) as u8);
    }

    fn merge(&mut self, other: &Seen) {
        self.counts.ambiguous += other.counts.ambiguous;
        self.counts.far += other.counts.far;
        self.counts.numbers += other.counts.numbers;
        self.counts.reaching += other.counts.reaching;
        self.counts.exceeding += other.counts.exceeding;
        for (ours, theirs) in self
            .most_digits
            .iter_mut()
            .flatten()
            .zip(other.most_digits.iter().flatten())
        {
            *ours = (*ours).max(*theirs);
        }
    }

    /// Every class of numbers that was seen: the digits it needs to be exact, its exponent, the most digits it has.
    fn classes(&self) -> impl Iterator<Item = (u32, Option<i32>, u32)> {
        [needed(true), needed(false)]
            .into_iter()
            .zip(&self.most_digits)
            .flat_map(|(need, row)| {
                row.iter()
                    .enumerate()
                    .filter(|(_, most)| **most > 0)
                    .map(move |(class, most)| {
                        (
                            need,
                            (class < CLASSES - 1).then(|| class as i32 - 4),
                            u32::from(*most),
                        )
                    })
            })
    }

    /// The least precision that can have written these numbers.
    fn least_precision(&self) -> u32 {
        self.classes()
            .map(|(_, exponent, most)| match exponent {
                Some(e) => (most as i32 - e - 1).max(0) as u32,
                None => most,
            })
            .max()
            .unwrap_or(0)
    }

    fn verdict(&self, precision: u32) -> ColumnVerdict {
        if self.counts.ambiguous > 0 {
            return ColumnVerdict::Lossy(LossKind::NullOrEmpty);
        }
        if self.counts.far > 0 {
            return ColumnVerdict::Unproven(LossKind::FarTimestamp);
        }
        let mut verdict = ColumnVerdict::Exact;
        for (need, exponent, most) in self.classes() {
            let limit = digits(exponent, precision);
            if limit >= need {
                continue;
            }
            if most >= limit {
                return ColumnVerdict::Lossy(LossKind::Rounded);
            }
            verdict = ColumnVerdict::Unproven(LossKind::Rounded);
        }
        verdict
    }
}

fn class_of(exponent: Option<i32>) -> usize {
    match exponent {
        Some(e) if (-4..CLASSES as i32 - 5).contains(&e) => (e + 4) as usize,
        _ => CLASSES - 1,
    }
}

/// The digits of a number without the zeros at its ends.
fn significant_digits(text: &[u8]) -> u32 {
    let (mut count, mut zeros) = (0, 0);
    for b in text {
        match b {
            b'0' if count == 0 => {}
            b'0' => zeros += 1,
            b'1'..=b'9' => {
                count += zeros + 1;
                zeros = 0;
            }
            b'e' | b'E' => break,
            _ => {}
        }
    }
    count
}
