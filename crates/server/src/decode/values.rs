//! Values of JSON and of query strings, read as what they should be, or refused with the rule they break.

use engine::Problem;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::fields::{Form, Problems};

/// A string.
///
/// # Errors
/// One problem, when it is none.
pub fn text(value: Value, _: Form) -> Result<String, Problems> {
    match value {
        Value::String(text) => Ok(text),
        other => wrong("a string", &other),
    }
}

/// A whole number between two bounds.
pub fn integer(least: i64, most: i64) -> impl FnOnce(Value, Form) -> Result<i64, Problems> {
    move |value, form| {
        let number = match (&value, form) {
            (Value::String(text), Form::Query) => text.parse().ok(),
            (value, _) => value.as_i64(),
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            found => {
                let wanted = match (least, most) {
                    (i64::MIN, i64::MAX) => "an integer".to_owned(),
                    (1, i64::MAX) => "a positive integer".to_owned(),
                    (least, most) => format!("an integer between {least} and {most}"),
                };
                match found {
                    Some(number) => refused(format!("must be {wanted}, got {number}")),
                    None => wrong(&wanted, &value),
                }
            }
        }
    }
}

/// A whole number above zero, such as an id or a version.
///
/// # Errors
/// One problem, when it is none.
pub fn positive(value: Value, form: Form) -> Result<i64, Problems> {
    integer(1, i64::MAX)(value, form)
}

/// A number.
///
/// # Errors
/// One problem, when it is none.
pub fn number(value: Value, form: Form) -> Result<f64, Problems> {
    let number = match (&value, form) {
        (Value::String(text), Form::Query) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        (value, _) => value.as_f64(),
    };
    number.map_or_else(|| wrong("a number", &value), Ok)
}

/// `true` or `false`.
///
/// # Errors
/// One problem, when it is neither.
pub fn boolean(value: Value, form: Form) -> Result<bool, Problems> {
    match (&value, form) {
        (Value::Bool(answer), _) => Ok(*answer),
        (Value::String(text), Form::Query) if text == "true" => Ok(true),
        (Value::String(text), Form::Query) if text == "false" => Ok(false),
        _ => wrong("true or false", &value),
    }
}

/// A time as RFC 3339 has it.
///
/// # Errors
/// One problem, when it is none.
pub fn time(value: Value, _: Form) -> Result<Timestamp, Problems> {
    const WANTED: &str = "an RFC 3339 time such as 2026-11-24T10:00:00Z";
    match &value {
        Value::String(text) => text.parse().or_else(|_| refused(format!("must be {WANTED}"))),
        other => wrong(WANTED, other),
    }
}

/// One of a few words.
pub fn word<T>(
    words: &'static [&'static str],
    parse: fn(&str) -> Option<T>,
) -> impl FnOnce(Value, Form) -> Result<T, Problems> {
    move |value, _| {
        let parsed = value.as_str().and_then(parse);
        parsed.map_or_else(|| wrong(&format!("one of {}", words.join(", ")), &value), Ok)
    }
}

/// An array of strings.
///
/// # Errors
/// A problem for each item that is no string.
pub fn texts(value: Value, _: Form) -> Result<Vec<String>, Problems> {
    let Value::Array(items) = value else { return wrong("an array of strings", &value) };
    let mut texts = Vec::with_capacity(items.len());
    let mut problems = Problems::new();
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::String(text) => texts.push(text),
            other => {
                let message = format!("must be a string, got {}", kind_of(&other));
                problems.push(Problem::new(format!("[{index}]"), message));
            }
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// A JSON object; in a query string, its text.
///
/// # Errors
/// One problem, when it is none.
pub fn object(value: Value, form: Form) -> Result<Map<String, Value>, Problems> {
    let value = match (value, form) {
        (Value::String(text), Form::Query) => match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) => return refused("must be a JSON object".to_owned()),
        },
        (value, _) => value,
    };
    match value {
        Value::Object(object) => Ok(object),
        other => wrong("an object", &other),
    }
}

/// A value's kind, for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong<T>(wanted: &str, value: &Value) -> Result<T, Problems> {
    refused(format!("must be {wanted}, got {}", kind_of(value)))
}

fn refused<T>(message: String) -> Result<T, Problems> {
    Err(vec![Problem::new("", message)])
}
