//! An event: what is told, with its fields.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use serde_json::Number;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

/// The most that one event says, in bytes. What a node chose is cut before that.
const MAX_LEN: usize = 8 * 1024;

/// What is told.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub time: SystemTime,
    /// How much it matters.
    pub level: Level,
    /// The part of the program: `tmkms::session`.
    pub target: &'static str,
    /// In words.
    pub message: String,
    /// For programs; text lines leave them out, because the words have them too.
    pub fields: Vec<(&'static str, Value)>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(Number::from(*number)),
            Value::Text(text) => Self::String(text.clone()),
        }
    }
}

impl Event {
    /// Takes over what `tracing` has.
    pub(super) fn of(event: &tracing::Event<'_>) -> Self {
        // 'static: what an event is made of is a constant of the program.
        let metadata: &'static Metadata<'static> = event.metadata();
        let mut told = Self::new(*metadata.level(), metadata.target(), String::new());
        event.record(&mut told);
        told
    }

    /// An event of now, without fields.
    pub(super) fn new(level: Level, target: &'static str, message: String) -> Self {
        Self {
            time: SystemTime::now(),
            level,
            target,
            message,
            fields: Vec::new(),
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", value) => self.message = cut(value.to_string()),
            (name, Value::Text(text)) => self.fields.push((name, Value::Text(cut(text)))),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_LEN {
        let mut end = MAX_LEN;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Visit for Event {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write!(text, "{value:?}");
        self.put(field, Value::Text(text));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let number = i64::try_from(value).unwrap_or(i64::MAX);
        self.put(field, Value::Number(number));
    }
}
