//! From a canonical key back to what a side may hold: values are guessed, and believed if the mapping makes the key of them.

use super::convert::{Step, Type};
use super::projection::Projection;
use super::rule::{ELEMENT, INDEX, Rule};
use crate::canon::{Encoder, Equality, Normalize, Numbers, decode};
use crate::model::Value;

/// The parts of a key as one side may hold them: the path of each, and its value.
pub type NativeKey = Vec<(String, Value)>;

/// Forms of one key, at most.
const MOST_FORMS: usize = 64;

/// What records may hold under their key's paths so that the mapping makes one and the same key of it.
#[derive(Clone, Debug, Default)]
pub struct NativeKeys {
    /// The forms that are known.
    pub forms: Vec<NativeKey>,
    /// Whether these are all: no record that holds anything else has the key.
    pub all: bool,
}

impl Projection {
    /// What records may hold under their key's paths so that their canonical key is `key`. Under `explode`, parts that lie
    /// inside the elements are left out: records are found by the others, and hold more keys than this one.
    ///
    /// # Errors
    /// A sentence about the part that cannot be turned back.
    pub fn native_keys(&self, key: &[u8]) -> Result<NativeKeys, String> {
        let mut forms: Vec<NativeKey> = vec![Vec::new()];
        let mut all = true;
        let mut rest = key;
        for position in 0..self.key_len {
            let (value, tail) = decode(rest).map_err(|problem| problem.to_string())?;
            let part = &rest[..rest.len() - tail.len()];
            rest = tail;
            let rule = self.key_position.iter().position(|p| *p == Some(position));
            let rule = rule.map(|rule| &self.rules[rule]).ok_or("the key has no rule")?;
            let Some(path) = rule.path.as_ref().filter(|path| !self.inside_elements(path)) else {
                continue;
            };
            if self.equality.normalize != Normalize::None && !path.is_ascii() {
                return Err(format!("records may spell {path} in several ways"));
            }
            let values = self.natives(rule, &value, part);
            all &= self.known_whole(rule, &value) && forms.len() * values.len() <= MOST_FORMS;
            if values.is_empty() {
                let name = &rule.name;
                return Err(format!(
                    "no value of {path} is known that the mapping makes this {name} of"
                ));
            }
            forms = forms
                .iter()
                .flat_map(|form| {
                    values.iter().map(|value| {
                        let mut form = form.clone();
                        form.push((path.clone(), value.clone()));
                        form
                    })
                })
                .take(MOST_FORMS)
                .collect();
        }
        match forms.iter().any(Vec::is_empty) {
            true => Err("no part of the key is a field that records can be looked up by".to_owned()),
            false => Ok(NativeKeys { forms, all }),
        }
    }

    /// Whether no value but those that are guessed can become this one.
    fn known_whole(&self, rule: &Rule, value: &Value) -> bool {
        let text = matches!(value, Value::Text(_));
        let kept = match value {
            Value::Null | Value::Document(_) | Value::List(_) | Value::Set(_) | Value::Map(_) => false,
            _ => rule.convert.is_identity(),
        };
        let [Step::Type(Type::Text)] = rule.convert.steps() else {
            return kept && rule.default.is_none() && !(text && self.equality.normalize != Normalize::None);
        };
        // An ObjectId becomes its digits; nothing else becomes a text of this form.
        let digits = matches!(value, Value::Text(text) if text.len() == 24 && hex::decode(text).is_ok());
        digits && rule.default.is_none()
    }

    /// Where records hold their key. Parts that lie inside the elements are left out, as in [`Projection::native_keys`].
    pub fn key_paths(&self) -> Vec<String> {
        let positions = 0..self.key_len;
        let rules = positions.filter_map(|at| self.key_position.iter().position(|p| *p == Some(at)));
        let paths = rules.filter_map(|rule| self.rules[rule].path.as_ref());
        paths
            .filter(|path| !self.inside_elements(path))
            .cloned()
            .collect()
    }

    fn inside_elements(&self, path: &str) -> bool {
        let Some(explode) = &self.explode else {
            return false;
        };
        let inside = path
            .strip_prefix(explode.as_str())
            .is_some_and(|rest| rest.starts_with('.'));
        inside || path == INDEX || path == ELEMENT
    }

    fn natives(&self, rule: &Rule, value: &Value, part: &[u8]) -> Vec<Value> {
        let by_value = Equality {
            numbers: Numbers::Value,
            ..self.equality
        };
        let makes_it = |native: &Value| {
            let mut encoder = Encoder::new(by_value);
            let made = rule.convert.apply(native.clone());
            made.is_ok_and(|made| encoder.value(&made).is_ok() && encoder.bytes() == part)
        };
        let guesses = rule.convert.sources(value).into_iter();
        guesses.filter(makes_it).collect()
    }
}
