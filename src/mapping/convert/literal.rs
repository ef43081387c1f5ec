//! A value that the configuration writes out: a default, a constant, an expectation, what a lookup gives.

use crate::canon::ejson::RawJson;
use crate::model::{Problem, Value};
use serde::{Serialize, Serializer};

/// A value of the configuration, with the JSON it is written as.
#[derive(Clone, Debug)]
pub struct Literal {
    json: String,
    value: Value,
}

impl Literal {
    /// The value that Extended JSON stands for.
    ///
    /// # Errors
    /// `malformed`: the text is no Extended JSON.
    pub fn json(json: String) -> Result<Literal, Problem> {
        let bytes = json.trim().as_bytes();
        let value = RawJson { bytes }.to_value()?;
        Ok(Literal { json, value })
    }

    /// A value that Extended JSON has no form for; `written` stands for it in the mapping's digest.
    pub fn new(written: String, value: Value) -> Literal {
        Literal { json: written, value }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Literal {
        let text = text.into();
        Literal {
            json: serde_json::Value::from(text.clone()).to_string(),
            value: Value::Text(text),
        }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.json)
    }
}
