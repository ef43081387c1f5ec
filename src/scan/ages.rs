//! How old what differs is, where a store tells: a candidate that holds what stable held before is stale, and what a time to
//! live has taken away is expired. This names a divergence; it never takes one away.

use super::lane::Lane;
use crate::diff::{FieldDiff, Finding};
use crate::model::Value;
use crate::report::{Class, State};
use crate::source::live::KeyPart;
use crate::source::live::cql::{Age, Ages};
use crate::{Pair, Side};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Looks at the ages of what is confirmed, where they are asked for, and names what they explain. `delay` is the time that a
/// write takes to reach both sides, at most.
pub(super) fn explain(lanes: Pair<&Lane>, delay: Duration, findings: &mut [Finding]) {
    let datable = |finding: &&mut Finding| {
        let class = matches!(finding.class, Class::Missing | Class::Extra | Class::Changed);
        class && finding.keyed && finding.state == State::Confirmed
    };
    let mut findings: Vec<&mut Finding> = findings.iter_mut().filter(datable).collect();
    if findings.is_empty() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ages = lanes.map(|lane| ages(lane, &findings));
    let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    let lives = |lane: &Lane| {
        lane.source
            .live()
            .and_then(|live| live.time_to_live(&lane.namespace))
    };
    let eyes = Eyes {
        lanes,
        clock: Clock { now, delay },
        lives: lanes.map(lives),
    };
    for (number, finding) in findings.iter_mut().enumerate() {
        let of = |side: Side| ages[side].as_ref()?.get(number)?.as_ref();
        eyes.name(finding, Pair::from_fn(of));
    }
}

/// The ages of the records with the findings' keys; none where they are not asked for, or not to be had.
fn ages(lane: &Lane, findings: &[&mut Finding]) -> Option<Vec<Option<Ages>>> {
    let live = lane.source.live().filter(|_| !lane.projection.explodes())?;
    let forms = |finding: &&mut Finding| {
        let natives = lane.projection.native_keys(&finding.key).unwrap_or_default();
        let part = |(path, value)| KeyPart { path, value };
        let forms = natives.forms.into_iter();
        forms.map(|form| form.into_iter().map(part).collect()).collect()
    };
    let keys: Vec<Vec<Vec<KeyPart>>> = findings.iter().map(forms).collect();
    live.ages(&lane.namespace, &keys).unwrap_or_else(|error| {
        live.note(format!(
            "{}: how old what differs is could not be asked: {error}",
            lane.namespace.name
        ));
        None
    })
}

struct Eyes<'a> {
    lanes: Pair<&'a Lane>,
    clock: Clock,
    /// Seconds that records of each side live where the write does not say how long.
    lives: Pair<Option<i64>>,
}

/// What ages are held against.
#[derive(Clone, Copy)]
struct Clock {
    /// Microseconds since the epoch.
    now: i64,
    /// The time that a write takes to reach both sides, at most.
    delay: Duration,
}

impl Eyes<'_> {
    /// Gives a finding, and its fields, the class that the ages of its records say.
    fn name(&self, finding: &mut Finding, ages: Pair<Option<&Ages>>) {
        let (class, why) = match finding.class {
            Class::Missing => match self.ended(Side::Candidate, ages.stable) {
                Some(why) => (Class::Expired, why),
                None => return,
            },
            Class::Extra => match self.ended(Side::Stable, ages.candidate) {
                Some(why) => (Class::Expired, why),
                None => return,
            },
            _ => match self.name_fields(&mut finding.fields, ages) {
                Some(named) => named,
                None => return,
            },
        };
        finding.class = class;
        finding.detail = Some(match finding.detail.take() {
            Some(detail) => format!("{detail}; {why}"),
            None => why,
        });
    }

    /// Names fields; what all of them are called that count, and why the first is.
    fn name_fields(&self, fields: &mut [FieldDiff], ages: Pair<Option<&Ages>>) -> Option<(Class, String)> {
        let mut all = None;
        let mut agreed = true;
        let open = |field: &&mut FieldDiff| field.tolerated_by.is_none() && field.class != Class::Lossy;
        for field in fields.iter_mut().filter(open) {
            let named = (field.class == Class::Changed)
                .then(|| self.field(field, ages))
                .flatten();
            let Some((class, why)) = named else {
                agreed = false;
                continue;
            };
            field.class = class;
            match &all {
                None => all = Some((class, why)),
                Some((first, _)) => agreed &= *first == class,
            }
        }
        all.filter(|_| agreed)
    }

    /// What the ages of a field's cells say of it, and why.
    fn field(&self, field: &FieldDiff, ages: Pair<Option<&Ages>>) -> Option<(Class, String)> {
        let age = |side: Side| self.age(side, &field.path, ages[side]?);
        let null = field
            .values
            .as_ref()
            .map(|value| matches!(value, None | Some(Value::Null)));
        match (age(Side::Stable), age(Side::Candidate)) {
            (Some(stable), Some(candidate)) if candidate.written < stable.written => {
                let [stable, candidate] = [stable, candidate].map(|age| time(age.written));
                Some((
                    Class::Stale,
                    format!("written in stable {stable}, in candidate {candidate}"),
                ))
            }
            (Some(age), None) if null.candidate => {
                Some((Class::Expired, self.run_out(Side::Candidate, age)?))
            }
            (None, Some(age)) if null.stable => Some((Class::Expired, self.run_out(Side::Stable, age)?)),
            _ => None,
        }
    }

    /// The age of the cell that a side holds a field in.
    fn age(&self, side: Side, field: &str, ages: &Ages) -> Option<Age> {
        let rules = self.lanes[side].projection.rules();
        let path = match rules.iter().find(|rule| rule.name == field) {
            Some(rule) => rule.path.as_deref()?,
            None => field,
        };
        let column = path.split('.').next().unwrap_or(path);
        let age = ages.get(path).or_else(|| ages.get(column)).copied();
        age.filter(|age| self.clock.knows(age))
    }

    /// Why a side may have lost a record whose cells on the other side have these ages.
    fn ended(&self, lost: Side, there: Option<&Ages>) -> Option<String> {
        let ages: Vec<&Age> = there?.values().collect();
        let written = ages.iter().map(|age| age.written).max()?;
        let all_end = ages.iter().all(|age| age.left.is_some());
        let left = ages.iter().filter_map(|age| age.left).max().filter(|_| all_end);
        self.run_out(lost, Age { written, left })
    }

    /// Why a side may have lost what the other holds at this age.
    fn run_out(&self, lost: Side, there: Age) -> Option<String> {
        let end = match self.clock.ended(self.lives[lost], there)? {
            End::Gone(seconds) => format!("in {lost} it lives for {seconds} seconds"),
            End::Soon(left) => format!("in {} it ends in {left} seconds, too", lost.other()),
        };
        Some(format!("written {}; {end}", time(there.written)))
    }
}

impl Clock {
    /// Whether a write's time can be microseconds since the epoch; some writers give others.
    fn knows(self, age: &Age) -> bool {
        const SEPTEMBER_2001: i64 = 1_000_000_000_000_000;
        const DAY: i64 = 86_400_000_000;
        (SEPTEMBER_2001..self.now.saturating_add(DAY)).contains(&age.written)
    }

    /// Whether what one side holds at this age is gone on the other.
    fn ended(self, lives: Option<i64>, there: Age) -> Option<End> {
        let gone = |seconds: i64| there.written.saturating_add(seconds.saturating_mul(1_000_000)) <= self.now;
        let soon = |left: i32| Duration::from_secs(left.unsigned_abs().into()) <= self.delay;
        if !self.knows(&there) {
            return None;
        }
        match (
            lives.filter(|seconds| gone(*seconds)),
            there.left.filter(|left| soon(*left)),
        ) {
            (Some(seconds), _) => Some(End::Gone(seconds)),
            (None, Some(left)) => Some(End::Soon(left)),
            (None, None) => None,
        }
    }
}

/// How a time to live explains that a side has lost what the other holds.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// So many seconds are what it lives there, and they have run out since it was written here.
    Gone(i64),
    /// It ends here, too, in so many seconds: sooner than a write may take from one side to the other.
    Soon(i32),
}

/// A write's time for people.
fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000_000;

    fn ended(lives: Option<i64>, seconds_ago: i64, left: Option<i32>) -> Option<End> {
        let delay = Duration::from_secs(5);
        let written = NOW - seconds_ago * 1_000_000;
        Clock { now: NOW, delay }.ended(lives, Age { written, left })
    }

    #[test]
    fn a_time_to_live_explains_what_it_can_have_taken() {
        assert_eq!(ended(Some(60), 60, None), Some(End::Gone(60)));
        assert_eq!(ended(Some(60), 59, None), None);
        assert_eq!(ended(None, 1_000, None), None);
        assert_eq!(ended(None, 1_000, Some(5)), Some(End::Soon(5)));
        assert_eq!(ended(None, 1_000, Some(6)), None);
        assert_eq!(ended(Some(60), 100, Some(1)), Some(End::Gone(60)));
    }

    #[test]
    fn times_that_are_no_microseconds_explain_nothing() {
        let clock = Clock {
            now: NOW,
            delay: Duration::from_secs(5),
        };
        for written in [NOW / 1_000, NOW * 1_000, 0, -1, i64::MAX] {
            assert_eq!(
                clock.ended(
                    Some(1),
                    Age {
                        written,
                        left: Some(1)
                    }
                ),
                None,
                "{written}"
            );
        }
    }
}
