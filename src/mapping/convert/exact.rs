//! Numbers as exact decimals.

use crate::canon::literal;
use crate::model::{Decimal, Number, NumberRepr, NumberType};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed};

/// The widest gap between two exponents that is bridged: beyond it, aligned numbers would fill the memory.
const MAX_GAP: i64 = 10_000;

/// A number as an exact decimal. A double with a fraction is the shortest decimal that reads back as it, because that is
/// what people wrote when they stored 853.19; one without is the integer it is. NaN and the infinities are none.
pub(in crate::mapping) fn exact(n: &Number) -> Option<Decimal> {
    match &n.repr {
        NumberRepr::Int(v) => Some(Decimal {
            unscaled: BigInt::from(*v),
            exponent: 0,
        }),
        NumberRepr::Decimal(d) => Some(d.clone()),
        NumberRepr::Double(v) if !v.is_finite() => None,
        NumberRepr::Double(v) if v.fract() == 0.0 => Some(Decimal {
            unscaled: BigInt::from_f64(*v)?,
            exponent: 0,
        }),
        NumberRepr::Double(v) => {
            let text = if n.ty == NumberType::Float {
                format!("{:e}", *v as f32)
            } else {
                format!("{v:e}")
            };
            decimal(&text)
        }
    }
}

/// The decimal that a text writes out.
pub(in crate::mapping) fn decimal(text: &str) -> Option<Decimal> {
    match literal::decimal(text, NumberType::Decimal)?.repr {
        NumberRepr::Decimal(d) => Some(d),
        _ => None,
    }
}

/// A decimal as an integer; none if it has a fraction, or too many digits to be written out.
pub(super) fn whole(d: &Decimal) -> Option<BigInt> {
    let d = d.normalised();
    let power = u32::try_from(d.exponent)
        .ok()
        .filter(|p| i64::from(*p) < MAX_GAP)?;
    Some(d.unscaled * BigInt::from(10u8).pow(power))
}

/// A number as an integer; none as for [`whole`].
pub(super) fn integral(n: &Number) -> Option<BigInt> {
    whole(&exact(n)?)
}

/// |a − b| ≤ limit, exactly.
pub(in crate::mapping) fn within(a: &Decimal, b: &Decimal, limit: &Decimal) -> bool {
    let least = a.exponent.min(b.exponent).min(limit.exponent);
    let most = a.exponent.max(b.exponent).max(limit.exponent);
    if most.saturating_sub(least) > MAX_GAP {
        return false;
    }
    let align = |d: &Decimal| &d.unscaled * BigInt::from(10u8).pow((d.exponent - least) as u32);
    (align(a) - align(b)).abs() <= align(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_exact() {
        let d = |t: &str| decimal(t).unwrap();
        assert!(within(&d("1.000"), &d("1.005"), &d("0.005")));
        assert!(!within(&d("1.000"), &d("1.0050000000000000000001"), &d("0.005")));
        assert!(!within(&d("1"), &d("1e400"), &d("0.005")));
        assert!(!within(&d("1e-2147483647"), &d("1e2147483647"), &d("1")));
    }

    #[test]
    fn integers_of_any_size_and_no_fraction() {
        assert_eq!(whole(&decimal("1.50e1").unwrap()), Some(BigInt::from(15)));
        assert_eq!(whole(&decimal("1.5").unwrap()), None);
        assert_eq!(whole(&decimal("1e2147483647").unwrap()), None);
        assert_eq!(whole(&decimal("1e400").unwrap()).map(|v| v.bits()), Some(1329));
    }
}
