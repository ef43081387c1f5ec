//! Numbers as exact decimals.

use crate::canon::literal;
use crate::model::{Decimal, Number, NumberRepr, NumberType};
use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, Signed};

/// The most digits that a number is written out with: beyond, it would fill the memory.
const MOST_DIGITS: i64 = 50_000;

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
        .filter(|p| i64::from(*p) < MOST_DIGITS)?;
    Some(d.unscaled * BigInt::from(10u8).pow(power))
}

/// A number as an integer; none as for [`whole`].
pub(super) fn integral(n: &Number) -> Option<BigInt> {
    whole(&exact(n)?)
}

/// |a − b| ≤ limit, exactly. Where the numbers are too far apart in size to be written out, false, unless their size alone
/// says it.
pub(in crate::mapping) fn within(a: &Decimal, b: &Decimal, limit: &Decimal) -> bool {
    let all = [a, b, limit].map(Decimal::normalised);
    let parts = || all.iter().filter(|d| d.unscaled.sign() != Sign::NoSign);
    let (Some(least), Some(most)) = (parts().map(|d| d.exponent).min(), parts().map(top).max()) else {
        return true;
    };
    let [a, b, limit] = &all;
    if most.saturating_sub(least) > MOST_DIGITS {
        let size = |d: &Decimal| {
            if d.unscaled.sign() == Sign::NoSign {
                i64::MIN
            } else {
                top(d)
            }
        };
        // Two numbers below 10^n lie less than 10^(n+1) apart; each n may be off by one.
        return size(a).max(size(b)).saturating_add(4) <= size(limit);
    }
    let align = |d: &Decimal| match d.unscaled.sign() {
        Sign::NoSign => BigInt::ZERO,
        _ => &d.unscaled * BigInt::from(10u8).pow((d.exponent - least) as u32),
    };
    (align(a) - align(b)).abs() <= align(limit)
}

/// The n of the least 10^n that is more than the number, give or take one.
fn top(d: &Decimal) -> i64 {
    let digits = d.unscaled.bits() as f64 * std::f64::consts::LOG10_2;
    d.exponent.saturating_add(digits as i64 + 1)
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
        assert!(within(&d("0e6111"), &d("1e-6176"), &d("1")));
        assert!(within(&d("1e-6176"), &d("0e6111"), &d("1e-6176")));
        assert!(within(&d("1e-6000"), &d("0"), &d("1e4500")));
        assert!(within(&d("1e6000"), &d("1e-6000"), &d("1e6000")));
        assert!(!within(&d("1e6000"), &d("-1e-6000"), &d("1e6000")));
        assert!(within(&d("1e-2147483647"), &d("5"), &d("1e2147483647")));
        assert!(within(&d("0e2147483647"), &d("0"), &d("0")));
        assert!(!within(&d("1e2147483647"), &d("-1e2147483647"), &d("0")));
    }

    #[test]
    fn integers_of_any_size_and_no_fraction() {
        assert_eq!(whole(&decimal("1.50e1").unwrap()), Some(BigInt::from(15)));
        assert_eq!(whole(&decimal("1.5").unwrap()), None);
        assert_eq!(whole(&decimal("1e2147483647").unwrap()), None);
        assert_eq!(whole(&decimal("1e400").unwrap()).map(|v| v.bits()), Some(1329));
    }
}
